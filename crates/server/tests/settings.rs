//! Logging, tracing and encryption settings and tags: kept as they were sent, described as AWS describes them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{ROLE, TestServer, pass, text, wait};
use serde_json::{Value, json};
use stepwell_server::{LogDestination, LogSettings, Settings};
use stepwell_store::MemoryStore;

const GROUP: &str = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/x:*";
const SETTINGS: [&str; 3] = ["loggingConfiguration", "tracingConfiguration", "encryptionConfiguration"];

async fn server() -> TestServer {
    let logs = LogSettings { default: LogDestination::Off, ..LogSettings::default() };
    TestServer::with(Settings { logs, ..Settings::default() }, Arc::new(MemoryStore::new())).await
}

fn destinations(groups: &[&str]) -> Value {
    groups.iter().map(|group| json!({"cloudWatchLogsLogGroup": {"logGroupArn": group}})).collect()
}

fn create(name: &str, settings: &Value) -> Value {
    let mut request = json!({"name": name, "definition": pass(1).to_string(), "roleArn": ROLE});
    for (key, value) in settings.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

#[tokio::test]
async fn settings_are_described_as_they_were_sent_with_their_defaults() {
    let server = server().await;
    let defaults = json!({
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    });
    let key = json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/k", "kmsDataKeyReusePeriodSeconds": 60});
    for (index, (sent, described)) in [
        (json!({}), json!({})),
        (
            json!({"loggingConfiguration": {"destinations": []}}),
            json!({"loggingConfiguration": {"level": "OFF", "includeExecutionData": false, "destinations": []}}),
        ),
        (
            json!({"loggingConfiguration": {"level": "OFF", "destinations": destinations(&[GROUP])}}),
            json!({"loggingConfiguration": {"level": "OFF", "includeExecutionData": false, "destinations": destinations(&[GROUP])}}),
        ),
        (
            json!({"loggingConfiguration": {"level": "ERROR", "includeExecutionData": true, "destinations": destinations(&[GROUP])}}),
            json!({"loggingConfiguration": {"level": "ERROR", "includeExecutionData": true, "destinations": destinations(&[GROUP])}}),
        ),
        (json!({"tracingConfiguration": {"enabled": true}}), json!({"tracingConfiguration": {"enabled": true}})),
        (json!({"encryptionConfiguration": key}), json!({"encryptionConfiguration": key})),
        (
            json!({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}}),
            json!({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 300}}),
        ),
        (json!({"encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}), json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{index}");
        let created = server.call("CreateStateMachine", create(&name, &sent)).await;
        let arn = text(&created["stateMachineArn"]);
        let expected = |key: &str| described.get(key).unwrap_or(&defaults[key]).clone();
        let execution = server.start_execution(&arn, json!({})).await;
        let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
        let of_execution =
            server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
        for key in SETTINGS {
            assert_eq!(machine[key], expected(key), "{sent}");
            assert_eq!(of_execution[key], expected(key), "{sent}");
        }
        // The same again is the same; any other setting is another machine.
        assert_eq!(server.call("CreateStateMachine", create(&name, &sent)).await, created);
        for other in [
            json!({"loggingConfiguration": {"level": "FATAL", "destinations": destinations(&[GROUP])}}),
            json!({"tracingConfiguration": {"enabled": !sent["tracingConfiguration"]["enabled"].as_bool().unwrap_or(false)}}),
            json!({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "other"}}),
        ] {
            let mut request = create(&name, &sent);
            for (key, value) in other.as_object().unwrap() {
                request[key] = value.clone();
            }
            assert_eq!(server.error("CreateStateMachine", request).await.0, "StateMachineAlreadyExists");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_update_changes_the_settings_it_names_and_running_executions_keep_theirs() {
    let server = server().await;
    let create = json!({"name": "m", "definition": wait(3600).to_string(), "roleArn": ROLE});
    let arn = text(&server.call("CreateStateMachine", create).await["stateMachineArn"]);
    let execution = server.start_execution(&arn, json!({})).await;
    let before = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    let mut revisions = Vec::new();
    let changes = [
        (
            "loggingConfiguration",
            json!({"level": "ALL", "includeExecutionData": true, "destinations": destinations(&[GROUP])}),
        ),
        ("tracingConfiguration", json!({"enabled": true})),
        (
            "encryptionConfiguration",
            json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 900}),
        ),
    ];
    for (key, value) in &changes {
        let update = json!({"stateMachineArn": arn, *key: value});
        let updated = server.call("UpdateStateMachine", update.clone()).await;
        assert_eq!(server.call("UpdateStateMachine", update).await, updated, "no change, no revision");
        revisions.push(text(&updated["revisionId"]));
    }
    revisions.dedup();
    assert_eq!(revisions.len(), 3);
    let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    for (key, value) in &changes {
        assert_eq!(machine[*key], *value);
    }
    let after = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    assert_eq!(after, before);
    server.stop().await;
}

#[tokio::test]
async fn settings_that_can_not_be_used_are_refused() {
    let server = server().await;
    let one = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
    for (sent, code, message) in [
        (json!({"loggingConfiguration": {"level": "ALL"}}), "InvalidLoggingConfiguration", Some(one)),
        (
            json!({"loggingConfiguration": {"level": "FATAL", "destinations": []}}),
            "InvalidLoggingConfiguration",
            Some(one),
        ),
        (
            json!({"loggingConfiguration": {"level": "ALL", "destinations": destinations(&[GROUP, GROUP])}}),
            "InvalidLoggingConfiguration",
            Some(one),
        ),
        (
            json!({"loggingConfiguration": {"level": "ALL", "destinations": destinations(&["group"])}}),
            "InvalidLoggingConfiguration",
            Some("Invalid Logging Configuration: Log Destination not found."),
        ),
        (
            json!({"loggingConfiguration": {"level": "ALL", "destinations": destinations(&[GROUP.trim_end_matches(":*")])}}),
            "InvalidLoggingConfiguration",
            Some("Invalid Logging Configuration: Log Group ARN must be provided with '*' qualifier."),
        ),
        (json!({"tracingConfiguration": {}}), "InvalidTracingConfiguration", None),
        (
            json!({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}),
            "InvalidEncryptionConfiguration",
            None,
        ),
        (
            json!({"encryptionConfiguration": {"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}}),
            "InvalidEncryptionConfiguration",
            None,
        ),
        (
            json!({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 59}}),
            "ValidationException",
            None,
        ),
    ] {
        let refused = server.error("CreateStateMachine", create("m", &sent)).await;
        assert_eq!(refused.0, code, "{sent}");
        if let Some(message) = message {
            assert_eq!(refused.1, message, "{sent}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn activities_keep_the_encryption_they_were_created_with() {
    let server = server().await;
    let encryption =
        json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 120});
    let create = json!({"name": "a", "encryptionConfiguration": encryption});
    let created = server.call("CreateActivity", create.clone()).await;
    let described = server.call("DescribeActivity", json!({"activityArn": created["activityArn"]})).await;
    assert_eq!(described["encryptionConfiguration"], encryption);
    assert_eq!(server.call("CreateActivity", create).await, created);
    let (code, _) = server.error("CreateActivity", json!({"name": "a"})).await;
    assert_eq!(code, "ActivityAlreadyExists");
    let plain = server.call("CreateActivity", json!({"name": "b"})).await;
    let described = server.call("DescribeActivity", json!({"activityArn": plain["activityArn"]})).await;
    assert_eq!(described["encryptionConfiguration"], json!({"type": "AWS_OWNED_KEY"}));
    server.stop().await;
}
