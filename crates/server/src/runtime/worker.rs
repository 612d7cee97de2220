//! The thread of a shard: waits, drains its inbox, takes turns, hands batches to the store.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use stepwell_engine::{Input, Released, Reply, ReplyTo, Shard};
use stepwell_store::{Batch, Store};

use super::{
    Outside,
    clock::Clock,
    loader::LoadRequest,
    router::{Answer, Message, Router},
};

/// Inputs that are taken from the inbox before a turn.
const DRAIN_MAX: usize = 16_384;
/// The longest sleep: clocks may be drawn to wall time meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(10);

/// A shard and all it works with.
pub(super) struct Worker {
    pub(super) number: u16,
    pub(super) shard: Shard<Answer>,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) router: Arc<Router>,
    pub(super) clock: Arc<Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) loads: mpsc::Sender<LoadRequest>,
}

impl Worker {
    /// Works until it is told to stop, and then until nothing waits for its commit.
    pub(super) fn run(mut self) {
        let mut stopping = false;
        let mut more = false;
        loop {
            match self.receive(more) {
                Ok(stop) => stopping |= stop,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
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

    /// Waits for an input or the next deadline, then takes what is there. Gives whether to stop.
    fn receive(&mut self, more: bool) -> Result<bool, RecvTimeoutError> {
        let first = if more {
            match self.inbox.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Empty) => return Ok(false),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            }
        } else {
            let timeout = self.shard.next_deadline().map_or(SLEEP_MAX, |deadline| {
                let millis = deadline.0.saturating_sub(self.clock.now().0).max(0);
                Duration::from_millis(millis.unsigned_abs()).min(SLEEP_MAX)
            });
            self.inbox.recv_timeout(timeout)?
        };
        let mut stop = self.take(first);
        for _ in 1..DRAIN_MAX {
            match self.inbox.try_recv() {
                Ok(message) => stop |= self.take(message),
                Err(_) => break,
            }
        }
        Ok(stop)
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return true,
            Message::ForgetNames(arns) => arns.iter().for_each(|arn| self.shard.forget_name(arn)),
            Message::Input(input) => {
                if let Err(refused) = self.shard.enqueue(input) {
                    refuse(refused);
                }
            }
        }
        false
    }

    /// What was held for the batch leaves from the committer's thread, the moment it is durable.
    fn commit(&self, batch: Batch, held: Vec<Released<Answer>>) {
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
