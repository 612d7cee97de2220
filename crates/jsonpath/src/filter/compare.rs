//! Comparing two values in a filter, with the library's rules

use super::Operator;
use crate::PathError;
use crate::evaluate::Budget;
use regex::Regex;
use std::borrow::Cow;
use std::cmp::Ordering;
use stepwell_json::{Number, Value};

/// A side of a comparison, ready to compare
pub(crate) enum Operand<'a> {
    /// A path that leads nowhere
    Undefined,
    Value(Cow<'a, Value>),
    Pattern(&'a Regex),
}

/// Applies an operator. Sides that do not suit it make it false, never an error.
pub(crate) fn compare(
    left: &Operand<'_>,
    operator: Operator,
    right: &Operand<'_>,
    budget: &Budget,
) -> Result<bool, PathError> {
    if operator == Operator::Matches {
        return Ok(match (left, right) {
            (Operand::Pattern(regex), Operand::Value(value))
            | (Operand::Value(value), Operand::Pattern(regex)) => matches_pattern(regex, value),
            // As in the library: what is not there counts as empty text.
            (Operand::Pattern(regex), Operand::Undefined) | (Operand::Undefined, Operand::Pattern(regex)) => {
                regex.is_match("")
            }
            _ => false,
        });
    }
    let negated = match operator {
        Operator::NotEqual => Some(Operator::Equal),
        Operator::SameTypeNotEqual => Some(Operator::SameTypeEqual),
        Operator::NotIn => Some(Operator::In),
        _ => None,
    };
    if let Some(operator) = negated {
        return Ok(!compare(left, operator, right, budget)?);
    }
    let (Operand::Value(left), Operand::Value(right)) = (left, right) else { return Ok(false) };
    let (left, right) = (&**left, &**right);
    // A list operator goes through both lists.
    let length = |value: &Value| value.as_array().map_or(1, |array| array.len().max(1));
    budget.spend(length(left).saturating_mul(length(right)))?;
    Ok(match operator {
        Operator::Equal => equal(left, right),
        Operator::SameTypeEqual => left.type_name() == right.type_name() && equal(left, right),
        Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::In => holds(right, left),
        Operator::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(&**part),
            _ => holds(left, right),
        },
        Operator::All => lists(left, right, |left, right| right.iter().all(|item| has(left, item))),
        Operator::SubsetOf => lists(left, right, |left, right| left.iter().all(|item| has(right, item))),
        Operator::AnyOf => lists(left, right, |left, right| left.iter().any(|item| has(right, item))),
        Operator::NoneOf => lists(left, right, |left, right| !left.iter().any(|item| has(right, item))),
        Operator::Size => {
            size(left).is_some_and(|size| right.as_number().is_some_and(|right| is_size(right, size)))
        }
        Operator::Empty => size(left).is_some_and(|size| right.as_bool() == Some(size == 0)),
        Operator::Matches | Operator::NotEqual | Operator::SameTypeNotEqual | Operator::NotIn => false,
    })
}

/// Equality with the library's conversions: a number on the left reads a string as a number, a string on the left reads
/// a number as its text.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(number), Value::String(text)) => {
            let parsed =
                Number::from_integer_text(text).or_else(|| text.parse().ok().and_then(Number::from_f64));
            parsed.is_some_and(|parsed| parsed == *number)
        }
        (Value::String(text), Value::Number(number)) => **text == *number.to_string(),
        _ => left == right,
    }
}

/// Numbers by value, strings as Java orders them, nothing else.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        _ => None,
    }
}

fn has(list: &[Value], value: &Value) -> bool {
    list.iter().any(|item| equal(value, item))
}

fn holds(list: &Value, value: &Value) -> bool {
    list.as_array().is_some_and(|list| has(list, value))
}

fn lists(left: &Value, right: &Value, test: impl FnOnce(&[Value], &[Value]) -> bool) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => test(left, right),
        _ => false,
    }
}

/// Elements, members, or UTF-16 units of a string as in Java.
fn size(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count()),
        Value::Array(array) => Some(array.len()),
        Value::Object(object) => Some(object.len()),
        _ => None,
    }
}

fn is_size(number: &Number, size: usize) -> bool {
    // The library drops a fraction.
    number.as_f64().trunc() == size as f64
}

/// A pattern must match the whole text; of an array, one element.
fn matches_pattern(regex: &Regex, value: &Value) -> bool {
    let matches_text = |value: &Value| match value {
        Value::String(text) => regex.is_match(text),
        Value::Number(_) | Value::Bool(_) => regex.is_match(&value.to_text()),
        _ => regex.is_match(""),
    };
    match value {
        Value::Array(array) => array.iter().any(matches_text),
        other => matches_text(other),
    }
}
