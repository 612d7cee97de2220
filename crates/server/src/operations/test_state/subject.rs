//! The state that is tested, and whether it can be.

use std::sync::Arc;

use stepwell_api::ApiError;
use stepwell_asl::{
    self as asl, Code, InputType, LONE_STATE_NAME, ProcessorMode, Resource, analyse_for_test,
    analyse_lone_state, invalid_definition_message,
};
use stepwell_interpreter::{
    Program, compile,
    event::StateIndex,
    program::{State, StateKind, TaskState},
};

/// What is tested.
pub(super) struct Subject {
    pub(super) program: Arc<Program>,
    pub(super) index: StateIndex,
    /// Names of the states inside it.
    pub(super) inner_states: Vec<String>,
    /// The innermost Map state around it.
    pub(super) around: Option<Around>,
    /// What InvalidDefinition says when the state is to be run, because it uses what this version can't run.
    cannot_run: Option<String>,
}

/// A Map state, as one of its iterations would see it.
pub(super) struct Around {
    /// Whether the items may have keys: a JSON file may hold an object.
    pub(super) may_have_keys: bool,
    /// Where the items are from; none in inline mode.
    pub(super) source: Option<&'static str>,
}

impl Around {
    fn of(map: &asl::Map) -> Self {
        let reader = map.distributed.item_reader.as_ref();
        let is_distributed = map.processor_config.mode == ProcessorMode::Distributed;
        Self {
            may_have_keys: is_distributed
                && reader.is_some_and(|reader| reader.input_type == Some(InputType::Json)),
            source: is_distributed.then(|| match reader {
                None => "STATE_DATA",
                Some(reader) if reader.input_type.is_none() => "S3://bucket",
                Some(_) => "S3://bucket/key",
            }),
        }
    }
}

impl Subject {
    /// Reads a state or, with a name, a state out of a machine.
    pub(super) fn find(definition: &str, name: Option<&str>) -> Result<Self, ApiError> {
        let analysis = match name {
            Some(_) => analyse_for_test(definition),
            None => analyse_lone_state(definition),
        };
        // What this version can't run yet does not make a definition invalid: a mock may test it.
        let invalid = || {
            let mut findings = analysis.diagnostics.clone();
            if findings.iter().any(|finding| finding.code != Code::NotYetSupported) {
                findings.retain(|finding| finding.code != Code::NotYetSupported);
            }
            ApiError::new("InvalidDefinition", invalid_definition_message(&findings))
        };
        let Some(mut parsed) = analysis.definition.clone() else { return Err(invalid()) };
        let name = name.unwrap_or(LONE_STATE_NAME);
        let Some((state, map)) = find(&parsed.states, name, None) else { return Err(not_found()) };
        let around = map.map(Around::of);
        let span = state.span.clone();
        let mut inner_states = Vec::new();
        names_inside(state, &mut inner_states);
        let mut findings = analysis.diagnostics.clone();
        findings.retain(|finding| {
            finding.code == Code::NotYetSupported
                && finding.span.as_ref().is_some_and(|at| span.start <= at.start && at.end <= span.end)
        });
        let cannot_run = (!findings.is_empty()).then(|| invalid_definition_message(&findings));
        // The machine's time is not that of the test.
        parsed.timeout_seconds = None;
        // A state whose Resource only a deployment tool could fill in is not in the definition.
        let program = compile(parsed).map_err(|_| invalid())?;
        let position = program.states.iter().position(|state| &*state.name == name);
        let Some(index) = position.and_then(|position| StateIndex::try_from(position).ok()) else {
            return Err(not_found());
        };
        Ok(Self { program: Arc::new(program), index, inner_states, around, cannot_run })
    }

    pub(super) fn state(&self) -> &State {
        self.program.state(self.index)
    }

