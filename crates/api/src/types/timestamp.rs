//! Points in time.

use crate::json_writer::{ToJson, write_integer};

/// A point in time on the wire: a JSON number, seconds since 1970 with at most three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub milliseconds: i64,
}

impl Timestamp {
    /// The point in time that many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_milliseconds(milliseconds: i64) -> Timestamp {
        Timestamp { milliseconds }
    }
}

impl From<i64> for Timestamp {
    fn from(milliseconds: i64) -> Timestamp {
        Timestamp { milliseconds }
    }
}

impl ToJson for Timestamp {
    fn write_json(&self, out: &mut Vec<u8>) {
        if self.milliseconds < 0 {
            out.push(b'-');
        }
        let magnitude = self.milliseconds.unsigned_abs();
        // An i64 of milliseconds has far fewer seconds than an i64 holds.
        write_integer((magnitude / 1000) as i64, out);
        let fraction = (magnitude % 1000) as u16;
        if fraction != 0 {
            let digits = [
                b'0' + (fraction / 100) as u8,
                b'0' + (fraction / 10 % 10) as u8,
                b'0' + (fraction % 10) as u8,
            ];
            let length = if digits[2] != b'0' {
                3
            } else if digits[1] != b'0' {
                2
            } else {
                1
            };
            out.push(b'.');
            out.extend_from_slice(&digits[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_at_most_three_decimals() {
        for (milliseconds, expected) in [
            (1_700_000_000_123, "1700000000.123"),
            (1_700_000_000_120, "1700000000.12"),
            (1_700_000_000_100, "1700000000.1"),
            (1_700_000_000_001, "1700000000.001"),
            (1_700_000_000_000, "1700000000"),
            (0, "0"),
            (-1500, "-1.5"),
            (-1, "-0.001"),
        ] {
            let text = String::from_utf8(Timestamp::from(milliseconds).to_json()).unwrap();
            assert_eq!(text, expected);
        }
    }
}
