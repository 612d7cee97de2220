//! JSON files.

use stepwell_json::Value;

use crate::ReadError;

/// The array or object in a JSON text whose entries are the items, where `pointer` (a JSON Pointer, RFC 6901) leads.
///
/// # Errors
/// The text is no JSON; the pointer leads nowhere; there is neither an array nor an object.
pub fn dataset(text: &str, pointer: Option<&str>) -> Result<Value, ReadError> {
    let root = stepwell_json::parse(text)?;
    let pointer = pointer.unwrap_or_default();
    let found = at_pointer(&root, pointer).ok_or_else(|| ReadError::Pointer(pointer.to_owned()))?;
    match found {
        Value::Array(_) | Value::Object(_) => Ok(found.clone()),
        _ => Err(ReadError::NotIterable),
    }
}

fn at_pointer<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    if pointer.is_empty() {
        return Some(value);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(value, |value, step| match value {
        Value::Array(_) => value.index(step.parse().ok()?),
        _ => value.get(&step.replace("~1", "/").replace("~0", "~")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_where_the_pointer_leads() {
        for (text, pointer, expected) in [
            ("[1, {\"a\": 2}]", None, Ok("[1,{\"a\":2}]")),
            ("{\"a/b\": {\"~\": [[1], [2]]}}", Some("/a~1b/~0/1"), Ok("[2]")),
            ("{\"a\": {\"b\": 1}}", Some("/a"), Ok("{\"b\":1}")),
            ("{\"\": []}", Some("/"), Ok("[]")),
            ("{\"a\": 1}", Some("/b"), Err("The ItemsPointer '/b' leads nowhere.")),
            ("{\"a\": 1}", Some("a"), Err("The ItemsPointer 'a' leads nowhere.")),
            ("{\"a\": 1}", Some("/a"), Err("Attempting to map over non-iterable node.")),
            ("\"text\"", None, Err("Attempting to map over non-iterable node.")),
        ] {
            let found =
                dataset(text, pointer).map(|value| value.to_text()).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text} {pointer:?}");
        }
        assert!(matches!(dataset("[1", None), Err(ReadError::Json(_))));
    }
}
