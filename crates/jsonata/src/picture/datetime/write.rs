//! Writing dates and times

use super::calendar::{DAYS, MONTHS, Moment};
use super::parts::{Marker, Part};
use crate::Error;
use crate::picture::integer::{Case, Grouping, IntegerPicture, Style, format_integer};

/// A distance from UTC. `-0130` has the hours -2 and the minutes -30, as the reference reads it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offset {
    pub(super) hours: i64,
    pub(super) minutes: i64,
}

/// Writes a point in time (already moved by the offset) as the parts of a picture say.
pub(super) fn write(moment: Moment, offset: Offset, parts: &[Part]) -> Result<String, Error> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Marker(marker) => text.push_str(&component(moment, offset, marker)?),
        }
    }
    Ok(text)
}

fn component(moment: Moment, offset: Offset, marker: &Marker) -> Result<String, Error> {
    let no_names = || Error::new("D3133").string_value(&marker.component.to_string());
    Ok(match marker.component {
        'P' => {
            let text = if moment.is_afternoon() { "pm" } else { "am" };
            if marker.names == Some(Case::Upper) { text.to_uppercase() } else { text.to_owned() }
        }
        'C' | 'E' => "ISO".to_owned(),
        'Z' | 'z' => zone(offset, marker)?,
        _ => {
            let Some(value) = moment.component(marker.component) else {
                // A component that isn't known, with a modifier: the reference lets it pass
                return Ok("undefined".to_owned());
            };
            match (&marker.integer, marker.names) {
                (_, Some(case)) => {
                    let names: &[&str] = match marker.component {
                        'M' | 'x' => &MONTHS,
                        'F' => &DAYS,
                        _ => return Err(no_names()),
                    };
                    name(names, value, case, marker.most_width)
                }
                (Some(integer), None) => number(value, marker, integer)?,
                (None, None) => return Err(no_names()),
            }
        }
    })
}

fn name(names: &[&str], number: i64, case: Case, most_width: Option<usize>) -> String {
    let name =
        usize::try_from(number - 1).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
    let name: String = name.chars().take(most_width.unwrap_or(usize::MAX)).collect();
    match case {
        Case::Upper => name.to_uppercase(),
        Case::Lower => name.to_lowercase(),
        Case::Title => name,
    }
}

fn number(value: i64, marker: &Marker, integer: &IntegerPicture) -> Result<String, Error> {
    let value = value as f64;
    integer.write(match marker.digits {
        Some(digits) if marker.component == 'Y' => {
            value % 10f64.powi(i32::try_from(digits).unwrap_or(i32::MAX))
        }
        _ => value,
    })
}

fn zone(offset: Offset, marker: &Marker) -> Result<String, Error> {
    let together = offset.hours * 100 + offset.minutes;
    if together == 0 && marker.is_traditional && has_supported_zone(marker) {
        return Ok("Z".to_owned());
    }
    let Some(integer) = marker.integer.as_ref().filter(|_| has_supported_zone(marker)) else {
        return Err(Error::new("D3134"));
    };
    let mut text = match &integer.style {
        Style::Decimal(decimal)
            if matches!(decimal.grouping, Grouping::Places(_)) && decimal.mandatory <= 2 =>
        {
            let mut text = integer.write(offset.hours as f64)?;
            if offset.minutes != 0 {
                text.push(':');
                text.push_str(&format_integer(offset.minutes as f64, "00")?);
            }
            text
        }
        _ => integer.write(together as f64)?,
    };
    if together >= 0 {
        text.insert(0, '+');
    }
    if marker.component == 'z' {
        text.insert_str(0, "GMT");
    }
    Ok(text)
}

/// Offsets have a regular separator, or up to four digits.
fn has_supported_zone(marker: &Marker) -> bool {
    marker.integer.as_ref().is_some_and(|integer| match &integer.style {
        Style::Decimal(decimal) => {
            matches!(decimal.grouping, Grouping::Regular(..)) || decimal.mandatory <= 4
        }
        _ => false,
    })
}
