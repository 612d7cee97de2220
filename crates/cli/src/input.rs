//! JSON that the user gives: as it stands, from a file with `@`, from standard input with `-` or, as in curl, `@-`.

use std::io::Read;

use stepwell_json::spanned::LineIndex;
use stepwell_json::{Value, without_source};

use crate::definition::{plain, without_byte_order_mark};
use crate::failure::Failure;
use crate::output::RED;
use crate::report;

/// More is not read: AWS takes 256 KiB, and the server refuses what is longer in its own words.
const INPUT_SIZE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The text that an argument stands for.
///
/// # Errors
/// The file or standard input can't be read, or is not UTF-8.
pub(crate) fn text(argument: &str) -> Result<String, Failure> {
    let (source, result) = match argument.strip_prefix('@') {
        Some("-") => ("standard input", standard_input()),
        Some(path) => (path, std::fs::File::open(path).and_then(read)),
        None if argument == "-" => ("standard input", standard_input()),
        None => return Ok(argument.to_owned()),
    };
    result.map_err(|error| Failure::usage(format_args!("can't read {source}: {}", plain(&error))))
}

/// The text that standard input brings.
///
/// # Errors
/// It can't be read, is not UTF-8, or longer than anything that is taken.
pub(crate) fn standard_input() -> std::io::Result<String> {
    read(std::io::stdin().lock())
}

/// Whether an argument stands for what standard input brings.
pub(crate) fn is_standard_input(argument: &str) -> bool {
    matches!(argument, "-" | "@-")
}

/// As [`text`], and the text must be JSON.
///
/// # Errors
/// As [`text`]; or the text is not JSON, with the place.
pub(crate) fn json(argument: &str) -> Result<String, Failure> {
    let text = text(argument)?;
    parse("the input", argument, &text)?;
    Ok(text)
}

/// The value that an argument stands for. `what` names the argument in errors.
///
/// # Errors
/// As [`json`].
pub(crate) fn value(what: &str, argument: &str) -> Result<Value, Failure> {
    parse(what, argument, &text(argument)?)
}

fn parse(what: &str, argument: &str, text: &str) -> Result<Value, Failure> {
    let what = match argument.strip_prefix('@') {
        Some(path) if path != "-" => format!("{what} in {path}"),
        _ => what.to_owned(),
    };
    let hint = if argument.starts_with(['@', '{', '[', '"']) || argument == "-" {
        ""
    } else {
        "; write @FILE to read a file, - to read standard input"
    };
    if text.trim().is_empty() {
        return Err(Failure::usage(format_args!("{what} is not JSON: it is empty{hint}")));
    }
    stepwell_json::parse(text).map_err(|error| {
        // The offset is behind what was read when it went wrong.
        let start = text[..error.offset].char_indices().next_back().map_or(0, |(at, _)| at);
        let lines = LineIndex::new(text);
        let (line, column) = lines.line_and_column(start);
        let message = without_source(&error.message, text);
        let excerpt = report::excerpt(text, &lines, &(start..error.offset), RED);
        let excerpt = if excerpt.is_empty() { excerpt } else { format!("\n{}", excerpt.trim_end()) };
        Failure::usage(format_args!(
            "{what} is not JSON: {message} (line {line}, column {column}){hint}{excerpt}"
        ))
    })
}

fn read(source: impl Read) -> std::io::Result<String> {
    let unusable = |message: String| std::io::Error::new(std::io::ErrorKind::InvalidData, message);
    let mut bytes = Vec::new();
    source.take(INPUT_SIZE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > INPUT_SIZE_MAX_BYTES {
        return Err(unusable(format!("it is larger than {INPUT_SIZE_MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        unusable(format!("it is not UTF-8 text: byte {} can't be read", error.utf8_error().valid_up_to()))
    })?;
    Ok(without_byte_order_mark(text))
}
