//! Functions over JSON values and their texts.

use std::sync::Arc;

use stepwell_json::{Object, Value};

use super::{Problem, check_size};

/// `States.StringToJson`. AWS gives null for an empty or blank text.
pub(super) fn string_to_json(value: &Value) -> Result<Value, Problem> {
    let Some(text) = value.as_str() else {
        return Err(format!("States.StringToJson needs a string, not {}", value.type_name()));
    };
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    stepwell_json::parse(text).map_err(|error| error.message)
}

/// `States.JsonToString`: the compact text.
pub(super) fn json_to_string(value: &Value) -> Result<Value, Problem> {
    check_size(value.text_size())?;
    Ok(Value::from(value.to_text()))
}

/// `States.JsonMerge`: members of the first, then the new ones of the second; the second wins.
pub(super) fn merge(first: &Value, second: &Value, deep: &Value) -> Result<Value, Problem> {
    if deep != &Value::Bool(false) {
        return Err("Deep merge is not supported: the third argument must be false".to_owned());
    }
    let (Some(first), Some(second)) = (first.as_object(), second.as_object()) else {
        return Err("States.JsonMerge needs two objects".to_owned());
    };
    let entries: Vec<(Arc<str>, Value)> =
        first.iter().chain(second.iter()).map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(Value::Object(Object::from_entries(entries)))
}
