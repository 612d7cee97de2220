//! Executions whose expressions are too heavy for their shard: they are away for a step, and commands wait.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use stepwell_engine::{
    Config, Found, HeavyStep, Input, Limits, LoadedExecution, Released, Reply, ReplyTo, Shard, StartRequest,
    TokenKey, Turn, fold,
};
use stepwell_interpreter::{
    About, Budget, Command, ErrorOutput, EventKind, Program, Rejection, Status, Timestamp, compile,
    event::codec::decode_chunk,
};
use stepwell_json::{Payload, Value};
use stepwell_store::{Batch, ExecutionKey, HashRange};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

type TestShard = Shard<&'static str>;

fn shard(limits: Limits) -> TestShard {
    Shard::new(Config {
        number: 0,
        owned: HashRange::ALL,
        limits,
        store_seed: [1; 32],
        token_key: TokenKey::new([2; 32]),
        wait_scale: 1.0,
        budget: Budget { expression_steps_max: 500, ..Budget::SHARED },
        observers: Default::default(),
    })
}

fn program(definition: &str) -> Arc<Program> {
    let analysis = stepwell_asl::analyse(definition, &stepwell_asl::Options::default());
    Arc::new(compile(analysis.definition.unwrap()).unwrap())
}

/// A state that is heavy, then one that is not.
fn heavy() -> Arc<Program> {
    program(
        r#"{"QueryLanguage": "JSONata", "TimeoutSeconds": 60, "StartAt": "Heavy", "States": {
            "Heavy": {"Type": "Pass", "Output": "{% $sum([1..10000]) %}", "Next": "Light"},
            "Light": {"Type": "Pass", "Output": "{% $states.input + 1 %}", "End": true}}}"#,
    )
}

/// One heavy state after the other.
fn endless() -> Arc<Program> {
    program(
        r#"{"QueryLanguage": "JSONata", "TimeoutSeconds": 60, "StartAt": "Heavy", "States": {
            "Heavy": {"Type": "Choice", "Choices": [{"Condition": "{% $sum([1..10000]) = 0 %}", "Next": "End"}],
                "Default": "Heavy"},
            "End": {"Type": "Succeed"}}}"#,
    )
}

fn start(program: &Arc<Program>) -> Input<&'static str> {
    let about = About {
        execution_arn: ARN.into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        name: "e".into(),
        state_machine_name: "m".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        start_time: NOW,
        express: false,
        synchronous: false,
        revision: 1,
        trace_header: None,
        mock: None,
        version_arn: None,
        alias_arn: None,
        log: None,
    };
    let request = StartRequest {
        about: Box::new(about),
        input: Payload::from_value(Value::Null),
        program: program.clone(),
        name_free_at: None,
    };
    Input::Start { request: Box::new(request), reply: "starter" }
}

fn stop(key: ExecutionKey, who: &'static str) -> Input<&'static str> {
    let command = Command::Stop { error: ErrorOutput::default() };
    Input::Command { key, command, reply: ReplyTo::Caller(who) }
}

/// Starts an execution whose first step is heavy. Gives the step and the batch.
fn started(shard: &mut TestShard, program: &Arc<Program>) -> (HeavyStep, Batch) {
    shard.enqueue(start(program)).unwrap();
    let mut turn = shard.turn(NOW);
    let (batch, held) = turn.batch.take().unwrap();
    assert!(matches!(held[..], [Released::Reply { to: "starter", reply: Reply::Started { .. } }]));
    shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
    (turn.heavy.pop().unwrap(), batch)
}

fn answers(turn: &Turn<&'static str>) -> Vec<(&'static str, Reply)> {
    let held = turn.batch.iter().flat_map(|(_, held)| held);
    let answer = |item: &Released<&'static str>| match item {
        Released::Reply { to, reply } => Some((*to, reply.clone())),
        _ => None,
    };
    turn.released.iter().chain(held).filter_map(answer).collect()
}

