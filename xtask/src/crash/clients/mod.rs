//! The clients of the crash workload: each thread does its mix of calls and writes down what it was told.

mod extras;
mod tasks;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stepwell_benchmarks::client::{Answer, CallError, Client};

use self::{extras::Extras, tasks::Late};
use super::{
    history::fingerprint,
    lambda::Lambda,
    ledger::{Fact, Ledger, execution_arn, known, machine_arn},
    machines::{KINDS, Kind},
    random::Random,
    violations::Violations,
};

/// How long a client waits before it tries a server that is down again.
const DOWN: Duration = Duration::from_millis(3);
/// Longest pause between two calls of a client, in milliseconds: it bounds the load, and so the time for the checks.
const PAUSE_MILLISECONDS: u64 = 12;

/// Promise 1: a start that was acknowledged is there at once and for ever.
pub(crate) const STARTS_KEPT: &str =
    "1: every acknowledged StartExecution exists, with its input and first start date";
/// Promise 1 for other calls.
pub(crate) const OTHERS_KEPT: &str = "1: every acknowledged create, update, delete and stop is kept";
/// Promise 2.
pub(crate) const RESULTS_ONCE: &str =
    "2: an acknowledged task result is in the history once, an unanswered one at most once";
/// Promises 1 and 2 for redrives.
pub(crate) const REDRIVES_ONCE: &str =
    "2: an acknowledged redrive is in the history once, an unanswered one at most once";
/// Promise 3.
pub(crate) const PREFIX: &str = "3: events seen by a reader are a prefix of the events seen later";
/// Promise 4.
pub(crate) const END_STAYS: &str = "4: a terminal status never changes";
/// Errors that nobody should see.
pub(crate) const NO_INTERNAL_ERRORS: &str = "0: no call is answered with an internal error or an unknown one";

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) violations: Violations,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) activity: String,
    /// Somebody listens: calls are worth making.
    pub(crate) serving: AtomicBool,
    /// The mix ends; tasks are still served.
    pub(crate) draining: AtomicBool,
    /// Everything ends.
    pub(crate) ended: AtomicBool,
    numbers: AtomicU64,
}

impl Shared {
    pub(crate) fn new(address: SocketAddr, lambda: Arc<Lambda>, activity: String) -> Self {
        Self {
            address,
            ledger: Ledger::default(),
            violations: Violations::default(),
            lambda,
            activity,
            serving: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            numbers: AtomicU64::new(1),
        }
    }

    /// A number that was not given before.
    fn unique(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// One client thread.
pub(crate) struct ClientThread<'a> {
    shared: &'a Shared,
    random: Random,
    client: Client,
    /// Polls for activity tasks: given up early, because a poll may hang for a minute.
    poller: Client,
    extras: Extras,
    late: Late,
    number: u64,
}

impl<'a> ClientThread<'a> {
    pub(crate) fn new(shared: &'a Shared, number: u64, seed: &Random) -> Self {
        Self {
            shared,
            random: seed.part(number),
            client: Client::new(shared.address),
            poller: Client::new(shared.address).with_answer_timeout(Duration::from_millis(300)),
            extras: Extras::new(number),
            late: Late::default(),
            number,
        }
    }

    /// The mix, until draining begins; then only tasks, until all has ended.
    pub(crate) fn run(&mut self) {
        while !self.shared.draining.load(Ordering::Relaxed) {
            if !self.shared.serving.load(Ordering::Relaxed) {
                thread::sleep(DOWN);
                continue;
            }
            let answered = match self.random.below(100) {
                0..40 => self.start(),
                40..65 => self.work_on_activity(),
                65..75 => self.call_back(),
                75..82 => self.stop(),
                82..85 => self.redrive(),
                85..90 => self.change_machine(),
                _ => self.read(),
            };
            if !answered {
                thread::sleep(DOWN);
            }
            thread::sleep(self.random.milliseconds(0, PAUSE_MILLISECONDS));
        }
        self.check_extras();
        while !self.shared.ended.load(Ordering::Relaxed) {
            self.work_on_activity();
            self.call_back();
            thread::sleep(DOWN);
        }
    }

