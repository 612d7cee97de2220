//! The rules of history, event by event.

use std::collections::BTreeMap;

use stepwell_asl::Jitter;
use stepwell_interpreter::{
    ErrorOutput, Event, EventKind, Program, Timestamp, event::DefinitionEdit, limits, program::StateKind,
};

use super::{
    Programs, Report,
    chain::{Chain, Fork, FrameIndexes, Place, Task, may_lead_to},
    names::type_name,
};
use crate::conduct::without_event_ids;

type Checked<T = ()> = Result<T, String>;

/// Checks a history as it grows.
#[derive(Debug)]
pub struct Checker<'a> {
    programs: &'a Programs,
    program: &'a Program,
    /// Tokens of redrives.
    tokens: Vec<(String, Timestamp)>,
    has_succeeded: bool,
    rescues: bool,
    chains: BTreeMap<u32, Chain>,
    forks: Vec<Fork>,
    indexes: FrameIndexes,
    next_ordinal: u32,
    length: u32,
    time: Timestamp,
    has_ended: bool,
    is_express: bool,
    report: Report,
}

impl<'a> Checker<'a> {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(programs: &'a Programs) -> Self {
        static NOTHING: std::sync::LazyLock<Program> =
            std::sync::LazyLock::new(|| Program { states: Vec::new(), start: 0, timeout_seconds: None });
        Self {
            programs,
            program: &NOTHING,
            tokens: Vec::new(),
            has_succeeded: false,
            rescues: false,
            chains: BTreeMap::new(),
            forks: Vec::new(),
            indexes: FrameIndexes::default(),
            next_ordinal: 0,
            length: 0,
            time: Timestamp(i64::MIN),
            has_ended: false,
            is_express: false,
            report: Report::default(),
        }
    }

