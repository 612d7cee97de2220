//! Requests that mean no good, or are merely broken: each gets a clear answer, and the server goes on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{TestServer, pass};
use serde_json::{Value, json};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn still_serves(server: &TestServer) {
    assert_eq!(server.call("ListStateMachines", json!({})).await["stateMachines"], json!([]));
}

#[tokio::test]
async fn broken_bodies_are_refused_with_a_reason() {
    let server = TestServer::start().await;
    let deep = "[".repeat(100_000);
    let deep_object = "{\"a\":".repeat(100_000);
    let many_keys: String =
        format!("{{{}}}", (0..100_000).map(|index| format!("\"k{index}\":1")).collect::<Vec<_>>().join(","));
    for (body, expected) in [
        ("{", 400),
        ("nonsense", 400),
        ("[]", 400),
        ("\u{feff}{}", 400),
        ("{\"stateMachineArn\": 1}", 400),
        ("{\"stateMachineArn\": null}", 400),
        (deep.as_str(), 400),
        (deep_object.as_str(), 400),
        (many_keys.as_str(), 400),
        ("", 400),
    ] {
        let (status, answer) = server.client.raw("StartExecution", body.to_owned(), &[]).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, expected, "{answer}");
        assert!(answer["__type"].is_string() && answer["message"].is_string());
        assert!(answer.to_string().len() < 2_000, "an error does not repeat what it complains about");
    }
    let (status, _) = server.client.raw("ListStateMachines", vec![0xff, 0xfe, 0x00], &[]).await;
    assert_eq!(status, 400);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn large_bodies_are_taken_up_to_the_limit_and_refused_above() {
    let server = TestServer::start().await;
    let name = "n".repeat(1024 * 1024);
    let (status, answer) = server.client.raw("CreateActivity", json!({"name": name}).to_string(), &[]).await;
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&answer));
    let (status, answer) = server.client.raw("CreateActivity", vec![b' '; 3 * 1024 * 1024], &[]).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["__type"]), (413, &json!("RequestEntityTooLarge")));
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn compressed_bodies_are_refused_unread() {
    let server = TestServer::start().await;
    let (status, answer) =
        server.client.raw("ListStateMachines", vec![0x1f, 0x8b, 8, 0], &[("content-encoding", "gzip")]).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("'gzip'"), "{answer}");
    let (status, _) = server.client.raw("ListStateMachines", "{}", &[("content-encoding", "identity")]).await;
    assert_eq!(status, 200);
    server.stop().await;
}

