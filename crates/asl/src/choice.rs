//! Choice rules: comparisons and their combinations.

use std::cmp::Ordering;
use std::sync::Arc;

use stepwell_json::{Number, Value};
use stepwell_jsonpath::Path;

use crate::error::EvaluationError;
use crate::expression::{Failure, Roots, go_through, look_up, look_up_anywhere};
use crate::timestamp::{self, Instant};

/// A rule of a Choice state.
#[derive(Debug, Clone)]
pub enum ChoiceRule {
    /// All hold; stops at the first that does not.
    And(Vec<ChoiceRule>),
    /// One holds; stops at the first that does.
    Or(Vec<ChoiceRule>),
    /// Does not hold.
    Not(Box<ChoiceRule>),
    /// A comparison of what `Variable` names.
    Comparison {
        /// `Variable`.
        variable: Path,
        /// The operator and its operand.
        test: Test,
    },
}

/// How two values must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `…Equals`.
    Equal,
    /// `…LessThan`.
    Less,
    /// `…GreaterThan`.
    Greater,
    /// `…LessThanEquals`.
    LessOrEqual,
    /// `…GreaterThanEquals`.
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Relation::Equal => ordering == Ordering::Equal,
            Relation::Less => ordering == Ordering::Less,
            Relation::Greater => ordering == Ordering::Greater,
            Relation::LessOrEqual => ordering != Ordering::Greater,
            Relation::GreaterOrEqual => ordering != Ordering::Less,
        }
    }
}

/// What a comparison compares with.
#[derive(Debug, Clone)]
pub enum Operand<Literal> {
    /// Written in the definition.
    Literal(Literal),
    /// The `…Path` form of the operator.
    Path(Path),
}

/// The types that the `Is…` operators ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `IsNull`.
    Null,
    /// `IsNumeric`.
    Numeric,
    /// `IsString`.
    String,
    /// `IsBoolean`.
    Boolean,
    /// `IsTimestamp`: a string in the language's RFC 3339 profile.
    Timestamp,
}

/// An operator with its operand.
#[derive(Debug, Clone)]
pub enum Test {
    /// `String…`, compared by UTF-16 code units.
    String(Relation, Operand<Arc<str>>),
    /// `Numeric…`, compared as binary64.
    Numeric(Relation, Operand<Number>),
    /// `BooleanEquals`.
    Boolean(Operand<bool>),
    /// `Timestamp…`, compared as instants.
    Timestamp(Relation, Operand<Instant>),
    /// `StringMatches`.
    Matches(Pattern),
    /// `StringMatches` with a backslash that escapes nothing: the language makes it an error of the run.
    BadPattern(Arc<str>),
    /// `IsPresent`: the only one that a missing `Variable` does not fail.
    IsPresent(bool),
    /// The other `Is…` operators.
    IsType(ValueType, bool),
}

