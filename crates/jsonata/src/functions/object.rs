//! Functions over objects, and over values of any type

use std::collections::HashMap;
use std::sync::Arc;

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::{Item, List, Record};

/// Steps that finding a place for a key takes.
const HASH_STEPS: usize = 3;

pub(super) fn boolean<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    if value.is_undefined() {
        return Ok(value);
    }
    Ok(Item::Bool(!value.is_function() && evaluator.truth(&value)?))
}

pub(super) fn not<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    if value.is_undefined() {
        return Ok(value);
    }
    Ok(Item::Bool(value.is_function() || !evaluator.truth(&value)?))
}

pub(super) fn exists<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    Ok(Item::Bool(!argument(arguments, 0).is_undefined()))
}

pub(super) fn type_name<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    let name = match &value {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Null => "null",
        Item::Bool(_) => "boolean",
        Item::Number(_) | Item::Exact(_) => "number",
        Item::InputString(_) | Item::Text(_) => "string",
        Item::InputArray(_) | Item::List(_) | Item::Tuples(_) => "array",
        Item::InputObject(_) | Item::Record(_) => "object",
        Item::Builtin(_) | Item::Function(_) => "function",
    };
    evaluator.text(name)
}

pub(super) fn keys<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let mut found = evaluator.sequence()?;
    let mut seen = HashMap::new();
    collect_keys(evaluator, &argument(arguments, 0), &mut found, &mut seen)?;
    Ok(found.into_item())
}

fn collect_keys<'i>(
    evaluator: &Evaluator<'i>,
    item: &Item<'i>,
    found: &mut List<'i>,
    seen: &mut HashMap<Arc<str>, ()>,
) -> Result<(), Error> {
    if item.is_array() {
        evaluator.step(item.count())?;
        return item.elements().try_for_each(|element| collect_keys(evaluator, &element, found, seen));
    }
    evaluator.step(item.member_count().saturating_mul(HASH_STEPS))?;
    for (key, _) in item.members() {
        if seen.insert(key.shared(), ()).is_none() {
            found.push(key.into_item())?;
        }
    }
    Ok(())
}

pub(super) fn lookup<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (item, key) = (argument(arguments, 0), argument(arguments, 1));
    let Some(key) = key.as_str() else { return Ok(Item::Undefined) };
    if item.is_array() {
        let mut found = evaluator.sequence()?;
        collect_members(evaluator, &item, key, &mut found)?;
        return Ok(found.into_item());
    }
    Ok(item.member(key).unwrap_or(Item::Undefined))
}

fn collect_members<'i>(
    evaluator: &Evaluator<'i>,
    array: &Item<'i>,
    key: &str,
    found: &mut List<'i>,
) -> Result<(), Error> {
    evaluator.step(array.count())?;
    for element in array.elements() {
        if element.is_array() {
            collect_members(evaluator, &element, key, found)?;
        } else if let Some(value) = element.member(key) {
            if value.is_array() { found.extend(&value)? } else { found.push(value)? }
        }
    }
    Ok(())
}

pub(super) fn spread<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let item = argument(arguments, 0);
    if !item.is_array() && !item.is_object() {
        return Ok(item);
    }
    let mut found = evaluator.sequence()?;
    collect_spread(evaluator, &item, &mut found)?;
    // As in 2.0.6, what an array is spread to is an array, also when it has one element or none, unless nothing was spread.
    found.flags_mut().sequence = !item.is_array() || item.count() == 0;
    Ok(found.into_item())
}

fn collect_spread<'i>(evaluator: &Evaluator<'i>, item: &Item<'i>, found: &mut List<'i>) -> Result<(), Error> {
    if item.is_array() {
        evaluator.step(item.count())?;
        return item.elements().try_for_each(|element| collect_spread(evaluator, &element, found));
    }
    if !item.is_object() {
        return found.push(item.clone());
    }
    evaluator.step(item.member_count())?;
    for (key, value) in item.members() {
        let mut record = Record::new(evaluator.meter)?;
        record.push(key, value)?;
        found.push(record.into_item())?;
    }
    Ok(())
}

pub(super) fn merge<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let array = argument(arguments, 0);
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let count: usize = array.elements().map(|object| object.member_count()).sum();
    evaluator.step(array.count() + count.saturating_mul(HASH_STEPS))?;
    let mut record = Record::with_capacity(count.min(64), evaluator.meter)?;
    // A few members are found fastest by looking at them all.
    let mut places: Option<HashMap<Arc<str>, usize>> = (count > 16).then(HashMap::new);
    for object in array.elements() {
        for (key, value) in object.members() {
            let place = match &places {
                Some(places) => places.get(&*key).copied(),
                None => record.position(&key),
            };
            match place {
                Some(at) => record.replace(at, value)?,
                None => {
                    if let Some(places) = &mut places {
                        places.insert(key.shared(), record.entries().len());
                    }
                    record.push(key, value)?;
                }
            }
        }
    }
    Ok(record.into_item())
}

pub(super) fn clone<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    evaluator.deep_copy(&argument(arguments, 0))
}

pub(super) fn error<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let message = argument(arguments, 0);
    let text = message.as_str().filter(|text| !text.is_empty()).unwrap_or("$error() function evaluated");
    Err(Error::with_message("D3137", text))
}

pub(super) fn assert<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (condition, message) = (argument(arguments, 0), argument(arguments, 1));
    if evaluator.truth(&condition)? {
        return Ok(Item::Undefined);
    }
    let text = message.as_str().filter(|text| !text.is_empty()).unwrap_or("$assert() statement failed");
    Err(Error::with_message("D3141", text))
}
