//! Jobs that have ended are kept for a while, with their logs, and then removed.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::job::{Job, JobId};
use crate::clock::now_milliseconds;

/// How long a job is kept after its end: Batch's seven days.
const KEPT_MILLISECONDS: i64 = 7 * 24 * 3600 * 1000;
/// How many jobs that have ended are kept at most, children of arrays included; the oldest go first.
pub(crate) const ENDED_MAX: usize = 50_000;
/// How often it is looked for jobs to remove.
const INTERVAL: Duration = Duration::from_secs(600);

impl Engine {
    /// Removes from time to time what need not be kept. Never resolves.
    pub(crate) async fn retain(self: Arc<Self>) {
        let mut stop = self.stop.subscribe();
        while tokio::time::timeout(INTERVAL, stop.wait_for(|stop| *stop)).await.is_err() {
            self.sweep(now_milliseconds(), ENDED_MAX).await;
        }
    }

    pub(super) async fn sweep(&self, now: i64, ended_max: usize) {
        let weight = |job: &Job| job.spec.array_size.map_or(1, |size| size as usize + 1);
        let mut ended = self.view_all(|job| {
            let stopped_at = job.progress.stopped_at.filter(|_| job.progress.status.has_ended())?;
            (job.index.is_none()).then(|| (stopped_at, job.id(), weight(job)))
        });
        ended.sort();
        let mut count: usize = ended.iter().map(|(_, _, weight)| weight).sum();
        let mut removed: Vec<JobId> = Vec::new();
        for (stopped_at, id, weight) in ended {
            if count <= ended_max && now - stopped_at <= KEPT_MILLISECONDS {
                break;
            }
            count -= weight;
            removed.push(id);
        }
        if removed.is_empty() {
            return;
        }
        {
            let mut state = self.state();
            for id in &removed {
                state.remove(id);
            }
        }
        let records = self.records.clone();
        let removal = tokio::task::spawn_blocking(move || {
            for id in &removed {
                if let Err(error) = records.remove(id) {
                    tracing::warn!(target: "stepwell::jobs", job = %id, %error, "a job's folder can't be removed");
                }
            }
        });
        let _ = removal.await;
    }
}
