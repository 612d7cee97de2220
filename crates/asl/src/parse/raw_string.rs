//! From a place in a string to its place in the definition text, where escapes take more room.

use std::cell::OnceCell;
use std::ops::Range;

/// A JSON string as it stands in the text, quotes included.
pub(super) struct RawString<'a> {
    raw: &'a str,
    /// For each byte of the string and for its end the place in `raw`; none where there is no escape. Made when the
    /// first place is asked for, once: a string may have as many places as bytes.
    places: OnceCell<Option<Vec<usize>>>,
}

impl<'a> RawString<'a> {
    pub(super) fn new(raw: &'a str) -> RawString<'a> {
        RawString { raw, places: OnceCell::new() }
    }

    /// Where bytes of the string stand in its raw text.
    pub(super) fn range(&self, range: Range<usize>) -> Range<usize> {
        let at = |offset: usize| match self.places.get_or_init(|| places(self.raw)) {
            None => (offset + 1).min(self.raw.len()),
            Some(places) => places.get(offset).or(places.last()).copied().unwrap_or(0),
        };
        at(range.start)..at(range.end)
    }
}

fn places(raw: &str) -> Option<Vec<usize>> {
    if !raw.contains('\\') {
        return None;
    }
    let mut places = Vec::with_capacity(raw.len());
    let mut at = 1;
    while at + 1 < raw.len() {
        let (raw_length, length) = character(&raw[at..]);
        places.resize(places.len() + length, at);
        at += raw_length;
    }
    places.push(at);
    Some(places)
}

/// Bytes of the first character of a raw string, raw and decoded.
fn character(raw: &str) -> (usize, usize) {
    let Some(escaped) = raw.strip_prefix('\\') else {
        let length = raw.chars().next().map_or(0, char::len_utf8);
        return (length, length);
    };
    if !escaped.starts_with('u') {
        return (2, 1);
    }
    let unit = |raw: &str| raw.get(2..6).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
    match unit(raw) {
        // The first half of a surrogate pair; the second has an escape of its own.
        0xD800..=0xDBFF => (12, 4),
        code => (6, char::from_u32(code).map_or(3, char::len_utf8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_string_is_found_in_its_text() {
        let raw = r#""a\"é\u00e9\n\ud83d\ude00\\z""#;
        let decoded = "a\"éé\n\u{1F600}\\z";
        let string = RawString::new(raw);
        for (text, expected) in [
            ("a", "a"),
            ("\"", "\\\""),
            ("é", "é"),
            ("\n", "\\n"),
            ("\u{1F600}", "\\ud83d\\ude00"),
            ("\\", "\\\\"),
            ("z", "z"),
        ] {
            let start = decoded.find(text).unwrap();
            assert_eq!(expected, &raw[string.range(start..start + text.len())]);
        }
        assert_eq!(r#"\u00e9\n"#, &raw[string.range(4..7)]);
        assert_eq!("abc", &"\"abc\""[RawString::new("\"abc\"").range(0..3)]);
    }
}
