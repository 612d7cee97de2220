//! The oracle: what a definition means, evaluated naively.
//!
//! A recursive evaluator over `asl::Definition`, written from the language's reference and not from the
//! interpreter. It knows no frames, events or commands: it computes, for each chain of states, when it ends and
//! with what. Time is virtual and exact. Where the outcome depends on which of two errors comes first and that is
//! no matter of the language, it says so instead of guessing.

mod data;
mod fork;
mod jsonata;
mod task;

use std::{cell::Cell, sync::Arc};

use data::{Scope, unfit};
use stepwell_asl::{
    Choice, Choices, Definition, FailText, State, StateKind, Transition, Wait, WaitUntil, evaluate_path,
};
use stepwell_json::Value;

use crate::conduct::Outside;

/// A time that never comes.
pub const NEVER: i64 = i64::MAX;
/// Milliseconds that an execution may run.
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// How an execution ends, by the oracle.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// With this output.
    Succeeded(Value),
    /// With this error name, or none, and this cause unless it is a text of the interpreter's own.
    Failed {
        /// The error's name.
        error: Option<String>,
        /// The cause, unless it is a text of the interpreter's own, which is not foretold.
        cause: Option<Option<String>>,
    },
    /// By TimeoutSeconds, or after a year.
    TimedOut,
}

/// A verdict and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Foretold {
    /// How it ends.
    pub verdict: Verdict,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether another end would be as good: two errors raced.
    pub is_ambiguous: bool,
}

/// What an execution is started with.
#[derive(Debug, Clone)]
pub struct Start {
    /// The input.
    pub input: Value,
    /// When it starts, in milliseconds since 1970.
    pub at_ms: i64,
    /// The context object's `Execution` and `StateMachine`, without `State`.
    pub context: Value,
}

/// Foretells the end of an execution. `exact`: the run has no delays but those of the outside; else any two
/// errors in one fork race.
pub fn foretell(definition: &Definition, start: &Start, outside: &dyn Outside, exact: bool) -> Foretold {
    let oracle =
        Oracle { outside, start, exact, is_ambiguous: Cell::new(false), is_time_unknown: Cell::new(false) };
    let scope = Scope::default();
    let ended =
        oracle.chain(&definition.states, &definition.start_at, start.input.clone(), scope, start.at_ms);
    let timeout_ms =
        definition.timeout_seconds.map_or(YEAR_MS, |seconds| (i64::from(seconds) * 1000).min(YEAR_MS));
    let deadline = start.at_ms.saturating_add(timeout_ms);
    let has_own_timeout = definition.timeout_seconds.is_some();
    if ended.at_ms == deadline || has_own_timeout && (!exact || oracle.is_time_unknown.get()) {
        oracle.is_ambiguous.set(true);
    }
    let (verdict, at_ms) = if ended.at_ms > deadline {
        (Verdict::TimedOut, deadline)
    } else {
        let verdict = match ended.result {
            Ok(value) => Verdict::Succeeded(value),
            Err(fault) => {
                let cause = (!fault.is_of_service).then_some(fault.cause);
                Verdict::Failed { error: fault.error, cause }
            }
        };
        (verdict, ended.at_ms)
    };
    Foretold { verdict, at_ms, is_ambiguous: oracle.is_ambiguous.get() }
}

/// An error on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    /// Nothing may handle it: it ends the execution.
    pub(crate) is_terminal: bool,
    pub(crate) is_heartbeat: bool,
    pub(crate) is_timeout: bool,
    /// Whether the cause is a text that only the interpreter knows.
    pub(crate) is_of_service: bool,
}

impl Fault {
    pub(crate) fn named(error: &str, is_terminal: bool) -> Self {
        Self { is_terminal, is_of_service: true, ..Self::told(Some(error.to_owned()), None) }
    }

    /// An error whose texts are known.
    pub(crate) fn told(error: Option<String>, cause: Option<String>) -> Self {
        Self {
            error,
            cause,
            is_terminal: false,
            is_heartbeat: false,
            is_timeout: false,
            is_of_service: false,
        }
    }

