//! Instants and the RFC 3339 profile of the language: an upper-case `T`, an upper-case `Z` or a numeric offset.

use std::fmt::Write;

/// A point in time, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// Nanoseconds since the epoch, negative before it.
    pub nanoseconds: i128,
}

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Instant {
    /// Whole seconds since the epoch, rounded down: the Wait state cuts timestamps to seconds.
    pub fn seconds(self) -> i64 {
        // Years are limited to four digits, so this always fits.
        i64::try_from(self.nanoseconds.div_euclid(NANOSECONDS_PER_SECOND)).unwrap_or(i64::MAX)
    }
}

/// Reads a timestamp in the language's profile of RFC 3339; none for anything else: no zone, a space or lower
/// case `t` in the middle, a lower-case `z`, a day that the month does not have, hour 24, second 60.
pub fn parse(text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    let mut reader = Reader { bytes, at: 0 };
    let year = i64::from(reader.digits(4)?);
    reader.expect(b'-')?;
    let month = reader.digits(2)?;
    reader.expect(b'-')?;
    let day = reader.digits(2)?;
    reader.expect(b'T')?;
    let hour = reader.digits(2)?;
    reader.expect(b':')?;
    let minute = reader.digits(2)?;
    reader.expect(b':')?;
    let second = reader.digits(2)?;
    let fraction = reader.fraction()?;
    let offset_seconds = reader.offset()?;
    if reader.at != bytes.len()
        || !(1..=12).contains(&month)
        || day == 0
        || day > days_of_month(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let seconds = days_from_epoch(year, month, day) * SECONDS_PER_DAY
        + i64::from(hour) * 3600
        + i64::from(minute) * 60
        + i64::from(second)
        - offset_seconds;
    Some(Instant { nanoseconds: i128::from(seconds) * NANOSECONDS_PER_SECOND + i128::from(fraction) })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn digit(&mut self) -> Option<u32> {
        let byte = self.peek().filter(u8::is_ascii_digit)?;
        self.at += 1;
        Some(u32::from(byte - b'0'))
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// Nanoseconds after an optional point. Java reads one to nine digits.
    fn fraction(&mut self) -> Option<u32> {
        if self.peek() != Some(b'.') {
            return Some(0);
        }
        self.at += 1;
        let mut nanoseconds = self.digit()? * 100_000_000;
        let mut unit = 10_000_000;
        while let Some(digit) = self.digit() {
            if unit == 0 {
                return None;
            }
            nanoseconds += digit * unit;
            unit /= 10;
        }
        Some(nanoseconds)
    }

    fn offset(&mut self) -> Option<i64> {
        let sign = match self.peek()? {
            b'Z' => {
                self.at += 1;
                return Some(0);
            }
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.at += 1;
        let hours = i64::from(self.digits(2)?);
        self.expect(b':')?;
        let minutes = i64::from(self.digits(2)?);
        // Java's limit for an offset.
        (minutes < 60 && hours * 60 + minutes <= 18 * 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days between 1970-01-01 and a date of the Gregorian calendar. Years are counted from March, so that the leap
/// day is the last of its year.
fn days_from_epoch(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = i64::from(if month <= 2 { month + 9 } else { month - 3 });
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// Year, month and day of a count of days since 1970-01-01.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Milliseconds since the epoch as the context object prints them: no fraction when there is none, else three
/// digits, as `java.time.Instant` does: `2025-08-27T10:04:42Z`, `2025-08-27T10:04:42.001Z`.
pub fn format_millis(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1_000);
    let millisecond = milliseconds.rem_euclid(1_000);
    let (year, month, day) = date_of_days(seconds.div_euclid(SECONDS_PER_DAY));
    let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let mut text = String::with_capacity(24);
    // Writing to a String can't fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if millisecond != 0 {
        let _ = write!(text, ".{millisecond:03}");
    }
    text.push('Z');
    text
}
