//! Functions that take regular expressions

use super::argument;
use crate::Error;
use crate::evaluate::{Evaluator, Found};
use crate::item::{Item, Record};

/// The limit on a number of matches: none, or how many at most.
fn limit<'i>(
    evaluator: &Evaluator<'i>,
    item: &Item<'i>,
    code: &'static str,
    index: usize,
) -> Result<Option<f64>, Error> {
    match item.as_number() {
        Some(limit) if limit < 0.0 => Err(Error::new(code).index(index).value(evaluator.shown(item))),
        other => Ok(other),
    }
}

fn is_within(limit: Option<f64>, count: usize) -> bool {
    limit.is_none_or(|limit| (count as f64) < limit)
}

/// `$match`
pub(super) fn find_matches<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    let limit = limit(evaluator, &argument(arguments, 2), "D3040", 3)?;
    let mut list = evaluator.sequence()?;
    let mut matcher = evaluator.matcher(&argument(arguments, 1), text, &value);
    let mut keys: Option<[crate::item::Key<'i>; 3]> = None;
    while is_within(limit, list.len()) {
        let Some(found) = evaluator.next_match(&mut matcher)? else { break };
        let keys = match &keys {
            Some(keys) => keys,
            None => keys.insert([
                evaluator.key_of("match")?,
                evaluator.key_of("index")?,
                evaluator.key_of("groups")?,
            ]),
        };
        let mut groups = evaluator.list()?;
        for group in &found.groups {
            groups.push(match group {
                Some(group) => evaluator.text(group)?,
                None => Item::Undefined,
            })?;
        }
        let mut record = Record::new(evaluator.meter)?;
        record.push(keys[0].clone(), evaluator.text(&found.text)?)?;
        record.push(keys[1].clone(), Item::Number(found.start as f64))?;
        record.push(keys[2].clone(), groups.into_item())?;
        list.push(record.into_item())?;
    }
    Ok(list.into_item())
}

pub(super) fn contains<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (value, token) = (argument(arguments, 0), argument(arguments, 1));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 12)?;
    if let Some(token) = token.as_str() {
        return Ok(Item::Bool(text.contains(token)));
    }
    if token.is_undefined() {
        return Ok(Item::Undefined);
    }
    let mut matcher = evaluator.matcher(&token, text, &value);
    Ok(Item::Bool(evaluator.next_match(&mut matcher)?.is_some()))
}

pub(super) fn split<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (value, separator) = (argument(arguments, 0), argument(arguments, 1));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    let limit = limit(evaluator, &argument(arguments, 2), "D3020", 3)?;
    let mut list = evaluator.list()?;
    if limit.is_some_and(|limit| limit <= 0.0) {
        return Ok(list.into_item());
    }
    if let Some(separator) = separator.as_str() {
        // As JavaScript has it, a limit counts whole pieces.
        let limit = limit.map(f64::floor);
        if separator.is_empty() {
            let mut buffer = [0; 4];
            for character in text.chars() {
                if !is_within(limit, list.len()) {
                    break;
                }
                evaluator.step(4)?;
                list.push(evaluator.text(character.encode_utf8(&mut buffer))?)?;
            }
        } else {
            for piece in text.split(separator) {
                if !is_within(limit, list.len()) {
                    break;
                }
                evaluator.step(4 + piece.len() / 16)?;
                list.push(evaluator.text(piece)?)?;
            }
        }
        return Ok(list.into_item());
    }
    let mut matcher = evaluator.matcher(&separator, text, &value);
    let mut from = 0;
    while is_within(limit, list.len()) {
        let Some(found) = evaluator.next_match(&mut matcher)? else { break };
        let (start, end) = found.bytes(text);
        list.push(evaluator.text(text.get(from..start).unwrap_or_default())?)?;
        from = end;
    }
    if is_within(limit, list.len()) {
        list.push(evaluator.text(text.get(from..).unwrap_or_default())?)?;
    }
    Ok(list.into_item())
}

