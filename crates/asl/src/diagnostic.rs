//! Findings, and the text that CreateStateMachine makes of them.

use std::fmt;
use std::ops::Range;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition works, but perhaps not as meant.
    Warning,
}

impl Severity {
    /// The word in the API: `ERROR` or `WARNING`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        }
    }
}

/// What kind of finding it is: AWS's codes, and our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The text is not JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, of the wrong type or out of range.
    SchemaValidationFailed,
    /// A transition leads nowhere, or a state can't be reached.
    MissingTransitionTarget,
    /// No state ends the machine.
    MissingEndState,
    /// Two states have the same name.
    DuplicateStateName,
    /// A state's name is empty or too long.
    InvalidStateName,
    /// A JSONata expression can't be read.
    InvalidJsonataExpression,
    /// A JSONata expression reads what is not there.
    UnsupportedJsonataExpression,
    /// `Label` has characters that are not allowed, or is too long.
    InvalidLabelName,
    /// Two Map states have the same `Label`.
    DuplicateLabelName,
    /// Objects and arrays are nested too deeply.
    TooDeeplyNested,
    /// Warning: a key whose value looks like a path lacks `.$`.
    NoDollar,
    /// Warning: a literal looks like a path, and the name of its field does not end in `Path`.
    NoPath,
    /// Warning: `Result` holds something like a path, which stays as it is.
    PassResultIsStatic,
    /// Warning of ours: an object has the same key twice; the last one counts.
    DuplicateKey,
    /// Warning of ours: a variable is read, but nothing assigns it where it could be seen.
    UnassignedVariable,
    /// Warning of ours: this version can't run it yet.
    NotYetSupported,
}

impl Code {
    /// The code's name in the API, for example `SCHEMA_VALIDATION_FAILED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Code::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Code::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Code::MissingEndState => "MISSING_END_STATE",
            Code::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Code::InvalidStateName => "INVALID_STATE_NAME",
            Code::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Code::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Code::InvalidLabelName => "INVALID_LABEL_NAME",
            Code::DuplicateLabelName => "DUPLICATE_LABEL_NAME",
            Code::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Code::NoDollar => "NO_DOLLAR",
            Code::NoPath => "NO_PATH",
            Code::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
            Code::DuplicateKey => "DUPLICATE_KEY",
            Code::UnassignedVariable => "UNASSIGNED_VARIABLE",
            Code::NotYetSupported => "NOT_YET_SUPPORTED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The kind.
    pub code: Code,
    /// The text, without the location.
    pub message: String,
    /// Where in AWS's notation, for example `/States/A/Choices[0]/Next`.
    pub location: Option<String>,
    /// Bytes of the definition text that the finding is about.
    pub span: Option<Range<usize>>,
    /// What was perhaps meant, for people: a nearby name.
    pub suggestion: Option<String>,
}

/// The message of the exception `InvalidDefinition`: every finding that stops the definition from being created,
/// in order. Features that this version can't run stop it too.
pub fn invalid_definition_message(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::from("Invalid State Machine Definition: '");
    let blocking = diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error || finding.code == Code::NotYetSupported);
    for (position, finding) in blocking.enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        text.push_str(finding.code.as_str());
        text.push_str(": ");
        text.push_str(&finding.message);
        text.push_str(" at ");
        text.push_str(finding.location.as_deref().unwrap_or("null"));
    }
    text.push('\'');
    text
}
