//! `Ref::name` in the command of a Batch job.

use std::collections::BTreeMap;

const MARK: &str = "Ref::";

/// The word with each `Ref::name` replaced by the parameter. One that has no value stays as it is, as on AWS.
pub(crate) fn substitute(word: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once(MARK) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let end = after.bytes().position(|byte| !is_name(byte)).unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        text.push_str(before);
        match parameters.get(name) {
            Some(value) => text.push_str(value),
            None => {
                text.push_str(MARK);
                text.push_str(name);
            }
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_replace_references() {
        let parameters = [("day", "monday"), ("in-file", "a b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (word, expected) in [
            ("Ref::day", "monday"),
            ("--in=Ref::in-file", "--in=a b"),
            ("Ref::day/Ref::day", "monday/monday"),
            ("Ref::none", "Ref::none"),
            ("Ref::", "Ref::"),
            ("plain", "plain"),
            ("Ref::Ref::day", "Ref::Ref::day"),
        ] {
            assert_eq!(substitute(word, &parameters), expected, "{word}");
        }
    }
}
