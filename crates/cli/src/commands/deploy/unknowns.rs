//! What a template leaves open and nobody gave: all of it is told at once, with where it is used and what to write.

use std::fmt::Write;

/// Uses of one value that are shown.
const USES_SHOWN: usize = 3;

/// A value that is not known.
#[derive(Debug, PartialEq)]
struct Unknown {
    key: String,
    what: String,
    /// The value of the example line, as TOML writes it.
    example: String,
    uses: Vec<String>,
}

/// Everything that keeps templates from being deployed.
#[derive(Debug, Default)]
pub(super) struct Unknowns {
    unknowns: Vec<Unknown>,
    errors: Vec<String>,
}

impl Unknowns {
    /// A value that can be given under a key.
    pub(super) fn ask(&mut self, key: &str, what: &str, example: &str, used: String) {
        match self.unknowns.iter_mut().find(|unknown| unknown.key == key) {
            Some(unknown) if unknown.uses.contains(&used) => {}
            Some(unknown) => unknown.uses.push(used),
            None => self.unknowns.push(Unknown {
                key: key.to_owned(),
                what: what.to_owned(),
                example: example.to_owned(),
                uses: vec![used],
            }),
        }
    }

    /// Something that no value helps against: a line with its place.
    pub(super) fn error(&mut self, text: String) {
        if !self.errors.contains(&text) {
            self.errors.push(text);
        }
    }

    /// Whether nothing was noted yet.
    pub(super) fn is_empty(&self) -> bool {
        self.unknowns.is_empty() && self.errors.is_empty()
    }

    /// All of it, for people; none when there is nothing.
    pub(super) fn text(&self) -> Option<String> {
        let mut text = String::new();
        // Writing to a string can't fail.
        for (position, error) in self.errors.iter().enumerate() {
            let _ = write!(text, "{}{error}", if position == 0 { "" } else { "\n  and: " });
        }
        if self.unknowns.is_empty() {
            return (!text.is_empty()).then_some(text);
        }
        if !text.is_empty() {
            text.push_str("\n  and: ");
        }
        let _ = match self.unknowns.len() {
            1 => write!(text, "1 value is not known:"),
            count => write!(text, "{count} values are not known:"),
        };
        for unknown in &self.unknowns {
            let _ = write!(text, "\n  {}: {}", unknown.key, unknown.what);
            for used in unknown.uses.iter().take(USES_SHOWN) {
                let _ = write!(text, "\n      used by {used}");
            }
            if unknown.uses.len() > USES_SHOWN {
                let _ = write!(text, "\n      and at {} more places", unknown.uses.len() - USES_SHOWN);
            }
        }
        text.push_str("\nWrite them into a file and name it with --map FILE:");
        for unknown in &self.unknowns {
            let _ = write!(text, "\n  {:?} = {}", unknown.key, unknown.example);
        }
        let is_parameter = |unknown: &&Unknown| unknown.what.starts_with("a parameter");
        if let Some(parameter) = self.unknowns.iter().find(is_parameter) {
            let _ = write!(text, "\n(parameters also as --parameter {}=VALUE)", parameter.key);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_at_once() {
        let mut unknowns = Unknowns::default();
        assert_eq!(unknowns.text(), None);
        unknowns.ask("Stage", "a parameter without a default", "\"…\"", "M, t.yaml:3:4".into());
        for line in [5, 5, 6, 7, 8, 9] {
            unknowns.ask("F.Arn", "an attribute", "\"arn\"", format!("M, t.yaml:{line}:1"));
        }
        unknowns.error("t.yaml:1:1: Fn::Cidr is not evaluated".into());
        let expected = "t.yaml:1:1: Fn::Cidr is not evaluated
  and: 2 values are not known:
  Stage: a parameter without a default
      used by M, t.yaml:3:4
  F.Arn: an attribute
      used by M, t.yaml:5:1
      used by M, t.yaml:6:1
      used by M, t.yaml:7:1
      and at 2 more places
Write them into a file and name it with --map FILE:
  \"Stage\" = \"…\"
  \"F.Arn\" = \"arn\"
(parameters also as --parameter Stage=VALUE)";
        assert_eq!(unknowns.text().as_deref(), Some(expected));
    }
}