    /// What was learnt.
    #[must_use]
    pub fn finish(self) -> Report {
        Report { is_complete: self.has_ended, ..self.report }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// The rule that the event breaks.
    pub fn event(&mut self, event: &Event) -> Checked {
        self.numbers(event).and_then(|()| self.kind(event)).map_err(|rule| {
            format!("event {} (id {}): {rule}: {:?}", event.ordinal, event.history_id, event.kind)
        })
    }

    fn numbers(&mut self, event: &Event) -> Checked {
        ensure(event.ordinal == self.next_ordinal, || {
            format!("the ordinal should be {}", self.next_ordinal)
        })?;
        self.next_ordinal += 1;
        if event.kind.is_visible() {
            self.length += 1;
            ensure(event.history_id == self.length, || format!("the id should be {}", self.length))?;
            let previous = event.kind.previous();
            ensure(previous < event.history_id, || "the previous event is not an earlier one".to_owned())?;
        } else {
            ensure(event.history_id == 0, || "an internal event has no id".to_owned())?;
        }
        ensure(event.time >= self.time, || format!("time goes back from {:?}", self.time))?;
        self.time = event.time;
        let may_follow =
            matches!(event.kind, EventKind::Settled { .. } | EventKind::ExecutionRedriven { .. });
        ensure(!self.has_ended || may_follow, || "something follows the terminal event".to_owned())?;
        ensure(self.is_express || self.length <= limits::HISTORY_EVENTS_MAX, || "too many events".to_owned())
    }

    /// What waits for a timer does not go on before it.
    fn timers(&mut self, event: &Event) -> Checked {
        let (EventKind::StateExited { frame, .. }
        | EventKind::TaskScheduled { frame, .. }
        | EventKind::ParallelStarted { frame, .. }
        | EventKind::MapStarted { frame, .. }) = &event.kind
        else {
            return Ok(());
        };
        let chain = self.chain(*frame)?;
        let until = chain.not_before.take().unwrap_or(event.time);
        ensure(event.time >= until, || format!("a timer fired before {until:?}"))
    }

    fn kind(&mut self, event: &Event) -> Checked {
        self.timers(event)?;
        if let Some(revision) = event.kind.new_revision() {
            self.program = self.programs.get(&revision).ok_or("there is no such revision")?;
        }
        let id = event.history_id;
        let previous = event.kind.previous();
        match &event.kind {
            EventKind::ExecutionStarted { about, .. } => {
                ensure(event.ordinal == 0, || "an execution starts once".to_owned())?;
                self.is_express = about.express;
                let root = Chain::new("root".to_owned(), 0, self.program.start, None, 0);
                let frame = self.indexes.take();
                self.chains.insert(frame, root);
                self.note(0, event);
            }
            EventKind::StateEntered { frame, state, .. } => {
                self.note(*frame, event);
                let chain = self.chain(*frame)?;
                follows(chain, previous)?;
                ensure(chain.place == Place::Before(*state), || {
                    format!("the chain was at {:?}", chain.place)
                })?;
                chain.place = Place::Within;
                chain.state = *state;
                chain.task = Task::None;
                chain.retries.clear();
                chain.is_broken = false;
                chain.last = id;
                chain.kept = None;
                chain.entered = (id, previous);
            }
            EventKind::StateExited { frame, state, next, .. } => {
                self.note(*frame, event);
                let program = self.program;
                self.close_broken_fork(*frame)?;
                let chain = self.within(*frame, *state)?;
                follows(chain, previous)?;
                ensure(chain.fork.is_none(), || "children still run".to_owned())?;
                ensure(may_lead_to(program, chain, *next), || "the state can't lead there".to_owned())?;
                chain.place = next.map_or(Place::After, Place::Before);
                chain.last = id;
                chain.kept = None;
                let was_rescued = chain.task == Task::Failed || chain.is_broken;
                self.rescues |= was_rescued;
            }
            EventKind::WaitStarted { frame, until } => {
                self.chain(*frame)?.not_before = Some(*until);
                let state = self.chain(*frame)?.state;
                let kind = self.program.get(state).map(|state| &state.kind);
                ensure(matches!(kind, Some(StateKind::Wait(_))), || "this is no Wait state".to_owned())?;
            }
            EventKind::TaskScheduled { frame, state, .. } => {
                self.task(event, *frame, *state, &[Task::None], Task::Scheduled)?;
            }
            EventKind::TaskStarted { frame, state, .. } => {
                self.task(event, *frame, *state, &[Task::Scheduled], Task::Started)?;
            }
            EventKind::TaskSubmitted { frame, state, .. } => {
                self.task(event, *frame, *state, &[Task::Started], Task::Submitted)?;
            }
            EventKind::TaskSucceeded { frame, state, .. } => {
                self.task(event, *frame, *state, &[Task::Started, Task::Submitted], Task::Succeeded)?;
            }
            EventKind::TaskFailed { frame, state, .. } => {
                self.task(event, *frame, *state, &[Task::Started, Task::Submitted], Task::Failed)?;
            }
            EventKind::TaskTimedOut { frame, state, .. } => {
                let out = [Task::Scheduled, Task::Started, Task::Submitted];
                self.task(event, *frame, *state, &out, Task::Failed)?;
            }
            EventKind::RetryScheduled { frame, retrier, until } => {
                self.retry(*frame, *retrier, until.0 - event.time.0)?;
                self.rescues = true;
                self.chain(*frame)?.kept = None;
                self.chain(*frame)?.not_before = Some(*until);
            }
            EventKind::ParallelStarted { frame, state, .. } => {
                let Some(StateKind::Parallel(parallel)) = self.program.get(*state).map(|state| &state.kind)
                else {
                    return Err("this is no Parallel state".to_owned());
                };
                let length = parallel.branches.len() as u32;
                self.open_fork(event, *frame, *state, (length, length), false)?;
            }
            EventKind::MapStarted { frame, state, length, limit, .. } => {
                self.open_fork(event, *frame, *state, (*length, *limit), true)?;
            }
            EventKind::IterationStarted { owner, state, index, .. } => {
                self.start_iteration(event, *owner, *state, *index)?;
            }
            EventKind::IterationSucceeded { frame, index, .. } => {
                self.note(*frame, event);
                follows(self.chain(*frame)?, previous)?;
                let (fork, chain) = self.end_child(*frame, Some(*index))?;
                ensure(chain.place == Place::After, || "the iteration has not ended".to_owned())?;
                self.forks[fork].freed.push(chain.last);
                self.child_succeeded(fork, id)?;
            }
            EventKind::BranchSucceeded { frame } => {
                let (fork, chain) = self.end_child(*frame, None)?;
                ensure(chain.place == Place::After, || "the branch has not ended".to_owned())?;
                self.child_succeeded(fork, chain.last)?;
            }
            EventKind::IterationFailed { frame, index, error, .. } => {
                self.note(*frame, event);
                follows(self.chain(*frame)?, previous)?;
                let (fork, chain) = self.end_child(*frame, Some(*index))?;
                self.child_failed(fork, chain, error)?;
            }
            EventKind::BranchFailed { frame, error } => {
                let (fork, chain) = self.end_child(*frame, None)?;
                self.child_failed(fork, chain, error)?;
            }
            EventKind::IterationAborted { frame, index, .. } => {
                self.abort_child(*frame, Some((*index, previous)))?
            }
            EventKind::BranchAborted { frame } => self.abort_child(*frame, None)?,
            EventKind::StateAborted { frame, state, .. } => self.abort_state(event, *frame, *state)?,
            EventKind::ForkBroken { frame, error } => {
                let last = self.chain(*frame)?.last;
                // One that has ended, or never was, needs no stopping: the error is noted for those who go on.
                let Some(fork) = self.chain(*frame)?.fork.filter(|fork| self.forks[*fork].is_open) else {
                    return Ok(());
                };
                ensure(self.forks[fork].failure.is_none(), || "it had failed already".to_owned())?;
                self.forks[fork].failure = Some(last);
                self.forks[fork].starts_anew = is_data_limit(error);
                self.report.has_failed_fork = true;
            }
            EventKind::ForkStopped { frame } => {
                let fork = self.fork_of(*frame)?;
                let at = &self.forks[fork];
                ensure(at.running == 0, || "children still run".to_owned())?;
                let failure = at.failure.ok_or("nothing had failed")?;
                self.forks[fork].is_open = false;
                let starts_anew = self.forks[fork].starts_anew;
                let chain = self.chain(*frame)?;
                chain.fork = None;
                chain.kept = (!starts_anew).then_some(fork);
                chain.last = failure;
                chain.is_broken = true;
            }
            EventKind::ForkSucceeded { frame, state, .. } => {
                self.note(*frame, event);
                let fork = self.fork_of(*frame)?;
                ensure(self.forks[fork].is_complete(), || "not all children have ended".to_owned())?;
                self.forks[fork].is_open = false;
                let chain = self.within(*frame, *state)?;
                follows(chain, previous)?;
                chain.fork = None;
                chain.kept = Some(fork);
            }
            EventKind::ForkFailed { frame, state, .. } => {
                self.note(*frame, event);
                let chain = self.within(*frame, *state)?;
                follows(chain, previous)?;
                ensure(chain.fork.is_none(), || "children still run".to_owned())?;
                chain.is_broken = true;
                chain.last = id;
            }
            EventKind::EvaluationFailed { frame, state, .. } => {
                self.note(*frame, event);
                let kind = self.program.get(*state).map(|state| &state.kind);
                let points_to_entry = matches!(kind, Some(StateKind::Wait(_)));
                let chain = self.within(*frame, *state)?;
                let (entered, before) = chain.entered;
                if chain.last == entered && !points_to_entry {
                    ensure(previous == before, || format!("the previous id should be {before}"))?;
                } else {
                    follows(chain, previous)?;
                }
                chain.last = id;
            }
            EventKind::ExecutionSucceeded { .. } => {
                self.note(0, event);
                let root = self.chain(0)?;
                follows(root, previous)?;
                ensure(root.place == Place::After, || "the execution has not reached its end".to_owned())?;
                ensure(self.chains.len() == 1, || "branches still run".to_owned())?;
                self.has_ended = true;
                self.has_succeeded = true;
            }
            EventKind::ExecutionFailed { error, .. } => {
                let is_full = id == limits::HISTORY_EVENTS_MAX && previous + 1 == id;
                let fits = is_full || self.chains.values().any(|chain| chain.last == previous);
                ensure(fits, || "the previous event is not the last one of a chain".to_owned())?;
                self.note(0, event);
                self.has_ended = true;
                if is_data_limit(error)
                    && let Some(chain) = self.chains.values_mut().find(|chain| chain.last == previous)
                {
                    chain.kept = None;
                }
            }
            EventKind::ExecutionRedriven { count, client_token, definition, .. } => {
                ensure(self.has_ended && !self.has_succeeded, || "it has not failed".to_owned())?;
                ensure(previous + 1 == id, || "the previous event should be the terminal one".to_owned())?;
                self.report.redrives += 1;
                ensure(*count == self.report.redrives, || {
                    format!("this is redrive {}", self.report.redrives)
                })?;
                if let Some(token) = client_token {
                    let soon =
                        |time: Timestamp| event.time.0 - time.0 <= limits::REDRIVE_TOKEN_SECONDS * 1000;
                    let newest = self.tokens.iter().rev().take(limits::REDRIVE_TOKENS_MAX);
                    let is_known = newest.into_iter().any(|(known, time)| **known == **token && soon(*time));
                    ensure(!is_known, || "a request was carried out twice".to_owned())?;
                    self.tokens.push((token.to_string(), event.time));
                }
                self.note(0, event);
                self.has_ended = false;
                self.report.was_rescued |= std::mem::take(&mut self.rescues);
                self.redriven(definition.as_deref())?;
            }
            EventKind::ExecutionAborted { .. } | EventKind::ExecutionTimedOut { .. } => {
                ensure(previous == 0, || "the previous id should be 0".to_owned())?;
                self.note(0, event);
                self.has_ended = true;
            }
            EventKind::Settled { .. } => {}
        }
        Ok(())
    }

    fn task(&mut self, event: &Event, frame: u32, state: u32, from: &[Task], to: Task) -> Checked {
        self.note(frame, event);
        let chain = self.within(frame, state)?;
        follows(chain, event.kind.previous())?;
        ensure(from.contains(&chain.task), || format!("the task was {:?}", chain.task))?;
        chain.task = to;
        chain.last = event.history_id;
        Ok(())
    }

    /// A retrier takes an error no more often than it says, after the delay that it says.
    fn retry(&mut self, frame: u32, number: u16, delay_ms: i64) -> Checked {
        let state = self.chain(frame)?.state;
        let handlers = self.program.get(state).and_then(|state| state.handlers()).ok_or("it has no Retry")?;
        let retrier = handlers.retry.get(usize::from(number)).ok_or("it has no such retrier")?;
        let chain = self.chain(frame)?;
        let made = chain.retries.entry(number).or_default();
        *made += 1;
        let allowed = retrier.max_attempts;
        ensure(*made <= allowed, || format!("retrier {number} allows {allowed} attempts"))?;
        let grown =
            (1..*made).fold(f64::from(retrier.interval_seconds), |delay, _| delay * retrier.backoff_rate);
        let longest = retrier.max_delay_seconds.map_or(grown, |longest| grown.min(f64::from(longest)));
        let longest_ms = (longest * 1000.0).ceil() as i64;
        let is_right = match retrier.jitter {
            Jitter::None => delay_ms == longest_ms,
            Jitter::Full => (0..=longest_ms).contains(&delay_ms),
        };
        ensure(is_right, || format!("the delay is {delay_ms} ms, {longest_ms} ms at most"))?;
        ensure(chain.fork.is_none(), || "children still run".to_owned())?;
        chain.task = Task::None;
        chain.is_broken = false;
        Ok(())
    }

    fn open_fork(
        &mut self,
        event: &Event,
        frame: u32,
        state: u32,
        (length, limit): (u32, u32),
        is_map: bool,
    ) -> Checked {
        self.note(frame, event);
        let name = self.program.get(state).map_or(String::new(), |state| state.name.to_string());
        let number = self.forks.len();
        let started = event.history_id;
        let chain = self.within(frame, state)?;
        follows(chain, event.kind.previous())?;
        ensure(chain.fork.is_none(), || "children still run".to_owned())?;
        chain.last = started;
        chain.fork = Some(number);
        chain.forks_opened += 1;
        let path = format!("{}/{name}#{}", chain.path, chain.forks_opened);
        let branches = match self.program.get(state).map(|state| &state.kind) {
            Some(StateKind::Parallel(parallel)) => parallel.branches.as_slice(),
            _ => &[],
        };
        let started_children = branches.len() as u32;
        for (index, first) in (0..).zip(branches) {
            let frame = self.indexes.take();
            let chain = Chain::new(format!("{path}[{index}]"), started, *first, Some(number), index);
            self.chains.insert(frame, chain);
        }
        let fork = Fork {
            owner: frame,
            is_map,
            started,
            length,
            limit,
            next: started_children,
            ended: 0,
            running: started_children,
            freed: Vec::new(),
            failure: None,
            starts_anew: false,
            is_open: true,
            path,
            kept: Vec::new(),
        };
        self.forks.push(fork);
        Ok(())
    }

    fn start_iteration(&mut self, event: &Event, owner: u32, state: u32, index: u32) -> Checked {
        let number = self.fork_of(owner)?;
        let previous = event.kind.previous();
        let fork = &mut self.forks[number];
        ensure(fork.failure.is_none(), || "the Map has failed".to_owned())?;
        ensure(index == fork.next && index < fork.length, || format!("iteration {} is next", fork.next))?;
        ensure(fork.running < fork.limit, || format!("more than {} iterations at once", fork.limit))?;
        if index < fork.limit {
            ensure(previous == fork.started, || format!("previous should be {}", fork.started))?;
        } else {
            let at = fork.freed.iter().position(|chain| *chain == previous);
            let at = at.ok_or("previous should be the last event of an iteration that has ended")?;
            fork.freed.remove(at);
        }
        fork.next += 1;
        fork.running += 1;
        let path = format!("{}[{index}]", fork.path);
        let Some(StateKind::Map(map)) = self.program.get(state).map(|state| &state.kind) else {
            return Err("this is no Map state".to_owned());
        };
        let frame = self.indexes.take();
        self.chains.insert(frame, Chain::new(path, event.history_id, map.start, Some(number), index));
        self.note(frame, event);
        Ok(())
    }

    fn end_child(&mut self, frame: u32, index: Option<u32>) -> Checked<(usize, Chain)> {
        let chain = self.chains.remove(&frame).ok_or("there is no such chain")?;
        self.indexes.free(frame);
        let number = chain.parent.ok_or("the root is no child")?;
        ensure(chain.fork.is_none(), || "its own children still run".to_owned())?;
        let fork = &mut self.forks[number];
        ensure(fork.is_open, || "its fork has ended".to_owned())?;
        ensure(index.is_none_or(|index| index == chain.index), || format!("its index is {}", chain.index))?;
        ensure(fork.is_map == index.is_some(), || "branches and iterations are mixed up".to_owned())?;
        fork.running -= 1;
        Ok((number, chain))
    }

    fn child_succeeded(&mut self, number: usize, last: u32) -> Checked {
        let fork = &mut self.forks[number];
        ensure(fork.failure.is_none(), || "it belongs to a fork that has failed".to_owned())?;
        fork.ended += 1;
        if fork.is_complete() {
            let owner = fork.owner;
            self.chain(owner)?.last = last;
        }
        Ok(())
    }

    fn child_failed(&mut self, number: usize, mut chain: Chain, error: &ErrorOutput) -> Checked {
        let fork = &mut self.forks[number];
        ensure(fork.failure.is_none(), || "it belongs to a fork that has failed".to_owned())?;
        fork.failure = Some(chain.last);
        fork.starts_anew = is_data_limit(error);
        if fork.starts_anew {
            chain.kept = None;
        }
        fork.kept.push(chain);
        self.report.has_failed_fork = true;
        Ok(())
    }

    /// What had not come to its end goes on: the chains that ran and those that were kept, each with an index that is
    /// given anew.
    fn redriven(&mut self, edit: Option<&DefinitionEdit>) -> Checked {
        let mut chains = std::mem::take(&mut self.chains);
        self.indexes = FrameIndexes::default();
        let root = chains.remove(&0).ok_or("there is no root")?;
        let mut running: Vec<Chain> = chains.into_values().collect();
        self.revive(root, &mut running, edit);
        ensure(running.is_empty(), || "a chain has no place any more".to_owned())
    }

    fn revive(&mut self, mut chain: Chain, running: &mut Vec<Chain>, edit: Option<&DefinitionEdit>) {
        let moved = edit.map_or(&[][..], |edit| &edit.moved);
        let new_number =
            |state: u32| moved.iter().find(|moved| moved.from == state).map_or(state, |moved| moved.to);
        let retyped = edit.and_then(|edit| edit.retyped.as_deref()).unwrap_or_default();
        chain.state = new_number(chain.state);
        chain.place = match chain.place {
            Place::Before(state) => Place::Before(new_number(state)),
            _ if retyped.contains(&chain.state) => Place::Before(chain.state),
            Place::Within
                if matches!(self.program.get(chain.state).map(|s| &s.kind), Some(StateKind::Fail(_))) =>
            {
                Place::Before(chain.state)
            }
            other => other,
        };
        chain.task = Task::None;
        chain.retries.clear();
        chain.is_broken = false;
        chain.is_aborted = false;
        chain.not_before = None;
        let runs = chain.fork.take().filter(|fork| self.forks[*fork].is_open);
        let starts_anew = runs.is_some_and(|fork| self.forks[fork].starts_anew);
        let fork = runs.or(chain.kept.take());
        let mut children = Vec::new();
        if let Some(number) = fork {
            children.append(&mut self.forks[number].kept);
            children.extend(running.extract_if(.., |child| child.parent == Some(number)));
            children.sort_by_key(|child| child.index);
        }
        let frame = self.indexes.take();
        match fork.filter(|_| !starts_anew) {
            Some(number) => {
                let fork = &mut self.forks[number];
                fork.owner = frame;
                fork.is_open = true;
                fork.failure = None;
                fork.running = children.len() as u32;
                chain.fork = Some(number);
                self.chains.insert(frame, chain);
                for child in children {
                    self.revive(child, running, edit);
                }
            }
            None => {
                // Whatever ran below starts anew.
                let below = format!("{}/", chain.path);
                running.retain(|other| !other.path.starts_with(&below));
                self.chains.insert(frame, chain);
            }
        }
    }

    /// Whether the id is that of an error which stops a fork around the chain.
    fn is_stopped_by(&self, chain: &Chain, id: Option<u32>) -> bool {
        let mut parent = chain.parent;
        while let Some(number) = parent {
            let fork = &self.forks[number];
            if fork.failure.is_some_and(|failure| id.is_none_or(|id| id == failure)) {
                return true;
            }
            parent = self.chains.get(&fork.owner).and_then(|owner| owner.parent);
        }
        false
    }

    fn abort_child(&mut self, frame: u32, iteration: Option<(u32, u32)>) -> Checked {
        let chain = self.chain(frame)?.clone();
        let previous = iteration.map(|(_, previous)| previous);
        ensure(self.is_stopped_by(&chain, previous), || "nothing stops it".to_owned())?;
        let waits = matches!(
            self.program.get(chain.state).map(|state| &state.kind),
            Some(StateKind::Task(_) | StateKind::Wait(_) | StateKind::Parallel(_) | StateKind::Map(_))
        );
        let is_stopped = chain.is_aborted || chain.place != Place::Within || !waits;
        ensure(is_stopped, || "its state was not stopped".to_owned())?;
        let (fork, chain) = self.end_child(frame, iteration.map(|(index, _)| index))?;
        self.forks[fork].kept.push(chain);
        Ok(())
    }

    fn abort_state(&mut self, event: &Event, frame: u32, state: u32) -> Checked {
        self.note(frame, event);
        let previous = event.kind.previous();
        let chain = self.within(frame, state)?.clone();
        let by_itself = chain.last == previous
            && matches!(chain.task, Task::Failed | Task::None | Task::Succeeded)
            && matches!(self.program.get(state).map(|state| &state.kind), Some(StateKind::Task(_)))
            && !self.is_stopped_by(&chain, None);
        ensure(by_itself || self.is_stopped_by(&chain, Some(previous)), || "nothing stops it".to_owned())?;
        let mut kept = chain.kept;
        if let Some(fork) = chain.fork {
            ensure(self.forks[fork].running == 0, || "children still run".to_owned())?;
            self.forks[fork].is_open = false;
            kept = (!self.forks[fork].starts_anew).then_some(fork);
        }
        let chain = self.chain(frame)?;
        chain.fork = None;
        chain.kept = kept;
        chain.is_aborted = true;
        Ok(())
    }

    /// The exit of a state whose fork never came to be, or was closed: nothing to do but to look.
    fn close_broken_fork(&mut self, frame: u32) -> Checked {
        let Some(fork) = self.chain(frame)?.fork else { return Ok(()) };
        ensure(!self.forks[fork].is_open, || "its fork is still open".to_owned())
    }

    fn fork_of(&mut self, frame: u32) -> Checked<usize> {
        self.chain(frame)?.fork.ok_or_else(|| "it has no fork".to_owned())
    }

    fn chain(&mut self, frame: u32) -> Checked<&mut Chain> {
        self.chains.get_mut(&frame).ok_or_else(|| "there is no such chain".to_owned())
    }

    fn within(&mut self, frame: u32, state: u32) -> Checked<&mut Chain> {
        let chain = self.chain(frame)?;
        ensure(chain.place == Place::Within, || format!("the chain is at {:?}", chain.place))?;
        ensure(chain.state == state, || format!("the chain is in state {}", chain.state))?;
        ensure(!chain.is_aborted, || "the state was stopped".to_owned())?;
        Ok(chain)
    }

    fn note(&mut self, frame: u32, event: &Event) {
        if let Some(chain) = self.chains.get(&frame) {
            let line = signature(self.program, event);
            self.report.chains.entry(chain.path.clone()).or_default().push(line);
        }
    }
}

fn is_data_limit(error: &ErrorOutput) -> bool {
    error.error.as_deref() == Some("States.DataLimitExceeded")
}

/// What is compared of an event between two runs of one workflow: all but frames, ids and times.
fn signature(program: &Program, event: &Event) -> String {
    let mut kind = event.kind.clone();
    let mut texts = Vec::new();
    kind.payloads_mut(|_, stored| texts.push(without_event_ids(stored.payload.text())));
    let state = match &kind {
        EventKind::StateEntered { state, .. }
        | EventKind::StateExited { state, .. }
        | EventKind::TaskScheduled { state, .. } => program.get(*state).map(|state| state.name.to_string()),
        _ => None,
    };
    format!("{} {} {}", type_name(program, event), state.unwrap_or_default(), texts.join(" "))
}

fn follows(chain: &Chain, previous: u32) -> Checked {
    ensure(chain.last == previous, || format!("the previous id should be {}", chain.last))
}

fn ensure(holds: bool, rule: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(rule()) }
}
