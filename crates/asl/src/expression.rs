//! Values that are worked out when a state runs: paths and calls of intrinsic functions.

use std::sync::Arc;

use stepwell_json::Value;
use stepwell_jsonpath::{Path, PathError, Root};

use crate::error::EvaluationError;
use crate::intrinsic::Call;

/// What an expression can read.
pub trait Roots {
    /// The value of `$`.
    fn input(&self) -> &Value;
    /// The context object, the value of `$$`. Built on first use.
    fn context(&mut self) -> &Value;
    /// The value of a variable that is visible here, or none.
    fn variable(&self, name: &str) -> Option<Value>;
    /// A random number, for `States.UUID` and `States.MathRandom`.
    fn random_u64(&mut self) -> u64;
    /// How many steps what is worked out here may still take, for those who bound it all together. A value that a path
    /// visits is a step, and so are [`STEP_BYTES`] bytes that a function takes.
    fn steps_left(&mut self) -> u64 {
        u64::MAX
    }
    /// Told how many were taken.
    fn took_steps(&mut self, steps: u64) {
        let _ = steps;
    }
}

/// Bytes of text for which a function is taken to need a step.
pub const STEP_BYTES: usize = 32;

/// Counts the bytes of a text that is gone through.
pub(crate) fn go_through(bytes: usize, roots: &mut dyn Roots) -> Result<(), EvaluationError> {
    let (steps, left) = ((bytes / STEP_BYTES) as u64, roots.steps_left());
    roots.took_steps(steps.min(left));
    if steps <= left { Ok(()) } else { Err(EvaluationError::TooLarge) }
}

/// A path, or a call of an intrinsic function.
#[derive(Debug, Clone)]
pub enum Expression {
    /// A path.
    Path(Path),
    /// A call.
    Intrinsic(Arc<Call>),
}

impl Expression {
    /// Works the expression out. `field` is the name in error texts, for example `ErrorPath` or `value.$`.
    pub fn evaluate(&self, field: &str, roots: &mut dyn Roots) -> Result<Value, EvaluationError> {
        self.evaluate_within(field, roots, &mut Budget::default())
    }

    pub(crate) fn evaluate_within(
        &self,
        field: &str,
        roots: &mut dyn Roots,
        budget: &mut Budget,
    ) -> Result<Value, EvaluationError> {
        let value = match self {
            Expression::Path(path) => evaluate_field_path(path, field, roots)?,
            Expression::Intrinsic(call) => call.evaluate(roots, budget)?,
        };
        budget.take(&value)?;
        Ok(value)
    }
}

/// Bytes of the values that the expressions of one field may bring together: 256 of the largest payloads. A
/// definition that names a large value again and again would otherwise keep the engine busy for minutes, only to
/// exceed the payload limit.
pub const FIELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is left of [`FIELD_BYTES_MAX`].
pub(crate) struct Budget {
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { bytes: FIELD_BYTES_MAX }
    }
}

impl Budget {
    pub(crate) fn take(&mut self, value: &Value) -> Result<(), EvaluationError> {
        self.bytes = self.bytes.checked_sub(size(value)).ok_or(EvaluationError::TooLarge)?;
        Ok(())
    }
}

/// Bytes of a value's text, about: the length of a string stands for it, since finding its escapes would take as long as
/// what this is to bound.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.text_size(),
        _ => 8,
    }
}

/// Works out a path in a field that holds a bare path: `InputPath`, `OutputPath`, `ItemsPath`, `SecondsPath`,
/// `TimeoutSecondsPath`, …. A missing value gives `Invalid path '$.x' : No results for path: $['x']`.
pub fn evaluate_path(path: &Path, roots: &mut dyn Roots) -> Result<Value, EvaluationError> {
    // `$` is what these fields are where they are not given, so it passes null on.
    if path.text() == "$" {
        return Ok(roots.input().clone());
    }
    look_up(path, roots).map_err(|failure| match failure {
        Failure::Path(problem) => EvaluationError::InvalidPath { path: path.text().to_owned(), problem },
        Failure::Root(error) => error,
    })
}

/// Works out a path in a `.$` field, an intrinsic's argument, `ErrorPath` or `CausePath`. A missing value gives
/// `The JSONPath '$.x' specified for the field 'value.$' could not be found in the input '…'`.
pub(crate) fn evaluate_field_path(
    path: &Path,
    field: &str,
    roots: &mut dyn Roots,
) -> Result<Value, EvaluationError> {
    look_up(path, roots).or_else(|failure| match failure {
        // An index past the end of an array is null here, unlike a missing member.
        Failure::Path(PathError::IndexOutOfRange { .. }) => Ok(Value::Null),
        Failure::Path(problem @ PathError::TooMuchWork) => {
            Err(EvaluationError::InvalidPath { path: path.text().to_owned(), problem })
        }
        Failure::Path(_) => Err(not_found(path, field, roots)),
        Failure::Root(error) => Err(error),
    })
}

/// Why a path gave no value.
pub(crate) enum Failure {
    Path(PathError),
    /// There is nothing to follow the path in.
    Root(EvaluationError),
}

/// Follows a path from its root. AWS follows none in a null, not even `$`.
pub(crate) fn look_up(path: &Path, roots: &mut dyn Roots) -> Result<Value, Failure> {
    if matches!(path.root(), Root::Input) && roots.input().is_null() {
        let cause = "Unable to apply Path transformation to null or empty input.".to_owned();
        return Err(Failure::Root(EvaluationError::Runtime { cause }));
    }
    look_up_anywhere(path, roots)
}

/// Follows a path from its root, which may be null.
pub(crate) fn look_up_anywhere(path: &Path, roots: &mut dyn Roots) -> Result<Value, Failure> {
    let mut steps = roots.steps_left();
    let before = steps;
    let found = match path.root() {
        Root::Input => path.evaluate_within(roots.input(), &mut steps).map_err(Failure::Path),
        Root::Context => path.evaluate_within(roots.context(), &mut steps).map_err(Failure::Path),
        Root::Variable(name) => match roots.variable(name) {
            Some(value) => path.evaluate_within(&value, &mut steps).map_err(Failure::Path),
            None => Err(Failure::Root(EvaluationError::Runtime {
                cause: format!(
                    "The variable '${name}' that is used in '{}' has no value in this state.",
                    path.text()
                ),
            })),
        },
    };
    roots.took_steps(before - steps);
    found
}

/// The error for a missing value in a `.$` field. It shows the state's input, also for a path into the context
/// object or a variable.
fn not_found(path: &Path, field: &str, roots: &mut dyn Roots) -> EvaluationError {
    let input = roots.input().clone();
    EvaluationError::PathNotFound { path: path.text().to_owned(), field: field.to_owned(), input }
}
