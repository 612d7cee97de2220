//! `bench`: measures Stepwell against a null server, and prints one table.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use stepwell_benchmarks::{
    endpoint,
    measure::SyncProbe,
    null_server,
    report::{Report, figure},
    workloads::{self, Bench},
};

/// The product's allocator, so that the null server and the interpreter are measured with the same one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Above this, figures in time say more about the disk than about Stepwell.
const SYNC_LIMIT_MS: f64 = 0.5;

/// Measures Stepwell against a null server in one run, and prints one table.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example: bench --quick --only pass10\nThe method stands in benchmarks/README.md."
)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Short rounds: the whole table in about two minutes, less exact
    #[arg(long)]
    quick: bool,
    /// Only this workload (may be given again): pass10, sync10, map1000, activity5, lambda, http5, slow, history, parked, interpreter, start, overload, hostile, heavy
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How the table is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The stepwell binary [default: next to this program]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where data directories are made: a disk, not a memory file system [default: next to this program]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Exit code 1 when a figure does not hold
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Serves canned answers, with a group commit before that of StartExecution
    NullServer {
        /// Port on 127.0.0.1
        #[arg(long)]
        port: u16,
        /// Where its file is made
        #[arg(long, value_name = "DIR")]
        directory: PathBuf,
        /// A Python handler in the directory, called by Invoke
        #[arg(long, value_name = "MODULE.FUNCTION")]
        handler: Option<String>,
    },
    /// Answers /after/N in N milliseconds and /never never
    Endpoint {
        /// Port on 127.0.0.1
        #[arg(long)]
        port: u16,
    },
    /// Takes the tasks of an activity and answers them at once
    ActivityWorker {
        /// Port of the server on 127.0.0.1
        #[arg(long)]
        port: u16,
        /// ARN of the activity
        #[arg(long, value_name = "ARN")]
        activity: String,
        /// Workers at a time
        #[arg(long, default_value_t = 4)]
        workers: usize,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether the run counts as a success.
fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    match arguments.part {
        Some(Part::NullServer { port, directory, handler }) => {
            null_server::serve(loopback(port), &directory, handler.as_deref()).map(|()| true)
        }
        Some(Part::Endpoint { port }) => endpoint::serve(loopback(port)).map(|()| true),
        Some(Part::ActivityWorker { port, activity, workers }) => {
            workloads::work_on_activity(loopback(port), &activity, workers).map(|()| true)
        }
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<bool> {
    let bench = std::env::current_exe().context("this program does not know where it is")?;
    let stepwell = arguments.binary.clone().unwrap_or_else(|| workloads::sibling(&bench, "stepwell"));
    let names: Vec<&str> = match arguments.only.as_slice() {
        [] => workloads::NAMES.to_vec(),
        only => only.iter().map(String::as_str).collect(),
    };
    for name in &names {
        if !workloads::NAMES.contains(name) {
            bail!("there is no workload '{name}'; there are: {}", workloads::NAMES.join(", "));
        }
    }
    if !stepwell.is_file() && names.iter().any(|name| *name != "interpreter") {
        bail!(
            "{} is not there: build it with `cargo build --release`, or name it with --binary",
            stepwell.display()
        );
    }
    let stepwell = std::path::absolute(&stepwell)?;
    let parent = match &arguments.directory {
        Some(directory) => directory.clone(),
        None => bench.parent().context("this program is in no directory")?.to_owned(),
    };
    let parent = std::path::absolute(parent)?;
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&parent).with_context(|| {
        format!("can't make a directory in {}; name another with --directory", parent.display())
    })?;
    let mut bench = Bench {
        stepwell,
        bench,
        probe: SyncProbe::new(directory.path())?,
        directory: directory.path().to_owned(),
        quick: arguments.quick,
        report: Report::default(),
    };
    for name in names {
        let begun = Instant::now();
        eprint!("{name} … ");
        // One workload that can't be measured must not hide the others.
        if let Err(error) = bench.run(name) {
            eprint!("failed: {error:#}; ");
            bench.report.failed(name, &format!("{error:#}"));
        }
        eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
    }
    finish(&mut bench);
    match arguments.output {
        Output::Text => print!("{}", bench.report.to_text()),
        Output::Json => println!("{:#}", bench.report.to_json()),
    }
    Ok(bench.report.holds() || !arguments.strict)
}

/// Adds what the figures rest on.
fn finish(bench: &mut Bench) {
    let sync = bench.probe.median_ms();
    let judged =
        if sync <= SYNC_LIMIT_MS { "" } else { ": slower than 0.5 ms, so figures in time need not hold" };
    let report = &mut bench.report;
    report.note("fdatasync median", format!("{} ms{judged}", figure(sync)));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    report.note("machine", format!("{cores} cores, load average {load} at the end"));
    report.note("run", if bench.quick { "quick" } else { "full" }.to_owned());
}
