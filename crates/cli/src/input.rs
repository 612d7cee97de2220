//! JSON that the user gives: as it stands, from a file with `@`, from standard input with `-`.

use std::io::Read;

use crate::definition::plain;
use crate::failure::Failure;

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
    match stepwell_json::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let place = format!("line {}, column {}", error.line, error.column);
            let hint =
                if argument.starts_with('@') || argument == "-" || argument.starts_with(['{', '[', '"']) {
                    ""
                } else {
                    "; write @FILE to read a file, - to read standard input"
                };
            Err(Failure::usage(format_args!("the input is not JSON: {} ({place}){hint}", error.message)))
        }
    }
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(INPUT_SIZE_MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > INPUT_SIZE_MAX_BYTES {
        let message = format!("it is larger than {INPUT_SIZE_MAX_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}