    /// Makes a call. An answer with an error that no healthy server gives is a violation.
    fn call(&mut self, operation: &'static str, request: &Value) -> Result<Answer, CallError> {
        let answer = self.client.call(operation, request);
        self.shared.note(operation, &answer);
        answer
    }

    /// StartExecution with a name; a third is sent again. False when the server is down.
    fn start(&mut self) -> bool {
        let unique = self.shared.unique();
        let kind = Kind::random(&mut self.random);
        let name = format!("e-{unique}");
        let input = kind.input(unique, &mut self.random);
        let arn = execution_arn(kind.name, &name);
        self.shared.ledger.open().will_start(&arn, kind.name, &name, &input);
        let request = json!({"stateMachineArn": machine_arn(kind.name), "name": name, "input": input});
        let sent = self.send_start(&arn, &request);
        if self.random.chance(33) {
            thread::sleep(self.random.milliseconds(0, 30));
            self.shared.ledger.count("starts sent again");
            self.send_start(&arn, &request);
        }
        let acknowledged =
            self.shared.ledger.open().executions.get(&arn).is_some_and(|s| s.acknowledged.is_some());
        if acknowledged && self.random.chance(5) {
            self.start_with_other_input(&request);
        }
        sent
    }

    fn send_start(&mut self, arn: &str, request: &Value) -> bool {
        let answer = self.call("StartExecution", request);
        let mut books = self.shared.ledger.open();
        let Some(started) = books.executions.get_mut(arn) else { return true };
        match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => {
                started.possible = true;
                books.count("starts without an answer");
            }
            Ok(answer) if answer.is_ok() => {
                let body = answer.json();
                let date = body["startDate"].as_f64().unwrap_or_default();
                let first = started.acknowledged.get_or_insert_with(|| Fact::new(date)).value;
                started.possible = true;
                let same = first == date && body["executionArn"] == arn;
                self.shared.violations.expect(same, STARTS_KEPT, || {
                    format!("{arn} was acknowledged again as {body}, first date {first}")
                });
                books.count("starts acknowledged");
            }
            Ok(answer) => {
                let error = answer.error_name();
                // The name was never given before, so somebody else can't have it.
                let right = started.possible && error == "ExecutionAlreadyExists" || is_overload(&answer);
                self.shared
                    .violations
                    .expect(right, STARTS_KEPT, || format!("{arn}: a first start was refused with {error}"));
                books.count("starts refused");
            }
        }
        true
    }

    fn start_with_other_input(&mut self, request: &Value) {
        let mut other = request.clone();
        other["input"] = json!("{\"other\":true}");
        if let Ok(answer) = self.call("StartExecution", &other) {
            let right = answer.error_name() == "ExecutionAlreadyExists" || is_overload(&answer);
            self.shared.violations.expect(right, STARTS_KEPT, || {
                format!("{} with another input was answered {}", request["name"], answer.json())
            });
            self.shared.ledger.count("starts with another input");
        }
    }

