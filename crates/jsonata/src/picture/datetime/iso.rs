//! Reading ISO 8601 texts, as JavaScript's `Date.parse` does

use super::calendar::{DAY, days_since_1970};

/// What an ISO 8601 text has in it
#[derive(Default)]
struct Timestamp {
    year: i64,
    /// Numbers with a hyphen: month and day, if all is well
    numbers: Vec<i64>,
    /// Hour, minute and second: once, if all is well
    times: Vec<[i64; 3]>,
    /// Milliseconds, cut off behind the third digit
    fraction: Option<i64>,
    zone: Option<Zone>,
}

enum Zone {
    Utc,
    Minutes { hours: i64, minutes: i64, sign: i64 },
}

/// Milliseconds since 1970, in UTC where the text doesn't say; `NaN` for a date that doesn't exist, none for a text that
/// is no ISO 8601 timestamp.
pub(super) fn parse(text: &str) -> Option<f64> {
    Some(Timestamp::parse(text.as_bytes())?.millis().map_or(f64::NAN, |millis| millis as f64))
}

/// Two digits at the start, the first at most `most`, and what is behind them
fn two_digits(text: &[u8], most: u8) -> Option<(i64, &[u8])> {
    match text {
        [first @ b'0'..=b'9', second @ b'0'..=b'9', rest @ ..] if *first <= most => {
            Some((i64::from(first - b'0') * 10 + i64::from(second - b'0'), rest))
        }
        _ => None,
    }
}

impl Timestamp {
    fn parse(text: &[u8]) -> Option<Timestamp> {
        let (century, rest) = two_digits(text, b'9')?;
        let (year, mut rest) = two_digits(rest, b'9')?;
        let mut timestamp = Timestamp { year: century * 100 + year, ..Timestamp::default() };
        while let Some((number, behind)) = rest.strip_prefix(b"-").and_then(|rest| two_digits(rest, b'3')) {
            // Two more digits, maybe behind a colon, make it a distance from UTC
            if matches!(behind, [b':' | b'0'..=b'9', ..]) {
                break;
            }
            timestamp.numbers.push(number);
            rest = behind;
        }
        while let Some(behind) = rest.strip_prefix(b"T") {
            let (hour, behind) = two_digits(behind, b'2')?;
            let (minute, behind) = two_digits(behind.strip_prefix(b":")?, b'5')?;
            let (second, behind) = two_digits(behind.strip_prefix(b":")?, b'5')?;
            timestamp.times.push([hour, minute, second]);
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix(b".") {
            let digits: Vec<u8> = behind.iter().copied().take_while(u8::is_ascii_digit).collect();
            let padded = digits.iter().copied().chain([b'0', b'0']).take(3);
            timestamp.fraction = Some(padded.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
            rest = behind.get(digits.len()..).filter(|_| !digits.is_empty())?;
        }
        timestamp.zone = match rest {
            [] => None,
            [b'Z'] => Some(Zone::Utc),
            [sign @ (b'+' | b'-'), behind @ ..] => {
                let (hours, behind) = two_digits(behind, b'2')?;
                let (minutes, behind) = two_digits(behind.strip_prefix(b":").unwrap_or(behind), b'5')?;
                if !behind.is_empty() {
                    return None;
                }
                Some(Zone::Minutes { hours, minutes, sign: if *sign == b'-' { -1 } else { 1 } })
            }
            _ => return None,
        };
        Some(timestamp)
    }

    /// None for a date or time that JavaScript doesn't take.
    fn millis(&self) -> Option<i64> {
        let (month, day) = match *self.numbers.as_slice() {
            [] => (1, 1),
            [month] => (month, 1),
            [month, day] => (month, day),
            _ => return None,
        };
        // Every month may have 31 days; those that are too many go on in the next month
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let [hour, minute, second] = match *self.times.as_slice() {
            [] if self.fraction.is_some() => return None,
            [] => [0; 3],
            [time] => time,
            _ => return None,
        };
        let fraction = self.fraction.unwrap_or_default();
        if hour > 24 || (hour == 24 && (minute, second, fraction) != (0, 0, 0)) {
            return None;
        }
        let zone = match self.zone {
            Some(Zone::Minutes { .. }) if self.times.is_empty() => return None,
            Some(Zone::Minutes { hours, .. }) if hours > 23 => return None,
            Some(Zone::Minutes { hours, minutes, sign }) => sign * (hours * 60 + minutes),
            Some(Zone::Utc) | None => 0,
        };
        let minutes = hour * 60 + minute - zone;
        Some(days_since_1970(self.year, month, day) * DAY + minutes * 60_000 + second * 1000 + fraction)
    }
}
