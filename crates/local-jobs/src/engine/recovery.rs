//! What a server does with the jobs of the one before it.

use std::io;
use std::sync::Arc;

use super::job::{JobId, Phase, Status};
use super::records::Found;
use super::{Engine, State};

impl Engine {
    /// Takes up all jobs that are recorded: those that were launched are looked for, those that wait stand in their
    /// queues again, in the order in which they were submitted.
    pub(crate) async fn recover(self: &Arc<Self>) -> io::Result<()> {
        let records = self.records.clone();
        let mut found = tokio::task::spawn_blocking(move || records.read_all()).await??;
        found.sort_by(|one, other| {
            (one.spec.created_at, &one.spec.id).cmp(&(other.spec.created_at, &other.spec.id))
        });
        let (launched, ended) = self.state().recover(found);
        for id in launched {
            tokio::spawn(self.clone().attempt(id, true));
        }
        self.end_all(ended).await;
        Ok(())
    }
}

impl State {
    /// Gives the jobs that were launched and those that end by what was recorded.
    fn recover(&mut self, found: Vec<Found>) -> (Vec<JobId>, Vec<JobId>) {
        let mut all = Vec::new();
        for found in found {
            let id = JobId::whole(&found.spec.id);
            let size = found.spec.array_size.unwrap_or_default();
            // They were within the limit when they were submitted, and have to be taken up in any case.
            let live = std::mem::take(&mut self.live);
            let inserted = self.insert(Arc::new(found.spec), found.progress, &found.children);
            self.live += live;
            if let Err(fault) = inserted {
                tracing::error!(target: "stepwell::jobs", job = %id, error = fault.message, "a job can't be taken up");
                continue;
            }
            all.extend((0..size).map(|index| id.child(index)));
            all.push(id);
        }
        let (mut launched, mut ended) = (Vec::new(), Vec::new());
        for id in all {
            let parent = id.index.and_then(|_| self.jobs.get(&JobId { id: id.id.clone(), index: None }));
            let parent_end = parent
                .filter(|parent| parent.progress.status.has_ended())
                .map(|parent| (parent.progress.reason.clone(), parent.progress.stopped_at));
            let termination = parent.and_then(|parent| parent.progress.termination.clone());
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            let status = job.progress.status;
            if job.is_array() {
                if !status.has_ended() {
                    ended.extend(self.settle_parent(&id, crate::clock::now_milliseconds()));
                }
                continue;
            }
            if status.has_ended() {
                continue;
            }
            if let Some((reason, stopped_at)) = parent_end {
                // Never launched, or it would have a record of its end.
                self.set_end(
                    &id,
                    Status::Failed,
                    &reason.unwrap_or_default(),
                    stopped_at.unwrap_or_default(),
                );
                if let Some(job) = self.jobs.get_mut(&id) {
                    job.phase.send_replace(Phase::Ended);
                }
                continue;
            }
            if status.is_waiting() {
                self.set_status(&id, Status::Submitted);
                match termination {
                    Some(termination) => ended.extend(self.terminate(&id, &termination)),
                    None => {
                        let Some(spec) = self.jobs.get(&id).map(|job| job.spec.clone()) else { continue };
                        ended.extend(self.release_one(&id, &spec));
                    }
                }
                continue;
            }
            let (face, lane) = (job.spec.face, job.spec.lane.clone());
            if job.progress.termination.is_some() {
                job.phase.send_replace(Phase::Ending);
            }
            if let Some(termination) = termination {
                ended.extend(self.terminate(&id, &termination));
            }
            self.lanes.occupy(face, &lane);
            launched.push(id);
        }
        (launched, ended)
    }
}
