//! One flipped bit anywhere in a small store: it is detected and named, or it does no harm. Never a panic, never wrong data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use stepwell_store::Store;
use stepwell_store::testing::{Model, Workload};
use stepwell_store_embedded::testing::{DIRECTORY, SimulatedMachine};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

fn small() -> Options {
    Options {
        first_segment_bytes: 8 << 10,
        largest_segment_bytes: 16 << 10,
        checkpoint_bytes: 1 << 40,
        ..Options::default()
    }
}

/// What a flip came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Refused,
    Unharmed,
    /// The end of the log was cut: possible only for the last record, which nothing names as synced.
    LastRecordCut,
    ReadFailed,
}

#[test]
fn a_flip_in_the_journal_is_named_with_file_and_offset_or_does_no_harm() {
    let mut machine = SimulatedMachine::new(1, 64 << 20, false);
    let mut workload = Workload::new(1, 300);
    let mut models = vec![Model::default()];
    {
        let store = machine.open(small()).unwrap();
        for _ in 0..40 {
            let batch = workload.next_batch();
            let mut model = models.last().unwrap().clone();
            model.apply(&batch);
            models.push(model);
            store.commit(batch, Box::new(|result| result.unwrap()));
            assert!(store.step());
        }
    }
    machine.lose_power();
    // The tables lost what was not synced, which is everything: all of it comes from the journal.
    let files = machine.disk.files();
    let mut tally: BTreeMap<Found, u64> = BTreeMap::new();
    let mut random = stepwell_store::testing::Random::new(3);
    for (path, content) in files.iter().filter(|(path, _)| path.to_string_lossy().contains("journal")) {
        // The unused end of a segment is looked at more thinly.
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let offsets = (0..used + 64).chain((used + 64..content.len()).step_by(97));
        for offset in offsets.filter(|offset| *offset < content.len()) {
            let bit = random.below(8) as u8;
            let found = flip_and_open(&files, path, offset, bit, &models);
            *tally.entry(found).or_default() += 1;
        }
    }
    println!("{tally:?}");
    assert!(tally[&Found::Refused] > 10_000);
    assert!(!tally.contains_key(&Found::ReadFailed));
    // One record of 40.
    assert!(tally[&Found::LastRecordCut] < tally[&Found::Refused] / 10);
}

/// Opens a copy of the store with one bit flipped.
fn flip_and_open(
    files: &BTreeMap<PathBuf, Vec<u8>>,
    path: &Path,
    offset: usize,
    bit: u8,
    models: &[Model],
) -> Found {
    let machine = SimulatedMachine::new(2, 64 << 20, false);
    for (path, content) in files {
        machine.disk.put_file(path, content);
    }
    machine.disk.flip(path, offset as u64, bit);
    match machine.open(small()) {
        Err(OpenError::Damaged { path: named, offset: at, what }) => {
            // The record or header that holds the flipped byte is named by its start.
            assert!(at as usize <= offset, "{what} at {at} for a flip at {offset}");
            assert_eq!(named, path, "{what}");
            Found::Refused
        }
        Err(error) => panic!("a flip at {offset} of {} ended with: {error}", path.display()),
        Ok(store) => {
            let last = models.len() - 1;
            if models[last].difference(&*store).is_none() {
                Found::Unharmed
            } else {
                assert_eq!(
                    models[last - 1].difference(&*store),
                    None,
                    "a flip at {offset} of {}",
                    path.display()
                );
                Found::LastRecordCut
            }
        }
    }
}

