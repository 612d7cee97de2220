//! Functions over numbers

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::Item;
use crate::{picture, text};

impl Evaluator<'_> {
    /// Counts the work with a picture, or a text that is read by one: it grows with the square of its length.
    pub(crate) fn step_over_picture(&self, picture: &str) -> Result<(), Error> {
        let length = picture.len();
        self.step(8 + length.saturating_add(length.saturating_mul(length) / 4))
    }
}

/// A number made of the first argument; undefined for undefined.
fn map_number<'i>(arguments: &[Item<'i>], make: impl FnOnce(f64) -> f64) -> Result<Item<'i>, Error> {
    Ok(argument(arguments, 0).as_number().map_or(Item::Undefined, |number| Item::Number(make(number))))
}

pub(super) fn floor<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_number(arguments, f64::floor)
}

pub(super) fn ceil<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_number(arguments, f64::ceil)
}

pub(super) fn abs<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_number(arguments, f64::abs)
}

pub(super) fn round<'i>(_: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    // "Not a number" counts as none given.
    let precision = argument(arguments, 1).as_number().filter(|number| !number.is_nan()).unwrap_or(0.0);
    // With an exponent that is no whole number, there is no number for JavaScript to read.
    let round = |number| {
        if precision.fract() == 0.0 { text::number::round(number, precision as i32) } else { f64::NAN }
    };
    map_number(arguments, round)
}

pub(super) fn sqrt<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    match value.as_number() {
        Some(number) if number < 0.0 => Err(Error::new("D3060").index(1).value(evaluator.shown(&value))),
        _ => map_number(arguments, f64::sqrt),
    }
}

pub(super) fn power<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (base, exponent) = (argument(arguments, 0), argument(arguments, 1));
    let Some(number) = base.as_number() else { return Ok(Item::Undefined) };
    let result = exponent.as_number().map_or(f64::NAN, |exponent| power_of(number, exponent));
    if result.is_finite() {
        return Ok(Item::Number(result));
    }
    let error = Error::new("D3061").index(1).value(evaluator.shown(&base));
    Err(error.exponent(evaluator.shown(&exponent)))
}

/// JavaScript's power: of 1 to an infinite exponent it is "not a number".
fn power_of(base: f64, exponent: f64) -> f64 {
    if exponent.is_infinite() && base.abs() == 1.0 { f64::NAN } else { base.powf(exponent) }
}

pub(super) fn random<'i>(evaluator: &Evaluator<'i>, _: &[Item<'i>]) -> Result<Item<'i>, Error> {
    // 53 random bits: as many as a fraction holds.
    Ok(Item::Number((evaluator.random_u64() >> 11) as f64 / (1_u64 << 53) as f64))
}

pub(super) fn number<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    match &value {
        Item::Undefined | Item::Number(_) | Item::Exact(_) => return Ok(value),
        Item::Bool(value) => return Ok(Item::Number(f64::from(u8::from(*value)))),
        _ => {}
    }
    match value.as_str().and_then(text::number::parse_number) {
        Some(number) => Ok(Item::Number(number)),
        None => Err(Error::new("D3030").index(1).value(evaluator.shown(&value))),
    }
}

pub(super) fn format_number<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Item::Undefined) };
    let (shape, options) = (argument(arguments, 1), argument(arguments, 2));
    let options: Vec<(String, String)> = options
        .members()
        .filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned())))
        .collect();
    let shape = shape.as_str().unwrap_or_default();
    evaluator.step_over_picture(shape)?;
    evaluator.text(&picture::number::format_number(number, shape, &options)?)
}

pub(super) fn format_base<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Item::Undefined) };
    let radix = argument(arguments, 1).as_number().unwrap_or(10.0);
    evaluator.text(&text::number::format_base(number, radix)?)
}

pub(super) fn format_integer<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    let Some(number) = argument(arguments, 0).as_number() else { return Ok(Item::Undefined) };
    let shape = argument(arguments, 1);
    let shape = shape.as_str().unwrap_or_default();
    evaluator.step_over_picture(shape)?;
    evaluator.text(&picture::integer::format_integer(number, shape)?)
}

pub(super) fn parse_integer<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    let (value, shape) = (argument(arguments, 0), argument(arguments, 1));
    let Some(value) = value.as_str() else { return Ok(Item::Undefined) };
    let shape = shape.as_str().unwrap_or_default();
    evaluator.step_over_picture(shape)?;
    evaluator.step_over_picture(value)?;
    Ok(Item::Number(picture::integer::parse_integer(value, shape)?))
}
