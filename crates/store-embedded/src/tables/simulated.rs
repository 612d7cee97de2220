//! Tables in memory that lose what was not synced, for the simulator.

use super::{APPLIED_KEY, Changes, Direction, Table, Tables, TablesError, View, Visit};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stepwell_store::testing::Random;

const TABLES: usize = Table::ALL.len();

type Maps = [Arc<BTreeMap<Vec<u8>, Bytes>>; TABLES];
type Change = (Table, Vec<u8>, Option<Bytes>);

/// What a crash leaves of the changes since the last sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All tables keep the same records, up to one. This is what fjall does: it syncs its log before it writes a table.
    Together,
    /// Each table keeps records up to one of its own: more than fjall loses, and what a replay must still put right.
    Apart,
}

/// Tables that outlive the process that wrote them; clones are the same tables.
#[derive(Clone)]
pub(crate) struct SimulatedTables {
    state: Arc<Mutex<State>>,
}

struct State {
    maps: Maps,
    durable: Maps,
    /// Records since the last sync.
    unsynced: Vec<Vec<Change>>,
    syncs_left: Option<u64>,
}

impl SimulatedTables {
    pub(crate) fn new() -> SimulatedTables {
        let state =
            State { maps: Maps::default(), durable: Maps::default(), unsynced: Vec::new(), syncs_left: None };
        SimulatedTables { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets syncs fail after `syncs` more, until the next crash.
    pub(crate) fn fail_sync_after(&self, syncs: u64) {
        self.lock().syncs_left = Some(syncs);
    }

    /// The process ends. Even without a loss of power what the library had not yet handed to the system is gone.
    pub(crate) fn crash(&self, random: &mut Random, loss: Loss) {
        let state = &mut *self.lock();
        state.syncs_left = None;
        let unsynced = std::mem::take(&mut state.unsynced);
        let together = random.below(unsynced.len() as u64 + 1);
        for table in Table::ALL {
            let kept = match loss {
                Loss::Together => together,
                Loss::Apart => random.below(unsynced.len() as u64 + 1),
            };
            for change in
                unsynced.iter().take(kept as usize).flatten().filter(|(changed, _, _)| *changed == table)
            {
                apply(&mut state.durable, change);
            }
        }
        state.maps = state.durable.clone();
    }
}

fn apply(maps: &mut Maps, (table, key, value): &Change) {
    let map = Arc::make_mut(&mut maps[*table as usize]);
    match value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    };
}

impl Tables for SimulatedTables {
    fn apply(&self, changes: &mut Changes, sequence: u64) -> Result<(), TablesError> {
        let state = &mut *self.lock();
        let mut record: Vec<Change> = changes
            .settle()
            .map(|(table, key, value)| (table, key.to_vec(), value.map(Bytes::copy_from_slice)))
            .collect();
        let applied = Bytes::copy_from_slice(&sequence.to_be_bytes());
        record.push((Table::Meta, APPLIED_KEY.to_vec(), Some(applied)));
        for change in &record {
            apply(&mut state.maps, change);
        }
        state.unsynced.push(record);
        Ok(())
    }

    fn view(&self) -> Box<dyn View + '_> {
        Box::new(SimulatedView { maps: self.lock().maps.clone() })
    }

    fn sync(&self) -> Result<(), TablesError> {
        let state = &mut *self.lock();
        if let Some(left) = &mut state.syncs_left {
            if *left == 0 {
                return Err(TablesError("simulated failure of a sync of the tables".to_owned()));
            }
            *left -= 1;
        }
        state.unsynced.clear();
        state.durable = state.maps.clone();
        Ok(())
    }
}

struct SimulatedView {
    maps: Maps,
}

impl View for SimulatedView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, TablesError> {
        Ok(self.maps[table as usize].get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), TablesError> {
        if end.is_some_and(|end| end <= start) {
            return Ok(());
        }
        let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        let mut entries = self.maps[table as usize].range::<[u8], _>(range);
        while let Some((key, value)) = match direction {
            Direction::Forward => entries.next(),
            Direction::Reverse => entries.next_back(),
        } {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
