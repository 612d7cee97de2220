//! One life of a simulated machine.

mod planted;

pub(crate) use planted::Plant;

use bytes::Bytes;
use planted::PlantedDisk;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepwell_store::testing::{Model, Random, Workload};
use stepwell_store::{Batch, CatalogueChange, Store};
use stepwell_store_embedded::testing::{FaultCounts, Faults, SimulatedMachine, SteppedStore};
use stepwell_store_embedded::{Disk, Durability, OpenError, Options};

const MARKER: &[u8] = b"~marker";
const DISK_BYTES: u64 = 64 << 20;

/// Everything that a seed decides beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) relaxed: bool,
    pub(crate) first_segment_bytes: u64,
    pub(crate) largest_segment_bytes: u64,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) chunk_bytes_max: u64,
    pub(crate) tables_part: bool,
    pub(crate) rounds: u64,
    pub(crate) steps: u64,
    pub(crate) faults: Faults,
}

/// Situations that a good run of the simulator must have met.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) openings: u64,
    pub(crate) failed_openings: u64,
    pub(crate) batches_acknowledged: u64,
    pub(crate) batches_unanswered_and_kept: u64,
    pub(crate) batches_unanswered_and_lost: u64,
    pub(crate) fatal_stops: u64,
    pub(crate) checkpoints: u64,
    pub(crate) full_disks: u64,
    pub(crate) clean_closes: u64,
    pub(crate) relaxed_losses: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.openings += other.openings;
        self.failed_openings += other.failed_openings;
        self.batches_acknowledged += other.batches_acknowledged;
        self.batches_unanswered_and_kept += other.batches_unanswered_and_kept;
        self.batches_unanswered_and_lost += other.batches_unanswered_and_lost;
        self.fatal_stops += other.fatal_stops;
        self.checkpoints += other.checkpoints;
        self.full_disks += other.full_disks;
        self.clean_closes += other.clean_closes;
        self.relaxed_losses += other.relaxed_losses;
    }

    pub(crate) fn missing(&self) -> Vec<&'static str> {
        [
            ("openings", self.openings),
            ("failed_openings", self.failed_openings),
            ("batches_acknowledged", self.batches_acknowledged),
            ("batches_unanswered_and_kept", self.batches_unanswered_and_kept),
            ("batches_unanswered_and_lost", self.batches_unanswered_and_lost),
            ("fatal_stops", self.fatal_stops),
            ("checkpoints", self.checkpoints),
            ("full_disks", self.full_disks),
            ("clean_closes", self.clean_closes),
            ("relaxed_losses", self.relaxed_losses),
        ]
        .into_iter()
        .filter_map(|(name, count)| (count == 0).then_some(name))
        .collect()
    }
}

/// What came of a seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<String>,
    pub(crate) plan: Plan,
    pub(crate) faults: FaultCounts,
    pub(crate) counts: Counts,
}

impl Plan {
    fn new(seed: u64) -> Plan {
        let mut random = Random::new(seed ^ 0x5eed);
        let relaxed = random.chance(20);
        let first_segment_bytes = 4096 << random.below(3);
        let rate = |random: &mut Random, thousandths: u64| {
            if random.chance(40) { 1 + random.below(thousandths) } else { 0 }
        };
        Plan {
            relaxed,
            first_segment_bytes,
            largest_segment_bytes: first_segment_bytes << random.below(3),
            checkpoint_bytes: 8192 << random.below(5),
            chunk_bytes_max: [100, 700, 3000, 9000][random.below(4) as usize],
            tables_part: !relaxed && random.chance(50),
            rounds: 2 + random.below(6),
            steps: 3 + random.below(20),
            faults: Faults {
                short_write: rate(&mut random, 200),
                interrupted: rate(&mut random, 100),
                write_error: rate(&mut random, 20),
                sync_error: rate(&mut random, 50),
                directory_sync_error: rate(&mut random, 50),
                read_error: rate(&mut random, 20),
                no_space: rate(&mut random, 100),
            },
        }
    }

    fn options(&self) -> Options {
        Options {
            durability: if self.relaxed {
                Durability::Interval(Duration::from_secs(1))
            } else {
                Durability::Commit
            },
            first_segment_bytes: self.first_segment_bytes,
            largest_segment_bytes: self.largest_segment_bytes,
            checkpoint_bytes: self.checkpoint_bytes,
            disk_reserve_bytes: 1 << 20,
            ..Options::default()
        }
    }
}

/// Runs a seed.
pub(crate) fn run_seed(seed: u64, plant: Plant) -> Outcome {
    let plan = Plan::new(seed);
    let mut life = Life {
        machine: SimulatedMachine::new(seed, DISK_BYTES, plan.tables_part),
        random: Random::new(seed),
        workload: Workload::new(seed, plan.chunk_bytes_max),
        model: Model::default(),
        floor: 0,
        pending: Vec::new(),
        counts: Counts::default(),
        plan,
        plant,
    };
    let violation = life.live().err();
    Outcome { violation, faults: life.machine.disk.counts(), counts: life.counts, plan: life.plan }
}