    /// A wrong path or the like in a state's own processing: nothing handles it.
    pub(crate) fn runtime() -> Self {
        Self::named("States.Runtime", true)
    }
}

pub(crate) type Flow<T> = Result<T, Fault>;

/// How a chain or a state ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) at_ms: i64,
    pub(crate) result: Flow<Value>,
}

/// What a state gives to the chain.
pub(crate) struct Left {
    pub(crate) output: Value,
    pub(crate) next: Option<Arc<str>>,
    pub(crate) assigned: Vec<(Arc<str>, Value)>,
}

pub(crate) struct Oracle<'a> {
    outside: &'a dyn Outside,
    start: &'a Start,
    exact: bool,
    is_ambiguous: Cell<bool>,
    /// A random delay was passed: times from here on are not known.
    is_time_unknown: Cell<bool>,
}

/// One visit of a state.
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a State,
    pub(crate) raw: Value,
    pub(crate) scope: &'a Scope,
    /// Retries so far.
    pub(crate) retries: u32,
}

impl Oracle<'_> {
    fn chain(&self, states: &[State], first: &str, input: Value, mut scope: Scope, at_ms: i64) -> Ended {
        let (mut at_ms, mut input, mut name): (i64, Value, Arc<str>) = (at_ms, input, first.into());
        loop {
            let Some(state) = states.iter().find(|state| state.name == name) else {
                return Ended { at_ms, result: Err(Fault::named("no such state", true)) };
            };
            let (ended_ms, left) = self.state(state, input, &scope, at_ms);
            at_ms = ended_ms;
            match left {
                Err(fault) => return Ended { at_ms, result: Err(fault) },
                Ok(_) if at_ms == NEVER => return Ended { at_ms, result: Ok(Value::Null) },
                Ok(Left { output, next, assigned }) => {
                    for (variable, value) in assigned {
                        scope.set(&variable, value);
                    }
                    match next {
                        None => return Ended { at_ms, result: Ok(output) },
                        Some(next) => (input, name) = (output, next),
                    }
                }
            }
        }
    }

    fn state(&self, state: &State, raw: Value, scope: &Scope, at_ms: i64) -> (i64, Flow<Left>) {
        let mut visit = Visit { state, raw, scope, retries: 0 };
        match &state.kind {
            StateKind::Task(task) => {
                self.attempts(&mut visit, at_ms, &task.retry, &task.catch, |visit, at_ms| {
                    self.task(visit, task, at_ms)
                })
            }
            StateKind::Parallel(parallel) => {
                self.attempts(&mut visit, at_ms, &parallel.retry, &parallel.catch, |visit, at_ms| {
                    self.parallel(visit, parallel, at_ms)
                })
            }
            StateKind::Map(map) => {
                self.attempts(&mut visit, at_ms, &map.retry, &map.catch, |visit, at_ms| {
                    self.map(visit, map, at_ms)
                })
            }
            StateKind::Pass(pass) => {
                let left = (|| {
                    let effective = self.effective(&visit)?;
                    let result = match &pass.result {
                        Some(result) => result.clone(),
                        None => self.arguments(&visit, effective)?,
                    };
                    self.leave(&visit, result, Some(&pass.transition))
                })();
                (at_ms, left)
            }
            StateKind::Choice(choice) => (at_ms, self.choice(&visit, choice)),
            StateKind::Wait(wait) => match self.wait_until(&visit, wait, at_ms) {
                Ok(until) => (until.max(at_ms), self.pass_on(&visit, Some(&wait.transition))),
                Err(fault) => (at_ms, Err(fault)),
            },
            StateKind::Succeed(_) => (at_ms, self.pass_on(&visit, None)),
            StateKind::Fail(fail) => {
                let text = |text: &Option<FailText>| -> Flow<Option<String>> {
                    match text {
                        None => Ok(None),
                        Some(FailText::Literal(text)) => Ok(Some(text.to_string())),
                        Some(FailText::Expression(expression)) => {
                            let mut roots = self.roots(&visit, visit.raw.clone(), None);
                            let value = expression.evaluate("ErrorPath", &mut roots).map_err(data::fault)?;
                            value.as_str().map(|text| Some(text.to_owned())).ok_or_else(Fault::runtime)
                        }
                        Some(FailText::Jsonata(template)) => {
                            let value = self.evaluate(&visit, template, None)?;
                            value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| unfit(&visit))
                        }
                    }
                };
                let fault = text(&fail.error).and_then(|error| {
                    let cause = text(&fail.cause)?;
                    Ok(Fault::told(error, cause))
                });
                (at_ms, Err(fault.unwrap_or_else(|fault| fault)))
            }
        }
    }

    /// States without a result: the input goes through InputPath and OutputPath, or Output is made of it.
    fn pass_on(&self, visit: &Visit<'_>, transition: Option<&Transition>) -> Flow<Left> {
        let effective = self.effective(visit)?;
        self.leave(visit, effective, transition)
    }

    fn choice(&self, visit: &Visit<'_>, choice: &Choice) -> Flow<Left> {
        let effective = self.effective(visit)?;
        match &choice.choices {
            Choices::JsonPath(branches) => {
                for branch in branches {
                    let mut roots = self.roots(visit, effective.clone(), None);
                    if branch.rule.matches(&mut roots).map_err(data::fault)? {
                        let assigned = self.assigned(visit, branch.assign.as_ref(), &effective)?;
                        let output = self.output(visit, effective)?;
                        return Ok(Left { output, next: Some(branch.next.clone()), assigned });
                    }
                }
            }
            Choices::Jsonata(branches) => {
                for branch in branches {
                    let holds = self.evaluate(visit, &branch.condition, None)?;
                    if holds.as_bool().ok_or_else(|| unfit(visit))? {
                        return self.leave_by(
                            visit,
                            &branch.exit,
                            None,
                            effective,
                            Some(branch.next.clone()),
                        );
                    }
                }
            }
        }
        let default = choice.default.clone().ok_or_else(Fault::runtime)?;
        self.pass_on(visit, Some(&Transition::Next(default)))
    }

    fn wait_until(&self, visit: &Visit<'_>, wait: &Wait, at_ms: i64) -> Flow<i64> {
        let effective = self.effective(visit)?;
        let mut roots = self.roots(visit, effective, None);
        Ok(match &wait.until {
            WaitUntil::Seconds(seconds) => at_ms + i64::from(*seconds) * 1000,
            WaitUntil::SecondsPath(path) => {
                let value = evaluate_path(path, &mut roots).map_err(data::fault)?;
                let seconds = value.as_i64().filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds));
                at_ms + seconds.ok_or_else(Fault::runtime)? * 1000
            }
            WaitUntil::Timestamp(instant) => instant.seconds() * 1000,
            WaitUntil::TimestampPath(path) => {
                let value = evaluate_path(path, &mut roots).map_err(data::fault)?;
                let instant = value.as_str().and_then(stepwell_asl::timestamp::parse);
                instant.ok_or_else(Fault::runtime)?.seconds() * 1000
            }
            WaitUntil::SecondsExpression(template) => {
                let seconds = self.evaluate(visit, template, None)?.as_i64();
                let seconds = seconds.filter(|seconds| *seconds >= 0).ok_or_else(|| unfit(visit))?;
                if seconds > i64::from(i32::MAX) {
                    return Err(Fault::runtime());
                }
                at_ms + seconds * 1000
            }
            WaitUntil::TimestampExpression(template) => {
                let value = self.evaluate(visit, template, None)?;
                let instant = value.as_str().and_then(stepwell_asl::timestamp::parse);
                instant.ok_or_else(|| unfit(visit))?.seconds() * 1000
            }
        })
    }
}

pub(crate) fn next(transition: &Transition) -> Option<Arc<str>> {
    match transition {
        Transition::Next(name) => Some(name.clone()),
        Transition::End => None,
    }
}
