//! What a scalar of YAML is in JSON, by the core schema of YAML 1.2.

use std::borrow::Cow;

use saphyr_parser::{ScalarStyle, Tag};

use super::yaml::Dialect;

/// A scalar.
pub(super) enum Scalar {
    String(String),
    /// `null`, `true`, `false` or a number, as JSON writes it.
    Word(String),
}

/// The name of a tag of YAML's own schema, such as `str` for `!!str`.
pub(super) fn core_tag(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

/// A tag as it is written.
pub(super) fn tag_name(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

/// What is said of a tag that nobody knows.
pub(super) fn unknown_tag(tag: Option<&Tag>, dialect: Dialect) -> String {
    let name = tag.map(tag_name).unwrap_or_default();
    format!("the tag {name} has no meaning in a {}; write the value itself", dialect.name())
}

/// What a scalar is in JSON, by the core schema of YAML 1.2.
pub(super) fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    dialect: Dialect,
) -> Result<Scalar, String> {
    let tag = match tag {
        None => None,
        Some(tag) => Some(core_tag(tag).ok_or_else(|| unknown_tag(Some(tag), dialect))?),
    };
    match tag {
        Some("str") => return Ok(Scalar::String(text.into_owned())),
        Some("null" | "bool" | "int" | "float") => {
            return match plain_scalar(&text)? {
                Some(word) => Ok(Scalar::Word(word)),
                None => Err(format!("{text:?} is not what its tag !!{} says", tag.unwrap_or_default())),
            };
        }
        Some(other) => return Err(format!("the tag !!{other} has no meaning in a {}", dialect.name())),
        None => {}
    }
    if style != ScalarStyle::Plain {
        return Ok(Scalar::String(text.into_owned()));
    }
    Ok(match plain_scalar(&text)? {
        Some(word) => Scalar::Word(word),
        None => Scalar::String(text.into_owned()),
    })
}

/// The JSON word for a plain scalar that is not a string.
fn plain_scalar(text: &str) -> Result<Option<String>, String> {
    let word = match text {
        "" | "~" | "null" | "Null" | "NULL" => "null".to_owned(),
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        _ => return number(text),
    };
    Ok(Some(word))
}

fn number(text: &str) -> Result<Option<String>, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("JSON has no number {text}; quote it if it is meant as text"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| !digits.is_empty()) {
            if !digits.chars().all(|digit| digit.is_digit(radix)) {
                return Ok(None);
            }
            return i64::from_str_radix(digits, radix)
                .map(|value| Some(value.to_string()))
                .map_err(|_| format!("the number {text} is too large"));
        }
    }
    if !is_decimal(unsigned) {
        return Ok(None);
    }
    Ok(Some(json_number(text, unsigned)))
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, each with an exponent or without.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}

/// A decimal as JSON writes it: no plus sign, no leading zeros, digits on both sides of the point.
fn json_number(text: &str, unsigned: &str) -> String {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => unsigned.split_at(at),
        None => (unsigned, ""),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, "")) => (whole, Some("0")),
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let sign = if text.starts_with('-') { "-" } else { "" };
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    format!("{sign}{whole}{fraction}{exponent}")
}
