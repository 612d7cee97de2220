//! Plays the conformance kit against a fresh server, and holds its failures against the list of known ones.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};
use stepwell_benchmarks::{
    client::free_address,
    process::{Launch, Ready, Served},
};

use crate::build;

/// Features that this version refuses.
const WITHOUT: [&str; 1] = ["distributed-map"];
/// The area of single states. They are mocked, so that a distributed Map is no hindrance, and nothing answers at the
/// services' addresses.
const TEST_STATE: &str = "test_state";
/// The account that the kit plays in.
const ACCOUNT: &str = "000000000000";
/// Services that the kit wants an address of before it plays a case that names them.
const MOCKED_SERVICES: [&str; 7] = ["apigateway", "dynamodb", "events", "kms", "lambda", "s3", "sqs"];
/// Services that moto plays in the other areas.
const MOTO_SERVICES: [&str; 6] = ["dynamodb", "events", "logs", "s3", "sns", "sqs"];

/// What to play.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask conformance --only base.\n\
    A case that fails and is not in tests/conformance/known-failures.txt is an error; so is one that is there and passes.")]
pub(crate) struct Arguments {
    /// The kit's directory
    #[arg(long, value_name = "DIR", default_value = "../shared/conformance")]
    kit: PathBuf,
    /// Only the cases that match (may be given again); the list of known failures is then not checked for cases that pass
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// The stepwell binary [default: built in release mode]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The Python that plays the kit; it needs boto3 and moto (pip install boto3 'moto[server]')
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Cases played at a time
    #[arg(long, default_value_t = 4)]
    jobs: u32,
    /// Show the whole first difference of each case that fails
    #[arg(long)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let kit =
        if arguments.kit.is_absolute() { arguments.kit.clone() } else { build::root().join(&arguments.kit) };
    let player = kit.join("run.py");
    if !player.is_file() {
        eprintln!("skipped: the conformance kit is not at {}", kit.display());
        return Ok(true);
    }
    let program = build::stepwell(arguments.binary.as_deref())?;
    let stub = free_address()?.port();
    let place = tempfile::tempdir()?;
    let moto = moto(&arguments.python, &place.path().join("moto"))?;
    let moto_url = format!("http://{}", moto.address);
    let server = Launch {
        program,
        arguments: vec!["serve".into(), "--memory".into(), "--log-level".into(), "warn".into()],
        environment: vec![
            ("LAMBDA_ENDPOINT".to_owned(), format!("http://127.0.0.1:{stub}")),
            ("AWS_ENDPOINT_URL".to_owned(), moto_url.clone()),
        ],
        directory: place.path().to_owned(),
        address: None,
        ready: Ready::Call,
    }
    .start()?;
    let play = |extra: &[String]| play(arguments, &player, &server.address.to_string(), stub, extra);
    let mut without: Vec<String> =
        WITHOUT.iter().flat_map(|feature| ["--without".to_owned(), (*feature).to_owned()]).collect();
    without.extend(["--exclude".to_owned(), format!("{TEST_STATE}/")]);
    for service in MOTO_SERVICES {
        without.extend(["--service".to_owned(), format!("{service}={moto_url}")]);
    }
    let mut text = play(&without)?;
    let mut alone = Vec::new();
    for area in areas(&kit.join("cases"))?.into_iter().filter(|area| area != TEST_STATE) {
        alone.extend(["--exclude".to_owned(), format!("{area}/")]);
    }
    for service in MOCKED_SERVICES {
        alone.extend(["--service".to_owned(), format!("{service}=http://127.0.0.1:1")]);
    }
    text.push_str(&play(&alone)?);
    // A server that died on the way has failed more than the cases show.
    server.terminate(Duration::from_secs(15)).context("the server after the cases")?;
    let failed = failed_cases(&text);
    let known = known_failures(&build::root().join("tests/conformance/known-failures.txt"))?;
    Ok(compare(&failed, &known, arguments.only.is_empty()))
}

