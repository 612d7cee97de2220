//! Results: from items to JSON values

use std::sync::Arc;

use stepwell_json::{Array, DEPTH_MAX, Number, Object, Value};

use super::{Item, Key, List, Meter, Record, Text};
use crate::Error;
use crate::expression::Evaluated;
use crate::text::number::number_text;

/// Bytes that an array or object of the result counts as, and an element of it.
const RESULT_BYTES: usize = 16;
const RESULT_ELEMENT_BYTES: usize = 8;

/// From here on the text of a whole number is that of its shortest digits.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// From here on JavaScript writes an exponent.
const DIGITS_MAX: f64 = 1e21;

/// The JSON value of a result. What comes from the input is shared, not copied.
///
/// # Errors
/// When the value nests deeper than JSON values may, or is larger than the bound on memory: what the expression holds
/// once may stand in its result many times.
pub(crate) fn evaluated(item: &Item<'_>, meter: &Meter) -> Result<Evaluated, Error> {
    if item.is_undefined() {
        return Ok(Evaluated::Nothing);
    }
    match value(item, meter)? {
        None => Ok(Evaluated::Function),
        Some(value) if value.depth() > DEPTH_MAX => {
            Err(Error::limit(&format!("The value nests deeper than {DEPTH_MAX} levels")))
        }
        Some(value) => {
            // Parts of the input are shared, however often they stand in the result: its text would not be.
            meter.check(value.text_size())?;
            Ok(Evaluated::Value(value))
        }
    }
}

/// The JSON value; none when there is a function inside. Undefined inside is left out of objects and null in arrays.
fn value(item: &Item<'_>, meter: &Meter) -> Result<Option<Value>, Error> {
    Ok(Some(match item {
        Item::Undefined | Item::Null => Value::Null,
        Item::Bool(value) => Value::Bool(*value),
        Item::Number(number) => number_value(*number),
        Item::Exact(number) => Value::Number((*number).clone()),
        Item::InputString(text) => Value::String((*text).clone()),
        Item::Text(text) => Value::String(text.shared().clone()),
        Item::InputArray(array) => Value::Array((*array).clone()),
        Item::InputObject(object) => Value::Object((*object).clone()),
        Item::List(list) => return array(list.iter(), meter),
        Item::Tuples(tuples) => return array(tuples.iter().map(|tuple| &tuple.context), meter),
        Item::Record(record) => {
            take(record.entries().len(), meter)?;
            let mut entries: Vec<(Arc<str>, Value)> = Vec::with_capacity(record.entries().len());
            for (key, member) in record.entries() {
                if !member.is_undefined() {
                    let Some(member) = value(member, meter)? else { return Ok(None) };
                    entries.push((key.shared(), member));
                }
            }
            Value::Object(Object::from_entries(entries))
        }
        Item::Builtin(_) | Item::Function(_) => return Ok(None),
    }))
}

fn array<'t, 'i: 't>(
    items: impl ExactSizeIterator<Item = &'t Item<'i>>,
    meter: &Meter,
) -> Result<Option<Value>, Error> {
    take(items.len(), meter)?;
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        let Some(value) = value(item, meter)? else { return Ok(None) };
        values.push(value);
    }
    Ok(Some(Value::Array(Array::new(values))))
}

/// Counts the bytes of an array or object of the result, which nothing gives back.
fn take(count: usize, meter: &Meter) -> Result<(), Error> {
    meter.step(count)?;
    meter.take(RESULT_BYTES + count * RESULT_ELEMENT_BYTES)
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
