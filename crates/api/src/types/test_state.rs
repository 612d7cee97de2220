//! TestState.

use std::sync::Arc;

use crate::LongText;
use crate::constraints::{ANY, ARN, CAUSE, DEFINITION, ERROR, NAME, PAYLOAD, TEST_COUNT};

enumeration! {
    /// How much of the way of data through the state an answer shows.
    InspectionLevel {
        /// The output only.
        Info "INFO",
        /// Every stage.
        Debug "DEBUG",
        /// Every stage, and the request and response of an HTTP Task.
        Trace "TRACE",
    }
}

enumeration! {
    /// How a mocked result is compared with the shape that the service gives.
    MockResponseValidationMode {
        /// Every field must fit, and required ones must be there.
        Strict "STRICT",
        /// The fields that are there must fit.
        Present "PRESENT",
        /// Anything goes.
        None "NONE",
    }
}

enumeration! {
    /// How a test ended.
    TestExecutionStatus {
        /// The state was left well.
        Succeeded "SUCCEEDED",
        /// It failed.
        Failed "FAILED",
        /// It failed, and a retrier would try again.
        Retriable "RETRIABLE",
        /// It failed, and a catcher took the error.
        CaughtError "CAUGHT_ERROR",
    }
}

input! {
    /// TestState.
    TestStateRequest {
        /// A state or, with `stateName`, a whole machine.
        required definition "definition": LongText = DEFINITION,
        /// The role of the execution; a Task that is not mocked needs one.
        optional role_arn "roleArn": String = ARN,
        /// JSON text; `{}` when absent.
        optional input "input": Arc<str> = PAYLOAD,
        /// INFO when absent.
        optional inspection_level "inspectionLevel": InspectionLevel = ANY,
        /// Whether a TRACE shows what authenticates an HTTP Task.
        optional reveal_secrets "revealSecrets": bool = ANY,
        /// JSON text of an object: the values of variables.
        optional variables "variables": Arc<str> = PAYLOAD,
        /// The state of the machine to test, however deep it is.
        optional state_name "stateName": String = NAME,
        /// What the state's work gives in place of being done.
        optional mock "mock": MockInput = ANY,
        /// JSON text of the context object.
        optional context "context": Arc<str> = PAYLOAD,
        /// What is taken to have happened before or inside.
        optional state_configuration "stateConfiguration": TestStateConfiguration = ANY,
    }
}

input! {
    /// A result or an error.
    MockInput {
        /// JSON text of the result.
        optional result "result": Arc<str> = PAYLOAD,
        /// The error.
        optional error_output "errorOutput": MockErrorOutput = ANY,
        /// STRICT when absent.
        optional field_validation_mode "fieldValidationMode": MockResponseValidationMode = ANY,
    }
}

input! {
    /// An error.
    MockErrorOutput {
        /// Its name.
        optional error "error": String = ERROR,
        /// Its cause.
        optional cause "cause": String = CAUSE,
    }
}

input! {
    /// What is taken to have happened before the state or inside it.
    TestStateConfiguration {
        /// Attempts that the retrier of the error has made.
        optional retrier_retry_count "retrierRetryCount": i64 = TEST_COUNT,
        /// The state inside a Map or Parallel in which the mocked error arose.
        optional error_caused_by_state "errorCausedByState": String = NAME,
        /// Iterations of a Map that failed.
        optional map_iteration_failure_count "mapIterationFailureCount": i64 = TEST_COUNT,
        /// What the ItemReader of a Map read.
        optional map_item_reader_data "mapItemReaderData": Arc<str> = PAYLOAD,
    }
}

output! {
    /// Which retrier and catcher an error met.
    InspectionErrorDetails {
        /// The catcher that took it, from 0.
        catch_index "catchIndex": Option<i64>,
        /// The retrier that names it, from 0.
        retry_index "retryIndex": Option<i64>,
        /// The delay before the next attempt.
        retry_backoff_interval_seconds "retryBackoffIntervalSeconds": Option<i64>,
    }
}

output! {
    /// The request of an HTTP Task. What a connection adds is hidden unless secrets are to be revealed.
    InspectionDataRequest {
        /// `https`, or `http` where that is allowed.
        protocol "protocol": Option<Arc<str>>,
        /// The method.
        method "method": Option<Arc<str>>,
        /// The URL with its query string.
        url "url": Option<Arc<str>>,
        /// The headers.
        headers "headers": Option<Arc<str>>,
        /// The body.
        body "body": Option<Arc<str>>,
    }
}

output! {
    /// The answer to an HTTP Task.
    InspectionDataResponse {
        /// As in the request.
        protocol "protocol": Option<Arc<str>>,
        /// The status.
        status_code "statusCode": Option<Arc<str>>,
        /// The words that go with the status.
        status_message "statusMessage": Option<Arc<str>>,
        /// The headers.
        headers "headers": Option<Arc<str>>,
        /// The body.
        body "body": Option<Arc<str>>,
    }
}

/// The way of data through a state, each stage as JSON text. Stages that a state does not have are absent.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the AWS API reference")]
pub struct InspectionData {
    pub input: Option<Arc<str>>,
    pub after_input_path: Option<Arc<str>>,
    pub after_parameters: Option<Arc<str>>,
    pub after_arguments: Option<Arc<str>>,
    pub after_items_path: Option<Arc<str>>,
    pub after_items_pointer: Option<Arc<str>>,
    pub after_item_selector: Option<Arc<str>>,
    pub after_item_batcher: Option<Arc<str>>,
    pub max_concurrency: Option<i64>,
    pub tolerated_failure_count: Option<i64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub result: Option<Arc<str>>,
    pub after_result_selector: Option<Arc<str>>,
    pub after_result_path: Option<Arc<str>>,
    pub request: Option<InspectionDataRequest>,
    pub response: Option<InspectionDataResponse>,
    pub variables: Option<Arc<str>>,
    pub error_details: Option<InspectionErrorDetails>,
}
output!(@write InspectionData {
    input "input", after_input_path "afterInputPath", after_parameters "afterParameters",
    after_arguments "afterArguments", after_items_path "afterItemsPath",
    after_items_pointer "afterItemsPointer", after_item_selector "afterItemSelector",
    after_item_batcher "afterItemBatcher", max_concurrency "maxConcurrency",
    tolerated_failure_count "toleratedFailureCount",
    tolerated_failure_percentage "toleratedFailurePercentage", result "result",
    after_result_selector "afterResultSelector", after_result_path "afterResultPath",
    request "request", response "response", variables "variables", error_details "errorDetails",
});

/// What TestState answers.
#[derive(Clone, Debug, PartialEq)]
pub struct TestStateResponse {
    /// The state's output, as JSON text; absent when it failed.
    pub output: Option<Arc<str>>,
    /// The error's name.
    pub error: Option<Arc<str>>,
    /// The error's cause.
    pub cause: Option<Arc<str>>,
    /// With DEBUG and TRACE.
    pub inspection_data: Option<InspectionData>,
    /// The state that would come next.
    pub next_state: Option<Arc<str>>,
    /// How it ended.
    pub status: TestExecutionStatus,
}
output!(@write TestStateResponse {
    output "output", error "error", cause "cause", inspection_data "inspectionData", next_state "nextState",
    status "status",
});
