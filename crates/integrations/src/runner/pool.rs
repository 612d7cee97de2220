//! The workers of one function: at most `concurrency`, reused while warm, ended when unused for long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Event;
use super::bootstrap::Bootstraps;
use super::worker::{End, ProcessFunction, Worker, describe_exit};
use crate::lambda::Answer;
use crate::turns::QUEUE_MAX;

/// Shortest and longest pause between looks at unused workers.
const REAP_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The pool of one function.
pub(super) struct Pool {
    function: ProcessFunction,
    bootstraps: Arc<Bootstraps>,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
    stop: watch::Receiver<bool>,
}

#[derive(Default)]
struct Idle {
    /// The most recently used is last, and first to be used again.
    workers: Vec<(Worker, Instant)>,
    is_reaping: bool,
    is_closed: bool,
}

/// Too many events wait already.
pub(super) struct QueueFull;

impl Pool {
    pub(super) fn new(
        function: ProcessFunction,
        bootstraps: Arc<Bootstraps>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(function.config.concurrency));
        Self { function, bootstraps, places, waiting: AtomicUsize::new(0), idle: Mutex::default(), stop }
    }

    /// Waits, first come first served, until an event may run; `None` after the pool was closed.
    pub(super) async fn permit(&self) -> Result<Option<OwnedSemaphorePermit>, QueueFull> {
        if self.waiting.load(Ordering::Relaxed) >= QUEUE_MAX {
            return Err(QueueFull);
        }
        let _waiting = Counted::new(&self.waiting);
        let mut stop = self.stop.clone();
        tokio::select! {
            permit = self.places.clone().acquire_owned() => Ok(permit.ok()),
            _ = stop.wait_for(|stopped| *stopped) => Ok(None),
        }
    }

    /// Runs an event; the caller holds a permit. `None` when the pool was closed meanwhile.
    pub(super) async fn run(self: Arc<Self>, event: Event) -> Option<Answer> {
        let mut stop = self.stop.clone();
        tokio::select! {
            answer = self.run_event(&event) => Some(answer),
            // Dropping the other branch kills its worker.
            _ = stop.wait_for(|stopped| *stopped) => None,
        }
    }

    async fn run_event(self: &Arc<Self>, event: &Event) -> Answer {
        loop {
            let mut worker = match self.take_idle() {
                Some(worker) => worker,
                None => match Worker::start(&self.function, &self.bootstraps).await {
                    Ok(worker) => worker,
                    Err(reason) => return self.entrypoint_error(event, &reason),
                },
            };
            let timeout = self.function.config.timeout;
            let end = worker.run(event, timeout).await;
            if end.leaves_worker() {
                self.give_back(worker);
            } else {
                drop(worker);
            }
            let request_id = event.request_id.clone();
            return match end {
                // Each round uses up one of the warm workers; a fresh one never ends this way.
                End::NotDelivered => continue,
                End::Response { payload, tail } => {
                    let mut answer = Answer::traced(200, payload, request_id, event.trace_id.clone());
                    answer.log_result =
                        tail.map(|tail| base64::engine::general_purpose::STANDARD.encode(tail));
                    answer
                }
                End::Error { document } | End::InitError { document } => Answer::error(document, request_id),
                End::TooLarge => Answer::too_large(request_id),
                End::TimedOut => {
                    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
                    let seconds = timeout.as_secs_f64();
                    Answer::error(
                        format!(
                            r#"{{"errorMessage":"{now} {request_id} Task timed out after {seconds:.2} seconds"}}"#
                        ),
                        request_id,
                    )
                }
                End::Exited(status) => {
                    let reason = describe_exit(status);
                    Answer::error(
                        format!(
                            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {request_id} Error: {reason}"}}"#
                        ),
                        request_id,
                    )
                }
            };
        }
    }

    /// The function is there but its program can't be started: an error of the function, which must not bear one of
    /// the names that generated definitions retry for minutes.
    fn entrypoint_error(&self, event: &Event, reason: &str) -> Answer {
        let message = format!("RequestId: {} Error: {reason}", event.request_id);
        tracing::warn!(target: "stepwell::lambda", function = %self.function.name, reason, "a handler process can't be started");
        let message = serde_json::Value::String(message);
        Answer::error(
            format!(r#"{{"errorType":"Runtime.InvalidEntrypoint","errorMessage":{message}}}"#),
            event.request_id.clone(),
        )
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Worker> {
        loop {
            let (mut worker, _) = self.idle().workers.pop()?;
            if worker.is_alive() {
                return Some(worker);
            }
        }
    }

    fn give_back(self: &Arc<Self>, worker: Worker) {
        let mut idle = self.idle();
        if idle.is_closed {
            return;
        }
        idle.workers.push((worker, Instant::now()));
        if !idle.is_reaping {
            idle.is_reaping = true;
            tokio::spawn(reap(Arc::downgrade(self)));
        }
    }

    /// Takes out the workers that were not used for long or have died; says whether any are left.
    fn take_unused(&self) -> (Vec<Worker>, bool) {
        let limit = self.function.config.idle;
        let mut idle = self.idle();
        let mut unused = Vec::new();
        let mut kept = Vec::new();
        for (mut worker, since) in idle.workers.drain(..) {
            if since.elapsed() >= limit || !worker.is_alive() {
                unused.push(worker);
            } else {
                kept.push((worker, since));
            }
        }
        idle.workers = kept;
        idle.is_reaping = !idle.workers.is_empty();
        (unused, idle.is_reaping)
    }

    /// Ends the idle workers and waits until they are gone. The busy ones end with their events.
    pub(super) async fn close(&self) {
        let workers = {
            let mut idle = self.idle();
            idle.is_closed = true;
            std::mem::take(&mut idle.workers)
        };
        stop_all(workers.into_iter().map(|(worker, _)| worker)).await;
    }
}

/// Ends unused workers now and then for as long as there are any. It does not keep the pool alive.
async fn reap(pool: Weak<Pool>) {
    loop {
        let Some(pause) = pool.upgrade().map(|pool| pool.function.config.idle / 4) else { return };
        tokio::time::sleep(pause.clamp(REAP_PAUSE.0, REAP_PAUSE.1)).await;
        let Some((unused, goes_on)) = pool.upgrade().map(|pool| pool.take_unused()) else { return };
        stop_all(unused).await;
        if !goes_on {
            return;
        }
    }
}

/// Counts one more for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn stop_all(workers: impl IntoIterator<Item = Worker>) {
    let mut stopping = JoinSet::new();
    for worker in workers {
        stopping.spawn(worker.stop());
    }
    while stopping.join_next().await.is_some() {}
}
