//! A workflow from create to delete, by the AWS SDK for Rust. Any surprise ends the program with a panic.

use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionStatus, StateMachineType, SyncExecutionStatus};

const PASS: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
const ROLE: &str = "arn:aws:iam::000000000000:role/test";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_SFN").expect("AWS_ENDPOINT_URL_SFN");
    let configuration = aws_sdk_sfn::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "static"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(configuration);

    let made =
        client.create_state_machine().name("rust").definition(PASS).role_arn(ROLE).send().await.unwrap();
    let arn = made.state_machine_arn();
    let described = client.describe_state_machine().state_machine_arn(arn).send().await.unwrap();
    assert_eq!(described.definition(), PASS);
    assert_eq!(described.creation_date(), made.creation_date());

    let started = client.start_execution().state_machine_arn(arn).input("{\"a\": 1}").send().await.unwrap();
    let execution = started.execution_arn();
    let ended = loop {
        let answer = client.describe_execution().execution_arn(execution).send().await.unwrap();
        if *answer.status() != ExecutionStatus::Running {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((ended.status(), ended.output()), (&ExecutionStatus::Succeeded, Some("{\"a\": 1}")));
    let pages =
        client.get_execution_history().execution_arn(execution).max_results(1).into_paginator().items();
    let events: Vec<_> = pages.send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(events.iter().map(|event| event.id()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(events[1].state_entered_event_details().unwrap().name(), "P");

    let missing = "arn:aws:states:us-east-1:000000000000:stateMachine:missing";
    let refused = client.describe_state_machine().state_machine_arn(missing).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(refused.is_state_machine_does_not_exist(), "{refused:?}");
    assert!(refused.message().unwrap().contains(missing));
    // The SDK for Rust does not check constraints itself.
    let refused =
        client.create_state_machine().name("").definition(PASS).role_arn(ROLE).send().await.unwrap_err();
    assert!(refused.code().is_some(), "{refused:?}");

    let express = client.create_state_machine().name("rust-express").definition(PASS).role_arn(ROLE);
    let express = express.r#type(StateMachineType::Express).send().await.unwrap();
    let answer = client.start_sync_execution().state_machine_arn(express.state_machine_arn()).input("[1]");
    // It would go to sync-HOST, and the SDK has no setting against it: as `stepwell env --client rust` says.
    let answer = answer.customize().mutate_request(|request| {
        let uri = request.uri().replacen("//sync-", "//", 1);
        request.set_uri(uri).expect("a URI");
    });
    let answer = answer.send().await.unwrap();
    assert_eq!((answer.status(), answer.output()), (&SyncExecutionStatus::Succeeded, Some("[1]")));
    assert!(answer.billing_details().is_some());

    let activity = client.create_activity().name("rust-work").send().await.unwrap();
    let task = format!(
        r#"{{"StartAt": "T", "States": {{"T": {{"Type": "Task", "Resource": "{}", "End": true}}}}}}"#,
        activity.activity_arn()
    );
    let worked = client
        .create_state_machine()
        .name("rust-works")
        .definition(task)
        .role_arn(ROLE)
        .send()
        .await
        .unwrap();
    client.start_execution().state_machine_arn(worked.state_machine_arn()).input("2").send().await.unwrap();
    let task = client.get_activity_task().activity_arn(activity.activity_arn()).send().await.unwrap();
    assert_eq!(task.input(), Some("2"));
    client.send_task_success().task_token(task.task_token().unwrap()).output("4").send().await.unwrap();
    let refused = client.send_task_success().task_token(task.task_token().unwrap()).output("4").send().await;
    assert!(refused.unwrap_err().into_service_error().is_task_timed_out());

    client.delete_state_machine().state_machine_arn(arn).send().await.unwrap();
    println!("ok");
}
