//! The thread that reads executions from the store: those that shards ask for, those in flight at a start, and
//! parked ones whose time is near.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use stepwell_engine::{Found, Input, Load, LoadedExecution, fold};
use stepwell_interpreter::{Execution, Program, Timestamp};
use stepwell_store::{DueExecution, ExecutionKey, HashRange, Store, StoreError};

use super::{clock::Clock, router::Router};
use crate::catalogue::Catalogue;

/// How often parked executions are looked for at least; more often when the walk can't look as far ahead as it wants.
const READ_AHEAD_EVERY_MAX: Duration = Duration::from_secs(5);
/// How often they are looked for at most.
const READ_AHEAD_EVERY_MIN: Duration = Duration::from_millis(50);
/// How far ahead at most: farther than one round, so that each is in memory before its time.
const READ_AHEAD_MILLIS_MAX: i64 = 20_000;
/// Rounds after which the walk begins again, for executions whose parking took very long to become durable.
const ROUNDS_OF_A_WALK: u32 = 12;
/// Keys read from an index at once.
const PAGE: usize = 1_000;

/// What the loader is asked for.
#[derive(Debug)]
pub(super) enum LoadRequest {
    /// An execution that a shard needs.
    Execution(Load),
    /// End.
    Stop,
}

pub(super) struct Loader {
    pub(super) requests: mpsc::Receiver<LoadRequest>,
    pub(super) router: Arc<Router>,
    pub(super) clock: Arc<Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) catalogue: Arc<Catalogue>,
    /// What is parked is due later than this from then on.
    pub(super) park_after_millis: i64,
    pub(super) state: LoaderState,
}

/// How far the walks over the indexes are.
#[derive(Debug, Default)]
pub(super) struct LoaderState {
    /// The newest key of the recovery walk.
    recovered_up_to: Option<ExecutionKey>,
    /// Everything that was in flight at the start has been asked for.
    is_recovered: bool,
    /// The last parked execution that was sent to its shard. What is parked later is due later: parking takes a
    /// deadline farther away than this walk looks.
    sent_up_to: Option<DueExecution>,
    /// Rounds of the walk.
    rounds: u32,
    pending: VecDeque<Load>,
}

