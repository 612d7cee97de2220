//! The limits that the model puts on members of requests, and AWS's texts for what breaks them.
//!
//! Every member's limit stands beside the member in [`crate::types`]; the limits that many share have names here.
//! All violations of a request are reported at once, in the order of the model's members.

use std::fmt::{self, Display, Write};

use crate::ApiError;

/// How long a list of violations may grow: a request of a megabyte can hold many bad items.
const VIOLATIONS_MAX: usize = 20;
/// Bytes of a value that a violation shows; the longest limit of a value that is shown is 3,096 characters.
const SHOWN_BYTES_MAX: usize = 16 * 1024;
/// Items that a list may have if it has no limit of its own.
pub(crate) const LIST_ITEMS_MAX: usize = 1_000;

/// What a member's value must satisfy.
#[derive(Clone, Copy, Debug)]
pub enum Constraint {
    /// Everything of the right type.
    Any,
    /// A text with that many characters.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// A text whose value AWS keeps out of messages, with that many characters.
    SensitiveText {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// Input or output of an execution or task. The quota counts the bytes of UTF-8; the value is never shown.
    Payload {
        /// Most bytes.
        max_bytes: usize,
    },
    /// A text that must also match a pattern.
    Pattern {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// The pattern as the message shows it.
        pattern: &'static str,
        /// Whether a text matches it.
        matches: fn(&str) -> bool,
    },
    /// An integer within bounds, both included.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Items of a list.
    Items(&'static Constraint),
    /// A list with that many items.
    List {
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
}

impl Constraint {
    /// Whether a text satisfies it.
    pub fn accepts(&self, text: &str) -> bool {
        let mut violations = Violations::default();
        violations.text(text, &Path::Root, self);
        violations.count == 0
    }
}

/// Shape `Name`. Its characters are checked by [`crate::name`].
pub const NAME: Constraint = Constraint::Text { min: 1, max: 80 };
/// Shape `Arn`.
pub const ARN: Constraint = Constraint::Text { min: 1, max: 256 };
/// Shape `LongArn`.
pub const LONG_ARN: Constraint = Constraint::Text { min: 1, max: 2000 };
/// Shape `Definition`.
pub const DEFINITION: Constraint = Constraint::SensitiveText { min: 1, max: 1_048_576 };
/// Bytes of an input or output at most.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Shape `SensitiveData`: inputs and outputs.
pub const PAYLOAD: Constraint = Constraint::Payload { max_bytes: PAYLOAD_BYTES_MAX };
/// Shape `SensitiveError`.
pub const ERROR: Constraint = Constraint::SensitiveText { min: 0, max: 256 };
/// Shape `SensitiveCause`.
pub const CAUSE: Constraint = Constraint::SensitiveText { min: 0, max: 32_768 };
/// Shape `PageSize`.
pub const PAGE_SIZE: Constraint = Constraint::Integer { min: 0, max: 1000 };
/// Shape `PageToken`.
pub const PAGE_TOKEN: Constraint = Constraint::Text { min: 1, max: 1024 };
/// Shape `ListExecutionsPageToken`.
pub const EXECUTIONS_PAGE_TOKEN: Constraint = Constraint::Text { min: 1, max: 3096 };
/// Shape `TaskToken`.
pub const TASK_TOKEN: Constraint = Constraint::Text { min: 1, max: 2048 };
/// Shapes `VersionDescription` and `AliasDescription`.
pub const DESCRIPTION: Constraint = Constraint::SensitiveText { min: 0, max: 256 };
/// Shape `CharacterRestrictedName`: the name of an alias.
pub const ALIAS_NAME: Constraint = Constraint::Pattern {
    min: 1,
    max: 80,
    pattern: r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    matches: is_alias_name,
};
/// Shape `RoutingConfigurationList`.
pub const ROUTING_CONFIGURATION: Constraint = Constraint::List { min: 1, max: 2 };
/// Shape `VersionWeight`.
pub const VERSION_WEIGHT: Constraint = Constraint::Integer { min: 0, max: 100 };
/// Shape `TagKey`.
pub const TAG_KEY: Constraint = Constraint::Text { min: 1, max: 128 };
/// Items of shape `TagKeyList`.
pub const TAG_KEYS: Constraint = Constraint::Items(&TAG_KEY);
/// Shape `TagValue`.
pub const TAG_VALUE: Constraint = Constraint::Text { min: 0, max: 256 };
/// Shape `KmsKeyId`.
pub const KMS_KEY_ID: Constraint = Constraint::Text { min: 1, max: 2048 };
/// Shape `KmsDataKeyReusePeriodSeconds`.
pub const KMS_DATA_KEY_REUSE_PERIOD_SECONDS: Constraint = Constraint::Integer { min: 60, max: 900 };
/// Shape `ValidateStateMachineDefinitionMaxResult`.
pub const DIAGNOSTICS_MAX: Constraint = Constraint::Integer { min: 0, max: 100 };
/// Shapes `RetrierRetryCount` and `MapIterationFailureCount`.
pub const TEST_COUNT: Constraint = Constraint::Integer { min: 0, max: i32::MAX as i64 };
/// Shape `TraceHeader`.
pub const TRACE_HEADER: Constraint =
    Constraint::Pattern { min: 0, max: 256, pattern: r"\p{ASCII}*", matches: str::is_ascii };
/// Shape `ClientToken`.
pub const CLIENT_TOKEN: Constraint = Constraint::Pattern {
    min: 1,
    max: 64,
    pattern: r"[!-~]+",
    matches: |text| text.bytes().all(|byte| byte.is_ascii_graphic()),
};
/// Members without a limit of their own.
pub const ANY: Constraint = Constraint::Any;

/// ASCII letters, digits, `_`, `-` and `.`, but not digits alone: those are versions.
fn is_alias_name(text: &str) -> bool {
    let is_sign = |byte: u8| matches!(byte, b'_' | b'-' | b'.');
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic() || is_sign(byte))
}

/// A value as a violation shows it: whole, as AWS does, unless it is longer than any that is near a limit.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= SHOWN_BYTES_MAX {
            return formatter.write_str(self.0);
        }
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| self.0.is_char_boundary(*at));
        write!(formatter, "{}…", &self.0[..end.unwrap_or(0)])
    }
}