pub(super) fn replace<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (value, pattern, replacement) =
        (argument(arguments, 0), argument(arguments, 1), argument(arguments, 2));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    if pattern.as_str() == Some("") {
        return Err(Error::new("D3010").index(2).string_value(""));
    }
    let limit = limit(evaluator, &argument(arguments, 3), "D3011", 4)?;
    if limit.is_some_and(|limit| limit <= 0.0) {
        return Ok(value);
    }
    let mut result = String::new();
    let mut count = 0;
    let mut from = 0;
    if let Some(pattern) = pattern.as_str() {
        let replacement = replacement.as_str().unwrap_or_default();
        evaluator.step(text.len() / 16)?;
        while is_within(limit, count) {
            let rest = text.get(from..).unwrap_or_default();
            let Some(at) = rest.find(pattern) else { break };
            evaluator.step(1 + at / 16)?;
            result.push_str(&rest[..at]);
            result.push_str(replacement);
            evaluator.meter.check(result.len())?;
            from += at + pattern.len();
            count += 1;
        }
        result.push_str(text.get(from..).unwrap_or_default());
        return evaluator.text(&result);
    }
    let mut matcher = evaluator.matcher(&pattern, text, &value);
    while is_within(limit, count) {
        let Some(found) = evaluator.next_match(&mut matcher)? else { break };
        let (start, _) = found.bytes(text);
        result.push_str(text.get(from..start).unwrap_or_default());
        match replacement.as_str() {
            Some(replacement) => substitute(replacement, &found, &mut result),
            None => {
                let substitute = call_replacement(evaluator, &replacement, &found)?;
                match substitute.as_str() {
                    Some(text) => result.push_str(text),
                    None => return Err(Error::new("D3012").value(evaluator.shown(&substitute))),
                }
            }
        }
        evaluator.meter.check(result.len())?;
        from = start + found.text.len();
        count += 1;
    }
    result.push_str(text.get(from..).unwrap_or_default());
    evaluator.text(&result)
}

/// Calls a function with a match, to get what takes its place.
fn call_replacement<'i>(
    evaluator: &Evaluator<'i>,
    function: &Item<'i>,
    found: &Found,
) -> Result<Item<'i>, Error> {
    let mut groups = evaluator.list()?;
    for group in &found.groups {
        groups.push(match group {
            Some(group) => evaluator.text(group)?,
            None => Item::Undefined,
        })?;
    }
    let mut record = Record::new(evaluator.meter)?;
    record.push(evaluator.key_of("match")?, evaluator.text(&found.text)?)?;
    record.push(evaluator.key_of("start")?, Item::Number(found.start as f64))?;
    record.push(evaluator.key_of("end")?, Item::Number(found.end as f64))?;
    record.push(evaluator.key_of("groups")?, groups.into_item())?;
    let record = record.into_item();
    evaluator.apply(function.clone(), smallvec::smallvec![record], &Item::Null)
}

/// Copies a replacement; `$0` stands for the match, `$1` for its first group, `$$` for a dollar sign.
fn substitute(replacement: &str, found: &Found, out: &mut String) {
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        if let Some(behind) = rest.strip_prefix('0') {
            out.push_str(&found.text);
            rest = behind;
            continue;
        }
        let groups = found.groups.len();
        // As many digits as the number of groups has; one less when that names no group.
        let mut digits = groups.checked_ilog10().map_or(1, |log| log as usize + 1);
        digits = digits.min(rest.bytes().take_while(u8::is_ascii_digit).count());
        let parse = |digits: usize| rest.get(..digits).and_then(|text| text.parse::<usize>().ok());
        let mut number = parse(digits);
        if digits > 1 && number.is_some_and(|number| number > groups) {
            number = parse(digits - 1);
        }
        match number {
            Some(number) => {
                if let Some(Some(group)) = number.checked_sub(1).and_then(|at| found.groups.get(at)) {
                    out.push_str(group);
                }
                rest = &rest[number.to_string().len().min(rest.len())..];
            }
            // No group: the dollar sign stands for itself.
            None => out.push('$'),
        }
    }
    out.push_str(rest);
}
