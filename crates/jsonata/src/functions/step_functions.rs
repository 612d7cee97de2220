//! The functions that Step Functions adds to JSONata

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::Item;

/// Bytes that a number of `$range` counts as while the array grows. Measured on AWS: 200,000 numbers are accepted,
/// 500,000 are not, unlike those of the operator `..`.
const RANGE_ELEMENT_BYTES: usize = 58;

/// `$partition(array, size)`: an array of arrays of that size, the last perhaps shorter. Numbers are cut to whole ones.
pub(super) fn partition<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, size) = (argument(arguments, 0), argument(arguments, 1));
    let (false, Some(size)) = (array.is_undefined(), size.as_number()) else { return Ok(Item::Undefined) };
    let size = size.trunc();
    if size < 0.0 {
        return Err(Error::limit("The size of a partition must not be negative"));
    }
    if size < 1.0 {
        return Ok(Item::Undefined);
    }
    evaluator.step(array.count())?;
    let mut parts = evaluator.list()?;
    let mut part: Option<crate::item::List<'i>> = None;
    for element in array.elements() {
        let open = match &mut part {
            Some(open) => open,
            none => none.insert(evaluator.list()?),
        };
        open.push(element)?;
        if open.len() as f64 >= size
            && let Some(full) = part.take()
        {
            parts.push(full.into_item())?;
        }
    }
    if let Some(rest) = part {
        parts.push(rest.into_item())?;
    }
    Ok(parts.into_item())
}

/// `$range(first, last, step)`: with the last number where it is hit. Arguments are cut to whole numbers.
pub(super) fn range<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let number = |at: usize| argument(arguments, at).as_number().map(f64::trunc);
    let (Some(first), Some(last), Some(step)) = (number(0), number(1), number(2)) else {
        return Ok(Item::Undefined);
    };
    let count = ((last - first) / step).floor() + 1.0;
    if step == 0.0 || !count.is_finite() || count < 1.0 {
        return Ok(Item::Undefined);
    }
    let count = if count > 1e15 { usize::MAX } else { count as usize };
    evaluator.meter.check(count.saturating_mul(RANGE_ELEMENT_BYTES))?;
    evaluator.step(count)?;
    let mut list = evaluator.sequence()?;
    list.reserve(count)?;
    for at in 0..count {
        list.push(Item::Number(first + step * at as f64))?;
    }
    Ok(list.into_item())
}

/// `$hash(text, algorithm)`: as `States.Hash`, in lower-case hexadecimal digits.
pub(super) fn hash<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (text, algorithm) = (argument(arguments, 0), argument(arguments, 1));
    let (Some(text), Some(algorithm)) = (text.as_str(), algorithm.as_str()) else {
        return Ok(Item::Undefined);
    };
    evaluator.step(text.len() / 8)?;
    let digest = match algorithm {
        "MD5" => Md5::digest(text).to_vec(),
        "SHA-1" => Sha1::digest(text).to_vec(),
        "SHA-256" => Sha256::digest(text).to_vec(),
        "SHA-384" => Sha384::digest(text).to_vec(),
        "SHA-512" => Sha512::digest(text).to_vec(),
        _ => return Ok(Item::Undefined),
    };
    let mut digits = String::with_capacity(digest.len() * 2);
    for byte in digest {
        for half in [byte >> 4, byte & 15] {
            digits.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    evaluator.text(&digits)
}

/// `$random([seed])`: from 0 up to 1; with a seed, the first number of Java's `Random` (recorded).
pub(super) fn random<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let Some(seed) = argument(arguments, 0).as_number() else {
        return super::number::random(evaluator, arguments);
    };
    Ok(Item::Number(java_random(seed as i64)))
}

/// `new java.util.Random(seed).nextDouble()`: a linear congruential generator of 48 bits.
fn java_random(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed as u64 ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        state >> (48 - bits)
    };
    let high = next(26) << 27;
    (high + next(27)) as f64 / (1_u64 << 53) as f64
}

/// `$uuid()`: version 4.
pub(super) fn uuid<'i>(evaluator: &Evaluator<'i>, _: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (high, low) = (evaluator.random_u64(), evaluator.random_u64());
    let high = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000;
    let low = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000;
    evaluator.text(&format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    ))
}

/// `$parse(text)`: the value of a JSON text.
pub(super) fn parse<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let text = argument(arguments, 0);
    let Some(text) = text.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 4)?;
    // Text of this many bytes makes at most as many values.
    evaluator.meter.check(text.len())?;
    let value = stepwell_json::parse(text).map_err(|error| Error::limit(&error.message))?;
    evaluator.import(&value)
}
