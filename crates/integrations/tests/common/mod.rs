//! What the tests of this crate share.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_integrations::aws::{Aws, AwsConfig};
use stepwell_integrations::{
    FunctionConfig, Invocation, InvokeRequest, Lambda, LambdaConfig, Outcome, Runtime, TaskError,
    function_arn_result,
};
use stepwell_json::Value;

pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:orders:1";

pub(crate) fn handlers(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handlers").join(folder)
}

/// Whether the program is on this machine; says so when not, since the test then shows nothing.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: {program} is not on this machine");
    }
    found
}

pub(crate) fn python(handler: &str) -> FunctionConfig {
    FunctionConfig {
        runtime: Some(Runtime::Python),
        handler: Some(handler.into()),
        dir: Some(handlers("python")),
        timeout_seconds: Some(60),
        ..FunctionConfig::default()
    }
}

pub(crate) fn node(handler: &str) -> FunctionConfig {
    FunctionConfig { runtime: Some(Runtime::Node), dir: Some(handlers("node")), ..python(handler) }
}

pub(crate) fn lambda(functions: impl IntoIterator<Item = (&'static str, FunctionConfig)>) -> Lambda {
    with_endpoint(functions, None)
}

pub(crate) fn with_endpoint(
    functions: impl IntoIterator<Item = (&'static str, FunctionConfig)>,
    endpoint: Option<String>,
) -> Lambda {
    let functions: BTreeMap<_, _> =
        functions.into_iter().map(|(name, config)| (name.to_owned(), config)).collect();
    let config = LambdaConfig { functions, endpoint, region: "us-east-1".into(), ..LambdaConfig::default() };
    Lambda::new(config, Arc::new(Aws::new(AwsConfig::default()))).unwrap()
}

pub(crate) fn request(function: &str, payload: &str) -> InvokeRequest {
    InvokeRequest { function: function.into(), payload: payload.into(), ..InvokeRequest::default() }
}

pub(crate) fn invocation(request: InvokeRequest) -> Invocation {
    Invocation {
        request,
        execution_arn: EXECUTION.into(),
        region: "us-east-1".into(),
        account: "000000000000".into(),
        timeout: None,
        role: None,
    }
}

pub(crate) async fn outcome(lambda: &Lambda, function: &str, payload: &str) -> Outcome {
    lambda.invoke(invocation(request(function, payload))).await
}

/// The result's text, or the error.
pub(crate) async fn call(lambda: &Lambda, function: &str, payload: &str) -> Result<String, TaskError> {
    function_arn_result(outcome(lambda, function, payload).await).map(|result| result.text().to_string())
}

/// The error's name and cause.
pub(crate) async fn failure(lambda: &Lambda, function: &str, payload: &str) -> (String, String) {
    let error = call(lambda, function, payload).await.unwrap_err();
    (error.error, error.cause.unwrap_or_default())
}

pub(crate) fn json(text: &str) -> Value {
    stepwell_json::parse(text).unwrap()
}

pub(crate) fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no text {name} in {value:?}"))
}

/// Whether a process is there and not merely waiting to be reaped.
pub(crate) fn is_running(process: i64) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
    stat.rsplit(") ").next().is_some_and(|rest| !rest.starts_with('Z'))
}

/// Looks again until it is so, at most 20 seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
