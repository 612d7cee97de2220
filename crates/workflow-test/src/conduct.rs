//! Which answer a call gets.

use std::collections::HashMap;

use stepwell_interpreter::{ErrorOutput, event::StateIndex, program::StateKind};
use stepwell_json::Value;
use stepwell_mock::{Response, result_of};

use crate::{
    case::{Answer, Mocks, Outcome},
    compare::matches,
    machine::Machine,
    run::{Missing, Stop},
};

/// One call of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskCall<'a> {
    pub(crate) state: StateIndex,
    pub(crate) parameters: &'a Value,
    /// The item of the innermost Map state around the task.
    pub(crate) item: Option<u32>,
    /// The retries that were made in this visit of the state.
    pub(crate) attempt: u32,
}

/// What a call gets.
#[derive(Debug)]
pub(crate) enum Reply<'a> {
    /// An answer of a test file.
    Answer(&'a Answer),
    /// An answer of a mock file, at once.
    Outcome(Outcome),
}

/// The mocks of a case, and what was used of them.
#[derive(Debug)]
pub(crate) struct Conduct<'a> {
    mocks: &'a Mocks,
    /// Calls that each answer has answered, by its place in memory, which does not change while the case runs.
    used: HashMap<*const Answer, u32>,
    /// Calls of each state.
    calls: HashMap<StateIndex, u32>,
}

impl<'a> Conduct<'a> {
    pub(crate) fn new(mocks: &'a Mocks) -> Self {
        Self { mocks, used: HashMap::new(), calls: HashMap::new() }
    }

    /// The answer to a call, or why the case can't go on.
    pub(crate) fn reply(&mut self, machine: &Machine, call: TaskCall<'_>) -> Result<Reply<'a>, Stop> {
        let number = self.calls.entry(call.state).or_default();
        let invocation = *number;
        *number += 1;
        let stop = |missing| {
            Err(Stop::NotMocked {
                state: call.state,
                parameters: call.parameters.clone(),
                item: call.item,
                attempt: call.attempt,
                missing,
            })
        };
        let mock = match self.mocks.case.get(&call.state) {
            Some(mock) => mock,
            None => {
                let case = self.mocks.mock_case.as_deref();
                match case.and_then(|case| case.response(machine.name(call.state), invocation)) {
                    Some(Response::Answer(answer)) => {
                        return Ok(Reply::Outcome(outcome(machine, call.state, answer)));
                    }
                    Some(Response::Exhausted { response, answers }) => {
                        return stop(Missing::Response(response.to_owned(), answers));
                    }
                    None => {}
                }
                match self.mocks.file.get(&call.state) {
                    Some(mock) => mock,
                    None => return stop(Missing::Mock(self.mocks.place)),
                }
            }
        };
        for answer in &mock.answers {
            let used = self.used.entry(std::ptr::from_ref(answer)).or_default();
            if answer.times.is_none_or(|times| *used < times) && fits(answer, call) {
                *used += 1;
                return Ok(Reply::Answer(answer));
            }
        }
        stop(Missing::Answer(mock.span, mock.answers.len()))
    }
}

fn outcome(machine: &Machine, state: StateIndex, answer: &stepwell_mock::Answer) -> Outcome {
    match answer {
        stepwell_mock::Answer::Return(result) => {
            Outcome::Result(match machine.program.get(state).map(|state| &state.kind) {
                Some(StateKind::Task(task)) => result_of(&task.resource, result),
                _ => result.clone(),
            })
        }
        stepwell_mock::Answer::Throw { error, cause } => Outcome::Failure(ErrorOutput {
            error: Some(error.clone().into()),
            cause: Some(cause.clone().into()),
            timeout: false,
            heartbeat: false,
        }),
    }
}

fn fits(answer: &Answer, call: TaskCall<'_>) -> bool {
    let within = |range: Option<(u32, u32)>, number: Option<u32>| {
        range.is_none_or(|(first, last)| number.is_some_and(|number| (first..=last).contains(&number)))
    };
    within(answer.items, call.item)
        && within(answer.attempts, Some(call.attempt))
        && answer.when.as_ref().is_none_or(|when| matches(when, call.parameters, true))
}
