//! Counters of the server, in the text format of Prometheus.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use stepwell_api::{ApiError, Operation};
use stepwell_interpreter::Status;

use crate::operations::Operations;

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Requests by operation, in the order of [`Operation::ALL`].
    requests: Vec<AtomicU64>,
    /// Failed requests by operation: the caller's fault, then ours.
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    ended: [AtomicU64; 4],
    throttled: AtomicU64,
    quarantined: AtomicU64,
    connections: AtomicU64,
}

/// Names of [`Metrics::ended`].
const ENDS: [&str; 4] = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: Operation::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            client_errors: AtomicU64::new(0),
            server_errors: AtomicU64::new(0),
            ended: Default::default(),
            throttled: AtomicU64::new(0),
            quarantined: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    pub(crate) fn request(&self, operation: Operation) {
        if let Some(counter) = self.requests.get(operation as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn error(&self, error: &ApiError) {
        if error.code == ApiError::throttling().code {
            self.throttled.fetch_add(1, Ordering::Relaxed);
        }
        let counter = if error.status >= 500 { &self.server_errors } else { &self.client_errors };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, status: Status) {
        let index = match status {
            Status::Succeeded => 0,
            Status::Failed => 1,
            Status::TimedOut => 2,
            Status::Aborted => 3,
            Status::New | Status::Running => return,
        };
        self.ended[index].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn quarantined(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The page that `/metrics` answers.
    pub(crate) fn page(&self, operations: &Operations) -> String {
        let mut page = String::new();
        // Writing into a string cannot fail.
        let _ = self.write(&mut page, operations);
        page
    }

    fn write(&self, page: &mut String, operations: &Operations) -> std::fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        writeln!(page, "# HELP stepwell_requests_total Requests of the Step Functions API.")?;
        writeln!(page, "# TYPE stepwell_requests_total counter")?;
        for (operation, counter) in Operation::ALL.iter().zip(&self.requests) {
            if count(counter) > 0 {
                writeln!(page, "stepwell_requests_total{{operation=\"{operation}\"}} {}", count(counter))?;
            }
        }
        writeln!(page, "# HELP stepwell_errors_total Requests that failed.")?;
        writeln!(page, "# TYPE stepwell_errors_total counter")?;
        writeln!(page, "stepwell_errors_total{{fault=\"client\"}} {}", count(&self.client_errors))?;
        writeln!(page, "stepwell_errors_total{{fault=\"server\"}} {}", count(&self.server_errors))?;
        writeln!(page, "# HELP stepwell_throttled_total Requests refused with ThrottlingException.")?;
        writeln!(page, "# TYPE stepwell_throttled_total counter")?;
        writeln!(page, "stepwell_throttled_total {}", count(&self.throttled))?;
        writeln!(page, "# HELP stepwell_executions_ended_total Standard executions that ended.")?;
        writeln!(page, "# TYPE stepwell_executions_ended_total counter")?;
        for (status, counter) in ENDS.iter().zip(&self.ended) {
            writeln!(page, "stepwell_executions_ended_total{{status=\"{status}\"}} {}", count(counter))?;
        }
        writeln!(page, "# HELP stepwell_executions_quarantined_total Executions that met a bug.")?;
        writeln!(page, "# TYPE stepwell_executions_quarantined_total counter")?;
        writeln!(page, "stepwell_executions_quarantined_total {}", count(&self.quarantined))?;
        writeln!(
            page,
            "# HELP stepwell_log_records_total Records of execution logs, by what became of them."
        )?;
        writeln!(page, "# TYPE stepwell_log_records_total counter")?;
        for (outcome, count) in operations.logs.counts().all() {
            writeln!(page, "stepwell_log_records_total{{outcome=\"{outcome}\"}} {count}")?;
        }
        writeln!(page, "# HELP stepwell_webhook_events_total Status change events, by what became of them.")?;
        writeln!(page, "# TYPE stepwell_webhook_events_total counter")?;
        for (outcome, count) in operations.webhooks.counts().all() {
            writeln!(page, "stepwell_webhook_events_total{{outcome=\"{outcome}\"}} {count}")?;
        }
        let status = operations.store.status();
        let gauges = [
            ("stepwell_connections", "Connections open.", count(&self.connections)),
            ("stepwell_memory_bytes", "Resident memory of the server.", operations.admission.memory_bytes()),
            ("stepwell_state_machines", "State machines.", operations.catalogue.machine_count() as u64),
            ("stepwell_activities", "Activities.", operations.catalogue.activity_count() as u64),
            (
                "stepwell_webhook_events_pending",
                "Status change events that webhooks are owed.",
                operations.webhooks.counts().pending(),
            ),
            (
                "stepwell_heavy_steps_waiting",
                "Steps with heavy expressions, and tests of states, that wait for a thread.",
                operations.heavy.waiting() as u64,
            ),
            ("stepwell_executions_open", "Executions that run or owe something.", status.open),
            ("stepwell_store_below_reserve", "1 while the disk is nearly full.", status.below_reserve.into()),
        ];
        for (name, help, value) in gauges {
            writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")?;
        }
        if let Some(free) = status.free_bytes {
            writeln!(page, "# HELP stepwell_store_free_bytes Bytes free on the file system.")?;
            writeln!(page, "# TYPE stepwell_store_free_bytes gauge\nstepwell_store_free_bytes {free}")?;
        }
        let counters = [
            ("stepwell_store_syncs_total", "Syncs on the commit path.", status.syncs),
            ("stepwell_store_records_total", "Records written.", status.records),
            ("stepwell_store_batches_total", "Batches committed.", status.batches),
            ("stepwell_store_journal_bytes_total", "Bytes of records written.", status.journal_bytes),
        ];
        for (name, help, value) in counters {
            writeln!(page, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}")?;
        }
        Ok(())
    }
}