fn names(batch: &Batch) -> Vec<&'static str> {
    let events = batch.chunks.iter().flat_map(|chunk| decode_chunk(&chunk.bytes).unwrap());
    let name = |kind: &EventKind| match kind {
        EventKind::ExecutionStarted { .. } => "started",
        EventKind::StateEntered { .. } => "entered",
        EventKind::StateExited { .. } => "exited",
        EventKind::ExecutionSucceeded { .. } => "succeeded",
        EventKind::ExecutionAborted { .. } => "aborted",
        EventKind::ExecutionTimedOut { .. } => "timed out",
        _ => "something else",
    };
    events.map(|event| name(&event.kind)).collect()
}

#[test]
fn what_comes_before_a_heavy_state_is_stored_and_the_rest_when_the_step_was_taken() {
    let mut shard = shard(Limits::default());
    let (step, batch) = started(&mut shard, &heavy());
    assert_eq!(names(&batch), ["started", "entered"]);
    assert_eq!(step.execution().status, Status::Running);
    let key = step.key();
    assert!(shard.execution(key).is_none(), "it is away");
    assert_eq!(shard.resident_len(), 1);

    let taken = step.take(NOW + 900);
    shard.enqueue(Input::HeavyStepTaken(Box::new(taken))).unwrap();
    let turn = shard.turn(NOW + 950);
    let (batch, _) = turn.batch.as_ref().unwrap();
    assert_eq!(names(batch), ["exited", "entered", "exited", "succeeded"]);
    let execution = shard.execution(key).unwrap();
    assert_eq!(execution.output.as_ref().unwrap().payload.text().as_ref(), "50005001");
    assert_eq!(execution.last_time, NOW + 900);
    assert!(turn.heavy.is_empty());
    shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
    shard.turn(NOW + 960);
    assert_eq!(shard.resident_len(), 0);
}

