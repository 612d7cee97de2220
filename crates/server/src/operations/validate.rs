//! ValidateStateMachineDefinition.

use stepwell_api::{
    ApiError,
    identity::Identity,
    types::{
        execution::page_size,
        state_machine::StateMachineType,
        validate::{
            Diagnostic, DiagnosticSeverity, ValidateStateMachineDefinitionRequest,
            ValidateStateMachineDefinitionResponse, ValidationResult,
        },
    },
};
use stepwell_asl::{MachineType, Options, Severity, check};

use super::Operations;

/// Findings in an answer when the caller sets no limit, and at most.
const FINDINGS_MAX: usize = 100;

impl Operations {
    /// ValidateStateMachineDefinition: creates nothing and needs no role.
    ///
    /// # Errors
    /// None beyond those of the request's shape.
    pub async fn validate_state_machine_definition(
        &self,
        _caller: Identity<'_>,
        request: ValidateStateMachineDefinitionRequest,
    ) -> Result<ValidateStateMachineDefinitionResponse, ApiError> {
        let machine_type = match request.state_machine_type {
            Some(StateMachineType::Express) => MachineType::Express,
            Some(StateMachineType::Standard) | None => MachineType::Standard,
        };
        let findings = check(&request.definition, &Options { machine_type });
        let is_valid = findings.iter().all(|finding| finding.severity != Severity::Error);
        let with_warnings = request.severity == Some(DiagnosticSeverity::Warning);
        let mut findings: Vec<_> = findings
            .into_iter()
            .filter(|finding| with_warnings || finding.severity == Severity::Error)
            .collect();
        let limit = page_size(request.max_results).min(FINDINGS_MAX);
        let truncated = findings.len() > limit;
        findings.truncate(limit);
        let diagnostics = findings
            .into_iter()
            .map(|finding| Diagnostic {
                severity: match finding.severity {
                    Severity::Error => DiagnosticSeverity::Error,
                    Severity::Warning => DiagnosticSeverity::Warning,
                },
                code: finding.code.as_str().into(),
                message: finding.message.into(),
                location: finding.location.map(Into::into),
            })
            .collect();
        let result = if is_valid { ValidationResult::Ok } else { ValidationResult::Fail };
        Ok(ValidateStateMachineDefinitionResponse { result, diagnostics, truncated: Some(truncated) })
    }
}
