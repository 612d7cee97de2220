//! Differences of two JSON values, each with its place.

use stepwell_json::Value;

/// Differences that are told of one value.
const DIFFERENCES_MAX: usize = 50;

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// JSON Pointer to it; empty for the whole value.
    pub pointer: String,
    /// What differs.
    pub change: Change,
}

/// What differs at one place.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Another value.
    Other {
        /// What should be there.
        expected: Value,
        /// What is there.
        actual: Value,
    },
    /// Nothing is there.
    Missing {
        /// What should be there.
        expected: Value,
    },
    /// Something is there that should not be.
    Unexpected {
        /// What is there.
        actual: Value,
    },
}

/// The differences between what is expected and what is there, in the order of the expected value; numbers are equal
/// when their values are, and the order of members does not matter. `is_partial` allows members that are not expected.
#[must_use]
pub fn compare(expected: &Value, actual: &Value, is_partial: bool) -> Vec<Difference> {
    let mut comparison = Comparison { is_partial, pointer: String::new(), differences: Vec::new() };
    comparison.value(expected, actual);
    comparison.differences
}

/// Whether there is no difference.
pub(crate) fn matches(expected: &Value, actual: &Value, is_partial: bool) -> bool {
    if is_partial { compare(expected, actual, true).is_empty() } else { expected == actual }
}

struct Comparison {
    is_partial: bool,
    pointer: String,
    differences: Vec<Difference>,
}

impl Comparison {
    fn value(&mut self, expected: &Value, actual: &Value) {
        match (expected, actual) {
            _ if self.differences.len() >= DIFFERENCES_MAX => {}
            (Value::Object(expected), Value::Object(actual)) => {
                for (key, value) in expected.iter() {
                    self.within(key, |comparison| match actual.get(key) {
                        Some(actual) => comparison.value(value, actual),
                        None => comparison.note(Change::Missing { expected: value.clone() }),
                    });
                }
                if !self.is_partial {
                    for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(key)) {
                        self.within(key, |comparison| {
                            comparison.note(Change::Unexpected { actual: value.clone() });
                        });
                    }
                }
            }
            (Value::Array(expected), Value::Array(actual)) => {
                for at in 0..expected.items().len().max(actual.items().len()) {
                    let pair = (expected.items().get(at), actual.items().get(at));
                    self.within(&at.to_string(), |comparison| match pair {
                        (Some(expected), Some(actual)) => comparison.value(expected, actual),
                        (Some(expected), None) => {
                            comparison.note(Change::Missing { expected: expected.clone() });
                        }
                        (None, Some(actual)) => {
                            comparison.note(Change::Unexpected { actual: actual.clone() });
                        }
                        (None, None) => {}
                    });
                }
            }
            _ if expected == actual => {}
            _ => self.note(Change::Other { expected: expected.clone(), actual: actual.clone() }),
        }
    }

    fn within(&mut self, key: &str, compare: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        compare(self);
        self.pointer.truncate(length);
    }

    fn note(&mut self, change: Change) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference { pointer: self.pointer.clone(), change });
        }
    }
}

/// A text of at most so many characters: its beginning, and how much more there is.
#[must_use]
pub fn shorten(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(expected: &str, actual: &str, is_partial: bool) -> Vec<String> {
        let value = |text| stepwell_json::parse(text).expect("JSON");
        compare(&value(expected), &value(actual), is_partial)
            .into_iter()
            .map(|difference| match difference.change {
                Change::Other { expected, actual } => format!("{} {expected} {actual}", difference.pointer),
                Change::Missing { expected } => format!("{} -{expected}", difference.pointer),
                Change::Unexpected { actual } => format!("{} +{actual}", difference.pointer),
            })
            .collect()
    }

    #[test]
    fn every_difference_has_its_place() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("1", "1.0", &[]),
            ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", &[]),
            ("1", "\"1\"", &[" 1 \"1\""]),
            ("{\"a\":{\"b/c\":[1,2]}}", "{\"a\":{\"b/c\":[1,3]}}", &["/a/b~1c/1 2 3"]),
            ("{\"a\":1}", "{\"b\":1}", &["/a -1", "/b +1"]),
            ("[1,2]", "[1]", &["/1 -2"]),
            ("[1]", "[1,null]", &["/1 +null"]),
            ("{\"a\":null}", "{}", &["/a -null"]),
            ("[]", "{}", &[" [] {}"]),
        ];
        for (expected, actual, found) in cases {
            assert_eq!(differences(expected, actual, false), *found, "{expected} {actual}");
        }
    }

    #[test]
    fn a_part_may_leave_members_out_at_any_depth_but_not_elements() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("{}", "{\"a\":1}", &[]),
            ("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":2},\"d\":3}", &[]),
            ("[{\"a\":1}]", "[{\"a\":1,\"b\":2}]", &[]),
            ("[{\"a\":1}]", "[{\"a\":1},{}]", &["/1 +{}"]),
            ("{\"a\":1}", "{\"a\":2,\"b\":3}", &["/a 1 2"]),
            ("{\"a\":1}", "{\"b\":3}", &["/a -1"]),
        ];
        for (expected, actual, found) in cases {
            assert_eq!(differences(expected, actual, true), *found, "{expected} {actual}");
        }
    }

    #[test]
    fn the_number_of_differences_is_bounded() {
        let zeros = format!("[{}]", vec!["0"; 500].join(","));
        let ones = format!("[{}]", vec!["1"; 500].join(","));
        assert_eq!(differences(&zeros, &ones, false).len(), DIFFERENCES_MAX);
    }
}
