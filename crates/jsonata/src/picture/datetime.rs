use crate::Error;
pub(crate) fn from_millis(_: f64, _: Option<&str>, _: Option<&str>) -> Result<String, Error> { Ok(String::new()) }
pub(crate) fn to_millis(_: &str, _: Option<&str>, _: i64) -> Result<Option<f64>, Error> { Ok(None) }
