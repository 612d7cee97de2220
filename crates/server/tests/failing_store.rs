//! A store that stops: nothing is acknowledged that is not durable, and the server says once that it is over.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{TestServer, pass, wait};
use serde_json::json;
use stepwell_server::Settings;
use stepwell_store::{
    Batch, CommitDone, CommitError, DiskFull, DueExecution, EventChunk, ExecutionKey, ExecutionRow,
    ExpiredPage, HashRange, ListCursor, ListedExecution, MemoryStore, Status, Store, StoreError, StoreStatus,
};

/// A memory store whose commits fail, or whose disk is full, from a moment on.
#[derive(Default)]
struct Faulty {
    inner: MemoryStore,
    fails: AtomicBool,
    is_full: AtomicBool,
}

impl Store for Faulty {
    fn commit(&self, batch: Batch, done: CommitDone) {
        if self.fails.load(Ordering::SeqCst) {
            done(Err(CommitError { reason: "the disk is gone".into() }));
        } else {
            self.inner.commit(batch, done);
        }
    }
    fn find(&self, arn: &str) -> Result<Option<ExecutionKey>, StoreError> {
        self.inner.find(arn)
    }
    fn row(&self, key: ExecutionKey) -> Result<Option<Arc<ExecutionRow>>, StoreError> {
        self.inner.row(key)
    }
    fn chunks(&self, key: ExecutionKey, from: u32, limit: usize) -> Result<Vec<EventChunk>, StoreError> {
        self.inner.chunks(key, from, limit)
    }
    fn chunks_reverse(
        &self,
        key: ExecutionKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<EventChunk>, StoreError> {
        self.inner.chunks_reverse(key, from, limit)
    }
    fn list_executions(
        &self,
        machine: &str,
        status: Option<Status>,
        before: Option<ListCursor>,
        limit: usize,
    ) -> Result<Vec<ListedExecution>, StoreError> {
        self.inner.list_executions(machine, status, before, limit)
    }
    fn running(
        &self,
        range: HashRange,
        after: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<Vec<ExecutionKey>, StoreError> {
        self.inner.running(range, after, limit)
    }
    fn due(
        &self,
        range: HashRange,
        until_ms: i64,
        after: Option<DueExecution>,
        limit: usize,
    ) -> Result<Vec<DueExecution>, StoreError> {
        self.inner.due(range, until_ms, after, limit)
    }
    fn count_open(&self) -> u64 {
        self.inner.count_open()
    }
    fn catalogue_get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.catalogue_get(key)
    }
    fn catalogue_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        self.inner.catalogue_scan(prefix, after, limit)
    }
    fn expired(
        &self,
        before_ms: i64,
        start: Option<ExecutionKey>,
        limit: usize,
    ) -> Result<ExpiredPage, StoreError> {
        self.inner.expired(before_ms, start, limit)
    }
    fn status(&self) -> StoreStatus {
        self.inner.status()
    }
    fn admission(&self) -> Result<(), DiskFull> {
        if self.is_full.load(Ordering::SeqCst) {
            Err(DiskFull { free_bytes: 1, reserve_bytes: 2 })
        } else {
            Ok(())
        }
    }
    fn backup(&self, directory: &Path) -> Result<(), StoreError> {
        self.inner.backup(directory)
    }
    fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint()
    }
    fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_failed_commit() {
    let store = Arc::new(Faulty::default());
    let server = TestServer::with(Settings::default(), store.clone()).await;
    let machine = server.machine("m", pass(1)).await;
    store.fails.store(true, Ordering::SeqCst);
    // Nobody knows whether the start is durable, so the answer is one that SDKs try again.
    let (status, body) = server.client.send("StartExecution", json!({"stateMachineArn": machine})).await;
    assert_eq!((status, &body["__type"]), (503, &json!("ServiceUnavailable")));
    let reason = tokio::time::timeout(Duration::from_secs(5), server.server.fatal()).await.unwrap();
    assert_eq!(reason, "the disk is gone");
    let (status, body) = server.client.send("CreateActivity", json!({"name": "a"})).await;
    assert_eq!((status, &body["__type"]), (500, &json!("InternalFailure")));
    assert_eq!(server.client.get("/readyz").await.0, 503);
    // What is durable can still be read.
    let listed = server.call("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"], json!([]));
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_lets_old_work_end() {
    let store = Arc::new(Faulty::default());
    let server = TestServer::with(Settings::default(), store.clone()).await;
    let machine = server.machine("m", wait(600)).await;
    let running = server.start_execution(&machine, json!({})).await;
    store.is_full.store(true, Ordering::SeqCst);
    for (operation, request) in [
        ("StartExecution", json!({"stateMachineArn": machine})),
        ("CreateActivity", json!({"name": "a"})),
        (
            "CreateStateMachine",
            json!({"name": "n", "definition": pass(1).to_string(), "roleArn": common::ROLE}),
        ),
    ] {
        let (status, body) = server.client.send(operation, request).await;
        assert_eq!((status, &body["__type"]), (503, &json!("ServiceUnavailable")), "{operation}");
        assert!(common::text(&body["message"]).contains("disk"), "{body}");
    }
    server.call("StopExecution", json!({"executionArn": running})).await;
    assert_eq!(server.end(&running).await["status"], "ABORTED");
    store.is_full.store(false, Ordering::SeqCst);
    server.start_execution(&machine, json!({})).await;
    server.stop().await;
}
