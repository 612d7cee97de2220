//! The oracle's view of tasks, and of Retry and Catch.

use std::collections::BTreeMap;

use stepwell_asl::{
    Catcher, CatcherExit, Count, InvocationPattern, Jitter, Resource, Retrier, SECONDS_MAX, Task,
};
use stepwell_json::{Object, Value};

use super::{
    Fault, Flow, Left, NEVER, Oracle, Visit,
    data::{limited, merge, unfit},
};
use crate::conduct::Conduct;

impl Oracle<'_> {
    /// Tries a state until it leaves, or nothing takes its error any more.
    pub(crate) fn attempts<'a>(
        &self,
        visit: &mut Visit<'a>,
        mut at_ms: i64,
        retry: &[Retrier],
        catch: &[Catcher],
        attempt: impl Fn(&Visit<'a>, i64) -> (i64, Flow<Left>),
    ) -> (i64, Flow<Left>) {
        let mut made: BTreeMap<usize, u32> = BTreeMap::new();
        loop {
            let (ended_ms, left) = attempt(visit, at_ms);
            at_ms = ended_ms;
            let fault = match left {
                Err(fault) if !fault.is_terminal => fault,
                other => return (at_ms, other),
            };
            let retrier = retry.iter().enumerate().find(|(_, retrier)| names(&retrier.error_equals, &fault));
            if let Some((index, retrier)) = retrier {
                let made = made.entry(index).or_default();
                if *made < retrier.max_attempts {
                    *made += 1;
                    visit.retries += 1;
                    let mut seconds = f64::from(retrier.interval_seconds);
                    for _ in 1..*made {
                        seconds *= retrier.backoff_rate;
                    }
                    if let Some(longest) = retrier.max_delay_seconds {
                        seconds = seconds.min(f64::from(longest));
                    }
                    if retrier.jitter == Jitter::Full {
                        self.is_time_unknown.set(true);
                    }
                    at_ms = at_ms.saturating_add((seconds * 1000.0).ceil() as i64);
                    continue;
                }
            }
            let Some(catcher) = catch.iter().find(|catcher| names(&catcher.error_equals, &fault)) else {
                return (at_ms, Err(fault));
            };
            return (at_ms, self.caught(visit, catcher, &fault));
        }
    }

    fn caught(&self, visit: &Visit<'_>, catcher: &Catcher, fault: &Fault) -> Flow<Left> {
        if fault.is_of_service {
            // The cause is a text that the oracle does not know, and data now depends on it.
            self.is_ambiguous.set(true);
        }
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let cause = if fault.is_timeout { Value::from("") } else { text(&fault.cause) };
        let output = Value::Object(Object::from_entries(vec![
            ("Error".into(), text(&fault.error)),
            ("Cause".into(), cause),
        ]));
        let next = Some(catcher.next.clone());
        let left = match &catcher.exit {
            CatcherExit::JsonPath { result_path, assign } => {
                self.assigned(visit, assign.as_ref(), &output).and_then(|assigned| {
                    let output = merge(&visit.raw, result_path, output).and_then(limited)?;
                    Ok(Left { output, next, assigned })
                })
            }
            CatcherExit::Jsonata(exit) => {
                let extra = Some(("errorOutput", output.clone()));
                self.leave_by(visit, exit, extra, output, next)
            }
        };
        // An expression that fails in a catcher gives a new error; what else goes wrong there ends the execution.
        left.map_err(|fault| {
            let is_terminal = fault.error.as_deref() != Some("States.QueryEvaluationError");
            Fault { is_terminal, ..fault }
        })
    }

    fn seconds(&self, visit: &Visit<'_>, count: Option<&Count>, effective: &Value) -> Flow<Option<u32>> {
        let seconds = self.count(visit, count, effective, 1)?;
        let is_long = seconds.is_some_and(|seconds| i64::from(seconds) > SECONDS_MAX);
        if is_long { Err(unfit(visit)) } else { Ok(seconds) }
    }

    pub(crate) fn task(&self, visit: &Visit<'_>, task: &Task, at_ms: i64) -> (i64, Flow<Left>) {
        let sent = (|| {
            let effective = self.effective(visit)?;
            let timeout = self.seconds(visit, task.timeout.as_ref(), &effective)?;
            let heartbeat = self.seconds(visit, task.heartbeat.as_ref(), &effective)?;
            if timeout.zip(heartbeat).is_some_and(|(timeout, heartbeat)| heartbeat >= timeout) {
                return Err(unfit(visit));
            }
            let parameters = self.arguments(visit, effective)?;
            Ok((limited(parameters)?, timeout, heartbeat))
        })();
        let (parameters, timeout, heartbeat) = match sent {
            Ok(sent) => sent,
            Err(fault) => return (at_ms, Err(fault)),
        };
        let conduct = self.outside.conduct(&visit.state.name, &parameters, None, 0);
        let (ended_ms, result) = self.call(task, &conduct, at_ms, timeout, heartbeat);
        if ended_ms == NEVER {
            let nothing = Left { output: Value::Null, next: None, assigned: Vec::new() };
            return (NEVER, Ok(nothing));
        }
        let left = result.and_then(|result| self.leave(visit, limited(result)?, Some(&task.transition)));
        (ended_ms, left)
    }

    /// When a call ends, and how. What comes first counts; two things at one moment are a race.
    fn call(
        &self,
        task: &Task,
        conduct: &Conduct,
        at_ms: i64,
        timeout: Option<u32>,
        heartbeat: Option<u32>,
    ) -> (i64, Flow<Value>) {
        let is_direct = !matches!(
            task.resource,
            Resource::Activity { .. }
                | Resource::LambdaInvoke { wait_for_token: true }
                | Resource::StartExecution {
                    pattern: InvocationPattern::Sync
                        | InvocationPattern::Sync2
                        | InvocationPattern::WaitForTaskToken
                }
        );
        let started = if is_direct { Some(0) } else { conduct.start_ms }.map(|after| at_ms + after);
        let (ended, result) = match (started, &conduct.end) {
            (Some(started), Some((after, result))) => (started + after, Some(result)),
            _ => (NEVER, None),
        };
        let timed_out = timeout.map_or(NEVER, |seconds| at_ms + i64::from(seconds) * 1000);
        let mut missed = NEVER;
        if let (false, Some(started), Some(heartbeat)) = (is_direct, started, heartbeat) {
            let heartbeat = i64::from(heartbeat) * 1000;
            let mut last = started;
            for beat in &conduct.heartbeats_ms {
                let beat = started + beat;
                if beat < ended && beat < last + heartbeat {
                    last = beat;
                }
            }
            missed = last + heartbeat;
        }
        let first = ended.min(timed_out).min(missed);
        if first != NEVER && [ended, timed_out, missed].iter().filter(|at| **at == first).count() > 1 {
            self.is_ambiguous.set(true);
        }
        match result {
            Some(result) if ended == first => {
                let text = |text: Option<stepwell_interpreter::Text>| text.map(|text| text.to_string());
                let result =
                    result.clone().map_err(|error| Fault::told(text(error.error), text(error.cause)));
                (first, result)
            }
            _ => {
                let is_heartbeat = missed == first;
                let fault = Fault {
                    is_heartbeat,
                    is_timeout: true,
                    ..Fault::told(Some("States.Timeout".to_owned()), None)
                };
                (first, Err(fault))
            }
        }
    }
}

/// Whether ErrorEquals names the error.
fn names(error_equals: &[std::sync::Arc<str>], fault: &Fault) -> bool {
    let error = fault.error.as_deref().unwrap_or_default();
    error_equals.iter().any(|name| match &**name {
        "States.ALL" => error != "States.Runtime",
        "States.TaskFailed" => !matches!(error, "States.Timeout" | "States.Runtime"),
        "States.HeartbeatTimeout" if fault.is_heartbeat => true,
        name => name == error,
    })
}
