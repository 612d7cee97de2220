//! Activity tasks and the workers that wait for them, at one shard.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use stepwell_engine::{
    Config, Input, Limits, Poller, Released, Reply, ReplyTo, Shard, StartRequest, TokenKey,
};
use stepwell_interpreter::{About, Command, ErrorOutput, Timestamp, compile};
use stepwell_json::{Payload, Value};
use stepwell_store::{ExecutionKey, HashRange};

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A shard that has the activity's queue, or has not.
fn shard(has_the_queue: bool) -> Shard<&'static str> {
    shard_with(has_the_queue, Limits::default())
}

fn shard_with(has_the_queue: bool, limits: Limits) -> Shard<&'static str> {
    // The half of all hashes in which the ARN is, or the other one.
    let is_low = stepwell_store::arn_hash(ACTIVITY) < 0x8000;
    let mut shard = Shard::new(Config {
        number: 0,
        owned: HashRange::of_shard(u16::from(is_low != has_the_queue), 2),
        limits,
        store_seed: [1; 32],
        token_key: TokenKey::new([2; 32]),
        wait_scale: 1.0,
        budget: Default::default(),
        observers: Default::default(),
    });
    shard.enqueue(Input::ActivityCreated { activity: ACTIVITY.into() }).unwrap();
    shard
}

fn poll() -> Input<&'static str> {
    let poller = Poller { id: 1, worker: None, reply: "worker" };
    Input::ActivityPoll { activity: ACTIVITY.into(), poller, first: false }
}

/// Starts an execution of one activity task.
fn start() -> Input<&'static str> {
    start_named("e", Value::Null)
}

fn start_named(name: &str, input: Value) -> Input<&'static str> {
    let text = format!(
        r#"{{"StartAt": "T", "States": {{"T": {{"Type": "Task", "Resource": "{ACTIVITY}", "End": true}}}}}}"#
    );
    let definition = stepwell_asl::analyse(&text, &stepwell_asl::Options::default()).definition.unwrap();
    let about = About {
        execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}").into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        name: name.into(),
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
        input: Payload::from_value(input),
        program: Arc::new(compile(definition).unwrap()),
        name_free_at: None,
    };
    Input::Start { request: Box::new(request), reply: "caller" }
}

/// What leaves with a batch: who is answered, what goes on to other shards.
fn names(released: &[Released<&'static str>]) -> Vec<String> {
    let name = |item: &Released<&'static str>| match item {
        Released::Reply { to, reply: Reply::Task { .. } } => format!("{to} has a task"),
        Released::Reply { to, .. } => format!("{to} is answered"),
        Released::Forward(Input::ActivityOffer(_)) => "an offer goes to another shard".to_owned(),
        _ => "something else".to_owned(),
    };
    released.iter().map(name).collect()
}

#[test]
fn a_worker_that_waits_gets_its_task_with_the_batch_that_schedules_it() {
    let mut shard = shard(true);
    shard.enqueue(poll()).unwrap();
    let turn = shard.turn(NOW);
    assert!(turn.batch.is_none() && turn.released.is_empty());
    shard.enqueue(start()).unwrap();
    let turn = shard.turn(NOW);
    assert!(turn.released.is_empty(), "nothing leaves before the batch is durable");
    let (batch, held) = turn.batch.unwrap();
    assert_eq!(batch.chunks.len(), 1);
    assert_eq!(names(&held), ["caller is answered", "worker has a task"]);
}

#[test]
fn a_task_that_no_worker_waits_for_is_given_to_the_next_one_that_polls() {
    let mut shard = shard(true);
    shard.enqueue(start()).unwrap();
    let (first, held) = shard.turn(NOW).batch.unwrap();
    assert_eq!(names(&held), ["caller is answered"]);
    shard.enqueue(Input::Committed { sequence: first.sequence }).unwrap();
    shard.enqueue(poll()).unwrap();
    let (_, held) = shard.turn(NOW).batch.unwrap();
    assert_eq!(names(&held), ["worker has a task"]);
}

#[test]
fn a_task_whose_queue_is_elsewhere_is_offered_there_when_it_is_durable() {
    let mut shard = shard(false);
    shard.enqueue(start()).unwrap();
    let turn = shard.turn(NOW);
    assert!(turn.released.is_empty());
    let (_, held) = turn.batch.unwrap();
    assert_eq!(names(&held), ["an offer goes to another shard", "caller is answered"]);
}

/// Starts an execution whose task a worker takes at once, so that it is parked when this returns.
fn park(shard: &mut Shard<&'static str>, name: &str, input: Value) -> ExecutionKey {
    shard.enqueue(poll()).unwrap();
    shard.enqueue(start_named(name, input)).unwrap();
    commit(shard)
}

/// Takes a turn and commits its batch. Gives the execution that the batch is about.
fn commit(shard: &mut Shard<&'static str>) -> ExecutionKey {
    let turn = shard.turn(NOW);
    assert!(turn.loads.is_empty(), "it is in memory");
    let (batch, _) = turn.batch.unwrap();
    shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
    assert!(shard.turn(NOW).batch.is_none());
    batch.chunks.first().unwrap().key
}

/// Stops an execution. Gives whether it has to be read from the store for that.
fn is_read_to_be_stopped(shard: &mut Shard<&'static str>, key: ExecutionKey) -> bool {
    let command = Command::Stop { error: ErrorOutput::default() };
    shard.enqueue(Input::Command { key, command, reply: ReplyTo::Nobody }).unwrap();
    let turn = shard.turn(NOW);
    assert_ne!(turn.loads.is_empty(), turn.batch.is_none());
    if let Some((batch, _)) = turn.batch {
        shard.enqueue(Input::Committed { sequence: batch.sequence }).unwrap();
        shard.turn(NOW);
    }
    !turn.loads.is_empty()
}

#[test]
fn a_parked_execution_stays_in_memory_until_enough_others_have_parked() {
    let mut shard = shard_with(true, Limits { lingering_max: 2, ..Limits::default() });
    let keys = ["a", "b", "c"].map(|name| park(&mut shard, name, Value::Null));
    assert_eq!((shard.resident_len(), shard.lingering_len()), (2, 2));
    assert_eq!(keys.map(|key| is_read_to_be_stopped(&mut shard, key)), [true, false, false]);
    assert_eq!(shard.lingering_len(), 0, "those that have ended leave at once");
}

#[test]
fn only_light_executions_stay_in_memory_and_none_where_none_may() {
    let heavy = Value::from("x".repeat(9_000).as_str());
    for (lingering_max, input) in [(2, heavy), (0, Value::Null)] {
        let mut shard = shard_with(true, Limits { lingering_max, ..Limits::default() });
        let key = park(&mut shard, "a", input);
        assert_eq!((shard.resident_len(), shard.lingering_len()), (0, 0));
        assert!(is_read_to_be_stopped(&mut shard, key));
    }
}
