//! Execution status change events, in EventBridge's shape, to webhooks: at least once; in order for each
//! execution as long as the webhook takes them within half a minute.
//!
//! What is owed stands in the store, put there by the batch of the change itself ([`stepwell_engine::Observer`]), and is
//! removed once the webhook has answered 2xx; so a crash at any moment costs no event. In memory there are only bounded
//! queues of what to look at: when one is full, the store is read again later.

mod delivery;
mod settings;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};
use stepwell_engine::{Observer, StatusChange};
use stepwell_integrations::Poster;
use stepwell_store::{Batch, CatalogueChange, Store};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

pub use settings::{Secret, Webhook};

use crate::{catalogue::CatalogueError, operations::Operations};
use delivery::{Delivery, Scan};

/// Begins the key of what is owed to a webhook: `w`, the webhook's id, and the change.
const OWED: u8 = b'w';
/// Deliveries to one webhook that are under way at once. An execution's events always take the same lane.
const LANES: usize = 16;
/// Events that may wait for a lane in memory.
const LANE_LEN: usize = 1_024;
/// Entries read from the store at once.
const SCAN_PAGE: usize = 1_000;
/// Names the batches in diagnostics; no shard has this number.
const EVENTS_SHARD: u16 = u16::MAX - 2;

/// What all webhooks have done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    delivered: AtomicU64,
    failed_tries: AtomicU64,
    dropped: AtomicU64,
    /// Owed and not delivered.
    pending: AtomicU64,
}

impl Counts {
    /// Each outcome and how often.
    pub(crate) fn all(&self) -> [(&'static str, u64); 3] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("delivered", count(&self.delivered)),
            ("failed_try", count(&self.failed_tries)),
            ("dropped", count(&self.dropped)),
        ]
    }

    pub(crate) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }
}

/// The webhooks as the shards' drivers see them.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    hooks: Vec<Hook>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Hook {
    prefix: Vec<u8>,
    webhook: Webhook,
    lanes: Vec<mpsc::Sender<StatusChange>>,
    /// A lane was full: what did not fit is in the store.
    overflowed: Arc<Notify>,
}

/// The ends of the lanes, for [`start`].
#[derive(Default)]
pub(crate) struct Lanes(Vec<Vec<mpsc::Receiver<StatusChange>>>);

impl Webhooks {
    /// Webhooks whose deliveries [`start`] begins.
    pub(crate) fn new(webhooks: &[Webhook]) -> (Webhooks, Lanes) {
        let mut lanes = Lanes::default();
        let hook = |webhook: &Webhook| {
            let (senders, receivers) = (0..LANES).map(|_| mpsc::channel(LANE_LEN)).unzip();
            lanes.0.push(receivers);
            Hook {
                prefix: prefix(&webhook.url),
                webhook: webhook.clone(),
                lanes: senders,
                overflowed: Arc::default(),
            }
        };
        let hooks = webhooks.iter().map(hook).collect();
        (Webhooks { hooks, counts: Arc::default() }, lanes)
    }

    /// Counts what is owed from before, and forgets what is owed to webhooks that the settings have no longer. To be called
    /// before anything else can be owed. Blocks.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read or written.
    pub(crate) fn recover(&self, store: &dyn Store) -> Result<(), CatalogueError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.catalogue_scan(&[OWED], after.as_deref(), SCAN_PAGE)?;
            let is_full = page.len() == SCAN_PAGE;
            after = page.last().map(|(key, _)| key.clone());
            let is_known = |key: &[u8]| self.hooks.iter().any(|hook| key.starts_with(&hook.prefix));
            let (known, others): (Vec<_>, Vec<_>) =
                page.into_iter().map(|(key, _)| key).partition(|key| is_known(key));
            self.counts.pending.fetch_add(known.len() as u64, Ordering::Relaxed);
            if !others.is_empty() {
                tracing::warn!(count = others.len(), "events for webhooks that are gone are dropped");
                self.counts.dropped.fetch_add(others.len() as u64, Ordering::Relaxed);
                let catalogue = others.into_iter().map(|key| CatalogueChange { key, value: None }).collect();
                store.commit_and_wait(Batch { shard: EVENTS_SHARD, catalogue, ..Batch::default() })?;
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    /// What the shards need to know.
    pub(crate) fn observers(&self) -> Arc<[Observer]> {
        let observer =
            |hook: &Hook| Observer { prefix: hook.prefix.clone(), statuses: hook.webhook.statuses.clone() };
        self.hooks.iter().map(observer).collect()
    }

    /// A change is durable, and so is that a webhook is to be told of it. Never waits.
    pub(crate) fn changed(&self, observer: usize, change: StatusChange) {
        let Some(hook) = self.hooks.get(observer) else { return };
        self.counts.pending.fetch_add(1, Ordering::Relaxed);
        let is_taken = hook.lanes.get(lane_of(&change)).is_some_and(|lane| lane.try_send(change).is_ok());
        if !is_taken {
            hook.overflowed.notify_one();
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Begins all deliveries: first of what the store has from before.
pub(crate) fn start(operations: &Arc<Operations>, poster: &Arc<Poster>, lanes: Lanes) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (hook, receivers) in operations.webhooks.hooks.iter().zip(lanes.0) {
        let delivery = Arc::new(Delivery {
            operations: operations.clone(),
            poster: poster.clone(),
            counts: operations.webhooks.counts.clone(),
            prefix: hook.prefix.clone(),
            webhook: hook.webhook.clone(),
            removals: AtomicU64::new(0),
            is_failing: Default::default(),
        });
        for (lane, changes) in hook.lanes.iter().zip(receivers) {
            let lane = delivery.clone().lane(lane.clone(), changes, hook.overflowed.clone());
            tasks.push(tokio::spawn(lane));
        }
        let scan = Scan { delivery, lanes: hook.lanes.clone(), overflowed: hook.overflowed.clone() };
        tasks.push(tokio::spawn(scan.run()));
    }
    tasks
}

/// The prefix of what is owed to the webhook with this URL.
fn prefix(url: &str) -> Vec<u8> {
    let digest = Sha256::digest(url.as_bytes());
    let mut prefix = vec![OWED];
    prefix.extend_from_slice(&digest[..8]);
    prefix
}

fn lane_of(change: &StatusChange) -> usize {
    // The bytes of a key that are a hash.
    usize::from(change.key.arn_hash()) % LANES
}
