//! Python handlers under the embedded bootstrap.

#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine as _;
use common::{call, failure, has, invocation, json, lambda, member, python, request};
use stepwell_integrations::{InvocationKind, Outcome, invoke_result};
use stepwell_json::Value;

fn decode(text: &str) -> String {
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_keep_pythons_own_spacing() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("reserve", python("app.reserve")), ("echo", python("app.echo"))]);
    let result = call(&lambda, "reserve", r#"{"sku":"pen","quantity":2}"#).await.unwrap();
    assert_eq!(result, r#"{"sku": "pen", "reserved": 2, "price": 9.5}"#);
    for (event, result) in
        [("null", "null"), ("[1,2.0]", "[1, 2.0]"), ("\"text\"", "\"text\""), ("true", "true"), ("0", "0")]
    {
        assert_eq!(call(&lambda, "echo", event).await.unwrap(), result);
    }
    let long = format!("\"{}\"", "x".repeat(200_000));
    assert_eq!(call(&lambda, "echo", &long).await.unwrap(), long);
    let unicode = json(&call(&lambda, "echo", "\"é😀\"").await.unwrap());
    assert_eq!(unicode.as_str(), Some("é😀"));
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_exception_is_the_tasks_error() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("reserve", python("app.reserve")), ("speechless", python("app.speechless"))]);
    for _ in 0..2 {
        let (error, cause) = failure(&lambda, "speechless", "{}").await;
        assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("Überfällig", ""));
    }
    let (error, cause) = failure(&lambda, "reserve", r#"{"sku":"pen","quantity":20}"#).await;
    assert_eq!(error, "OutOfStock");
    let document = json(&cause);
    let names: Vec<&str> = document.as_object().unwrap().keys().map(|key| &**key).collect();
    assert_eq!(names, ["errorMessage", "errorType", "requestId", "stackTrace"]);
    assert!(
        cause.starts_with(
            r#"{"errorMessage": "only 10 of pen left", "errorType": "OutOfStock", "requestId": ""#
        )
    );
    let trace = document.get("stackTrace").and_then(Value::as_array).unwrap();
    assert_eq!(trace.len(), 1, "only the handler's own frames: {cause}");
    let frame = trace[0].as_str().unwrap();
    assert!(
        frame.starts_with("  File \"")
            && frame.contains("app.py\", line ")
            && frame.contains(", in reserve\n")
    );

    // The same process goes on, and KeyError is an error like any other.
    let (error, cause) = failure(&lambda, "reserve", "{}").await;
    assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("KeyError", "'sku'"));

    let compact = lambda.invoke(invocation(request("reserve", "{}"))).await;
    let cause = invoke_result(compact).unwrap_err().cause.unwrap();
    assert!(cause.starts_with(r#"{"errorMessage":"'sku'","errorType":"KeyError","requestId":""#), "{cause}");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_sees_its_context_and_environment() {
    if !has("python3") {
        return;
    }
    let mut config = python("app.about");
    config.env.insert("STAGE".into(), "dev".into());
    config.memory_megabytes = Some(256);
    let lambda = lambda([("about:live", config)]);
    let mut with_context = request("about", "{}");
    with_context.qualifier = Some("live".into());
    with_context.client_context =
        Some(base64::engine::general_purpose::STANDARD.encode(r#"{"custom":{"a":"é"}}"#));
    let outcome = lambda.invoke(invocation(with_context)).await;
    let result = invoke_result(outcome).unwrap();
    let about = result.value().get("Payload").unwrap();
    assert_eq!(member(about, "arn"), "arn:aws:lambda:us-east-1:000000000000:function:about:live");
    assert_eq!(
        member(about, "request"),
        member(result.value().get("SdkResponseMetadata").unwrap(), "RequestId")
    );
    assert_eq!(
        (member(about, "stage"), member(about, "memory"), member(about, "region")),
        ("dev", "256", "us-east-1")
    );
    assert!(member(about, "runtime").starts_with("AWS_Lambda_python3."));
    assert_eq!(about.get("client").unwrap(), &json(r#"{"a":"é"}"#));
    assert_eq!(about.get("folder"), Some(&Value::from(true)));
    assert_eq!(member(about, "stdin"), "", "handlers read nothing from the server");
    assert_eq!(about.get("pid"), about.get("group"), "a worker leads its own process group");
    let remaining = about.get("remaining").and_then(Value::as_i64).unwrap();
    assert!((50_000..=60_000).contains(&remaining), "{remaining}");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_can_not_be_loaded_says_why() {
    if !has("python3") {
        return;
    }
    let cases = [
        (
            "missing",
            "no_such.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'no_such': No module named 'no_such'",
        ),
        (
            "import",
            "broken_import.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'broken_import': No module named 'no_such_module_anywhere'",
        ),
        ("function", "app.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        ("name", "app", "Runtime.MalformedHandlerName", "Bad handler 'app': give module.function"),
        ("start", "broken_start.handler", "ValueError", "no settings"),
        (
            "syntax",
            "broken_syntax.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'broken_syntax': ",
        ),
    ];
    let lambda = lambda(cases.map(|(name, handler, ..)| (name, python(handler))));
    for (name, _, error, message) in cases {
        let (actual, cause) = failure(&lambda, name, "{}").await;
        assert_eq!(actual, error, "{cause}");
        assert!(member(&json(&cause), "errorMessage").starts_with(message), "{cause}");
    }
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_lambda_would_not_take_are_errors() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("large", python("app.large")), ("odd", python("app.not_json"))]);
    let (error, cause) = failure(&lambda, "large", "7000000").await;
    assert_eq!(error, "Function.ResponseSizeTooLarge");
    assert!(cause.contains("maximum allowed payload size (6291556 bytes)"));
    assert_eq!(call(&lambda, "large", "3").await.unwrap(), "\"xxx\"", "the worker goes on");
    let (error, cause) = failure(&lambda, "odd", "{}").await;
    assert_eq!(error, "Runtime.MarshalError");
    assert!(cause.contains("Unable to marshal response: Object of type set is not JSON serializable"));
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_tail_comes_with_the_answer() {
    if !has("python3") {
        return;
    }
    let lambda = lambda([("reserve", python("app.reserve"))]);
    for quantity in 1..4 {
        let mut with_log =
            request("reserve", &format!(r#"{{"sku":"pen-{quantity}","quantity":{quantity}}}"#));
        with_log.log_tail = true;
        let Outcome::Answered(answer) = lambda.invoke(invocation(with_log)).await else {
            panic!("no answer")
        };
        let log = decode(&answer.log_result.unwrap());
        let id = &answer.request_id;
        assert!(log.starts_with(&format!("START RequestId: {id} Version: $LATEST\n")), "{log}");
        assert_eq!(log.matches("reserving").count(), 1, "{log}");
        assert!(log.contains(&format!("reserving pen-{quantity} for reserve\n")), "{log}");
        assert!(log.contains("warning"), "{log}");
        assert!(log.contains(&format!("END RequestId: {id}\nREPORT RequestId: {id}\tDuration: ")), "{log}");
    }
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_dry_runs_are_accepted_at_once() {
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("processes");
    let lambda = lambda([("hang", python("app.spawn_and_hang"))]);
    let event = format!(r#"{{"file":{}}}"#, Value::from(file.to_str().unwrap()).to_text());
    for (kind, status) in [(InvocationKind::DryRun, 204), (InvocationKind::Event, 202)] {
        let mut request = request("hang", &event);
        request.kind = kind;
        let result = invoke_result(lambda.invoke(invocation(request)).await).unwrap();
        assert_eq!(result.value().get("StatusCode").and_then(Value::as_i64), Some(status));
        assert_eq!(member(result.value(), "Payload"), "");
        assert!(!file.exists(), "the answer did not wait for the handler");
    }
    common::eventually("the event reached the handler", || file.exists()).await;
    lambda.shutdown().await;
}
