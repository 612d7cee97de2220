//! One attempt of a job: its containers from their start to their end, and what follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::job::{Attempt, Container, ContainerEnd, Face, JobId, Phase, Spec, Status};
use super::records::Records;
use super::{Engine, retry};
use crate::clock::now_milliseconds;
use crate::runner::{Boxed, Exit, Launch, Recovered, Runner};

/// The reason of an attempt whose container ended, well or badly, in AWS's words.
pub(crate) const CONTAINER_EXITED: &str = "Essential container in task exited";
/// The reason of an attempt that the machine, or the shim, took down with it.
pub(crate) const HOST_TERMINATED: &str = "Host terminated";
/// The reason of an attempt that took too long, in AWS's words.
const TIMED_OUT: &str = "Job attempt duration exceeded timeout";
/// What precedes the reason why a job could not be recorded.
const CANNOT_RECORD: &str = "CannotCreateContainerError: the job can't be recorded: ";
/// The reason of a container that was not started because its task was to end.
const CANCELLED: &str = "The task ended before the container was started";
/// How much of the end of a log is looked at for its last line, in bytes.
const TAIL_BYTES: u64 = 2 * 1024;

/// How a container ended.
enum End {
    NotStarted(String),
    Ended(Exit),
    Lost,
}

impl End {
    fn of(exit: Option<Exit>) -> End {
        match exit {
            None => End::Lost,
            Some(Exit { failure: Some(reason), .. }) => End::NotStarted(reason),
            Some(exit) => End::Ended(exit),
        }
    }
}

/// How an attempt ended.
struct Outcome {
    attempt: Attempt,
    is_timed_out: bool,
}

