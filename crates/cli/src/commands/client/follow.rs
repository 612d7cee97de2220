//! Watching an execution until it ends.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::PAGE_SIZE;
use crate::client::{CallError, Client};
use crate::output::{self, FAINT, styled};
use crate::path_view::{PathView, duration};

/// Between two looks at an execution: short at first, for executions that take milliseconds.
const POLL_FIRST: Duration = Duration::from_millis(5);
/// Between two looks at an execution that takes long.
const POLL_LAST: Duration = Duration::from_millis(500);
/// Seconds of silence after which the Wait states that an execution is in are told again; doubles each time.
const REMINDER_FIRST: Duration = Duration::from_secs(10);
/// The longest silence.
const REMINDER_LAST: Duration = Duration::from_secs(3600);

/// Grows a pause by a quarter.
fn longer(pause: Duration) -> Duration {
    (pause * 5 / 4).min(POLL_LAST)
}

/// How the events of an execution are told.
#[derive(Debug)]
pub(crate) enum Teller {
    /// The path, on standard error.
    Path(Box<PathView>),
    /// Each event as a line of JSON, on standard output.
    Json,
}

impl Teller {
    fn tell(&mut self, event: &Value) {
        match self {
            Teller::Path(view) => {
                if let Some(line) = view.line(event) {
                    output::note(line);
                }
            }
            Teller::Json => output::followed_line(event),
        }
    }
}

/// Tells the events of an execution until it ends; answers its description. While the server can't be reached, it is
/// tried again for as long as `patience`.
///
/// # Errors
/// A call failed.
pub(crate) async fn follow(
    client: &Client,
    arn: &str,
    teller: &mut Teller,
    patience: Duration,
) -> Result<Value, CallError> {
    let mut request = json!({"executionArn": arn, "maxResults": PAGE_SIZE});
    let mut last_id = 0;
    let mut pause = POLL_FIRST;
    let mut silent = Duration::ZERO;
    let mut reminder = REMINDER_FIRST;
    loop {
        let page = call_patiently(client, "GetExecutionHistory", &request, patience).await?;
        let mut is_news = false;
        let mut has_ended = false;
        for event in page["events"].as_array().into_iter().flatten() {
            let id = event["id"].as_u64().unwrap_or_default();
            if id <= last_id {
                continue;
            }
            last_id = id;
            is_news = true;
            has_ended = ends_execution(event);
            teller.tell(event);
        }
        // The last page has no token; it is asked for again until it has grown.
        if let Some(token) = page["nextToken"].as_str() {
            request["nextToken"] = token.into();
            continue;
        }
        if has_ended {
            return call_patiently(client, "DescribeExecution", &json!({"executionArn": arn}), patience)
                .await;
        }
        if is_news {
            (pause, silent, reminder) = (POLL_FIRST, Duration::ZERO, REMINDER_FIRST);
        }
        tokio::time::sleep(pause).await;
        silent += pause;
        pause = longer(pause);
        if silent >= reminder {
            if let Teller::Path(view) = teller {
                remind(view);
            }
            (silent, reminder) = (Duration::ZERO, (reminder * 2).min(REMINDER_LAST));
        }
    }
}

/// Calls, and while the server can't be reached calls again: it may be starting anew.
///
/// # Errors
/// The call failed, or the server could not be reached for as long as `patience`.
pub(crate) async fn call_patiently(
    client: &Client,
    operation: &str,
    request: &Value,
    patience: Duration,
) -> Result<Value, CallError> {
    let mut waited = Duration::ZERO;
    loop {
        match client.call(operation, request).await {
            Err(CallError::Unreachable { endpoint, reason }) if waited < patience => {
                if waited.is_zero() {
                    let text = format!(
                        "can't reach {endpoint} ({reason}); trying again for {} s",
                        patience.as_secs()
                    );
                    output::note(styled(FAINT, text));
                }
                tokio::time::sleep(POLL_LAST).await;
                waited += POLL_LAST;
            }
            result => return result,
        }
    }
}

fn ends_execution(event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    matches!(kind, "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted")
}

/// Says how long the Wait states still take.
fn remind(view: &PathView) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    for waiting in view.waiting() {
        let left = waiting.until_seconds - now;
        if left > 0.0 {
            output::note(styled(
                FAINT,
                format_args!("           {} waits, {} left", waiting.name, duration(left)),
            ));
        }
    }
}

/// Waits until an execution has ended; answers its description.
///
/// # Errors
/// A call failed.
pub(crate) async fn wait(client: &Client, arn: &str) -> Result<Value, CallError> {
    let mut pause = POLL_FIRST;
    loop {
        let answer = client.call("DescribeExecution", &json!({"executionArn": arn})).await?;
        if answer["status"] != "RUNNING" {
            return Ok(answer);
        }
        tokio::time::sleep(pause).await;
        pause = longer(pause);
    }
}
