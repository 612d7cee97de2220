//! What happens to data on its way through a state, whatever its query language: `json_path.rs` and `jsonata.rs` have
//! the two ways, this file what they share.

mod json_path;
mod jsonata;

use std::ops::RangeInclusive;

use stepwell_asl::{Count, DataFlow, Field};
use stepwell_json::{DEPTH_MAX, Value};

use crate::{
    event::{Assigned, ErrorOutput, EventKind, FrameIndex, StateIndex},
    limits::{PAYLOAD_BYTES_MAX, VARIABLES_BYTES_MAX},
    payload::Stored,
    program::State,
    step::{Fault, Halt, Progress, Stepper},
};

pub(crate) use jsonata::JsonataRoots;

impl Stepper<'_> {
    /// The raw input of the frame's state.
    pub(crate) fn raw_input(&self, frame: FrameIndex) -> Stored {
        self.execution.frames.get(frame).map_or_else(|| Stored::from_value(Value::Null), |f| f.input.clone())
    }

    /// The input that the state works on: after InputPath in a JSONPath state.
    pub(crate) fn effective_input(&self, frame: FrameIndex, state: &State) -> Progress<Stored> {
        let raw = self.raw_input(frame);
        match &state.flow {
            DataFlow::JsonPath(flow) => self.noting(
                |seen| &mut seen.after_input_path,
                || self.path_or_null(frame, flow.input_path.as_ref(), raw),
            ),
            DataFlow::Jsonata(_) => Ok(raw),
        }
    }

    /// What the state hands to its task, branches or result: Parameters or Arguments; the effective input without them.
    pub(crate) fn arguments(&self, frame: FrameIndex, state: &State, effective: Stored) -> Progress<Stored> {
        match &state.flow {
            DataFlow::JsonPath(flow) => self.noting(
                |seen| &mut seen.after_parameters,
                || match &flow.parameters {
                    None => Ok(effective),
                    Some(template) => self.fill(frame, template, effective.value()).map(Stored::from_value),
                },
            ),
            DataFlow::Jsonata(flow) => self.noting(
                |seen| &mut seen.after_arguments,
                || match &flow.arguments {
                    None => Ok(effective),
                    Some(template) => {
                        self.evaluate(frame, template, Field::State("Arguments")).map(Stored::from_value)
                    }
                },
            ),
        }
    }

    /// Leaves the state with what came of it: the fields that shape the output, and Assign, then StateExited.
    pub(crate) fn complete(
        &mut self,
        frame: FrameIndex,
        state: &State,
        result: Stored,
        next: Option<StateIndex>,
    ) -> Progress {
        self.note(|seen| seen.result = Some(result.value().clone()));
        match &state.flow {
            DataFlow::JsonPath(flow) => {
                let assigned = self.assign(frame, flow.assign.as_ref(), &result)?;
                let selected = match &flow.result_selector {
                    None => result,
                    Some(template) => Stored::from_value(self.fill(frame, template, result.value())?),
                };
                self.note(|seen| seen.after_result_selector = Some(selected.value().clone()));
                let merged = self.merge_result(frame, &flow.result_path, selected)?;
                self.note(|seen| seen.after_result_path = Some(merged.value().clone()));
                self.leave(frame, state, merged, assigned, next)
            }
            DataFlow::Jsonata(flow) => {
                // Only a state that does work has a result to show.
                let extra = state.handlers().map(|_| ("result", result.value().clone()));
                self.leave_by(frame, &flow.exit, Field::State, extra, result, next)
            }
        }
    }

    /// Leaves the state with an output, after OutputPath in a JSONPath state.
    pub(crate) fn leave(
        &mut self,
        frame: FrameIndex,
        state: &State,
        output: Stored,
        assigned: Vec<Assigned>,
        next: Option<StateIndex>,
    ) -> Progress {
        let output = match &state.flow {
            DataFlow::JsonPath(flow) => self.path_or_null(frame, flow.output_path.as_ref(), output)?,
            DataFlow::Jsonata(_) => output,
        };
        self.check_size(frame, &output)?;
        self.exit(frame, output, next, assigned)
    }

    /// A count that is written in the definition or worked out. `field` is its name; `refusal` makes the text for a
    /// value at a path that is not an integer of `range`.
    pub(crate) fn count(
        &self,
        frame: FrameIndex,
        count: Option<&Count>,
        (field, range): (&'static str, RangeInclusive<i64>),
        effective: &Value,
        refusal: impl FnOnce(&str, &Value) -> String,
    ) -> Progress<Option<u32>> {
        match count {
            None => Ok(None),
            Some(Count::Literal(number)) => Ok(Some(*number)),
            Some(Count::Path(path)) => {
                let value = self.read_path(frame, path, effective)?;
                match value.as_i64() {
                    Some(number) if range.contains(&number) => {
                        Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
                    }
                    _ => Err(self.runtime_fault(frame, refusal(path.text(), &value))),
                }
            }
            Some(Count::Expression(template)) => {
                let number = self.evaluate_integer(frame, template, Field::State(field), *range.start())?;
                if number > *range.end() {
                    let text =
                        format!("The {field} field has a value greater than {}: {number}", range.end());
                    return Err(self.query_fault(frame, Some(field), text));
                }
                Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
            }
        }
    }

    /// The variables that the value of an Assign sets.
    fn variables(&self, frame: FrameIndex, values: &Value) -> Progress<Vec<Assigned>> {
        if values.text_size() > PAYLOAD_BYTES_MAX + 2 {
            return Err(self.variable_limit(frame, "The variables of one Assign", PAYLOAD_BYTES_MAX));
        }
        let Value::Object(object) = values else { return Ok(Vec::new()) };
        let scope = self.execution.frames.get(frame).map(|at| at.scope.clone()).unwrap_or_default();
        let mut total = self.execution.variables_bytes;
        for (name, value) in object.iter() {
            total += bytes(value.text_size()) - scope.own_size(name);
        }
        if total > bytes(VARIABLES_BYTES_MAX) {
            return Err(self.variable_limit(frame, "All variables of the execution", VARIABLES_BYTES_MAX));
        }
        let assigned = object.iter().map(|(name, value)| Assigned {
            name: name.clone().into(),
            value: Stored::from_value(value.clone()),
        });
        Ok(assigned.collect())
    }

    fn variable_limit(&self, frame: FrameIndex, what: &str, limit: usize) -> Halt {
        let text = format!("{what} exceed the maximum of {limit} bytes.");
        Fault::Catchable(ErrorOutput::new("States.DataLimitExceeded", self.cause(frame, text))).into()
    }

    /// Refuses a payload that is larger than AWS takes, in the name of the state.
    pub(crate) fn check_size(&self, frame: FrameIndex, payload: &Stored) -> Progress {
        if payload.payload.size() <= PAYLOAD_BYTES_MAX {
            return Ok(());
        }
        let state = self.state_of(frame);
        Err(Fault::Catchable(data_limit_exceeded(&state.name)).into())
    }

    /// No value deeper than `json_depth_max` is ever made: a deep one overflows the stack when it is dropped or
    /// printed, and one that was stored could not be read back.
    pub(crate) fn check_depth(&self, frame: FrameIndex, value: Value) -> Progress<Value> {
        if value.depth() <= DEPTH_MAX {
            return Ok(value);
        }
        Err(self.runtime_fault(
            frame,
            format_args!("The value is nested more than {DEPTH_MAX} levels deep, which is the maximum."),
        ))
    }

    /// Emits StateExited and goes on: to the next state, or to the end of the chain.
    pub(crate) fn exit(
        &mut self,
        frame: FrameIndex,
        output: Stored,
        next: Option<u32>,
        assigned: Vec<Assigned>,
    ) -> Progress {
        let previous = self.chain(frame);
        let state = self.state_index_of(frame);
        self.emit(EventKind::StateExited { frame, state, output, next, assigned, previous })?;
        self.note(|seen| seen.variables = self.execution.frames.get(frame).map(|at| at.scope.to_value()));
        match next {
            Some(_) => {
                self.schedule_frame(frame);
                Ok(())
            }
            None => crate::states::fork::chain_ended(self, frame),
        }
    }
}

fn bytes(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `States.DataLimitExceeded` in the words of AWS; `name` is the state, the service or the function's ARN.
pub(crate) fn data_limit_exceeded(name: &str) -> ErrorOutput {
    ErrorOutput::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes \
             service limit."
        ),
    )
}
