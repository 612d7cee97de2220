//! Which shard an input goes to, and how it gets there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use stepwell_engine::{Input, Reply};
use stepwell_interpreter::Command;
use stepwell_store::{ExecutionKey, HashRange, arn_hash};
use tokio::sync::oneshot;

use super::inbox::Inbox;

/// How an answer reaches its caller.
pub(crate) type Answer = oneshot::Sender<Reply>;

/// What a worker gets.
#[derive(Debug)]
pub(crate) enum Message {
    /// For its shard.
    Input(Input<Answer>),
    /// Executions of these ARNs were removed from the store: their names are free again.
    ForgetNames(Vec<String>),
    /// Finish what waits for its commit, then end.
    Stop,
}

/// The ways to all shards.
#[derive(Debug)]
pub(crate) struct Router {
    shards: Vec<ShardHandle>,
}

#[derive(Debug)]
struct ShardHandle {
    inbox: Arc<Inbox<Message>>,
    /// The newest batch that is durable.
    committed: AtomicU64,
}

impl Router {
    /// A router, and what the workers read from.
    pub(super) fn new(count: u16) -> (Self, Vec<Arc<Inbox<Message>>>) {
        let (shards, inboxes) = (0..count.max(1))
            .map(|_| {
                let inbox = Arc::new(Inbox::new());
                (ShardHandle { inbox: inbox.clone(), committed: AtomicU64::new(0) }, inbox)
            })
            .unzip();
        (Self { shards }, inboxes)
    }

    pub(crate) fn count(&self) -> u16 {
        // There were made from a u16.
        u16::try_from(self.shards.len()).unwrap_or(u16::MAX)
    }

    /// The shard that owns a hash.
    pub(crate) fn shard_of(&self, hash: u16) -> u16 {
        HashRange::shard_of(hash, self.count())
    }

    /// Sends to a shard. A worker that has ended drops what it gets: the server is stopping then, and callers see
    /// that their answer will not come.
    pub(crate) fn send_to(&self, shard: u16, input: Input<Answer>) {
        if let Some(shard) = self.shards.get(usize::from(shard)) {
            // A shard that has to wait for a commit has no use for anything else meanwhile.
            let is_urgent = matches!(input, Input::Committed { .. });
            shard.inbox.send(Message::Input(input), is_urgent);
        }
    }

    /// Sends to the shard that owns the input's hash; an input without one goes nowhere.
    pub(crate) fn send(&self, input: Input<Answer>) {
        if let Some(hash) = input.hash() {
            self.send_to(self.shard_of(hash), input);
        }
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn tell(&self, key: ExecutionKey, command: Command) {
        self.send(Input::Command { key, command, reply: stepwell_engine::ReplyTo::Nobody });
    }

    /// Sends an input to all shards.
    pub(crate) fn broadcast(&self, mut make: impl FnMut() -> Input<Answer>) {
        for shard in 0..self.count() {
            self.send_to(shard, make());
        }
    }

    /// Tells the shards that executions were removed from the store.
    pub(crate) fn forget_names(&self, arns: Vec<String>) {
        let mut by_shard = vec![Vec::new(); self.shards.len()];
        for arn in arns {
            let shard = usize::from(self.shard_of(arn_hash(&arn)));
            if let Some(names) = by_shard.get_mut(shard) {
                names.push(arn);
            }
        }
        for (shard, names) in self.shards.iter().zip(by_shard) {
            if !names.is_empty() {
                shard.inbox.send(Message::ForgetNames(names), false);
            }
        }
    }

    pub(crate) fn stop(&self) {
        for shard in &self.shards {
            shard.inbox.send(Message::Stop, true);
        }
    }

    /// The newest batch of a shard that is durable. Read it before the store is asked for a name.
    pub(crate) fn committed(&self, shard: u16) -> u64 {
        self.shards.get(usize::from(shard)).map_or(0, |shard| shard.committed.load(Ordering::Acquire))
    }

    /// Notes that a batch is durable and readable.
    pub(crate) fn note_committed(&self, shard: u16, sequence: u64) {
        if let Some(shard) = self.shards.get(usize::from(shard)) {
            shard.committed.fetch_max(sequence, Ordering::Release);
        }
    }
}
