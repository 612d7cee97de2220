//! The context object, and what expressions of a state can read.

use std::{borrow::Cow, cell::Cell, sync::Arc};

use stepwell_asl::Roots;
use stepwell_json::{Object, Value};

use crate::{
    command::TaskId,
    entropy::Entropy,
    event::FrameIndex,
    execution::{Execution, Frame},
    limits::STATE_EXPRESSION_STEPS_MAX,
    program::{State, StateKind},
    scope::Scope,
    step::{Environment, Stepper},
    time::Timestamp,
};

/// `Map.Item` of the context object.
pub(crate) struct MapItem {
    pub(crate) index: u32,
    /// Where the items are the entries of an object.
    pub(crate) key: Option<Arc<str>>,
    pub(crate) value: Value,
    pub(crate) source: Cow<'static, str>,
}

/// What the expressions of one state can read. The context object is built when it is first asked for.
pub(crate) struct StateRoots<'a> {
    /// The value of `$`.
    pub(crate) input: Value,
    /// The item while a Map builds an iteration's input.
    pub(crate) item: Option<MapItem>,
    execution: &'a Execution,
    environment: &'a dyn Environment,
    /// The context object that a test gives.
    given: Option<&'a Value>,
    state: &'a State,
    entered_time: Timestamp,
    retry_count: u32,
    token: Option<TaskId>,
    scope: Arc<Scope>,
    entropy: Entropy,
    context: Option<Value>,
    /// Steps that the expressions here have taken so far
    steps: u64,
    /// Steps that all expressions of the interpreter's step have taken so far
    all_steps: &'a Cell<u64>,
    /// How many those may be
    all_steps_max: u64,
}

impl<'a> StateRoots<'a> {
    pub(crate) fn new(stepper: &'a Stepper<'_>, frame: FrameIndex, input: Value) -> Self {
        let state = stepper.state_of(frame);
        let at = stepper.execution.frames.get(frame);
        let has_token = matches!(&state.kind, StateKind::Task(task) if task.has_token());
        // What is evaluated after a task has ended still sees its token; before, the event that schedules the task
        // comes next, and its ordinal is the attempt.
        let ended = at.and_then(Frame::ended_attempt);
        let task = TaskId { frame, attempt: ended.unwrap_or(stepper.execution.next_event) };
        Self {
            input,
            item: None,
            execution: stepper.execution,
            environment: stepper.surroundings.environment,
            given: stepper.surroundings.inspection.map(|inspection| &inspection.context),
            state,
            entered_time: stepper.entered(frame).time,
            retry_count: at.map_or(0, |frame| frame.retries.iter().sum()),
            token: has_token.then_some(task),
            scope: at.map(|frame| frame.scope.clone()).unwrap_or_default(),
            entropy: stepper.entropy(),
            context: None,
            steps: 0,
            all_steps: &stepper.expression_steps,
            all_steps_max: stepper.surroundings.budget.expression_steps_max,
        }
    }

    fn build_context(&self) -> Value {
        if let Some(given) = self.given {
            return match &self.item {
                None => given.clone(),
                Some(item) => {
                    // The item of a Map state around this one gives way to its own.
                    let members = given.as_object().into_iter().flat_map(Object::iter);
                    let members = members
                        .filter(|(key, _)| &***key != "Map")
                        .map(|(key, value)| (key.clone(), value.clone()));
                    let map = std::iter::once((Arc::from("Map"), item.to_value()));
                    Value::Object(Object::from_entries(members.chain(map).collect()))
                }
            };
        }
        let about = self.execution.about();
        let text = |text: &str| Value::from(text);
        let mut execution = vec![
            ("Id", text(&about.execution_arn)),
            ("Input", self.execution.input.as_ref().map_or(Value::Null, |input| input.value().clone())),
            ("StartTime", Value::from(about.start_time.to_iso())),
            ("Name", text(&about.name)),
            ("RoleArn", text(&about.role_arn)),
        ];
        if !about.synchronous {
            execution.push(("RedriveCount", Value::from(i64::from(self.execution.redrive_count))));
        }
        if let Some(time) = self.execution.redrive_time {
            execution.push(("RedriveTime", Value::from(time.to_iso())));
        }
        let state_machine =
            vec![("Id", text(&about.state_machine_arn)), ("Name", text(&about.state_machine_name))];
        let mut state =
            vec![("Name", text(&self.state.name)), ("EnteredTime", Value::from(self.entered_time.to_iso()))];
        if self.state.handlers().is_some() {
            state.push(("RetryCount", Value::from(i64::from(self.retry_count))));
        }
        let mut context = vec![
            ("Execution", object(execution)),
            ("StateMachine", object(state_machine)),
            ("State", object(state)),
        ];
        if let Some(task) = self.token {
            context.push(("Task", object(vec![("Token", text(&self.environment.task_token(task)))])));
        }
        if let Some(item) = &self.item {
            context.push(("Map", item.to_value()));
        }
        object(context)
    }
}

impl MapItem {
    /// `Map` of the context object.
    fn to_value(&self) -> Value {
        let mut item = vec![("Index", Value::from(i64::from(self.index))), ("Value", self.value.clone())];
        if let Some(key) = &self.key {
            item.push(("Key", Value::from(&**key)));
        }
        item.push(("Source", Value::from(&*self.source)));
        object(vec![("Item", object(item))])
    }
}

pub(crate) fn object(entries: Vec<(&str, Value)>) -> Value {
    let entries = entries.into_iter().map(|(key, value)| (Arc::from(key), value)).collect();
    Value::Object(Object::from_entries(entries))
}

impl Roots for StateRoots<'_> {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&mut self) -> &Value {
        if self.context.is_none() {
            self.context = Some(self.build_context());
        }
        self.context.get_or_insert(Value::Null)
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.scope.get(name).map(|stored| stored.value().clone())
    }

    fn random_u64(&mut self) -> u64 {
        self.entropy.next_u64()
    }

    fn steps_left(&mut self) -> u64 {
        let left_of_step = self.all_steps_max.saturating_sub(self.all_steps.get());
        STATE_EXPRESSION_STEPS_MAX.saturating_sub(self.steps).min(left_of_step)
    }

    fn took_steps(&mut self, steps: u64) {
        self.steps += steps;
        self.all_steps.set(self.all_steps.get() + steps);
    }
}
