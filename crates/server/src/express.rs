//! Express executions at work: one task each, which owns the run, carries out its effects and sleeps for its timers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use stepwell_engine::{ExpressRun, ExpressStep, Input};
use stepwell_interpreter::{About, Command, ErrorOutput, Program, Status};
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

/// Runs an Express execution to its end. None when it met a bug of ours.
pub(crate) async fn run(
    operations: &Arc<Operations>,
    about: About,
    input: Payload,
    program: Arc<Program>,
) -> Option<End> {
    let mut run = ExpressRun::new(program.clone(), random::seed(), operations.settings.wait_scale);
    let about = Arc::new(about);
    let arn = about.execution_arn.clone();
    let clock = operations.clock.clone();
    // Made when the first effect needs it: most short runs have none.
    let mut completions: Option<(mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Command>)> = None;
    let mut step = guarded(&arn, || run.start((*about).clone(), input, clock.now()))?;
    loop {
        for effect in std::mem::take(&mut step.effects) {
            let (sender, _) = completions.get_or_insert_with(mpsc::unbounded_channel);
            let sender = sender.clone();
            let (operations, about, program) = (operations.clone(), about.clone(), program.clone());
            tokio::spawn(async move {
                let command = drivers::perform(&operations, None, &about, &program, effect, false).await;
                if let Some(command) = command {
                    // The run may have ended meanwhile.
                    let _ = sender.send(command);
                }
            });
        }
        let execution = run.execution();
        if !execution.is_running() {
            return Some(End {
                status: execution.status,
                output: execution.output.as_ref().map(|output| output.payload.clone()),
                error: execution.failure.clone().unwrap_or_default(),
                stop_ms: execution.last_time.0,
            });
        }
        step = if step.unfinished {
            // Slices leave room for others.
            tokio::task::yield_now().await;
            feed(&arn, &mut run, Command::Continue, &clock)?
        } else {
            let sleep = run.next_deadline().map(|at| {
                let millis = at.0.saturating_sub(clock.now().0).max(0);
                Duration::from_millis(millis.unsigned_abs())
            });
            match next(&mut completions, sleep).await {
                Some(command) => feed(&arn, &mut run, command, &clock)?,
                None => guarded(&arn, || run.fire_due(clock.now()))?.unwrap_or_default(),
            }
        };
    }
}

/// The next completion, or none when it is time for a timer.
async fn next(
    completions: &mut Option<(mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Command>)>,
    sleep: Option<Duration>,
) -> Option<Command> {
    let completion = async {
        match completions {
            Some((_, receiver)) => receiver.recv().await,
            None => std::future::pending().await,
        }
    };
    let Some(sleep) = sleep else { return completion.await };
    tokio::time::timeout(sleep, completion).await.ok().flatten()
}

fn feed(
    arn: &str,
    run: &mut ExpressRun,
    command: Command,
    clock: &crate::runtime::Clock,
) -> Option<ExpressStep> {
    // A completion that comes too late is of no use to anybody.
    guarded(arn, || run.feed(command, clock.now()).unwrap_or_default())
}

/// A panic is a bug of ours; it costs this execution only.
fn guarded<T>(arn: &str, work: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        tracing::error!(execution = arn, "an Express execution met a bug and was given up");
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
    run(&operations, (*about).clone(), input, program).await;
    operations.router.send(Input::ExpressEnded { key });
}