    fn stop(&mut self) -> bool {
        let Some(arn) = self.recent() else { return true };
        if let Some(started) = self.shared.ledger.open().executions.get_mut(&arn) {
            started.stop_sent = true;
        }
        let asked = Instant::now();
        let answer = self
            .call("StopExecution", &json!({"executionArn": arn, "error": "Stopped", "cause": "by the test"}));
        let mut books = self.shared.ledger.open();
        let Some(started) = books.executions.get_mut(&arn) else { return true };
        match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => books.count("stops without an answer"),
            Ok(answer) if answer.is_ok() => {
                let date = answer.json()["stopDate"].as_f64().unwrap_or_default();
                let first = started.stopped.get_or_insert_with(|| Fact::new(date)).value;
                let right = first == date || started.redrive_sent;
                self.shared
                    .violations
                    .expect(right, END_STAYS, || format!("{arn} stopped at {first}, then at {date}"));
                books.count("stops acknowledged");
            }
            Ok(answer) => {
                let error = answer.error_name();
                let lost = known(&started.acknowledged, asked).is_some() && error == "ExecutionDoesNotExist";
                self.shared.violations.expect(!lost, STARTS_KEPT, || {
                    format!("{arn} was acknowledged, and StopExecution does not know it")
                });
                books.count("stops refused");
            }
        }
        true
    }

    /// RedriveExecution of one that was seen to have ended badly; a third is sent again.
    fn redrive(&mut self) -> bool {
        let token = format!("k-{}", self.shared.unique());
        let arn = {
            let mut books = self.shared.ledger.open();
            let has_failed = |arn: &&String| {
                books.executions.get(*arn).is_some_and(|started| {
                    let failed = started.end.as_ref().is_some_and(|end| end.value.0 != "SUCCEEDED");
                    failed || started.stopped.is_some() || started.redrive_sent
                })
            };
            let failed: Vec<String> = books.recent().iter().filter(has_failed).cloned().collect();
            let Some(arn) = self.random.pick(&failed).cloned() else { return true };
            if let Some(started) = books.executions.get_mut(&arn) {
                started.redrive_sent = true;
                started.redrives.insert(token.clone(), None);
            }
            arn
        };
        let request = json!({"executionArn": arn, "clientToken": token});
        let sent = self.send_redrive(&arn, &token, &request);
        if self.random.chance(33) {
            thread::sleep(self.random.milliseconds(0, 30));
            self.shared.ledger.count("redrives sent again");
            self.send_redrive(&arn, &token, &request);
        }
        sent
    }

    fn send_redrive(&mut self, arn: &str, token: &str, request: &Value) -> bool {
        let answer = self.call("RedriveExecution", request);
        let mut books = self.shared.ledger.open();
        let Some(started) = books.executions.get_mut(arn) else { return true };
        let known = started.redrives.entry(token.to_owned()).or_default();
        match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => books.count("redrives without an answer"),
            Ok(answer) if answer.is_ok() => {
                let date = answer.json()["redriveDate"].as_f64().unwrap_or_default();
                let first = *known.get_or_insert(date);
                self.shared.violations.expect(first == date, REDRIVES_ONCE, || {
                    format!("{arn} was redriven with {token} at {first}, then at {date}")
                });
                books.count("redrives acknowledged");
            }
            Ok(answer) => {
                let right = known.is_none() && answer.error_name() == "ExecutionNotRedrivable"
                    || is_overload(&answer);
                self.shared.violations.expect(right, REDRIVES_ONCE, || {
                    format!("{arn}: a redrive was refused: {} {known:?}", answer.json())
                });
                books.count("redrives refused");
            }
        }
        true
    }

    /// Reads an execution, its history or a list, and compares with what was seen before.
    fn read(&mut self) -> bool {
        let Some(arn) = self.recent() else { return true };
        let asked = Instant::now();
        match self.random.below(3) {
            0 => match self.call("DescribeExecution", &json!({"executionArn": arn})) {
                Err(CallError::NotSent(_)) => return false,
                Err(CallError::Unanswered(_)) => {}
                Ok(answer) => self.shared.saw_description(&arn, asked, &answer),
            },
            1 => {
                let request = json!({"executionArn": arn, "maxResults": 1_000});
                if let Ok(answer) = self.call("GetExecutionHistory", &request)
                    && answer.is_ok()
                {
                    let events = answer.json()["events"].as_array().cloned().unwrap_or_default();
                    self.shared.saw_events(&arn, &events);
                }
            }
            _ => {
                let Some(kind) = self.random.pick(&KINDS) else { return true };
                let request = json!({"stateMachineArn": machine_arn(kind.name), "maxResults": 50});
                if let Ok(answer) = self.call("ListExecutions", &request)
                    && answer.is_ok()
                {
                    for item in answer.json()["executions"].as_array().into_iter().flatten() {
                        let arn = item["executionArn"].as_str().unwrap_or_default();
                        self.shared.saw_status(arn, asked, item);
                    }
                }
            }
        }
        self.shared.ledger.count("reads");
        true
    }

    fn recent(&mut self) -> Option<String> {
        let books = self.shared.ledger.open();
        self.random.pick(books.recent()).cloned()
    }
}

