//! Tests of single states (TestState): what a step is told about one, and what it shows of the way of data through it.
//!
//! A test is a step like any other. Where [`Surroundings::inspection`](crate::Surroundings) has an [`Inspection`], the
//! places that work a field out note what came of it; where it has none, they do nothing.

use std::{cell::RefCell, sync::Arc};

use stepwell_asl::DataFlow;
use stepwell_json::{Payload, Value};

use crate::{
    event::ErrorOutput,
    payload::Stored,
    program::{State, StateKind},
    step::{Progress, Stepper},
};

/// What is given for the test of one state, and what was seen of it.
#[derive(Debug)]
pub struct Inspection {
    /// The context object, `Map.Item` apart.
    pub context: Value,
    /// What the branches or iterations are taken to have come to; needed for a Parallel or Map state.
    pub children: Option<Result<Payload, ErrorOutput>>,
    /// Retries that the retrier of an error is taken to have made before.
    pub retries_made: u32,
    /// Iterations of a Map that are taken to have failed.
    pub failed_iterations: Option<u32>,
    /// What an ItemReader is taken to have read.
    pub reader_data: Option<Arc<str>>,
    seen: RefCell<Seen>,
}

impl Inspection {
    /// A test with a context object and nothing else.
    #[must_use]
    pub fn new(context: Value) -> Self {
        Self {
            context,
            children: None,
            retries_made: 0,
            failed_iterations: None,
            reader_data: None,
            seen: RefCell::default(),
        }
    }

    /// Kept out of the way of executions, which are no tests.
    #[cold]
    #[inline(never)]
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.borrow_mut());
    }

    #[cold]
    #[inline(never)]
    fn noting(
        &self,
        place: fn(&mut Seen) -> &mut Option<Value>,
        stage: impl FnOnce() -> Progress<Stored>,
    ) -> Progress<Stored> {
        let stage = stage()?;
        *place(&mut self.seen.borrow_mut()) = Some(stage.value().clone());
        Ok(stage)
    }

    /// What AWS shows of what was seen: it leaves out stages that a type has, but has nothing to do with (recorded).
    #[must_use]
    pub fn seen(&self, state: &State, input: &Value) -> Seen {
        let mut seen = self.seen.borrow().clone();
        let is_json_path = matches!(state.flow, DataFlow::JsonPath(_));
        match &state.kind {
            StateKind::Task(_) => {}
            StateKind::Pass(pass) => {
                seen.after_arguments = None;
                if pass.result.is_some() {
                    seen.after_input_path = None;
                    seen.after_parameters = None;
                } else {
                    seen.result = None;
                }
            }
            StateKind::Map(_) => seen.result = None,
            StateKind::Parallel(_) => {
                seen.after_input_path = None;
                seen.after_parameters = None;
                seen.after_arguments = None;
                seen.result = None;
            }
            StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed => {
                seen.result = None;
                seen.after_result_selector = None;
                seen.after_result_path = None;
            }
            // It has no InputPath; AWS shows the field all the same.
            StateKind::Fail(_) => seen.after_input_path = is_json_path.then(|| input.clone()),
        }
        seen
    }
}

/// The way of data through a state, as far as it came. The names are those of `inspectionData`.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Seen {
    pub after_input_path: Option<Value>,
    pub after_parameters: Option<Value>,
    pub after_arguments: Option<Value>,
    pub after_items_path: Option<Value>,
    pub after_items_pointer: Option<Value>,
    pub after_item_selector: Option<Value>,
    pub after_item_batcher: Option<Value>,
    pub max_concurrency: Option<u32>,
    pub tolerated_failure_count: Option<u32>,
    pub tolerated_failure_percentage: Option<f64>,
    pub result: Option<Value>,
    pub after_result_selector: Option<Value>,
    pub after_result_path: Option<Value>,
    /// The variables when the state was left; none when it was not.
    pub variables: Option<Value>,
    /// The error that went to Retry and Catch.
    pub error: Option<ErrorOutput>,
    /// The retrier that names the error, from 0, whether it has attempts left or not.
    pub retry_index: Option<usize>,
    /// The delay before the next attempt.
    pub retry_backoff_seconds: Option<f64>,
    /// The catcher that took the error, from 0.
    pub catch_index: Option<usize>,
    /// Iterations that a Map would have made.
    pub iterations: Option<usize>,
}

impl Stepper<'_> {
    /// Works a stage of the data out and notes it, if this is a test. An execution pays for one branch: what a stage
    /// gives is not looked at on its way, which would keep it from being made where it is wanted.
    #[inline]
    pub(crate) fn noting(
        &self,
        place: fn(&mut Seen) -> &mut Option<Value>,
        stage: impl FnOnce() -> Progress<Stored>,
    ) -> Progress<Stored> {
        match self.surroundings.inspection {
            None => stage(),
            Some(inspection) => inspection.noting(place, stage),
        }
    }

    /// Notes something for a test, if this is one.
    #[inline]
    pub(crate) fn note(&self, note: impl FnOnce(&mut Seen)) {
        if let Some(inspection) = self.surroundings.inspection {
            inspection.note(note);
        }
    }
}
