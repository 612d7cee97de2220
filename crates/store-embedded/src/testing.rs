//! Test support: a machine whose power can be cut, with a disk that fails, on which the store runs as it ships.
//!
//! The store opened here has no threads: the test decides when a record is written.

pub use crate::disk::simulated::{FaultCounts, Faults, SimulatedDisk};

use crate::disk::Disk;
use crate::error::OpenError;
use crate::options::Options;
use crate::store::EmbeddedStore;
use crate::tables::Tables;
use crate::tables::simulated::{Loss, SimulatedTables};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use stepwell_store::testing::Random;

/// Where the store lies on a simulated machine.
pub const DIRECTORY: &str = "/data";

/// A machine with one store. Processes come and go; disk and tables stay.
pub struct SimulatedMachine {
    /// The disk under the journal.
    pub disk: SimulatedDisk,
    tables: SimulatedTables,
    random: Random,
    loss: Loss,
}

impl SimulatedMachine {
    /// A machine with an empty disk of `total_bytes`. With `tables_part` a crash may leave each table at another record,
    /// which is more than the tables that ship can lose.
    pub fn new(seed: u64, total_bytes: u64, tables_part: bool) -> SimulatedMachine {
        SimulatedMachine {
            disk: SimulatedDisk::new(seed, total_bytes),
            tables: SimulatedTables::new(),
            random: Random::new(!seed),
            loss: if tables_part { Loss::Apart } else { Loss::Together },
        }
    }

    /// Starts a process that opens the store.
    pub fn open(&self, options: Options) -> Result<SteppedStore, OpenError> {
        self.open_through(Arc::new(self.disk.clone()), options)
    }

    /// The same with another way to the disk, for tests that plant a bug there.
    pub fn open_through(&self, disk: Arc<dyn Disk>, options: Options) -> Result<SteppedStore, OpenError> {
        let tables = self.tables.clone();
        let open_tables = Box::new(move |_: &Path| Ok(Box::new(tables.clone()) as Box<dyn Tables>));
        EmbeddedStore::open_by_hand(disk, Path::new(DIRECTORY), options, open_tables).map(SteppedStore)
    }

    /// Lets syncs of the tables fail after `syncs` more, until the process ends.
    pub fn fail_tables_after(&self, syncs: u64) {
        self.tables.fail_sync_after(syncs);
    }

    /// The process is killed; the page cache stays. Handles of its store do nothing any more.
    pub fn kill(&mut self) {
        self.disk.kill();
        self.tables.crash(&mut self.random, self.loss);
    }

    /// The power goes.
    pub fn lose_power(&mut self) {
        self.disk.lose_power();
        self.tables.crash(&mut self.random, self.loss);
    }
}

/// A store without threads.
pub struct SteppedStore(EmbeddedStore);

impl SteppedStore {
    /// Commits what is queued as one record, answers, and does the chores that are due. False if there was nothing to
    /// commit, no room, or the store has stopped.
    pub fn step(&self) -> bool {
        self.0.drive()
    }

    /// Syncs what a store with [`Durability::Interval`](crate::Durability::Interval) has written, as its timer does.
    pub fn sync(&self) {
        self.0.sync_by_hand();
    }
}

impl Deref for SteppedStore {
    type Target = EmbeddedStore;

    fn deref(&self) -> &EmbeddedStore {
        &self.0
    }
}
