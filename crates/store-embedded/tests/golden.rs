//! Stores written by every released format open for ever. `tests/golden/format-N` holds the journal of a store that was not
//! closed, so that all of it is decoded, and `expected.txt` what it must show.
//!
//! `UPDATE_GOLDEN=1` writes the files of the current format anew; only to be used before that format is released.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stepwell_store::{
    Batch, CatalogueChange, DeletedExecution, EventChunk, ExecutionKey, ExecutionRow, HashRange, RowChange,
    RunningChange, RunningState, Status, Store, WAKE_NEVER,
};
use stepwell_store_embedded::{EmbeddedStore, FORMAT, Options};

const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders";

fn golden(format: u64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

fn options() -> Options {
    Options { first_segment_bytes: 4 << 10, largest_segment_bytes: 4 << 10, ..Options::default() }
}

#[test]
fn stores_of_every_format_open_and_show_what_was_written() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write_golden();
    }
    for format in 1..=FORMAT {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        copy(&golden(format).join("data"), &data);
        let expected = fs::read_to_string(golden(format).join("expected.txt")).unwrap();
        for opening in ["first", "second"] {
            let store = EmbeddedStore::open(&data, options()).unwrap();
            assert_eq!(show(&store), expected, "format {format}, {opening} opening");
            store.close().unwrap();
        }
    }
}

/// Keys and rows as they stand in the tables: part of the format.
#[test]
fn keys_and_rows_have_the_bytes_of_format_1() {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let key = ExecutionKey::new(1_790_000_000_123, "arn:one");
    let lines = [
        ("key", hex(key.as_bytes())),
        ("chunk", hex(&stepwell_store::keys::chunk(key, 258))),
        ("running", hex(&stepwell_store::keys::running(1_790_000_000_456, key))),
        ("owner", hex(&stepwell_store::keys::list_owner("arn:machine"))),
        ("list", hex(&stepwell_store::keys::list(&[7; 16], Status::TimedOut, 1_790_000_000_456, key))),
        ("row", hex(&closed(&row("a", 5)).to_bytes())),
    ];
    let text = lines.map(|(name, bytes)| format!("{name} {bytes}\n")).concat();
    let path = golden(1).join("bytes.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden(1)).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(path).unwrap());
}

fn row(name: &str, start_ms: i64) -> ExecutionRow {
    let arn = format!("arn:aws:states:eu-west-1:123456789012:execution:orders:{name}");
    ExecutionRow::started(&arn, MACHINE, name, start_ms, 3)
}

fn closed(row: &ExecutionRow) -> ExecutionRow {
    ExecutionRow {
        status: Status::Failed,
        stop_ms: Some(row.start_ms + 77),
        express: true,
        trace_header: Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned()),
        last_chunk: 4,
        event_count: 9,
        redrive_count: 1,
        redrive_ms: Some(row.start_ms + 50),
        version_arn: Some(format!("{MACHINE}:1")),
        alias_arn: Some(format!("{MACHINE}:live")),
        map_run_arn: Some("arn:aws:states:eu-west-1:123456789012:mapRun:orders/x:y".to_owned()),
        ..row.clone()
    }
}

fn batches() -> Vec<Batch> {
    let mut batches = Vec::new();
    let rows: Vec<ExecutionRow> =
        (0..6).map(|number| row(&format!("run-{number}"), 1_790_000_000_000 + number)).collect();
    let key = |number: usize| ExecutionKey::new(rows[number].start_ms as u64, &rows[number].arn);
    for (number, row) in rows.iter().enumerate() {
        batches.push(Batch {
            shard: 1,
            sequence: number as u64,
            chunks: vec![EventChunk {
                key: key(number),
                first_event: 1,
                bytes: vec![number as u8; 900].into(),
            }],
            rows: vec![RowChange { key: key(number), before: None, after: Arc::new(row.clone()) }],
            running: vec![RunningChange { key: key(number), before: None, change: RunningState::Active }],
            ..Batch::default()
        });
    }
    let parked = [1_800_000_000_000, WAKE_NEVER].into_iter().enumerate().map(|(number, wake_at_ms)| {
        RunningChange { key: key(number), before: Some(0), change: RunningState::Parked { wake_at_ms } }
    });
    batches.push(Batch { running: parked.collect(), ..Batch::default() });
    for number in [2, 3] {
        let after = Arc::new(closed(&rows[number]));
        batches.push(Batch {
            chunks: vec![EventChunk {
                key: key(number),
                first_event: 4,
                bytes: Bytes::from_static(b"the end"),
            }],
            rows: vec![RowChange { key: key(number), before: Some(rows[number].listed()), after }],
            running: vec![RunningChange { key: key(number), before: Some(0), change: RunningState::Settled }],
            ..Batch::default()
        });
    }
    let change = |key: &[u8], value: Option<&'static [u8]>| CatalogueChange {
        key: key.to_vec(),
        value: value.map(Bytes::from_static),
    };
    batches.push(Batch {
        catalogue: vec![
            change(b"machine/a", Some(b"one")),
            change(b"machine/b", Some(b"")),
            change(b"gone", Some(b"x")),
        ],
        ..Batch::default()
    });
    batches.push(Batch { catalogue: vec![change(b"gone", None)], ..Batch::default() });
    batches
        .push(Batch { deleted: vec![DeletedExecution::of(key(3), &closed(&rows[3]))], ..Batch::default() });
    batches
}

/// Everything a store holds, as text.
fn show(store: &dyn Store) -> String {
    let mut text = String::new();
    writeln!(text, "open {}", store.count_open()).unwrap();
    for entry in store.list_executions(MACHINE, None, None, 100).unwrap() {
        writeln!(text, "{} {} {:?}", entry.cursor.listed_at_ms, entry.cursor.key, entry.row).unwrap();
        assert_eq!(store.find(&entry.row.arn).unwrap(), Some(entry.cursor.key));
        for chunk in store.chunks(entry.cursor.key, 0, usize::MAX).unwrap() {
            writeln!(
                text,
                "  chunk {} {} bytes, crc {:08x}",
                chunk.first_event,
                chunk.bytes.len(),
                crc32c::crc32c(&chunk.bytes)
            )
            .unwrap();
        }
    }
    writeln!(text, "active {:?}", store.running(HashRange::ALL, None, 100).unwrap()).unwrap();
    writeln!(text, "parked {:?}", store.due(HashRange::ALL, i64::MAX, None, 100).unwrap()).unwrap();
    for (key, value) in store.catalogue_scan(b"", None, 100).unwrap() {
        writeln!(text, "catalogue {} {:?}", String::from_utf8_lossy(&key), value).unwrap();
    }
    text
}

fn write_golden() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let store = EmbeddedStore::open(&data, options()).unwrap();
    for batch in batches() {
        store.commit_and_wait(batch).unwrap();
    }
    let text = show(&store);
    drop(store);
    let target = golden(FORMAT);
    let _ = fs::remove_dir_all(target.join("data"));
    copy(&data.join("journal"), &target.join("data/journal"));
    fs::copy(data.join("stepwell.format"), target.join("data/stepwell.format")).unwrap();
    fs::write(target.join("expected.txt"), text).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
