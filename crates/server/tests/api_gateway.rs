//! `apigateway:invoke` of executions, against a server in the place of API Gateway.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::{
    TestServer,
    fake::{self, Request},
    parsed, types,
};
use serde_json::{Value, json};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;

const HOST: &str = "abc.execute-api.us-east-1.amazonaws.com";

/// A server with an API that has a bill 1, and keeps what it was asked.
async fn start() -> (TestServer, Arc<Mutex<Vec<Request>>>) {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let requests = seen.clone();
    let address = fake::start(move |request| {
        let is_there = request.path == "/prod/bills/1";
        requests.lock().unwrap().push(request);
        Some(match is_there {
            true => ("200 OK", json!({"amount": 7}).to_string()),
            false => ("403 Forbidden", json!({"message": "Missing Authentication Token"}).to_string()),
        })
    })
    .await;
    let endpoints = [("execute-api".to_owned(), format!("http://{address}"))].into();
    let settings = Settings { service_endpoints: endpoints, ..Settings::default() };
    (TestServer::with(settings, Arc::new(MemoryStore::new())).await, seen)
}

fn machine(action: &str, more: Value) -> Value {
    let mut parameters = json!({"ApiEndpoint": HOST, "Method": "GET", "Stage": "prod", "Path.$": "$.path"});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": format!("arn:aws:states:::apigateway:{action}"), "Parameters": parameters, "End": true
    }}})
}

#[tokio::test]
async fn executions_get_results_and_errors() {
    let (server, seen) = start().await;
    let arn = server.machine("m", machine("invoke", json!({}))).await;
    let execution = server.start_execution(&arn, json!({"path": "bills/1"})).await;
    let output = parsed(&server.end(&execution).await["output"]);
    assert_eq!(output["ResponseBody"], json!({"amount": 7}));
    assert_eq!((&output["StatusCode"], &output["StatusText"]), (&json!(200), &json!("OK")));
    assert_eq!(output["Headers"]["Content-Type"], json!(["application/json"]));
    let history = server.history(&execution).await;
    let scheduled = &history[2]["taskScheduledEventDetails"];
    assert_eq!(
        (&scheduled["resourceType"], &scheduled["resource"]),
        (&json!("apigateway"), &json!("invoke"))
    );
    let end = server.end(&server.start_execution(&arn, json!({"path": "other"})).await).await;
    assert_eq!(end["error"], "ApiGateway.403");
    assert_eq!(end["cause"], r#"{"message":"Missing Authentication Token"}"#);
    assert!(seen.lock().unwrap().iter().all(|request| request.header("host") == Some(HOST)));
    server.stop().await;
}

#[tokio::test]
async fn headers_that_are_no_lists_fail_the_execution() {
    let (server, seen) = start().await;
    let arn = server.machine("m", machine("invoke", json!({"Headers": {"a.$": "$.path"}}))).await;
    let end = server.end(&server.start_execution(&arn, json!({"path": "x"})).await).await;
    assert_eq!(end["error"], "States.Runtime");
    let cause = end["cause"].as_str().unwrap();
    let text =
        "could not be used to start the Task: [The value of the field 'Headers' has an invalid format]";
    assert!(cause.ends_with(text), "{cause}");
    assert!(seen.lock().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_a_header_ends_the_task() {
    let (server, seen) = start().await;
    let headers = json!({"Headers": {"TaskToken.$": "States.Array($$.Task.Token)"}});
    let arn = server.machine("m", machine("invoke.waitForTaskToken", headers)).await;
    let execution = server.start_execution(&arn, json!({"path": "bills/1"})).await;
    while !types(&server.history(&execution).await).contains(&"TaskSubmitted".to_owned()) {
        tokio::task::yield_now().await;
    }
    let token = seen.lock().unwrap()[0].header("tasktoken").unwrap().to_owned();
    server.call("SendTaskSuccess", json!({"taskToken": token, "output": "[1]"})).await;
    assert_eq!(server.end(&execution).await["output"], "[1]");
    let submitted = server.history(&execution).await[4]["taskSubmittedEventDetails"].clone();
    assert_eq!(parsed(&submitted["output"])["ResponseBody"], json!({"amount": 7}));
    server.stop().await;
}

#[tokio::test]
async fn states_are_tested_with_any_mocked_result() {
    let (server, seen) = start().await;
    let state = &machine("invoke", json!({}))["States"]["A"];
    let request = json!({
        "definition": state.to_string(), "input": json!({"path": "bills/1"}).to_string(),
        "mock": {"result": json!({"approval": true}).to_string()}
    });
    let answer = server.call("TestState", request).await;
    assert_eq!(
        (&answer["status"], &parsed(&answer["output"])),
        (&json!("SUCCEEDED"), &json!({"approval": true}))
    );
    assert!(seen.lock().unwrap().is_empty());
    server.stop().await;
}
