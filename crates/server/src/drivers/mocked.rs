//! Tasks of executions that were started with a test case: their answers come from the mock file.

use std::collections::HashMap;

use stepwell_asl::nearest;
use stepwell_interpreter::{About, ErrorOutput, MockCase, Program, event::StateIndex, program::StateKind};
use stepwell_mock::{Answer, Response, TestCase, result_of};

use super::Completion;
use crate::mocks::Mocks;

/// The states of a program that a test case mocks.
///
/// # Errors
/// A text for people: the case mocks what is no Task state of the program.
pub(crate) fn case_of(name: &str, case: &TestCase, program: &Program) -> Result<MockCase, String> {
    let positions: HashMap<&str, usize> =
        program.states.iter().enumerate().map(|(position, state)| (&*state.name, position)).collect();
    let mut mocked: Vec<&str> = case.states().collect();
    mocked.sort_unstable();
    let mut states = Vec::with_capacity(mocked.len());
    for state in mocked {
        let Some(&position) = positions.get(state) else {
            let names = program.states.iter().map(|state| &*state.name);
            let near = nearest(state, names).map(|near| format!("; did you mean '{near}'?"));
            return Err(format!(
                "the test case '{name}' mocks the state '{state}', which the state machine does not have{}",
                near.unwrap_or_default()
            ));
        };
        let found = &program.states[position];
        if !matches!(found.kind, StateKind::Task(_)) {
            return Err(format!(
                "the test case '{name}' mocks the state '{state}', which is a {} state; only Task states can be mocked",
                found.type_name()
            ));
        }
        states.extend(StateIndex::try_from(position));
    }
    states.sort_unstable();
    Ok(MockCase { name: name.into(), states })
}

/// What invocation number `invocation` of a mocked state gives. Nothing is ever called instead: where the file has no
/// answer, the task fails with `States.Runtime`, which States.ALL does not match.
pub(super) fn answer(
    mocks: &Mocks,
    about: &About,
    program: &Program,
    index: StateIndex,
    invocation: u32,
) -> Completion {
    let case_name = about.mock.as_ref().map_or("", |mock| &*mock.name);
    let state = program.state(index);
    let file = mocks.current();
    let case = match file.find(&about.state_machine_name, case_name) {
        Ok(case) => case,
        Err(error) => {
            return failed(format!(
                "The execution was started with the test case '{case_name}', but now {error}."
            ));
        }
    };
    match case.response(&state.name, invocation) {
        Some(Response::Answer(Answer::Return(result))) => Completion::Answered(match &state.kind {
            StateKind::Task(task) => result_of(&task.resource, result),
            _ => result.clone(),
        }),
        Some(Response::Answer(Answer::Throw { error, cause })) => {
            Completion::Failed(ErrorOutput::new(error, cause.clone()))
        }
        Some(Response::Exhausted { response, answers }) => failed(format!(
            "The mocked response '{response}' answers {answers} invocation{} of the state '{}' in the test case \
             '{case_name}', and this is number {invocation}, counted from 0.",
            if answers == 1 { "" } else { "s" },
            state.name
        )),
        None => failed(format!(
            "The test case '{case_name}' no longer mocks the state '{}', as it did when the execution was started.",
            state.name
        )),
    }
}

fn failed(cause: String) -> Completion {
    Completion::Failed(ErrorOutput::new("States.Runtime", cause))
}
