//! CloudWatch Logs, as much of it as logging needs: calls of its API as any task could make them.

use std::{sync::Arc, time::Duration};

use stepwell_integrations::aws::{ANSWER_MAX_BYTES, Aws, Call, CallError, Era};
use stepwell_json::{Array, Object, Value};

use super::{Line, LogGroup};

/// How long a call may take, with what the client tries again.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of groups that are looked through for one. A group is listed before those whose names begin with its name, so the
/// first page has it; other orders cost a walk.
const PAGES_MAX: usize = 100;
/// The code of an error that says that group or stream is missing.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallFailure {
    /// The service's own code; none when there was no usable answer.
    pub(super) code: Option<String>,
    /// In one line.
    pub(super) reason: String,
    /// Whether the same call may succeed later.
    pub(super) is_transient: bool,
}

impl CallFailure {
    fn new(operation: &str, error: CallError) -> Self {
        let (code, reason, is_transient) = match error {
            CallError::Service(error) => {
                let is_throttled = error.code.contains("Throttl");
                let reason =
                    format!("{operation} answered {}: {} {}", error.status, error.code, error.message);
                (Some(error.code), reason, error.status >= 500 || is_throttled)
            }
            CallError::NoAnswer { reason, .. } | CallError::Role(reason) => (None, reason, true),
            CallError::Parameters(problems) => (None, problems.join(", "), false),
            CallError::TooLarge => (None, format!("{operation} answered at too great length"), false),
        };
        Self { code, reason, is_transient }
    }
}

/// The service, wherever the configuration says that it is.
#[derive(Debug, Clone)]
pub(super) struct CloudWatchLogs {
    pub(super) aws: Arc<Aws>,
}

impl CloudWatchLogs {
    /// Calls an operation in the region and account of a log group. Calls go on while the server is stopping, as the last
    /// records are written then.
    async fn call(
        &self,
        group: &LogGroup,
        operation: &str,
        parameters: Vec<(&str, Value)>,
    ) -> Result<Object, CallFailure> {
        let no_answer = |reason: String| CallFailure { code: None, reason, is_transient: true };
        let service = stepwell_aws_model::service("cloudwatchlogs")
            .ok_or_else(|| no_answer("the model of CloudWatch Logs is missing".to_owned()))?;
        let parameters = object(parameters);
        let call = Call {
            service: &service,
            operation,
            parameters: &parameters,
            body: None,
            answer_max_bytes: ANSWER_MAX_BYTES,
            era: Era::Second,
            region: &group.region,
            account: &group.account,
            token_seed: "",
            role: None,
        };
        match tokio::time::timeout(CALL_TIMEOUT, self.aws.call_to_the_end(&call)).await {
            Ok(Ok(answer)) => Ok(answer.result),
            Ok(Err(error)) => Err(CallFailure::new(operation, error)),
            Err(_) => Err(no_answer(format!("{operation}: no answer within {} s", CALL_TIMEOUT.as_secs()))),
        }
    }

    /// Whether a log group is there.
    ///
    /// # Errors
    /// [`CallFailure`] when the service does not say.
    pub(super) async fn has_group(&self, group: &LogGroup) -> Result<bool, CallFailure> {
        let name = Value::from(group.name.as_str());
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let mut request = vec![("LogGroupNamePrefix", name.clone())];
            request.extend(token.map(|token| ("NextToken", token)));
            let answer = self.call(group, "DescribeLogGroups", request).await?;
            let groups = answer.get("LogGroups").and_then(Value::as_array);
            let mut found = groups.into_iter().flat_map(|groups| groups.items());
            if found.any(|found| found.get("LogGroupName") == Some(&name)) {
                return Ok(true);
            }
            token = answer.get("NextToken").cloned();
            if token.is_none() {
                break;
            }
        }
        Ok(false)
    }

    /// Puts lines into one stream, which is created when it is missing.
    ///
    /// # Errors
    /// [`CallFailure`]; nothing of the lines was taken then.
    pub(super) async fn put(
        &self,
        group: &LogGroup,
        stream: &str,
        lines: &[&Line],
    ) -> Result<(), CallFailure> {
        let mut lines = lines.to_vec();
        // The service wants them in the order of time; those of one execution are, those of several may not be.
        lines.sort_by_key(|line| line.time_ms);
        let events = lines.iter().map(|line| {
            object(vec![("Timestamp", Value::from(line.time_ms)), ("Message", Value::from(line.text()))])
        });
        let events = Value::Array(Array::new(events.collect()));
        let place = || {
            vec![("LogGroupName", Value::from(group.name.as_str())), ("LogStreamName", Value::from(stream))]
        };
        let request = || place().into_iter().chain([("LogEvents", events.clone())]).collect();
        match self.call(group, "PutLogEvents", request()).await {
            Err(failure) if failure.code.as_deref() == Some(NOT_FOUND) => {
                match self.call(group, "CreateLogStream", place()).await {
                    Err(failure) if failure.code.as_deref() != Some("ResourceAlreadyExistsException") => {
                        return Err(failure);
                    }
                    _ => {}
                }
                self.call(group, "PutLogEvents", request()).await.map(|_| ())
            }
            result => result.map(|_| ()),
        }
    }
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(Object::from_entries(
        members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    ))
}
