//! Results: from items to JSON values

use std::sync::Arc;

use stepwell_json::{Array, DEPTH_MAX, Number, Object, Value};

use super::{Item, Key, List, Meter, Record, Text};
use crate::Error;
use crate::expression::Evaluated;
use crate::text::number::number_text;

/// From here on the text of a whole number is that of its shortest digits.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// From here on JavaScript writes an exponent.
const DIGITS_MAX: f64 = 1e21;

/// The JSON value of a result. What comes from the input is shared, not copied.
///
/// # Errors
/// When the value nests deeper than JSON values may.
pub(crate) fn evaluated(item: &Item<'_>) -> Result<Evaluated, Error> {
    if item.is_undefined() {
        return Ok(Evaluated::Nothing);
    }
    match value(item) {
        None => Ok(Evaluated::Function),
        Some(value) if value.depth() > DEPTH_MAX => {
            Err(Error::limit(&format!("The value nests deeper than {DEPTH_MAX} levels")))
        }
        Some(value) => Ok(Evaluated::Value(value)),
    }
}

/// The JSON value; none when there is a function inside. Undefined inside is left out of objects and null in arrays.
pub(crate) fn value(item: &Item<'_>) -> Option<Value> {
    Some(match item {
        Item::Undefined | Item::Null => Value::Null,
        Item::Bool(value) => Value::Bool(*value),
        Item::Number(number) => number_value(*number),
        Item::Exact(number) => Value::Number((*number).clone()),
        Item::InputString(text) => Value::String((*text).clone()),
        Item::Text(text) => Value::String(text.shared().clone()),
        Item::InputArray(array) => Value::Array((*array).clone()),
        Item::InputObject(object) => Value::Object((*object).clone()),
        Item::List(list) => Value::Array(Array::new(list.iter().map(value).collect::<Option<Vec<Value>>>()?)),
        Item::Record(record) => {
            let mut entries: Vec<(Arc<str>, Value)> = Vec::with_capacity(record.entries().len());
            for (key, member) in record.entries() {
                if !member.is_undefined() {
                    entries.push((key.shared(), value(member)?));
                }
            }
            Value::Object(Object::from_entries(entries))
        }
        Item::Tuples(tuples) => Value::Array(Array::new(
            tuples.iter().map(|tuple| value(&tuple.context)).collect::<Option<Vec<Value>>>()?,
        )),
        Item::Function(_) => return None,
    })
}

/// The JSON value of a number: whole numbers without a fraction, and as text what JSON can't hold, as AWS does.
fn number_value(number: f64) -> Value {
    if !number.is_finite() {
        return Value::from(number_text(number));
    }
    if number.fract() != 0.0 || number.abs() >= DIGITS_MAX {
        return Value::from(number);
    }
    if number.abs() <= WHOLE_MAX {
        return Value::from(number as i64);
    }
    Number::from_integer_text(&number_text(number)).map_or_else(|| Value::from(number), Value::Number)
}

/// An item made of a JSON value that was made during the evaluation.
pub(crate) fn import<'i>(value: &Value, meter: &'i Meter) -> Result<Item<'i>, Error> {
    Ok(match value {
        Value::Null => Item::Null,
        Value::Bool(value) => Item::Bool(*value),
        Value::Number(number) => Item::Number(number.as_f64()),
        Value::String(text) => Text::make(text, meter)?,
        Value::Array(array) => {
            let mut list = List::new(meter)?;
            for element in array {
                list.push(import(element, meter)?)?;
            }
            list.into_item()
        }
        Value::Object(object) => {
            let mut record = Record::new(meter)?;
            for (key, member) in object.iter() {
                let name = Text::make(key, meter)?;
                let key = Key::try_from(&name).map_err(|()| Error::new("T1003"))?;
                record.push(key, import(member, meter)?)?;
            }
            record.into_item()
        }
    })
}
