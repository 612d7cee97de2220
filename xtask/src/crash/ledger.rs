//! What the driver knows for certain: what it asked for, and what was acknowledged. It survives the server.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::machines::CHILD;

/// How many of the newest executions the clients come back to.
const RECENT: usize = 400;

/// Something known, and since when. An answer to a question that was asked before need not agree with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact<T> {
    pub(crate) value: T,
    pub(crate) since: Instant,
}

impl<T> Fact<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, since: Instant::now() }
    }
}

/// The fact, if it was known when a question was asked.
pub(crate) fn known<T>(fact: &Option<Fact<T>>, asked: Instant) -> Option<&T> {
    fact.as_ref().filter(|fact| fact.since < asked).map(|fact| &fact.value)
}

/// An execution that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) machine: &'static str,
    pub(crate) name: String,
    pub(crate) input: String,
    /// Start date of the first acknowledgement.
    pub(crate) acknowledged: Option<Fact<f64>>,
    /// Some request may have been carried out: it was acknowledged, or it got no answer.
    pub(crate) possible: bool,
    /// Stop date that StopExecution answered.
    pub(crate) stopped: Option<Fact<f64>>,
    /// StopExecution was sent.
    pub(crate) stop_sent: bool,
    /// RedriveExecution was sent: ends are no longer for ever.
    pub(crate) redrive_sent: bool,
    /// Redrives by their token: the date that was answered, none while nothing was.
    pub(crate) redrives: BTreeMap<String, Option<f64>>,
    /// The end as a reader saw it: status and stop date.
    pub(crate) end: Option<Fact<(String, f64)>>,
    /// Hashes of the events that a reader saw.
    pub(crate) events: Vec<u64>,
}

/// How a call ended for the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    /// No answer: done or not.
    Unknown,
    Refused,
}

/// A task result that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Result {
    /// What it holds, different for each call.
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) outcome: Outcome,
}

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By execution ARN.
    pub(crate) executions: HashMap<String, Started>,
    /// Results by execution ARN.
    pub(crate) results: HashMap<String, Vec<Result>>,
    /// How often what happened, for the report.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    recent: Vec<String>,
    next_recent: usize,
}

/// The books and their lock.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Books>);

impl Ledger {
    /// The books. What a thread that panicked has written stays true.
    pub(crate) fn open(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.open().count(what);
    }

    pub(crate) fn add_result(&self, execution: &str, result: Result) {
        self.open().results.entry(execution.to_owned()).or_default().push(result);
    }
}

impl Books {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Enters a start before it is sent.
    pub(crate) fn will_start(&mut self, arn: &str, machine: &'static str, name: &str, input: &str) {
        let started = Started {
            machine,
            name: name.to_owned(),
            input: input.to_owned(),
            acknowledged: None,
            possible: false,
            stopped: None,
            stop_sent: false,
            redrive_sent: false,
            redrives: BTreeMap::new(),
            end: None,
            events: Vec::new(),
        };
        self.executions.insert(arn.to_owned(), started);
        if self.recent.len() < RECENT {
            self.recent.push(arn.to_owned());
        } else {
            self.recent[self.next_recent] = arn.to_owned();
            self.next_recent = (self.next_recent + 1) % RECENT;
        }
    }

    /// ARNs of the newest executions.
    pub(crate) fn recent(&self) -> &[String] {
        &self.recent
    }

    /// Whether an execution of this ARN may exist.
    pub(crate) fn may_exist(&self, arn: &str) -> bool {
        if let Some(started) = self.executions.get(arn) {
            return started.possible;
        }
        // Children are named after their parents.
        let parent = arn.replace(&format!(":{CHILD}:child-"), ":crash-nested:");
        parent != arn && self.executions.get(&parent).is_some_and(|started| started.possible)
    }
}

/// ARN of an execution of a machine in the account and region that a server has unless told otherwise.
pub(crate) fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:{machine}:{name}")
}

/// ARN of a machine.
pub(crate) fn machine_arn(machine: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_may_exist() {
        let ledger = Ledger::default();
        let mut books = ledger.open();
        let parent = execution_arn("crash-nested", "e1");
        let child = execution_arn(CHILD, "child-e1");
        books.will_start(&parent, "crash-nested", "e1", "{}");
        assert!(!books.may_exist(&parent) && !books.may_exist(&child));
        if let Some(started) = books.executions.get_mut(&parent) {
            started.possible = true;
        }
        assert!(books.may_exist(&parent) && books.may_exist(&child));
        assert!(!books.may_exist(&execution_arn(CHILD, "child-e2")));
    }
}
