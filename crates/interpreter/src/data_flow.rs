//! What JSONPath fields do to data: InputPath, Parameters, ResultSelector, ResultPath, OutputPath, Assign.

use stepwell_asl::{Count, PathOrNull, ResultPath, Template, evaluate_path};
use stepwell_json::{DEPTH_MAX, Object, Value};
use stepwell_jsonpath::{Path, ReferencePath, Root};

use crate::{
    context::StateRoots,
    event::{Assigned, ErrorOutput, EventKind, FrameIndex},
    limits::{PAYLOAD_BYTES_MAX, VARIABLES_BYTES_MAX},
    payload::Stored,
    program::{Completion, State},
    step::{Fault, Halt, Progress, Stepper},
};

impl Stepper<'_> {
    /// The raw input of the frame's state.
    pub(crate) fn raw_input(&self, frame: FrameIndex) -> Stored {
        self.execution.frames.get(frame).map_or_else(|| Stored::from_value(Value::Null), |f| f.input.clone())
    }

    /// The input after InputPath.
    pub(crate) fn effective_input(&self, frame: FrameIndex, state: &State) -> Progress<Stored> {
        let raw = self.raw_input(frame);
        self.path_or_null(frame, state.input_path.as_ref(), raw)
    }

    /// What OutputPath makes of an output.
    pub(crate) fn filter_output(&self, frame: FrameIndex, state: &State, output: Stored) -> Progress<Stored> {
        self.path_or_null(frame, state.output_path.as_ref(), output)
    }

    fn path_or_null(&self, frame: FrameIndex, path: Option<&PathOrNull>, data: Stored) -> Progress<Stored> {
        match path {
            None => Ok(data),
            Some(PathOrNull::Null) => Ok(Stored::from_value(Value::Object(Object::from_entries(Vec::new())))),
            Some(PathOrNull::Path(path)) => {
                // `$` alone passes the payload on as it is, with the place where it was written.
                if matches!(path.root(), Root::Input) && path.text() == "$" {
                    return Ok(data);
                }
                self.read_path(frame, path, data.value()).map(Stored::from_value)
            }
        }
    }

    /// Follows a path with `$` = `input`.
    pub(crate) fn read_path(&self, frame: FrameIndex, path: &Path, input: &Value) -> Progress<Value> {
        let mut roots = StateRoots::new(self, frame, input.clone());
        evaluate_path(path, &mut roots).map_err(|error| self.evaluation_fault(frame, &error))
    }

    /// Works a payload template out with `$` = `input`.
    pub(crate) fn fill(&self, frame: FrameIndex, template: &Template, input: &Value) -> Progress<Value> {
        if let Some(literal) = template.literal() {
            return Ok(literal.clone());
        }
        let mut roots = StateRoots::new(self, frame, input.clone());
        let value = template.evaluate(&mut roots).map_err(|error| self.evaluation_fault(frame, &error))?;
        self.check_depth(frame, value)
    }

    /// Parameters over the effective input.
    pub(crate) fn parameters(
        &self,
        frame: FrameIndex,
        template: Option<&Template>,
        effective: Stored,
    ) -> Progress<Stored> {
        match template {
            None => Ok(effective),
            Some(template) => self.fill(frame, template, effective.value()).map(Stored::from_value),
        }
    }

    /// A count that is written in the definition or read from the effective input. `refusal` makes the text for a
    /// value that is not an integer of at least `minimum`.
    pub(crate) fn count(
        &self,
        frame: FrameIndex,
        count: Option<&Count>,
        effective: &Value,
        minimum: i64,
        refusal: impl FnOnce(&str, &Value) -> String,
    ) -> Progress<Option<u32>> {
        match count {
            None => Ok(None),
            Some(Count::Literal(number)) => Ok(Some(*number)),
            Some(Count::Path(path)) => {
                let value = self.read_path(frame, path, effective)?;
                match value.as_i64() {
                    Some(number) if number >= minimum => Ok(Some(u32::try_from(number).unwrap_or(u32::MAX))),
                    _ => Err(self.runtime_fault(frame, refusal(path.text(), &value))),
                }
            }
        }
    }

    /// Leaves the state with a result: ResultSelector, ResultPath, OutputPath and Assign, then StateExited.
    pub(crate) fn complete(
        &mut self,
        frame: FrameIndex,
        state: &State,
        completion: &Completion,
        result: Stored,
    ) -> Progress {
        let assigned = self.assign(frame, state.assign.as_ref(), result.value())?;
        let selected = match &completion.result_selector {
            None => result,
            Some(template) => Stored::from_value(self.fill(frame, template, result.value())?),
        };
        let merged = self.merge_result(frame, &completion.result_path, selected)?;
        let output = self.filter_output(frame, state, merged)?;
        self.check_size(frame, &output)?;
        self.exit(frame, output, completion.next, assigned)
    }

    /// ResultPath: puts a result into the raw input.
    pub(crate) fn merge_result(
        &self,
        frame: FrameIndex,
        path: &ResultPath,
        result: Stored,
    ) -> Progress<Stored> {
        match path {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(self.raw_input(frame)),
            ResultPath::At(path) => {
                let raw = self.raw_input(frame);
                let value = self.set_at(frame, path, raw.value(), result.value())?;
                Ok(Stored::from_value(self.check_depth(frame, value)?))
            }
        }
    }

    fn set_at(
        &self,
        frame: FrameIndex,
        path: &ReferencePath,
        raw: &Value,
        result: &Value,
    ) -> Progress<Value> {
        path.set(raw, result.clone()).map_err(|error| {
            let cause = self.cause(
                frame,
                format_args!(
                    "Unable to apply step \"{path}\" to input {}: {error}",
                    raw.to_text(),
                    path = path.text()
                ),
            );
            Fault::Terminal(ErrorOutput::new("States.ResultPathMatchFailure", cause)).into()
        })
    }

    /// The variables that an Assign sets, with `$` = `input`.
    pub(crate) fn assign(
        &self,
        frame: FrameIndex,
        template: Option<&Template>,
        input: &Value,
    ) -> Progress<Vec<Assigned>> {
        let Some(template) = template else { return Ok(Vec::new()) };
        let values = self.fill(frame, template, input)?;
        if values.text_size() > PAYLOAD_BYTES_MAX + 2 {
            return Err(self.variable_limit(frame, "The variables of one Assign", PAYLOAD_BYTES_MAX));
        }
        let Value::Object(object) = &values else { return Ok(Vec::new()) };
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
