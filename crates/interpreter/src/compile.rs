//! From a definition to a program: names become positions.

use std::{collections::HashMap, sync::Arc};

use stepwell_asl::{self as asl, Definition, ProcessorMode, Transition};

use crate::{
    event::StateIndex,
    program::{
        CatchTarget, ChoiceBranch, ChoiceState, Choices, FailState, Handlers, JsonataBranch, MapState,
        ParallelState, PassState, Program, State, StateKind, TaskState, WaitState,
    },
    text::Text,
};

/// Why a definition cannot be compiled. A definition that the validator passed always can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no state named '{0}' here")]
pub struct UnknownState(pub String);

/// Compiles a definition.
///
/// # Errors
/// [`UnknownState`] when a transition leads nowhere, which the validator refuses.
pub fn compile(definition: Definition) -> Result<Program, UnknownState> {
    let mut compiler = Compiler { states: Vec::new() };
    let start = compiler.scope(&definition.start_at, definition.states, None)?;
    let states = compiler.states.into_iter().flatten().collect();
    Ok(Program { states, start, timeout_seconds: definition.timeout_seconds })
}

struct Compiler {
    /// Filled in document order; a slot is reserved before the states within are compiled.
    states: Vec<Option<State>>,
}

/// Names of one `States` map.
type Names = HashMap<Arc<str>, StateIndex>;

impl Compiler {
    fn scope(
        &mut self,
        start_at: &str,
        states: Vec<asl::State>,
        within: Option<(StateIndex, u32)>,
    ) -> Result<StateIndex, UnknownState> {
        // Positions follow the document, so the states within a state come right after it.
        let mut names = Names::with_capacity(states.len());
        let mut next = self.states.len() as StateIndex;
        for state in &states {
            names.insert(state.name.clone(), next);
            next += size(state);
        }
        let start = find(&names, start_at)?;
        for state in states {
            self.state(state, &names, within)?;
        }
        Ok(start)
    }

    fn state(
        &mut self,
        state: asl::State,
        names: &Names,
        within: Option<(StateIndex, u32)>,
    ) -> Result<(), UnknownState> {
        let place = self.states.len();
        let index = place as StateIndex;
        self.states.push(None);
        let kind = match state.kind {
            asl::StateKind::Task(task) => {
                let task = *task;
                StateKind::Task(Box::new(TaskState {
                    resource: task.resource,
                    resource_text: task.resource_text,
                    timeout: task.timeout,
                    heartbeat: task.heartbeat,
                    credentials: task.credentials,
                    next: transition(&task.transition, names)?,
                    handlers: handlers(task.retry, task.catch, names)?,
                }))
            }
            asl::StateKind::Pass(pass) => StateKind::Pass(Box::new(PassState {
                result: pass.result,
                next: transition(&pass.transition, names)?,
            })),
            asl::StateKind::Choice(choice) => StateKind::Choice(ChoiceState {
                choices: choices(choice.choices, names)?,
                default: choice.default.map(|name| find(names, &name)).transpose()?,
            }),
            asl::StateKind::Wait(wait) => {
                StateKind::Wait(WaitState { until: wait.until, next: transition(&wait.transition, names)? })
            }
            asl::StateKind::Succeed(_) => StateKind::Succeed,
            asl::StateKind::Fail(fail) => StateKind::Fail(FailState { error: fail.error, cause: fail.cause }),
            asl::StateKind::Parallel(parallel) => {
                let parallel = *parallel;
                let branches = parallel
                    .branches
                    .into_iter()
                    .zip(0..)
                    .map(|(branch, number)| {
                        self.scope(&branch.start_at, branch.states, Some((index, number)))
                    })
                    .collect::<Result<_, _>>()?;
                StateKind::Parallel(Box::new(ParallelState {
                    branches,
                    next: transition(&parallel.transition, names)?,
                    handlers: handlers(parallel.retry, parallel.catch, names)?,
                }))
            }
            asl::StateKind::Map(map) => {
                let map = *map;
                let start = self.scope(&map.processor.start_at, map.processor.states, Some((index, 0)))?;
                StateKind::Map(Box::new(MapState {
                    start,
                    items: map.items,
                    item_selector: map.item_selector,
                    max_concurrency: map.max_concurrency,
                    distributed: (map.processor_config.mode == ProcessorMode::Distributed)
                        .then(|| Box::new(map.distributed)),
                    next: transition(&map.transition, names)?,
                    handlers: handlers(map.retry, map.catch, names)?,
                }))
            }
        };
        self.states[place] = Some(State { name: Text(state.name), within, flow: state.flow, kind });
        Ok(())
    }
}

/// States of a state, itself included.
fn size(state: &asl::State) -> StateIndex {
    let within = |states: &[asl::State]| states.iter().map(size).sum::<StateIndex>();
    1 + match &state.kind {
        asl::StateKind::Parallel(parallel) => {
            parallel.branches.iter().map(|branch| within(&branch.states)).sum()
        }
        asl::StateKind::Map(map) => within(&map.processor.states),
        _ => 0,
    }
}

fn find(names: &Names, name: &str) -> Result<StateIndex, UnknownState> {
    names.get(name).copied().ok_or_else(|| UnknownState(name.to_owned()))
}

fn transition(transition: &Transition, names: &Names) -> Result<Option<StateIndex>, UnknownState> {
    match transition {
        Transition::End => Ok(None),
        Transition::Next(name) => find(names, name).map(Some),
    }
}

fn choices(choices: asl::Choices, names: &Names) -> Result<Choices, UnknownState> {
    Ok(match choices {
        asl::Choices::JsonPath(branches) => Choices::JsonPath(
            branches
                .into_iter()
                .map(|branch| {
                    let next = find(names, &branch.next)?;
                    Ok(ChoiceBranch { rule: branch.rule, next, assign: branch.assign })
                })
                .collect::<Result<_, UnknownState>>()?,
        ),
        asl::Choices::Jsonata(branches) => Choices::Jsonata(
            branches
                .into_iter()
                .map(|branch| {
                    let next = find(names, &branch.next)?;
                    Ok(JsonataBranch { condition: branch.condition, next, exit: branch.exit })
                })
                .collect::<Result<_, UnknownState>>()?,
        ),
    })
}

fn handlers(
    retry: Vec<asl::Retrier>,
    catch: Vec<asl::Catcher>,
    names: &Names,
) -> Result<Handlers, UnknownState> {
    let catch = catch
        .into_iter()
        .map(|catcher| {
            Ok(CatchTarget {
                next: find(names, &catcher.next)?,
                error_equals: catcher.error_equals,
                exit: catcher.exit,
            })
        })
        .collect::<Result<_, UnknownState>>()?;
    Ok(Handlers { retry, catch })
}
