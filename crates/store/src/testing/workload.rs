//! Random batches that a shard could have made.

use crate::{
    Batch, CatalogueChange, DeletedExecution, EventChunk, ExecutionKey, ExecutionRow, RowChange,
    RunningChange, RunningState, Status, WAKE_NEVER,
};
use bytes::Bytes;
use std::sync::Arc;

/// A small generator of pseudo-random numbers (SplitMix64): the same seed gives the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// `length` random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// Makes valid batches: executions start, get events, park, wake, close, settle and are deleted; names are used again; the
/// catalogue changes.
#[derive(Clone, Debug)]
pub struct Workload {
    random: Random,
    now_ms: i64,
    sequence: u64,
    executions: Vec<Live>,
    names_given: u64,
    free_names: Vec<u64>,
    /// The most bytes of a chunk.
    chunk_bytes_max: u64,
}

#[derive(Clone, Debug)]
struct Live {
    key: ExecutionKey,
    row: Arc<ExecutionRow>,
    wake_at: Option<i64>,
    events: u32,
    name: u64,
}

const MACHINES: u64 = 3;

impl Workload {
    /// The batches of a seed, with chunks of up to `chunk_bytes_max` bytes.
    pub fn new(seed: u64, chunk_bytes_max: u64) -> Workload {
        Workload {
            random: Random::new(seed),
            now_ms: 1_790_000_000_000,
            sequence: 0,
            executions: Vec::new(),
            names_given: 0,
            free_names: Vec::new(),
            chunk_bytes_max: chunk_bytes_max.max(1),
        }
    }

    /// The ARNs under which executions are listed: machines, a version and an alias of each.
    pub fn owner_arns() -> Vec<String> {
        let owners = |machine| [machine_arn(machine), version_arn(machine), alias_arn(machine)];
        (0..MACHINES).flat_map(owners).collect()
    }

    /// Goes on with other random numbers: after a crash took batches back, new ones must not repeat them.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    /// The time of the last batch in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The next batch. Batches must be committed in the order in which they were made.
    pub fn next_batch(&mut self) -> Batch {
        self.now_ms += 1 + self.random.below(5) as i64;
        self.sequence += 1;
        let mut batch = Batch { shard: 0, sequence: self.sequence, ..Batch::default() };
        let mut touched = Vec::new();
        for _ in 0..=self.random.below(4) {
            match self.random.below(100) {
                0..35 => self.start(&mut batch, &mut touched),
                35..75 => self.go_on(&mut batch, &mut touched),
                75..85 => self.delete(&mut batch, &mut touched),
                _ => self.change_catalogue(&mut batch),
            }
        }
        batch
    }

    fn start(&mut self, batch: &mut Batch, touched: &mut Vec<ExecutionKey>) {
        let name = match self.free_names.pop() {
            Some(name) if self.random.chance(50) => name,
            other => {
                self.free_names.extend(other);
                self.names_given += 1;
                self.names_given
            }
        };
        let machine = name % MACHINES;
        let arn = format!("arn:aws:states:us-east-1:000000000000:execution:machine-{machine}:run-{name}");
        let key = ExecutionKey::new(self.now_ms as u64, &arn);
        if touched.contains(&key) {
            self.free_names.push(name);
            return;
        }
        touched.push(key);
        let mut row =
            ExecutionRow::started(&arn, &machine_arn(machine), &format!("run-{name}"), self.now_ms, machine);
        let started_with = self.random.below(3);
        row.version_arn = (started_with > 0).then(|| version_arn(machine));
        row.alias_arn = (started_with > 1).then(|| alias_arn(machine));
        let mut live = Live { key, row: Arc::new(row), wake_at: None, events: 1, name };
        let is_closed_at_once = self.random.chance(25);
        self.chunk(batch, &mut live);
        if is_closed_at_once {
            live.row = Arc::new(self.close(&live));
        } else {
            self.change_running(batch, &mut live, RunningState::Active);
        }
        batch.rows.push(RowChange { key, before: None, after: Arc::clone(&live.row) });
        self.executions.push(live);
    }

    fn go_on(&mut self, batch: &mut Batch, touched: &mut Vec<ExecutionKey>) {
        let Some(mut live) = self.pick(touched) else { return };
        if live.row.status.is_closed() {
            if live.wake_at.is_some() {
                self.chunk(batch, &mut live);
                self.change_running(batch, &mut live, RunningState::Settled);
            }
            self.executions.push(live);
            return;
        }
        self.chunk(batch, &mut live);
        match self.random.below(4) {
            0 => {
                let before = Some(live.row.listed());
                live.row = Arc::new(self.close(&live));
                batch.rows.push(RowChange { key: live.key, before, after: Arc::clone(&live.row) });
                if self.random.chance(70) {
                    self.change_running(batch, &mut live, RunningState::Settled);
                }
            }
            1 => {
                let wake_at_ms = if self.random.chance(10) {
                    WAKE_NEVER
                } else {
                    self.now_ms + self.random.below(50) as i64
                };
                self.change_running(batch, &mut live, RunningState::Parked { wake_at_ms });
            }
            _ => self.change_running(batch, &mut live, RunningState::Active),
        }
        self.executions.push(live);
    }

    fn delete(&mut self, batch: &mut Batch, touched: &mut Vec<ExecutionKey>) {
        let Some(live) = self.pick(touched) else { return };
        if !live.row.status.is_closed() || live.wake_at.is_some() {
            self.executions.push(live);
            return;
        }
        batch.deleted.push(DeletedExecution::of(live.key, &live.row));
        self.free_names.push(live.name);
    }

    fn change_catalogue(&mut self, batch: &mut Batch) {
        let key = format!(
            "{}/{}",
            ["machine", "revision", "m"][self.random.below(3) as usize],
            self.random.below(9)
        );
        if batch.catalogue.iter().any(|change| change.key == key.as_bytes()) {
            return;
        }
        let length = self.random.below(60) as usize;
        let value = self.random.chance(70).then(|| Bytes::from(self.random.bytes(length)));
        batch.catalogue.push(CatalogueChange { key: key.into_bytes(), value });
    }

    fn pick(&mut self, touched: &mut Vec<ExecutionKey>) -> Option<Live> {
        if self.executions.is_empty() {
            return None;
        }
        let place = self.random.below(self.executions.len() as u64) as usize;
        if touched.contains(&self.executions[place].key) {
            return None;
        }
        touched.push(self.executions[place].key);
        Some(self.executions.swap_remove(place))
    }

    fn chunk(&mut self, batch: &mut Batch, live: &mut Live) {
        let length = 1 + self.random.below(self.chunk_bytes_max) as usize;
        let bytes = Bytes::from(self.random.bytes(length));
        batch.chunks.push(EventChunk { key: live.key, first_event: live.events, bytes });
        live.events += 1 + self.random.below(9) as u32;
    }

    fn change_running(&mut self, batch: &mut Batch, live: &mut Live, change: RunningState) {
        batch.running.push(RunningChange { key: live.key, before: live.wake_at, change });
        live.wake_at = change.wake_at_ms();
    }

    fn close(&mut self, live: &Live) -> ExecutionRow {
        let status = [Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted];
        let mut row = live.row.as_ref().clone();
        row.status = status[self.random.below(4) as usize];
        row.stop_ms = Some(self.now_ms);
        row.event_count = live.events - 1;
        row
    }
}

fn machine_arn(machine: u64) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:machine-{machine}")
}

fn version_arn(machine: u64) -> String {
    format!("{}:1", machine_arn(machine))
}

fn alias_arn(machine: u64) -> String {
    format!("{}:live", machine_arn(machine))
}
