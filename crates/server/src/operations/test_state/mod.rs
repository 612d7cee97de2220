//! TestState: runs one state, with a mock in place of its work or for real, and shows the way of its data.
//!
//! The order of the checks is that of AWS as far as it is recorded: the mock, the definition, the state, what goes
//! together, the context object, the mocked result, the input.

mod answer;
mod context;
mod result_shape;
mod subject;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use stepwell_api::{
    ApiError,
    arn::check_role,
    identity::Identity,
    types::test_state::{
        InspectionLevel, MockInput, MockResponseValidationMode, TestStateRequest, TestStateResponse,
    },
};
use stepwell_engine::{StateTest, TestEnd, TestSubject};
use stepwell_interpreter::{
    About, Command, Effect, ErrorOutput, Inspection, Program, TaskId, Timestamp, program::StateKind,
};
use stepwell_json::{Object, Payload, Value};
use tokio::sync::mpsc;

use stepwell_aws_model::DirectTarget;
use stepwell_integrations::http_task::Trace;

use self::subject::Subject;
use super::{Operations, definition::turn_for, execution::execution_input, internal, stopped, stopping};
use crate::{drivers, random};

/// What a mocked Task, Parallel or Map comes to.
type Outcome = Result<Payload, ErrorOutput>;

/// A test that has begun.
struct Test {
    request: TestStateRequest,
    program: Arc<Program>,
    about: Arc<About>,
    variables: Option<Object>,
    test: StateTest,
    /// To be done outside.
    effects: Vec<Effect>,
    /// What an HTTP Task sent and got.
    trace: Arc<Mutex<Option<Trace>>>,
}

impl Operations {
    /// TestState.
    ///
    /// # Errors
    /// As AWS documents them. A state that fails is no error: the answer tells of it.
    pub async fn test_state(
        self: &Arc<Self>,
        caller: Identity<'_>,
        request: TestStateRequest,
    ) -> Result<TestStateResponse, ApiError> {
        let Ok(_permit) = self.state_tests.try_acquire() else { return Err(ApiError::throttling()) };
        let about = about(caller, &request, self.clock.now());
        let wait_scale = self.settings.wait_scale;
        // The turn of a long definition ends with the work, not with the caller.
        let turn = turn_for(&request.definition).await?;
        let give_memory_back = self.settings.give_memory_back;
        let begin = move || {
            let test = Test::begin(request, about, wait_scale);
            if turn.is_some() {
                give_memory_back();
            }
            test
        };
        let test = self.apart(begin).await??;
        let (test, end) = test.run(self).await?;
        test.answer(end)
    }

    /// Works on a test. Analysis and expressions may take a while; a panic is a bug of ours, and answered as one.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        match self.heavy.run(work).await {
            Some(done) => Ok(done),
            None if self.is_stopping() => Err(stopping()),
            None => Err(internal("the test of a state met a bug")),
        }
    }
}

/// A test runs as an Express execution of a machine that nobody has created.
fn about(caller: Identity<'_>, request: &TestStateRequest, now: Timestamp) -> About {
    let (machine, name) = (random::uuid().to_string(), random::uuid().to_string());
    let arn =
        |kind: &str, rest: &str| format!("arn:aws:states:{}:{}:{kind}:{rest}", caller.region, caller.account);
    About {
        execution_arn: arn("express", &format!("{machine}:{name}")).into(),
        name: name.into(),
        state_machine_arn: arn("stateMachine", &machine).into(),
        state_machine_name: machine.into(),
        role_arn: request.role_arn.as_deref().unwrap_or_default().into(),
        region: caller.region.into(),
        start_time: now,
        express: true,
        synchronous: true,
        revision: 0,
        trace_header: None,
        version_arn: None,
        alias_arn: None,
        log: None,
        mock: None,
    }
}

