//! Everybody outside of the process: clients, activity workers, holders of task tokens, targets of calls. They
//! live on when the process ends, and ask again when they got no answer.

use std::collections::{BTreeMap, HashMap, HashSet};

use stepwell_engine::{Input, Poller, Reply, ReplyTo, StartRequest};
use stepwell_interpreter::{
    About, Command, Effect, ErrorOutput, Program, RedriveRequest, Rejection, TaskId, Timestamp,
    limits::REDRIVE_TOKEN_SECONDS,
};
use stepwell_json::{Payload, Value};
use stepwell_store::{ExecutionKey, Store, arn_hash};

use super::{
    Happening, Plan, World,
    node::{ACCOUNT, ACTIVITY},
    schedule::{Request, Schedule},
};
use crate::{
    conduct::{Outside, Stage, stage},
    random::Random,
    run::about,
};

/// Activity workers. Each takes on as many tasks as it gets.
const WORKERS: u64 = 2;
/// Milliseconds after which somebody who was turned away asks again.
const AGAIN_MS: i64 = 7;

/// Something that somebody does.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// StartExecution.
    Start { index: usize },
    /// StopExecution.
    Stop { index: usize },
    /// RedriveExecution, with a token of its own; further ones with the same number have the same token.
    Redrive { index: usize, number: usize },
    /// GetActivityTask.
    Poll { worker: u64 },
    /// The poll's connection times out.
    EndPoll { request: Request },
    /// SendTaskSuccess, SendTaskFailure or SendTaskHeartbeat.
    Answer { key: ExecutionKey, task: TaskId, command: Box<Command> },
}

/// Everybody.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Who waits for an answer.
    asked: BTreeMap<Request, Deed>,
    requests: Request,
    /// Executions that clients know to be started.
    started: HashMap<usize, ExecutionKey>,
    /// When a target was called first.
    called: HashMap<(ExecutionKey, TaskId, bool), i64>,
    /// What redrives were answered, by their token.
    redriven: HashMap<(usize, usize), Timestamp>,
    /// Answers that were accepted: whether the attempt succeeded.
    accepted: Vec<(ExecutionKey, TaskId, bool)>,
    /// Executions of which a worker never heard that it had a task.
    lost_tasks: HashSet<ExecutionKey>,
    /// Asked when the process ended.
    unanswered: Vec<Deed>,
}

impl Crowd {
    pub(super) fn new(_: &Plan) -> Self {
        Self {
            asked: BTreeMap::new(),
            requests: 0,
            started: HashMap::new(),
            called: HashMap::new(),
            redriven: HashMap::new(),
            accepted: Vec::new(),
            lost_tasks: HashSet::new(),
            unanswered: Vec::new(),
        }
    }

    pub(super) fn begin(&self, plan: &Plan, schedule: &mut Schedule) {
        for (index, start) in plan.starts.iter().enumerate() {
            for at_ms in &start.at_ms {
                schedule.outside(*at_ms, Happening::Crowd(Deed::Start { index }));
            }
            if let Some(at_ms) = start.stop_ms {
                schedule.outside(at_ms, Happening::Crowd(Deed::Stop { index }));
            }
            for (number, times) in start.redrives_ms.iter().enumerate() {
                for at_ms in times {
                    schedule.outside(*at_ms, Happening::Crowd(Deed::Redrive { index, number }));
                }
            }
        }
    }

    pub(super) fn node_is_up(&mut self, _: &Plan, random: &mut Random, schedule: &mut Schedule) {
        for worker in 0..WORKERS {
            schedule.inside(random.between(0, 20), Happening::Crowd(Deed::Poll { worker }));
        }
        for deed in self.unanswered.drain(..) {
            schedule.outside(random.between(0, 50), Happening::Crowd(deed));
        }
    }

    pub(super) fn node_is_down(&mut self) {
        let asked = std::mem::take(&mut self.asked).into_values();
        self.unanswered.extend(asked.filter(|deed| !matches!(deed, Deed::Poll { .. })));
    }

    pub(super) fn started(&self, index: usize) -> Option<ExecutionKey> {
        self.started.get(&index).copied()
    }

    pub(super) fn task_was_lost(&mut self, key: ExecutionKey) {
        self.lost_tasks.insert(key);
    }

    pub(super) fn has_lost_task(&self, key: ExecutionKey) -> bool {
        self.lost_tasks.contains(&key)
    }

    pub(super) fn accepted(&self) -> &[(ExecutionKey, TaskId, bool)] {
        &self.accepted
    }

    /// Whether somebody other than a poller waits.
    pub(super) fn waits(&self) -> bool {
        self.asked.values().any(|deed| !matches!(deed, Deed::Poll { .. })) || !self.unanswered.is_empty()
    }

