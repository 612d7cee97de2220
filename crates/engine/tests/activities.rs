//! Activity tasks and the workers that wait for them, at one shard.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use stepwell_engine::{Config, Input, Limits, Poller, Released, Reply, Shard, StartRequest, TokenKey};
use stepwell_interpreter::{About, Timestamp, compile};
use stepwell_json::{Payload, Value};
use stepwell_store::HashRange;

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A shard that has the activity's queue, or has not.
fn shard(has_the_queue: bool) -> Shard<&'static str> {
    // The half of all hashes in which the ARN is, or the other one.
    let is_low = stepwell_store::arn_hash(ACTIVITY) < 0x8000;
    let mut shard = Shard::new(Config {
        number: 0,
        owned: HashRange::of_shard(u16::from(is_low != has_the_queue), 2),
        limits: Limits::default(),
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
    let text = format!(
        r#"{{"StartAt": "T", "States": {{"T": {{"Type": "Task", "Resource": "{ACTIVITY}", "End": true}}}}}}"#
    );
    let definition = stepwell_asl::analyse(&text, &stepwell_asl::Options::default()).definition.unwrap();
    let about = About {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
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
