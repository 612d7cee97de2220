//! HTTP Tasks of executions and of TestState, against an HTTP API in this process.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use common::{ROLE, TestServer, parsed, types};
use serde_json::{Value, json};
use stepwell_integrations::http_task::{ConnectionKind, ConnectionSection, HttpConfig, HttpSection, Secret};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const SECRET: &str = "s3cret";

/// An HTTP API that gives these statuses, one for each request, and then 200.
async fn api(statuses: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let status = statuses.next().unwrap_or(&"200 OK");
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 8\r\n\r\n{{\"a\":1}} "
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn settings() -> Settings {
    let section = ConnectionSection {
        kind: ConnectionKind::ApiKey,
        username: None,
        password: None,
        password_env: None,
        key_name: Some("X-Key".into()),
        key_value: Some(Secret(SECRET.into())),
        key_value_env: None,
        token_url: None,
        token_method: None,
        token_parameters: BTreeMap::new(),
        client_id: None,
        client_secret: None,
        client_secret_env: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        body: BTreeMap::new(),
    };
    let connection = section.resolve("api", &|_| None).unwrap();
    let section = HttpSection { allow: vec!["127.0.0.1".into()], ..HttpSection::default() };
    Settings {
        http: HttpConfig { section, connections: [("api".to_owned(), connection)].into() },
        ..Settings::default()
    }
}

fn task(url: &str) -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true,
        "Parameters": {
            "ApiEndpoint": url, "Method": "GET",
            "InvocationConfig": {"ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/api/1"}
        },
        "Retry": [{"ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    })
}

#[tokio::test]
async fn executions_get_results_and_errors_and_retry_them() {
    let server = TestServer::with(settings(), Arc::new(MemoryStore::new())).await;
    for (name, statuses, error, attempts) in [
        ("well", &[] as &[&str], None, 1),
        ("retried", &["503 Service Unavailable"], None, 2),
        ("failed", &["404 Not Found"], Some("States.Http.StatusCode.404"), 1),
    ] {
        let url = format!("http://{}/path", api(statuses).await);
        let machine = server.machine(name, json!({"StartAt": "H", "States": {"H": task(&url)}})).await;
        let execution = server.start_execution(&machine, json!({})).await;
        let end = server.end(&execution).await;
        assert_eq!(end["error"].as_str(), error, "{end}");
        if error.is_none() {
            let output = parsed(&end["output"]);
            assert_eq!(output["ResponseBody"], json!({"a": 1}));
            assert_eq!((&output["StatusCode"], &output["StatusText"]), (&json!(200), &json!("OK")));
            assert_eq!(output["Headers"]["content-length"], json!(["8"]));
        }
        let history = server.history(&execution).await;
        assert_eq!(types(&history).iter().filter(|kind| *kind == "TaskScheduled").count(), attempts);
        let scheduled = &history.iter().find(|event| event["type"] == "TaskScheduled").unwrap()["taskScheduledEventDetails"];
        assert_eq!((&scheduled["resourceType"], &scheduled["resource"]), (&json!("http"), &json!("invoke")));
        assert!(!json!(history).to_string().contains(SECRET));
    }
    server.stop().await;
}

#[tokio::test]
async fn places_within_are_not_called() {
    let mut settings = settings();
    settings.http.section.allow.clear();
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let url = format!("https://{}/", api(&[]).await);
    let machine = server.machine("within", json!({"StartAt": "H", "States": {"H": task(&url)}})).await;
    let execution = server.start_execution(&machine, json!({})).await;
    let end = server.end(&execution).await;
    assert_eq!(end["error"], "States.TaskFailed");
    assert!(end["cause"].as_str().unwrap().contains("the address is not a public one"), "{end}");
    server.stop().await;
}

#[tokio::test]
async fn test_state_shows_request_and_response_at_trace() {
    let server = TestServer::with(settings(), Arc::new(MemoryStore::new())).await;
    let url = format!("http://{}/path", api(&[]).await);
    for (level, reveals, shown) in
        [("DEBUG", false, None), ("TRACE", false, Some("***")), ("TRACE", true, Some(SECRET))]
    {
        let request = json!({
            "definition": task(&url).to_string(), "roleArn": ROLE, "inspectionLevel": level, "revealSecrets": reveals
        });
        let answer = server.call("TestState", request).await;
        assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
        let data = &answer["inspectionData"];
        let Some(shown) = shown else {
            assert!(data.get("request").is_none() && data.get("response").is_none(), "{data}");
            continue;
        };
        assert_eq!((&data["request"]["method"], &data["request"]["url"]), (&json!("GET"), &json!(url)));
        assert_eq!(
            (&data["request"]["protocol"], &data["response"]["protocol"]),
            (&json!("http"), &json!("http"))
        );
        assert!(
            data["request"]["headers"].as_str().unwrap().contains(&format!("X-Key: {shown}, User-Agent: ")),
            "{data}"
        );
        assert_eq!(
            (&data["response"]["statusCode"], &data["response"]["statusMessage"]),
            (&json!("200"), &json!("OK"))
        );
        assert_eq!(data["response"]["body"], "{\"a\":1} ");
        assert_eq!(answer.to_string().contains(SECRET), reveals);
    }
    server.stop().await;
}
