//! Execution logs: AWS's records of history events, brought to where the configuration says that a log group lives.
//!
//! Nobody waits for a log. Events come when they are durable and go into a bounded queue; a task makes records of them and
//! hands these to the worker of their destination, which has a bounded queue of its own. What finds a queue full is dropped
//! and counted, so a destination that is slow or fails costs its own records and nothing else. Events that were under way
//! when the server died are not logged again, those of an asynchronous Express execution apart, which runs again.

mod cloudwatch;
mod settings;
mod worker;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use stepwell_api::{ApiError, LogContext, types::state_machine::LogLevel, write_log_record};
use stepwell_asl::timestamp::format_millis;
use stepwell_engine::Logged;
use stepwell_integrations::aws::Aws;
use stepwell_interpreter::{About, Event};
use tokio::sync::{mpsc, oneshot};

pub use settings::{LOG_FILE_BYTES_MAX, LogDestination, LogSettings};

use crate::{
    catalogue::{
        Catalogue,
        records::{LevelRecord, LoggingRecord},
    },
    history,
    operations::log_level,
    random,
    runtime::Clock,
};
use cloudwatch::CloudWatchLogs;
use worker::{LogFile, Order, Sink};

/// Steps whose events may wait to be made into records.
const QUEUE_LEN: usize = 65_536;
/// About how many bytes of events may wait there.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Records that may wait for one destination.
const DESTINATION_QUEUE_LEN: usize = 65_536;
/// Bytes of records that may wait for one destination.
const DESTINATION_QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// The longest record that CloudWatch Logs takes: 256 KiB, less what it counts for each event.
const CLOUDWATCH_RECORD_BYTES: usize = 256 * 1024 - 26;
/// Revisions and streams that are remembered; then all are looked up again.
const REMEMBERED: usize = 10_000;
/// How long an ending server waits for what waits to be written.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// A log group by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogGroup {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) name: String,
}

impl LogGroup {
    /// Reads `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`.
    fn parse(arn: &str) -> Option<LogGroup> {
        let mut parts = arn.strip_suffix(":*")?.splitn(7, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (scheme, _partition, service) = (next()?, next()?, next()?);
        let (region, account, kind, name) = (next()?, next()?, next()?, next()?);
        let is_group = scheme == "arn" && service == "logs" && kind == "log-group" && !name.contains(':');
        is_group.then(|| LogGroup { region: region.into(), account: account.into(), name: name.into() })
    }
}

/// What became of records.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    written: AtomicU64,
    /// No room in a queue.
    dropped: AtomicU64,
    /// The destination did not take them.
    failed: AtomicU64,
    /// The destination is `off`.
    discarded: AtomicU64,
}

impl Counts {
    fn written(&self, count: u64) {
        self.written.fetch_add(count, Ordering::Relaxed);
    }

    fn failed(&self, count: u64) {
        self.failed.fetch_add(count, Ordering::Relaxed);
    }

    fn dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Each outcome and how often.
    pub(crate) fn all(&self) -> [(&'static str, u64); 4] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("written", count(&self.written)),
            ("dropped", count(&self.dropped)),
            ("failed", count(&self.failed)),
            ("discarded", count(&self.discarded)),
        ]
    }
}

