//! An Express execution, and with it the test of a state, ends after five minutes, whatever it is doing, with and without
//! mocked tasks. The clock is a number.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use stepwell_engine::{ExpressRun, StateTest, TestStatus, TestSubject};
use stepwell_interpreter::{
    About, Command, Effect, ErrorOutput, EventKind, Inspection, Program, Status, Timestamp, compile,
    event::MockCase,
};
use stepwell_json::{Payload, Value};

const START: Timestamp = Timestamp(1_700_000_000_000);
/// AWS's quota for Express workflows and for TestState.
const LIMIT: Timestamp = Timestamp(START.0 + 5 * 60 * 1000);

fn program(states: &str) -> Arc<Program> {
    let text = format!(r#"{{"StartAt": "S", "States": {states}}}"#);
    let definition = stepwell_asl::analyse(&text, &stepwell_asl::Options::default()).definition.unwrap();
    Arc::new(compile(definition).unwrap())
}

fn about(mock: Option<MockCase>) -> About {
    About {
        execution_arn: "arn:aws:states:us-east-1:000000000000:express:m:e:1".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        name: "e".into(),
        state_machine_name: "m".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        start_time: START,
        express: true,
        synchronous: true,
        revision: 1,
        trace_header: None,
        mock: mock.map(Box::new),
        version_arn: None,
        alias_arn: None,
        log: None,
    }
}

const WAIT: &str = r#"{"S": {"Type": "Wait", "Seconds": 3600, "End": true}}"#;
const TASK: &str = r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
    "Parameters": {"FunctionName": "f"}, "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1000, "BackoffRate": 1.0,
    "IntervalSeconds": 7}]}}"#;
/// The machine's own limit is longer, so that the five minutes come first.
const FORK: &str = r#"{"S": {"Type": "Parallel", "End": true, "Branches": [
    {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 299, "Next": "B"}, "B": {"Type": "Wait", "Seconds": 2, "End": true}}},
    {"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}]}}"#;

#[test]
fn an_express_execution_is_ended_after_five_minutes() {
    let mocked = || Some(MockCase { name: "Busy".into(), states: vec![0] });
    // States, the case, and whether the mocked task is answered, by an error that is tried again for hours.
    for (states, mock, is_answered) in [
        (WAIT, None, false),
        (FORK, None, false),
        (TASK, None, false),
        (TASK, mocked(), false),
        (TASK, mocked(), true),
    ] {
        let case = format!("{states} {mock:?} {is_answered}");
        let is_mocked = mock.is_some();
        let mut run = ExpressRun::new(program(states), [1; 32], 1.0);
        let mut step = run.start(about(mock), Payload::from_value(Value::empty_object()), START);
        let mut now = START;
        let mut attempts = 0;
        while run.execution().is_running() {
            assert!(now < LIMIT, "{case}: still running");
            for effect in std::mem::take(&mut step.effects) {
                let Effect::InvokeTask { task, mock, .. } = effect else { continue };
                assert_eq!(mock.is_some(), is_mocked, "{case}");
                attempts += 1;
                if is_answered {
                    let error = ErrorOutput::new("Busy", "later");
                    let failed = run.feed(Command::TaskFailed { task, error }, now).unwrap();
                    assert!(failed.effects.is_empty(), "{case}");
                }
            }
            now = run.next_deadline().unwrap();
            // Nothing is early.
            assert!(run.fire_due(Timestamp(now.0 - 1)).is_none(), "{case}");
            step = run.fire_due(now).unwrap_or_default();
        }
        assert_eq!((run.execution().status, now), (Status::TimedOut, LIMIT), "{case}");
        let last = step.events.last().map(|event| (event.time, &event.kind));
        assert!(matches!(last, Some((LIMIT, EventKind::ExecutionTimedOut { .. }))), "{case}: {last:?}");
        // At 0, 7, …, 294 seconds.
        assert_eq!(attempts, if is_answered { 43 } else { u32::from(states == TASK) }, "{case}");
    }
}

#[test]
fn the_test_of_a_state_ends_after_five_minutes() {
    for states in [WAIT, TASK] {
        let about = about(None);
        let subject = TestSubject {
            program: program(states),
            state: 0,
            about: &about,
            input: Payload::from_value(Value::empty_object()),
            variables: None,
            seed: [1; 32],
            wait_scale: 1.0,
        };
        let (mut test, _) = StateTest::begin(subject, Inspection::new(Value::empty_object()));
        assert!(test.end().is_none(), "{states}");
        assert_eq!(test.next_deadline(), Some(LIMIT), "{states}");
        test.fire_due(Timestamp(LIMIT.0 - 1));
        assert!(test.end().is_none(), "{states}");
        test.fire_due(LIMIT);
        let end = test.end().unwrap();
        assert_eq!(end.status, TestStatus::Failed, "{states}");
        assert_eq!(end.error.and_then(|error| error.error).as_deref(), Some("States.Timeout"), "{states}");
    }
}
