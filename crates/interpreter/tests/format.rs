//! The bytes of events are for ever: every kind of event, encoded, stands in a golden file. To change the file is
//! right only for a kind or field that no release has written yet.

use std::sync::Arc;

use stepwell_interpreter::{
    About, ErrorOutput, Event, EventKind, MockCase, Stored, Timestamp,
    event::{
        Assigned, DefinitionEdit, InputEdit, MovedState,
        codec::{Payloads, decode_chunk, encode_record},
    },
    payload::PayloadRef,
};
use stepwell_json::Payload;

fn new(text: &str) -> Stored {
    Stored::new(Payload::from_text(text).expect("the text is JSON"))
}

/// The payload of `text`, which stands elsewhere.
fn known(text: &str, event: u32, slot: u16, item: Option<u32>) -> Stored {
    Stored { origin: Some(PayloadRef { event, slot, item }), ..new(text) }
}

/// One event of every kind; payloads in all three forms. The order means nothing.
fn kinds() -> Vec<EventKind> {
    let about = About {
        execution_arn: "arn:execution".into(),
        name: "name".into(),
        state_machine_arn: "arn:machine".into(),
        state_machine_name: "machine".into(),
        role_arn: "arn:role".into(),
        region: "us-east-1".into(),
        start_time: Timestamp(1_700_000_000_123),
        express: true,
        synchronous: true,
        revision: 7,
        trace_header: Some("Root=1".into()),
        version_arn: None,
        alias_arn: None,
        log: None,
        mock: None,
    };
    let error = ErrorOutput::new("Name", "cause");
    let unnamed = ErrorOutput::default();
    let missed = ErrorOutput::timed_out(true);
    let whole = || known(r#"{ "a": [1, 2.50] }"#, 0, 0, None);
    vec![
        EventKind::ExecutionStarted { input: new(r#"{ "a": [1, 2.50] }"#), about: about.into() },
        EventKind::StateEntered { frame: 1, state: 2, input: whole(), previous: 3 },
        EventKind::StateExited {
            frame: 1,
            state: 2,
            output: new("[10,20]"),
            next: Some(4),
            assigned: vec![Assigned { name: "x".into(), value: new("true") }],
            previous: 5,
        },
        EventKind::StateExited {
            frame: 1,
            state: 2,
            output: known("20", 2, 0, Some(1)),
            next: None,
            assigned: Vec::new(),
            previous: 5,
        },
        EventKind::WaitStarted { frame: 1, until: Timestamp(-5) },
        EventKind::TaskScheduled {
            frame: 1,
            state: 2,
            parameters: new("null"),
            timeout_seconds: Some(60),
            heartbeat_seconds: Some(5),
            credentials_role: Some("arn:other".into()),
            previous: 6,
        },
        EventKind::TaskScheduled {
            frame: 1,
            state: 2,
            parameters: known("true", 2, 1, None),
            timeout_seconds: None,
            heartbeat_seconds: None,
            credentials_role: None,
            previous: 6,
        },
        EventKind::TaskStarted { frame: 1, state: 2, worker: Some("worker".into()), previous: 7 },
        EventKind::TaskSubmitted { frame: 1, state: 2, output: whole(), previous: 8 },
        EventKind::TaskSucceeded { frame: 1, state: 2, output: new("\"done\""), previous: 9 },
        EventKind::TaskFailed { frame: 1, state: 2, error: unnamed, previous: 10, submitted: None },
        EventKind::TaskTimedOut { frame: 1, state: 2, error: missed, previous: 11 },
        EventKind::RetryScheduled { frame: 1, retrier: 2, until: Timestamp(1_700_000_001_000) },
        EventKind::ParallelStarted { frame: 1, state: 2, input: whole(), previous: 12 },
        EventKind::ForkSucceeded { frame: 1, state: 2, previous: 13 },
        EventKind::ForkFailed { frame: 1, state: 2, previous: 14 },
        EventKind::MapStarted {
            frame: 1,
            state: 2,
            items: known("[10,20]", 2, 0, None),
            input: whole(),
            length: 2,
            limit: 40,
            previous: 15,
        },
        EventKind::IterationStarted { owner: 1, state: 2, index: 3, input: whole(), previous: 16 },
        EventKind::IterationSucceeded { frame: 4, state: 2, index: 3, previous: 17 },
        EventKind::IterationFailed { frame: 4, state: 2, index: 3, error: error.clone(), previous: 18 },
        EventKind::IterationAborted { frame: 4, state: 2, index: 3, previous: 19 },
        EventKind::BranchSucceeded { frame: 4 },
        EventKind::BranchFailed { frame: 4, error: error.clone() },
        EventKind::BranchAborted { frame: 4 },
        EventKind::StateAborted { frame: 4, state: 2, previous: 20 },
        EventKind::ForkStopped { frame: 1 },
        EventKind::ForkBroken { frame: 1, error: error.clone() },
        EventKind::ExecutionSucceeded { output: whole(), previous: 21 },
        EventKind::ExecutionFailed { error: error.clone(), previous: 22 },
        EventKind::ExecutionAborted { error: error.clone() },
        EventKind::ExecutionTimedOut { error: error.clone() },
        EventKind::Settled { attempt: 5 },
        EventKind::EvaluationFailed {
            frame: 1,
            state: 2,
            error: error.clone(),
            location: Some("Output/x".into()),
            previous: 23,
        },
        EventKind::EvaluationFailed { frame: 1, state: 2, error, location: None, previous: 23 },
        EventKind::ExecutionRedriven {
            count: 1,
            client_token: Some("token".into()),
            input: Some(Box::new(InputEdit { place: vec![0, 3], state: 5, input: new("{\"b\":1}") })),
            definition: Some(Box::new(DefinitionEdit {
                revision: 9,
                moved: vec![MovedState { from: 4, to: 5 }],
                retyped: None,
            })),
            previous: 24,
        },
        EventKind::ExecutionRedriven {
            count: 2,
            client_token: None,
            input: None,
            definition: None,
            previous: 25,
        },
        EventKind::ExecutionRedriven {
            count: 3,
            client_token: None,
            input: None,
            definition: Some(Box::new(DefinitionEdit {
                revision: 10,
                moved: Vec::new(),
                retyped: Some(vec![5]),
            })),
            previous: 26,
        },
    ]
}

fn events() -> Vec<Event> {
    let mut id = 0;
    (0..)
        .zip(kinds())
        .map(|(ordinal, kind)| {
            let is_visible = kind.is_visible();
            id += u32::from(is_visible);
            let history_id = if is_visible { id } else { 0 };
            Event { ordinal, history_id, time: Timestamp(1_700_000_000_456), kind }
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let lines =
        bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    lines.map(|line| line + "\n").collect()
}

#[test]
fn every_kind_of_event_has_the_bytes_that_it_always_had() {
    let mut bytes = Vec::new();
    encode_record(&events(), 9, &mut bytes);
    let golden = include_str!("golden/events-1.hex");
    let now = hex(&bytes);
    assert!(now == golden, "events of earlier releases could not be read; the bytes are now\n{now}");
}

#[test]
fn stored_events_are_read_back_as_they_were() {
    let mut bytes = Vec::new();
    let events = events();
    // Two records in one chunk.
    let (first, second) = events.split_at(events.len() / 2);
    encode_record(first, 1, &mut bytes);
    encode_record(second, 2, &mut bytes);
    let mut payloads = Payloads::default();
    let mut decoded = decode_chunk(&bytes).expect("the chunk can be read");
    for event in &mut decoded {
        payloads.resolve(event).expect("every reference leads somewhere");
    }
    assert_eq!(decoded, events);
}

#[test]
fn a_chunk_that_is_cut_or_changed_gives_an_error_or_other_events_but_no_panic() {
    let mut bytes = Vec::new();
    let events = events();
    encode_record(&events, 1, &mut bytes);
    for length in 1..bytes.len() {
        assert!(decode_chunk(&bytes[..length]).is_err(), "cut at {length}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let _ = decode_chunk(&changed);
        }
    }
}

#[test]
fn a_failed_submission_with_the_answer_that_names_its_job_is_read_back() {
    let submitted = Some(Box::new(new("[7]")));
    let failed =
        EventKind::TaskFailed { frame: 1, state: 2, error: ErrorOutput::default(), previous: 3, submitted };
    let events = [Event { ordinal: 0, history_id: 1, time: Timestamp(5), kind: failed }];
    let mut bytes = Vec::new();
    encode_record(&events, 0, &mut bytes);
    assert_eq!(decode_chunk(&bytes).expect("the chunk can be read"), events);
    // The number of the field is for ever.
    assert!(hex(&bytes).replace('\n', "").ends_with("03635b375d"), "{}", hex(&bytes));
}

#[test]
fn a_start_with_a_test_case_is_read_back() {
    let mut events = events();
    events.truncate(1);
    let EventKind::ExecutionStarted { about, .. } = &mut events[0].kind else { panic!("it starts") };
    Arc::make_mut(about).mock = Some(Box::new(MockCase { name: "case".into(), states: vec![2, 5] }));
    let mut bytes = Vec::new();
    encode_record(&events, 0, &mut bytes);
    assert_eq!(decode_chunk(&bytes).expect("the chunk can be read"), events);
    // The number of the field and its parts are for ever.
    assert!(hex(&bytes).replace('\n', "").ends_with("826463617365820205"), "{}", hex(&bytes));
}
