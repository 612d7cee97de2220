//! Whether a mocked result is one that the service could give: it is compared with the output of the service's API.

use std::sync::Arc;

use stepwell_api::{ApiError, types::test_state::MockResponseValidationMode};
use stepwell_asl::Resource;
use stepwell_aws_model::{
    Dialect, Member, Optimized, Service, Shape, ShapeId, ShapeKind, optimized, service, service_of,
};
use stepwell_interpreter::program::TaskState;
use stepwell_json::Value;

use super::subject::{Pattern, pattern};

/// Refuses a result that the service could not give. Fields that the API does not have are no error.
pub(super) fn check(
    task: &TaskState,
    result: &Value,
    mode: MockResponseValidationMode,
) -> Result<(), ApiError> {
    if mode == MockResponseValidationMode::None {
        return Ok(());
    }
    let Some(model) = Model::of(&task.resource) else { return Ok(()) };
    let Value::Object(_) = result else {
        return Err(ApiError::validation("Mocked result must be a JSON object."));
    };
    let is_strict = mode == MockResponseValidationMode::Strict;
    let checker = Checker { service: &model.service, is_strict, open: model.open };
    let Some((name, place)) = model.own_name else { return checker.structure(model.output, result) };
    match (member_at(&model.service, model.output, place), result.get(name)) {
        (Some(member), Some(value)) if !value.is_null() => checker.member(name, member, value),
        _ => Ok(()),
    }
}

/// What a task's result looks like.
struct Model {
    service: Arc<Service>,
    /// The answer of the API.
    output: ShapeId,
    /// Where the result is one member with a name of the integration's own: that name, and the place in `output` of what
    /// it holds.
    own_name: Option<(&'static str, &'static str)>,
    /// Fields that hold any JSON in an optimized integration, whatever the API has there.
    open: &'static [&'static str],
}

impl Model {
    /// None where any result will do: functions, activities, HTTP and API Gateway, `eks:call` and its jobs, what the
    /// model does not know, jobs that end when nothing is left to describe, and callbacks, whose result is what the worker
    /// sends.
    fn of(resource: &Resource) -> Option<Self> {
        let pattern = pattern(resource)?;
        if pattern == Pattern::WaitForTaskToken {
            return None;
        }
        let action = resource.resource();
        let action = action.split_once('.').map_or(action, |(action, _)| action);
        let word = resource.resource_type();
        if let Some(word) = word.strip_prefix("aws-sdk:") {
            return Self::answer(service(word)?, action, &[]);
        }
        match (word, action) {
            ("lambda", "invoke") => Self::answer(service_of("lambda")?, action, &["Payload"]),
            ("states", "startExecution") => {
                let action = if pattern == Pattern::Sync { "describeExecution" } else { action };
                Self::answer(service_of("stepfunctions")?, action, &["Input", "Output"])
            }
            _ => Self::of_row(optimized(word, action)?, pattern == Pattern::Sync),
        }
    }

    /// The answer of an operation.
    fn answer(service: Arc<Service>, operation: &str, open: &'static [&'static str]) -> Option<Self> {
        let output = service.operation(operation)?.output?;
        Some(Self { service, output, own_name: None, open })
    }

    fn of_row(row: &'static Optimized, waits: bool) -> Option<Self> {
        let service = service(row.api)?;
        if !waits {
            let mut model = Self::answer(service, row.operation, &[])?;
            model.own_name = match row.dialect {
                Dialect::AddStep => Some(("StepId", "StepIds.0")),
                Dialect::CancelStep => Some(("CancelStepsInfo", "CancelStepsInfoList.0")),
                Dialect::CreateCluster => Some(("ClusterId", "JobFlowId")),
                _ => None,
            };
            if row.dialect == Dialect::InvokeModel {
                model.open = &["Body"];
            }
            return Some(model);
        }
        let job = row.job.as_ref()?;
        if job.gone_is_good {
            return None;
        }
        // The whole answer of the call that looks at the job, also where the task gives a part of it (documented).
        Self::answer(service, job.describe, &[])
    }
}

