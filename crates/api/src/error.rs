//! The exceptions of the service, with AWS's names and texts.

use std::borrow::Cow;
use std::fmt;

use crate::json_writer::{ObjectWriter, ToJson};
use crate::operation::Operation;

/// A failed call: an exception of the Step Functions model, or one of the errors common to AWS services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The exception's name: what SDKs build their exception classes from.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The text shown to people.
    pub message: Cow<'static, str>,
    /// A further member of the exception (`reason`, `resourceName` or `kmsKeyState`) and its value.
    pub extra: Option<(&'static str, Cow<'static, str>)>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

impl ToJson for ApiError {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        object.text("__type", self.code).text("message", &self.message);
        if let Some((key, value)) = &self.extra {
            object.text(key, value);
        }
        object.end();
    }
}

/// Why a ValidationException was raised, for the conditions that the model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationReason {
    /// The operation does not take the ARN of a Distributed Map's child machine (`…/label`).
    ApiDoesNotSupportLabeledArns,
    /// Something that the operation needs is missing.
    MissingRequiredParameter,
    /// The Map Run has ended.
    CannotUpdateCompletedMapRun,
    /// The routing of an alias is not allowed.
    InvalidRoutingConfiguration,
}

impl ValidationReason {
    const fn as_str(self) -> &'static str {
        match self {
            ValidationReason::ApiDoesNotSupportLabeledArns => "API_DOES_NOT_SUPPORT_LABELED_ARNS",
            ValidationReason::MissingRequiredParameter => "MISSING_REQUIRED_PARAMETER",
            ValidationReason::CannotUpdateCompletedMapRun => "CANNOT_UPDATE_COMPLETED_MAP_RUN",
            ValidationReason::InvalidRoutingConfiguration => "INVALID_ROUTING_CONFIGURATION",
        }
    }
}

