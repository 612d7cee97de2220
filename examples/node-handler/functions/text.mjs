export const countWords = async (event) => event.text.split(/\s+/).filter(Boolean).length;

export const shout = async (event) => event.text.toUpperCase() + process.env.MARK;