impl ChoiceRule {
    /// Whether the rule holds. Values of the wrong type never match, and that is no error; a missing `Variable`
    /// is one, but for `IsPresent`.
    pub fn matches(&self, roots: &mut dyn Roots) -> Result<bool, EvaluationError> {
        match self {
            ChoiceRule::And(rules) => {
                for rule in rules {
                    if !rule.matches(roots)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ChoiceRule::Or(rules) => {
                for rule in rules {
                    if rule.matches(roots)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ChoiceRule::Not(rule) => Ok(!rule.matches(roots)?),
            ChoiceRule::Comparison { variable, test } => test.holds(variable, roots),
        }
    }
}

impl Test {
    fn holds(&self, variable: &Path, roots: &mut dyn Roots) -> Result<bool, EvaluationError> {
        if let Test::IsPresent(wanted) = self {
            return Ok(is_present(variable, roots) == *wanted);
        }
        let value = resolve(variable, roots)?;
        if let Some(text) = value.as_str() {
            go_through(text.len(), roots)?;
        }
        Ok(match self {
            Test::IsPresent(_) => false,
            Test::IsType(wanted_type, wanted) => is_of_type(&value, *wanted_type) == *wanted,
            Test::BadPattern(text) => {
                let cause =
                    format!("The pattern '{text}' of StringMatches has a backslash that escapes nothing.");
                return Err(EvaluationError::Runtime { cause });
            }
            Test::Matches(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
            Test::String(relation, operand) => {
                let Some(left) = value.as_str() else { return Ok(false) };
                match operand {
                    Operand::Literal(right) => relation.holds(compare_utf16(left, right)),
                    Operand::Path(path) => {
                        let right = resolve(path, roots)?;
                        right.as_str().is_some_and(|right| relation.holds(compare_utf16(left, right)))
                    }
                }
            }
            Test::Numeric(relation, operand) => {
                let Some(left) = value.as_f64() else { return Ok(false) };
                let right = match operand {
                    Operand::Literal(number) => Some(number.as_f64()),
                    Operand::Path(path) => resolve(path, roots)?.as_f64(),
                };
                right
                    .and_then(|right| left.partial_cmp(&right))
                    .is_some_and(|ordering| relation.holds(ordering))
            }
            Test::Boolean(operand) => {
                let Some(left) = value.as_bool() else { return Ok(false) };
                let right = match operand {
                    Operand::Literal(right) => Some(*right),
                    Operand::Path(path) => resolve(path, roots)?.as_bool(),
                };
                right == Some(left)
            }
            Test::Timestamp(relation, operand) => {
                let Some(left) = value.as_str().and_then(timestamp::parse) else { return Ok(false) };
                let right = match operand {
                    Operand::Literal(instant) => Some(*instant),
                    Operand::Path(path) => resolve(path, roots)?.as_str().and_then(timestamp::parse),
                };
                right.is_some_and(|right| relation.holds(left.cmp(&right)))
            }
        })
    }
}

fn resolve(path: &Path, roots: &mut dyn Roots) -> Result<Value, EvaluationError> {
    look_up(path, roots).map_err(|failure| match failure {
        Failure::Path(_) => EvaluationError::ChoicePath { path: path.text().to_owned() },
        Failure::Root(error) => error,
    })
}

/// Whether the path leads to a value, null included. An indefinite path leads somewhere when it finds anything.
fn is_present(path: &Path, roots: &mut dyn Roots) -> bool {
    match look_up_anywhere(path, roots) {
        Ok(value) => path.is_definite() || value.as_array().is_none_or(|found| !found.is_empty()),
        Err(_) => false,
    }
}

fn is_of_type(value: &Value, wanted: ValueType) -> bool {
    match wanted {
        ValueType::Null => matches!(value, Value::Null),
        ValueType::Numeric => matches!(value, Value::Number(_)),
        ValueType::String => matches!(value, Value::String(_)),
        ValueType::Boolean => matches!(value, Value::Bool(_)),
        ValueType::Timestamp => value.as_str().and_then(timestamp::parse).is_some(),
    }
}

/// Orders texts as Java does, by UTF-16 code units: it differs from code points where surrogates come in.
fn compare_utf16(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// A compiled pattern of `StringMatches`: literal runs between wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The literal runs, one behind the other.
    literals: String,
    /// Where each run ends. Between two neighbours stands one `*`. Never empty.
    ends: Vec<usize>,
}

impl Pattern {
    /// Compiles a pattern: `*` stands for any run of characters, `\*` for a star, `\\` for a backslash. None for
    /// any other backslash.
    pub fn parse(text: &str) -> Option<Pattern> {
        let mut pattern = Pattern { literals: String::new(), ends: Vec::new() };
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' => {
                    // Several say no more than one.
                    if pattern.ends.last() != Some(&pattern.literals.len()) {
                        pattern.ends.push(pattern.literals.len());
                    }
                    continue;
                }
                '\\' => characters.next().filter(|escaped| matches!(escaped, '*' | '\\'))?,
                other => other,
            };
            pattern.literals.push(literal);
        }
        pattern.ends.push(pattern.literals.len());
        Some(pattern)
    }

    /// Whether the whole text fits. Linear in the text for each run: the first place that fits is always right.
    pub fn matches(&self, text: &str) -> bool {
        let run = |number: usize| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.literals[start..self.ends[number]]
        };
        let last = self.ends.len() - 1;
        if last == 0 {
            return text == self.literals;
        }
        let Some(mut rest) = text.strip_prefix(run(0)) else { return false };
        for number in 1..last {
            let run = run(number);
            match rest.find(run) {
                Some(at) => rest = &rest[at + run.len()..],
                None => return false,
            }
        }
        rest.ends_with(run(last))
    }
}
