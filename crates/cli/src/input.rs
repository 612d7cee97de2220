//! JSON that the user gives: as it stands, from a file with `@`, from standard input with `-`.

use std::io::Read;

use stepwell_json::Value;
use stepwell_json::spanned::LineIndex;

use crate::definition::plain;
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
        Some(path) => (path.to_owned(), std::fs::File::open(path).and_then(read)),
        None if argument == "-" => ("standard input".to_owned(), read(std::io::stdin().lock())),
        None => return Ok(argument.to_owned()),
    };
    result.map_err(|error| Failure::usage(format_args!("can't read {source}: {}", plain(&error))))
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
    stepwell_json::parse(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line, error.column);
        let hint = if argument.starts_with('@') || argument == "-" || argument.starts_with(['{', '[', '"']) {
            ""
        } else {
            "; write @FILE to read a file, - to read standard input"
        };
        // The offset is behind what was read when it went wrong.
        let start = text[..error.offset].char_indices().next_back().map_or(0, |(at, _)| at);
        let excerpt = report::excerpt(text, &LineIndex::new(text), &(start..error.offset), RED);
        let excerpt = if excerpt.is_empty() { excerpt } else { format!("\n{}", excerpt.trim_end()) };
        Failure::usage(format_args!("{what} is not JSON: {} ({place}){hint}{excerpt}", error.message))
    })
}

fn read(source: impl Read) -> std::io::Result<String> {
    let unusable = |message: String| std::io::Error::new(std::io::ErrorKind::InvalidData, message);
    let mut bytes = Vec::new();
    source.take(INPUT_SIZE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > INPUT_SIZE_MAX_BYTES {
        return Err(unusable(format!("it is larger than {INPUT_SIZE_MAX_BYTES} bytes")));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        unusable(format!("it is not UTF-8 text: byte {} can't be read", error.utf8_error().valid_up_to()))
    })?;
    // Editors on Windows write a byte order mark.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
