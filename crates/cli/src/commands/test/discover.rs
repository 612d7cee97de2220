//! Finds test files and definitions.

use std::path::{Path, PathBuf};

use crate::definition::{self, ENDINGS, plain};
use crate::failure::Failure;

/// Endings of test files.
pub(super) const TEST_ENDINGS: [&str; 3] = [".test.json", ".test.yaml", ".test.yml"];
/// Directories that are not looked into, besides hidden ones.
const SKIPPED_DIRECTORIES: [&str; 2] = ["node_modules", "target"];
/// How deep directories are looked into.
const DEPTH_MAX: usize = 32;
/// Files and directories that are looked at.
const ENTRIES_MAX: usize = 1_000_000;

/// What was found, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tests: Vec<PathBuf>,
    pub(super) definitions: Vec<PathBuf>,
}

/// Looks for what the arguments name. With `without_tests` a definition needs no test file.
///
/// # Errors
/// A path that is not there, or a definition without a test file.
pub(super) fn discover(paths: &[PathBuf], without_tests: bool) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut entries = 0;
    for path in paths {
        let metadata = std::fs::metadata(path)
            .map_err(|error| Failure::Usage(format!("can't read {}: {}", path.display(), plain(&error))))?;
        if metadata.is_dir() {
            walk(path, 0, &mut entries, &mut found)?;
        } else if test_name(path).is_some() {
            found.tests.push(path.clone());
        } else {
            let tests = tests_beside(path);
            if tests.is_empty() && !without_tests {
                return Err(Failure::Usage(format!(
                    "{} has no tests: write {}.test.json or .test.yaml beside it",
                    path.display(),
                    definition::machine_name(path)
                )));
            }
            found.tests.extend(tests);
            found.definitions.push(path.clone());
        }
    }
    for files in [&mut found.tests, &mut found.definitions] {
        files.sort();
        files.dedup();
    }
    Ok(found)
}

fn walk(directory: &Path, depth: usize, entries: &mut usize, found: &mut Found) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Usage(format!("can't read {}: {}", directory.display(), plain(&error)))
    };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        *entries += 1;
        if *entries > ENTRIES_MAX {
            return Err(Failure::Usage(format!("more than {ENTRIES_MAX} files: name smaller directories")));
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match directory.to_str() {
            // As people write it: without `./`.
            Some(".") => PathBuf::from(&name),
            _ => entry.path(),
        };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            let is_skipped = name.starts_with('.') || SKIPPED_DIRECTORIES.contains(&name.as_str());
            if !is_skipped && depth < DEPTH_MAX {
                walk(&path, depth + 1, entries, found)?;
            }
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            found.definitions.push(path);
        } else if test_name(&path).is_some() && is_ours(&path) {
            found.tests.push(path);
        }
    }
    Ok(())
}

/// The name of a test file without its ending.
pub(super) fn test_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    TEST_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).map(str::to_owned)
}

/// The definition beside a test file.
pub(super) fn definition_beside(test: &Path) -> Option<PathBuf> {
    let name = test_name(test)?;
    ENDINGS.iter().map(|ending| test.with_file_name(format!("{name}{ending}"))).find(|path| path.is_file())
}

fn tests_beside(definition: &Path) -> Vec<PathBuf> {
    let name = definition::machine_name(definition);
    let paths = TEST_ENDINGS.iter().map(|ending| definition.with_file_name(format!("{name}{ending}")));
    paths.filter(|path| path.is_file()).collect()
}

/// Whether a file that was found in a directory is one of our tests: other tools have files with such names too.
fn is_ours(path: &Path) -> bool {
    if definition_beside(path).is_some() {
        return true;
    }
    let file = definition::DefinitionFile::load(path);
    let root = file.ok().and_then(|file| stepwell_json::spanned::parse(&file.json).0);
    root.is_some_and(|root| root.get("cases").is_some() && root.get("definition").is_some())
}