#[test]
fn commands_and_timers_wait_while_an_execution_is_away() {
    let mut shard = shard(Limits::default());
    let (step, _) = started(&mut shard, &heavy());
    let key = step.key();
    for who in ["first", "second"] {
        shard.enqueue(stop(key, who)).unwrap();
    }
    // Beyond the deadline of the execution, too.
    let turn = shard.turn(NOW + 61_000);
    assert!(turn.batch.is_none() && answers(&turn).is_empty());
    assert_eq!(shard.next_deadline(), None);

    // What the step decides comes first: by then the execution has ended.
    shard.enqueue(Input::HeavyStepTaken(Box::new(step.take(NOW)))).unwrap();
    let turn = shard.turn(NOW + 61_000);
    assert_eq!(names(&turn.batch.as_ref().unwrap().0), ["exited", "entered", "exited", "succeeded"]);
    let refused = |(who, reply): (&'static str, Reply)| match reply {
        Reply::Rejected(Rejection::NotRunning) => who,
        other => panic!("{other:?}"),
    };
    assert_eq!(answers(&turn).into_iter().map(refused).collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn a_stop_that_waited_ends_an_execution_that_goes_on_after_the_step() {
    let mut shard = shard(Limits::default());
    let (mut step, _) = started(&mut shard, &endless());
    let key = step.key();
    // Round and round: it goes on away, without a try in between.
    for round in 1..4 {
        shard.enqueue(Input::HeavyStepTaken(Box::new(step.take(NOW + round)))).unwrap();
        let mut turn = shard.turn(NOW + round);
        let (batch, _) = turn.batch.unwrap();
        assert!(names(&batch).len() > 1);
        shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
        step = turn.heavy.pop().unwrap();
    }
    shard.enqueue(stop(key, "caller")).unwrap();
    assert!(answers(&shard.turn(NOW + 4)).is_empty());
    shard.enqueue(Input::HeavyStepTaken(Box::new(step.take(NOW + 5)))).unwrap();
    let turn = shard.turn(NOW + 5);
    assert_eq!(names(&turn.batch.as_ref().unwrap().0).last(), Some(&"aborted"));
    assert!(matches!(answers(&turn)[..], [("caller", Reply::Done { .. })]));
    assert!(turn.heavy.is_empty());
}

#[test]
fn an_execution_that_is_hardly_ever_here_times_out_all_the_same() {
    let mut shard = shard(Limits::default());
    let (step, _) = started(&mut shard, &endless());
    shard.enqueue(Input::HeavyStepTaken(Box::new(step.take(NOW + 59_990)))).unwrap();
    let mut turn = shard.turn(NOW + 59_999);
    let step = turn.heavy.pop().unwrap();
    shard.enqueue(Input::Committed { sequence: turn.batch.unwrap().0.sequence }).unwrap();
    shard.enqueue(Input::HeavyStepTaken(Box::new(step.take(NOW + 60_000)))).unwrap();
    let turn = shard.turn(NOW + 60_001);
    assert_eq!(names(&turn.batch.unwrap().0).last(), Some(&"timed out"));
    assert!(turn.heavy.is_empty());
}

#[test]
fn a_wait_that_leads_to_a_heavy_expression_ends_when_the_step_was_taken() {
    let mut shard = shard(Limits::default());
    let program = program(
        r#"{"QueryLanguage": "JSONata", "StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 5, "Output": "{% $sum([1..10000]) %}", "End": true}}}"#,
    );
    shard.enqueue(start(&program)).unwrap();
    let (batch, _) = shard.turn(NOW).batch.unwrap();
    shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
    assert_eq!(shard.next_deadline(), None, "a commit comes first");
    shard.turn(NOW);
    assert_eq!(shard.next_deadline(), Some(NOW + 5_000));

    let mut turn = shard.turn(NOW + 5_000);
    assert!(turn.batch.is_none(), "nothing has come of the timer yet");
    assert_eq!(shard.next_deadline(), None, "it does not fire a second time");
    let taken = turn.heavy.pop().unwrap().take(NOW + 5_100);
    shard.enqueue(Input::HeavyStepTaken(Box::new(taken))).unwrap();
    let (batch, _) = shard.turn(NOW + 5_200).batch.unwrap();
    assert_eq!(names(&batch), ["exited", "succeeded"]);
}

#[test]
fn a_heavy_step_that_a_crash_takes_away_is_taken_after_the_restart() {
    let program = heavy();
    let (step, batch) = started(&mut shard(Limits::default()), &program);
    let key = step.key();
    drop(step);

    let mut shard = shard(Limits::default());
    shard.enqueue(Input::Due { keys: vec![key] }).unwrap();
    assert_eq!(shard.turn(NOW).loads.len(), 1);
    let (execution, program) = fold(|_| Ok(program.clone()), &batch.chunks).unwrap();
    let row = batch.rows[0].after.clone();
    let loaded = LoadedExecution { execution, program, row, wake_at_ms: Some(0) };
    shard.enqueue(Input::Loaded { key, found: Found::Execution(Box::new(loaded)) }).unwrap();
    let mut turn = shard.turn(NOW + 1_000);
    while turn.heavy.is_empty() {
        assert!(turn.batch.is_none());
        turn = shard.turn(NOW + 1_000);
    }
    let taken = turn.heavy.pop().unwrap().take(NOW + 2_000);
    shard.enqueue(Input::HeavyStepTaken(Box::new(taken))).unwrap();
    let (batch, _) = shard.turn(NOW + 2_000).batch.unwrap();
    assert_eq!(names(&batch), ["exited", "entered", "exited", "succeeded"]);
}

#[test]
fn no_more_callers_wait_for_an_execution_that_is_away_than_for_one_that_is_read() {
    let mut shard = shard(Limits { load_waiters_max: 1, ..Limits::default() });
    let (step, _) = started(&mut shard, &heavy());
    for who in ["first", "second"] {
        shard.enqueue(stop(step.key(), who)).unwrap();
    }
    let turn = shard.turn(NOW);
    assert!(matches!(answers(&turn)[..], [("second", Reply::Throttled)]));
}

#[test]
fn an_execution_that_nobody_sent_away_is_not_replaced() {
    let program = heavy();
    let (step, _) = started(&mut shard(Limits::default()), &program);
    let mut other = shard(Limits::default());
    let (own, _) = started(&mut other, &program);
    shard_takes_once(&mut other, own.take(NOW), true);
    shard_takes_once(&mut other, step.take(NOW), false);
}

fn shard_takes_once(shard: &mut TestShard, taken: stepwell_engine::TakenHeavyStep, is_taken: bool) {
    shard.enqueue(Input::HeavyStepTaken(Box::new(taken))).unwrap();
    let turn = shard.turn(NOW);
    assert_eq!(turn.batch.is_some(), is_taken);
}
