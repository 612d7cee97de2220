//! What was written and what is durable, kept apart from the code under test; and the checks against it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use stepwell_engine::{Ended, Ends, HeavyStep, Shard};
use stepwell_interpreter::{
    Effect, Event, Execution, Program, Stored, TaskId, apply,
    event::codec::{Payloads, decode_chunk},
    execution::TaskStatus,
    outstanding_effects,
};
use stepwell_store::{Batch, EventChunk, ExecutionKey, ExecutionRow};

use super::{Plan, schedule::Request};
use crate::run::same_state;

/// One execution, folded from chunks as they come.
#[derive(Debug)]
struct Fold {
    program: Arc<Program>,
    /// All programs, by revision.
    programs: Vec<Arc<Program>>,
    execution: Execution,
    payloads: Payloads,
    events: Vec<Event>,
    chunks: Vec<EventChunk>,
}

impl Fold {
    fn new(program: Arc<Program>, programs: Vec<Arc<Program>>) -> Self {
        Self {
            program,
            programs,
            execution: Execution::default(),
            payloads: Payloads::default(),
            events: Vec::new(),
            chunks: Vec::new(),
        }
    }

    fn is_express(&self) -> bool {
        self.execution.about.as_ref().is_some_and(|about| about.express)
    }

    fn take(&mut self, chunk: &EventChunk) -> Result<(), String> {
        if chunk.first_event != self.execution.next_event {
            let expected = self.execution.next_event;
            return Err(format!("a chunk begins with event {}, not {expected}", chunk.first_event));
        }
        for mut event in decode_chunk(&chunk.bytes).map_err(|error| error.to_string())? {
            self.payloads.resolve(&mut event).map_err(|error| error.to_string())?;
            if let Some(revision) = event.kind.new_revision() {
                let program = usize::try_from(revision).ok().and_then(|at| self.programs.get(at));
                self.program = program.ok_or("an event names an unknown revision")?.clone();
            }
            apply(&self.program, &mut self.execution, &event);
            self.events.push(event);
        }
        self.chunks.push(chunk.clone());
        Ok(())
    }
}

/// What is to be done for a task, without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum EffectKind {
    Invoke,
    Offer,
    Await,
    StopJob,
}

/// Which task an effect is for, and what is to be done.
pub(super) fn identity(effect: &Effect) -> (TaskId, EffectKind) {
    match effect {
        Effect::InvokeTask { task, .. } => (*task, EffectKind::Invoke),
        Effect::OfferActivityTask { task, .. } => (*task, EffectKind::Offer),
        Effect::AwaitJob { task, .. } => (*task, EffectKind::Await),
        Effect::StopJob { task, .. } => (*task, EffectKind::StopJob),
    }
}

/// The ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    programs: Vec<Arc<Program>>,
    /// What shards have handed to the store, durable or not.
    ahead: BTreeMap<ExecutionKey, Fold>,
    durable: BTreeMap<ExecutionKey, Fold>,
    names: BTreeMap<ExecutionKey, String>,
    /// What left the shards since the process started.
    released: HashSet<(ExecutionKey, TaskId, EffectKind)>,
    /// What each call was made with, over restarts.
    contents: BTreeMap<(ExecutionKey, u32, u32), Effect>,
    /// ARNs of executions that had ended and went on in the newest durable batch, until that was told.
    untrue_ends: BTreeSet<String>,
    has_restarted: bool,
}