impl Test {
    fn begin(request: TestStateRequest, about: About, wait_scale: f64) -> Result<Self, ApiError> {
        let is_mocked = request.mock.is_some();
        if let Some(mock) = &request.mock {
            check_mock(mock, &request)?;
        }
        if let Some(role) = &request.role_arn {
            check_role(role)?;
        }
        let subject = Subject::find(&request.definition, request.state_name.as_deref())?;
        let configuration = request.state_configuration.as_ref();
        let failed_iterations = configuration.and_then(|given| given.map_iteration_failure_count).map(count);
        if !is_mocked && failed_iterations.is_some() {
            return Err(ApiError::validation(
                "TestState does not support MapIterationFailureCount when a mock is not specified.",
            ));
        }
        subject.check_fits(is_mocked, request.role_arn.is_some())?;
        if let Some(inner) = configuration.and_then(|given| given.error_caused_by_state.as_deref())
            && !subject.inner_states.iter().any(|name| name == inner)
        {
            return Err(subject::not_found());
        }
        let reader_data = configuration.and_then(|given| given.map_item_reader_data.clone());
        if reader_data.is_some() {
            subject.check_reader()?;
        }
        let state = subject.state();
        let given = match &request.context {
            Some(_) if !is_mocked => {
                return Err(ApiError::validation(
                    "TestState does not support Context when a mock is not specified.",
                ));
            }
            Some(text) => Some(context::read(text, state)?),
            None => None,
        };
        // A context object may say how many retries there were, too (documented).
        let retries_made = configuration
            .and_then(|given| given.retrier_retry_count)
            .map(count)
            .or_else(|| given.as_ref().and_then(context::retry_count))
            .unwrap_or(0);
        let outcome = match &request.mock {
            Some(mock) => Some(outcome(mock, &subject)?),
            None => None,
        };
        let input = execution_input(request.input.clone())?;
        let variables = variables(request.variables.as_deref())?;
        let mut inspection = Inspection::new(match given {
            Some(given) => given,
            None => context::default(&about, input.value(), state, subject.around.as_ref(), retries_made),
        });
        inspection.retries_made = retries_made;
        inspection.failed_iterations = failed_iterations;
        inspection.reader_data = reader_data;
        if matches!(state.kind, StateKind::Parallel(_) | StateKind::Map(_)) {
            inspection.children = outcome.clone();
        }
        let under_test = TestSubject {
            program: subject.program.clone(),
            state: subject.index,
            about: &about,
            input,
            variables: variables.as_ref(),
            seed: random::secret(),
            wait_scale,
        };
        let (mut test, mut effects) = StateTest::begin(under_test, inspection);
        if let Some(outcome) = outcome {
            for effect in std::mem::take(&mut effects) {
                // A mocked state reaches nothing: its task is answered at once, whatever its integration pattern.
                if let Effect::InvokeTask { task, .. } | Effect::OfferActivityTask { task, .. } = effect {
                    let command = match outcome.clone() {
                        Ok(output) => Command::TaskSucceeded { task, output },
                        Err(error) => Command::TaskFailed { task, error },
                    };
                    let _ = test.feed(command, about.start_time);
                }
            }
        }
        let program = subject.program.clone();
        Ok(Self { request, program, about: Arc::new(about), variables, test, effects, trace: Arc::default() })
    }

    /// The call of an HTTP Task whose request and answer are to be shown.
    fn traced_call(&self, effect: &Effect) -> Option<(TaskId, Payload)> {
        let Effect::InvokeTask { task, state, parameters, mock: None, .. } = effect else { return None };
        let is_http = match &self.program.get(*state)?.kind {
            StateKind::Task(task) => task.resource.direct_target() == Some(DirectTarget::HttpTask),
            _ => false,
        };
        let is_traced = is_http && self.request.inspection_level == Some(InspectionLevel::Trace);
        is_traced.then(|| (*task, parameters.clone()))
    }

