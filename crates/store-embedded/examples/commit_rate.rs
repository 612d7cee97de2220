//! How fast the store commits, beside what the disk itself can do in the same run.
//!
//! `cargo run --release -p stepwell-store-embedded --example commit_rate [DIRECTORY [SECONDS]]`
//!
//! Each writer commits one execution that starts and ends (1.7 KB of events in one chunk), waits for the answer, and goes on.
//! `raw` writes the same bytes to a preallocated file and syncs, with one thread that groups all that wait, as the store's
//! committer does. Rounds are interleaved, so both meet the same disk. Ratios count, not figures.

use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use stepwell_store::{Batch, EventChunk, ExecutionKey, ExecutionRow, RowChange, Status, Store};
use stepwell_store_embedded::{EmbeddedStore, Options};

const EVENT_BYTES: usize = 1_700;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| "/tmp/stepwell-commit-rate".to_owned());
    let seconds: f64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory).expect("the directory can be made");
    measure_opening(directory);
    println!(
        "{:>8} {:>10} {:>12} {:>9} {:>9} {:>9} {:>12}",
        "writers", "what", "commits/s", "p50 us", "p99 us", "max us", "commits/sync"
    );
    for writers in writers() {
        for _ in 0..2 {
            let raw = measure_raw(directory, writers, seconds);
            print(writers, "raw", &raw);
            let store = measure_store(directory, writers, seconds);
            print(writers, "store", &store);
        }
    }
}

struct Figures {
    commits: u64,
    seconds: f64,
    latencies: Vec<Duration>,
    syncs: u64,
}

fn print(writers: usize, what: &str, figures: &Figures) {
    let mut latencies = figures.latencies.clone();
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_micros();
    println!(
        "{writers:>8} {what:>10} {:>12.0} {:>9} {:>9} {:>9} {:>12.1}",
        figures.commits as f64 / figures.seconds,
        at(0.5),
        at(0.99),
        at(1.0),
        figures.commits as f64 / figures.syncs.max(1) as f64
    );
}

fn measure_opening(directory: &Path) {
    let path = directory.join("opening");
    let _ = std::fs::remove_dir_all(&path);
    let begin = Instant::now();
    let store = EmbeddedStore::open(&path, Options::default()).expect("the store opens");
    let opened = begin.elapsed();
    let begin = Instant::now();
    store.close().expect("the store closes");
    drop(store);
    let closed = begin.elapsed();
    let begin = Instant::now();
    let store = EmbeddedStore::open(&path, Options::default()).expect("the store opens");
    let reopened = begin.elapsed();
    drop(store);
    println!("open an empty directory {opened:?}, close {closed:?}, open again {reopened:?}");
    let _ = std::fs::remove_dir_all(&path);
}

/// Lets writers call `commit` until the time is over.
fn drive(writers: usize, seconds: f64, commit: impl Fn(u64) + Sync) -> (u64, f64, Vec<Duration>) {
    let next = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let begin = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let mut latencies = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        commit(next.fetch_add(1, Ordering::Relaxed));
                        latencies.push(begin.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs_f64(seconds));
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("the writer ends")).collect()
    });
    (next.into_inner(), begin.elapsed().as_secs_f64(), latencies)
}

fn measure_store(directory: &Path, writers: usize, seconds: f64) -> Figures {
    let path = directory.join("store");
    let _ = std::fs::remove_dir_all(&path);
    let store = EmbeddedStore::open(&path, options()).expect("the store opens");
    let events = Bytes::from(vec![b'e'; EVENT_BYTES]);
    let (commits, seconds, latencies) = drive(writers, seconds, |number| {
        store.commit_and_wait(execution(number, &events)).expect("the batch is committed");
    });
    let syncs = store.status().syncs;
    store.close().expect("the store closes");
    drop(store);
    let _ = std::fs::remove_dir_all(&path);
    Figures { commits, seconds, latencies, syncs }
}

fn execution(number: u64, events: &Bytes) -> Batch {
    let arn = format!("arn:aws:states:us-east-1:000000000000:execution:orders:{number:032x}");
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
    let start_ms = 1_790_000_000_000 + number as i64 / 20;
    let mut row = ExecutionRow::started(&arn, machine, &format!("{number:032x}"), start_ms, 1);
    row.status = Status::Succeeded;
    row.stop_ms = Some(start_ms + 2);
    let key = ExecutionKey::new(start_ms as u64, &arn);
    Batch {
        chunks: vec![EventChunk { key, first_event: 1, bytes: events.clone() }],
        rows: vec![RowChange { key, before: None, after: Arc::new(row) }],
        ..Batch::default()
    }
}

fn measure_raw(directory: &Path, writers: usize, seconds: f64) -> Figures {
    let path = directory.join("raw");
    let file = File::create(&path).expect("the file can be made");
    let zeros = vec![0; 1 << 20];
    for piece in 0..256u64 {
        file.write_all_at(&zeros, piece << 20).expect("the file can be written");
    }
    file.sync_all().expect("the file can be synced");
    let (sender, receiver): (SyncSender<SyncSender<()>>, Receiver<SyncSender<()>>) = sync_channel(writers);
    let syncs = AtomicU64::new(0);
    let (commits, seconds, latencies) = std::thread::scope(|scope| {
        let syncs = &syncs;
        scope.spawn(move || {
            let mut offset = 0;
            let mut waiting = Vec::new();
            while let Ok(first) = receiver.recv() {
                waiting.push(first);
                waiting.extend(receiver.try_iter());
                let bytes = vec![b'e'; waiting.len() * (EVENT_BYTES + 300)];
                file.write_all_at(&bytes, offset).expect("the file can be written");
                file.sync_data().expect("the file can be synced");
                syncs.fetch_add(1, Ordering::Relaxed);
                offset = (offset + bytes.len() as u64) % (200 << 20);
                for waiter in waiting.drain(..) {
                    waiter.send(()).expect("the writer waits");
                }
            }
        });
        let figures = drive(writers, seconds, |_| {
            let (answer, wait) = sync_channel(1);
            sender.send(answer).expect("the thread runs");
            wait.recv().expect("the thread answers");
        });
        drop(sender);
        figures
    });
    let _ = std::fs::remove_file(&path);
    Figures { commits, seconds, latencies, syncs: syncs.into_inner() }
}

/// `MEMTABLE_MIB=64` gives the tables that much memory for writing.
fn options() -> Options {
    let mut options = Options::default();
    if let Some(mebibytes) = std::env::var("MEMTABLE_MIB").ok().and_then(|text| text.parse::<u64>().ok()) {
        options.memtable_bytes = mebibytes << 20;
    }
    options
}

/// How many writers at once: `WRITERS=64`, or 1, 16 and 64.
fn writers() -> Vec<usize> {
    let chosen = std::env::var("WRITERS").ok().and_then(|text| text.parse().ok());
    chosen.map_or(vec![1, 16, 64], |writers| vec![writers])
}