/// What a path of members' names and positions in lists leads to.
fn member_at<'s>(service: &'s Service, shape: ShapeId, path: &str) -> Option<&'s Member> {
    let mut shape = service.shape(shape);
    let mut found = None;
    for step in path.split('.') {
        let member = match &shape.kind {
            ShapeKind::List { entry, .. } => entry,
            _ => shape.members().iter().find(|member| member.shown_name() == step)?,
        };
        shape = service.shape(member.shape);
        found = Some(member);
    }
    found
}

struct Checker<'a> {
    service: &'a Service,
    is_strict: bool,
    open: &'static [&'static str],
}

impl Checker<'_> {
    fn structure(&self, shape: ShapeId, value: &Value) -> Result<(), ApiError> {
        for member in self.service.shape(shape).members() {
            let name = member.shown_name();
            match value.get(&name).filter(|value| !matches!(value, Value::Null)) {
                Some(value) => self.member(&name, member, value)?,
                None if member.is_required && self.is_strict => {
                    return Err(refused(format_args!("Required field '{name}' is missing")));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn member(&self, name: &str, member: &Member, value: &Value) -> Result<(), ApiError> {
        if self.open.contains(&name) {
            return Ok(());
        }
        let shape = self.service.shape(member.shape);
        let must_be = |kind: &str| Err(refused(format_args!("Field '{name}' must be {kind}")));
        match (&shape.kind, value) {
            (ShapeKind::Structure { is_document: true, .. }, _) => Ok(()),
            (ShapeKind::String | ShapeKind::Blob | ShapeKind::Timestamp { .. }, Value::String(text)) => {
                let is_known = shape.enumeration.iter().any(|known| **known == **text);
                if !shape.enumeration.is_empty() && !is_known {
                    return Err(refused(format_args!("Field '{name}' is not an expected value")));
                }
                length(name, shape, text.chars().count())
            }
            (ShapeKind::String | ShapeKind::Blob | ShapeKind::Timestamp { .. }, _) => must_be("a string"),
            (ShapeKind::Boolean, Value::Bool(_)) => Ok(()),
            (ShapeKind::Boolean, _) => must_be("a boolean"),
            (
                ShapeKind::Integer | ShapeKind::Long | ShapeKind::Float | ShapeKind::Double,
                Value::Number(number),
            ) => {
                let number = number.as_f64();
                if shape.min.is_some_and(|min| number < min) {
                    return Err(refused(format_args!("Field '{name}' is less than the minimum value")));
                }
                if shape.max.is_some_and(|max| number > max) {
                    return Err(refused(format_args!("Field '{name}' exceeds the maximum value")));
                }
                Ok(())
            }
            (ShapeKind::Integer | ShapeKind::Long | ShapeKind::Float | ShapeKind::Double, _) => {
                must_be("a number")
            }
            (ShapeKind::List { entry, .. }, Value::Array(items)) => {
                length(name, shape, items.len())?;
                items.iter().try_for_each(|item| self.member(name, entry, item))
            }
            (ShapeKind::List { .. }, _) => must_be("an array"),
            (ShapeKind::Map { value, .. }, Value::Object(entries)) => {
                length(name, shape, entries.len())?;
                entries.iter().try_for_each(|(key, entry)| self.member(key, value, entry))
            }
            (ShapeKind::Structure { .. }, Value::Object(_)) => self.structure(member.shape, value),
            (ShapeKind::Map { .. } | ShapeKind::Structure { .. }, _) => must_be("an object"),
        }
    }
}

/// Characters of a text, entries of a list or map.
fn length(name: &str, shape: &Shape, length: usize) -> Result<(), ApiError> {
    if shape.min.is_some_and(|min| (length as f64) < min) {
        return Err(refused(format_args!("Field '{name}' is smaller than the minimum length")));
    }
    if shape.max.is_some_and(|max| (length as f64) > max) {
        return Err(refused(format_args!("Field '{name}' exceeds the maximum length")));
    }
    Ok(())
}

fn refused(problem: std::fmt::Arguments<'_>) -> ApiError {
    ApiError::validation(format!("Mock result schema validation error: {problem}"))
}
