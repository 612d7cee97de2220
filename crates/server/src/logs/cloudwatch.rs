//! CloudWatch Logs, as much of it as logging needs, behind a trait: a plain client of the JSON 1.1 protocol.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use stepwell_asl::timestamp::format_millis;
use stepwell_integrations::Poster;

use super::{Line, LogGroup};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The code of an error that says that group or stream is missing.
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";

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

pub(super) type Calling<'a> = Pin<Box<dyn Future<Output = Result<Bytes, CallFailure>> + Send + 'a>>;

/// Whoever carries calls to CloudWatch Logs.
pub(super) trait Calls: Send + Sync {
    /// Calls an operation in the region and account of a log group with a JSON body.
    fn call<'a>(
        &'a self,
        group: &'a LogGroup,
        operation: &'static str,
        body: Bytes,
        now_ms: i64,
    ) -> Calling<'a>;
}

/// Calls an endpoint that checks no signatures: LocalStack, moto, another emulator.
pub(super) struct EndpointCalls {
    pub(super) address: String,
    pub(super) poster: Arc<Poster>,
}

impl Calls for EndpointCalls {
    fn call<'a>(
        &'a self,
        group: &'a LogGroup,
        operation: &'static str,
        body: Bytes,
        now_ms: i64,
    ) -> Calling<'a> {
        Box::pin(async move {
            let time = compact_time(now_ms);
            let day = time.get(..8).unwrap_or_default();
            // Emulators read region and account from the scope; the signature is a placeholder that nothing real takes.
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={}/{day}/{}/logs/aws4_request, SignedHeaders=host;x-amz-date, \
                 Signature={}",
                group.account,
                group.region,
                "0".repeat(64)
            );
            let headers = [
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("Logs_20140328.{operation}")),
                ("x-amz-date", time),
                ("authorization", authorization),
            ];
            let no_answer = |reason: String| CallFailure { code: None, reason, is_transient: true };
            let answer = self
                .poster
                .post(&self.address, &headers, body, CALL_TIMEOUT)
                .await
                .map_err(|error| no_answer(error.to_string()))?;
            if (200..300).contains(&answer.status) {
                return Ok(answer.body);
            }
            let error: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = error.code.map(|code| code.rsplit('#').next().unwrap_or(&code).to_owned());
            let reason = format!(
                "{operation} answered {}: {} {}",
                answer.status,
                code.as_deref().unwrap_or("no error code"),
                error.message.unwrap_or_default()
            );
            let is_throttled = code.as_deref().is_some_and(|code| code.contains("Throttl"));
            Err(CallFailure { code, reason, is_transient: answer.status >= 500 || is_throttled })
        })
    }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type")]
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// `20260101T120000Z`.
fn compact_time(now_ms: i64) -> String {
    let iso = format_millis(now_ms);
    let seconds = iso.split('.').next().unwrap_or_default();
    seconds
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .filter(|character| *character != 'Z')
        .chain(['Z'])
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogGroups {
    #[serde(default)]
    log_groups: Vec<NamedGroup>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedGroup {
    log_group_name: Option<String>,
}

/// Whether a log group is there.
///
/// # Errors
/// [`CallFailure`] when the service does not say.
pub(super) async fn group_exists(
    calls: &dyn Calls,
    group: &LogGroup,
    now_ms: i64,
) -> Result<bool, CallFailure> {
    let mut request = json!({"logGroupNamePrefix": group.name});
    // A group is listed before those whose names begin with its name, so the first page has it; other orders cost a walk.
    for _ in 0..100 {
        let body = calls.call(group, "DescribeLogGroups", request.to_string().into(), now_ms).await?;
        let answer: LogGroups = serde_json::from_slice(&body).map_err(|error| CallFailure {
            code: None,
            reason: format!("DescribeLogGroups answered something else: {error}"),
            is_transient: false,
        })?;
        if answer.log_groups.iter().any(|found| found.log_group_name.as_deref() == Some(&*group.name)) {
            return Ok(true);
        }
        match answer.next_token {
            Some(token) => request["nextToken"] = token.into(),
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Puts lines into one stream, which is created when it is missing.
///
/// # Errors
/// [`CallFailure`]; nothing of the lines was taken then.
pub(super) async fn put(
    calls: &dyn Calls,
    group: &LogGroup,
    stream: &str,
    lines: &[&Line],
    now_ms: i64,
) -> Result<(), CallFailure> {
    let mut events: Vec<_> = lines.iter().map(|line| (line.time_ms, line.text())).collect();
    // The service wants them in the order of time; those of one execution are, those of several may not be.
    events.sort_by_key(|(time_ms, _)| *time_ms);
    let events: Vec<_> =
        events.iter().map(|(time_ms, text)| json!({"timestamp": time_ms, "message": text})).collect();
    let request: Bytes =
        json!({"logGroupName": group.name, "logStreamName": stream, "logEvents": events}).to_string().into();
    match calls.call(group, "PutLogEvents", request.clone(), now_ms).await {
        Err(failure) if failure.code.as_deref() == Some(NOT_FOUND) => {
            let create = json!({"logGroupName": group.name, "logStreamName": stream}).to_string();
            match calls.call(group, "CreateLogStream", create.into(), now_ms).await {
                Err(failure) if failure.code.as_deref() != Some("ResourceAlreadyExistsException") => {
                    return Err(failure);
                }
                _ => {}
            }
            calls.call(group, "PutLogEvents", request, now_ms).await.map(|_| ())
        }
        result => result.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_signatures() {
        assert_eq!(compact_time(1_700_000_000_123), "20231114T221320Z");
    }
}
