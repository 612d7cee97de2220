//! The checks of the conformance suite.

#![allow(clippy::unwrap_used, reason = "a check fails by panicking")]

use super::{Model, Workload};
use crate::{
    Batch, CatalogueChange, DeletedExecution, DueExecution, EventChunk, ExecutionKey, ExecutionRow,
    HashRange, RowChange, RunningChange, RunningState, Status, Store,
};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";

type Check = fn(&dyn Store);

/// Every check by name.
#[doc(hidden)]
pub const CHECKS: &[(&str, Check)] = &[
    ("a_started_execution_is_found_listed_and_running", started),
    ("a_closed_execution_moves_in_the_lists_and_leaves_the_running_index", closed),
    ("chunks_are_read_in_both_directions_from_the_one_that_contains_an_event", chunks),
    ("lists_run_from_new_to_old_in_pages_and_merge_all_statuses", lists),
    ("parked_executions_come_due_in_order_of_their_time", due),
    ("the_running_index_is_read_by_hash_range", hash_ranges),
    ("the_catalogue_is_read_by_key_and_by_prefix", catalogue),
    ("a_deleted_execution_leaves_nothing_and_frees_its_name", deleted),
    ("a_name_given_again_survives_the_deletion_of_its_first_holder", name_given_again),
    ("closed_executions_expire_by_their_stop_time", expired),
    ("batches_are_answered_once_in_order_and_are_readable_then", answers),
    ("batches_of_several_threads_are_answered_once_in_order_whoever_commits_them", several),
    ("changes_of_one_key_in_batches_together_end_with_the_last", together),
    ("commits_after_closing_fail", closing),
    ("readers_see_whole_batches_while_others_commit", readers),
    ("random_batches_agree_with_a_naive_model", model),
];

/// Runs one check on an empty store.
///
/// # Panics
/// If the store does not behave, or there is no check of that name.
pub fn run_check(name: &str, store: &impl std::ops::Deref<Target: Store + Sized>) {
    let (_, check) = CHECKS.iter().find(|(check, _)| *check == name).expect("there is no such check");
    check(&**store);
}

fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:orders:{name}")
}

fn commit(store: &dyn Store, batch: Batch) {
    store.commit_and_wait(batch).expect("the batch is committed");
}

fn start(name: &str, start_ms: i64) -> (ExecutionKey, Arc<ExecutionRow>, Batch) {
    let row = Arc::new(ExecutionRow::started(&arn(name), MACHINE, name, start_ms, 7));
    let key = ExecutionKey::new(start_ms as u64, &row.arn);
    let batch = Batch {
        chunks: vec![EventChunk { key, first_event: 1, bytes: Bytes::from_static(b"started") }],
        rows: vec![RowChange { key, before: None, after: Arc::clone(&row) }],
        running: vec![RunningChange { key, before: None, change: RunningState::Active }],
        ..Batch::default()
    };
    (key, row, batch)
}

fn close(key: ExecutionKey, row: &ExecutionRow, status: Status, stop_ms: i64) -> (Arc<ExecutionRow>, Batch) {
    let mut after = row.clone();
    after.status = status;
    after.stop_ms = Some(stop_ms);
    let after = Arc::new(after);
    let batch = Batch {
        rows: vec![RowChange { key, before: Some(row.listed()), after: Arc::clone(&after) }],
        running: vec![RunningChange { key, before: Some(0), change: RunningState::Settled }],
        ..Batch::default()
    };
    (after, batch)
}

fn names(store: &dyn Store, status: Option<Status>) -> Vec<String> {
    let listed = store.list_executions(MACHINE, status, None, 100).expect("the list is read");
    listed.into_iter().map(|entry| entry.row.name.clone()).collect()
}

fn started(store: &dyn Store) {
    let (key, row, batch) = start("one", 1_000);
    assert_eq!(store.find(&row.arn).unwrap(), None);
    assert_eq!(store.row(key).unwrap(), None);
    commit(store, batch);
    assert_eq!(store.find(&row.arn).unwrap(), Some(key));
    assert_eq!(store.row(key).unwrap(), Some(row));
    assert_eq!(names(store, Some(Status::Running)), ["one"]);
    assert_eq!(names(store, None), ["one"]);
    assert_eq!(names(store, Some(Status::Failed)), [""; 0]);
    assert_eq!(store.list_executions("arn:another", None, None, 10).unwrap(), []);
    assert_eq!(store.running(HashRange::ALL, None, 10).unwrap(), [key]);
    assert_eq!(store.count_open(), 1);
    assert!(store.status().applied > 0);
    assert_eq!(store.admission(), Ok(()));
}

