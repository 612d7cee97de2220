//! Functions over time

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::Item;
use crate::picture::datetime;

/// `$now`: the same time throughout an evaluation.
pub(super) fn now<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let millis = Item::Number(evaluator.now_millis as f64);
    from_millis(evaluator, &[millis, argument(arguments, 0), argument(arguments, 1)])
}

pub(super) fn millis<'i>(evaluator: &Evaluator<'i>, _: &[Item<'i>]) -> Result<Item<'i>, Error> {
    Ok(Item::Number(evaluator.now_millis as f64))
}

pub(super) fn from_millis<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let Some(millis) = argument(arguments, 0).as_number() else { return Ok(Item::Undefined) };
    let (picture, timezone) = (argument(arguments, 1), argument(arguments, 2));
    evaluator.step_over_picture(picture.as_str().unwrap_or_default())?;
    evaluator.text(&datetime::from_millis(millis, picture.as_str(), timezone.as_str())?)
}

pub(super) fn to_millis<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (text, picture) = (argument(arguments, 0), argument(arguments, 1));
    let Some(text) = text.as_str() else { return Ok(Item::Undefined) };
    evaluator.step_over_picture(picture.as_str().unwrap_or_default())?;
    evaluator.step_over_picture(text)?;
    let millis = datetime::to_millis(text, picture.as_str(), evaluator.now_millis)?;
    Ok(millis.map_or(Item::Undefined, Item::Number))
}
