//! Queues of jobs, their attempts, and what is recorded of them.
//!
//! A job is recorded before the call that submits it is answered, before each launch and when an attempt has ended.
//! What was never launched needs no record of its own within an array: it follows from its parent's.

mod attempt;
pub(crate) mod job;
mod lanes;
mod logs;
mod records;
mod recovery;
mod retention;
mod retry;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use attempt::HOST_TERMINATED;
use job::{Dependency, Job, JobId, Phase, Progress, Spec, Status, Termination};
pub(crate) use lanes::Lanes;
pub use logs::{JobLog, JobLogs};
pub(crate) use records::Records;
use tokio::sync::watch;

use crate::api::{Fault, NEVER_SUBMITTED};
use crate::clock::now_milliseconds;
use crate::runner::Runner;

/// Jobs that may wait and run at once, children of arrays included; then SubmitJob and RunTask fail.
pub(crate) const LIVE_MAX: usize = 100_000;
/// Jobs in memory above which those that have ended are removed before their time.
const KNOWN_MAX: usize = LIVE_MAX + 2 * retention::ENDED_MAX;
/// Records are written side by side, but those of one job one after the other.
const WRITERS: usize = 16;

/// The reason of a job whose dependency failed, in Batch's words.
const DEPENDENCY_FAILED: &str = "Dependent Job failed";
/// The reason of an array job of which a child failed, in Batch's words.
const CHILD_FAILED: &str = "Array Child Job failed";

#[derive(Default)]
struct State {
    jobs: HashMap<JobId, Job>,
    lanes: Lanes,
    /// Jobs that have not ended, parents of arrays apart.
    live: usize,
}

/// All jobs.
pub(crate) struct Engine {
    state: Mutex<State>,
    records: Arc<Records>,
    runner: Arc<dyn Runner>,
    /// Variables that every process gets.
    environment: BTreeMap<String, String>,
    writers: [tokio::sync::Mutex<()>; WRITERS],
    /// Whether the server is stopping.
    stop: watch::Sender<bool>,
    /// Attempts under way.
    attempts: watch::Sender<usize>,
}

