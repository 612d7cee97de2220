//! Why an expression could not be worked out, in the words of AWS.

use std::fmt;

use stepwell_json::Value;
use stepwell_jsonpath::PathError;

/// An error from working out a path, a template, an intrinsic function or a Choice rule.
///
/// Texts are made only when asked for: an error that a Retry or Catch handles by name costs no formatting.
#[derive(Debug, Clone)]
pub enum EvaluationError {
    /// A definite path in a template or an expression field found nothing.
    PathNotFound {
        /// The path as written.
        path: String,
        /// The field as written, for example `value.$`.
        field: String,
        /// The value that the path looked into.
        input: Value,
    },
    /// A path of a field that holds a bare path (`InputPath`, `SecondsPath`, …) can't be followed.
    InvalidPath {
        /// The path as written.
        path: String,
        /// Where it ends.
        problem: PathError,
    },
    /// The `Variable` of a Choice rule, or the operand of a `…Path` operator, leads nowhere.
    ChoicePath {
        /// The path as written.
        path: String,
    },
    /// An intrinsic function refused its arguments.
    Intrinsic {
        /// The call as written.
        function: String,
        /// Why.
        problem: String,
    },
    /// A path among the arguments of an intrinsic function found nothing.
    IntrinsicArgument {
        /// The call as written.
        function: String,
        /// The path as written.
        path: String,
        /// The state's effective input.
        input: Value,
    },
    /// A JSONata expression gives no value, or one that does not fit its field.
    Query {
        /// Where in the state, for example `Output/a[0]`; none where no field is at fault.
        location: Option<String>,
        /// The text.
        cause: String,
    },
    /// The expressions of one field bring more data together than any payload can hold.
    TooLarge,
    /// Any other `States.Runtime`.
    Runtime {
        /// The text.
        cause: String,
    },
}

impl EvaluationError {
    /// The name of the error, as `Retry`, `Catch` and history have it.
    pub fn error_name(&self) -> &'static str {
        match self {
            EvaluationError::Intrinsic { .. } => "States.IntrinsicFailure",
            EvaluationError::Query { .. } => "States.QueryEvaluationError",
            EvaluationError::TooLarge => "States.DataLimitExceeded",
            _ => "States.Runtime",
        }
    }

    /// The cause, without `An error occurred while executing the state …`, which the interpreter puts in front.
    pub fn cause(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvaluationError::PathNotFound { path, field, input } => write!(
                formatter,
                "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{}'",
                input.to_text()
            ),
            EvaluationError::InvalidPath { path, problem } => {
                write!(formatter, "Invalid path '{path}' : {problem}")
            }
            EvaluationError::ChoicePath { path } => write!(
                formatter,
                "Invalid path '{path}': The choice state's condition path references an invalid value."
            ),
            EvaluationError::Intrinsic { function, problem } => {
                write!(formatter, "The function '{function}' had the following error: {problem}")
            }
            EvaluationError::IntrinsicArgument { function, path, input } => write!(
                formatter,
                "The function '{function}' had the following error: The JsonPath argument for the field \
                 '{path}' could not be found in the input '{}'",
                input.to_text()
            ),
            EvaluationError::TooLarge => formatter.write_str(
                "The expressions of a field select data with a size exceeding the maximum number of bytes service limit.",
            ),
            EvaluationError::Query { cause, .. } | EvaluationError::Runtime { cause } => formatter.write_str(cause),
        }
    }
}

impl std::error::Error for EvaluationError {}
