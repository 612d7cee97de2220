//! The workloads. Each starts the servers that it needs, measures, and adds its lines to the report.

mod activity5;
mod expectation;
mod heavy;
mod history;
mod hostile;
mod http5;
mod interpreter;
mod lambda;
mod map1000;
mod overload;
mod parked;
mod pass10;
mod slow;
mod start;
mod sync10;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use anyhow::bail;

pub use activity5::work as work_on_activity;

use crate::{
    load::{self, Load, Script, Until},
    measure::{SyncProbe, median},
    process::{Launch, Ready, Served},
    report::Report,
};

/// Names of all workloads, in the order in which they run.
pub const NAMES: [&str; 14] = [
    "pass10",
    "sync10",
    "map1000",
    "activity5",
    "lambda",
    "http5",
    "slow",
    "history",
    "parked",
    "interpreter",
    "start",
    "overload",
    "hostile",
    "heavy",
];

/// A handler that gives its event back.
const ECHO: &str = "def handle(event, context):\n    return event\n";

/// What a run is made of.
#[derive(Debug)]
pub struct Bench {
    /// The `stepwell` binary.
    pub stepwell: PathBuf,
    /// This program, for the null server and the activity workers.
    pub bench: PathBuf,
    /// Where data directories are made.
    pub directory: PathBuf,
    /// Short rounds, few of them.
    pub quick: bool,
    /// Syncs of this disk, measured along the way.
    pub probe: SyncProbe,
    /// What was found.
    pub report: Report,
}

impl Bench {
    /// Runs one workload by its name.
    ///
    /// # Errors
    /// When a server fails or refuses, or there is no such workload.
    pub fn run(&mut self, name: &str) -> anyhow::Result<()> {
        self.probe.sample(self.samples())?;
        match name {
            "pass10" => pass10::run(self),
            "sync10" => sync10::run(self),
            "map1000" => map1000::run(self),
            "activity5" => activity5::run(self),
            "lambda" => lambda::run(self),
            "http5" => http5::run(self),
            "slow" => slow::run(self),
            "history" => history::run(self),
            "parked" => parked::run(self),
            "interpreter" => interpreter::run(self),
            "start" => start::run(self),
            "overload" => overload::run(self),
            "hostile" => hostile::run(self),
            "heavy" => heavy::run(self),
            other => bail!("there is no workload '{other}'; there are: {}", NAMES.join(", ")),
        }
    }

    /// Syncs measured at a time.
    fn samples(&self) -> usize {
        if self.quick { 50 } else { 200 }
    }

