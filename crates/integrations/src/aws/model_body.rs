//! The body of a call of a Bedrock model that is in S3: fetched before the call, and put there after it.
//!
//! Parameters and results by AWS's developer guide: `Input.S3Uri` in place of `Body`, whose content type is the object's
//! unless one is given; with `Output.S3Uri` the result has a reference in place of the body. That the reference is the URI
//! is our reading: the guide shows none.

use bytes::Bytes;
use stepwell_aws_model::Dialect;
use stepwell_json::{Object, Value};

use super::{
    client::{ANSWER_MAX_BYTES, Answer, CallOutcome},
    dialect::find,
    job::{JobOutcome, Work},
    write,
};

/// The longest body that a model takes or gives, in bytes (InvokeModel's limit in Bedrock's model).
const MODEL_BODY_MAX_BYTES: usize = 25_000_000;
/// The content type of a body that has none.
const CONTENT_TYPE_DEFAULT: &str = "application/json";

/// An object in S3.
#[derive(Debug, PartialEq, Eq)]
struct Location<'a> {
    bucket: &'a str,
    key: &'a str,
}

impl<'a> Location<'a> {
    /// Reads `s3://BUCKET/KEY`.
    fn parse(uri: &'a str) -> Option<Self> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then_some(Self { bucket, key })
    }

    fn parameters(&self) -> Vec<(std::sync::Arc<str>, Value)> {
        vec![("Bucket".into(), Value::from(self.bucket)), ("Key".into(), Value::from(self.key))]
    }
}

/// The `S3Uri` within a parameter, if there is the parameter.
///
/// # Errors
/// What is wrong with it.
fn s3_uri<'a>(given: &'a Object, name: &str) -> Result<Option<&'a str>, String> {
    let Some(value) = find(given, name) else { return Ok(None) };
    let members = value.as_object().ok_or_else(|| write::malformed(name))?;
    for key in members.keys() {
        if !key.eq_ignore_ascii_case("S3Uri") {
            return Err(write::unsupported(key));
        }
    }
    let uri = find(members, "S3Uri").ok_or_else(|| write::missing("S3Uri"))?;
    let uri = uri.as_str().filter(|uri| Location::parse(uri).is_some());
    uri.map(Some).ok_or_else(|| write::malformed("S3Uri"))
}

/// The result of a call of a model. `place`: where its body was put.
pub(super) fn model_result(answer: &Answer, place: Option<Value>) -> Value {
    let body = place.unwrap_or_else(|| {
        let body = answer.result.get("Body").and_then(Value::as_str).unwrap_or_default();
        stepwell_json::parse(body).unwrap_or_else(|_| Value::from(body))
    });
    let content_type = answer.result.get("ContentType").cloned().unwrap_or(Value::Null);
    Value::Object(Object::from_entries(vec![("Body".into(), body), ("ContentType".into(), content_type)]))
}

impl Work<'_> {
    /// The parameters of InvokeModel without those that are not its own.
    pub(super) fn model_request(&self, given: &Object) -> Result<Value, String> {
        let has_input = s3_uri(given, "Input")?.is_some();
        s3_uri(given, "Output")?;
        if has_input && find(given, "Body").is_some() {
            return Err("There should only be one of the following fields: [Body, Input]".to_owned());
        }
        let is_own = |key: &str| ["Input", "Output"].iter().any(|other| key.eq_ignore_ascii_case(other));
        let own = given.iter().filter(|(key, _)| !is_own(key));
        let mut entries: Vec<_> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
        // The object says what it is.
        if !has_input && find(given, "ContentType").is_none() {
            entries.push(("ContentType".into(), Value::from(CONTENT_TYPE_DEFAULT)));
        }
        Ok(Value::Object(Object::from_entries(entries)))
    }

    /// The parameters, and the body that is in S3.
    pub(super) async fn with_body(&self, parameters: Value) -> Result<(Value, Option<Bytes>), JobOutcome> {
        let Some(from) = self.location("Input") else { return Ok((parameters, None)) };
        let ask = Value::Object(Object::from_entries(from.parameters()));
        let object = match self.call_of("s3", "GetObject", &ask, None, MODEL_BODY_MAX_BYTES).await {
            CallOutcome::Answered(object) => object,
            CallOutcome::Failed(error) => return Err(self.failed_of("s3", &error)),
            CallOutcome::Interrupted => return Err(JobOutcome::Interrupted),
        };
        let own = parameters.as_object().cloned().unwrap_or_else(|| Object::from_entries(Vec::new()));
        let content_type = match find(&own, "ContentType") {
            Some(_) => return Ok((parameters, Some(object.body))),
            None => object.result.get("ContentType").cloned(),
        };
        let content_type = content_type.unwrap_or_else(|| Value::from(CONTENT_TYPE_DEFAULT));
        Ok((Value::Object(own.with("ContentType".into(), content_type)), Some(object.body)))
    }

    /// Puts the body of the answer where the task wants it. Gives what stands for it in the result.
    pub(super) async fn stored(&self, answer: &Answer) -> Result<Option<Value>, JobOutcome> {
        let Some(to) = self.location("Output") else { return Ok(None) };
        let mut put = to.parameters();
        put.extend(answer.result.get("ContentType").map(|kind| ("ContentType".into(), kind.clone())));
        let put = Value::Object(Object::from_entries(put));
        match self.call_of("s3", "PutObject", &put, Some(answer.body.clone()), ANSWER_MAX_BYTES).await {
            CallOutcome::Answered(_) => {
                Ok(Some(Value::from(format!("s3://{}/{}", to.bucket, to.key).as_str())))
            }
            CallOutcome::Failed(error) => Err(self.failed_of("s3", &error)),
            CallOutcome::Interrupted => Err(JobOutcome::Interrupted),
        }
    }

    /// The longest answer that the call of the integration may have, in bytes.
    pub(super) fn answer_max_bytes(&self) -> usize {
        // What goes to S3 is no result.
        if self.location("Output").is_some() { MODEL_BODY_MAX_BYTES } else { ANSWER_MAX_BYTES }
    }

    fn location(&self, name: &str) -> Option<Location<'_>> {
        let given =
            self.parameters.as_object().filter(|_| self.integration.dialect == Dialect::InvokeModel)?;
        Location::parse(s3_uri(given, name).ok()??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_bucket_and_a_key() {
        assert_eq!(Location::parse("s3://b/a/c d"), Some(Location { bucket: "b", key: "a/c d" }));
        for uri in ["s3://b", "s3://b/", "s3:///k", "https://b/k", ""] {
            assert_eq!(Location::parse(uri), None, "{uri}");
        }
    }
}