/// Starts are refused with ThrottlingException, and nothing else is.
async fn only_starts_are_throttled(limit: impl FnOnce(&mut stepwell_server::Limits)) {
    let mut settings = Settings::default();
    limit(&mut settings.limits);
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let machine = server.machine("m", pass(1)).await;
    for attempt in 1..=3 {
        let (name, message) = server.error("StartExecution", json!({"stateMachineArn": machine})).await;
        assert_eq!((name.as_str(), message.as_str()), ("ThrottlingException", "Rate exceeded"));
        let (_, metrics) = server.client.get("/metrics").await;
        assert!(metrics.contains(&format!("\nstepwell_throttled_total {attempt}\n")), "{metrics}");
    }
    let list = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(list["executions"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn starts_beyond_what_may_wait_are_throttled() {
    only_starts_are_throttled(|limits| limits.starts_max = 0).await;
}

#[tokio::test]
async fn starts_are_throttled_while_memory_is_short() {
    if !std::path::Path::new("/proc/self/statm").exists() {
        eprintln!("skipped: this system has no /proc");
        return;
    }
    only_starts_are_throttled(|limits| limits.memory_bytes_max = 1).await;
}

#[tokio::test]
async fn bodies_beyond_the_room_for_them_are_throttled() {
    let mut settings = Settings::default();
    settings.limits.body_bytes_in_flight_max = 1_000;
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let padded = |length| format!("{{}}{}", " ".repeat(length));
    let (status, answer) = server.client.raw("ListStateMachines", padded(1_000), &[]).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["__type"]), (400, &json!("ThrottlingException")));
    for _ in 0..3 {
        let (status, _) = server.client.raw("ListStateMachines", padded(900), &[]).await;
        assert_eq!(status, 200, "room is given back");
    }
    server.stop().await;
}

#[tokio::test]
async fn deep_and_wide_inputs_are_refused_or_carried() {
    let server = TestServer::start().await;
    let machine = server.machine("m", pass(2)).await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let request = json!({"stateMachineArn": machine, "input": deep});
    assert_eq!(server.error("StartExecution", request).await.0, "InvalidExecutionInput");
    let wide: String = format!("[{}]", vec!["1"; 100_000].join(","));
    let request = json!({"stateMachineArn": machine, "input": wide});
    let execution = common::text(&server.call("StartExecution", request).await["executionArn"]);
    assert_eq!(server.end(&execution).await["output"], wide);
    let deep_definition = "{\"States\":".repeat(50_000);
    let request = json!({"name": "d", "definition": deep_definition, "roleArn": common::ROLE});
    assert_eq!(server.error("CreateStateMachine", request).await.0, "InvalidDefinition");
    server.stop().await;
}

#[tokio::test]
async fn foreign_pages_and_other_content_types_are_kept_out() {
    let server = TestServer::start().await;
    let (status, _) =
        server.client.raw("ListStateMachines", "{}", &[("origin", "http://evil.example")]).await;
    assert_eq!(status, 403);
    let own = format!("http://{}", server.client.address);
    let (status, _) = server.client.raw("ListStateMachines", "{}", &[("origin", &own)]).await;
    assert_eq!(status, 200);
    // Any Host is accepted: SDKs put a prefix before it.
    let request = "POST / HTTP/1.1\r\nHost: sync-localhost:1\r\nContent-Type: text/plain\r\n\
         X-Amz-Target: AWSStepFunctions.ListStateMachines\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = exchange(&server, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("SerializationException"), "{answer}");
    let answer =
        exchange(&server, request.replace("text/plain", "application/x-amz-json-1.1").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_lowercase().contains("x-amzn-requestid: "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn clients_that_dawdle_are_let_go() {
    let mut settings = Settings::default();
    settings.limits.header_timeout = Duration::from_millis(200);
    settings.limits.body_timeout = Duration::from_millis(200);
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    // A head that never ends.
    let answer = exchange(&server, b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    // A body that never comes.
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.ListStateMachines\r\nContent-Length: 10\r\n\r\n{";
    let answer = exchange(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // Not HTTP at all, and a head without end.
    let answer = exchange(&server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http \r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let long = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
    let answer = exchange(&server, long.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_worker_that_hangs_up_leaves_the_queue() {
    let server = TestServer::start().await;
    let activity = common::text(&server.call("CreateActivity", json!({"name": "a"})).await["activityArn"]);
    let machine = server.machine("m", common::activity_task(&activity)).await;
    for _ in 0..20 {
        let client = server.client.clone();
        let request = json!({"activityArn": activity});
        let poll = tokio::spawn(async move { client.call("GetActivityTask", request).await });
        tokio::time::sleep(Duration::from_millis(5)).await;
        poll.abort();
    }
    // The server sees the closed connections in its own time: all but the one that asks are gone then.
    loop {
        let (_, metrics) = server.client.get("/metrics").await;
        if metrics.contains("\nstepwell_connections 1\n") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.start_execution(&machine, json!({})).await;
    let poll = server.call("GetActivityTask", json!({"activityArn": activity}));
    let task = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("a task comes");
    assert!(task["taskToken"].is_string());
    server.stop().await;
}

/// Sends bytes as they are; gives what comes back before the server closes.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.client.address).await.unwrap();
    // The server may have closed already.
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 64 * 1024];
    let mut length = 0;
    while let Ok(Ok(count @ 1..)) =
        tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer[length..])).await
    {
        length += count;
        if answer[..length].windows(4).any(|window| window == b"\r\n\r\n") && length > 300 {
            break;
        }
    }
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
