//! The event that AWS sends to EventBridge when the status of a Standard execution changes.

use std::sync::Arc;

use stepwell_json::write_escaped_str;

use crate::json_writer::{ObjectWriter, ToJson};
use crate::types::execution::{ExecutionRedriveStatus, ExecutionStatus};

/// Bytes of escaped input and output together above which the input is left out, and of escaped output alone above which
/// the output is: 248 KiB, as AWS documents it.
const DATA_BYTES_MAX: usize = 248 * 1024;

/// `Step Functions Execution Status Change`. Texts that an execution does not have are null, as at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChangeEvent {
    /// A UUID: the same whenever the same event is sent again.
    pub id: String,
    /// When it happened, in ISO 8601 with seconds and `Z`.
    pub time: String,
    /// The execution.
    pub execution_arn: Arc<str>,
    /// Its machine, unqualified.
    pub state_machine_arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its status from then on.
    pub status: ExecutionStatus,
    /// When it started, in milliseconds since 1970, as are the other times.
    pub start_ms: i64,
    /// When it ended.
    pub stop_ms: Option<i64>,
    /// JSON text.
    pub input: Option<Arc<str>>,
    /// JSON text.
    pub output: Option<Arc<str>>,
    /// The error it ended with.
    pub error: Option<Arc<str>>,
    /// The error's cause.
    pub cause: Option<Arc<str>>,
    /// The version it was started with.
    pub state_machine_version_arn: Option<Arc<str>>,
    /// The alias it was started with.
    pub state_machine_alias_arn: Option<Arc<str>>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redrive_ms: Option<i64>,
    /// Whether it can be redriven from then on.
    pub redrive_status: ExecutionRedriveStatus,
    /// Why not.
    pub redrive_status_reason: Option<Arc<str>>,
}

impl ToJson for StatusChangeEvent {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut parts = self.execution_arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut event = ObjectWriter::new(out);
        event
            .text("version", "0")
            .text("id", &self.id)
            .text("detail-type", "Step Functions Execution Status Change")
            .text("source", "aws.states")
            .text("account", account)
            .text("time", &self.time)
            .text("region", region);
        vec![self.execution_arn.clone()].write_json(event.key("resources"));
        self.write_detail(event.key("detail"));
        event.end();
    }
}

impl StatusChangeEvent {
    fn write_detail(&self, out: &mut Vec<u8>) {
        let (input_bytes, output_bytes) =
            (escaped_len(self.input.as_ref()), escaped_len(self.output.as_ref()));
        let shows_input = input_bytes + output_bytes <= DATA_BYTES_MAX;
        let shows_output = output_bytes <= DATA_BYTES_MAX;
        let mut detail = ObjectWriter::new(out);
        detail
            .text("executionArn", &self.execution_arn)
            .text("stateMachineArn", &self.state_machine_arn)
            .text("name", &self.name)
            .text("status", self.status.as_str())
            .integer("startDate", self.start_ms);
        integer_or_null(&mut detail, "stopDate", self.stop_ms);
        text_or_null(&mut detail, "input", self.input.as_deref().filter(|_| shows_input));
        text_or_null(&mut detail, "output", self.output.as_deref().filter(|_| shows_output));
        text_or_null(&mut detail, "stateMachineVersionArn", self.state_machine_version_arn.as_deref());
        text_or_null(&mut detail, "stateMachineAliasArn", self.state_machine_alias_arn.as_deref());
        detail.integer("redriveCount", self.redrive_count.into());
        integer_or_null(&mut detail, "redriveDate", self.redrive_ms);
        detail.text("redriveStatus", self.redrive_status.as_str());
        text_or_null(&mut detail, "redriveStatusReason", self.redrive_status_reason.as_deref());
        included(&mut detail, "inputDetails", self.input.as_ref().map(|_| shows_input));
        included(&mut detail, "outputDetails", self.output.as_ref().map(|_| shows_output));
        text_or_null(&mut detail, "error", self.error.as_deref());
        text_or_null(&mut detail, "cause", self.cause.as_deref());
        detail.end();
    }
}

fn escaped_len(text: Option<&Arc<str>>) -> usize {
    let mut out = Vec::new();
    if let Some(text) = text {
        write_escaped_str(text, &mut out);
    }
    out.len()
}

fn text_or_null(object: &mut ObjectWriter<'_>, key: &'static str, text: Option<&str>) {
    match text {
        Some(text) => object.text(key, text),
        None => object.raw(key, "null"),
    };
}

fn integer_or_null(object: &mut ObjectWriter<'_>, key: &'static str, value: Option<i64>) {
    match value {
        Some(value) => object.integer(key, value),
        None => object.raw(key, "null"),
    };
}

fn included(object: &mut ObjectWriter<'_>, key: &'static str, is_included: Option<bool>) {
    object.raw(
        key,
        match is_included {
            Some(true) => r#"{"included":true}"#,
            Some(false) => r#"{"included":false}"#,
            None => "null",
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:execution:m:e";

    fn event(status: ExecutionStatus, input: &str, output: Option<&str>) -> serde_json::Value {
        let is_running = status == ExecutionStatus::Running;
        let event = StatusChangeEvent {
            id: "id".into(),
            time: "2019-02-26T19:42:21Z".into(),
            execution_arn: ARN.into(),
            state_machine_arn: "m".into(),
            name: "e".into(),
            status,
            start_ms: 1_551_225_271_984,
            stop_ms: (!is_running).then_some(1_551_225_281_984),
            input: Some(input.into()),
            output: output.map(Into::into),
            error: None,
            cause: None,
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            redrive_count: 0,
            redrive_ms: None,
            redrive_status: ExecutionRedriveStatus::NotRedrivable,
            redrive_status_reason: Some(format!("Execution is {status} and cannot be redriven").into()),
        };
        serde_json::from_slice(&event.to_json()).unwrap()
    }

    #[test]
    fn events_have_the_documented_shape() {
        let expected = serde_json::json!({
            "version": "0",
            "id": "id",
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": "123456789012",
            "time": "2019-02-26T19:42:21Z",
            "region": "eu-west-1",
            "resources": [ARN],
            "detail": {
                "executionArn": ARN,
                "stateMachineArn": "m",
                "name": "e",
                "status": "RUNNING",
                "startDate": 1_551_225_271_984_i64,
                "stopDate": null,
                "input": "{}",
                "output": null,
                "stateMachineVersionArn": null,
                "stateMachineAliasArn": null,
                "redriveCount": 0,
                "redriveDate": null,
                "redriveStatus": "NOT_REDRIVABLE",
                "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
                "inputDetails": {"included": true},
                "outputDetails": null,
                "error": null,
                "cause": null,
            },
        });
        assert_eq!(event(ExecutionStatus::Running, "{}", None), expected);
    }

    #[test]
    fn large_inputs_and_outputs_are_left_out() {
        let (half, large) = (format!("\"{}\"", "x".repeat(130_000)), format!("\"{}\"", "x".repeat(255_000)));
        for (input, output, shows_input, shows_output) in [
            ("{}", "{}", true, true),
            (half.as_str(), half.as_str(), false, true),
            ("{}", large.as_str(), false, false),
            (large.as_str(), "{}", false, true),
        ] {
            let detail = &event(ExecutionStatus::Succeeded, input, Some(output))["detail"];
            assert_eq!(detail["inputDetails"]["included"], shows_input);
            assert_eq!(detail["outputDetails"]["included"], shows_output);
            assert_eq!(detail["input"].is_string(), shows_input);
            assert_eq!(detail["output"].is_string(), shows_output);
        }
    }
}
