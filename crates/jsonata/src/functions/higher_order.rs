//! Functions that call functions

use smallvec::smallvec;

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::{Arguments, Item, Record};

/// The arguments for a function that is called with a value, its place and the whole: as many as it takes.
fn arguments_for<'i>(arity: usize, value: Item<'i>, place: Item<'i>, whole: &Item<'i>) -> Arguments<'i> {
    match arity {
        0 | 1 => smallvec![value],
        2 => smallvec![value, place],
        _ => smallvec![value, place, whole.clone()],
    }
}

pub(super) fn map<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let arity = evaluator.arity(&function);
    let mut list = evaluator.sequence()?;
    for (at, element) in array.elements().enumerate() {
        let given = arguments_for(arity, element, Item::Number(at as f64), &array);
        let value = evaluator.apply(function.clone(), given, &Item::Null)?;
        if !value.is_undefined() {
            list.push(value)?;
        }
    }
    Ok(list.into_item())
}

pub(super) fn filter<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let arity = evaluator.arity(&function);
    let mut list = evaluator.sequence()?;
    for (at, element) in array.elements().enumerate() {
        let given = arguments_for(arity, element.clone(), Item::Number(at as f64), &array);
        let verdict = evaluator.apply(function.clone(), given, &Item::Null)?;
        if evaluator.truth(&verdict)? {
            list.push(element)?;
        }
    }
    Ok(list.into_item())
}

pub(super) fn single<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let arity = evaluator.arity(&function);
    let mut found = None;
    for (at, element) in array.elements().enumerate() {
        let is_match = if function.is_undefined() {
            true
        } else {
            let given = arguments_for(arity, element.clone(), Item::Number(at as f64), &array);
            let verdict = evaluator.apply(function.clone(), given, &Item::Null)?;
            evaluator.truth(&verdict)?
        };
        if is_match && found.replace(element).is_some() {
            return Err(Error::new("D3138"));
        }
    }
    found.ok_or_else(|| Error::new("D3139"))
}

pub(super) fn reduce<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, function, initial) = (argument(arguments, 0), argument(arguments, 1), argument(arguments, 2));
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let arity = evaluator.arity(&function);
    if arity < 2 {
        return Err(Error::new("D3050").index(1));
    }
    let mut elements = array.elements().enumerate();
    let mut result = initial;
    if result.is_undefined()
        && let Some((_, first)) = elements.next()
    {
        result = first;
    }
    for (at, element) in elements {
        let mut given: Arguments<'i> = smallvec![result, element];
        if arity >= 3 {
            given.push(Item::Number(at as f64));
        }
        if arity >= 4 {
            given.push(array.clone());
        }
        result = evaluator.apply(function.clone(), given, &Item::Null)?;
    }
    Ok(result)
}

pub(super) fn sift<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (object, function) = (argument(arguments, 0), argument(arguments, 1));
    let arity = evaluator.arity(&function);
    let mut record = Record::new(evaluator.meter)?;
    for (key, value) in object.members() {
        evaluator.step(2)?;
        let given = arguments_for(arity, value.clone(), key.clone().into_item(), &object);
        let verdict = evaluator.apply(function.clone(), given, &Item::Null)?;
        if evaluator.truth(&verdict)? {
            record.push(key, value)?;
        }
    }
    // Nothing left is undefined rather than an empty object.
    if record.entries().is_empty() { Ok(Item::Undefined) } else { Ok(record.into_item()) }
}

pub(super) fn each<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (object, function) = (argument(arguments, 0), argument(arguments, 1));
    let arity = evaluator.arity(&function);
    let mut list = evaluator.sequence()?;
    for (key, value) in object.members() {
        evaluator.step(2)?;
        let given = arguments_for(arity, value, key.into_item(), &object);
        let value = evaluator.apply(function.clone(), given, &Item::Null)?;
        if !value.is_undefined() {
            list.push(value)?;
        }
    }
    Ok(list.into_item())
}

pub(super) fn sort<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, function) = (argument(arguments, 0), argument(arguments, 1));
    if array.count() <= 1 {
        return Ok(array);
    }
    let rows: Vec<Item<'i>> = array.elements().collect();
    let sorted = if function.is_undefined() {
        let all_numbers = rows.iter().all(|row| row.as_number().is_some());
        if !all_numbers && !rows.iter().all(|row| row.as_str().is_some()) {
            return Err(Error::new("D3070").index(1));
        }
        evaluator.sort_values(rows)?
    } else {
        evaluator.merge_sort(rows, |left, right| {
            let given = smallvec![left.clone(), right.clone()];
            let verdict = evaluator.apply(function.clone(), given, &Item::Null)?;
            Ok(is_truthy(&verdict))
        })?
    };
    let mut list = evaluator.list()?;
    for element in sorted {
        list.push(element)?;
    }
    Ok(list.into_item())
}

/// What JavaScript takes for true: a comparator's result is not tested as JSONata tests values.
fn is_truthy(item: &Item<'_>) -> bool {
    match item {
        Item::Undefined | Item::Null => false,
        Item::Bool(value) => *value,
        _ => match (item.as_number(), item.as_str()) {
            (Some(number), _) => number != 0.0 && !number.is_nan(),
            (_, Some(text)) => !text.is_empty(),
            _ => true,
        },
    }
}
