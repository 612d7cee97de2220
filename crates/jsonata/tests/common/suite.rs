//! The official suite of JSONata, where it is at hand

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stepwell_json::Value;

/// The folder of the suite. None, after saying so, where it is not there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/jsonata");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// The JSON values of a file: lone surrogates, which no Unicode text holds, are replaced.
pub(crate) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    match stepwell_json::parse(&text) {
        Ok(value) => value,
        Err(_) => stepwell_json::parse(&text.replace("\\ud800", "\\ufffd").replace("\\uD800", "\\uFFFD"))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    }
}

/// The datasets, by name.
pub(crate) fn datasets(folder: &Path) -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(folder.join("datasets")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(&path))).collect()
}

/// The cases, each with its name, `group/id`.
pub(crate) fn cases(folder: &Path) -> Vec<(String, Value)> {
    let mut groups: Vec<PathBuf> =
        std::fs::read_dir(folder.join("groups")).unwrap().map(|entry| entry.unwrap().path()).collect();
    groups.sort();
    let mut cases = Vec::new();
    for path in groups {
        let group = path.file_stem().unwrap().to_string_lossy().into_owned();
        for case in read(&path).as_array().unwrap() {
            let name = format!("{group}/{}", case.get("id").and_then(Value::as_str).unwrap_or_default());
            cases.push((name, case.clone()));
        }
    }
    cases
}