    /// A directory for one workload, empty.
    fn place(&self, name: &str) -> anyhow::Result<PathBuf> {
        let place = self.directory.join(name);
        if place.exists() {
            std::fs::remove_dir_all(&place)?;
        }
        std::fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// Starts Stepwell with an empty store.
    fn start_stepwell(&self, name: &str) -> anyhow::Result<Served> {
        Launch::stepwell(&self.stepwell, &self.place(name)?).start()
    }

    /// Starts Stepwell with an empty store, a configuration, and the handler `echo.handle` in its directory.
    fn start_configured(&self, name: &str, configuration: &str) -> anyhow::Result<Served> {
        let place = self.place(name)?;
        std::fs::write(place.join("stepwell.toml"), configuration)?;
        std::fs::write(place.join("echo.py"), ECHO)?;
        Launch::stepwell(&self.stepwell, &place).start()
    }

    /// Starts the null server.
    fn start_null(&self, name: &str) -> anyhow::Result<Served> {
        let place = self.place(&format!("{name}-null"))?;
        let arguments = vec!["null-server".into(), "--directory".into(), place.clone().into()];
        self.start_part(place, arguments, Ready::Call)
    }

    /// Starts the null server in front of the handler `echo.handle`.
    fn start_null_with_handler(&self, name: &str) -> anyhow::Result<Served> {
        let place = self.place(&format!("{name}-null"))?;
        std::fs::write(place.join("echo.py"), ECHO)?;
        let arguments = vec![
            "null-server".into(),
            "--directory".into(),
            place.clone().into(),
            "--handler".into(),
            "echo.handle".into(),
        ];
        self.start_part(place, arguments, Ready::Call)
    }

    /// Starts an HTTP endpoint that answers late.
    fn start_endpoint(&self, name: &str) -> anyhow::Result<Served> {
        self.start_part(self.place(name)?, vec!["endpoint".into()], Ready::Connect)
    }

    /// Starts a part of this program as a process.
    fn start_part(
        &self,
        directory: PathBuf,
        arguments: Vec<OsString>,
        ready: Ready,
    ) -> anyhow::Result<Served> {
        let (program, environment) = (self.bench.clone(), Vec::new());
        Launch { program, arguments, environment, directory, address: None, ready }.start()
    }

    /// How many pairs of rounds, and how long one round is.
    fn rounds(&self) -> (usize, Duration) {
        if self.quick { (3, Duration::from_millis(700)) } else { (7, Duration::from_secs(2)) }
    }

    /// Takes away what a workload has left on disk.
    fn clear(&self, name: &str) {
        for place in [name.to_owned(), format!("{name}-null")] {
            // What can't be removed stays for the operating system's own cleaning.
            let _ = std::fs::remove_dir_all(self.directory.join(place));
        }
    }

    /// Runs a script on both servers by turns. Between rounds the disk is measured.
    fn interleave<A: Script + 'static, B: Script + 'static>(
        &mut self,
        connections: usize,
        ours: (&Served, &Rc<A>),
        null: (&Served, &Rc<B>),
    ) -> anyhow::Result<Comparison> {
        let (rounds, length) = self.rounds();
        // One short round each, so that caches are filled and files are there.
        let warm = Until::Elapsed(length / 4);
        load::run(ours.0.address, connections, warm, ours.1)?;
        load::run(null.0.address, connections, warm, null.1)?;
        let mut comparison = Comparison::default();
        for _ in 0..rounds {
            comparison.ours.push(Round::measure(ours.0, connections, length, ours.1)?);
            comparison.null.push(Round::measure(null.0, connections, length, null.1)?);
            self.probe.sample(self.samples() / 5)?;
        }
        Ok(comparison)
    }
}

/// One round of load, and what the server used in it.
#[derive(Debug)]
struct Round {
    load: Load,
    cpu_seconds: f64,
    syncs: Option<f64>,
}

impl Round {
    fn measure<S: Script + 'static>(
        served: &Served,
        connections: usize,
        length: Duration,
        script: &Rc<S>,
    ) -> anyhow::Result<Self> {
        let (cpu, syncs) = (served.cpu_seconds()?, served.syncs()?);
        let load = load::run(served.address, connections, Until::Elapsed(length), script)?;
        let cpu_seconds = served.cpu_seconds()? - cpu;
        let syncs = served.syncs()?.zip(syncs).map(|(after, before)| after - before);
        Ok(Self { load, cpu_seconds, syncs })
    }

    fn cpu_microseconds_each(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.load.count.max(1) as f64
    }
}

/// Rounds of both servers, taken by turns.
#[derive(Debug, Default)]
struct Comparison {
    ours: Vec<Round>,
    null: Vec<Round>,
}

impl Comparison {
    /// Median over the pairs of rounds of a quotient ours : null. Neighbours in time share the machine's moods.
    fn ratio(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.null)
            .map(|(ours, null)| of(ours) / of(null).max(f64::MIN_POSITIVE))
            .collect();
        median(&ratios)
    }

    fn ours(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(&self.ours.iter().map(of).collect::<Vec<_>>())
    }

    fn null(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(&self.null.iter().map(of).collect::<Vec<_>>())
    }
}

/// All latencies of some rounds, in milliseconds.
fn latencies(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().flat_map(|round| round.load.latencies_ms.iter().copied()).collect()
}

/// The program next to this one, as cargo lays binaries out.
#[must_use]
pub fn sibling(bench: &Path, name: &str) -> PathBuf {
    bench.with_file_name(name)
}