/// Bytes that are held against a limit until this is dropped.
struct Held {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Held {
    fn within(limit: usize, bytes: usize, total: &Arc<AtomicUsize>) -> Option<Held> {
        let before = total.fetch_add(bytes, Ordering::Relaxed);
        let held = Held { bytes, total: total.clone() };
        // What is larger than the limit passes when nothing else is there.
        (before == 0 || before + bytes <= limit).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A record on its way to its destination.
struct Line {
    time_ms: i64,
    bytes: Vec<u8>,
    group: Arc<LogGroup>,
    stream: Arc<str>,
    _held: Held,
}

impl Line {
    fn text(&self) -> &str {
        // Records are JSON.
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// What goes into the queue of events.
enum Entry {
    Events(Logged, Held),
    Flush(oneshot::Sender<()>),
}

/// The way in.
#[derive(Debug)]
pub(crate) struct Logs {
    queue: mpsc::Sender<Entry>,
    queued_bytes: Arc<AtomicUsize>,
    counts: Arc<Counts>,
    settings: LogSettings,
    service: CloudWatchLogs,
}

impl Logs {
    /// Starts the task that makes records and a worker for each destination; to be called within a tokio runtime.
    pub(crate) fn start(
        settings: &LogSettings,
        aws: &Arc<Aws>,
        clock: &Arc<Clock>,
        catalogue: Arc<Catalogue>,
    ) -> Logs {
        let (queue, entries) = mpsc::channel(QUEUE_LEN);
        let counts = Arc::new(Counts::default());
        let service = CloudWatchLogs { aws: aws.clone() };
        let mut scribe = Scribe {
            catalogue,
            clock: clock.clone(),
            counts: counts.clone(),
            groups: HashMap::new(),
            default: None,
            workers: Vec::new(),
            targets: HashMap::new(),
            streams: HashMap::new(),
        };
        for (name, destination) in &settings.groups {
            let worker = scribe.worker(destination, &service);
            scribe.groups.insert(name.clone(), worker);
        }
        scribe.default = scribe.worker(&settings.default, &service);
        tokio::spawn(scribe.run(entries));
        Logs { queue, queued_bytes: Arc::default(), counts, settings: settings.clone(), service }
    }

    /// Takes events of an execution that is logged. Never waits.
    pub(crate) fn offer(&self, logged: Logged) {
        let count = logged.events.len() as u64;
        let bytes = logged.events.iter().map(history::size_of_texts).sum();
        let is_taken = Held::within(QUEUE_BYTES, bytes, &self.queued_bytes)
            .is_some_and(|held| self.queue.try_send(Entry::Events(logged, held)).is_ok());
        if !is_taken {
            self.counts.dropped(count);
        }
    }

    /// The same for the events of an Express execution.
    pub(crate) fn offer_express(
        &self,
        about: &Arc<About>,
        program: &Arc<stepwell_interpreter::Program>,
        events: &mut Vec<Event>,
    ) {
        let Some(log) = about.log else { return };
        let mut events = std::mem::take(events);
        events.retain(|event| log.may_show(&event.kind));
        if !events.is_empty() {
            let (about, program) = (about.clone(), program.clone());
            self.offer(Logged { about, program, redrive_count: 0, events });
        }
    }

    /// Checks that the log group of a configuration is there, as far as its destination can say.
    ///
    /// # Errors
    /// `InvalidLoggingConfiguration`; `ServiceUnavailable` when the endpoint does not answer.
    pub(crate) async fn check_destination(&self, logging: &LoggingRecord) -> Result<(), ApiError> {
        if logging.level == LevelRecord::Off {
            return Ok(());
        }
        let arn = logging.log_group_arn().unwrap_or_default();
        let Some(group) = LogGroup::parse(arn) else {
            let is_unqualified = LogGroup::parse(&format!("{arn}:*")).is_some();
            return Err(match is_unqualified {
                true => ApiError::log_group_without_qualifier(),
                false => ApiError::log_destination_not_found(),
            });
        };
        let destination = self.settings.groups.get(&group.name).unwrap_or(&self.settings.default);
        if *destination != LogDestination::CloudWatch {
            return Ok(());
        }
        match self.service.has_group(&group).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ApiError::log_destination_not_found()),
            Err(failure) => Err(ApiError::service_unavailable(format!(
                "The log group could not be looked for: {}",
                failure.reason
            ))),
        }
    }

    /// What became of records.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Waits a little until all that waits is written.
    pub(crate) async fn flush(&self) {
        let flushed = async {
            let (done, is_done) = oneshot::channel();
            if self.queue.send(Entry::Flush(done)).await.is_ok() {
                let _ = is_done.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH_WITHIN, flushed).await;
    }
}

/// A destination at work.
#[derive(Clone)]
struct Worker {
    orders: mpsc::Sender<Order>,
    queued_bytes: Arc<AtomicUsize>,
    /// The longest record that it takes.
    record_bytes_max: Option<usize>,
}

/// What a revision's logging configuration comes to.
struct Target {
    level: LogLevel,
    include_execution_data: bool,
    group: Arc<LogGroup>,
    /// None when the group goes nowhere.
    worker: Option<Worker>,
}

/// The one who makes records of events.
struct Scribe {
    catalogue: Arc<Catalogue>,
    clock: Arc<Clock>,
    counts: Arc<Counts>,
    groups: HashMap<String, Option<Worker>>,
    default: Option<Worker>,
    /// Each destination once, and what it was made for.
    workers: Vec<(LogDestination, Worker)>,
    /// By revision; none for a configuration that can't be used.
    targets: HashMap<u64, Option<Arc<Target>>>,
    /// By state machine.
    streams: HashMap<Arc<str>, Arc<str>>,
}

impl Scribe {
    /// The worker of a destination, which groups share.
    fn worker(&mut self, destination: &LogDestination, service: &CloudWatchLogs) -> Option<Worker> {
        if let Some((_, worker)) = self.workers.iter().find(|(other, _)| other == destination) {
            return Some(worker.clone());
        }
        let (name, sink, record_bytes_max) = match destination {
            LogDestination::File { path, bytes_max } => {
                (path.display().to_string(), Sink::File(LogFile::new(path, *bytes_max)), None)
            }
            LogDestination::Stdout => ("standard output".to_owned(), Sink::Stdout, None),
            LogDestination::CloudWatch => (
                "CloudWatch Logs".to_owned(),
                Sink::CloudWatch(service.clone()),
                Some(CLOUDWATCH_RECORD_BYTES),
            ),
            LogDestination::Off => return None,
        };
        let (orders, received) = mpsc::channel(DESTINATION_QUEUE_LEN);
        tokio::spawn(worker::run(name, sink, received, self.counts.clone()));
        let worker = Worker { orders, queued_bytes: Arc::default(), record_bytes_max };
        self.workers.push((destination.clone(), worker.clone()));
        Some(worker)
    }

    async fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        while let Some(entry) = entries.recv().await {
            match entry {
                Entry::Events(logged, _held) => self.write(&logged),
                Entry::Flush(done) => {
                    for (_, worker) in &self.workers {
                        let (written, is_written) = oneshot::channel();
                        if worker.orders.send(Order::Flush(written)).await.is_ok() {
                            let _ = is_written.await;
                        }
                    }
                    let _ = done.send(());
                }
            }
        }
    }

    fn write(&mut self, logged: &Logged) {
        let about = &logged.about;
        let Some(target) = self.target(about.revision) else { return };
        let stream = self.stream(about);
        for event in &logged.events {
            let event = match history::project(&logged.program, &about.region.0, event) {
                Ok(Some(event)) if target.level.shows(&event.kind) => event,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(execution = %about.execution_arn, %error, "an event can't be logged");
                    self.counts.failed(1);
                    continue;
                }
            };
            let Some(worker) = &target.worker else {
                self.counts.discarded.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let mut bytes = Vec::with_capacity(512);
            let context = LogContext {
                execution_arn: &about.execution_arn,
                redrive_count: logged.redrive_count,
                include_execution_data: target.include_execution_data,
                bytes_max: worker.record_bytes_max,
            };
            write_log_record(&event, context, &mut bytes);
            let held = Held::within(DESTINATION_QUEUE_BYTES, bytes.len(), &worker.queued_bytes);
            let is_taken = held.is_some_and(|held| {
                let line = Line {
                    time_ms: event.timestamp_ms,
                    bytes,
                    group: target.group.clone(),
                    stream: stream.clone(),
                    _held: held,
                };
                worker.orders.try_send(Order::Line(line)).is_ok()
            });
            if !is_taken {
                self.counts.dropped(1);
            }
        }
    }

    /// Where the events of a revision go.
    fn target(&mut self, revision: u64) -> Option<Arc<Target>> {
        if let Some(target) = self.targets.get(&revision) {
            return target.clone();
        }
        let target = match self.catalogue.revision(revision) {
            Ok(record) => self.target_of(&record.logging).map(Arc::new),
            Err(error) => {
                tracing::error!(revision, %error, "the logging configuration can't be read");
                None
            }
        };
        if self.targets.len() >= REMEMBERED {
            self.targets.clear();
        }
        self.targets.insert(revision, target.clone());
        target
    }

    fn target_of(&self, logging: &LoggingRecord) -> Option<Target> {
        let group = LogGroup::parse(logging.log_group_arn()?)?;
        let worker = self.groups.get(&group.name).unwrap_or(&self.default).clone();
        Some(Target {
            level: log_level(logging.level),
            include_execution_data: logging.include_execution_data,
            group: Arc::new(group),
            worker,
        })
    }

    /// The log stream of a state machine: one for each run of the server, named as AWS names them.
    fn stream(&mut self, about: &About) -> Arc<str> {
        if let Some(stream) = self.streams.get(&about.state_machine_arn.0) {
            return stream.clone();
        }
        let time = format_millis(self.clock.now().0);
        let minute: String = time
            .chars()
            .take(16)
            .map(|character| if matches!(character, 'T' | ':') { '-' } else { character })
            .collect();
        let id = random::uuid().simple().to_string();
        let stream: Arc<str> =
            format!("states/{}/{minute}/{}", about.state_machine_name, id.get(..8).unwrap_or_default())
                .into();
        if self.streams.len() >= REMEMBERED {
            self.streams.clear();
        }
        self.streams.insert(about.state_machine_arn.0.clone(), stream.clone());
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_groups_are_read_from_their_arns() {
        let group = LogGroup {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            name: "/aws/vendedlogs/states/x".into(),
        };
        for (arn, expected) in [
            ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/x:*", Some(group)),
            ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/x", None),
            ("arn:aws:logs:us-east-1:000000000000:log-group::*", None),
            ("arn:aws:logs:us-east-1:000000000000:log-stream:x:*", None),
            ("arn:aws:s3:us-east-1:000000000000:log-group:x:*", None),
            ("x", None),
        ] {
            assert_eq!(LogGroup::parse(arn), expected, "{arn}");
        }
    }

    #[test]
    fn bytes_are_held_up_to_a_limit() {
        let total = Arc::default();
        let first = Held::within(10, 20, &total);
        assert!(first.is_some(), "what is too large passes alone");
        assert!(Held::within(10, 1, &total).is_none());
        drop(first);
        let second = Held::within(10, 6, &total);
        assert!(second.is_some() && Held::within(10, 5, &total).is_none());
        assert!(Held::within(10, 4, &total).is_some());
        drop(second);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