impl Engine {
    pub(crate) fn new(
        records: Records,
        runner: Arc<dyn Runner>,
        environment: BTreeMap<String, String>,
        lanes: Lanes,
    ) -> Arc<Engine> {
        Arc::new(Engine {
            state: Mutex::new(State { lanes, ..State::default() }),
            records: Arc::new(records),
            runner,
            environment,
            writers: Default::default(),
            stop: watch::Sender::new(false),
            attempts: watch::Sender::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a job.
    pub(crate) fn view<T>(&self, id: &JobId, look: impl FnOnce(&Job) -> T) -> Option<T> {
        self.state().jobs.get(id).map(look)
    }

    /// Looks at all jobs, in no order, children included.
    pub(crate) fn view_all<T>(&self, look: impl FnMut(&Job) -> Option<T>) -> Vec<T> {
        self.state().jobs.values().filter_map(look).collect()
    }

    /// Takes a job on, unless it was before: submitting the same again changes nothing. Goes on when its caller goes away.
    /// With `only_finds` no job is taken on.
    ///
    /// # Errors
    /// Too many jobs wait, a dependency is unknown, the record can't be written, or the id is of another request; or, with
    /// `only_finds`, there is no such job.
    pub(crate) async fn submit(self: &Arc<Self>, spec: Spec, only_finds: bool) -> Result<(), Fault> {
        if only_finds && self.view(&JobId::whole(&spec.id), |_| ()).is_none() {
            let message = "The job was never submitted.".to_owned();
            return Err(Fault { code: NEVER_SUBMITTED, status: 400, message });
        }
        let engine = self.clone();
        let submitted = tokio::spawn(async move { engine.take_on(spec).await }).await;
        submitted.unwrap_or_else(|error| Err(Fault::server(error.to_string())))
    }

    async fn take_on(self: &Arc<Self>, spec: Spec) -> Result<(), Fault> {
        let id = JobId::whole(&spec.id);
        let known = self.state().jobs.len();
        if known > KNOWN_MAX {
            self.sweep(now_milliseconds(), retention::ENDED_MAX / 2).await;
        }
        let is_new = {
            let mut state = self.state();
            match state.jobs.get(&id) {
                Some(known) if known.spec.digest != spec.digest => {
                    return Err(Fault {
                        code: "ConflictException",
                        status: 400,
                        message: "The client token was used before with other parameters.".to_owned(),
                    });
                }
                Some(_) => false,
                None => {
                    state.check_dependencies(&spec)?;
                    state.insert(Arc::new(spec), Progress::new(), &BTreeMap::new())?;
                    true
                }
            }
        };
        if let Err(error) = self.persist(&id).await {
            if is_new {
                self.state().remove(&id);
            }
            return Err(Fault::server(format!("The job can't be recorded: {error}")));
        }
        if is_new {
            let ended = self.state().release(&id);
            self.end_all(ended).await;
            self.pump();
        }
        Ok(())
    }

    /// Ends a job that somebody does not want any more. One that has ended stays as it is; `by_cancel` leaves alone what
    /// has begun. Goes on when its caller goes away.
    pub(crate) async fn terminate(self: &Arc<Self>, id: &JobId, reason: &str, by_cancel: bool) {
        let termination = Termination { reason: reason.to_owned(), at: now_milliseconds(), by_cancel };
        let (engine, id) = (self.clone(), id.clone());
        let terminated = tokio::spawn(async move { engine.give_up(&id, &termination).await }).await;
        if let Err(error) = terminated {
            tracing::error!(target: "stepwell::jobs", %error, "a termination was not carried out");
        }
    }

    async fn give_up(self: &Arc<Self>, id: &JobId, termination: &Termination) {
        let ended = {
            let mut state = self.state();
            match state.jobs.get(id) {
                Some(job) if !job.progress.status.has_ended() => state.terminate(id, termination),
                _ => return,
            }
        };
        if let Err(error) = self.persist(id).await {
            tracing::error!(target: "stepwell::jobs", job = %id, %error, "a termination can't be recorded");
        }
        self.end_all(ended).await;
    }

    /// Resolves when the job has ended; at once when nobody knows it.
    pub(crate) fn ended(&self, id: &JobId) -> impl Future<Output = ()> + Send + use<> {
        let phase = self.view(id, |job| job.phase.subscribe());
        async move {
            if let Some(mut phase) = phase {
                // A job that is removed has ended too.
                let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
            }
        }
    }

    /// Writes a job's record, as the job is at that moment. A child that was never launched needs none.
    async fn persist(&self, id: &JobId) -> std::io::Result<()> {
        let shard = id.id.bytes().fold(0_usize, |sum, byte| sum.wrapping_add(byte.into())) % WRITERS;
        let _writing = self.writers[shard].lock().await;
        let found = self.view(id, |job| (job.spec.clone(), job.progress.clone()));
        let Some((spec, progress)) =
            found.filter(|(_, progress)| id.index.is_none() || progress.launches > 0)
        else {
            return Ok(());
        };
        let (records, id) = (self.records.clone(), id.clone());
        tokio::task::spawn_blocking(move || records.write(&id, &spec, &progress))
            .await
            .map_err(std::io::Error::other)?
    }

    /// Records jobs that have just ended and lets those go on, or end, that wait for them.
    async fn end_all(self: &Arc<Self>, mut ended: Vec<JobId>) {
        while let Some(id) = ended.pop() {
            if let Err(error) = self.persist(&id).await {
                tracing::error!(target: "stepwell::jobs", job = %id, %error, "the end of a job can't be recorded");
            }
            ended.extend(self.state().settle(&id));
        }
        self.pump();
    }

    /// Launches what the queues have room for.
    fn pump(self: &Arc<Self>) {
        if *self.stop.borrow() {
            return;
        }
        let mut state = self.state();
        while let Some(id) = state.next_launch() {
            tokio::spawn(self.clone().attempt(id, false));
        }
    }

    /// Launches nothing any more. What runs goes on without this server, unless it can't be found again.
    pub(crate) async fn shutdown(&self, within: std::time::Duration) {
        self.stop.send_replace(true);
        let mut attempts = self.attempts.subscribe();
        let _ = tokio::time::timeout(within, attempts.wait_for(|attempts| *attempts == 0)).await;
    }
}

impl State {
    /// Puts a job and, for an array, its children in.
    fn insert(
        &mut self,
        spec: Arc<Spec>,
        progress: Progress,
        children: &BTreeMap<u32, Progress>,
    ) -> Result<(), Fault> {
        let size = spec.array_size.unwrap_or_default();
        if self.live + size.max(1) as usize > LIVE_MAX {
            return Err(Fault::server(format!(
                "More than {LIVE_MAX} jobs would wait or run on this machine."
            )));
        }
        let id = JobId::whole(&spec.id);
        let mut job = Job::new(spec.clone(), None, progress);
        for index in 0..size {
            let progress = children.get(&index).cloned().unwrap_or_else(Progress::new);
            let child = Job::new(spec.clone(), Some(index), progress);
            job.summary[child.progress.status as usize] += 1;
            self.live += usize::from(!child.progress.status.has_ended());
            self.jobs.insert(id.child(index), child);
        }
        self.live += usize::from(size == 0 && !job.progress.status.has_ended());
        self.jobs.insert(id, job);
        Ok(())
    }

    fn remove(&mut self, id: &JobId) {
        let size = self.jobs.get(id).and_then(|job| job.spec.array_size).unwrap_or_default();
        let all = (0..size).map(|index| id.child(index)).chain([id.clone()]);
        for id in all {
            if let Some(job) = self.jobs.remove(&id) {
                self.live -= usize::from(!job.is_array() && !job.progress.status.has_ended());
            }
        }
    }

    fn set_status(&mut self, id: &JobId, status: Status) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let before = std::mem::replace(&mut job.progress.status, status);
        if !job.is_array() && status.has_ended() && !before.has_ended() {
            self.live = self.live.saturating_sub(1);
        }
        if id.index.is_some()
            && let Some(parent) = self.jobs.get_mut(&JobId { id: id.id.clone(), index: None })
        {
            parent.summary[before as usize] = parent.summary[before as usize].saturating_sub(1);
            parent.summary[status as usize] += 1;
        }
    }

    /// Sets a job's end, which is not settled before it is recorded.
    fn set_end(&mut self, id: &JobId, status: Status, reason: &str, at: i64) {
        self.set_status(id, status);
        if let Some(job) = self.jobs.get_mut(id) {
            job.progress.stopped_at = Some(at);
            job.progress.reason = Some(reason.to_owned());
        }
    }

    fn check_dependencies(&self, spec: &Spec) -> Result<(), Fault> {
        for dependency in &spec.depends_on {
            let (text, size) = match dependency {
                Dependency::Previous => continue,
                Dependency::Job(text) => (text, None),
                Dependency::SameIndex(text) => (text, spec.array_size),
            };
            let Some(other) = self.jobs.get(&JobId::parse(text)) else {
                return Err(Fault::client(format!(
                    "The job {text} to depend on is not known on this machine."
                )));
            };
            if size.is_some() && other.spec.array_size != size {
                return Err(Fault::client(format!("The array job {text} to depend on has another size.")));
            }
        }
        Ok(())
    }

    /// Lets a job that was just recorded wait for its dependencies, or stand in its queue. Gives those that end at once.
    fn release(&mut self, id: &JobId) -> Vec<JobId> {
        let Some(job) = self.jobs.get(id) else { return Vec::new() };
        let spec = job.spec.clone();
        let Some(size) = spec.array_size else { return self.release_one(id, &spec) };
        self.set_status(id, Status::Pending);
        (0..size).flat_map(|index| self.release_one(&id.child(index), &spec)).collect()
    }

    fn release_one(&mut self, id: &JobId, spec: &Spec) -> Vec<JobId> {
        if self.jobs.get(id).is_none_or(|job| job.progress.status != Status::Submitted) {
            return Vec::new();
        }
        let mut waits_for = 0;
        for dependency in &spec.depends_on {
            let other = match (dependency, id.index) {
                (Dependency::Job(text), _) => JobId::parse(text),
                (Dependency::SameIndex(text), Some(index)) => JobId::parse(text).child(index),
                (Dependency::Previous, Some(index)) if index > 0 => id.child(index - 1),
                _ => continue,
            };
            // One that is not known any more ended long ago, and its end was seen then.
            let Some(other) = self.jobs.get_mut(&other) else { continue };
            let phase = *other.phase.borrow();
            match (other.progress.status, phase) {
                (Status::Succeeded, Phase::Ended) => {}
                (Status::Failed, Phase::Ended) => {
                    self.set_end(id, Status::Failed, DEPENDENCY_FAILED, now_milliseconds());
                    return vec![id.clone()];
                }
                _ => {
                    other.dependents.push(id.clone());
                    waits_for += 1;
                }
            }
        }
        if waits_for > 0 {
            if let Some(job) = self.jobs.get_mut(id) {
                job.waits_for = waits_for;
            }
            self.set_status(id, Status::Pending);
        } else {
            self.enqueue(id);
        }
        Vec::new()
    }

    fn enqueue(&mut self, id: &JobId) {
        self.set_status(id, Status::Runnable);
        if let Some(job) = self.jobs.get(id) {
            self.lanes.enqueue(job.spec.face, &job.spec.lane, id.clone());
        }
    }

    /// The next job that its queue has room for, which then takes up that room.
    fn next_launch(&mut self) -> Option<JobId> {
        let jobs = &self.jobs;
        let is_runnable =
            |id: &JobId| jobs.get(id).is_some_and(|job| job.progress.status == Status::Runnable);
        let id = self.lanes.next(is_runnable)?;
        self.set_status(&id, Status::Starting);
        Some(id)
    }

    /// What follows from an end that is recorded. Gives the jobs that have ended by it.
    fn settle(&mut self, id: &JobId) -> Vec<JobId> {
        let Some(job) = self.jobs.get_mut(id) else { return Vec::new() };
        job.phase.send_replace(Phase::Ended);
        let has_succeeded = job.progress.status == Status::Succeeded;
        let now = now_milliseconds();
        let mut ended = Vec::new();
        for dependent in std::mem::take(&mut job.dependents) {
            let Some(other) = self.jobs.get_mut(&dependent) else { continue };
            if other.progress.status != Status::Pending {
                continue;
            }
            if !has_succeeded {
                self.set_end(&dependent, Status::Failed, DEPENDENCY_FAILED, now);
                ended.push(dependent);
                continue;
            }
            other.waits_for = other.waits_for.saturating_sub(1);
            if other.waits_for == 0 {
                self.enqueue(&dependent);
            }
        }
        if id.index.is_some() {
            ended.extend(self.settle_parent(&JobId { id: id.id.clone(), index: None }, now));
        }
        ended
    }

    fn settle_parent(&mut self, id: &JobId, now: i64) -> Option<JobId> {
        let parent = self.jobs.get(id)?;
        let failed = parent.summary[Status::Failed as usize];
        let has_all = parent.summary[Status::Succeeded as usize] + failed == parent.spec.array_size?;
        if !has_all || parent.progress.status.has_ended() {
            return None;
        }
        let (status, reason) = match (failed, &parent.progress.termination) {
            (0, _) => (Status::Succeeded, String::new()),
            (_, Some(termination)) => (Status::Failed, termination.reason.clone()),
            (_, None) => (Status::Failed, CHILD_FAILED.to_owned()),
        };
        self.set_end(id, status, &reason, now);
        if status == Status::Succeeded
            && let Some(parent) = self.jobs.get_mut(id)
        {
            parent.progress.reason = None;
        }
        Some(id.clone())
    }

    /// Notes a termination and makes it known to attempts under way. Gives what ends by it at once.
    fn terminate(&mut self, id: &JobId, termination: &Termination) -> Vec<JobId> {
        let Some(job) = self.jobs.get_mut(id) else { return Vec::new() };
        let status = job.progress.status;
        if job.is_array() {
            let size = job.spec.array_size.unwrap_or_default();
            job.progress.termination.get_or_insert_with(|| termination.clone());
            return (0..size).flat_map(|index| self.terminate(&id.child(index), termination)).collect();
        }
        if status.has_ended() || (termination.by_cancel && !status.is_waiting()) {
            return Vec::new();
        }
        job.progress.termination.get_or_insert_with(|| termination.clone());
        if !status.is_waiting() {
            job.phase.send_replace(Phase::Ending);
            return Vec::new();
        }
        let reason = termination.reason.clone();
        self.set_end(id, Status::Failed, &reason, termination.at);
        vec![id.clone()]
    }
}