impl Loader {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        let mut next_round = Instant::now();
        loop {
            while let Some(load) = self.state.pending.pop_front() {
                self.answer(load);
                if !self.drain() {
                    return;
                }
            }
            if !self.state.is_recovered {
                self.recover_page();
            } else if Instant::now() >= next_round {
                self.clock.follow_wall_time();
                if !self.read_ahead_page() {
                    next_round = Instant::now() + self.read_ahead_every();
                    self.state.rounds += 1;
                    if self.state.rounds.is_multiple_of(ROUNDS_OF_A_WALK) {
                        self.state.sent_up_to = None;
                    }
                }
            }
            let wait = if self.state.is_recovered {
                next_round.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.requests.recv_timeout(wait) {
                Ok(LoadRequest::Execution(load)) => self.state.pending.push_back(load),
                Ok(LoadRequest::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Takes what is waiting. Gives false when it is time to stop.
    fn drain(&mut self) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(LoadRequest::Execution(load)) => self.state.pending.push_back(load),
                Ok(LoadRequest::Stop) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Asks the shards for one page of the executions that were in flight when the server ended. They load them as
    /// any other, so that a command that comes first finds no stale state.
    fn recover_page(&mut self) {
        match self.store.running(HashRange::ALL, self.state.recovered_up_to, PAGE) {
            Ok(keys) => {
                self.state.is_recovered = keys.len() < PAGE;
                self.state.recovered_up_to = keys.last().copied().or(self.state.recovered_up_to);
                self.send_due(keys);
            }
            Err(error) => self.report(&error),
        }
    }

    /// Well below the time after which executions are parked: what is parked later must lie ahead of the walk.
    fn ahead_millis(&self) -> i64 {
        (self.park_after_millis / 3 * 2).clamp(0, READ_AHEAD_MILLIS_MAX)
    }

    fn read_ahead_every(&self) -> Duration {
        let quarter = Duration::from_millis((self.ahead_millis() / 4).unsigned_abs());
        quarter.clamp(READ_AHEAD_EVERY_MIN, READ_AHEAD_EVERY_MAX)
    }

    /// Sends one page of parked executions to their shards. Gives whether there may be more.
    fn read_ahead_page(&mut self) -> bool {
        let until = self.clock.now().0.saturating_add(self.ahead_millis());
        match self.store.due(HashRange::ALL, until, self.state.sent_up_to, PAGE) {
            Ok(due) => {
                self.state.sent_up_to = due.last().copied().or(self.state.sent_up_to);
                let is_full = due.len() == PAGE;
                self.send_due(due.into_iter().map(|due| due.key).collect());
                is_full
            }
            Err(error) => {
                self.report(&error);
                false
            }
        }
    }

    fn send_due(&self, keys: Vec<ExecutionKey>) {
        let mut by_shard = vec![Vec::new(); usize::from(self.router.count())];
        for key in keys {
            if let Some(keys) = by_shard.get_mut(usize::from(self.router.shard_of(key.arn_hash()))) {
                keys.push(key);
            }
        }
        for (shard, keys) in (0..).zip(by_shard) {
            if !keys.is_empty() {
                self.router.send_to(shard, Input::Due { keys });
            }
        }
    }

    fn report(&mut self, error: &StoreError) {
        tracing::error!(%error, "the store can't be read for executions that are due");
        // A store that has stopped stays so; the process is about to end.
        self.state.is_recovered |= matches!(error, StoreError::Stopped(_));
        std::thread::sleep(Duration::from_millis(100));
    }

    fn answer(&self, load: Load) {
        let key = load.key;
        let found = catch_unwind(AssertUnwindSafe(|| self.load(load)))
            .unwrap_or_else(|_| Found::Unreadable("its events could not be folded: a bug".to_owned()));
        self.router.send(Input::Loaded { key, found });
    }

    fn load(&self, load: Load) -> Found {
        match self.try_load(load) {
            Ok(found) => found,
            Err(reason) => Found::Unreadable(reason),
        }
    }

    fn try_load(&self, Load { key, even_closed }: Load) -> Result<Found, String> {
        let text = |error: StoreError| error.to_string();
        let Some(row) = self.store.row(key).map_err(text)? else { return Ok(Found::Unknown) };
        let is_active = is_active(&*self.store, key).map_err(text)?;
        // Closed and owing something is still active; all else that is closed is refused from its row.
        if row.status.is_closed() && !is_active && !even_closed {
            return Ok(Found::Closed);
        }
        let program = |revision| self.catalogue.program(revision).map_err(|error| error.to_string());
        let chunks = self.store.chunks(key, 0, usize::MAX).map_err(text)?;
        let (execution, program) = fold(program, &chunks).map_err(|error| error.to_string())?;
        let wake_at_ms = match execution.is_open() {
            _ if is_active => Some(0),
            true => Some(parked_until(&execution, &program)),
            false => None,
        };
        Ok(Found::Execution(Box::new(LoadedExecution { execution, program, row, wake_at_ms })))
    }
}

/// Whether the running index holds an execution as active: it is the first active one after the key before it.
pub(crate) fn is_active(store: &dyn Store, key: ExecutionKey) -> Result<bool, StoreError> {
    let before = u128::from_be_bytes(*key.as_bytes()).checked_sub(1);
    let before = before.map(|key| ExecutionKey::from_bytes(key.to_be_bytes()));
    Ok(store.running(HashRange::ALL, before, 1)?.first() == Some(&key))
}

/// The time under which a parked execution stands in the running index: its next deadline, as the shard that parked it
/// worked it out from the same state.
fn parked_until(execution: &Execution, program: &Program) -> i64 {
    let deadline: Timestamp = execution
        .frames
        .iter()
        .flat_map(|(index, _)| execution.frame_timers(index))
        .map(|timer| timer.at)
        .chain([execution.deadline(program)])
        .min()
        .unwrap_or(Timestamp::NEVER);
    deadline.0.max(1)
}
