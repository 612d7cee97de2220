//! Results and errors as tasks show them: `aws-sdk` in the manner of the second Java SDK, optimized integrations in that
//! of the first.

use std::sync::Arc;

use stepwell_aws_model::Service;
use stepwell_json::{Array, Object, Value};

use super::client::{Answer, CallError};
use crate::lambda::TaskError;

/// The result of an `aws-sdk` task: the members of the API's answer.
pub fn sdk_result(answer: &Answer) -> Value {
    Value::Object(answer.result.clone())
}

/// The error of an `aws-sdk` task.
pub fn sdk_error(service: &Service, error: &CallError, parameters: &Value) -> TaskError {
    let prefix = &service.prefix;
    match error {
        CallError::Parameters(problems) => parameters_error(problems, parameters),
        CallError::TooLarge => too_large(&format!("aws-sdk:{}", service.word)),
        CallError::Role(cause) => TaskError::new("States.TaskFailed", cause.clone()),
        CallError::NoAnswer { reason, attempts } => TaskError::new(
            format!("{prefix}.SdkClientException"),
            format!("Unable to execute HTTP request: {reason} (SDK Attempt Count: {attempts})"),
        ),
        CallError::Service(error) => {
            let class = error
                .modelled(service)
                .map_or_else(|| format!("{prefix}Exception"), |error| error.class().to_owned());
            let extended = match &error.extended_request_id {
                Some(id) => format!(", Extended Request ID: {id}"),
                None => String::new(),
            };
            TaskError::new(
                format!("{prefix}.{class}"),
                format!(
                    "{} (Service: {prefix}, Status Code: {}, Request ID: {}{extended}) (SDK Attempt Count: {})",
                    error.message, error.status, error.request_id, error.attempts
                ),
            )
        }
    }
}

/// Names of the first Java SDK: (service, prefix of errors, name in causes, base class of errors).
const FIRST: &[(&str, &str, &str, &str)] = &[
    ("athena", "Athena", "AmazonAthena", "AmazonAthenaException"),
    ("batch", "Batch", "AWSBatch", "AWSBatchException"),
    ("bedrock", "Bedrock", "AmazonBedrock", "AmazonBedrockException"),
    ("bedrockruntime", "Bedrock", "AmazonBedrockRuntime", "AmazonBedrockRuntimeException"),
    ("codebuild", "CodeBuild", "AWSCodeBuild", "AWSCodeBuildException"),
    ("databrew", "DataBrew", "AWSGlueDataBrew", "AWSGlueDataBrewException"),
    ("dynamodb", "DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException"),
    ("ecs", "ECS", "AmazonECS", "AmazonECSException"),
    ("eks", "EKS", "AmazonEKS", "AmazonEKSException"),
    ("emr", "ElasticMapReduce", "AmazonElasticMapReduce", "AmazonElasticMapReduceException"),
    ("emrcontainers", "EMRContainers", "AmazonEMRContainers", "AmazonEMRContainersException"),
    ("emrserverless", "EMRServerless", "AWSEMRServerless", "AWSEMRServerlessException"),
    ("eventbridge", "EventBridge", "AmazonEventBridge", "AmazonEventBridgeException"),
    ("glue", "Glue", "AWSGlue", "AWSGlueException"),
    ("mediaconvert", "MediaConvert", "AWSMediaConvert", "AWSMediaConvertException"),
    ("s3", "S3", "Amazon S3", "AmazonS3Exception"),
    ("sagemaker", "SageMaker", "AmazonSageMaker", "AmazonSageMakerException"),
    ("sfn", "StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException"),
    ("sns", "SNS", "AmazonSNS", "AmazonSNSException"),
    ("sqs", "SQS", "AmazonSQS", "AmazonSQSException"),
];

fn first(service: &Service) -> (&str, &str, &str) {
    FIRST
        .iter()
        .find(|(word, ..)| *word == &*service.word)
        .map_or((&service.prefix, &service.prefix, "SdkServiceException"), |(_, prefix, name, base)| {
            (prefix, name, base)
        })
}

/// The result of an optimized integration: the members of the API's answer with the metadata of the call.
pub fn optimized_result(answer: &Answer) -> Object {
    let mut members: Vec<(Arc<str>, Value)> =
        answer.result.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    members.push(("SdkHttpMetadata".into(), Value::Object(http_metadata(answer))));
    let id = object(vec![("RequestId".into(), Value::from(answer.request_id.as_str()))]);
    members.push(("SdkResponseMetadata".into(), Value::Object(id)));
    members.sort_by(|one, other| one.0.cmp(&other.0));
    Object::from_entries(members)
}

fn object(members: Vec<(Arc<str>, Value)>) -> Object {
    Object::from_entries(members)
}

/// Only the headers that AWS's own services send are shown: results would differ between targets otherwise.
fn http_metadata(answer: &Answer) -> Object {
    let length = answer.body.len().to_string();
    let header = |name: &str| {
        answer
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let shown = [
        ("x-amzn-RequestId", Some(answer.request_id.as_str())),
        ("connection", Some("keep-alive")),
        ("Content-Length", Some(length.as_str())),
        ("Date", header("date")),
        ("Content-Type", header("content-type")),
        ("x-amz-crc32", header("x-amz-crc32")),
    ];
    let present = || shown.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let lists = present()
        .map(|(name, value)| (Arc::from(name), Value::Array(Array::new(vec![Value::from(value)]))))
        .collect();
    let mut singles: Vec<(Arc<str>, Value)> =
        present().map(|(name, value)| (Arc::from(name), Value::from(value))).collect();
    singles.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    object(vec![
        ("AllHttpHeaders".into(), Value::Object(object(lists))),
        ("HttpHeaders".into(), Value::Object(object(singles))),
        ("HttpStatusCode".into(), Value::from(i64::from(answer.status))),
    ])
}

/// The error of an optimized integration; `resource_type` is the service's word in `Resource`.
pub fn optimized_error(
    service: &Service,
    resource_type: &str,
    error: &CallError,
    parameters: &Value,
) -> TaskError {
    let (prefix, name, base) = first(service);
    match error {
        CallError::Parameters(problems) => parameters_error(problems, parameters),
        CallError::TooLarge => too_large(resource_type),
        CallError::Role(cause) => TaskError::new("States.TaskFailed", cause.clone()),
        CallError::NoAnswer { reason, .. } => TaskError::new(
            format!("{prefix}.SdkClientException"),
            format!("Unable to execute HTTP request: {reason}"),
        ),
        CallError::Service(error) => {
            let class = error.modelled(service).map_or_else(
                || base.to_owned(),
                |error| match error.name.ends_with("Exception") {
                    true => error.name.to_string(),
                    false => format!("{}Exception", error.name),
                },
            );
            TaskError::new(
                format!("{prefix}.{class}"),
                format!(
                    "{} (Service: {name}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
                    error.message, error.status, error.code, error.request_id
                ),
            )
        }
    }
}

/// The error of parameters that nothing can be called with.
pub(crate) fn parameters_error(problems: &[String], parameters: &Value) -> TaskError {
    TaskError::new(
        "States.Runtime",
        format!(
            "The Parameters '{}' could not be used to start the Task: [{}]",
            parameters.to_text(),
            problems.join(", ")
        ),
    )
}

pub(crate) fn too_large(resource_type: &str) -> TaskError {
    TaskError::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{resource_type}' returned a result with a size exceeding the maximum number of bytes service limit."
        ),
    )
}