fn closed(store: &dyn Store) {
    let (key, row, batch) = start("one", 1_000);
    commit(store, batch);
    let (after, batch) = close(key, &row, Status::TimedOut, 5_000);
    commit(store, batch);
    assert_eq!(store.row(key).unwrap(), Some(after));
    assert_eq!(names(store, Some(Status::Running)), [""; 0]);
    assert_eq!(names(store, Some(Status::TimedOut)), ["one"]);
    assert_eq!(names(store, None), ["one"]);
    assert_eq!(store.running(HashRange::ALL, None, 10).unwrap(), []);
    assert_eq!(store.count_open(), 0);
    assert_eq!(store.find(&row.arn).unwrap(), Some(key));
}

fn chunks(store: &dyn Store) {
    let (key, _, mut batch) = start("one", 1_000);
    let (neighbour, _, other) = start("two", 1_000);
    batch.chunks.clear();
    let firsts = [1u32, 4, 300, 70_000];
    for first_event in firsts {
        batch.chunks.push(EventChunk { key, first_event, bytes: Bytes::from(vec![7; 100]) });
    }
    commit(store, batch);
    commit(store, other);
    let forward = |from: u32, limit: usize| -> Vec<u32> {
        let chunks = store.chunks(key, from, limit).unwrap();
        assert!(chunks.iter().all(|chunk| chunk.key == key && chunk.bytes.len() == 100));
        chunks.iter().map(|chunk| chunk.first_event).collect()
    };
    let reverse = |from: u32, limit: usize| -> Vec<u32> {
        store.chunks_reverse(key, from, limit).unwrap().iter().map(|chunk| chunk.first_event).collect()
    };
    for from in [0, 1, 2, 3] {
        assert_eq!(forward(from, usize::MAX), firsts, "from {from}");
    }
    assert_eq!(forward(4, usize::MAX), [4, 300, 70_000]);
    assert_eq!(forward(299, usize::MAX), [4, 300, 70_000]);
    assert_eq!(forward(u32::MAX, usize::MAX), [70_000]);
    assert_eq!(forward(2, 0), [1]);
    assert_eq!(forward(2, 100), [1]);
    assert_eq!(forward(2, 101), [1, 4]);
    assert_eq!(reverse(u32::MAX, usize::MAX), [70_000, 300, 4, 1]);
    assert_eq!(reverse(300, usize::MAX), [300, 4, 1]);
    assert_eq!(reverse(299, 100), [4]);
    assert_eq!(reverse(0, 100), [0; 0]);
    assert_eq!(store.chunks(neighbour, 0, usize::MAX).unwrap().len(), 1);
    assert_eq!(store.chunks(ExecutionKey::MAX, 0, usize::MAX).unwrap(), []);
    assert_eq!(store.chunks_reverse(ExecutionKey::MIN, u32::MAX, usize::MAX).unwrap(), []);
}

fn lists(store: &dyn Store) {
    for (name, start_ms, stop) in [
        ("a", 1_000, Some((Status::Succeeded, 9_000))),
        ("b", 2_000, None),
        ("c", 3_000, Some((Status::Failed, 4_000))),
        ("d", 4_000, None),
        ("e", 5_000, Some((Status::Succeeded, 6_000))),
    ] {
        let (key, row, batch) = start(name, start_ms);
        commit(store, batch);
        if let Some((status, stop_ms)) = stop {
            commit(store, close(key, &row, status, stop_ms).1);
        }
    }
    assert_eq!(names(store, Some(Status::Succeeded)), ["a", "e"]);
    assert_eq!(names(store, Some(Status::Running)), ["d", "b"]);
    let all = names(store, None);
    // Of equal times the larger key comes first, which the hash decides.
    assert!(all == ["a", "e", "c", "d", "b"] || all == ["a", "e", "d", "c", "b"], "{all:?}");
    for limit in 1..6 {
        let mut paged: Vec<String> = Vec::new();
        let mut before = None;
        loop {
            let page = store.list_executions(MACHINE, None, before, limit).unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(last.cursor);
            paged.extend(page.iter().map(|entry| entry.row.name.clone()));
        }
        assert_eq!(paged, all, "in pages of {limit}");
    }
    assert_eq!(store.list_executions(MACHINE, None, None, 0).unwrap(), []);
}

