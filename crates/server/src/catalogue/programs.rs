//! Compiled definitions by revision.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use stepwell_asl::{MachineType, Options, analyse, invalid_definition_message};
use stepwell_interpreter::{Program, compile};

/// A bounded cache. A program that executions use lives as long as they do, whether it is here or not.
#[derive(Debug)]
pub(crate) struct Programs {
    entries: RwLock<HashMap<u64, Entry>>,
    ticks: AtomicU64,
    capacity: usize,
}

#[derive(Debug)]
struct Entry {
    program: Arc<Program>,
    last_used: AtomicU64,
}

impl Programs {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: RwLock::default(), ticks: AtomicU64::new(0), capacity: capacity.max(1) }
    }

    pub(crate) fn get(&self, revision: u64) -> Option<Arc<Program>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(&revision)?;
        entry.last_used.store(self.ticks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(entry.program.clone())
    }

    /// Adds a program, unless another thread was faster, and drops the one unused for longest when there are too
    /// many. Gives the one to use.
    pub(crate) fn insert(&self, revision: u64, program: Arc<Program>) -> Arc<Program> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let last_used = AtomicU64::new(self.ticks.fetch_add(1, Ordering::Relaxed));
        let kept = entries.entry(revision).or_insert(Entry { program, last_used }).program.clone();
        if entries.len() > self.capacity {
            let oldest = entries
                .iter()
                .min_by_key(|(_, entry)| entry.last_used.load(Ordering::Relaxed))
                .map(|(n, _)| *n);
            if let Some(oldest) = oldest {
                entries.remove(&oldest);
            }
        }
        kept
    }
}

/// Compiles a definition text that was accepted before.
///
/// # Errors
/// Why it can't be run any more.
pub(crate) fn compile_text(definition: &str, express: bool) -> Result<Program, String> {
    let machine_type = if express { MachineType::Express } else { MachineType::Standard };
    let analysis = analyse(definition, &Options { machine_type });
    let Some(definition) = analysis.definition else {
        return Err(invalid_definition_message(&analysis.diagnostics));
    };
    compile(definition).map_err(|error| error.to_string())
}