    /// Whether a state of this type can be tested with, or without, a mock.
    pub(super) fn check_fits(&self, is_mocked: bool, has_role: bool) -> Result<(), ApiError> {
        let state = self.state();
        match (&state.kind, is_mocked) {
            (StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_), true) => Ok(()),
            (_, true) => Err(ApiError::validation(format!(
                "State type '{}' is not supported when a mock is specified",
                state.type_name()
            ))),
            (StateKind::Parallel(_) | StateKind::Map(_), false) => Err(ApiError::new(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, \
                 Wait, Pass, Succeed, Fail, Choice]",
            )),
            (StateKind::Task(task), false) => self.check_real_task(task, has_role),
            (_, false) => Ok(()),
        }
    }

    fn check_real_task(&self, task: &TaskState, has_role: bool) -> Result<(), ApiError> {
        if task.is_activity() {
            return Err(ApiError::validation(
                "TestState supports Activity tasks only when a mock is specified.",
            ));
        }
        let pattern = pattern(&task.resource);
        if let Some(pattern @ (Pattern::Sync | Pattern::WaitForTaskToken)) = pattern {
            return Err(ApiError::validation(format!(
                "TestState supports the service integration pattern '{}' only when a mock is specified.",
                pattern.suffix()
            )));
        }
        if !has_role {
            return Err(ApiError::validation("RoleArn must be specified when testing a Task state"));
        }
        match &self.cannot_run {
            Some(message) => Err(ApiError::new("InvalidDefinition", message.clone())),
            None => Ok(()),
        }
    }

    /// Whether `mapItemReaderData` can be read as the state's ItemReader would.
    pub(super) fn check_reader(&self) -> Result<(), ApiError> {
        let StateKind::Map(map) = &self.state().kind else {
            return Err(ApiError::validation("MapItemReaderData is supported for Map states only."));
        };
        let reader = map.distributed.as_ref().and_then(|fields| fields.item_reader.as_ref());
        let Some(reader) = reader else {
            return Err(ApiError::validation("MapItemReaderData needs a Map state with an ItemReader."));
        };
        let problem = match reader.input_type {
            Some(InputType::Parquet) => "PARQUET can't be read yet; CSV, JSON and JSONL can",
            Some(InputType::Manifest) => "the files that a MANIFEST lists can't be given",
            _ if reader.is_manifest => "the files that a manifest lists can't be given",
            _ => return Ok(()),
        };
        Err(ApiError::validation(format!(
            "MapItemReaderData is not supported for this ItemReader: {problem}."
        )))
    }
}

/// How a task of a service ends, as its Resource says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    RequestResponse,
    Sync,
    WaitForTaskToken,
}

impl Pattern {
    fn suffix(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// The pattern of a service integration; none for functions and activities.
pub(super) fn pattern(resource: &Resource) -> Option<Pattern> {
    if matches!(resource, Resource::LambdaFunction { .. } | Resource::Activity { .. }) {
        return None;
    }
    let action = resource.resource();
    Some(if action.ends_with(".waitForTaskToken") {
        Pattern::WaitForTaskToken
    } else if action.ends_with(".sync") || action.ends_with(".sync:2") {
        Pattern::Sync
    } else {
        Pattern::RequestResponse
    })
}

pub(super) fn not_found() -> ApiError {
    ApiError::validation("State not found in definition")
}

/// A state by its name, which is unique, at any depth, and the innermost Map state around it.
fn find<'d>(
    states: &'d [asl::State],
    name: &str,
    around: Option<&'d asl::Map>,
) -> Option<(&'d asl::State, Option<&'d asl::Map>)> {
    states.iter().find_map(|state| {
        if &*state.name == name {
            return Some((state, around));
        }
        let around = match &state.kind {
            asl::StateKind::Map(map) => Some(&**map),
            _ => around,
        };
        scopes_of(state).into_iter().find_map(|states| find(states, name, around))
    })
}

fn names_inside(state: &asl::State, names: &mut Vec<String>) {
    for inner in scopes_of(state).into_iter().flatten() {
        names.push(inner.name.to_string());
        names_inside(inner, names);
    }
}

/// The states directly inside a state, by branch.
fn scopes_of(state: &asl::State) -> Vec<&[asl::State]> {
    match &state.kind {
        asl::StateKind::Parallel(parallel) => {
            parallel.branches.iter().map(|branch| branch.states.as_slice()).collect()
        }
        asl::StateKind::Map(map) => vec![map.processor.states.as_slice()],
        _ => Vec::new(),
    }
}
