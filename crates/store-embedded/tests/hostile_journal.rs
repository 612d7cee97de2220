//! Whatever bytes stand in the journal: opening ends with the data, a prefix of it, or an error that names a file. It never
//! panics and never makes up data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use stepwell_store::Store;
use stepwell_store::testing::{Model, Workload};
use stepwell_store_embedded::testing::SimulatedMachine;
use stepwell_store_embedded::{OpenError, Options};

fn options() -> Options {
    Options {
        first_segment_bytes: 4 << 10,
        largest_segment_bytes: 8 << 10,
        checkpoint_bytes: 1 << 40,
        ..Options::default()
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The files of a store that lost its power, and the models after each of its batches.
fn sample() -> &'static (Files, Vec<Model>) {
    static SAMPLE: OnceLock<(Files, Vec<Model>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let mut machine = SimulatedMachine::new(1, 64 << 20, false);
        let mut workload = Workload::new(3, 900);
        let mut models = vec![Model::default()];
        let store = machine.open(options()).unwrap();
        for _ in 0..25 {
            let batch = workload.next_batch();
            let mut model = models.last().unwrap().clone();
            model.apply(&batch);
            models.push(model);
            store.commit(batch, Box::new(|result| result.unwrap()));
            assert!(store.step());
        }
        drop(store);
        machine.lose_power();
        (machine.disk.files(), models)
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Overwrite {
        file: prop::sample::Index,
        at: prop::sample::Index,
        bytes: Vec<u8>,
    },
    Truncate {
        file: prop::sample::Index,
        at: prop::sample::Index,
    },
    Remove {
        file: prop::sample::Index,
    },
    Exchange {
        one: prop::sample::Index,
        other: prop::sample::Index,
    },
    /// Sectors of one place at another: a misdirected write.
    CopySectors {
        file: prop::sample::Index,
        from: prop::sample::Index,
        to: prop::sample::Index,
        count: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), index(), prop::collection::vec(any::<u8>(), 1..600))
            .prop_map(|(file, at, bytes)| Damage::Overwrite { file, at, bytes }),
        1 => (index(), index()).prop_map(|(file, at)| Damage::Truncate { file, at }),
        1 => index().prop_map(|file| Damage::Remove { file }),
        1 => (index(), index()).prop_map(|(one, other)| Damage::Exchange { one, other }),
        3 => (index(), index(), index(), 1usize..6)
            .prop_map(|(file, from, to, count)| Damage::CopySectors { file, from, to, count }),
    ]
}

fn apply(files: &mut Files, damage: &Damage) {
    let paths: Vec<PathBuf> =
        files.keys().filter(|path| path.extension().is_some_and(|end| end == "journal")).cloned().collect();
    if paths.is_empty() {
        return;
    }
    let content = |files: &Files, file: &prop::sample::Index| {
        let path = paths[file.index(paths.len())].clone();
        let content = files[&path].clone();
        (path, content)
    };
    match damage {
        Damage::Overwrite { file, at, bytes } => {
            let (path, mut content) = content(files, file);
            let at = at.index(content.len().max(1));
            let end = (at + bytes.len()).min(content.len());
            content[at.min(end)..end].copy_from_slice(&bytes[..end.saturating_sub(at)]);
            files.insert(path, content);
        }
        Damage::Truncate { file, at } => {
            let (path, mut content) = content(files, file);
            content.truncate(at.index(content.len().max(1)));
            files.insert(path, content);
        }
        Damage::Remove { file } => {
            files.remove(&content(files, file).0);
        }
        Damage::Exchange { one, other } => {
            let (one, first) = content(files, one);
            let (other, second) = content(files, other);
            files.insert(one, second);
            files.insert(other, first);
        }
        Damage::CopySectors { file, from, to, count } => {
            let (path, mut content) = content(files, file);
            let sectors = content.len() / 512;
            if sectors > *count {
                let from = from.index(sectors - count) * 512;
                let to = to.index(sectors - count) * 512;
                content.copy_within(from..from + count * 512, to);
            }
            files.insert(path, content);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_journal_gives_an_error_or_a_prefix(damages in prop::collection::vec(damage(), 1..4)) {
        let (files, models) = sample();
        let mut files = files.clone();
        for damage in &damages {
            apply(&mut files, damage);
        }
        let machine = SimulatedMachine::new(2, 64 << 20, false);
        for (path, content) in &files {
            machine.disk.put_file(path, content);
        }
        match machine.open(options()) {
            Err(OpenError::Damaged { path, .. }) => {
                prop_assert!(path.to_string_lossy().starts_with("/data/journal/"), "{path:?}");
            }
            Err(error) => prop_assert!(false, "{error}"),
            Ok(store) => {
                let matching = models.iter().rposition(|model| model.difference(&*store).is_none());
                prop_assert!(matching.is_some(), "the store holds what never was");
                // It must work on, too.
                store.commit(stepwell_store::Batch::default(), Box::new(|result| assert!(result.is_ok())));
                prop_assert!(store.step());
            }
        }
    }
}