#[test]
fn files_that_are_missing_cut_short_or_exchanged_are_named() {
    let mut machine = SimulatedMachine::new(1, 64 << 20, false);
    let mut workload = Workload::new(1, 3_000);
    {
        let store = machine.open(small()).unwrap();
        for _ in 0..40 {
            store.commit(workload.next_batch(), Box::new(|result| result.unwrap()));
            assert!(store.step());
        }
    }
    machine.lose_power();
    let files = machine.disk.files();
    let segments: Vec<&PathBuf> =
        files.keys().filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    assert!(segments.len() > 3, "{segments:?}");
    let open = |change: &dyn Fn(&SimulatedMachine)| {
        let machine = SimulatedMachine::new(2, 64 << 20, false);
        for (path, content) in &files {
            machine.disk.put_file(path, content);
        }
        change(&machine);
        match machine.open(small()) {
            Ok(_) => panic!("the store was opened"),
            Err(error) => error.to_string(),
        }
    };
    let text = open(&|machine| machine.disk.remove_file(segments[1]));
    assert!(text.contains("0002.journal is damaged at byte 0: the file is missing"), "{text}");
    let text = open(&|machine| machine.disk.put_file(segments[1], &files[segments[1]][..5_000]));
    assert!(text.contains("0002.journal is damaged at byte 5000: the file ends there"), "{text}");
    let text = open(&|machine| {
        machine.disk.put_file(segments[1], &files[segments[2]]);
        machine.disk.put_file(segments[2], &files[segments[1]]);
    });
    assert!(text.contains("holds segment 0000000000000003, so files were exchanged"), "{text}");
    // An old copy of a file in the place of the new one.
    let text = open(&|machine| machine.disk.put_file(segments[1], &vec![0; files[segments[1]].len()]));
    assert!(text.contains("0002.journal is damaged"), "{text}");
    let text =
        open(&|machine| machine.disk.put_file(&Path::new(DIRECTORY).join("stepwell.format"), b"something"));
    assert!(text.contains("is not a data directory of Stepwell"), "{text}");
    let text = open(&|machine| {
        machine.disk.put_file(&Path::new(DIRECTORY).join("stepwell.format"), b"stepwell data, format 9\n");
    });
    assert!(text.contains("has format 9, and this version of Stepwell reads formats up to 1"), "{text}");
    let text = open(&|machine| machine.disk.remove_file(&Path::new(DIRECTORY).join("stepwell.format")));
    assert!(text.contains("it holds data but no file stepwell.format"), "{text}");
}

/// The whole directory as it ships, tables included. Every byte that is not 0, one bit each, of a store that was closed.
#[test]
fn a_flip_in_any_file_of_a_closed_store_is_detected_or_does_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let original = home.path().join("original");
    let mut workload = Workload::new(7, 60);
    let mut model = Model::default();
    {
        let store = EmbeddedStore::open(&original, small()).unwrap();
        for _ in 0..30 {
            let batch = workload.next_batch();
            model.apply(&batch);
            store.commit_and_wait(batch).unwrap();
        }
        store.close().unwrap();
    }
    let contents = read_files(&original);
    let copy = home.path().join("copy");
    let mut tally: BTreeMap<Found, u64> = BTreeMap::new();
    // The library's own panics on bad bytes are caught; their messages would fill the log.
    std::panic::set_hook(Box::new(|_| {}));
    let step = if std::env::var_os("FLIP_ALL").is_some() { 1 } else { 23 };
    let mut failure = None;
    'files: for file in contents.keys() {
        let content = &contents[file].0;
        let places: Vec<usize> = (0..content.len()).filter(|at| content[*at] != 0).step_by(step).collect();
        for at in places {
            copy_files(&copy, &contents);
            let mut flipped = contents[file].clone();
            flipped.0[at] ^= 1 << (at % 8);
            write_sparse(&copy.join(file), &flipped);
            match check_copy(&copy, &model) {
                Ok(found) => *tally.entry(found).or_default() += 1,
                Err(text) => {
                    failure = Some(format!("byte {at} of {}: {text}", file.display()));
                    break 'files;
                }
            }
        }
    }
    let _ = std::panic::take_hook();
    println!("{tally:?}");
    assert_eq!(failure, None);
    assert!(tally[&Found::Refused] > 0 && tally[&Found::Unharmed] > 0, "{tally:?}");
}

fn check_copy(copy: &Path, model: &Model) -> Result<Found, String> {
    let opened = std::panic::catch_unwind(|| EmbeddedStore::open(copy, small()));
    match opened {
        Err(_) => Err("opening panicked".to_owned()),
        Ok(Err(_)) => Ok(Found::Refused),
        Ok(Ok(store)) => {
            let compared =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| model.difference(&store)));
            match compared {
                Err(_) => Err("a read panicked".to_owned()),
                Ok(None) => Ok(Found::Unharmed),
                Ok(Some(text)) if text.starts_with("a read failed") => Ok(Found::ReadFailed),
                Ok(Some(text)) => Err(format!("wrong data: {text}")),
            }
        }
    }
}

fn list_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// A file without the zeros at its end, and its length: the tables' own log is 64 MiB of them.
type Content = (Vec<u8>, u64);

fn read_files(root: &Path) -> BTreeMap<PathBuf, Content> {
    let read = |file: PathBuf| {
        let mut content = fs::read(root.join(&file)).unwrap();
        let length = content.len() as u64;
        content.truncate(content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        (file, (content, length))
    };
    list_files(root).into_iter().map(read).collect()
}

fn copy_files(to: &Path, files: &BTreeMap<PathBuf, Content>) {
    let _ = fs::remove_dir_all(to);
    for (file, content) in files {
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        write_sparse(&to.join(file), content);
    }
}

fn write_sparse(path: &Path, (content, length): &Content) {
    fs::write(path, content).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_len(*length).unwrap();
}