impl Shared {
    /// Notes an answer that no healthy server gives.
    fn note(&self, operation: &str, answer: &Result<Answer, CallError>) {
        if let Ok(answer) = answer
            && !answer.is_ok()
        {
            let error = answer.error_name();
            let internal = answer.status >= 500 && error != "ServiceUnavailable";
            let unknown = error.is_empty() || error == "InternalFailure" || error == "SerializationException";
            self.violations.expect(!internal && !unknown, NO_INTERNAL_ERRORS, || {
                format!("{operation}: {} {}", answer.status, String::from_utf8_lossy(&answer.body))
            });
        }
    }

    /// Compares a description with the books.
    pub(crate) fn saw_description(&self, arn: &str, asked: Instant, answer: &Answer) {
        let body = answer.json();
        {
            let books = self.ledger.open();
            let Some(started) = books.executions.get(arn) else { return };
            if answer.error_name() == "ExecutionDoesNotExist" {
                let lost = known(&started.acknowledged, asked).is_some();
                self.violations
                    .expect(!lost, STARTS_KEPT, || format!("{arn} was acknowledged and does not exist"));
                return;
            }
            if !answer.is_ok() {
                return;
            }
            let same_input = body["input"] == started.input.as_str();
            self.violations
                .expect(same_input, STARTS_KEPT, || format!("{arn} has the input {}", body["input"]));
            if let Some(Fact { value: date, .. }) = started.acknowledged {
                let same = body["startDate"].as_f64() == Some(date);
                self.violations.expect(same, STARTS_KEPT, || {
                    format!("{arn} started at {date}, now {}", body["startDate"])
                });
            }
        }
        self.saw_status(arn, asked, &body);
    }

    /// Compares status and stop date with the end that was seen before.
    pub(crate) fn saw_status(&self, arn: &str, asked: Instant, body: &Value) {
        let mut books = self.ledger.open();
        let Some(started) = books.executions.get_mut(arn) else { return };
        let status = body["status"].as_str().unwrap_or_default();
        let now =
            (status != "RUNNING").then(|| (status.to_owned(), body["stopDate"].as_f64().unwrap_or_default()));
        if started.redrive_sent {
            // It may end again and again.
            started.end = now.map(Fact::new);
            return;
        }
        if let (Some(end), Some(now)) = (&started.end, &now) {
            let same = end.value == *now;
            self.violations
                .expect(same, END_STAYS, || format!("{arn} had ended as {:?}, now it is {now:?}", end.value));
        } else if let Some(now) = now {
            started.end = Some(Fact::new(now));
        } else {
            if let Some(end) = known(&started.end, asked) {
                self.violations.add(END_STAYS, format!("{arn} had ended as {end:?} and runs again"));
            }
            if let Some(stopped) = known(&started.stopped, asked) {
                self.violations.add(OTHERS_KEPT, format!("{arn} was stopped at {stopped} and runs"));
            }
        }
    }

    /// Compares events with those that were seen before.
    pub(crate) fn saw_events(&self, arn: &str, events: &[Value]) {
        let seen: Vec<u64> = events.iter().map(fingerprint).collect();
        let mut books = self.ledger.open();
        let Some(started) = books.executions.get_mut(arn) else { return };
        // Two readers may get their answers in either order: the shorter list is the older one.
        let (shorter, longer) = if seen.len() < started.events.len() {
            (&seen, &started.events)
        } else {
            (&started.events, &seen)
        };
        let prefix = longer.starts_with(shorter);
        self.violations.expect(prefix, PREFIX, || {
            let at = shorter.iter().zip(longer).position(|(a, b)| a != b).unwrap_or_default();
            format!("{arn}: event {} is now {}", at + 1, events.get(at).unwrap_or(&Value::Null))
        });
        if seen.len() > started.events.len() {
            started.events = seen;
        }
    }
}

/// A refusal that asks to come again later.
fn is_overload(answer: &Answer) -> bool {
    matches!(
        answer.error_name().as_str(),
        "ThrottlingException" | "ServiceUnavailable" | "ExecutionLimitExceeded"
    )
}