/// Counts attempts under way.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a watch::Sender<usize>) -> UnderWay<'a> {
        count.send_modify(|count| *count += 1);
        UnderWay(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// What an attempt needs to know of its job.
struct Task {
    id: JobId,
    spec: Arc<Spec>,
    phase: watch::Receiver<Phase>,
    /// Which launch it is, from 1.
    launch: u32,
    /// Which attempt it is, from 1.
    number: usize,
    /// When it was launched, in milliseconds since 1970.
    launched_at: i64,
}

impl Engine {
    /// Carries out the next attempt of a job that has room to run; or, `is_recovered`, the one that an earlier server was at.
    pub(super) fn attempt(self: Arc<Self>, id: JobId, is_recovered: bool) -> Boxed<'static, ()> {
        Box::pin(async move {
            let _under_way = UnderWay::begin(&self.attempts);
            let found = match is_recovered {
                true => self.recovered(&id).await,
                false => None,
            };
            let outcome = match found {
                Some((task, beginnings)) => self.see_through(&task, beginnings).await,
                None => self.launch(&id).await,
            };
            // None when the server is stopping: the next one takes the attempt up where it is.
            if let Some(outcome) = outcome {
                self.conclude(&id, outcome).await;
            }
        })
    }

    /// The attempt that an earlier server was at; none when it had not begun.
    async fn recovered(&self, id: &JobId) -> Option<(Task, Vec<Beginning>)> {
        let task = self.task(id)?;
        let mut beginnings = Vec::new();
        for container in &task.spec.containers {
            beginnings.push(Beginning::Found(self.runner.recover(self.launch_of(&task, container)).await));
        }
        let is_new = |beginning: &Beginning| matches!(beginning, Beginning::Found(Recovered::NotStarted));
        if beginnings.iter().all(is_new) { None } else { Some((task, beginnings)) }
    }

    async fn launch(&self, id: &JobId) -> Option<Outcome> {
        {
            let mut state = self.state();
            let job = state.jobs.get_mut(id)?;
            job.progress.launches += 1;
            job.progress.started_at = Some(now_milliseconds());
        }
        let task = self.task(id)?;
        let (records, prepared_id, number) = (self.records.clone(), id.clone(), task.launch);
        let prepared = tokio::task::spawn_blocking(move || records.prepare(&prepared_id, number)).await;
        // Recorded before it starts, or a crash would let it start twice.
        let recorded = match prepared.map_err(std::io::Error::other).and_then(|prepared| prepared) {
            Ok(()) => self.persist(id).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            let reason = format!("{CANNOT_RECORD}{error}");
            let ends = task.spec.containers.iter().map(|_| Some(End::NotStarted(reason.clone()))).collect();
            return Some(outcome(&task, None, ends, false));
        }
        let launches = task.spec.containers.iter().map(|container| self.launch_of(&task, container));
        let beginnings = launches.map(|launch| Beginning::New(Box::new(launch)));
        self.see_through(&task, beginnings.collect()).await
    }

    fn task(&self, id: &JobId) -> Option<Task> {
        self.view(id, |job| Task {
            id: id.clone(),
            spec: job.spec.clone(),
            phase: job.phase.subscribe(),
            launch: job.progress.launches,
            number: job.progress.attempts.len() + 1,
            launched_at: job.progress.started_at.unwrap_or_else(now_milliseconds),
        })
    }

    /// Waits for the containers' end. They end together: when an essential one has, one could not be started, the time is
    /// over, or the job is to end.
    async fn see_through(&self, task: &Task, beginnings: Vec<Beginning>) -> Option<Outcome> {
        let (stop, _) = watch::channel(false);
        let (started, mut starts) = mpsc::channel(beginnings.len().max(1));
        let mut ends: Vec<Option<End>> = beginnings.iter().map(|_| None).collect();
        let mut runs = JoinSet::new();
        for (position, beginning) in beginnings.into_iter().enumerate() {
            let run = run(self.runner.clone(), beginning, started.clone(), stop.subscribe());
            runs.spawn(async move { (position, run.await) });
        }
        drop(started);
        let mut started_at = None;
        let mut phase = task.phase.clone();
        let mut server_stops = self.stop.subscribe();
        let (mut is_timed_out, mut is_left) = (false, false);
        loop {
            let is_stopping = *stop.borrow();
            tokio::select! {
                // The start of a container is seen before its end.
                biased;
                Some(at) = starts.recv() => {
                    if started_at.is_none() {
                        started_at = Some(at.unwrap_or(task.launched_at));
                        self.set_running(task, started_at);
                    }
                }
                ended = runs.join_next() => match ended {
                    None => break,
                    Some(Ok((position, end))) => {
                        let is_last = task.spec.containers[position].essential || matches!(end, End::NotStarted(_));
                        ends[position] = Some(end);
                        if is_last {
                            stop.send_replace(true);
                        }
                    }
                    // Its end is not known.
                    Some(Err(_)) => {
                        stop.send_replace(true);
                    }
                },
                _ = server_stops.wait_for(|stops| *stops), if !is_left => {
                    if self.records.is_durable() {
                        return None;
                    }
                    // Nobody could find it again.
                    is_left = true;
                    stop.send_replace(true);
                }
                _ = phase.wait_for(|phase| *phase == Phase::Ending), if !is_stopping => {
                    stop.send_replace(true);
                }
                () = until_deadline(task, started_at), if !is_stopping => {
                    is_timed_out = true;
                    stop.send_replace(true);
                }
            }
        }
        (!is_left).then(|| outcome(task, started_at, ends, is_timed_out))
    }

    fn set_running(&self, task: &Task, started_at: Option<i64>) {
        {
            let mut state = self.state();
            state.set_status(&task.id, Status::Running);
            if let Some(job) = state.jobs.get_mut(&task.id) {
                job.progress.started_at = started_at;
            }
        }
        self.tell_start(task);
    }

    /// Notes the end of an attempt; then the job has ended or waits for its next attempt.
    async fn conclude(self: &Arc<Self>, id: &JobId, outcome: Outcome) {
        let attempt = outcome.attempt;
        let is_repeated = {
            let mut state = self.state();
            let Some(job) = state.jobs.get_mut(id) else { return };
            let spec = job.spec.clone();
            let (stopped_at, reason) = (attempt.stopped_at, attempt.reason.clone());
            let has_succeeded = attempt.containers.iter().all(|end| end.exit_code == Some(0));
            let termination = job.progress.termination.clone();
            job.progress.attempts.push(attempt.clone());
            let is_last = job.progress.attempts.len() >= spec.attempts_max as usize;
            state.lanes.vacate(spec.face, &spec.lane);
            match termination {
                Some(termination) => state.set_end(id, Status::Failed, &termination.reason, stopped_at),
                None if has_succeeded => state.set_end(id, Status::Succeeded, &reason, stopped_at),
                None if outcome.is_timed_out
                    || is_last
                    || !retry::is_repeated(&spec.exit_rules, &attempt) =>
                {
                    state.set_end(id, Status::Failed, &reason, stopped_at);
                }
                None => state.set_status(id, Status::Runnable),
            }
            state.jobs.get(id).is_some_and(|job| job.progress.status == Status::Runnable)
        };
        self.tell_end(id, &attempt, is_repeated).await;
        if !is_repeated {
            self.end_all(vec![id.clone()]).await;
            return;
        }
        if let Err(error) = self.persist(id).await {
            tracing::error!(target: "stepwell::jobs", job = %id, %error, "the end of an attempt can't be recorded");
        }
        {
            let mut state = self.state();
            // Unless it was terminated in between.
            if state.jobs.get(id).is_some_and(|job| job.progress.status == Status::Runnable) {
                state.enqueue(id);
            }
        }
        self.pump();
    }

    fn launch_of(&self, task: &Task, container: &Container) -> Launch {
        let mut environment = self.environment.clone();
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            environment.insert(name.to_owned(), task.spec.region.clone());
        }
        environment.extend(container.environment.clone());
        environment.extend(own_variables(task));
        Launch {
            name: format!(
                "stepwell-{}-{}-{}",
                task.id.to_string().replace(':', "-"),
                task.launch,
                container.name
            ),
            entrypoint: container.entrypoint.clone(),
            command: container.command.clone(),
            directory: container.directory.clone(),
            image: container.image.clone(),
            environment,
            files: self.records.files(&task.id, task.launch, &container.name),
            log_bytes_max: container.log_bytes_max,
            stop_timeout_seconds: container.stop_timeout_seconds,
        }
    }

    fn tell_start(&self, task: &Task) {
        for container in &task.spec.containers {
            let stream = Records::log_stream(&task.id, task.launch, &container.name);
            tracing::info!(
                target: "stepwell::jobs",
                execution = %task.spec.execution_arn,
                job = %task.id,
                definition = %task.spec.definition,
                attempt = task.number,
                log = %self.records.root().join(stream).display(),
                "a job runs"
            );
        }
    }

    async fn tell_end(&self, id: &JobId, attempt: &Attempt, is_repeated: bool) {
        let Some(spec) = self.view(id, |job| job.spec.clone()) else { return };
        for (container, end) in spec.containers.iter().zip(&attempt.containers) {
            let log = self.records.root().join(Records::log_stream(id, attempt.launch, &container.name));
            if end.exit_code == Some(0) {
                tracing::info!(target: "stepwell::jobs", execution = %spec.execution_arn, job = %id, "a job has ended well");
                continue;
            }
            let path = log.clone();
            let last_line = tokio::task::spawn_blocking(move || last_line(&path)).await;
            tracing::warn!(
                target: "stepwell::jobs",
                execution = %spec.execution_arn,
                job = %id,
                exit_code = end.exit_code,
                reason = %on_one_line(end.reason.as_deref().unwrap_or(&attempt.reason)),
                log = %log.display(),
                last_line = %last_line.ok().flatten().unwrap_or_default(),
                is_repeated,
                "an attempt of a job has failed"
            );
        }
    }
}