    fn ask(&mut self, deed: Deed) -> Request {
        self.requests += 1;
        self.asked.insert(self.requests, deed);
        self.requests
    }
}

impl World<'_> {
    pub(super) fn deed(&mut self, deed: Deed) -> Result<(), String> {
        if !self.node.is_up {
            self.schedule.outside(100, Happening::Crowd(deed));
            return Ok(());
        }
        match &deed {
            Deed::Start { index } => self.start(*index, deed.clone()),
            Deed::Stop { index } => {
                let Some(key) = self.crowd.started(*index) else {
                    self.schedule.outside(500, Happening::Crowd(deed));
                    return Ok(());
                };
                self.count("stops");
                let error = ErrorOutput {
                    error: Some("Stopped".into()),
                    cause: None,
                    timeout: false,
                    heartbeat: false,
                };
                self.send(key, Command::Stop { error }, deed)
            }
            Deed::Redrive { index, number } => {
                let Some(key) = self.crowd.started(*index) else {
                    self.schedule.outside(500, Happening::Crowd(deed));
                    return Ok(());
                };
                let token = format!("token {number}").as_str().into();
                let request = RedriveRequest { client_token: Some(token), ..RedriveRequest::default() };
                self.send(key, Command::Redrive { request: Box::new(request) }, deed)
            }
            Deed::Poll { worker } => {
                let worker = format!("worker {worker}").as_str().into();
                let request = self.crowd.ask(deed);
                let poller = Poller { id: request, worker: Some(worker), reply: request };
                let input = Input::ActivityPoll { activity: ACTIVITY.into(), poller, first: false };
                if self.random.percent(5) {
                    let end = Deed::EndPoll { request };
                    self.schedule.inside(self.random.clone().between(0, 300), Happening::Crowd(end));
                }
                self.enqueue(self.node.shard_of(arn_hash(ACTIVITY)), input)
            }
            Deed::EndPoll { request } => {
                let input = Input::ActivityPollEnded { activity: ACTIVITY.into(), id: *request };
                self.enqueue(self.node.shard_of(arn_hash(ACTIVITY)), input)
            }
            Deed::Answer { key, command, .. } => self.send(*key, (**command).clone(), deed.clone()),
        }
    }

    fn send(&mut self, key: ExecutionKey, command: Command, deed: Deed) -> Result<(), String> {
        let reply = ReplyTo::Caller(self.crowd.ask(deed));
        self.enqueue(self.node.shard_of(key.arn_hash()), Input::Command { key, command, reply })
    }

    /// StartExecution as the server does it: a name that the caller chose is looked up first.
    fn start(&mut self, index: usize, deed: Deed) -> Result<(), String> {
        let Some(start) = self.plan.starts.get(index) else { return Ok(()) };
        let about = about(&start.name);
        let hash = arn_hash(&about.execution_arn);
        let free_at = self.node.committed(hash);
        let known = self.node.store.find(&about.execution_arn).map_err(|error| error.to_string())?;
        if let Some(key) = known {
            self.count("starts of a known name");
            self.crowd.started.insert(index, key);
            return Ok(());
        }
        let request = StartRequest {
            about: Box::new(About {
                revision: start.machine as u64,
                express: self.plan.machines[start.machine].is_express,
                ..about
            }),
            input: start.input.clone(),
            program: self.plan.machines[start.machine].program.clone(),
            name_free_at: (!start.has_generated_name).then_some(free_at),
        };
        let reply = self.crowd.ask(deed);
        let input = Input::Start { request: Box::new(request), reply };
        let shard = self.node.shard_of(hash);
        // Between the look-up and the shard others may come first.
        let longest_ms = if self.random.percent(20) { 2_000 } else { 5 };
        let after_ms = self.random.between(0, longest_ms);
        self.schedule.inside(after_ms, Happening::Input { shard, input });
        Ok(())
    }

    fn again(&mut self, deed: Deed) {
        let after_ms = self.random.between(1, AGAIN_MS);
        self.schedule.outside(after_ms, Happening::Crowd(deed));
    }

    /// An answer has come; it must agree with what is durable.
    pub(super) fn answered(&mut self, request: Request, reply: Reply) -> Result<(), String> {
        let Some(deed) = self.crowd.asked.remove(&request) else {
            return Err(format!("request {request} was answered twice: {reply:?}"));
        };
        let told = format!("{reply:?} to {deed:?}");
        match (deed, reply) {
            (deed, Reply::Throttled) => self.again(deed),
            (Deed::Start { index }, Reply::Started { key, .. } | Reply::NameTaken { key }) => {
                self.ledger.durable(key).ok_or_else(|| format!("{told} came before it was durable"))?;
                let known = self.crowd.started.insert(index, key);
                // A client that got no answer starts an Express execution again.
                let may_repeat = self.plan.machines[self.plan.starts[index].machine].is_express;
                if known.is_some_and(|known| known != key) && !may_repeat {
                    return Err(format!("{told}: the name was started twice"));
                }
            }
            (deed @ Deed::Start { .. }, Reply::LookUpAgain) => {
                self.count("names looked up again");
                self.again(deed);
            }
            (
                Deed::Redrive { index, number },
                Reply::Done { time } | Reply::Rejected(Rejection::Repeated { time }),
            ) => {
                self.count("redrives");
                let key = self.crowd.started(index).ok_or("a redrive of nothing was answered")?;
                let durable = self.ledger.durable(key).ok_or_else(|| told.clone())?;
                let is_durable = durable.redrive_tokens.iter().any(|(_, known)| *known == time);
                if !is_durable {
                    return Err(format!("{told}, yet no such redrive is durable"));
                }
                let known = self.crowd.redriven.insert((index, number), time).unwrap_or(time);
                // By then the token is forgotten.
                let is_late = time.0 - known.0 > REDRIVE_TOKEN_SECONDS * 1000;
                if known != time && !is_late {
                    return Err(format!("{told}, but the first answer was {known:?}"));
                }
            }
            (Deed::Redrive { index, number }, Reply::Rejected(Rejection::NotRedrivable(_))) => {
                self.count("redrives refused");
                let now = self.schedule.shard_time();
                let known = self.crowd.redriven.get(&(index, number));
                if known.is_some_and(|known| now.0 - known.0 <= REDRIVE_TOKEN_SECONDS * 1000) {
                    return Err(format!("{told}, though it was carried out before"));
                }
            }
            (Deed::Stop { index }, Reply::Done { .. } | Reply::Rejected(Rejection::NotRunning)) => {
                let key = self.crowd.started(index).ok_or("a stop of nothing was answered")?;
                let durable = self.ledger.durable(key).ok_or_else(|| told.clone())?;
                // A redrive may have come in between.
                if durable.is_running() && durable.redrive_count == 0 {
                    return Err(format!("{told}, yet it durably runs"));
                }
            }
            (Deed::Answer { key, task, command }, Reply::Done { .. }) => {
                let durable = self.ledger.durable(key).ok_or_else(|| told.clone())?;
                if !matches!(*command, Command::TaskHeartbeat { .. }) {
                    if durable.task(task).is_some() {
                        return Err(format!("{told}, yet the task is durably out"));
                    }
                    let succeeded = matches!(*command, Command::TaskSucceeded { .. });
                    self.crowd.accepted.push((key, task, succeeded));
                }
            }
            (Deed::Answer { key, task, .. }, Reply::Rejected(_)) => {
                self.count("answers refused");
                let durable = self.ledger.durable(key).ok_or_else(|| told.clone())?;
                if durable.task(task).is_some() {
                    return Err(format!("{told}, yet the task is durably out"));
                }
            }
            (Deed::Poll { worker }, Reply::Task { token, input }) => {
                self.take_task(worker, &token, &input)?
            }
            (deed @ Deed::Poll { .. }, Reply::NoTask) => {
                self.count("polls without a task");
                self.again(deed);
            }
            _ => return Err(format!("an answer that makes no sense: {told}")),
        }
        Ok(())
    }

    /// A worker got an activity task; it polls again at once.
    fn take_task(&mut self, worker: u64, token: &str, input: &Payload) -> Result<(), String> {
        self.count("activity tasks taken");
        let after_ms = self.random.between(0, 20);
        self.schedule.inside(after_ms, Happening::Crowd(Deed::Poll { worker }));
        let (key, task) =
            self.node.token_key.verify(ACCOUNT, token).map_err(|_| "a task came with a wrong token")?;
        let execution = self.ledger.durable(key).ok_or("a task came before its execution was durable")?;
        let Some(frame) = execution.frames.get(task.frame) else { return Ok(()) };
        if execution
            .task(task)
            .is_some_and(|task| task.status == stepwell_interpreter::execution::TaskStatus::Scheduled)
        {
            return Err("a worker got a task before that was durable".to_owned());
        }
        let program = self.program_of(key)?;
        let name = program.state(frame.state).name.to_string();
        self.work(key, task, &name, input.value(), 0);
        Ok(())
    }

    fn program_of(&self, key: ExecutionKey) -> Result<std::sync::Arc<Program>, String> {
        let found = self.ledger.all().find(|(known, ..)| *known == key);
        found.map(|(_, program, ..)| program.clone()).ok_or_else(|| format!("execution {key} is not durable"))
    }

    /// Somebody who has the task's token works on it, whatever becomes of the process.
    fn work(&mut self, key: ExecutionKey, task: TaskId, state: &str, input: &Value, after_ms: i64) {
        let redrives = self.redrives(key);
        let conduct = self.plan.outside.conduct(state, input, None, redrives);
        for beat in &conduct.heartbeats_ms {
            let command = Box::new(Command::TaskHeartbeat { task });
            let deed = Deed::Answer { key, task, command };
            self.schedule.outside(after_ms + beat, Happening::Crowd(deed));
        }
        let Some((end_ms, result)) = conduct.end else { return };
        let command = Box::new(completion(task, result));
        let deed = Deed::Answer { key, task, command };
        if conduct.twice {
            self.count("answers sent twice");
            self.schedule.outside(after_ms + end_ms + 1, Happening::Crowd(deed.clone()));
        }
        self.schedule.outside(after_ms + end_ms, Happening::Crowd(deed));
    }

    /// A driver carries an effect out. What the driver waits for is lost with the process; the target goes on.
    pub(super) fn call(
        &mut self,
        key: ExecutionKey,
        program: &Program,
        effect: &Effect,
    ) -> Result<(), String> {
        match effect {
            Effect::InvokeTask { task, state, parameters, .. } => {
                let (task, state) = (*task, *state);
                self.count("calls");
                let name = program.state(state).name.to_string();
                let conduct = self.plan.outside.conduct(&name, parameters.value(), None, self.redrives(key));
                let (waited_ms, is_first) = self.since_first_call(key, task, false);
                if stage(program, state) == Some(Stage::Direct) {
                    if let Some((end_ms, result)) = conduct.end {
                        self.tell(key, end_ms - waited_ms, completion(task, result));
                    }
                    return Ok(());
                }
                let Some(start_ms) = conduct.start_ms else { return Ok(()) };
                let output = Payload::from_value(conduct.submitted);
                self.tell(key, start_ms - waited_ms, Command::TaskSubmitted { task, output });
                if is_first && waits_for_token(program, state) {
                    self.work(key, task, &name, parameters.value(), start_ms);
                }
            }
            Effect::AwaitJob { task, state, .. } => {
                let (task, state) = (*task, *state);
                let (waited_ms, _) = self.since_first_call(key, task, true);
                let execution = self.ledger.durable(key).ok_or("a job is awaited of nothing durable")?;
                let Some(out) = execution.task(task) else { return Ok(()) };
                let name = program.state(state).name.to_string();
                let conduct =
                    self.plan.outside.conduct(&name, out.parameters.value(), None, self.redrives(key));
                if let Some((end_ms, result)) = conduct.end {
                    self.tell(key, end_ms - waited_ms, completion(task, result));
                }
            }
            Effect::StopJob { task, .. } => {
                self.count("jobs stopped");
                self.tell(key, 50, Command::Settle { attempt: task.attempt });
            }
            Effect::OfferActivityTask { .. } => return Err("an activity task left the shards".to_owned()),
        }
        Ok(())
    }

    /// How often an execution was redriven, durably.
    fn redrives(&self, key: ExecutionKey) -> u32 {
        self.ledger.durable(key).map_or(0, |durable| durable.redrive_count)
    }

    /// Milliseconds since the target was called first, and whether that is now.
    fn since_first_call(&mut self, key: ExecutionKey, task: TaskId, is_job: bool) -> (i64, bool) {
        let now_ms = self.schedule.elapsed();
        let first = self.crowd.called.insert((key, task, is_job), now_ms);
        if let Some(first) = first {
            self.crowd.called.insert((key, task, is_job), first);
            self.count("calls made again");
        }
        (now_ms - first.unwrap_or(now_ms), first.is_none())
    }

    /// A driver tells the shard; nobody waits for an answer.
    fn tell(&mut self, key: ExecutionKey, after_ms: i64, command: Command) {
        let shard = self.node.shard_of(key.arn_hash());
        let input = Input::Command { key, command, reply: ReplyTo::Nobody };
        self.schedule.inside(after_ms.max(0), Happening::Input { shard, input });
    }
}

pub(super) fn completion(task: TaskId, result: Result<Value, ErrorOutput>) -> Command {
    match result {
        Ok(output) => Command::TaskSucceeded { task, output: Payload::from_value(output) },
        Err(error) => Command::TaskFailed { task, error },
    }
}

fn waits_for_token(program: &Program, state: u32) -> bool {
    matches!(
        program.get(state).map(|state| &state.kind),
        Some(stepwell_interpreter::program::StateKind::Task(task)) if task.waits_for_token()
    )
}
