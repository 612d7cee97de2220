//! Functions over texts: Format, StringSplit, Base64, Hash, UUID.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use stepwell_json::Value;

use super::{Problem, TEXT_CHARACTERS_MAX, check_size};

/// `States.Format` with a template that stands in the definition.
pub(super) fn format(pieces: &[String], values: &[Value]) -> Result<Value, Problem> {
    if pieces.len() != values.len() + 1 {
        return Err(format!(
            "The template has {} placeholders, but there are {} values",
            pieces.len().saturating_sub(1),
            values.len()
        ));
    }
    let mut text = String::new();
    for (position, piece) in pieces.iter().enumerate() {
        text.push_str(piece);
        if let Some(value) = values.get(position) {
            check_size(text.len().saturating_add(value.text_size()))?;
            write_plain(value, &mut text);
        }
    }
    Ok(Value::from(text))
}

/// `States.Format` with a template out of the data: its escapes are those of literals, and other backslashes
/// stay.
pub(super) fn format_text(template: &Value, values: &[Value]) -> Result<Value, Problem> {
    let Some(template) = template.as_str() else {
        return Err(format!("The template of States.Format must be a string, not {}", template.type_name()));
    };
    let mut pieces = vec![String::new()];
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        let literal = match (character, characters.peek()) {
            ('{', Some('}')) => {
                characters.next();
                pieces.push(String::new());
                continue;
            }
            ('\\', Some(escaped @ ('\'' | '{' | '}' | '\\'))) => {
                let escaped = *escaped;
                characters.next();
                escaped
            }
            _ => character,
        };
        if let Some(piece) = pieces.last_mut() {
            piece.push(literal);
        }
    }
    format(&pieces, values)
}

/// Writes a value as AWS formats it: strings without quotes, arrays and objects as Java prints lists and maps.
fn write_plain(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push_str(", ");
                }
                write_plain(item, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            text.push('{');
            for (position, (key, member)) in object.iter().enumerate() {
                if position > 0 {
                    text.push_str(", ");
                }
                text.push_str(key);
                text.push('=');
                write_plain(member, text);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_text()),
    }
}

/// `States.StringSplit`: every character of `delimiters` is one; empty pieces are dropped.
pub(super) fn split(value: &Value, delimiters: &Value) -> Result<Value, Problem> {
    let (Some(text), Some(delimiters)) = (value.as_str(), delimiters.as_str()) else {
        return Err("States.StringSplit needs two strings".to_owned());
    };
    let pieces: Vec<Value> = text
        .split(|character| delimiters.contains(character))
        .filter(|piece| !piece.is_empty())
        .map(Value::from)
        .collect();
    Ok(Value::from(pieces))
}

fn limited<'a>(value: &'a Value, function: &str) -> Result<&'a str, Problem> {
    let Some(text) = value.as_str() else {
        return Err(format!("{function} needs a string, not {}", value.type_name()));
    };
    check_length(text, function)?;
    Ok(text)
}

fn check_length(text: &str, function: &str) -> Result<(), Problem> {
    if text.len() > TEXT_CHARACTERS_MAX && text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(format!("{function} takes at most {TEXT_CHARACTERS_MAX} characters"));
    }
    Ok(())
}

/// Base64 as Java's decoder reads it: padding may be missing, and bits that are left over count for nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `States.Base64Encode`.
pub(super) fn base64_encode(value: &Value) -> Result<Value, Problem> {
    Ok(Value::from(STANDARD.encode(limited(value, "States.Base64Encode")?)))
}

/// `States.Base64Decode`.
pub(super) fn base64_decode(value: &Value) -> Result<Value, Problem> {
    let bytes = LENIENT
        .decode(limited(value, "States.Base64Decode")?)
        .map_err(|error| format!("The string is not Base64: {error}"))?;
    // As Java decodes bytes: what is not UTF-8 becomes U+FFFD.
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `States.Hash`, in lower-case hexadecimal digits. Data that is no string is hashed as its JSON text.
pub(super) fn hash(value: &Value, algorithm: &Value) -> Result<Value, Problem> {
    let json_text;
    let data = match value.as_str() {
        Some(text) => text,
        None => {
            check_size(value.text_size())?;
            json_text = value.to_text();
            &json_text
        }
    };
    check_length(data, "States.Hash")?;
    let digest = match algorithm.as_str() {
        Some("MD5") => Md5::digest(data).to_vec(),
        Some("SHA-1") => Sha1::digest(data).to_vec(),
        Some("SHA-256") => Sha256::digest(data).to_vec(),
        Some("SHA-384") => Sha384::digest(data).to_vec(),
        Some("SHA-512") => Sha512::digest(data).to_vec(),
        _ => {
            return Err(format!(
                "{} is not one of MD5, SHA-1, SHA-256, SHA-384 and SHA-512",
                algorithm.to_text()
            ));
        }
    };
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Value::from(text))
}

/// `States.UUID`: version 4, of 128 random bits.
pub(super) fn uuid(high: u64, low: u64) -> Value {
    let high = (high & !0xF000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    Value::from(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    ))
}