/// How a container comes to run.
enum Beginning {
    /// It is launched.
    New(Box<Launch>),
    /// An earlier server has launched it.
    Found(Recovered),
}

/// A container from its beginning to its end. `started` is told when it runs: at which time, or nothing of one that has
/// run for a while.
async fn run(
    runner: Arc<dyn Runner>,
    beginning: Beginning,
    started: mpsc::Sender<Option<i64>>,
    mut stop: watch::Receiver<bool>,
) -> End {
    let (mut run, at) = match beginning {
        Beginning::Found(Recovered::NotStarted) => return End::NotStarted(HOST_TERMINATED.to_owned()),
        Beginning::Found(Recovered::Lost) => return End::Lost,
        Beginning::Found(Recovered::Ended(exit)) => {
            if exit.failure.is_none() {
                let _ = started.send(None).await;
            }
            return End::of(Some(exit));
        }
        Beginning::Found(Recovered::Running(run)) => (run, None),
        Beginning::New(launch) => {
            let prepared = tokio::select! {
                prepared = runner.prepare(&launch) => prepared,
                _ = stop.wait_for(|stop| *stop) => Err(CANCELLED.to_owned()),
            };
            let begun = match prepared {
                Ok(()) => runner.start(*launch).await,
                Err(reason) => Err(reason),
            };
            match begun {
                Ok(run) => (run, Some(now_milliseconds())),
                Err(reason) => return End::NotStarted(reason),
            }
        }
    };
    let _ = started.send(at).await;
    let ended = tokio::select! {
        biased;
        exit = run.wait() => Some(exit),
        _ = stop.wait_for(|stop| *stop) => None,
    };
    End::of(match ended {
        Some(exit) => exit,
        None => {
            run.stop().await;
            run.wait().await
        }
    })
}

