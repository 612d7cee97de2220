// Handlers as CommonJS, by callback.

exports.later = (event, context, callback) => {
  setTimeout(() => callback(null, { later: event }), 5);
};

exports.fails = (event, context, callback) => callback(new TypeError('not this'));

exports.succeeds = (event, context) => context.succeed('done');

exports.forgets = () => 'a plain handler has no result';

exports.crashes = () => {
  setTimeout(() => {
    throw new RangeError('out of reach');
  }, 5);
};

exports.circular = async () => {
  const value = {};
  value.self = value;
  return value;
};
