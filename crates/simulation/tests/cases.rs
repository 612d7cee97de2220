//! The case files. `UPDATE_CASES=1` rewrites what they expect.

use std::path::Path;

#[test]
fn every_case_comes_out_as_its_file_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let files = stepwell_simulation::case::files(&directory).expect("the cases are there");
    assert!(files.len() >= 40, "only {} cases", files.len());
    let failures: Vec<String> = files
        .iter()
        .filter_map(|(name, path)| {
            let error = stepwell_simulation::case::run_file(path, update).err()?;
            Some(format!("{name}: {error}"))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        files.len(),
        failures.join("\n")
    );
}
