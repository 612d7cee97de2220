//! The way of one event to its webhook: tried until it is taken, a day at most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use stepwell_api::{StatusChangeEvent, ToJson};
use stepwell_asl::timestamp::format_millis;
use stepwell_engine::{Ends, StatusChange};
use stepwell_integrations::Poster;
use stepwell_store::{Batch, CatalogueChange, Status};
use tokio::sync::{Notify, mpsc};

use super::{Counts, EVENTS_SHARD, SCAN_PAGE, Webhook, lane_of};
use crate::{
    catalogue::{self, CatalogueError},
    operations::{Operations, execution_status},
    random,
};

/// How long an event is tried, as EventBridge does by default.
const TRY_FOR_MILLIS: i64 = 24 * 3600 * 1000;
/// Events owed to all webhooks above which one that fails is dropped at once.
const PENDING_MAX: u64 = 100_000;
/// The pause before the second try; it doubles from then on.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries in a row. Then the event goes behind those that wait, so that one that is never taken holds nobody up.
const TRIES_IN_A_ROW: u32 = 6;
/// How long the store is left alone between two scans.
const SCAN_PAUSE: Duration = Duration::from_millis(200);

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is owed no more.
    Settled,
    /// It is still owed.
    Later,
}

/// All that delivering to one webhook needs.
pub(super) struct Delivery {
    pub(super) operations: Arc<Operations>,
    pub(super) poster: Arc<Poster>,
    pub(super) counts: Arc<Counts>,
    pub(super) prefix: Vec<u8>,
    pub(super) webhook: Webhook,
    /// Batches that removed an entry.
    pub(super) removals: AtomicU64,
    /// The last try failed, and a warning has said so.
    pub(super) is_failing: AtomicBool,
}

impl Delivery {
    /// Delivers what comes, one after the other. `lane` and `overflowed` are for what must be tried again later.
    pub(super) async fn lane(
        self: Arc<Self>,
        lane: mpsc::Sender<StatusChange>,
        mut changes: mpsc::Receiver<StatusChange>,
        overflowed: Arc<Notify>,
    ) {
        while let Some(change) = changes.recv().await {
            match self.deliver(change).await {
                Ok(Fate::Settled) => {}
                Ok(Fate::Later) => {
                    if lane.try_send(change).is_err() {
                        overflowed.notify_one();
                    }
                }
                // The entry stays; a restart finds it.
                Err(error) => {
                    tracing::error!(url = self.webhook.url, %error, "a status change event could not be delivered");
                }
            }
        }
    }

    async fn deliver(&self, change: StatusChange) -> Result<Fate, CatalogueError> {
        let entry_key = change.entry_key(&self.prefix);
        let Some(time) = self.operations.store.catalogue_get(&entry_key)? else {
            // It was told twice of one entry.
            return Ok(Fate::Settled);
        };
        let time_ms = time.as_ref().try_into().map(i64::from_be_bytes).unwrap_or_default();
        // An execution that retention has removed meanwhile has nothing to tell.
        if let Some(event) = self.event(&change, &entry_key, time_ms)? {
            let body = Bytes::from(event.to_json());
            let headers = self.headers(&event.id, &body);
            if self.post(&headers, &body, time_ms).await == Fate::Later {
                return Ok(Fate::Later);
            }
        }
        self.remove(entry_key).await?;
        self.counts.pending.fetch_sub(1, Ordering::Relaxed);
        Ok(Fate::Settled)
    }

    /// Tries a few times; the event is settled when the webhook has taken it or when it is too late.
    async fn post(&self, headers: &[(&'static str, String)], body: &Bytes, time_ms: i64) -> Fate {
        let mut pause = PAUSE;
        for _ in 0..TRIES_IN_A_ROW {
            let answer =
                self.poster.post(&self.webhook.url, headers, body.clone(), self.webhook.timeout).await;
            let reason = match answer {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                    if self.is_failing.swap(false, Ordering::Relaxed) {
                        tracing::info!(url = self.webhook.url, "the webhook takes events again");
                    }
                    return Fate::Settled;
                }
                Ok(answer) => format!("it answered HTTP status {}", answer.status),
                Err(error) => error.to_string(),
            };
            self.counts.failed_tries.fetch_add(1, Ordering::Relaxed);
            if !self.is_failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(url = self.webhook.url, reason, "the webhook does not take events; they wait");
            }
            let is_too_late = self.operations.clock.now().0.saturating_sub(time_ms) > TRY_FOR_MILLIS;
            if is_too_late || self.counts.pending() > PENDING_MAX {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                return Fate::Settled;
            }
            let jitter = random::below(u64::try_from(pause.as_millis()).unwrap_or(1).max(1) / 2 + 1);
            tokio::time::sleep(pause + Duration::from_millis(jitter)).await;
            pause *= 2;
        }
        Fate::Later
    }