async fn until_deadline(task: &Task, started_at: Option<i64>) {
    let (Some(seconds), Some(started_at)) = (task.spec.timeout_seconds, started_at) else {
        return std::future::pending().await;
    };
    let deadline = started_at.saturating_add_unsigned(seconds.saturating_mul(1000));
    let rest = deadline.saturating_sub(now_milliseconds());
    tokio::time::sleep(Duration::from_millis(u64::try_from(rest).unwrap_or(0))).await;
}

fn outcome(task: &Task, started_at: Option<i64>, ends: Vec<Option<End>>, is_timed_out: bool) -> Outcome {
    let ends: Vec<End> = ends.into_iter().map(|end| end.unwrap_or(End::Lost)).collect();
    let failure = ends.iter().find_map(|end| match end {
        End::NotStarted(reason) if reason != CANCELLED => Some(reason.clone()),
        _ => None,
    });
    let is_lost = ends.iter().any(|end| matches!(end, End::Lost));
    let reason = match failure {
        _ if is_timed_out => TIMED_OUT.to_owned(),
        _ if is_lost => HOST_TERMINATED.to_owned(),
        Some(failure) => failure,
        None => CONTAINER_EXITED.to_owned(),
    };
    let has_started = ends.iter().any(|end| !matches!(end, End::NotStarted(_)));
    let stopped_at = ends.iter().filter_map(|end| match end {
        End::Ended(exit) => Some(exit.stopped_at),
        _ => None,
    });
    let stopped_at = stopped_at.max().unwrap_or_else(now_milliseconds);
    let containers = ends.into_iter().map(|end| match end {
        End::NotStarted(reason) => ContainerEnd { exit_code: None, reason: Some(reason) },
        End::Ended(exit) => ContainerEnd { exit_code: exit.code, reason: exit.reason },
        End::Lost => ContainerEnd { exit_code: None, reason: None },
    });
    Outcome {
        attempt: Attempt {
            // The start is noted by this server, the end by whoever watches: a slow server must not turn them round.
            started_at: has_started.then(|| started_at.unwrap_or(task.launched_at).min(stopped_at)),
            stopped_at,
            reason,
            containers: containers.collect(),
            launch: task.launch,
        },
        is_timed_out,
    }
}

/// The variables that AWS Batch sets.
fn own_variables(task: &Task) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if task.spec.face != Face::Batch {
        return variables;
    }
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    set("AWS_BATCH_JOB_ID", task.id.to_string());
    set("AWS_BATCH_JOB_ATTEMPT", task.number.to_string());
    set("AWS_BATCH_JQ_NAME", task.spec.lane.clone());
    set("AWS_BATCH_CE_NAME", "stepwell".to_owned());
    if let (Some(index), Some(size)) = (task.id.index, task.spec.array_size) {
        set("AWS_BATCH_JOB_ARRAY_INDEX", index.to_string());
        set("AWS_BATCH_JOB_ARRAY_SIZE", size.to_string());
    }
    variables
}

/// The last line of a log that is not empty, without characters that would upset a terminal.
fn last_line(path: &std::path::Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(on_one_line(line))
}

/// Control characters are written as escapes: a job must not forge or colour lines of the server's log.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