/// Other services of AWS, in the account that the kit plays in.
fn moto(python: &Path, directory: &Path) -> anyhow::Result<Served> {
    // It runs elsewhere, so that a relative path would lead elsewhere too; a mere name is looked for in PATH.
    let is_path = python.components().nth(1).is_some();
    let launch = Launch {
        program: if is_path { std::path::absolute(python)? } else { python.to_owned() },
        arguments: vec!["-m".into(), "moto.server".into()],
        environment: vec![("MOTO_ACCOUNT_ID".to_owned(), ACCOUNT.to_owned())],
        directory: directory.to_owned(),
        address: None,
        ready: Ready::Connect,
    };
    launch.start().context("moto, which plays other services (pip install 'moto[server]')")
}

/// Plays a part of the kit; gives what it printed.
fn play(
    arguments: &Arguments,
    player: &Path,
    address: &str,
    stub: u16,
    extra: &[String],
) -> anyhow::Result<String> {
    let mut command = Command::new(&arguments.python);
    command.arg(player).arg("--endpoint").arg(format!("http://{address}"));
    command.arg("--lambda-stub").arg(stub.to_string());
    command.arg("--jobs").arg(arguments.jobs.to_string()).arg("--areas").args(extra);
    for pattern in &arguments.only {
        command.args(["--only", pattern]);
    }
    if arguments.verbose {
        command.arg("--verbose");
    }
    let output = command.output().with_context(|| format!("can't run {}", arguments.python.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    // With patterns one of the parts may have no case.
    let is_empty = output.status.code() == Some(2) && !arguments.only.is_empty();
    if !is_empty && !matches!(output.status.code(), Some(0 | 1)) {
        bail!("the kit did not play to its end ({})", output.status);
    }
    Ok(text)
}

/// The areas of the kit.
fn areas(cases: &Path) -> anyhow::Result<Vec<String>> {
    let mut areas = Vec::new();
    for entry in std::fs::read_dir(cases).with_context(|| cases.display().to_string())? {
        areas.push(entry?.file_name().to_string_lossy().into_owned());
    }
    areas.sort_unstable();
    Ok(areas)
}

/// Names in the lines `FAIL name: …`.
fn failed_cases(text: &str) -> BTreeSet<String> {
    let names =
        text.lines().filter_map(|line| line.strip_prefix("FAIL ")).filter_map(|rest| rest.split(':').next());
    names.map(str::to_owned).collect()
}

/// Names in the file: one a line, a reason after `#`.
fn known_failures(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let mut names = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let (name, reason) = line.split_once('#').unwrap_or((line, ""));
        let name = name.trim();
        if name.is_empty() {
            continue;
        }
        if reason.trim().is_empty() {
            bail!("{}:{}: '{name}' has no reason (name # reason)", path.display(), number + 1);
        }
        names.insert(name.to_owned());
    }
    Ok(names)
}

/// Prints what differs; true when nothing does.
fn compare(failed: &BTreeSet<String>, known: &BTreeSet<String>, all_played: bool) -> bool {
    let unknown: Vec<&String> = failed.difference(known).collect();
    let passing: Vec<&String> = if all_played { known.difference(failed).collect() } else { Vec::new() };
    for name in &unknown {
        eprintln!("error: {name} fails and is not a known failure");
    }
    for name in &passing {
        eprintln!("error: {name} is listed as a known failure but does not fail any more");
    }
    eprintln!("{} failures, {} of them known", failed.len(), failed.len() - unknown.len());
    unknown.is_empty() && passing.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn failures_must_be_known_and_known_ones_must_fail() {
        let failed =
            failed_cases("FAIL base.a: $.x: want 1 got 2\n  want: 1\nAREA base: 1 passed\nFAIL base.b: x\n");
        assert_eq!(failed, set(&["base.a", "base.b"]));
        let table = [
            (&["base.a", "base.b"][..], true, true),
            (&["base.a"], true, false),
            (&["base.a", "base.b", "c"], true, false),
            (&["base.a", "base.b", "c"], false, true),
        ];
        for (known, all_played, agrees) in table {
            assert_eq!(compare(&failed, &set(known), all_played), agrees, "{known:?}");
        }
    }

    #[test]
    fn every_known_failure_has_a_reason() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("known");
        assert!(known_failures(&file).unwrap().is_empty());
        std::fs::write(&file, "# nothing\n\na.b # because\n").unwrap();
        assert_eq!(known_failures(&file).unwrap(), set(&["a.b"]));
        std::fs::write(&file, "a.b\n").unwrap();
        assert!(known_failures(&file).is_err());
    }
}
