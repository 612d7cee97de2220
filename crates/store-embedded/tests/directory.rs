//! Data directories as users have them: new, locked, closed, copied, foreign, full.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepwell_store::testing::{Model, Workload};
use stepwell_store::{Batch, Store};
use stepwell_store_embedded::testing::{Faults, SimulatedMachine};
use stepwell_store_embedded::{Durability, EmbeddedStore, OpenError, Options};

fn open(directory: &Path) -> EmbeddedStore {
    EmbeddedStore::open(directory, Options::default()).unwrap()
}

fn refusal(directory: &Path) -> OpenError {
    match EmbeddedStore::open(directory, Options::default()) {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    }
}

/// Commits random batches, and keeps the model of them.
fn fill(store: &dyn Store, workload: &mut Workload, model: &mut Model, count: usize) {
    for _ in 0..count {
        let batch = workload.next_batch();
        model.apply(&batch);
        store.commit_and_wait(batch).unwrap();
    }
}

#[test]
fn what_was_acknowledged_is_there_after_closing_dropping_and_opening_often() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("data");
    let mut workload = Workload::new(11, 2_000);
    let mut model = Model::default();
    for round in 0..8 {
        let store = open(&directory);
        assert_eq!(model.difference(&store), None, "round {round}");
        fill(&store, &mut workload, &mut model, 40);
        match round % 3 {
            0 => store.close().unwrap(),
            1 => store.checkpoint().unwrap(),
            _ => {}
        }
        drop(store);
        // Opened and left alone it must stay as it is.
        drop(open(&directory));
    }
    assert_eq!(model.difference(&open(&directory)), None);
}

#[test]
fn a_directory_in_use_is_refused_with_the_process_that_uses_it() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let text = refusal(home.path()).to_string();
    let process = format!("is in use by another process (process {})", std::process::id());
    assert!(text.contains(&process), "{text}");
    drop(store);
    drop(open(home.path()));
}

#[test]
fn a_path_that_is_a_file_is_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("file");
    fs::write(&path, "text").unwrap();
    let error = refusal(&path);
    assert!(matches!(&error, OpenError::Io { path: named, .. } if *named == path), "{error}");
}

#[test]
fn tables_that_were_lost_are_noticed() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    fill(&store, &mut Workload::new(1, 100), &mut Model::default(), 20);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(home.path().join("tables")).unwrap();
    let text = refusal(home.path()).to_string();
    assert!(text.contains("they end with record 0, although record 20 was synced into them"), "{text}");
}

#[test]
fn a_journal_that_was_lost_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    fill(&store, &mut Workload::new(1, 100), &mut Model::default(), 20);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(home.path().join("journal")).unwrap();
    let text = refusal(home.path()).to_string();
    assert!(text.contains("the journal ends with record 0, although the tables hold record 20"), "{text}");
}

#[test]
fn a_backup_of_a_store_that_is_served_opens_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("data"));
    let mut workload = Workload::new(5, 3_000);
    let mut model = Model::default();
    fill(&store, &mut workload, &mut model, 150);
    let copy = home.path().join("copy");
    store.backup(&copy).unwrap();
    let at_backup = model.clone();
    let mut going_on = workload.clone();
    fill(&store, &mut workload, &mut model, 50);
    assert_eq!(model.difference(&store), None);

    let backup = open(&copy);
    assert_eq!(at_backup.difference(&backup), None);
    let mut backup_model = at_backup;
    fill(&backup, &mut going_on, &mut backup_model, 30);
    drop(backup);
    assert_eq!(backup_model.difference(&open(&copy)), None);

    let text = store.backup(&copy).unwrap_err().to_string();
    assert!(text.contains("is not empty"), "{text}");
}

#[test]
fn a_relaxed_store_answers_and_keeps_what_it_wrote() {
    let home = tempfile::tempdir().unwrap();
    let options =
        Options { durability: Durability::Interval(Duration::from_millis(5)), ..Options::default() };
    let store = EmbeddedStore::open(home.path(), options.clone()).unwrap();
    let mut workload = Workload::new(9, 500);
    let mut model = Model::default();
    fill(&store, &mut workload, &mut model, 200);
    assert!(store.status().syncs < 200);
    drop(store);
    let store = EmbeddedStore::open(home.path(), options).unwrap();
    assert_eq!(model.difference(&store), None);
}

#[test]
fn journal_space_is_freed_by_checkpoints() {
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        first_segment_bytes: 64 << 10,
        largest_segment_bytes: 256 << 10,
        checkpoint_bytes: 256 << 10,
        ..Options::default()
    };
    let store = EmbeddedStore::open(home.path(), options).unwrap();
    fill(&store, &mut Workload::new(2, 20_000), &mut Model::default(), 400);
    let status = store.status();
    assert!(status.journal_bytes > 2 << 20, "{status:?}");
    store.checkpoint().unwrap();
    let used: u64 = fs::read_dir(home.path().join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(used < 2 << 20, "{used} bytes of {status:?}");
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_server_is_told_once() {
    let machine = SimulatedMachine::new(1, 64 << 20, false);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let options = Options {
        on_fatal: Some(Arc::new(move |error| listener.lock().unwrap().push(error.to_string()))),
        ..Options::default()
    };
    let store = machine.open(options).unwrap();
    machine.disk.set_faults(Faults { sync_error: 1000, ..Faults::default() });
    let answers = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..3 {
        let answers = Arc::clone(&answers);
        store.commit(Batch::default(), Box::new(move |result| answers.lock().unwrap().push(result.is_ok())));
        store.step();
        machine.disk.set_faults(Faults::default());
    }
    assert_eq!(*answers.lock().unwrap(), [false; 3]);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("cannot sync /data/journal/0000000000000001.journal: "), "{told:?}");
    assert_eq!(store.status().stopped.as_deref(), Some(told[0].as_str()));
    assert!(store.close().is_err());
}

#[test]
fn below_the_reserve_new_work_is_refused_and_the_rest_goes_on_until_space_returns() {
    let machine = SimulatedMachine::new(1, 64 << 20, false);
    let options = Options { disk_reserve_bytes: 16 << 20, ..Options::default() };
    let store = machine.open(options).unwrap();
    let mut workload = Workload::new(1, 100);
    let mut commit = || {
        store.commit(workload.next_batch(), Box::new(|result| assert!(result.is_ok())));
        store.step()
    };
    assert!(commit());
    assert_eq!(store.admission(), Ok(()));
    let used = (64 << 20) - store.status().free_bytes.unwrap();
    machine.disk.set_total_bytes(used + (8 << 20));
    // The watch asks again after some bytes, and at once when it is near the reserve.
    while store.admission().is_ok() {
        assert!(commit());
    }
    assert!(store.status().below_reserve);
    assert!(commit(), "finishing work goes on below the reserve");
    machine.disk.set_total_bytes(used);
    assert!(!commit(), "nothing is written when next to nothing is left");
    assert_eq!(store.status().stopped, None);
    machine.disk.set_total_bytes(64 << 20);
    assert!(store.step(), "it goes on by itself");
    assert_eq!(store.admission(), Ok(()));
}
