//! ValidateStateMachineDefinition.

use std::sync::Arc;

use crate::LongText;
use crate::constraints::{ANY, DEFINITION, DIAGNOSTICS_MAX};
use crate::types::state_machine::StateMachineType;

enumeration! {
    /// How bad a finding is.
    DiagnosticSeverity {
        /// The definition can't be used.
        Error "ERROR",
        /// It can, but should be looked at.
        Warning "WARNING",
    }
}

enumeration! {
    /// Whether the definition can be used.
    ValidationResult {
        /// It can.
        Ok "OK",
        /// It can't.
        Fail "FAIL",
    }
}

input! {
    /// ValidateStateMachineDefinition.
    ValidateStateMachineDefinitionRequest {
        /// The definition's text.
        required definition "definition": LongText = DEFINITION,
        /// STANDARD when absent.
        optional state_machine_type "type": StateMachineType = ANY,
        /// The least severity to report; ERROR when absent.
        optional severity "severity": DiagnosticSeverity = ANY,
        /// Most findings in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = DIAGNOSTICS_MAX,
    }
}

output! {
    /// A finding.
    Diagnostic {
        /// How bad it is.
        severity "severity": DiagnosticSeverity,
        /// What kind of thing, such as SCHEMA_VALIDATION_FAILED.
        code "code": Arc<str>,
        /// The text.
        message "message": Arc<str>,
        /// A JSON Pointer into the definition.
        location "location": Option<Arc<str>>,
    }
}

output! {
    /// What ValidateStateMachineDefinition answers.
    ValidateStateMachineDefinitionResponse {
        /// FAIL with at least one ERROR.
        result "result": ValidationResult,
        /// The findings.
        diagnostics "diagnostics": Vec<Diagnostic>,
        /// Whether there are more findings; AWS answers it always.
        truncated "truncated": Option<bool>,
    }
}
