//! R2: the server is killed as it makes its nth storage call, for every n of a script of 200 calls of the API, and for
//! every n of a restart. Nothing acknowledged may be lost or doubled; what was under way happened as a whole or not at all.
//!
//! strace counts calls by name and thread. A first run without a kill shows which numbers belong to files of the store;
//! each of them is then a run of its own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use stepwell_benchmarks::process::{Launch, Ready};

use super::{
    Ending, Setting,
    order_audit::{traced, wait_for_log},
    script::Script,
    trace::{self, Call},
};

/// Calls that change files of the store, or make sure that they were changed.
const STORAGE_CALLS: [&str; 14] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "write",
    "writev",
    "openat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "fallocate",
    "mkdir",
];
/// How long a killed process may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(20);
/// Violations that are printed.
const SHOWN: usize = 10;

/// Which kills are tried.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Try one kill out of this many; 1: all of them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Calls of the API in the script
    #[arg(long, default_value_t = 200)]
    operations: u64,
    /// Serve from memory, so that each kill loses everything: the checks must fail, or they would prove nothing
    #[arg(long)]
    forgetful: bool,
}

/// One kill: at which call of which name.
type Kill = (String, u64);

pub(crate) fn run(setting: &Setting, options: &Options) -> anyhow::Result<Ending> {
    if !trace::is_available() {
        return Ok(Ending::Skipped("strace can't be run here".to_owned()));
    }
    let begun = Instant::now();
    let mut violations = Vec::new();
    for phase in [Phase::Script, Phase::Restart] {
        let kills = phase.kills(setting, &Options { forgetful: false, ..options.clone() })?;
        // A restart makes few calls: a sample of them would be too small.
        let every = match phase {
            Phase::Script => options.every,
            Phase::Restart => options.every.div_ceil(10),
        };
        let chosen: Vec<&Kill> = kills
            .iter()
            .enumerate()
            .filter(|(at, _)| (*at as u64).is_multiple_of(every))
            .map(|(_, kill)| kill)
            .collect();
        let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
        for kill in &chosen {
            match phase.attempt(setting, options, kill) {
                Ok(true) => *reached.entry(kill.0.as_str()).or_default() += 1,
                Ok(false) => {}
                Err(error) => {
                    println!("  VIOLATED, {} {} of {phase:?}: {error:#}", kill.0, kill.1);
                    violations.push(format!("{phase:?}, {} {}: {error:#}", kill.0, kill.1));
                }
            }
        }
        let killed: usize = reached.values().sum();
        println!(
            "  {phase:?}: {} of {} kills tried, {killed} reached, by call: {reached:?}",
            chosen.len(),
            kills.len()
        );
        if killed == 0 && !options.forgetful {
            violations.push(format!("{phase:?}: no kill was reached"));
        }
    }
    for violation in violations.iter().take(SHOWN) {
        println!("VIOLATED: {violation}");
    }
    let is_good = violations.is_empty() != options.forgetful;
    if options.forgetful {
        println!(
            "a server that forgets everything was {}",
            if is_good { "found out" } else { "NOT found out" }
        );
    }
    println!(
        "crash syscall {} in {:.0} s: {} violations; of the kills in the script 1 out of {} was tried",
        if is_good { "passed" } else { "FAILED" },
        begun.elapsed().as_secs_f64(),
        violations.len(),
        options.every
    );
    Ok(if is_good { Ending::Passed } else { Ending::Failed })
}

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// From its first start, with an empty directory, to the last call of the script.
    Script,
    /// While it starts again after it was killed at the end of the script.
    Restart,
}

impl Phase {
    /// All kills there are, found by a run without one.
    fn kills(self, setting: &Setting, options: &Options) -> anyhow::Result<Vec<Kill>> {
        let directory = setting.directory.join(format!("{self:?}-counted"));
        let mut script = Script::new(options.operations);
        self.prepare(setting, options, &directory, &mut script)?;
        let log = directory.join("trace.log");
        let server = launch(setting, options, &directory, Some((&log, None))).start()?;
        if let Phase::Script = self {
            script.run(server.address);
            anyhow::ensure!(script.is_done(), "the script does not run to its end: {}", server.log_tail());
        }
        server.kill()?;
        wait_for_log(&log)?;
        let kills = storage_calls(&trace::read(&log)?, &directory.join("data"));
        std::fs::remove_dir_all(&directory)?;
        Ok(kills)
    }

    /// For a restart: a store with all that the script does, as a kill leaves it.
    fn prepare(
        self,
        setting: &Setting,
        options: &Options,
        directory: &Path,
        script: &mut Script,
    ) -> anyhow::Result<()> {
        if let Phase::Restart = self {
            let server = launch(setting, options, directory, None).start()?;
            script.run(server.address);
            anyhow::ensure!(script.is_done(), "the script does not run to its end: {}", server.log_tail());
            server.kill()?;
        }
        Ok(())
    }

