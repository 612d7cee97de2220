//! The way of data through a JSONata state: expressions over `$states` and variables, Output and Assign.

use std::sync::Arc;

use stepwell_asl::{EvaluationError, Field, JsonataExit, JsonataTemplate};
use stepwell_json::Value;
use stepwell_jsonata::Host;

use crate::{
    context::{StateRoots, object},
    event::{FrameIndex, StateIndex},
    payload::Stored,
    step::{Progress, Stepper},
    time::Timestamp,
};

/// What the expressions of one JSONata state can read.
pub(crate) struct JsonataRoots<'a> {
    /// Variables, the context object and random numbers; its input is that of the state.
    pub(crate) roots: StateRoots<'a>,
    /// `result` or `errorOutput`, where there is one.
    extra: Option<(&'static str, Value)>,
    /// Whether `$states` must have the context object, which takes work to build.
    has_context: bool,
    /// `$states`, once an expression has asked for it.
    states: Option<Value>,
    time: Timestamp,
}

impl<'a> JsonataRoots<'a> {
    pub(crate) fn new(
        stepper: &'a Stepper<'_>,
        frame: FrameIndex,
        extra: Option<(&'static str, Value)>,
    ) -> Self {
        let input = stepper.raw_input(frame).value().clone();
        let roots = StateRoots::new(stepper, frame, input);
        Self { roots, extra, has_context: false, states: None, time: stepper.time }
    }

    /// Works a field out.
    pub(crate) fn evaluate(
        &mut self,
        template: &JsonataTemplate,
        field: Field,
    ) -> Result<Value, EvaluationError> {
        self.make_ready(template);
        template.evaluate(field, self)
    }

    /// Works out a field of one kind; see [`JsonataTemplate::evaluate_as`].
    pub(crate) fn evaluate_as<T>(
        &mut self,
        template: &JsonataTemplate,
        field: Field,
        take: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Result<T, EvaluationError> {
        self.make_ready(template);
        template.evaluate_as(field, self, take)
    }

    fn make_ready(&mut self, template: &JsonataTemplate) {
        if template.reads_context() && !self.has_context {
            self.has_context = true;
            self.states = None;
        }
    }

    /// Members in the order of AWS (recorded): input, context, and what there is besides.
    fn states(&mut self) -> Value {
        let mut members = vec![("input", self.roots.input.clone())];
        if self.has_context {
            members.push(("context", stepwell_asl::Roots::context(&mut self.roots).clone()));
        }
        members.extend(self.extra.clone());
        object(members)
    }
}

impl Host for JsonataRoots<'_> {
    fn variable(&mut self, name: &str) -> Option<Value> {
        if name != "states" {
            return stepwell_asl::Roots::variable(&self.roots, name);
        }
        if self.states.is_none() {
            self.states = Some(self.states());
        }
        self.states.clone()
    }

    fn now_millis(&mut self) -> i64 {
        self.time.0
    }

    fn random_u64(&mut self) -> u64 {
        stepwell_asl::Roots::random_u64(&mut self.roots)
    }

    fn steps_left(&mut self) -> u64 {
        stepwell_asl::Roots::steps_left(&mut self.roots)
    }

    fn took_steps(&mut self, steps: u64) {
        stepwell_asl::Roots::took_steps(&mut self.roots, steps);
    }
}

impl Stepper<'_> {
    /// Works out a field of the frame's state that reads nothing but `$states.input`, `$states.context` and variables.
    pub(crate) fn evaluate(
        &self,
        frame: FrameIndex,
        template: &JsonataTemplate,
        field: Field,
    ) -> Progress<Value> {
        if let Some(literal) = template.literal() {
            return Ok(literal.clone());
        }
        JsonataRoots::new(self, frame, None)
            .evaluate(template, field)
            .map_err(|error| self.evaluation_fault(frame, &error))
    }

    /// As `evaluate`, of a field of one kind; see [`JsonataTemplate::evaluate_as`].
    pub(crate) fn evaluate_as<T>(
        &self,
        frame: FrameIndex,
        template: &JsonataTemplate,
        field: Field,
        take: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Progress<T> {
        JsonataRoots::new(self, frame, None)
            .evaluate_as(template, field, take)
            .map_err(|error| self.evaluation_fault(frame, &error))
    }

    /// A whole number of at least `minimum`, which is 0 or 1.
    pub(crate) fn evaluate_integer(
        &self,
        frame: FrameIndex,
        template: &JsonataTemplate,
        field: Field,
        minimum: i64,
    ) -> Progress<i64> {
        let expected = if minimum == 0 { "non-negative integer" } else { "positive integer" };
        self.evaluate_as(frame, template, field, |value| match value {
            Value::Number(number) => number.integral().filter(|number| *number >= minimum).ok_or(expected),
            _ => Err("number"),
        })
    }

    /// `Error` of a Fail state and the like.
    pub(crate) fn evaluate_text(
        &self,
        frame: FrameIndex,
        template: &JsonataTemplate,
        field: Field,
    ) -> Progress<Arc<str>> {
        self.evaluate_as(frame, template, field, |value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err("string"),
        })
    }

    /// Leaves the state by Output and Assign, which see the same data, then StateExited. `extra` is what `$states` has
    /// besides input and context, `output` what leaves when there is no Output.
    pub(crate) fn leave_by(
        &mut self,
        frame: FrameIndex,
        exit: &JsonataExit,
        field: impl Fn(&'static str) -> Field,
        extra: Option<(&'static str, Value)>,
        output: Stored,
        next: Option<StateIndex>,
    ) -> Progress {
        let mut roots = None;
        let mut value_of = |template: &JsonataTemplate, name| match template.literal() {
            Some(literal) => Ok(literal.clone()),
            None => roots
                .get_or_insert_with(|| JsonataRoots::new(self, frame, extra.clone()))
                .evaluate(template, field(name))
                .map_err(|error| self.evaluation_fault(frame, &error)),
        };
        let assigned = match &exit.assign {
            None => Vec::new(),
            Some(template) => self.variables(frame, &value_of(template, "Assign")?)?,
        };
        let output = match &exit.output {
            None => output,
            Some(template) => Stored::from_value(value_of(template, "Output")?),
        };
        self.check_size(frame, &output)?;
        self.exit(frame, output, next, assigned)
    }
}
