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

/// Bytes of the definitions whose programs are kept. A program takes ten times its text, with hardly anything but paths or
/// expressions in it up to fifty times.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A bounded cache. A program that executions use lives as long as they do, whether it is here or not.
#[derive(Debug)]
pub(crate) struct Programs {
    entries: RwLock<Entries>,
    ticks: AtomicU64,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Entries {
    by_revision: HashMap<u64, Entry>,
    /// Bytes of the definitions of all of them
    text_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    program: Arc<Program>,
    text_bytes: usize,
    last_used: AtomicU64,
}

impl Programs {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: RwLock::default(), ticks: AtomicU64::new(0), capacity: capacity.max(1) }
    }

    pub(crate) fn get(&self, revision: u64) -> Option<Arc<Program>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.by_revision.get(&revision)?;
        entry.last_used.store(self.ticks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(entry.program.clone())
    }

    /// Adds the program of a definition of so many bytes, unless another thread was faster, and drops those unused for
    /// longest when there are too many. Gives the one to use.
    pub(crate) fn insert(&self, revision: u64, program: Arc<Program>, text_bytes: usize) -> Arc<Program> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let last_used = AtomicU64::new(self.ticks.fetch_add(1, Ordering::Relaxed));
        if let Some(known) = entries.by_revision.get(&revision) {
            return known.program.clone();
        }
        entries.text_bytes += text_bytes;
        entries.by_revision.insert(revision, Entry { program: program.clone(), text_bytes, last_used });
        // The newest is about to be used, however large it is.
        while entries.by_revision.len() > 1
            && (entries.by_revision.len() > self.capacity || entries.text_bytes > TEXT_BYTES_MAX)
        {
            entries.drop_oldest();
        }
        program
    }
}

impl Entries {
    fn drop_oldest(&mut self) {
        let last_used = |entry: &Entry| entry.last_used.load(Ordering::Relaxed);
        let oldest = self.by_revision.iter().min_by_key(|(_, entry)| last_used(entry)).map(|(n, _)| *n);
        if let Some(entry) = oldest.and_then(|oldest| self.by_revision.remove(&oldest)) {
            self.text_bytes -= entry.text_bytes;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_kept_up_to_a_number_and_up_to_bytes_of_their_texts() {
        let text = r#"{"StartAt":"s","States":{"s":{"Type":"Succeed"}}}"#;
        let program = Arc::new(compile_text(text, false).unwrap());
        let large = TEXT_BYTES_MAX / 2;
        for (capacity, sizes, kept) in [
            (2, vec![1, 1, 1], vec![2, 3]),
            (9, vec![1, 1, 1], vec![1, 2, 3]),
            (9, vec![large, large, 1], vec![2, 3]),
            (9, vec![1, large, large, large], vec![3, 4]),
            (9, vec![1, 3 * large], vec![2]),
            (0, vec![1, 1], vec![2]),
        ] {
            let programs = Programs::new(capacity);
            for (revision, text_bytes) in (1..).zip(&sizes) {
                programs.insert(revision, program.clone(), *text_bytes);
            }
            let found: Vec<u64> = (1..9).filter(|revision| programs.get(*revision).is_some()).collect();
            assert_eq!(found, kept, "{sizes:?}, at most {capacity}");
        }
    }
}
