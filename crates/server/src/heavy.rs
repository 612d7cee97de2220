//! Threads for what would hold others up: steps whose expressions are heavy, and tests of states.
//!
//! There are fewer of them than processors, and they give way to all other threads, so that a machine full of heavy
//! expressions still serves everybody else. What waits here needs no limit of its own: an execution has one step at a
//! time, and how many executions run and states are tested at once is limited where they begin.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, available_parallelism},
};

use tokio::sync::oneshot;

/// By how much the threads give way (`nice`): a thread of the usual priority gets about ten times the time.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// The threads at work. They end when this is dropped or [`HeavyThreads::stop`] is called.
#[derive(Debug)]
pub(crate) struct HeavyThreads(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_stopped: bool,
}

impl HeavyThreads {
    /// Starts the threads: one less than there are processors, and at least one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start() -> std::io::Result<Self> {
        let processors = available_parallelism().map_or(1, usize::from);
        let threads = Self(Arc::default());
        for number in 0..processors.saturating_sub(1).max(1) {
            let queue = threads.0.clone();
            Builder::new().name(format!("heavy-{number}")).spawn(move || {
                give_way();
                queue.work();
            })?;
        }
        Ok(threads)
    }

    /// Has a job done, after those that wait already. One that panics costs nobody else. After the end it is dropped.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        if !state.is_stopped {
            state.jobs.push_back(Box::new(job));
            drop(state);
            self.0.arrived.notify_one();
        }
    }

    /// Has work done and gives what it gives; none when it panicked or the threads have ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.submit(move || {
            // Whoever wanted it may have gone.
            let _ = sender.send(work());
        });
        receiver.await.ok()
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().jobs.len()
    }

    /// Drops what waits, and lets the threads end after what they are at. Does not wait for them: what they do is of no
    /// use to anybody any more.
    pub(crate) fn stop(&self) {
        let mut state = self.0.lock();
        state.is_stopped = true;
        let waiting = std::mem::take(&mut state.jobs);
        drop(state);
        self.0.arrived.notify_all();
        drop(waiting);
    }
}

impl Drop for HeavyThreads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // The panic hook has reported it.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// Lowers the priority of the calling thread. On other systems than Linux that would be the whole process.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        tracing::warn!(%error, "heavy expressions run at the priority of everything else");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_costs_nobody_else() {
        let threads = HeavyThreads::start().unwrap();
        for _ in 0..64 {
            assert_eq!(threads.run(|| -> u32 { panic!("on purpose") }).await, None);
        }
        assert_eq!(threads.run(|| 7).await, Some(7));
    }

    #[tokio::test]
    async fn after_the_end_nothing_is_done_and_nobody_waits() {
        let threads = HeavyThreads::start().unwrap();
        threads.stop();
        assert_eq!(threads.run(|| 7).await, None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_give_way_and_the_others_do_not() {
        let niceness = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let own = niceness();
        let threads = HeavyThreads::start().unwrap();
        assert_eq!(threads.run(niceness).await, Some(NICENESS.max(own)));
        assert_eq!(niceness(), own);
    }
}