    fn headers(&self, id: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", concat!("stepwell/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("x-stepwell-event-id", id.to_owned()),
        ];
        if let Some(secret) = &self.webhook.secret {
            headers.push(("x-stepwell-signature", format!("sha256={}", signature(&secret.0, body))));
        }
        headers
    }

    /// The event; none when the execution is gone.
    fn event(
        &self,
        change: &StatusChange,
        entry_key: &[u8],
        time_ms: i64,
    ) -> Result<Option<StatusChangeEvent>, CatalogueError> {
        let Some(row) = self.operations.store.row(change.key)? else { return Ok(None) };
        // The row may have gone on: an execution ends, and may be redriven.
        let is_end = change.status.is_closed();
        let is_present = row.status == change.status && row.redrive_count == change.redrive_count;
        let ends = self.operations.ends(change.key, &row).unwrap_or_else(|error| {
            tracing::error!(execution = row.arn, %error, "the data of an event can't be read");
            Ends::default()
        });
        let Ends { input, output, error, cause } = ends;
        let shows_error = is_end && is_present && row.status != Status::TimedOut;
        let text = |text: &str| -> Arc<str> { text.into() };
        let mut then = (*row).clone();
        then.status = change.status;
        then.stop_ms = is_end.then_some(time_ms);
        let (redrive_status, redrive_status_reason) = self.operations.redrive_status(&then);
        Ok(Some(StatusChangeEvent {
            id: event_id(entry_key),
            time: format!("{}Z", format_millis(time_ms).get(..19).unwrap_or_default()),
            execution_arn: text(&row.arn),
            state_machine_arn: text(&row.state_machine_arn),
            name: text(&row.name),
            status: execution_status(change.status),
            start_ms: row.start_ms,
            stop_ms: is_end.then_some(time_ms),
            input,
            output: output.filter(|_| is_end && is_present),
            error: error.filter(|_| shows_error),
            cause: cause.filter(|_| shows_error),
            state_machine_version_arn: row.version_arn.as_deref().map(text),
            state_machine_alias_arn: row.alias_arn.as_deref().map(text),
            redrive_count: change.redrive_count,
            redrive_ms: row.redrive_ms.filter(|_| change.redrive_count > 0),
            redrive_status,
            redrive_status_reason,
        }))
    }

    /// What was owed is owed no more.
    async fn remove(&self, entry_key: Vec<u8>) -> Result<(), CatalogueError> {
        let batch = Batch {
            shard: EVENTS_SHARD,
            sequence: self.removals.fetch_add(1, Ordering::Relaxed) + 1,
            catalogue: vec![CatalogueChange { key: entry_key, value: None }],
            ..Batch::default()
        };
        Ok(catalogue::commit(&*self.operations.store, batch).await?)
    }
}

/// The same for the same entry, however often it is sent.
fn event_id(entry_key: &[u8]) -> String {
    let digest = Sha256::digest(entry_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// HMAC-SHA256 in lower-case hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mac) = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()) else { return String::new() };
    let digest = mac.chain_update(body).finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Brings what the store has to the lanes: at the start, and after a lane was full.
pub(super) struct Scan {
    pub(super) delivery: Arc<Delivery>,
    pub(super) lanes: Vec<mpsc::Sender<StatusChange>>,
    pub(super) overflowed: Arc<Notify>,
}

impl Scan {
    pub(super) async fn run(self) {
        loop {
            if let Err(error) = self.pass().await {
                tracing::error!(%error, "the store can't be read for events that are owed");
            }
            self.overflowed.notified().await;
            tokio::time::sleep(SCAN_PAUSE).await;
        }
    }

    async fn pass(&self) -> Result<(), CatalogueError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let prefix = &self.delivery.prefix;
            let page = self.delivery.operations.store.catalogue_scan(prefix, after.as_deref(), SCAN_PAGE)?;
            let is_full = page.len() == SCAN_PAGE;
            for (key, _) in page {
                if let Some(change) = StatusChange::of_entry_key(prefix, &key)
                    && let Some(lane) = self.lanes.get(lane_of(&change))
                {
                    // Waits for room. The lanes end with the server.
                    let _ = lane.send(change).await;
                }
                after = Some(key);
            }
            if !is_full {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_hmac_sha_256() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
