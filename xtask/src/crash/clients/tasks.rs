//! Workers of the activity and answers to callbacks.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stepwell_benchmarks::client::CallError;

use super::{ClientThread, NO_INTERNAL_ERRORS, is_overload};
use crate::crash::{
    lambda::Asked,
    ledger::{Outcome, Result},
};

/// How late an answer comes that comes late: after the heartbeat of six seconds has run out.
const LATE: Duration = Duration::from_secs(7);
/// Answers that are kept for later, at most.
const LATE_MAX: usize = 20;

/// Tasks whose answers come late.
#[derive(Debug, Default)]
pub(super) struct Late(VecDeque<(Instant, Asked)>);

impl ClientThread<'_> {
    /// GetActivityTask, and what a worker does with the task. False when the server is down.
    pub(super) fn work_on_activity(&mut self) -> bool {
        let request = json!({"activityArn": self.shared.activity, "workerName": format!("w{}", self.number)});
        let answer = self.poller.call("GetActivityTask", &request);
        self.shared.note("GetActivityTask", &answer);
        match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => self.shared.ledger.count("polls without a task"),
            Ok(answer) => {
                let body = answer.json();
                if let Some(token) = body["taskToken"].as_str() {
                    self.shared.ledger.count("activity tasks taken");
                    let input: Value =
                        serde_json::from_str(body["input"].as_str().unwrap_or_default()).unwrap_or_default();
                    let execution = input["execution"].as_str().unwrap_or_default().to_owned();
                    self.answer(Asked { token: token.to_owned(), execution });
                }
            }
        }
        true
    }

    /// Answers a task that waits for a callback, or one whose answer was put off.
    pub(super) fn call_back(&mut self) -> bool {
        if self.late.0.front().is_some_and(|(due, _)| *due <= Instant::now())
            && let Some((_, asked)) = self.late.0.pop_front()
        {
            self.shared.ledger.count("results sent late");
            return self.succeed(&asked);
        }
        match self.shared.lambda.next_asked() {
            Some(asked) => self.answer(asked),
            None => true,
        }
    }

    /// What becomes of a task: mostly an answer, sometimes two, a late one or a sign of life first.
    fn answer(&mut self, asked: Asked) -> bool {
        match self.random.below(100) {
            0..60 => self.succeed(&asked),
            60..75 => self.fail(&asked),
            75..85 => {
                self.heartbeat(&asked);
                self.succeed(&asked)
            }
            85..95 => {
                self.shared.ledger.count("results sent twice");
                self.succeed(&asked);
                self.succeed(&asked)
            }
            _ if self.late.0.len() < LATE_MAX => {
                self.late.0.push_back((Instant::now() + LATE, asked));
                true
            }
            _ => self.succeed(&asked),
        }
    }

    fn succeed(&mut self, asked: &Asked) -> bool {
        let id = format!("r-{}", self.shared.unique());
        let output = json!({"result": id}).to_string();
        self.send("SendTaskSuccess", asked, id, &json!({"taskToken": asked.token, "output": output}))
    }

    fn fail(&mut self, asked: &Asked) -> bool {
        let id = format!("r-{}", self.shared.unique());
        let request = json!({"taskToken": asked.token, "error": "Worker.Failed", "cause": id});
        self.send("SendTaskFailure", asked, id, &request)
    }

    /// Sends a result; one that was not sent because the server is down is sent again.
    fn send(&mut self, operation: &'static str, asked: &Asked, id: String, request: &Value) -> bool {
        let begun = Instant::now();
        let outcome = loop {
            match self.call(operation, request) {
                Err(CallError::NotSent(_)) if begun.elapsed() < Duration::from_secs(5) => {
                    std::thread::sleep(super::DOWN)
                }
                Err(CallError::NotSent(_)) => return false,
                Err(CallError::Unanswered(_)) => break Outcome::Unknown,
                Ok(answer) if answer.is_ok() => break Outcome::Acknowledged,
                Ok(answer) => {
                    let error = answer.error_name();
                    let known =
                        matches!(error.as_str(), "TaskTimedOut" | "TaskDoesNotExist") || is_overload(&answer);
                    self.shared.violations.expect(known, NO_INTERNAL_ERRORS, || {
                        format!("{operation} for {} was refused with {error}", asked.execution)
                    });
                    break Outcome::Refused;
                }
            }
        };
        self.shared.ledger.count(match outcome {
            Outcome::Acknowledged => "results acknowledged",
            Outcome::Unknown => "results without an answer",
            Outcome::Refused => "results refused",
        });
        self.shared.ledger.add_result(&asked.execution, Result { id, token: asked.token.clone(), outcome });
        if outcome == Outcome::Unknown && self.random.chance(50) {
            // A careful client asks again, as SDKs do: by another result we see which one counted.
            return self.succeed(asked);
        }
        true
    }

    fn heartbeat(&mut self, asked: &Asked) {
        if let Ok(answer) = self.call("SendTaskHeartbeat", &json!({"taskToken": asked.token})) {
            self.shared.ledger.count(if answer.is_ok() {
                "heartbeats acknowledged"
            } else {
                "heartbeats refused"
            });
        }
    }
}
