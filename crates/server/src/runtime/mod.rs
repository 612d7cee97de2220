//! Threads, channels and clocks around the shards: the only place that has them.

mod clock;
mod inbox;
mod loader;
mod router;
mod worker;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use stepwell_engine::{Config, Input, Limits, Observer, Released, Shard, TokenKey};
use stepwell_interpreter::Budget;
use stepwell_store::{HashRange, Store};

pub(crate) use clock::Clock;
use inbox::Inbox;
pub(crate) use loader::is_active;
use loader::{LoadRequest, Loader, LoaderState};
use router::Message;
pub(crate) use router::{Answer, Router};
use worker::Worker;

use crate::{catalogue::Catalogue, heavy::HeavyThreads};

/// Who takes what leaves a shard.
pub(crate) trait Outside: Send + Sync {
    /// Carries out what may leave. Called from the store's thread too: it must be quick and must not block.
    fn release(&self, released: Vec<Released<Answer>>);
    /// The store or a shard has failed: nothing that was not durable leaves any more.
    fn failed(&self, reason: &str);
}

/// What shards are made with.
#[derive(Debug, Clone)]
pub(crate) struct ShardSettings {
    pub(crate) limits: Limits,
    pub(crate) store_seed: [u8; 32],
    pub(crate) token_key: TokenKey,
    pub(crate) wait_scale: f64,
    pub(crate) observers: Arc<[Observer]>,
}

/// The inboxes of shards whose threads do not run yet.
pub(crate) struct Inboxes {
    router: Arc<Router>,
    inboxes: Vec<Arc<Inbox<Message>>>,
}

/// A router, and the inboxes for [`Runtime::start`].
pub(crate) fn router(shard_count: u16) -> (Arc<Router>, Inboxes) {
    let (router, inboxes) = Router::new(shard_count);
    let router = Arc::new(router);
    (router.clone(), Inboxes { router, inboxes })
}

/// The threads at work.
pub(crate) struct Runtime {
    router: Arc<Router>,
    workers: Vec<JoinHandle<()>>,
    loader: Option<JoinHandle<()>>,
    loads: mpsc::Sender<LoadRequest>,
    heavy: Arc<HeavyThreads>,
}

impl Runtime {
    /// Starts all threads; recovery begins at once.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        inboxes: Inboxes,
        clock: Arc<Clock>,
        store: Arc<dyn Store>,
        catalogue: Arc<Catalogue>,
        outside: Arc<dyn Outside>,
        heavy: Arc<HeavyThreads>,
        settings: &ShardSettings,
    ) -> std::io::Result<Runtime> {
        let Inboxes { router, inboxes } = inboxes;
        let (loads, requests) = mpsc::channel();
        // Before anything is decided, shards must know which activities exist.
        for activity in catalogue.activity_arns() {
            router.broadcast(|| Input::ActivityCreated { activity: activity.clone() });
        }
        let mut workers = Vec::new();
        for (number, inbox) in (0..).zip(inboxes) {
            let config = Config {
                number,
                owned: HashRange::of_shard(number, router.count()),
                limits: settings.limits.clone(),
                store_seed: settings.store_seed,
                token_key: settings.token_key.clone(),
                wait_scale: settings.wait_scale,
                budget: Budget::SHARED,
                observers: settings.observers.clone(),
            };
            let worker = Worker {
                number,
                shard: Shard::new(config),
                inbox,
                in_flight: 0,
                in_flight_max: settings.limits.batches_in_flight_max,
                answered: 0,
                commit_began: std::time::Instant::now(),
                last_commit: std::time::Duration::ZERO,
                is_stopping: false,
                router: router.clone(),
                clock: clock.clone(),
                store: store.clone(),
                outside: outside.clone(),
                loads: loads.clone(),
                heavy: heavy.clone(),
            };
            let name = format!("shard-{number}");
            let outside = outside.clone();
            workers.push(std::thread::Builder::new().name(name).spawn(move || {
                // What a shard without its thread has decided is unknown: the process ends, and a restart recovers.
                if catch_unwind(AssertUnwindSafe(|| worker.run())).is_err() {
                    outside.failed(&format!("shard {number} met a bug"));
                }
            })?);
        }
        let state = LoaderState::default();
        let park_after_millis = settings.limits.park_after_millis;
        let loader =
            Loader { requests, router: router.clone(), clock, store, catalogue, park_after_millis, state };
        let loader = std::thread::Builder::new().name("loader".to_owned()).spawn(move || loader.run())?;
        Ok(Runtime { router, workers, loader: Some(loader), loads, heavy })
    }

    /// Lets all shards finish what waits for its commit, and ends the threads. Blocks.
    pub(crate) fn stop(mut self) {
        self.router.stop();
        self.heavy.stop();
        for worker in self.workers.drain(..) {
            // A worker that panicked has been reported by the panic hook.
            let _ = worker.join();
        }
        let _ = self.loads.send(LoadRequest::Stop);
        if let Some(loader) = self.loader.take() {
            let _ = loader.join();
        }
    }
}
