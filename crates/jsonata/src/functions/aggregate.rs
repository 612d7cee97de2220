//! Functions over arrays of numbers, and `$count`

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::Item;

pub(super) fn count<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    Ok(Item::Number(argument(arguments, 0).count() as f64))
}

/// Folds the numbers of an array; undefined for no array, and for an empty one unless there is a value for it.
fn fold<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
    empty: Option<f64>,
    combine: impl Fn(f64, f64) -> f64,
) -> Result<Item<'i>, Error> {
    let array = argument(arguments, 0);
    evaluator.step(array.count())?;
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let mut numbers = array.elements().filter_map(|element| element.as_number());
    let Some(first) = empty.or_else(|| numbers.next()) else { return Ok(Item::Undefined) };
    Ok(Item::Number(numbers.fold(first, combine)))
}

pub(super) fn sum<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    fold(evaluator, arguments, Some(0.0), |total, number| total + number)
}

pub(super) fn max<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    fold(evaluator, arguments, None, f64::max)
}

pub(super) fn min<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    fold(evaluator, arguments, None, f64::min)
}

pub(super) fn average<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let count = argument(arguments, 0).count();
    if count == 0 {
        return Ok(Item::Undefined);
    }
    match sum(evaluator, arguments)? {
        Item::Number(total) => Ok(Item::Number(total / count as f64)),
        other => Ok(other),
    }
}
