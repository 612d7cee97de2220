//! Express executions at work: one task each, which owns the run, carries out its effects and sleeps for its timers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use stepwell_engine::{ExpressRun, ExpressStep, Input};
use stepwell_interpreter::{About, Command, Effect, ErrorOutput, Program, Status};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;
use tokio::sync::mpsc;

use crate::{drivers, operations::Operations, random};

/// How an Express execution ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) output: Option<Payload>,
    pub(crate) error: ErrorOutput,
    pub(crate) stop_ms: i64,
}

/// Runs an Express execution to its end, also when the caller goes away, as AWS does. None when it met a bug of ours.
/// `guard` is dropped at the end.
pub(crate) async fn run(
    operations: &Arc<Operations>,
    about: Arc<About>,
    input: Payload,
    program: Arc<Program>,
    guard: impl Send + 'static,
) -> Option<End> {
    let mut run = ExpressRun::new(program, random::seed(), operations.settings.wait_scale).on_shared_thread();
    if about.log.is_none() {
        run = run.without_events();
    }
    let mut at_work = AtWork { operations: operations.clone(), about, run, completions: None };
    let step = at_work.start(input)?;
    // Most short runs are over here; only the others need a task of their own.
    if let Some(end) = at_work.end() {
        return Some(end);
    }
    let task = tokio::spawn(async move {
        let end = at_work.finish(step).await;
        drop(guard);
        end
    });
    task.await.ok().flatten()
}

/// Completions of effects come back this way.
type Completions = (mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Command>);

/// A run and what it needs.
struct AtWork {
    operations: Arc<Operations>,
    about: Arc<About>,
    run: ExpressRun,
    /// Made when the first effect needs it.
    completions: Option<Completions>,
}

impl AtWork {
    fn start(&mut self, input: Payload) -> Option<ExpressStep> {
        let now = self.operations.clock.now();
        let step = guarded(&self.about, || self.run.start(self.about.clone(), input, now))?;
        Some(self.logged(step))
    }

    /// Hands the events of a step to the log.
    fn logged(&self, mut step: ExpressStep) -> ExpressStep {
        self.operations.logs.offer_express(&self.about, self.run.program(), &mut step.events);
        step
    }

    /// How it ended, if it has.
    fn end(&self) -> Option<End> {
        let execution = self.run.execution();
        (!execution.is_running()).then(|| End {
            status: execution.status,
            output: execution.output.as_ref().map(|output| output.payload.clone()),
            error: execution.failure.clone().unwrap_or_default(),
            stop_ms: execution.last_time.0,
        })
    }

    /// Goes on until the end.
    async fn finish(mut self, mut step: ExpressStep) -> Option<End> {
        loop {
            for effect in std::mem::take(&mut step.effects) {
                self.carry_out(effect);
            }
            if let Some(end) = self.end() {
                return Some(end);
            }
            step = if let Some(command) = step.heavy.take() {
                let (at_work, step) = self.feed_alone(command).await?;
                self = at_work;
                step
            } else if step.unfinished {
                // Slices leave room for others.
                tokio::task::yield_now().await;
                self.feed(Command::Continue)?
            } else {
                let now = self.operations.clock.now();
                let sleep = self
                    .run
                    .next_deadline()
                    .map(|at| Duration::from_millis(at.0.saturating_sub(now.0).max(0).unsigned_abs()));
                match next(&mut self.completions, sleep).await {
                    Some(command) => self.feed(command)?,
                    None => {
                        let now = self.operations.clock.now();
                        let step = guarded(&self.about, || self.run.fire_due(now))?.unwrap_or_default();
                        self.logged(step)
                    }
                }
            };
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let (sender, _) = self.completions.get_or_insert_with(mpsc::unbounded_channel);
        let sender = sender.clone();
        let (operations, about) = (self.operations.clone(), self.about.clone());
        let program = self.run.program().clone();
        tokio::spawn(async move {
            let command = drivers::perform(&operations, None, &about, &program, effect, false).await;
            if let Some(command) = command {
                // The run may have ended meanwhile.
                let _ = sender.send(command);
            }
        });
    }

    fn feed(&mut self, command: Command) -> Option<ExpressStep> {
        let now = self.operations.clock.now();
        // A completion that comes too late is of no use to anybody.
        let step = guarded(&self.about, || self.run.feed(command, now).unwrap_or_default())?;
        Some(self.logged(step))
    }

    /// Goes on where nobody waits for the thread.
    async fn feed_alone(mut self, command: Command) -> Option<(Self, ExpressStep)> {
        let operations = self.operations.clone();
        let work = move || {
            let now = self.operations.clock.now();
            let step = guarded(&self.about, || self.run.feed_alone(command, now).unwrap_or_default())?;
            let step = self.logged(step);
            Some((self, step))
        };
        operations.heavy.run(work).await.flatten()
    }
}

/// The next completion, or none when it is time for a timer.
async fn next(completions: &mut Option<Completions>, sleep: Option<Duration>) -> Option<Command> {
    let completion = async {
        match completions {
            Some((_, receiver)) => receiver.recv().await,
            None => std::future::pending().await,
        }
    };
    let Some(sleep) = sleep else { return completion.await };
    tokio::time::timeout(sleep, completion).await.ok().flatten()
}

/// A panic is a bug of ours; it costs this execution only.
fn guarded<T>(about: &About, work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        tracing::error!(execution = %about.execution_arn, "an Express execution met a bug and was given up");
    }
    result.ok()
}

/// Runs an asynchronous Express execution, whose start is durable, and tells its shard when it has ended.
pub(crate) async fn run_durable(
    operations: Arc<Operations>,
    key: ExecutionKey,
    about: Arc<About>,
    input: Payload,
    program: Arc<Program>,
) {
    run(&operations, about, input, program, ()).await;
    operations.router.send(Input::ExpressEnded { key });
}
