//! `$fromMillis` and `$toMillis`: dates and times in the way of XPath's `format-dateTime`

mod calendar;
mod iso;
mod parts;
mod read;
mod write;

#[cfg(test)]
mod tests;

use self::calendar::{FARTHEST, Moment};
use self::write::Offset;
use super::integer::parse_int;
use crate::Error;
use crate::text::number::number_text;

/// How a time is written where no picture is given
const ISO_8601: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

/// Writes a point in time (milliseconds since 1970 in UTC) as a picture shows, or as ISO 8601. The time zone is a distance
/// from UTC: `+0100`.
///
/// # Errors
/// `D3110` for a time that dates don't reach, or a time zone that is none; `D3130` to `D3135` for a bad picture.
pub(crate) fn from_millis(
    millis: f64,
    picture: Option<&str>,
    timezone: Option<&str>,
) -> Result<String, Error> {
    let parts = parts::parse(picture.unwrap_or(ISO_8601))?;
    let offset = timezone.map_or(Ok(Offset::default()), offset)?;
    let moved = (millis + ((offset.hours * 60 + offset.minutes) * 60_000) as f64).trunc();
    if !(-FARTHEST..=FARTHEST).contains(&moved) {
        let text = format!("The fromMillis function can't write a time so far away: {}", number_text(millis));
        return Err(Error::with_message("D3110", &text));
    }
    write::write(Moment::new(moved as i64), offset, &parts)
}

/// Reads a time as a picture shows, or as ISO 8601: milliseconds since 1970 in UTC. None if the text doesn't fit the picture;
/// `NaN` for a date that doesn't exist. What is above the largest part given is taken from `now_millis`.
///
/// # Errors
/// `D3110` without a picture for a text that is no ISO 8601 timestamp; `D3130` to `D3136` for a bad picture, or for parts that
/// make no date.
pub(crate) fn to_millis(text: &str, picture: Option<&str>, now_millis: i64) -> Result<Option<f64>, Error> {
    let Some(picture) = picture else {
        return iso::parse(text).map(Some).ok_or_else(|| Error::new("D3110").string_value(text));
    };
    let now = now_millis.clamp(-(FARTHEST as i64), FARTHEST as i64);
    read::read(text, &parts::parse(picture)?, Moment::new(now))
}

/// Reads `+hhmm`. The reference rounds hours down, so that `-0130` is two and a half hours behind UTC; so do we.
fn offset(text: &str) -> Result<Offset, Error> {
    let number = parse_int(text);
    if number.is_nan() || number.abs() > 1e9 {
        let text = format!("The timezone must be a number of hours and minutes such as +0100. Given {text}");
        return Err(Error::with_message("D3110", &text));
    }
    let number = number as i64;
    Ok(Offset { hours: number.div_euclid(100), minutes: number % 100 })
}