struct Life {
    plan: Plan,
    plant: Plant,
    machine: SimulatedMachine,
    random: Random,
    workload: Workload,
    /// The store as it was after the last opening.
    model: Model,
    /// Batches in it.
    floor: u64,
    /// Batches committed since, each with the workload as it was after it.
    pending: Vec<(Batch, Workload)>,
    counts: Counts,
}

/// How far batches since the last opening have come.
#[derive(Clone, Copy, Default)]
struct Reached {
    acknowledged: usize,
    /// Of those, how many a relaxed store has synced since.
    synced: usize,
}

/// How many batches since the last opening must be there at the next.
#[derive(Clone, Copy, Default)]
struct MustHave {
    now: usize,
    /// After a loss of power.
    without_power: usize,
}

type Answers = Arc<Mutex<Vec<(u64, bool)>>>;

impl Life {
    fn live(&mut self) -> Result<(), String> {
        // What must be there after the next opening.
        let mut must_have = MustHave::default();
        for round in 0..self.plan.rounds {
            let store = self.open_with_faults(&mut must_have)?;
            self.check_recovered(&store, must_have.now).map_err(|text| format!("round {round}: {text}"))?;
            let reached = self.work(&store).map_err(|text| format!("round {round}: {text}"))?;
            must_have = self.crash(store, reached)?;
        }
        // No more faults: everything must work.
        self.machine.disk.set_faults(Faults::default());
        let store = self.open()?;
        self.check_recovered(&store, must_have.now)?;
        let reached = self.work_without_faults(&store)?;
        store.close().map_err(|error| format!("closing failed: {error}"))?;
        drop(store);
        self.machine.lose_power();
        let store = self.open()?;
        self.check_recovered(&store, reached.acknowledged)
    }

    fn disk(&self) -> Arc<dyn Disk> {
        PlantedDisk::over(self.machine.disk.clone(), self.plant)
    }

    /// Opens without faults, which must succeed.
    fn open(&mut self) -> Result<SteppedStore, String> {
        self.counts.openings += 1;
        self.machine
            .open_through(self.disk(), self.plan.options())
            .map_err(|error| format!("the store does not open: {error}"))
    }

    /// Opens under faults, crashing again when they win.
    fn open_with_faults(&mut self, must_have: &mut MustHave) -> Result<SteppedStore, String> {
        for _ in 0..self.random.below(4) {
            self.machine.disk.set_faults(self.plan.faults);
            if self.random.chance(30) {
                let calls = self.random.below(60);
                self.machine.disk.break_off_after(calls);
            }
            match self.machine.open_through(self.disk(), self.plan.options()) {
                Ok(store) => {
                    // It opened, and may be asked: what it shows must stay from now on.
                    self.machine.disk.set_faults(Faults::default());
                    self.check_recovered(&store, must_have.now)?;
                    *must_have = MustHave::default();
                    drop(store);
                }
                Err(OpenError::Io { .. }) => self.counts.failed_openings += 1,
                Err(error) => return Err(format!("opening under faults ended with: {error}")),
            }
            if self.random.chance(50) {
                self.machine.kill();
            } else {
                self.machine.lose_power();
                must_have.now = must_have.without_power;
            }
        }
        self.machine.disk.set_faults(Faults::default());
        let store = self.open()?;
        self.machine.disk.set_faults(self.plan.faults);
        Ok(store)
    }

    /// The store must hold a prefix of what was committed, of at least `must_have` batches since the last opening.
    fn check_recovered(&mut self, store: &SteppedStore, must_have: usize) -> Result<(), String> {
        let marker = read_marker(store)?;
        let count = marker.checked_sub(self.floor).ok_or_else(|| {
            format!("batch {} was there at an earlier opening, now {marker} is the last", self.floor)
        })? as usize;
        if count < must_have || count > self.pending.len() {
            return Err(format!(
                "of {} batches, {must_have} of them to be kept, {count} were recovered",
                self.pending.len()
            ));
        }
        self.counts.batches_unanswered_and_kept += (count - must_have) as u64;
        self.counts.batches_unanswered_and_lost += (self.pending.len() - count) as u64;
        for (batch, workload) in self.pending.drain(..).take(count) {
            self.model.apply(&batch);
            self.workload = workload;
        }
        self.floor = marker;
        self.workload.reseed(self.random.next_u64());
        match self.model.difference(&**store) {
            None => Ok(()),
            Some(difference) => Err(format!("after batch {marker} was recovered as the last: {difference}")),
        }
    }

