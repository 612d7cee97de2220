//! The thread of a shard: waits, drains its inbox, takes turns, hands batches to the store.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use stepwell_engine::{HeavyStep, Input, Released, Reply, ReplyTo, Shard};
use stepwell_store::{Batch, CommitDone, Store};

use super::{
    Outside,
    clock::Clock,
    inbox::{Inbox, Wake},
    loader::LoadRequest,
    router::{Answer, Message, Router},
};
use crate::heavy::HeavyThreads;

/// The longest sleep: the clock may be held back meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(10);
/// Callers that one batch has answered are company from this number on.
const COMPANY: usize = 3;
/// The longest wait for company.
const CATCH_UP_MAX: Duration = Duration::from_micros(300);
/// Commits that take less than this are not worth waiting for.
const COMMIT_WORTH_SHARING: Duration = Duration::from_micros(40);

/// A shard and all it works with.
pub(super) struct Worker {
    pub(super) number: u16,
    pub(super) shard: Shard<Answer>,
    pub(super) inbox: Arc<Inbox<Message>>,
    /// Batches that wait for their commit, and how many may.
    pub(super) in_flight: usize,
    pub(super) in_flight_max: usize,
    /// Callers that the last batch has answered: as many are about to come. 0 once they were waited for.
    pub(super) answered: usize,
    /// When the newest batch was handed to the store, and how long the last one took there.
    pub(super) commit_began: Instant,
    pub(super) last_commit: Duration,
    pub(super) is_stopping: bool,
    pub(super) router: Arc<Router>,
    pub(super) clock: Arc<Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) loads: mpsc::Sender<LoadRequest>,
    pub(super) heavy: Arc<HeavyThreads>,
}

impl Worker {
    /// Works until it is told to stop, and then until nothing waits for its commit.
    pub(super) fn run(mut self) {
        let mut messages = Vec::new();
        let mut more = false;
        loop {
            let timeout = if more { Duration::ZERO } else { self.sleep() };
            let wake = if self.in_flight < self.in_flight_max { Wake::Any } else { Wake::Urgent };
            self.inbox.receive(&mut messages, wake, timeout);
            messages.drain(..).for_each(|message| self.take(message));
            self.let_company_catch_up(&mut messages);
            let turn = self.shard.turn(self.clock.now());
            more = turn.more;
            if !turn.released.is_empty() {
                self.outside.release(turn.released);
            }
            if let Some((batch, held)) = turn.batch {
                self.commit(batch, held);
            }
            for step in turn.heavy {
                self.send_away(step);
            }
            for load in turn.loads {
                // The loader ends after the workers.
                let _ = self.loads.send(LoadRequest::Execution(load));
            }
            if self.is_stopping && !more && self.shard.is_settled() {
                return;
            }
        }
    }

    /// Those whom the last batch answered send their next request about now: a moment later one sync serves them all,
    /// with those that have come meanwhile. Once after a commit, until as many have come again, and no longer than that
    /// commit took. Nobody waits who is alone, or whose commits cost next to nothing.
    fn let_company_catch_up(&mut self, messages: &mut Vec<Message>) {
        if self.in_flight > 0 || self.last_commit < COMMIT_WORTH_SHARING {
            return;
        }
        let answered = std::mem::take(&mut self.answered);
        if answered >= COMPANY {
            self.inbox.gather(answered, self.last_commit.min(CATCH_UP_MAX));
            self.inbox.receive(messages, Wake::Any, Duration::ZERO);
            messages.drain(..).for_each(|message| self.take(message));
        }
    }

    /// Until the next deadline.
    fn sleep(&self) -> Duration {
        self.shard.next_deadline().map_or(SLEEP_MAX, |deadline| {
            let millis = deadline.0.saturating_sub(self.clock.now().0).max(0);
            Duration::from_millis(millis.unsigned_abs()).min(SLEEP_MAX)
        })
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Stop => self.is_stopping = true,
            Message::ForgetNames(arns) => arns.iter().for_each(|arn| self.shard.forget_name(arn)),
            Message::Input(input) => {
                if matches!(input, Input::Committed { .. }) {
                    self.in_flight = self.in_flight.saturating_sub(1);
                    self.last_commit = self.commit_began.elapsed();
                }
                if let Err(refused) = self.shard.enqueue(input) {
                    refuse(refused);
                }
            }
        }
    }

    /// Has a step taken where nobody waits for it.
    fn send_away(&self, step: HeavyStep) {
        let (number, router, clock) = (self.number, self.router.clone(), self.clock.clone());
        self.heavy.submit(move || {
            let taken = step.take(clock.now());
            router.send_to(number, Input::HeavyStepTaken(Box::new(taken)));
        });
    }

    /// What was held for the batch leaves the moment it is durable. Where few wait for it, this thread commits by itself:
    /// it has nothing else to do until then, and the way to the committer and back would be a good part of their wait.
    fn commit(&mut self, batch: Batch, held: Vec<Released<Answer>>) {
        self.in_flight += 1;
        self.answered = held.iter().filter(|released| matches!(released, Released::Reply { .. })).count();
        self.commit_began = Instant::now();
        let (number, sequence) = (self.number, batch.sequence);
        let (router, outside) = (self.router.clone(), self.outside.clone());
        let done: CommitDone = Box::new(move |result| match result {
            Ok(()) => {
                router.note_committed(number, sequence);
                outside.release(held);
                router.send_to(number, Input::Committed { sequence });
            }
            // Nothing of the batch leaves, and the process ends.
            Err(error) => outside.failed(&error.reason),
        });
        if self.answered >= COMPANY {
            self.store.commit(batch, done);
        } else {
            self.store.commit_here(batch, done);
        }
    }
}

/// Answers an input that the shard has no room for.
fn refuse(input: Input<Answer>) {
    let to = match input {
        Input::Start { reply, .. } | Input::Command { reply: ReplyTo::Caller(reply), .. } => reply,
        Input::ActivityPoll { poller, .. } => poller.reply,
        _ => return,
    };
    // The caller may have gone.
    let _ = to.send(Reply::Throttled);
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nobody reads any more: callers must not wait for answers.
        self.inbox.close();
    }
}