fn due(store: &dyn Store) {
    let mut keys = Vec::new();
    for (name, wake_at_ms) in [("a", 300), ("b", 100), ("c", i64::MAX), ("d", 200), ("e", 0)] {
        let (key, _, mut batch) = start(name, 1_000);
        batch.running =
            vec![RunningChange { key, before: None, change: RunningState::Parked { wake_at_ms } }];
        commit(store, batch);
        keys.push(key);
    }
    let due = |until_ms, after, limit| -> Vec<DueExecution> {
        store.due(HashRange::ALL, until_ms, after, limit).unwrap()
    };
    let times = |until_ms| -> Vec<i64> { due(until_ms, None, 10).iter().map(|due| due.wake_at_ms).collect() };
    // A wake-up time is never 0, which means active.
    assert_eq!(times(250), [1, 100, 200]);
    assert_eq!(times(99), [1]);
    assert_eq!(times(i64::MAX), [1, 100, 200, 300, i64::MAX]);
    let first = due(250, None, 1);
    assert_eq!(due(250, Some(first[0]), 1)[0].key, keys[1]);
    assert_eq!(store.running(HashRange::ALL, None, 10).unwrap(), []);
    assert_eq!(store.count_open(), 5);
    let change = RunningChange { key: keys[1], before: Some(100), change: RunningState::Active };
    commit(store, Batch { running: vec![change], ..Batch::default() });
    assert_eq!(times(250), [1, 200]);
    assert_eq!(store.running(HashRange::ALL, None, 10).unwrap(), [keys[1]]);
    assert_eq!(store.count_open(), 5);
}

fn hash_ranges(store: &dyn Store) {
    let mut keys = Vec::new();
    for number in 0..40 {
        let (key, _, mut batch) = start(&format!("run-{number}"), 1_000 + number);
        if number % 2 == 0 {
            let change = RunningState::Parked { wake_at_ms: 50 };
            batch.running = vec![RunningChange { key, before: None, change }];
        }
        commit(store, batch);
        keys.push(key);
    }
    let mut seen = Vec::new();
    for shard in 0..3 {
        let range = HashRange::of_shard(shard, 3);
        let mut after = None;
        loop {
            let page = store.running(range, after, 2).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            seen.extend(page);
        }
        let mut after = None;
        loop {
            let page = store.due(range, 50, after, 3).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.iter().map(|due| due.key));
        }
        assert!(seen.iter().all(|key| HashRange::shard_of(key.arn_hash(), 3) <= shard));
    }
    seen.sort_unstable();
    assert_eq!(seen, keys);
}

fn catalogue(store: &dyn Store) {
    let change = |key: &str, value: Option<&'static str>| CatalogueChange {
        key: key.as_bytes().to_vec(),
        value: value.map(Bytes::from_static_str),
    };
    let entries = [("a/1", "one"), ("a/2", ""), ("a/3", "three"), ("b/1", "other"), ("a", "short")];
    let catalogue = entries.iter().map(|(key, value)| change(key, Some(value))).collect();
    commit(store, Batch { catalogue, ..Batch::default() });
    let scan = |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
        let found = store.catalogue_scan(prefix.as_bytes(), after.map(str::as_bytes), limit).unwrap();
        found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(scan("a/", None, 10), ["a/1", "a/2", "a/3"]);
    assert_eq!(scan("a/", None, 2), ["a/1", "a/2"]);
    assert_eq!(scan("a/", Some("a/1"), 10), ["a/2", "a/3"]);
    assert_eq!(scan("a/", Some("a/15"), 10), ["a/2", "a/3"]);
    assert_eq!(scan("a/", Some("a/3"), 10), [""; 0]);
    assert_eq!(scan("", None, 10), ["a", "a/1", "a/2", "a/3", "b/1"]);
    assert_eq!(scan("c", None, 10), [""; 0]);
    assert_eq!(store.catalogue_get(b"a/2").unwrap(), Some(Bytes::new()));
    assert_eq!(store.catalogue_get(b"a/4").unwrap(), None);
    let catalogue = vec![change("a/2", None), change("a/4", None), change("a/1", Some("new"))];
    commit(store, Batch { catalogue, ..Batch::default() });
    assert_eq!(scan("a/", None, 10), ["a/1", "a/3"]);
    assert_eq!(store.catalogue_get(b"a/1").unwrap(), Some(Bytes::from_static(b"new")));
    // A prefix of the largest bytes has no key after it.
    let catalogue = vec![CatalogueChange { key: vec![0xff, 0xff, 1], value: Some(Bytes::new()) }];
    commit(store, Batch { catalogue, ..Batch::default() });
    assert_eq!(store.catalogue_scan(&[0xff, 0xff], None, 10).unwrap().len(), 1);
}

