//! Whether a mocked result is one that the service could give: it is compared with the output of the service's API.

use std::sync::Arc;

use stepwell_api::{ApiError, types::test_state::MockResponseValidationMode};
use stepwell_asl::Resource;
use stepwell_aws_model::{Member, Service, Shape, ShapeKind, service, service_of};
use stepwell_interpreter::program::TaskState;
use stepwell_json::Value;

use super::subject::{Pattern, pattern};

/// Jobs whose result is the answer of the call that asks for their state: service, action, and that call.
const JOBS: &[(&str, &str, &str)] = &[
    ("states", "startExecution", "describeExecution"),
    ("athena", "startQueryExecution", "getQueryExecution"),
    ("databrew", "startJobRun", "describeJobRun"),
    ("elasticmapreduce", "createCluster", "describeCluster"),
    ("emr-containers", "startJobRun", "describeJobRun"),
    ("emr-serverless", "startJobRun", "getJobRun"),
    ("mediaconvert", "createJob", "getJob"),
    ("sagemaker", "createHyperParameterTuningJob", "describeHyperParameterTuningJob"),
    ("sagemaker", "createLabelingJob", "describeLabelingJob"),
    ("sagemaker", "createProcessingJob", "describeProcessingJob"),
    ("sagemaker", "createTrainingJob", "describeTrainingJob"),
    ("sagemaker", "createTransformJob", "describeTransformJob"),
];

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
    let is_strict = mode == MockResponseValidationMode::Strict;
    let checker = Checker { service: &model.service, is_strict, open: model.open };
    if !matches!(result, Value::Object(_)) {
        return Err(ApiError::validation("Mocked result must be a JSON object."));
    }
    checker.structure(&model.output, result)
}

/// What a task's result looks like.
struct Model {
    service: Arc<Service>,
    output: stepwell_aws_model::ShapeId,
    /// Fields that hold any JSON in an optimized integration, whatever the API has there.
    open: &'static [&'static str],
}

impl Model {
    /// None where any result will do: functions, activities, callbacks, HTTP and API Gateway, `eks:call` and its jobs,
    /// and what the model does not know.
    fn of(resource: &Resource) -> Option<Self> {
        let pattern = pattern(resource)?;
        if pattern == Pattern::WaitForTaskToken || resource.direct_target().is_some() {
            return None;
        }
        let action = resource.resource();
        let action = action.split_once('.').map_or(action, |(action, _)| action);
        let (service, action, open): (_, _, &[&str]) = match resource.resource_type().strip_prefix("aws-sdk:")
        {
            Some(word) => (service(word)?, action, &[]),
            None => {
                let word = resource.resource_type();
                let open: &[&str] = match (word, action) {
                    ("lambda", "invoke") => &["Payload"],
                    ("bedrock", "invokeModel") => &["Body"],
                    ("states", _) => &["Input", "Output"],
                    _ => &[],
                };
                let action = match pattern {
                    Pattern::Sync => {
                        JOBS.iter().find(|(service, start, _)| (*service, *start) == (word, action))?.2
                    }
                    _ => action,
                };
                (service_of(api_name(word))?, action, open)
            }
        };
        let output = service.operation(action)?.output?;
        Some(Self { service, output, open })
    }
}

/// The name of a service's API where the integration has another.
fn api_name(word: &str) -> &str {
    match word {
        "states" => "stepfunctions",
        "elasticmapreduce" => "emr",
        "bedrock" => "bedrock-runtime",
        word => word,
    }
}

struct Checker<'a> {
    service: &'a Service,
    is_strict: bool,
    open: &'static [&'static str],
}

impl Checker<'_> {
    fn structure(&self, shape: &stepwell_aws_model::ShapeId, value: &Value) -> Result<(), ApiError> {
        for member in self.service.shape(*shape).members() {
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
            (ShapeKind::Structure { .. }, Value::Object(_)) => self.structure(&member.shape, value),
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
