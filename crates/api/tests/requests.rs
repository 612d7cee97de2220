//! Bodies of requests: what they are read as, and AWS's refusals.

use proptest::prelude::*;
use stepwell_api::types::activity::CreateActivityRequest;
use stepwell_api::types::execution::{
    ExecutionStatus, GetExecutionHistoryRequest, ListExecutionsRequest, StartExecutionRequest, page_size,
};
use stepwell_api::types::state_machine::{
    CreateStateMachineRequest, EncryptionConfiguration, ListStateMachinesRequest, LogLevel,
    LoggingConfiguration, UpdateStateMachineRequest,
};
use stepwell_api::types::tag::{TagResourceRequest, UntagResourceRequest};
use stepwell_api::types::task::{SendTaskFailureRequest, SendTaskSuccessRequest};
use stepwell_api::types::validate::ValidateStateMachineDefinitionRequest;
use stepwell_api::{ApiError, Request, ToJson, decode};

fn refusal<R: Request + std::fmt::Debug>(body: &str) -> (&'static str, String) {
    let error = match decode::<R>(body.as_bytes()) {
        Ok(request) => panic!("{body} was read as {request:?}"),
        Err(error) => error,
    };
    assert_eq!(error.status, 400);
    (error.code, error.message.into_owned())
}