trait FromStaticStr {
    fn from_static_str(text: &'static str) -> Bytes;
}

impl FromStaticStr for Bytes {
    fn from_static_str(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }
}

fn deleted(store: &dyn Store) {
    let (key, row, batch) = start("one", 1_000);
    let (other, _, other_batch) = start("two", 1_000);
    commit(store, batch);
    commit(store, other_batch);
    let (after, batch) = close(key, &row, Status::Succeeded, 2_000);
    commit(store, batch);
    let gone = Batch { deleted: vec![DeletedExecution::of(key, &after)], ..Batch::default() };
    commit(store, gone.clone());
    // As recovery may do.
    commit(store, gone);
    assert_eq!(store.find(&row.arn).unwrap(), None);
    assert_eq!(store.row(key).unwrap(), None);
    assert_eq!(store.chunks(key, 0, usize::MAX).unwrap(), []);
    assert_eq!(names(store, None), ["two"]);
    assert_eq!(store.chunks(other, 0, usize::MAX).unwrap().len(), 1);
    assert_eq!(store.count_open(), 1);
}

fn name_given_again(store: &dyn Store) {
    let (first, row, batch) = start("one", 1_000);
    commit(store, batch);
    let (after, batch) = close(first, &row, Status::Succeeded, 2_000);
    commit(store, batch);
    let (second, _, batch) = start("one", 3_000);
    commit(store, batch);
    assert_eq!(store.find(&row.arn).unwrap(), Some(second));
    commit(store, Batch { deleted: vec![DeletedExecution::of(first, &after)], ..Batch::default() });
    assert_eq!(store.find(&row.arn).unwrap(), Some(second));
    assert_eq!(store.row(first).unwrap(), None);
    assert!(store.row(second).unwrap().is_some());
}

fn expired(store: &dyn Store) {
    for (name, start_ms, stop_ms) in [
        ("a", 100, Some(900)),
        ("b", 200, Some(300)),
        ("c", 300, None),
        ("d", 400, Some(450)),
        ("e", 600, Some(700)),
    ] {
        let (key, row, batch) = start(name, start_ms);
        commit(store, batch);
        if let Some(stop_ms) = stop_ms {
            commit(store, close(key, &row, Status::Failed, stop_ms).1);
        }
    }
    for limit in 1..7 {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let page = store.expired(500, start, limit).unwrap();
            found.extend(page.expired.into_iter().map(|(_, row)| row.name.clone()));
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        assert_eq!(found, ["b", "d"], "in pages of {limit}");
    }
    let page = store.expired(450, None, 100).unwrap();
    assert_eq!(page.expired.len(), 1);
}

fn answers(store: &dyn Store) {
    let (sender, receiver) = mpsc::channel();
    for number in 0..200i64 {
        let (_, _, batch) = start(&format!("run-{number}"), 1_000 + number);
        let sender = sender.clone();
        store.commit(
            Batch { sequence: number as u64, ..batch },
            Box::new(move |result| sender.send((number, result.is_ok())).expect("somebody listens")),
        );
    }
    drop(sender);
    let answers: Vec<_> = receiver
        .into_iter()
        .inspect(|(number, _)| assert!(store.find(&arn(&format!("run-{number}"))).unwrap().is_some()))
        .collect();
    assert_eq!(answers, (0..200).map(|number| (number, true)).collect::<Vec<_>>());
    commit(store, Batch::default());
}

fn several(store: &dyn Store) {
    const BATCHES: u64 = 100;
    std::thread::scope(|scope| {
        for shard in 0..4u16 {
            scope.spawn(move || {
                let (sender, receiver) = mpsc::channel();
                for sequence in 1..=BATCHES {
                    let key = format!("several/{shard}").into_bytes();
                    let value = Some(Bytes::copy_from_slice(&sequence.to_be_bytes()));
                    let catalogue = vec![CatalogueChange { key, value }];
                    let batch = Batch { shard, sequence, catalogue, ..Batch::default() };
                    let sender = sender.clone();
                    let done: crate::CommitDone = Box::new(move |result| {
                        assert!(result.is_ok());
                        sender.send(sequence).expect("somebody listens");
                    });
                    // As shards and the catalogue do: some wait for nothing else meanwhile, some go on at once.
                    if (sequence + u64::from(shard)).is_multiple_of(3) {
                        store.commit(batch, done);
                    } else {
                        store.commit_here(batch, done);
                    }
                }
                drop(sender);
                assert!(receiver.iter().eq(1..=BATCHES), "of shard {shard}");
            });
        }
    });
    let last = BATCHES.to_be_bytes();
    for (key, value) in store.catalogue_scan(b"several/", None, 10).expect("the catalogue is read") {
        assert_eq!(value, last.as_slice(), "{key:?}");
    }
    assert_eq!(store.status().batches, 4 * BATCHES);
}

fn together(store: &dyn Store) {
    // Queued at once, so that a store that groups commits has them in one record.
    let (key, row, first) = start("one", 1_000);
    let (closed, second) = close(key, &row, Status::Succeeded, 2_000);
    let change = |value| CatalogueChange { key: b"key".to_vec(), value };
    let third = Batch { catalogue: vec![change(Some(Bytes::from_static(b"1")))], ..Batch::default() };
    let fourth = Batch { catalogue: vec![change(None)], ..Batch::default() };
    let last = Batch { deleted: vec![DeletedExecution::of(key, &closed)], ..Batch::default() };
    let (sender, receiver) = mpsc::channel();
    for batch in [Batch::default(), first, second, third, fourth] {
        let sender = sender.clone();
        store.commit(batch, Box::new(move |result| sender.send(result.is_ok()).expect("somebody listens")));
    }
    for _ in 0..5 {
        assert_eq!(receiver.recv(), Ok(true));
    }
    assert_eq!(names(store, None), ["one"]);
    assert_eq!(names(store, Some(Status::Running)), [""; 0]);
    assert_eq!(store.count_open(), 0);
    assert_eq!(store.catalogue_get(b"key").unwrap(), None);
    commit(store, last);
    assert_eq!(names(store, None), [""; 0]);
}

fn closing(store: &dyn Store) {
    let (_, row, batch) = start("one", 1_000);
    commit(store, batch);
    store.checkpoint().expect("a checkpoint is made");
    store.close().expect("the store closes");
    let (_, _, batch) = start("two", 1_000);
    let error = store.commit_and_wait(batch).expect_err("nothing is taken any more");
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(store.find(&row.arn).unwrap().is_some());
}

fn readers(store: &dyn Store) {
    // Each batch sets two entries to the same value: no reader may see them differ by more than what came between its reads.
    let is_done = AtomicBool::new(false);
    let last_seen = Mutex::new(0u64);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Acquire) {
                    let entries = store.catalogue_scan(b"pair/", None, 10).expect("the catalogue is read");
                    let values: Vec<_> = entries.iter().map(|(_, value)| value.clone()).collect();
                    assert!(values.is_empty() || (values.len() == 2 && values[0] == values[1]), "{values:?}");
                    let seen = values
                        .first()
                        .map_or(0, |value| u64::from_be_bytes(value.as_ref().try_into().expect("8 bytes")));
                    let mut last_seen = last_seen.lock().expect("nobody panicked");
                    *last_seen = seen.max(*last_seen);
                }
            });
        }
        for number in 1..=300u64 {
            let value = Bytes::copy_from_slice(&number.to_be_bytes());
            let catalogue = ["pair/a", "pair/b"]
                .map(|key| CatalogueChange { key: key.into(), value: Some(value.clone()) })
                .to_vec();
            commit(store, Batch { catalogue, ..Batch::default() });
        }
        is_done.store(true, Ordering::Release);
    });
}

fn model(store: &dyn Store) {
    let mut workload = Workload::new(42, 400);
    let mut model = Model::default();
    for number in 0..600 {
        let batch = workload.next_batch();
        model.apply(&batch);
        commit(store, batch);
        if number % 50 == 49 {
            assert_eq!(model.difference(store), None, "after batch {number}");
        }
        if number == 300 {
            store.checkpoint().expect("a checkpoint is made");
        }
    }
}
