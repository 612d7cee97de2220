//! What TestState answers.

use std::sync::{Arc, PoisonError};

use stepwell_api::{
    ApiError,
    types::test_state::{
        InspectionData, InspectionDataRequest, InspectionDataResponse, InspectionErrorDetails,
        InspectionLevel, TestExecutionStatus, TestStateResponse,
    },
};
use stepwell_engine::{TestEnd, TestStatus};
use stepwell_interpreter::Seen;
use stepwell_json::{Value, write_escaped_str, write_text};

use super::Test;

impl Test {
    pub(super) fn answer(&self, end: TestEnd) -> Result<TestStateResponse, ApiError> {
        let configuration = self.request.state_configuration.as_ref();
        let failed = configuration.and_then(|given| given.map_iteration_failure_count).unwrap_or(0);
        let iterations = end.seen.iterations.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        if iterations.is_some_and(|iterations| failed > iterations) {
            return Err(ApiError::validation(
                "Map iteration failure count must be less than or equal to the number of Map iterations",
            ));
        }
        let status = match end.status {
            TestStatus::Succeeded => TestExecutionStatus::Succeeded,
            TestStatus::Retriable => TestExecutionStatus::Retriable,
            TestStatus::CaughtError => TestExecutionStatus::CaughtError,
            TestStatus::Failed => TestExecutionStatus::Failed,
        };
        let level = self.request.inspection_level.unwrap_or(InspectionLevel::Info);
        let next_state = end.next.and_then(|next| self.program.get(next)).map(|state| state.name.0.clone());
        let (error, cause) = end.error.map_or((None, None), |error| (error.error, error.cause));
        Ok(TestStateResponse {
            output: end.output.map(|output| spaced(output.value())),
            error: error.map(|text| text.0),
            cause: cause.map(|text| text.0),
            inspection_data: (level != InspectionLevel::Info).then(|| self.inspection_data(end.seen)),
            next_state,
            status,
        })
    }

    fn inspection_data(&self, seen: Seen) -> InspectionData {
        let text = |value: Option<Value>| value.as_ref().map(spaced);
        let index = |index: Option<usize>| index.and_then(|index| i64::try_from(index).ok());
        let error_details = InspectionErrorDetails {
            catch_index: index(seen.catch_index),
            retry_index: index(seen.retry_index),
            // The least whole number of seconds that is not shorter than the delay.
            retry_backoff_interval_seconds: seen.retry_backoff_seconds.map(|seconds| seconds.ceil() as i64),
        };
        let has_details = seen.catch_index.is_some() || seen.retry_index.is_some();
        let given = || self.variables.clone().map(Value::Object);
        let variables = seen.variables.or_else(given);
        let variables =
            variables.filter(|variables| variables.as_object().is_some_and(|all| !all.is_empty()));
        let trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let shown = |text: String| Some(text.into());
        InspectionData {
            request: trace.request.map(|request| InspectionDataRequest {
                protocol: shown(request.protocol),
                method: shown(request.method),
                url: shown(request.url),
                headers: shown(request.headers),
                body: shown(request.body),
            }),
            response: trace.response.map(|response| InspectionDataResponse {
                protocol: shown(response.protocol),
                status_code: shown(response.status_code),
                status_message: shown(response.status_message),
                headers: shown(response.headers),
                body: shown(response.body),
            }),
            input: self.request.input.clone().or_else(|| Some("{}".into())),
            after_input_path: text(seen.after_input_path),
            after_parameters: text(seen.after_parameters),
            after_arguments: text(seen.after_arguments),
            after_items_path: text(seen.after_items_path),
            after_items_pointer: text(seen.after_items_pointer),
            after_item_selector: text(seen.after_item_selector),
            after_item_batcher: text(seen.after_item_batcher),
            max_concurrency: seen.max_concurrency.map(i64::from),
            tolerated_failure_count: seen.tolerated_failure_count.map(i64::from),
            tolerated_failure_percentage: seen.tolerated_failure_percentage,
            result: text(seen.result),
            after_result_selector: text(seen.after_result_selector),
            after_result_path: text(seen.after_result_path),
            variables: text(variables),
            error_details: has_details.then_some(error_details),
        }
    }
}

/// A value on one line with a space behind commas and colons, as AWS has it in the answers of TestState (recorded, also
/// for values that no caller has written).
fn spaced(value: &Value) -> Arc<str> {
    let mut out = Vec::new();
    write_spaced(value, &mut out);
    String::from_utf8(out).unwrap_or_default().into()
}

fn write_spaced(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.extend_from_slice(b", ");
                }
                write_spaced(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (position, (key, value)) in members.iter().enumerate() {
                if position > 0 {
                    out.extend_from_slice(b", ");
                }
                write_escaped_str(key, out);
                out.extend_from_slice(b": ");
                write_spaced(value, out);
            }
            out.push(b'}');
        }
        _ => write_text(value, out),
    }
}
