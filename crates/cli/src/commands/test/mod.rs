//! `stepwell test [PATH…]`: runs the test files beside definitions.

mod discover;
mod json;
mod junit;
mod load;
mod outcome;
mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use stepwell_workflow_test::SCHEMA;

use crate::config::{self, Config};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Format};
use load::Library;
use outcome::{Report, run_suite};

/// Arguments of `test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell test                                       all test files below the working directory
  stepwell test workflows/order.asl.json              the test file of one definition
  stepwell test examples --coverage-min 90 --junit target/junit.xml
  stepwell test --filter 'order-saga/*card*'
  stepwell test --mock-config MockConfigFile.json workflows

A test file is NAME.test.json, .yaml or .yml beside NAME.asl.json, .yaml or .yml; docs/testing.md has its format.
Exit code 0: all passed; 1: a case failed, or too little is covered; 2: wrong usage, or a file that can't be used.")]
pub(crate) struct TestArguments {
    /// Test files, definitions, and directories to look through [default: the working directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only cases with this in NAME/CASE; with * the whole of it must fit
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Fail when less than this of any definition is covered
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with = "filter")]
    coverage_min: Option<f64>,
    /// Write the results for CI servers too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run the cases of a mock file of Step Functions Local [variables: STEPWELL_MOCK_CONFIG, SFN_MOCK_CONFIG]
    #[arg(long, value_name = "FILE")]
    mock_config: Option<PathBuf>,
    /// Print the JSON Schema of test files
    #[arg(long, exclusive = true)]
    schema: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

/// Runs the tests and prints what came of them.
pub(crate) fn run(arguments: &TestArguments, format: Format) -> Result<(), Failure> {
    if arguments.schema {
        output::line(SCHEMA.trim_end());
        return Ok(());
    }
    let started = Instant::now();
    let paths = match arguments.paths.as_slice() {
        [] => vec![PathBuf::from(".")],
        paths => paths.to_vec(),
    };
    let (flag, environment) = (arguments.mock_config.as_deref(), Environment::of_process());
    let mock_config = config::mock::file(flag, &environment, &Config::default());
    let found = discover::discover(&paths, mock_config.is_some())?;
    let mut library = Library::new(mock_config)?;
    let suites = library.suites(&found);
    if suites.is_empty() {
        let unused = library.unused_mock_file(&found.definitions);
        return Err(Failure::Usage(unused.unwrap_or_else(|| nothing_found(&paths))));
    }
    let filter = arguments.filter.as_deref();
    let mut runs = Vec::new();
    for suite in suites {
        let run = run_suite(&mut library, suite, filter);
        if format == Format::Text {
            text::suite(&run);
        }
        runs.push(run);
    }
    let report = Report {
        runs,
        coverage: if filter.is_some() { Vec::new() } else { library.coverage(&found.definitions) },
        coverage_min: arguments.coverage_min,
        elapsed: started.elapsed(),
    };
    if let Some(path) = &arguments.junit {
        write(path, &junit::document(&report))?;
    }
    match format {
        Format::Text => text::end(&library, &report),
        Format::Json => output::json(&json::document(&library, &report)),
    }
    if let Some(pattern) = filter
        && report.runs.iter().all(|run| run.cases.is_empty() && run.invalid.is_none())
    {
        return Err(Failure::Usage(format!("no case fits --filter {pattern:?}")));
    }
    match (report.is_invalid(), report.has_failed(&library)) {
        (true, _) => Err(Failure::InvalidDefinition),
        (false, true) => Err(Failure::Unsuccessful),
        (false, false) => Ok(()),
    }
}

fn nothing_found(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!(
        "no test files in {}: a test file is NAME.test.json or NAME.test.yaml beside NAME.asl.json or NAME.asl.yaml",
        paths.join(", ")
    )
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Usage(format!("can't write {}: {}", path.display(), crate::definition::plain(&error)))
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
