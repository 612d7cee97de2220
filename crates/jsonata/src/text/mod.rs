//! Text and numbers: how they are written and read, URLs, Base64

pub(crate) mod base64;
pub(crate) mod number;
pub(crate) mod url;