/// Where a member stands in a request: `loggingConfiguration.destinations.1.member`.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The request itself.
    Root,
    /// A member of a structure.
    Member(&'a Path<'a>, &'static str),
    /// An item of a list, counted from 1.
    Item(&'a Path<'a>, usize),
}

impl Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member(Path::Root, name) => formatter.write_str(name),
            Path::Member(parent, name) => write!(formatter, "{parent}.{name}"),
            Path::Item(parent, index) => write!(formatter, "{parent}.{index}.member"),
        }
    }
}

/// The violations found in a request.
#[derive(Default)]
pub(crate) struct Violations {
    texts: Vec<String>,
    count: usize,
}

impl Violations {
    fn add(&mut self, value: Option<&dyn Display>, path: &Path<'_>, constraint: impl Display) {
        self.count += 1;
        if self.texts.len() == VIOLATIONS_MAX {
            return;
        }
        let mut text = String::from("Value ");
        // Writing to a string can't fail.
        let _ = match value {
            Some(value) => write!(text, "'{value}' "),
            None => Ok(()),
        };
        let _ = write!(text, "at '{path}' failed to satisfy constraint: {constraint}");
        self.texts.push(text);
    }

    /// A required member is absent.
    pub(crate) fn missing(&mut self, path: &Path<'_>) {
        self.count += 1;
        if self.texts.len() < VIOLATIONS_MAX {
            self.texts.push(format!(
                "Value null at '{path}' failed to satisfy constraint: Member must not be null"
            ));
        }
    }

    /// A value is not one of an enumeration; `values` in AWS's order.
    pub(crate) fn not_in_enum(&mut self, value: &str, path: &Path<'_>, values: &[&str]) {
        let set = format_args!("Member must satisfy enum value set: [{}]", values.join(", ")).to_string();
        self.add(Some(&Shown(value)), path, set);
    }

    /// Checks a text.
    pub(crate) fn text(&mut self, value: &str, path: &Path<'_>, constraint: &Constraint) {
        match *constraint {
            Constraint::Text { min, max } => self.length(value, true, path, min, max),
            Constraint::SensitiveText { min, max } => self.length(value, false, path, min, max),
            Constraint::Payload { max_bytes } => {
                if value.len() > max_bytes {
                    self.too_long(None, path, max_bytes);
                }
            }
            Constraint::Pattern { min, max, pattern, matches } => {
                self.length(value, true, path, min, max);
                if !matches(value) {
                    self.add(
                        Some(&Shown(value)),
                        path,
                        format_args!("Member must satisfy regular expression pattern: {pattern}"),
                    );
                }
            }
            Constraint::Any | Constraint::Integer { .. } | Constraint::Items(_) | Constraint::List { .. } => {
            }
        }
    }

    /// A text that is longer than any payload may be, and for that was not kept. The value is not shown.
    pub(crate) fn text_not_kept(&mut self, path: &Path<'_>, constraint: &Constraint) {
        let max = match *constraint {
            Constraint::Text { max, .. } | Constraint::SensitiveText { max, .. } => max,
            _ => PAYLOAD_BYTES_MAX,
        };
        self.too_long(None, path, max);
    }

    fn length(&mut self, value: &str, is_shown: bool, path: &Path<'_>, min: usize, max: usize) {
        let value_shown = Shown(value);
        let shown = is_shown.then_some(&value_shown as &dyn Display);
        // A text never has more characters than bytes, and at least a quarter as many.
        let is_short_enough = value.len() <= max || value.chars().take(max + 1).count() <= max;
        if !is_short_enough {
            self.too_long(shown, path, max);
        }
        if min > 0 && value.len() < min * 4 && value.chars().count() < min {
            self.add(shown, path, format_args!("Member must have length greater than or equal to {min}"));
        }
    }