#[test]
fn members_are_read_and_unknown_ones_ignored() {
    let request: StartExecutionRequest = decode(
        br#"{"unknown":{"deep":[1,{"x":null}]},"stateMachineArn":"a","name":null,"input":"{\"a\" : \"\u00e9\ud83d\ude00\"}","\u0074raceHeader":"Root=1"}"#,
    )
    .unwrap();
    assert_eq!(request.state_machine_arn, "a");
    assert_eq!(request.name, None);
    assert_eq!(request.input.as_deref(), Some("{\"a\" : \"\u{e9}\u{1f600}\"}"));
    assert_eq!(request.trace_header.as_deref(), Some("Root=1"));

    let request: ListExecutionsRequest =
        decode(br#" {"statusFilter":"TIMED_OUT","maxResults":10.0,"maxResults":7} "#).unwrap();
    assert_eq!(request.status_filter, Some(ExecutionStatus::TimedOut));
    assert_eq!(request.max_results, Some(7));

    let request: GetExecutionHistoryRequest =
        decode(br#"{"executionArn":"a","reverseOrder":true,"includeExecutionData":false}"#).unwrap();
    assert_eq!((request.reverse_order, request.include_execution_data), (Some(true), Some(false)));
}

#[test]
fn definitions_are_read_with_all_their_escapes() {
    for (member, definition) in [
        (r#""definition":null"#, None),
        (r#""definition" : "{ }" "#, Some("{ }")),
        (r#""definition":"é😀""#, Some("é😀")),
        (r#""definition":"{\"a\\\/\" : \n\u00e9\ud83d\uDE00}\u0000""#, Some("{\"a\\/\" : \né😀}\0")),
        (r#""definition":"a","definition":"b""#, Some("b")),
    ] {
        let body = format!(r#"{{"stateMachineArn":"a",{member}}}"#);
        let request: UpdateStateMachineRequest = decode(body.as_bytes()).unwrap();
        assert_eq!(request.definition.as_deref(), definition, "{body}");
    }
}

#[test]
fn a_body_may_be_missing_when_nothing_is_required() {
    for body in [b"".as_slice(), b" \n", b"{}"] {
        assert!(decode::<ListStateMachinesRequest>(body).is_ok());
    }
}

#[test]
fn structures_are_read_and_written_back() {
    let body = r#"{"name":"m","definition":"{ }","roleArn":"r","loggingConfiguration":{"level":"ERROR","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"g"}}]},"tags":[{"key":"k","value":""}],"tracingConfiguration":{"enabled":true},"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}"#;
    let request: CreateStateMachineRequest = decode(body.as_bytes()).unwrap();
    assert_eq!(&*request.definition, "{ }");
    let logging = request.logging_configuration.unwrap();
    assert_eq!(logging.level, Some(LogLevel::Error));
    let text = String::from_utf8(logging.to_json()).unwrap();
    assert!(body.contains(&text), "{text}");
    assert_eq!(decode::<LoggingConfiguration>(text.as_bytes()), Ok(logging));
    let encryption = request.encryption_configuration.unwrap();
    assert_eq!(encryption.to_json(), br#"{"type":"AWS_OWNED_KEY"}"#);
}

#[test]
fn values_of_the_wrong_type_are_refused_in_aws_words() {
    for (body, message) in [
        (r#"{"name":1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"name":1.5}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"name":-1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"name":true}"#, "TRUE_VALUE can not be converted to a String"),
        (r#"{"name":false}"#, "FALSE_VALUE can not be converted to a String"),
        (r#"{"name":[]}"#, "Start of list found where not expected"),
        (r#"{"name":{}}"#, "Start of structure or map found where not expected."),
        (r#"{"definition":1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"definition":false}"#, "FALSE_VALUE can not be converted to a String"),
        (r#"{"definition": [[]] }"#, "Start of list found where not expected"),
        (r#"{"definition":{}}"#, "Start of structure or map found where not expected."),
        (r#"{"publish":"true"}"#, "STRING_VALUE can not be converted to a Boolean"),
        (r#"{"publish":1}"#, "NUMBER_VALUE can not be converted to a Boolean"),
        (r#"{"tags":"x"}"#, "Expected list or null"),
        (r#"{"tags":{}}"#, "Start of structure or map found where not expected."),
        (r#"{"tags":[1]}"#, "Expected null"),
        (r#"{"loggingConfiguration":"OFF"}"#, "Expected null"),
        (r#"{"loggingConfiguration":[]}"#, "Start of list found where not expected"),
        (r#"{"loggingConfiguration":{"level":3}}"#, "NUMBER_VALUE can not be converted to a String"),
        (
            r#"{"encryptionConfiguration":{"kmsDataKeyReusePeriodSeconds":"60"}}"#,
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"encryptionConfiguration":{"kmsDataKeyReusePeriodSeconds":60.5}}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (r#"[]"#, "Start of list found where not expected"),
        (r#""text""#, "Expected null"),
    ] {
        let refused = refusal::<CreateStateMachineRequest>(body);
        assert_eq!(refused, ("SerializationException", message.to_owned()), "{body}");
    }
}

#[test]
fn bodies_that_are_not_json_are_refused() {
    for body in [
        "{",
        "{}x",
        "{\"name\"}",
        "{'name':'a'}",
        "nul",
        "{\"name\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"name\":1e999}",
        "{\"definition\":\"\\ud800\"}",
        "{\"definition\":\"\\x\"}",
        "{\"definition\":\"\n\"}",
        "{\"definition\":\"a",
        "{\"definition\":1e999}",
    ] {
        let (code, message) = refusal::<CreateStateMachineRequest>(body);
        assert_eq!(code, "SerializationException", "{body}");
        assert!(message.starts_with("The request body is not valid JSON: "), "{message}");
    }
    let error = decode::<CreateActivityRequest>(b"{\"name\":\"\xff\"}").unwrap_err();
    assert_eq!(error.code, "SerializationException");
}

#[test]
fn deep_bodies_do_no_harm() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let body = format!("{{\"name\":\"n\",\"unknown\":{deep}}}");
        assert!(decode::<CreateActivityRequest>(body.as_bytes()).is_ok());
        let body = format!("{{\"name\":\"n\",\"tags\":{deep}}}");
        assert_eq!(refusal::<CreateActivityRequest>(&body).0, "SerializationException");
        let body = format!("{{\"name\":\"n\",\"tags\":[{{\"key\":\"k\",\"other\":{deep}}}]}}");
        assert!(decode::<CreateActivityRequest>(body.as_bytes()).is_ok());
    }
}

#[test]
fn violations_are_listed_in_the_order_of_the_model() {
    type Refusal = fn(&str) -> (&'static str, String);
    let long_token = "x".repeat(1025);
    let longer_token = "x".repeat(3097);
    let long_name = "n".repeat(81);
    for (refused, body, message) in [
        (
            refusal::<ListStateMachinesRequest> as Refusal,
            r#"{"maxResults":1001}"#.to_owned(),
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000".to_owned(),
        ),
        (
            refusal::<ListStateMachinesRequest>,
            format!(r#"{{"nextToken":"{long_token}"}}"#),
            format!("1 validation error detected: Value '{long_token}' at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024"),
        ),
        (
            refusal::<ListExecutionsRequest>,
            format!(r#"{{"nextToken":"{longer_token}"}}"#),
            format!("1 validation error detected: Value '{longer_token}' at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 3096"),
        ),
        (
            refusal::<ListExecutionsRequest>,
            r#"{"statusFilter":"succeeded"}"#.to_owned(),
            "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]".to_owned(),
        ),
        (
            refusal::<CreateStateMachineRequest>,
            format!(r#"{{"type":"FAST","name":"{long_name}","definition":""}}"#),
            format!("4 validation errors detected: Value '{long_name}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80; Value at 'definition' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"),
        ),
        (
            refusal::<StartExecutionRequest>,
            "{}".to_owned(),
            "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            refusal::<UpdateStateMachineRequest>,
            r#"{"stateMachineArn":"a","encryptionConfiguration":{},"loggingConfiguration":{"destinations":[{},{"cloudWatchLogsLogGroup":{"logGroupArn":""}}]}}"#.to_owned(),
            "2 validation errors detected: Value '' at 'loggingConfiguration.destinations.2.member.cloudWatchLogsLogGroup.logGroupArn' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'encryptionConfiguration.type' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            refusal::<TagResourceRequest>,
            r#"{"resourceArn":"a","tags":[{"key":""},null]}"#.to_owned(),
            "2 validation errors detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'tags.2.member' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            refusal::<UntagResourceRequest>,
            r#"{"resourceArn":"a","tagKeys":["k",""]}"#.to_owned(),
            "1 validation error detected: Value '' at 'tagKeys.2.member' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned(),
        ),
        (
            refusal::<ValidateStateMachineDefinitionRequest>,
            r#"{"definition":"{}","maxResults":101}"#.to_owned(),
            "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100".to_owned(),
        ),
        (
            refusal::<SendTaskSuccessRequest>,
            format!(r#"{{"taskToken":"t","output":"{}"}}"#, "x".repeat(262_145)),
            "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less than or equal to 262144".to_owned(),
        ),
        (
            refusal::<SendTaskFailureRequest>,
            format!(r#"{{"taskToken":"t","error":"{}","cause":"\u00e9{}"}}"#, "x".repeat(257), "x".repeat(262_144)),
            "2 validation errors detected: Value at 'error' failed to satisfy constraint: Member must have length less than or equal to 256; Value at 'cause' failed to satisfy constraint: Member must have length less than or equal to 32768".to_owned(),
        ),
        (
            refusal::<UntagResourceRequest>,
            format!(r#"{{"resourceArn":"a","tagKeys":[{}""]}}"#, r#""k","#.repeat(1_000)),
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must have length less than or equal to 1000".to_owned(),
        ),
    ] {
        assert_eq!(refused(&body), ("ValidationException", message));
    }
}

#[test]
fn payloads_are_read_with_all_their_escapes_up_to_their_limit() {
    let most = 262_144;
    for (written, payload) in [
        (r"\u00e9\ud83d\uDE00\/".to_owned(), Some(String::from("é😀/"))),
        ("x".repeat(most), Some("x".repeat(most))),
        ("x".repeat(most + 1), None),
        (r"\u0000".repeat(most), Some("\0".repeat(most))),
        (r"\u0000".repeat(most + 1), None),
        (r#"\""#.repeat(most), Some("\"".repeat(most))),
        (r#"\""#.repeat(most + 1), None),
    ] {
        let request = decode::<StartExecutionRequest>(
            format!(r#"{{"stateMachineArn":"a","input":"{written}"}}"#).as_bytes(),
        );
        match payload {
            Some(payload) => assert!(request.unwrap().input.as_deref() == Some(&payload)),
            None => assert_eq!(request.unwrap_err().code, "ValidationException"),
        }
    }
}

#[test]
fn page_sizes_default_to_100() {
    for (max_results, expected) in
        [(None, 100), (Some(0), 100), (Some(1), 1), (Some(1000), 1000), (Some(-5), 1), (Some(i64::MAX), 1000)]
    {
        assert_eq!(page_size(max_results), expected);
    }
}

#[test]
fn logging_is_kept_as_aws_describes_it() {
    let group = r#"{"cloudWatchLogsLogGroup":{"logGroupArn":"g"}}"#;
    for (sent, kept) in [
        (None, Some(r#"{"level":"OFF","includeExecutionData":false}"#.to_owned())),
        (Some("{}".to_owned()), Some(r#"{"level":"OFF","includeExecutionData":false}"#.to_owned())),
        (
            Some(r#"{"destinations":[]}"#.to_owned()),
            Some(r#"{"level":"OFF","includeExecutionData":false,"destinations":[]}"#.to_owned()),
        ),
        (
            Some(format!(r#"{{"level":"OFF","includeExecutionData":true,"destinations":[{group}]}}"#)),
            Some(format!(r#"{{"level":"OFF","includeExecutionData":true,"destinations":[{group}]}}"#)),
        ),
        (Some(r#"{"level":"ALL"}"#.to_owned()), None),
        (Some(r#"{"level":"FATAL","destinations":[]}"#.to_owned()), None),
        (Some(format!(r#"{{"level":"FATAL","destinations":[{group},{group}]}}"#)), None),
    ] {
        let configuration =
            sent.as_ref().map(|text| decode::<LoggingConfiguration>(text.as_bytes()).unwrap());
        let normalized = LoggingConfiguration::normalized(configuration);
        match kept {
            Some(kept) => assert_eq!(String::from_utf8(normalized.unwrap().to_json()).unwrap(), kept),
            None => assert_eq!(normalized, Err(ApiError::log_destination_count()), "{sent:?}"),
        }
    }
}

#[test]
fn encryption_needs_a_key_exactly_when_the_customer_owns_it() {
    for (sent, kept) in [
        (None, Some(r#"{"type":"AWS_OWNED_KEY"}"#)),
        (Some(r#"{"type":"AWS_OWNED_KEY"}"#), Some(r#"{"type":"AWS_OWNED_KEY"}"#)),
        (
            Some(r#"{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"k"}"#),
            Some(r#"{"kmsKeyId":"k","kmsDataKeyReusePeriodSeconds":300,"type":"CUSTOMER_MANAGED_KMS_KEY"}"#),
        ),
        (Some(r#"{"type":"CUSTOMER_MANAGED_KMS_KEY"}"#), None),
        (Some(r#"{"type":"AWS_OWNED_KEY","kmsKeyId":"k"}"#), None),
    ] {
        let configuration = sent.map(|text| decode::<EncryptionConfiguration>(text.as_bytes()).unwrap());
        let normalized = EncryptionConfiguration::normalized(configuration);
        match kept {
            Some(kept) => assert_eq!(String::from_utf8(normalized.unwrap().to_json()).unwrap(), kept),
            None => assert_eq!(normalized.unwrap_err().code, "InvalidEncryptionConfiguration"),
        }
    }
}

/// JSON of any shape whose keys are often members of requests.
fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| number.to_string()),
        "[a-zA-Z0-9:/ ]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    scalar.prop_recursive(4, 32, 6, |inner| {
        let key = prop::sample::select(vec![
            "name",
            "definition",
            "roleArn",
            "type",
            "loggingConfiguration",
            "tags",
            "publish",
            "level",
            "destinations",
            "cloudWatchLogsLogGroup",
            "key",
            "value",
            "encryptionConfiguration",
            "kmsKeyId",
            "other",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_with_400(body in any_json()) {
        if let Err(error) = decode::<CreateStateMachineRequest>(body.as_bytes()) {
            prop_assert_eq!(error.status, 400);
            prop_assert!(["SerializationException", "ValidationException"].contains(&error.code));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_with_400(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = decode::<UpdateStateMachineRequest>(&body) {
            prop_assert_eq!(error.status, 400);
        }
    }
}
