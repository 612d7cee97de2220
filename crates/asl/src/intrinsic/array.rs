//! Functions over arrays.

use std::collections::HashSet;
use std::fmt::Write;

use stepwell_json::Value;

use super::{Problem, RANGE_ITEMS_MAX, check_size, math};

fn items<'a>(value: &'a Value, function: &str) -> Result<&'a [Value], Problem> {
    match value.as_array() {
        Some(array) => Ok(array),
        None => Err(format!("{function} needs an array, not {}", value.type_name())),
    }
}

/// `States.ArrayPartition`: pieces of at most `size` items.
pub(super) fn partition(array: &Value, size: &Value) -> Result<Value, Problem> {
    let items = items(array, "States.ArrayPartition")?;
    let size = usize::try_from(math::rounded(size)?).unwrap_or(0);
    if size == 0 {
        return Err("The chunk size must be a positive integer".to_owned());
    }
    let pieces: Vec<Value> = items.chunks(size).map(|piece| Value::from(piece.to_vec())).collect();
    Ok(Value::from(pieces))
}

/// `States.ArrayContains`, by deep equality.
pub(super) fn contains(array: &Value, wanted: &Value) -> Result<Value, Problem> {
    Ok(Value::from(items(array, "States.ArrayContains")?.contains(wanted)))
}

/// `States.ArrayRange`: from `first` to `last`, which is in it when a step hits it.
pub(super) fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, Problem> {
    let (first, last, step) = (math::rounded(first)?, math::rounded(last)?, math::rounded(step)?);
    if step == 0 {
        return Err("The step of a range can't be 0".to_owned());
    }
    let distance = i128::from(last) - i128::from(first);
    let steps = distance / i128::from(step);
    let is_empty = distance != 0 && (distance < 0) != (step < 0);
    let count = if is_empty { 0 } else { steps + 1 };
    if count > i128::from(RANGE_ITEMS_MAX) {
        return Err(format!("A range can't have more than {RANGE_ITEMS_MAX} items"));
    }
    let mut items = Vec::new();
    for position in 0..count {
        let item = i128::from(first) + position * i128::from(step);
        items.push(Value::from(i64::try_from(item).unwrap_or(i64::MAX)));
    }
    Ok(Value::from(items))
}

/// `States.ArrayGetItem`: an index from 0.
pub(super) fn get_item(array: &Value, index: &Value) -> Result<Value, Problem> {
    let items = items(array, "States.ArrayGetItem")?;
    let Some(index) = index.as_i64() else {
        return Err("The index provided must be an integer".to_owned());
    };
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index))
        .cloned()
        .ok_or_else(|| "The index provided must be within the range of array size".to_owned())
}

/// `States.ArrayLength`.
pub(super) fn length(array: &Value) -> Result<Value, Problem> {
    Ok(Value::from(items(array, "States.ArrayLength")?.len() as i64))
}

/// `States.ArrayUnique`: the first of each group of equal items, in order.
pub(super) fn unique(array: &Value) -> Result<Value, Problem> {
    check_size(array.text_size())?;
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in items(array, "States.ArrayUnique")? {
        let mut key = String::new();
        write_key(item, &mut key);
        if seen.insert(key) {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}

/// Writes a text that is the same for equal values only: members sorted, numbers by value.
fn write_key(value: &Value, key: &mut String) {
    match value {
        Value::Array(items) => {
            key.push('[');
            for item in items.iter() {
                write_key(item, key);
                key.push(',');
            }
            key.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by(|left, right| left.0.cmp(right.0));
            key.push('{');
            for (name, member) in members {
                // Length first, so that no name can look like the rest of the key.
                let _ = write!(key, "{}:{name}:", name.len());
                write_key(member, key);
                key.push(',');
            }
            key.push('}');
        }
        Value::Number(number) => match value.as_i64() {
            Some(integer) => {
                let _ = write!(key, "{integer}");
            }
            None if number.as_f64().fract() == 0.0 && number.as_f64().abs() < 9.0e15 => {
                let _ = write!(key, "{}", number.as_f64() as i64);
            }
            None => key.push_str(&value.to_text()),
        },
        other => key.push_str(&other.to_text()),
    }
}
