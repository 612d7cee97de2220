//! The thread of a shard: waits, drains its inbox, takes turns, hands batches to the store.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use stepwell_engine::{Input, Released, Reply, ReplyTo, Shard};
use stepwell_store::{Batch, Store};

use super::{
    Outside,
    clock::Clock,
    inbox::{Inbox, Wake},
    loader::LoadRequest,
    router::{Answer, Message, Router},
};

/// The longest sleep: clocks may be drawn to wall time meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(10);
/// How often others go first before a batch is made in company.
const CATCH_UP_YIELDS: usize = 4;

/// A shard and all it works with.
pub(super) struct Worker {
    pub(super) number: u16,
    pub(super) shard: Shard<Answer>,
    pub(super) inbox: Arc<Inbox<Message>>,
    /// Batches that wait for their commit, and how many may.
    pub(super) in_flight: usize,
    pub(super) in_flight_max: usize,
    /// Whether the last batch answered several at once: then more are about to come.
    pub(super) has_company: bool,
    pub(super) router: Arc<Router>,
    pub(super) clock: Arc<Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) loads: mpsc::Sender<LoadRequest>,
}

impl Worker {
    /// Works until it is told to stop, and then until nothing waits for its commit.
    pub(super) fn run(mut self) {
        let mut messages = Vec::new();
        let mut stopping = false;
        let mut more = false;
        loop {
            let timeout = if more { Duration::ZERO } else { self.sleep() };
            let wake = if self.in_flight < self.in_flight_max { Wake::Any } else { Wake::Urgent };
            self.inbox.receive(&mut messages, wake, timeout);
            self.let_company_catch_up(&mut messages);
            for message in messages.drain(..) {
                stopping |= self.take(message);
            }
            let turn = self.shard.turn(self.clock.now());
            more = turn.more;
            if !turn.released.is_empty() {
                self.outside.release(turn.released);
            }
            if let Some((batch, held)) = turn.batch {
                self.commit(batch, held);
            }
            for key in turn.loads {
                // The loader ends after the workers.
                let _ = self.loads.send(LoadRequest::Execution { key });
            }
            if stopping && !more && self.shard.is_settled() {
                return;
            }
        }
    }

    /// Those whom the last batch answered send their next request about now. Letting them go first, without a timer,
    /// makes one sync serve them all instead of the first one alone.
    fn let_company_catch_up(&self, messages: &mut Vec<Message>) {
        if !self.has_company || self.in_flight > 0 {
            return;
        }
        for _ in 0..CATCH_UP_YIELDS {
            std::thread::yield_now();
        }
        let mut late = Vec::new();
        self.inbox.receive(&mut late, Wake::Any, Duration::ZERO);
        messages.append(&mut late);
    }

    /// Until the next deadline.
    fn sleep(&self) -> Duration {
        self.shard.next_deadline().map_or(SLEEP_MAX, |deadline| {
            let millis = deadline.0.saturating_sub(self.clock.now().0).max(0);
            Duration::from_millis(millis.unsigned_abs()).min(SLEEP_MAX)
        })
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return true,
            Message::ForgetNames(arns) => arns.iter().for_each(|arn| self.shard.forget_name(arn)),
            Message::Input(input) => {
                if matches!(input, Input::Committed { .. }) {
                    self.in_flight = self.in_flight.saturating_sub(1);
                }
                if let Err(refused) = self.shard.enqueue(input) {
                    refuse(refused);
                }
            }
        }
        false
    }

    /// What was held for the batch leaves from the committer's thread, the moment it is durable.
    fn commit(&mut self, batch: Batch, held: Vec<Released<Answer>>) {
        self.in_flight += 1;
        self.has_company = held.len() > 1;
        let (number, sequence) = (self.number, batch.sequence);
        let (router, outside) = (self.router.clone(), self.outside.clone());
        self.store.commit(
            batch,
            Box::new(move |result| match result {
                Ok(()) => {
                    router.note_committed(number, sequence);
                    outside.release(held);
                    router.send_to(number, Input::Committed { sequence });
                }
                // Nothing of the batch leaves, and the process ends.
                Err(error) => outside.failed(&error.reason),
            }),
        );
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