    /// Does what the state asks for until it has been left or has failed. The time limit is that of Express.
    async fn run(mut self, operations: &Arc<Operations>) -> Result<(Self, TestEnd), ApiError> {
        let (sender, mut completions) = mpsc::unbounded_channel();
        let mut stop = operations.stop.clone();
        loop {
            for effect in std::mem::take(&mut self.effects) {
                let (operations, about) = (operations.clone(), self.about.clone());
                let (program, sender) = (self.program.clone(), sender.clone());
                if let Some((task, parameters)) = self.traced_call(&effect) {
                    let reveals_secrets = self.request.reveal_secrets == Some(true);
                    let seen = self.trace.clone();
                    tokio::spawn(async move {
                        let (completion, trace) = drivers::http_task::invoke_traced(
                            &operations,
                            &about.region,
                            parameters.value(),
                            reveals_secrets,
                        )
                        .await;
                        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(trace);
                        if let Some(command) = drivers::complete(task, completion) {
                            let _ = sender.send(command);
                        }
                    });
                    continue;
                }
                // A call that was begun goes on, also when nobody waits for it any more.
                tokio::spawn(async move {
                    let command = drivers::perform(&operations, None, &about, &program, effect, false).await;
                    if let Some(command) = command {
                        let _ = sender.send(command);
                    }
                });
            }
            if let Some(end) = self.test.end() {
                return Ok((self, end));
            }
            let now = operations.clock.now();
            let left = self.test.next_deadline().map_or(0, |at| at.0.saturating_sub(now.0).max(0));
            tokio::select! {
                () = stopped(&mut stop) => return Err(stopping()),
                Some(command) = completions.recv() => {
                    let now = operations.clock.now();
                    let feed = move || {
                        // One that comes too late is of no use to anybody.
                        self.effects = self.test.feed(command, now).unwrap_or_default();
                        self
                    };
                    self = operations.apart(feed).await?;
                }
                () = tokio::time::sleep(Duration::from_millis(left.unsigned_abs())) => {
                    let now = operations.clock.now();
                    let fire = move || {
                        self.test.fire_due(now);
                        self
                    };
                    self = operations.apart(fire).await?;
                }
            }
        }
    }
}

/// What a mock must be, whatever the state.
fn check_mock(mock: &MockInput, request: &TestStateRequest) -> Result<(), ApiError> {
    if mock.result.is_some() == mock.error_output.is_some() {
        return Err(ApiError::validation(
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ));
    }
    if request.reveal_secrets == Some(true) {
        return Err(ApiError::validation(
            "TestState does not support RevealSecrets when a mock is specified.",
        ));
    }
    Ok(())
}

/// What the mock gives; a result is compared with what the state could get.
fn outcome(mock: &MockInput, subject: &Subject) -> Result<Outcome, ApiError> {
    let Some(text) = &mock.result else {
        let error = mock.error_output.clone();
        return Ok(Err(ErrorOutput {
            error: error.as_ref().and_then(|error| error.error.as_deref()).map(Into::into),
            cause: error.as_ref().and_then(|error| error.cause.as_deref()).map(Into::into),
            ..ErrorOutput::default()
        }));
    };
    let result = Payload::from_text(text.clone())
        .map_err(|_| ApiError::validation("Mocked result must be valid JSON"))?;
    let mode = mock.field_validation_mode.unwrap_or(MockResponseValidationMode::Strict);
    match &subject.state().kind {
        StateKind::Parallel(parallel) => {
            let length = array_length(result.value())?;
            if length != parallel.branches.len() {
                return Err(ApiError::validation(
                    "Mocked result must contain the same number of items as number of Parallel branches.",
                ));
            }
        }
        StateKind::Map(map) => {
            let writer = map.distributed.as_ref().and_then(|fields| fields.result_writer.as_ref());
            // Only a writer that names a place exports the results, and gives where they are.
            if writer.is_some_and(|writer| writer.parameters.is_some()) {
                if !matches!(result.value(), Value::Object(_)) {
                    return Err(ApiError::validation("Mocked result must be a JSON object."));
                }
            } else {
                array_length(result.value())?;
            }
        }
        StateKind::Task(task) => result_shape::check(task, result.value(), mode)?,
        _ => {}
    }
    Ok(Ok(result))
}

fn array_length(value: &Value) -> Result<usize, ApiError> {
    match value {
        Value::Array(array) => Ok(array.len()),
        _ => Err(ApiError::validation("Mocked result must be an array.")),
    }
}

fn variables(text: Option<&str>) -> Result<Option<Object>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    match stepwell_json::parse(text) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        Ok(other) => Err(ApiError::validation(format!(
            "The variables must be a JSON object, but are of the type '{}'.",
            other.type_name()
        ))),
        Err(error) => Err(ApiError::validation(format!("The variables are not valid JSON: {error}"))),
    }
}

/// Of a member that the model bounds.
fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