impl Ledger {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            programs: plan.machines.iter().map(|machine| machine.program.clone()).collect(),
            ahead: BTreeMap::new(),
            durable: BTreeMap::new(),
            names: BTreeMap::new(),
            released: HashSet::new(),
            contents: BTreeMap::new(),
            untrue_ends: BTreeSet::new(),
            has_restarted: false,
        }
    }

    /// A turn made a batch: what is stored must fold to what is in memory, or leaves the shard for a heavy step.
    pub(super) fn wrote(
        &mut self,
        batch: &Batch,
        shard: &Shard<Request>,
        heavy: &[HeavyStep],
    ) -> Result<(), String> {
        take(&self.programs, &mut self.ahead, batch)?;
        for change in &batch.rows {
            self.names.insert(change.key, change.after.name.clone());
        }
        for chunk in &batch.chunks {
            // Of an Express execution only the start is written, and it runs elsewhere.
            if self.ahead.get(&chunk.key).is_some_and(Fold::is_express) {
                continue;
            }
            let away = heavy.iter().find(|step| step.key() == chunk.key).map(HeavyStep::execution);
            let live = shard.execution(chunk.key).or(away);
            let (Some(live), Some(fold)) = (live, self.ahead.get(&chunk.key)) else {
                return Err(format!("execution {} was written and is not in memory", chunk.key));
            };
            same_state(live, &fold.execution)?;
        }
        Ok(())
    }

    pub(super) fn committed(&mut self, batch: &Batch) -> Result<(), String> {
        let goes_on =
            batch.rows.iter().filter(|row| row.before.is_some_and(|before| before.status.is_closed()));
        self.untrue_ends.extend(goes_on.map(|row| row.after.arn.clone()));
        take(&self.programs, &mut self.durable, batch)
    }

    /// The process has ended: what was not durable never was.
    pub(super) fn restarted(&mut self) -> Result<(), String> {
        self.has_restarted = true;
        self.released.clear();
        self.untrue_ends.clear();
        self.ahead.clear();
        for (key, durable) in &self.durable {
            let mut fold = Fold::new(durable.program.clone(), self.programs.clone());
            for chunk in &durable.chunks {
                fold.take(chunk)?;
            }
            self.ahead.insert(*key, fold);
        }
        Ok(())
    }

    pub(super) fn durable(&self, key: ExecutionKey) -> Option<&Execution> {
        self.durable.get(&key).map(|fold| &fold.execution)
    }

    pub(super) fn name(&self, key: ExecutionKey) -> Option<&str> {
        self.names.get(&key).map(String::as_str)
    }

    /// All executions that are durable, with their events.
    pub(super) fn all(&self) -> impl Iterator<Item = (ExecutionKey, &Arc<Program>, &Execution, &[Event])> {
        self.durable.iter().map(|(key, fold)| (*key, &fold.program, &fold.execution, fold.events.as_slice()))
    }

    /// An effect leaves: what it rests on must be durable, each call leaves once while the process runs, and a
    /// call that is made again after a restart has the contents that it had.
    pub(super) fn check_effect(&mut self, key: ExecutionKey, effect: &Effect) -> Result<(), String> {
        let (task, kind) = identity(effect);
        let durable = self.durable(key).ok_or_else(|| format!("{effect:?} left before its execution"))?;
        let is_known = durable.next_event > task.attempt;
        let is_in_step = match (kind, durable.task(task)) {
            (EffectKind::Await, Some(out)) => out.status == TaskStatus::Submitted,
            (EffectKind::StopJob, out) => out.is_none(),
            _ => true,
        };
        if !is_known || !is_in_step {
            return Err(format!("{effect:?} left before it was durable"));
        }
        if !self.released.insert((key, task, kind)) {
            return Err(format!("{effect:?} left twice without a restart"));
        }
        let place = (key, task.attempt, kind as u32);
        match self.contents.get(&place) {
            Some(known) if known != effect => Err(format!("{known:?} was repeated as {effect:?}")),
            Some(_) if !self.has_restarted => Err(format!("{effect:?} left twice")),
            _ => {
                self.contents.insert(place, effect.clone());
                Ok(())
            }
        }
    }

    /// An end is told: with what is durable, no more and no less.
    pub(super) fn check_ended(&mut self, ended: &Ended) -> Result<(), String> {
        let durable = self.durable(ended.key).filter(|durable| durable.status == ended.status);
        let durable = durable.ok_or_else(|| format!("{ended:?} was told and is not durable"))?;
        let is_row = ended.row.redrive_count == durable.redrive_count
            && ended.row.stop_ms == Some(durable.stop_time.0)
            && ended.row.status.is_closed();
        let text = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.payload.text().clone());
        let failure = durable.failure.clone().unwrap_or_default();
        let ends = Ends {
            input: text(&durable.input),
            output: text(&durable.output),
            error: failure.error.map(|text| text.0),
            cause: failure.cause.map(|text| text.0),
        };
        if !is_row || ended.ends != ends {
            return Err(format!("{ended:?} was told, durable is {ends:?}"));
        }
        self.untrue_ends.remove(&ended.row.arn);
        Ok(())
    }

    /// It is told that an execution goes on that had ended.
    pub(super) fn check_reopened(&mut self, row: &ExecutionRow) -> Result<(), String> {
        if self.untrue_ends.remove(&row.arn) {
            Ok(())
        } else {
            Err(format!("{} was said to go on and had not ended", row.arn))
        }
    }

    /// An answer leaves: nobody is shown an end any more that its batch has made untrue.
    pub(super) fn check_told(&self) -> Result<(), String> {
        match self.untrue_ends.first() {
            None => Ok(()),
            Some(arn) => Err(format!("an answer left before it was told that {arn} goes on")),
        }
    }

    /// Nothing is under way: whatever state says is in flight has left the shard since the process started.
    pub(super) fn check_outstanding(&self) -> Result<(), String> {
        for (key, program, execution, _) in self.all() {
            for effect in outstanding_effects(program, execution) {
                let (task, kind) = identity(&effect);
                // Offers go from shard to shard, not out.
                if kind != EffectKind::Offer && !self.released.contains(&(key, task, kind)) {
                    return Err(format!("{effect:?} was not sent since the process started"));
                }
            }
        }
        Ok(())
    }
}

fn take(
    programs: &[Arc<Program>],
    folds: &mut BTreeMap<ExecutionKey, Fold>,
    batch: &Batch,
) -> Result<(), String> {
    for change in &batch.rows {
        let program = usize::try_from(change.after.revision).ok().and_then(|at| programs.get(at));
        let program = program.ok_or("a row has an unknown revision")?;
        folds.entry(change.key).or_insert_with(|| Fold::new(program.clone(), programs.to_vec()));
    }
    for chunk in &batch.chunks {
        let fold = folds.get_mut(&chunk.key).ok_or("events were written without a row")?;
        fold.take(chunk)?;
    }
    for gone in &batch.deleted {
        folds.remove(&gone.key);
    }
    Ok(())
}
