//! The one entry: from a text to findings and a definition.

use std::collections::BTreeMap;

use crate::definition::{Definition, MachineType};
use crate::diagnostic::{Code, Diagnostic, Severity};

/// What the analysis must know besides the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Express machines refuse some resources.
    pub machine_type: MachineType,
}

/// What is known about a definition text.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// The definition; there if, and only if, no finding is an error or `NOT_YET_SUPPORTED`. An analysis for a test
    /// gives it also with `NOT_YET_SUPPORTED`.
    pub definition: Option<Definition>,
    /// Findings in the order of AWS: JSON, then schema, then graph; warnings after the errors.
    pub diagnostics: Vec<Diagnostic>,
    /// For each state of the definition that reads variables, their names without `$`, sorted.
    pub variable_references: BTreeMap<String, Vec<String>>,
}

impl Analysis {
    /// Whether the definition is valid; it may still use a feature that this version can't run.
    pub fn is_valid(&self) -> bool {
        !self.diagnostics.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether the definition is valid and this version can run it.
    pub fn is_runnable(&self) -> bool {
        self.definition.is_some()
            && !self
                .diagnostics
                .iter()
                .any(|finding| finding.severity == Severity::Error || finding.code == Code::NotYetSupported)
    }
}

/// Reads, checks and compiles a definition. Never fails and never panics: everything that is wrong is a finding.
/// Takes time in proportion to the text.
pub fn analyse(text: &str, options: &Options) -> Analysis {
    crate::parse::analyse(text, options, crate::parse::Purpose::Run)
}

/// The findings of [`analyse`] alone, for which no definition is made. The text is valid when none of them is an error.
pub fn check(text: &str, options: &Options) -> Vec<Diagnostic> {
    crate::parse::check(text, options)
}

/// As [`analyse`], of a Standard machine of which one state is to be tested: the definition is there also when parts of
/// it can't be run, for with a mock nothing of them need run.
pub fn analyse_for_test(text: &str) -> Analysis {
    crate::parse::analyse(text, &Options::default(), crate::parse::Purpose::Test)
}

/// As [`analyse_for_test`], of a text that is one state. The definition has the state under the name
/// [`LONE_STATE_NAME`], and Succeed states in the place of those that the state leads to.
pub fn analyse_lone_state(text: &str) -> Analysis {
    crate::parse::analyse(text, &Options::default(), crate::parse::Purpose::LoneState)
}

/// The name that AWS gives a state that is tested by itself.
pub const LONE_STATE_NAME: &str = "StateName";