    /// One kill, and what it left. False when the server never came to that call.
    fn attempt(self, setting: &Setting, options: &Options, kill: &Kill) -> anyhow::Result<bool> {
        let directory = setting.directory.join(format!("{self:?}-{}-{}", kill.0, kill.1));
        let mut script = Script::new(options.operations);
        self.prepare(setting, options, &directory, &mut script)?;
        let log = directory.join("trace.log");
        let mut launched = launch(setting, options, &directory, Some((&log, Some(kill))));
        // It may be killed before it serves.
        launched.ready = Ready::AtOnce;
        let mut server = launched.start()?;
        let was_killed = match self {
            Phase::Script => {
                script.run_once_it_serves(&mut server)?;
                server.wait(Duration::ZERO)?.is_some() || !script.is_done()
            }
            Phase::Restart => !script.serves(&mut server)?,
        };
        if was_killed {
            anyhow::ensure!(server.wait(GONE_WITHIN)?.is_some(), "the server hangs: {}", server.log_tail());
        } else {
            server.kill()?;
        }
        if !options.forgetful {
            wait_for_log(&log)?;
        }
        let again = launch(setting, options, &directory, None).start().context("start after the kill")?;
        script.check(&mut again.client())?;
        drop(again);
        std::fs::remove_dir_all(&directory)?;
        Ok(was_killed)
    }
}

/// The server in a directory of its own, under strace where a log is given, killed where a kill is.
fn launch(
    setting: &Setting,
    options: &Options,
    directory: &Path,
    strace: Option<(&Path, Option<&Kill>)>,
) -> Launch {
    if options.forgetful {
        // Nothing is stored, so there is nothing to trace either.
        let mut launch = Launch::stepwell(&setting.stepwell, directory);
        launch.arguments = ["serve", "--memory", "--log-level", "warn"].map(Into::into).to_vec();
        return launch;
    }
    match strace {
        None => Launch::stepwell(&setting.stepwell, directory),
        Some((log, kill)) => {
            let mut arguments = ["-f", "-y", "-ttt", "-s", "8", "-e"].map(String::from).to_vec();
            match kill {
                // Tracing all of them would only cost time.
                Some((name, number)) => arguments.extend([
                    format!("trace={name}"),
                    "-e".to_owned(),
                    format!("inject={name}:signal=SIGKILL:when={number}"),
                ]),
                None => arguments.push(format!("trace={}", STORAGE_CALLS.join(","))),
            }
            traced(&setting.stepwell, directory, log, &arguments)
        }
    }
}

/// The numbers, by name and thread as strace counts, of the calls on files of the store.
fn storage_calls(calls: &[Call], data: &Path) -> Vec<Kill> {
    let data = data.to_string_lossy();
    let mut counts: HashMap<(u32, &str), u64> = HashMap::new();
    let mut kills = BTreeSet::new();
    for call in calls {
        let count = counts.entry((call.thread, call.name.as_str())).or_default();
        *count += 1;
        let is_of_store = call.target.contains(&*data) || call.text.contains(&*data);
        // A file that is only read is no matter here.
        let changes = call.name != "openat" || call.text.contains("O_CREAT");
        if STORAGE_CALLS.contains(&call.name.as_str()) && is_of_store && changes {
            kills.insert((call.name.clone(), *count));
        }
    }
    kills.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_numbered_by_name_and_thread_and_those_of_the_store_are_kept() {
        let call = |thread: u32, name: &str, target: &str, text: &str| Call {
            thread,
            name: name.to_owned(),
            target: target.to_owned(),
            text: text.to_owned(),
            result: Some(0),
            began: 0,
            ended: 0,
            seconds: 0.0,
        };
        let calls = [
            call(1, "write", "2</dev/null>", ""),
            call(1, "write", "3</w/data/a>", ""),
            call(2, "pwrite64", "4</w/data/journal/1>", ""),
            call(2, "pwrite64", "4</w/data/journal/1>", ""),
            call(1, "openat", "AT_FDCWD</w>", "\"/w/data/a\", O_RDONLY"),
            call(1, "openat", "AT_FDCWD</w>", "\"/w/data/b\", O_WRONLY|O_CREAT"),
            call(1, "rename", "\"/w/data/b\"", "\"/w/data/b\", \"/w/data/c\""),
            call(1, "read", "3</w/data/a>", ""),
        ];
        let kill = |name: &str, number| (name.to_owned(), number);
        assert_eq!(
            storage_calls(&calls, Path::new("/w/data")),
            [
                kill("openat", 2),
                kill("pwrite64", 1),
                kill("pwrite64", 2),
                kill("rename", 1),
                kill("write", 2)
            ]
        );
    }
}
