//! A store that stops: nothing is acknowledged that is not durable, and the server says once that it is over.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use common::{TestServer, faulty::Faulty, pass, wait};
use serde_json::json;
use stepwell_server::Settings;

#[tokio::test]
async fn nothing_is_acknowledged_after_a_failed_commit() {
    let store = Arc::new(Faulty::default());
    let server = TestServer::with(Settings::default(), store.clone()).await;
    let machine = server.machine("m", pass(1)).await;
    store.fails.store(true, Ordering::SeqCst);
    // Nobody knows whether the start is durable, so the answer is one that SDKs try again.
    let (status, body) = server.client.send("StartExecution", json!({"stateMachineArn": machine})).await;
    assert_eq!((status, &body["__type"]), (503, &json!("ServiceUnavailable")));
    let reason = tokio::time::timeout(Duration::from_secs(5), server.server.fatal()).await.unwrap();
    assert_eq!(reason, "the disk is gone");
    let (status, body) = server.client.send("CreateActivity", json!({"name": "a"})).await;
    assert_eq!((status, &body["__type"]), (500, &json!("InternalFailure")));
    assert_eq!(server.client.get("/readyz").await.0, 503);
    // What is durable can still be read.
    let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"], json!([]));
    // It ends, although nothing will ever be durable again.
    server.stop().await;
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_lets_old_work_end() {
    let store = Arc::new(Faulty::default());
    let server = TestServer::with(Settings::default(), store.clone()).await;
    let machine = server.machine("m", wait(600)).await;
    let running = server.start_execution(&machine, json!({})).await;
    store.is_full.store(true, Ordering::SeqCst);
    for (operation, request) in [
        ("StartExecution", json!({"stateMachineArn": machine})),
        ("CreateActivity", json!({"name": "a"})),
        (
            "CreateStateMachine",
            json!({"name": "n", "definition": pass(1).to_string(), "roleArn": common::ROLE}),
        ),
    ] {
        let (status, body) = server.client.send(operation, request).await;
        assert_eq!((status, &body["__type"]), (503, &json!("ServiceUnavailable")), "{operation}");
        assert!(common::text(&body["message"]).contains("disk"), "{body}");
    }
    server.call("StopExecution", json!({"executionArn": running})).await;
    assert_eq!(server.end(&running).await["status"], "ABORTED");
    store.is_full.store(false, Ordering::SeqCst);
    server.start_execution(&machine, json!({})).await;
    server.stop().await;
}