    fn too_long(&mut self, shown: Option<&dyn Display>, path: &Path<'_>, max: usize) {
        self.add(shown, path, format_args!("Member must have length less than or equal to {max}"));
    }

    /// Checks an integer.
    pub(crate) fn integer(&mut self, value: i64, path: &Path<'_>, constraint: &Constraint) {
        if let Constraint::Integer { min, max } = *constraint {
            if value > max {
                self.add(
                    Some(&value),
                    path,
                    format_args!("Member must have value less than or equal to {max}"),
                );
            }
            if value < min {
                self.add(
                    Some(&value),
                    path,
                    format_args!("Member must have value greater than or equal to {min}"),
                );
            }
        }
    }

    /// Checks the number of a list's items. The items are checked apart.
    pub(crate) fn list(&mut self, length: usize, path: &Path<'_>, constraint: &Constraint) {
        let (min, max) = match *constraint {
            Constraint::List { min, max } => (min, max),
            _ => (0, LIST_ITEMS_MAX),
        };
        if length > max {
            self.too_long(None, path, max);
        }
        if length < min {
            self.add(None, path, format_args!("Member must have length greater than or equal to {min}"));
        }
    }

    /// The exception for what was found, if anything was.
    pub(crate) fn into_error(self) -> Option<ApiError> {
        if self.count == 0 {
            return None;
        }
        let (count, plural) = (self.count, if self.count == 1 { "" } else { "s" });
        Some(ApiError::validation(format!(
            "{count} validation error{plural} detected: {}",
            self.texts.join("; ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(check: impl Fn(&mut Violations, &Path<'_>)) -> Option<String> {
        let mut violations = Violations::default();
        check(&mut violations, &Path::Member(&Path::Root, "member"));
        violations.into_error().map(|error| error.message.into_owned())
    }

    #[test]
    fn texts_are_measured_in_characters() {
        for (text, constraint, expected) in [
            ("é".repeat(80), NAME, None),
            (
                "é".repeat(81),
                NAME,
                Some(format!("Value '{}' at 'member' failed to satisfy constraint: Member must have length less than or equal to 80", "é".repeat(81))),
            ),
            (
                String::new(),
                NAME,
                Some("Value '' at 'member' failed to satisfy constraint: Member must have length greater than or equal to 1".into()),
            ),
            ("e".repeat(256), ERROR, None),
            (
                "secret".repeat(50),
                ERROR,
                Some("Value at 'member' failed to satisfy constraint: Member must have length less than or equal to 256".into()),
            ),
            (
                "ä".into(),
                TRACE_HEADER,
                Some(r"Value 'ä' at 'member' failed to satisfy constraint: Member must satisfy regular expression pattern: \p{ASCII}*".into()),
            ),
        ] {
            let expected = expected.map(|text| format!("1 validation error detected: {text}"));
            assert_eq!(message(|violations, path| violations.text(&text, path, &constraint)), expected);
        }
    }

    #[test]
    fn a_value_far_above_its_limit_is_shown_in_part() {
        for (length, shown) in [
            (SHOWN_BYTES_MAX / 2, "é".repeat(SHOWN_BYTES_MAX / 2)),
            (SHOWN_BYTES_MAX, "é".repeat(SHOWN_BYTES_MAX / 2) + "…"),
        ] {
            let text = message(|violations, path| violations.text(&"é".repeat(length), path, &NAME));
            let expected = format!(
                "1 validation error detected: Value '{shown}' at 'member' failed to satisfy constraint: Member must have length less than or equal to 80"
            );
            assert_eq!(text, Some(expected));
        }
    }

    #[test]
    fn payloads_are_measured_in_bytes() {
        let check = |text: &str| message(|violations, path| violations.text(text, path, &PAYLOAD));
        assert_eq!(check(&"é".repeat(131_072)), None);
        assert_eq!(
            check(&"é".repeat(131_073)).as_deref(),
            Some(
                "1 validation error detected: Value at 'member' failed to satisfy constraint: Member must have length less than or equal to 262144"
            )
        );
    }

    #[test]
    fn integers_are_within_bounds() {
        let check = |value| message(|violations, path| violations.integer(value, path, &PAGE_SIZE));
        assert_eq!(check(0), None);
        assert_eq!(check(1000), None);
        assert_eq!(
            check(1001).as_deref(),
            Some(
                "1 validation error detected: Value '1001' at 'member' failed to satisfy constraint: Member must have value less than or equal to 1000"
            )
        );
        assert_eq!(
            check(-1).as_deref(),
            Some(
                "1 validation error detected: Value '-1' at 'member' failed to satisfy constraint: Member must have value greater than or equal to 0"
            )
        );
    }

    #[test]
    fn many_violations_are_counted_but_not_all_shown() {
        let text = message(|violations, path| {
            for index in 0..1000 {
                violations.missing(&Path::Item(path, index));
            }
        })
        .unwrap();
        assert!(text.starts_with("1000 validation errors detected: Value null at 'member.0.member' failed"));
        assert_eq!(text.matches("; ").count(), VIOLATIONS_MAX - 1);
    }
}
