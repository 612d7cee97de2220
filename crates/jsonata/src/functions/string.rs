//! Functions over strings, and the text of any value

use super::argument;
use crate::evaluate::Evaluator;
use crate::item::Item;
use crate::text::{base64, number, url};
use crate::{Dialect, Error};

pub(super) fn string<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    if value.is_undefined() || value.as_str().is_some() {
        return Ok(value);
    }
    let mut text = String::new();
    evaluator.write_string(&value, evaluator.truth(&argument(arguments, 1))?, &mut text)?;
    evaluator.text(&text)
}

impl<'i> Evaluator<'i> {
    /// The text of a value, as `$string` and `&` make it.
    pub(crate) fn write_string(&self, item: &Item<'i>, pretty: bool, out: &mut String) -> Result<(), Error> {
        if let Some(text) = item.as_str() {
            self.meter.check(out.len() + text.len())?;
            out.push_str(text);
            return Ok(());
        }
        match item {
            Item::Builtin(_) | Item::Function(_) | Item::Undefined => Ok(()),
            Item::Number(number) if !number.is_finite() => Err(Error::new("D3001")),
            // The whole input is one value, not an array around it.
            Item::List(list) if list.flags().outer_wrapper => {
                self.write_string(&item.element(0), pretty, out)
            }
            _ => self.write_json(item, if pretty { Some(0) } else { None }, out),
        }
    }

    /// JSON text as JavaScript writes it; `level` is there when it goes over several lines.
    fn write_json(&self, item: &Item<'i>, level: Option<usize>, out: &mut String) -> Result<(), Error> {
        self.step(2)?;
        self.meter.check(out.len())?;
        if let Some(text) = item.as_str() {
            self.step(text.len() / 16)?;
            write_quoted(text, out);
            return Ok(());
        }
        let new_line = |out: &mut String, level: Option<usize>| {
            if let Some(level) = level {
                out.push('\n');
                (0..level).for_each(|_| out.push_str("  "));
            }
        };
        let deeper = level.map(|level| level + 1);
        if item.is_array() {
            if item.count() == 0 {
                out.push_str("[]");
                return Ok(());
            }
            out.push('[');
            for (at, element) in item.elements().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                new_line(out, deeper);
                self.write_json(&element, deeper, out)?;
            }
            new_line(out, level);
            out.push(']');
            return Ok(());
        }
        if item.is_object() {
            let mut any = false;
            out.push('{');
            for (key, value) in item.members() {
                if value.is_undefined() {
                    continue;
                }
                out.push_str(if any { "," } else { "" });
                any = true;
                new_line(out, deeper);
                write_quoted(&key, out);
                out.push_str(if level.is_some() { ": " } else { ":" });
                self.write_json(&value, deeper, out)?;
            }
            if any {
                new_line(out, level);
            }
            out.push('}');
            return Ok(());
        }
        match item {
            Item::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Item::Builtin(_) | Item::Function(_) => out.push_str("\"\""),
            Item::Exact(exact) if exact.is_integer() && self.dialect == Dialect::StepFunctions => {
                out.push_str(&exact.to_string());
            }
            _ => match self.numeric(item)? {
                // Step Functions does not round to 15 digits as JSONata does (measured).
                Some(value) if self.dialect == Dialect::StepFunctions => {
                    out.push_str(&number::number_text(value));
                }
                Some(value) => out.push_str(&number::rounded_text(value)),
                None => out.push_str("null"),
            },
        }
        Ok(())
    }

    /// The JSON text of a value for an error.
    pub(crate) fn shown(&self, item: &Item<'i>) -> String {
        match item {
            Item::Undefined | Item::Builtin(_) | Item::Function(_) => "undefined".to_owned(),
            Item::Number(value) if value.is_finite() => number::number_text(*value),
            Item::Number(_) => "null".to_owned(),
            _ => {
                let mut text = String::new();
                match self.write_json(item, None, &mut text) {
                    Ok(()) => text,
                    Err(_) => "undefined".to_owned(),
                }
            }
        }
    }
}

/// A JSON string with the escapes of JavaScript.
fn write_quoted(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            8 => "\\b",
            12 => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// A text made of the first argument; undefined for undefined.
fn map_text<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
    make: impl FnOnce(&str) -> Result<String, Error>,
) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 4)?;
    evaluator.text(&make(text)?)
}

pub(super) fn lowercase<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| Ok(text.to_lowercase()))
}