/// Constructors. Those that take text take what AWS puts between the quotes.
///
/// Where a comment says that the text is ours, AWS's own is not recorded anywhere we know; the name is AWS's.
impl ApiError {
    /// An error with status 400, for the cases that have no constructor of their own.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { code, status: 400, message: message.into(), extra: None }
    }

    fn with_extra(self, key: &'static str, value: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { extra: Some((key, value.into())), ..self }
    }

    // ---- the protocol

    /// The request has no `X-Amz-Target` header.
    pub fn missing_target() -> ApiError {
        ApiError::new(
            "UnknownOperationException",
            "The request has no X-Amz-Target header, which names the operation: \
             AWSStepFunctions.StartExecution, for example.",
        )
    }

    /// `X-Amz-Target` names no operation of Step Functions.
    pub fn unknown_operation(target: &str) -> ApiError {
        ApiError::new(
            "UnknownOperationException",
            format!("Step Functions has no operation '{}'.", shortened(target)),
        )
    }

    /// The operation exists at AWS, but this server does not have it yet.
    ///
    /// The status is 400 and not 501: SDKs would repeat a call that failed with a status of 500 or more.
    pub fn not_implemented(operation: Operation) -> ApiError {
        ApiError::new(
            "UnknownOperationException",
            format!("{operation} is not implemented yet in this version of Stepwell."),
        )
    }

    /// The body is not JSON, or a member has a value of another type than the model says.
    pub fn serialization(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("SerializationException", message)
    }

    /// The request's `Content-Type` is not one of AWS JSON.
    pub fn unsupported_content_type(value: &str) -> ApiError {
        ApiError::serialization(format!(
            "The content type '{}' is not accepted; send {}.",
            shortened(value),
            crate::CONTENT_TYPE
        ))
    }

    /// The body is compressed. No client compresses requests of this service by itself.
    /// The text is ours.
    pub fn unsupported_content_encoding(value: &str) -> ApiError {
        ApiError::serialization(format!(
            "The content encoding '{}' is not accepted; send the body as it is.",
            shortened(value)
        ))
    }

    /// The body is larger than the service reads. `limit` is in bytes. AWS answers HTTP 413 to these.
    /// The text is ours.
    pub fn request_too_large(limit: usize) -> ApiError {
        ApiError {
            status: 413,
            ..ApiError::new("RequestEntityTooLarge", format!("The request is larger than {limit} bytes."))
        }
    }

    /// The caller is not allowed to do this.
    pub fn access_denied(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("AccessDeniedException", message)
    }

    /// Too many calls in too short a time. SDKs wait and repeat.
    pub fn throttling() -> ApiError {
        ApiError::new("ThrottlingException", "Rate exceeded")
    }

    /// The server has a fault: HTTP 500. SDKs repeat the call.
    /// The text is ours.
    pub fn internal_failure() -> ApiError {
        ApiError {
            status: 500,
            ..ApiError::new("InternalFailure", "The request failed because of an internal error.")
        }
    }

    /// The server can't take the request now (it is starting, stopping or full): HTTP 503. SDKs repeat the call.
    /// The text is ours.
    pub fn service_unavailable(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status: 503, ..ApiError::new("ServiceUnavailable", message) }
    }

    // ---- validation

    /// A ValidationException with its text.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("ValidationException", message)
    }

    /// A ValidationException that carries a reason of the model.
    pub fn validation_because(reason: ValidationReason, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::validation(message).with_extra("reason", reason.as_str())
    }

    /// `text` is not an ARN of Step Functions at all.
    pub fn invalid_arn_prefix(text: &str) -> ApiError {
        ApiError::invalid_arn(format_args!("Invalid ARN prefix: {text}"))
    }

    /// The ARN is of a kind that the operation does not take; `resource_type` is the ARN's own word.
    pub fn arn_type_not_valid(resource_type: &str) -> ApiError {
        ApiError::invalid_arn(format_args!("Resource type not valid in this context: {resource_type}"))
    }

    /// `InvalidArn` with what stands between the quotes.
    pub fn invalid_arn(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidArn", format!("Invalid Arn: '{detail}'"))
    }

    /// The name has characters that are not allowed.
    pub fn invalid_name(name: &str) -> ApiError {
        ApiError::new("InvalidName", format!("Invalid Name: '{name}'"))
    }

    /// A page token or task token that this service did not make, or a page token that has expired.
    pub fn invalid_token() -> ApiError {
        ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    /// The required part is missing; `message` is the whole text.
    pub fn missing_required_parameter(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("MissingRequiredParameter", message)
    }

    /// UpdateStateMachine with nothing to update.
    pub fn nothing_to_update() -> ApiError {
        ApiError::missing_required_parameter(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
             specified",
        )
    }

    /// `versionDescription` without `publish`.
    pub fn version_description_without_publish() -> ApiError {
        ApiError::validation("Version description can only be set when publish is true")
    }

    // ---- state machines

    /// The definition has errors; `diagnostics` as `CODE: message at /pointer`, joined with `, `.
    pub fn invalid_definition(diagnostics: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidDefinition", format!("Invalid State Machine Definition: '{diagnostics}'"))
    }

    /// The logging configuration can't be used; `detail` is a whole sentence.
    pub fn invalid_logging_configuration(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {detail}"))
    }

    /// A level other than OFF needs exactly one destination.
    pub fn log_destination_count() -> ApiError {
        ApiError::invalid_logging_configuration("Must specify exactly one Log Destination.")
    }

    /// The ARN of the log group does not end in `:*`.
    pub fn log_group_without_qualifier() -> ApiError {
        ApiError::invalid_logging_configuration("Log Group ARN must be provided with '*' qualifier.")
    }

    /// The log group does not exist.
    pub fn log_destination_not_found() -> ApiError {
        ApiError::invalid_logging_configuration("Log Destination not found.")
    }

    /// The tracing configuration can't be used; `detail` is a whole sentence.
    /// The text is ours.
    pub fn invalid_tracing_configuration(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidTracingConfiguration", format!("Invalid Tracing Configuration: {detail}"))
    }

    /// The encryption configuration can't be used; `detail` is a whole sentence.
    /// The text is ours.
    pub fn invalid_encryption_configuration(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidEncryptionConfiguration", format!("Invalid Encryption Configuration: {detail}"))
    }

    /// A machine of that name exists with other content.
    pub fn state_machine_already_exists(arn: &str) -> ApiError {
        ApiError::new("StateMachineAlreadyExists", format!("State Machine Already Exists: '{arn}'"))
    }

    /// The machine is being deleted.
    /// The text is ours.
    pub fn state_machine_deleting(arn: &str) -> ApiError {
        ApiError::new("StateMachineDeleting", format!("State Machine is being deleted: '{arn}'"))
    }

    /// No such machine, or no such version of it; `arn` as the caller gave it.
    pub fn state_machine_does_not_exist(arn: &str) -> ApiError {
        ApiError::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// The account has as many machines as it may have.
    /// The text is ours.
    pub fn state_machine_limit_exceeded() -> ApiError {
        ApiError::new("StateMachineLimitExceeded", "The maximum number of state machines has been reached.")
    }

    /// The operation does not work for machines of this type (Standard or Express).
    pub fn state_machine_type_not_supported() -> ApiError {
        ApiError::new(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )
    }

    /// The revision or alias has changed; `message` is the whole text.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("ConflictException", message)
    }

    /// PublishStateMachineVersion names a revision that is not the present one.
    pub fn stale_revision(given: &str, current: &str) -> ApiError {
        ApiError::conflict(format!(
            "Failed to publish the State Machine version for revision {given}. The current State Machine revision \
             is {current}."
        ))
    }

    /// A version that is to be deleted is in use; `aliases` by name.
    pub fn version_in_use(aliases: &[&str]) -> ApiError {
        let aliases = aliases.join(", ");
        ApiError::conflict(format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
             version: [{aliases}]"
        ))
    }

    /// CreateStateMachineAlias with the name of an alias that is not the same.
    pub fn alias_differs() -> ApiError {
        ApiError::conflict(
            "Failed to create alias because an alias with the same name and a different routing configuration \
             already exists.",
        )
    }

    /// The routing of an alias names something other than versions that exist.
    pub fn routing_without_versions<'a>(arns: impl Iterator<Item = &'a str>) -> ApiError {
        ApiError::invalid_routing(format_args!(
            "Routing configuration must contain state machine version ARNs. Received: [{}]",
            arns.collect::<Vec<_>>().join(", ")
        ))
    }

    /// The routing of an alias names a version twice.
    pub fn routing_not_distinct<'a>(arns: impl Iterator<Item = &'a str>) -> ApiError {
        ApiError::invalid_routing(format_args!(
            "Routing configuration must contain distinct state machine version ARNs. Received: [{}]",
            arns.collect::<Vec<_>>().join(", ")
        ))
    }

    /// The weights of an alias do not total 100.
    pub fn routing_weights(weights: impl Iterator<Item = i64>) -> ApiError {
        let weights: Vec<String> = weights.map(|weight| weight.to_string()).collect();
        ApiError::invalid_routing(format_args!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        ))
    }

    /// The routing of an alias is not allowed; `detail` is the whole text.
    pub fn invalid_routing(detail: impl fmt::Display) -> ApiError {
        ApiError::validation_because(ValidationReason::InvalidRoutingConfiguration, detail.to_string())
    }

    /// Too many versions or aliases; `message` is the whole text. The model documents HTTP status 402.
    pub fn service_quota_exceeded(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new("ServiceQuotaExceededException", message)
    }

    // ---- executions

    /// Another execution has used the name.
    pub fn execution_already_exists(arn: &str) -> ApiError {
        ApiError::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"))
    }

    /// No such execution; `arn` as the caller gave it.
    pub fn execution_does_not_exist(arn: &str) -> ApiError {
        ApiError::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
    }

    /// As many executions are open as may be.
    /// The text is ours.
    pub fn execution_limit_exceeded() -> ApiError {
        ApiError::new("ExecutionLimitExceeded", "The maximum number of running executions has been reached.")
    }

    /// The execution can't be redriven; `reason` is its `redriveStatusReason`.
    pub fn execution_not_redrivable(reason: &str) -> ApiError {
        ApiError::new("ExecutionNotRedrivable", reason.to_owned())
    }

    /// The input is not JSON; `detail` is the parser's text.
    pub fn invalid_execution_input(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{detail}'"))
    }

    /// The input is the empty string, for which AWS has a text of its own.
    pub fn empty_execution_input() -> ApiError {
        ApiError::invalid_execution_input("Invalid execution input.")
    }

    // ---- activities and tasks

    /// An activity of that name exists with other encryption settings.
    /// The text is ours.
    pub fn activity_already_exists(arn: &str) -> ApiError {
        ApiError::new("ActivityAlreadyExists", format!("Activity Already Exists: '{arn}'"))
    }

    /// No such activity.
    pub fn activity_does_not_exist(arn: &str) -> ApiError {
        ApiError::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
    }

    /// The account has as many activities as it may have.
    /// The text is ours.
    pub fn activity_limit_exceeded() -> ApiError {
        ApiError::new("ActivityLimitExceeded", "The maximum number of activities has been reached.")
    }

    /// As many workers poll the activity as may.
    /// The text is ours.
    pub fn activity_worker_limit_exceeded() -> ApiError {
        ApiError::new(
            "ActivityWorkerLimitExceeded",
            "The maximum number of workers concurrently polling for activity tasks has been reached.",
        )
    }

    /// The output of a task is not JSON; `detail` is the parser's text.
    /// The text is ours.
    pub fn invalid_output(detail: impl fmt::Display) -> ApiError {
        ApiError::new("InvalidOutput", format!("Invalid Output: '{detail}'"))
    }

    /// The task token is well made, but no task has it.
    /// The text is ours.
    pub fn task_does_not_exist() -> ApiError {
        ApiError::new("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'")
    }

    /// The task has ended: answered already, timed out, or its execution is over.
    pub fn task_timed_out() -> ApiError {
        ApiError::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    }

    // ---- tags, aliases, Map Runs

    /// No such resource.
    pub fn resource_not_found(arn: &str) -> ApiError {
        ApiError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
            .with_extra("resourceName", arn.to_owned())
    }

    /// What an update of an alias that does not exist answers.
    pub fn referenced_resource_not_found() -> ApiError {
        ApiError::new("ResourceNotFound", "Request references a resource that does not exist.")
    }

    /// More than 50 tags on a resource.
    /// The text is ours.
    pub fn too_many_tags(arn: &str) -> ApiError {
        ApiError::new("TooManyTags", "A resource can have at most 50 tags.")
            .with_extra("resourceName", arn.to_owned())
    }
}

