//! Records of execution logs, as AWS writes them to CloudWatch Logs: one JSON object for each history event.

use crate::history_event::{Data, HistoryEvent, Kind, StateType};
use crate::json_writer::{ObjectWriter, write_integer, write_unsigned};
use crate::types::state_machine::LogLevel;

/// What stands in a record beside the event.
#[derive(Clone, Copy, Debug)]
pub struct LogContext<'a> {
    /// The execution.
    pub execution_arn: &'a str,
    /// How often it had been redriven.
    pub redrive_count: u32,
    /// Whether inputs, outputs, parameters and variables are shown.
    pub include_execution_data: bool,
    /// The longest record in bytes. Of a longer one the data is left out, and the details say that it was truncated.
    pub bytes_max: Option<usize>,
}

/// Appends the record of an event. Every scalar outside of `details` is a string, as recorded.
pub fn write_log_record(event: &HistoryEvent, context: LogContext<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let data = if context.include_execution_data { Data::Shown } else { Data::Absent };
    write(event, context, data, out);
    let is_too_long = context.bytes_max.is_some_and(|max| out.len() - start > max);
    if is_too_long && data == Data::Shown {
        out.truncate(start);
        write(event, context, Data::Truncated, out);
    }
}

fn write(event: &HistoryEvent, context: LogContext<'_>, data: Data, out: &mut Vec<u8>) {
    let (event_type, _) = event.kind.names();
    let mut record = ObjectWriter::new(out);
    quoted(record.key("id"), |out| write_unsigned(event.id, out));
    record.text("type", event_type);
    event.kind.write_details(record.key("details"), data);
    quoted(record.key("previous_event_id"), |out| write_unsigned(event.previous_event_id, out));
    quoted(record.key("event_timestamp"), |out| write_integer(event.timestamp_ms, out));
    record.text("execution_arn", context.execution_arn);
    quoted(record.key("redrive_count"), |out| write_unsigned(context.redrive_count.into(), out));
    record.end();
}

/// Writes digits as a string.
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

impl LogLevel {
    /// Whether events of this kind are logged.
    pub fn shows(self, kind: &Kind) -> bool {
        match self {
            LogLevel::All => true,
            LogLevel::Error => is_fatal(kind) || is_error(kind),
            LogLevel::Fatal => is_fatal(kind),
            LogLevel::Off => false,
        }
    }
}

fn is_fatal(kind: &Kind) -> bool {
    matches!(kind, Kind::ExecutionAborted(_) | Kind::ExecutionFailed(_) | Kind::ExecutionTimedOut(_))
}

/// The events of the level ERROR that are none of FATAL.
fn is_error(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::StateEntered { state_type: StateType::Fail, .. }
            | Kind::LambdaFunctionFailed(_)
            | Kind::LambdaFunctionScheduleFailed(_)
            | Kind::LambdaFunctionStartFailed(_)
            | Kind::LambdaFunctionTimedOut(_)
            | Kind::ActivityFailed(_)
            | Kind::ActivityScheduleFailed(_)
            | Kind::ActivityTimedOut(_)
            | Kind::TaskFailed { .. }
            | Kind::TaskStartFailed { .. }
            | Kind::TaskSubmitFailed { .. }
            | Kind::TaskTimedOut { .. }
            | Kind::MapIterationAborted(_)
            | Kind::MapIterationFailed(_)
            | Kind::MapRunAborted
            | Kind::MapRunFailed(_)
            | Kind::MapStateAborted
            | Kind::MapStateFailed
            | Kind::ParallelStateAborted
            | Kind::ParallelStateFailed
            | Kind::TaskStateAborted
            | Kind::WaitStateAborted
            | Kind::EvaluationFailed { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history_event::Failure;

    fn record(kind: Kind, include_execution_data: bool, bytes_max: Option<usize>) -> String {
        let event = HistoryEvent { id: 2, previous_event_id: 1, timestamp_ms: 1_700_000_000_123, kind };
        let context =
            LogContext { execution_arn: "arn", redrive_count: 0, include_execution_data, bytes_max };
        let mut out = b"before ".to_vec();
        write_log_record(&event, context, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn records_have_the_recorded_form() {
        let entered = || Kind::StateEntered {
            state_type: StateType::Pass,
            name: "P".into(),
            input: r#"{"a":1}"#.into(),
        };
        let failed = || Kind::ExecutionFailed(Failure { error: Some("E".into()), cause: Some("C".into()) });
        let of = |event_type: &str, details: &str| {
            format!(
                r#"{{"id":"2","type":"{event_type}","details":{details},"previous_event_id":"1","event_timestamp":"1700000000123","execution_arn":"arn","redrive_count":"0"}}"#
            )
        };
        for (kind, include, max, expected) in [
            (
                entered(),
                true,
                None,
                of(
                    "PassStateEntered",
                    r#"{"name":"P","input":"{\"a\":1}","inputDetails":{"truncated":false}}"#,
                ),
            ),
            (entered(), false, None, of("PassStateEntered", r#"{"name":"P"}"#)),
            (
                entered(),
                true,
                Some(100),
                of("PassStateEntered", r#"{"name":"P","inputDetails":{"truncated":true}}"#),
            ),
            (failed(), false, None, of("ExecutionFailed", r#"{"error":"E","cause":"C"}"#)),
            (Kind::ExecutionSucceeded { output: "1".into() }, false, None, of("ExecutionSucceeded", "{}")),
            (Kind::MapStateSucceeded, true, None, of("MapStateSucceeded", "{}")),
        ] {
            assert_eq!(record(kind, include, max), expected);
        }
    }

    #[test]
    fn levels_choose_events() {
        let entered = |state_type| Kind::StateEntered { state_type, name: "S".into(), input: "{}".into() };
        for (kind, levels) in [
            (entered(StateType::Pass), vec![LogLevel::All]),
            (entered(StateType::Fail), vec![LogLevel::All, LogLevel::Error]),
            (Kind::WaitStateAborted, vec![LogLevel::All, LogLevel::Error]),
            (
                Kind::ExecutionAborted(Failure::default()),
                vec![LogLevel::All, LogLevel::Error, LogLevel::Fatal],
            ),
            (Kind::ExecutionSucceeded { output: "1".into() }, vec![LogLevel::All]),
        ] {
            let shown: Vec<LogLevel> =
                LogLevel::ALL.iter().copied().filter(|level| level.shows(&kind)).collect();
            assert_eq!(shown, levels, "{kind:?}");
        }
    }
}