pub(super) fn uppercase<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| Ok(text.to_uppercase()))
}

pub(super) fn base64_encode<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| Ok(base64::encode(text)))
}

pub(super) fn base64_decode<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, base64::decode)
}

pub(super) fn encode_url<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| {
        evaluator.step(text.len() / 4)?;
        url::encode_url(text)
    })
}

pub(super) fn encode_url_component<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| {
        evaluator.step(text.len() / 4)?;
        url::encode_url_component(text)
    })
}

pub(super) fn decode_url<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, url::decode_url)
}

pub(super) fn decode_url_component<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, url::decode_url_component)
}

/// Runs of white space become one blank each; none is left at the ends.
pub(super) fn trim<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    map_text(evaluator, arguments, |text| {
        let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        Ok(words.collect::<Vec<_>>().join(" "))
    })
}

pub(super) fn length<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 64)?;
    Ok(Item::Number(text.chars().count() as f64))
}

/// The byte offset of a character.
fn offset(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

pub(super) fn substring<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 16)?;
    let count = text.chars().count() as f64;
    let given = argument(arguments, 1).as_number();
    let mut start = given.unwrap_or(0.0);
    if count + start < 0.0 {
        start = 0.0;
    }
    // A place as JavaScript's slice takes it: cut to a whole number, from the end when negative.
    let place = |number: f64| {
        let whole = number.trunc();
        // "Not a number" is the first place.
        if whole < 0.0 { (count + whole).max(0.0) as usize } else { whole.clamp(0.0, count) as usize }
    };
    let first = place(start);
    let last = match argument(arguments, 2).as_number() {
        // A length counts from the start, so without one nothing is left.
        Some(length) if length <= 0.0 || given.is_none() => return evaluator.text(""),
        Some(length) => place(if start >= 0.0 { start + length } else { count + start + length }),
        None => count as usize,
    };
    let from = offset(text, first);
    let to = if last <= first { from } else { from + offset(&text[from..], last - first) };
    evaluator.text(&text[from..to])
}

pub(super) fn substring_before<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    let (value, mark) = (argument(arguments, 0), argument(arguments, 1));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 16)?;
    match mark.as_str().and_then(|mark| text.find(mark)) {
        Some(at) => evaluator.text(&text[..at]),
        None => Ok(value),
    }
}

pub(super) fn substring_after<'i>(
    evaluator: &Evaluator<'i>,
    arguments: &[Item<'i>],
) -> Result<Item<'i>, Error> {
    let (value, mark) = (argument(arguments, 0), argument(arguments, 1));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    evaluator.step(text.len() / 16)?;
    match mark.as_str().and_then(|mark| text.find(mark).map(|at| at + mark.len())) {
        Some(at) => evaluator.text(&text[at..]),
        None => Ok(value),
    }
}

pub(super) fn pad<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (value, width, filler) = (argument(arguments, 0), argument(arguments, 1), argument(arguments, 2));
    let Some(text) = value.as_str() else { return Ok(Item::Undefined) };
    let filler = filler.as_str().filter(|filler| !filler.is_empty()).unwrap_or(" ");
    let width = width.as_number().unwrap_or(0.0);
    let missing = (width.abs() - text.chars().count() as f64).floor();
    if missing < 1.0 || !missing.is_finite() {
        return Ok(value);
    }
    // The padding is checked before it is made: a width may be anything.
    evaluator.meter.check(if missing > 1e15 { usize::MAX } else { missing as usize })?;
    evaluator.step(missing as usize / 4)?;
    let padding: String = filler.chars().cycle().take(missing as usize).collect();
    evaluator.text(&if width > 0.0 { format!("{text}{padding}") } else { format!("{padding}{text}") })
}

pub(super) fn join<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (array, separator) = (argument(arguments, 0), argument(arguments, 1));
    if array.is_undefined() {
        return Ok(Item::Undefined);
    }
    let separator = separator.as_str().unwrap_or_default();
    let length = |element: Item<'i>| element.as_str().map_or(0, str::len) + separator.len();
    let bytes: usize = array.elements().map(length).sum();
    evaluator.step(array.count() + bytes / 64)?;
    evaluator.meter.check(bytes)?;
    let mut text = String::with_capacity(bytes);
    for (at, element) in array.elements().enumerate() {
        if at > 0 {
            text.push_str(separator);
        }
        text.push_str(element.as_str().unwrap_or_default());
    }
    evaluator.text(&text)
}
