//! The way of data through a JSONPath state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath, Assign.

use stepwell_asl::{PathOrNull, ResultPath, Template, evaluate_path};
use stepwell_json::{Object, Value};
use stepwell_jsonpath::{Path, ReferencePath, Root};

use crate::{
    context::StateRoots,
    event::{Assigned, ErrorOutput, FrameIndex},
    payload::Stored,
    step::{Fault, Progress, Stepper},
};

impl Stepper<'_> {
    /// What InputPath or OutputPath makes of data.
    pub(super) fn path_or_null(
        &self,
        frame: FrameIndex,
        path: Option<&PathOrNull>,
        data: Stored,
    ) -> Progress<Stored> {
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
        input: &Stored,
    ) -> Progress<Vec<Assigned>> {
        let Some(template) = template else { return Ok(Vec::new()) };
        let values = self.fill(frame, template, input.value())?;
        self.variables(frame, &values)
    }
}