    fn commit(&mut self, store: &SteppedStore, answers: &Answers) {
        let mut workload = match self.pending.last() {
            Some((_, workload)) => workload.clone(),
            None => self.workload.clone(),
        };
        let mut batch = workload.next_batch();
        let number = self.floor + self.pending.len() as u64 + 1;
        let value = Some(Bytes::copy_from_slice(&number.to_be_bytes()));
        batch.catalogue.push(CatalogueChange { key: MARKER.to_vec(), value });
        self.pending.push((batch.clone(), workload));
        let answers = Arc::clone(answers);
        store.commit(batch, Box::new(move |result| answers.lock().unwrap().push((number, result.is_ok()))));
    }

    fn work(&mut self, store: &SteppedStore) -> Result<Reached, String> {
        let answers = Answers::default();
        let mut reached = Reached::default();
        if self.random.chance(40) {
            let calls = self.random.below(150);
            self.machine.disk.break_off_after(calls);
        }
        if self.random.chance(10) {
            self.machine.fail_tables_after(self.random.below(3));
        }
        for _ in 0..self.plan.steps {
            for _ in 0..=self.random.below(4) {
                self.commit(store, &answers);
            }
            let is_full = self.random.chance(5);
            if is_full {
                self.counts.full_disks += 1;
                self.machine.disk.set_total_bytes(0);
            }
            store.step();
            self.machine.disk.set_total_bytes(DISK_BYTES);
            if self.random.chance(80) {
                store.step();
            }
            self.collect(store, &answers, &mut reached)?;
            if self.plan.relaxed && self.random.chance(15) {
                store.sync();
                if store.status().stopped.is_none() {
                    reached.synced = reached.acknowledged;
                }
            }
            if self.random.chance(8) && store.checkpoint().is_ok() {
                self.counts.checkpoints += 1;
            }
            if store.status().stopped.is_some() {
                self.counts.fatal_stops += 1;
                // A later commit must fail, and must not be in the store either: it is refused at once.
                let answers = Answers::default();
                self.commit(store, &answers);
                self.pending.pop();
                store.step();
                if !matches!(answers.lock().unwrap()[..], [(_, false)]) {
                    return Err("a batch was taken after the store had stopped".to_owned());
                }
                break;
            }
        }
        Ok(reached)
    }

    fn work_without_faults(&mut self, store: &SteppedStore) -> Result<Reached, String> {
        let answers = Answers::default();
        let mut reached = Reached::default();
        for _ in 0..10 {
            self.commit(store, &answers);
            if !store.step() {
                return Err("a commit without faults did not get through".to_owned());
            }
        }
        self.collect(store, &answers, &mut reached)?;
        if reached.acknowledged != 10 {
            return Err(format!("of 10 commits without faults {} were acknowledged", reached.acknowledged));
        }
        Ok(reached)
    }

    /// Looks at the answers: in order, none good after a bad one, and readers see exactly what was acknowledged.
    fn collect(
        &mut self,
        store: &SteppedStore,
        answers: &Answers,
        reached: &mut Reached,
    ) -> Result<(), String> {
        for (number, is_good) in answers.lock().unwrap().drain(..) {
            if is_good {
                let expected = self.floor + reached.acknowledged as u64 + 1;
                if number != expected {
                    return Err(format!("batch {number} was acknowledged when {expected} was next"));
                }
                reached.acknowledged += 1;
                self.counts.batches_acknowledged += 1;
            } else if store.status().stopped.is_none() {
                return Err(format!("batch {number} failed although the store has not stopped"));
            }
        }
        let seen = read_marker(store)?;
        let acknowledged = self.floor + reached.acknowledged as u64;
        if seen != acknowledged {
            return Err(format!("readers see batch {seen} when {acknowledged} is the last acknowledged"));
        }
        Ok(())
    }

    /// Ends the process in one way or another.
    fn crash(&mut self, store: SteppedStore, reached: Reached) -> Result<MustHave, String> {
        let way = self.random.below(10);
        if way < 2 && store.close().is_ok() {
            self.counts.clean_closes += 1;
            // What was queued has been committed.
            drop(store);
            self.machine.lose_power();
            return Ok(MustHave { now: self.pending.len(), without_power: self.pending.len() });
        }
        let has_stopped = store.status().stopped.is_some();
        let acknowledged = reached.acknowledged;
        let without_power = if self.plan.relaxed { reached.synced } else { acknowledged };
        if way < 5 {
            self.machine.kill();
            // A failed sync may have taken what a relaxed store had not synced.
            let now = if has_stopped { without_power } else { acknowledged };
            return Ok(MustHave { now, without_power });
        }
        self.machine.lose_power();
        self.counts.relaxed_losses += u64::from(acknowledged > without_power);
        Ok(MustHave { now: without_power, without_power })
    }
}

fn read_marker(store: &SteppedStore) -> Result<u64, String> {
    let value = store.catalogue_get(MARKER).map_err(|error| format!("the marker cannot be read: {error}"))?;
    Ok(value.map_or(0, |value| value.as_ref().try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX)))
}