/// The start of a text from outside, so that an error never grows with what it complains about.
fn shortened(text: &str) -> &str {
    let end = (0..=128.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_texts() {
        for (error, code, message) in [
            (
                ApiError::invalid_arn_prefix("not_a_valid_arn"),
                "InvalidArn",
                "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'",
            ),
            (
                ApiError::arn_type_not_valid("express"),
                "InvalidArn",
                "Invalid Arn: 'Resource type not valid in this context: express'",
            ),
            (ApiError::invalid_name("a b"), "InvalidName", "Invalid Name: 'a b'"),
            (ApiError::invalid_token(), "InvalidToken", "Invalid Token: 'Invalid token'"),
            (
                ApiError::nothing_to_update(),
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
                 specified",
            ),
            (
                ApiError::empty_execution_input(),
                "InvalidExecutionInput",
                "Invalid State Machine Execution Input: 'Invalid execution input.'",
            ),
            (
                ApiError::log_destination_count(),
                "InvalidLoggingConfiguration",
                "Invalid Logging Configuration: Must specify exactly one Log Destination.",
            ),
            (
                ApiError::log_group_without_qualifier(),
                "InvalidLoggingConfiguration",
                "Invalid Logging Configuration: Log Group ARN must be provided with '*' qualifier.",
            ),
            (ApiError::activity_does_not_exist("a"), "ActivityDoesNotExist", "Activity Does Not Exist: 'a'"),
            (
                ApiError::stale_revision("1", "2"),
                "ConflictException",
                "Failed to publish the State Machine version for revision 1. The current State Machine revision is 2.",
            ),
        ] {
            assert_eq!((error.code, error.message.as_ref(), error.status), (code, message, 400));
        }
    }

    #[test]
    fn extra_members_stand_beside_the_message() {
        let error = ApiError::validation_because(ValidationReason::ApiDoesNotSupportLabeledArns, "no");
        assert_eq!(
            String::from_utf8(error.to_json()).unwrap(),
            r#"{"__type":"ValidationException","message":"no","reason":"API_DOES_NOT_SUPPORT_LABELED_ARNS"}"#
        );
    }

    #[test]
    fn unknown_targets_are_not_repeated_in_full() {
        let target = "é".repeat(4096);
        assert!(ApiError::unknown_operation(&target).message.len() < 256);
    }
}
