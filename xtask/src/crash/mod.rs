//! Crash tests on the real binary, driven over HTTP like by any user.
//!
//! | test | what happens to the server |
//! | --- | --- |
//! | `kill` | SIGKILL at random moments under a mixed load |
//! | `syscall` | SIGKILL at every single storage call of a script, and of a restart |
//! | `io-error` | a sync or a write of the journal fails |
//! | `enospc` | the disk is full |
//! | `order-audit` | nothing: its system calls are watched; every reply must come after the sync of its record |

mod check;
mod clients;
mod enospc;
mod history;
mod io_error;
mod kill;
mod lambda;
mod ledger;
mod machines;
mod order_audit;
mod random;
mod script;
mod syscall;
mod trace;
mod violations;

use std::path::PathBuf;

use clap::Subcommand;

/// What to do to the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    kind: Kind,
    /// The stepwell binary [default: built in release mode]
    #[arg(long, global = true, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where data directories are made [default: the system's directory for temporary files]
    #[arg(long, global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// A test that can't run here (no strace, not root) is an error, not skipped
    #[arg(long, global = true)]
    no_skip: bool,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Kills the server at random moments; nothing acknowledged may be lost, doubled or stuck
    #[command(after_help = "Example: cargo xtask crash kill --runs 1000 --seed 7")]
    Kill(kill::Options),
    /// Kills the server at its nth storage call, for every n (needs strace)
    #[command(after_help = "Example: cargo xtask crash syscall --every 5")]
    Syscall(syscall::Options),
    /// Lets a sync or a write fail (needs strace); the server must stop at once and lose nothing
    IoError,
    /// Fills the disk (needs root); the server must refuse, live on, and recover when there is space
    Enospc(enospc::Options),
    /// Watches system calls (needs strace): no reply may leave before its record is synced
    OrderAudit(order_audit::Options),
}

/// Where and what a test runs.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The `stepwell` binary.
    pub(crate) stepwell: PathBuf,
    /// The directory of this run; removed when it goes well, kept otherwise.
    pub(crate) directory: PathBuf,
}

/// How a test ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Passed,
    Failed,
    /// It can't run here, for this reason.
    Skipped(String),
}

/// Runs a test; false when it failed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let place = match &arguments.directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            tempfile::Builder::new().prefix("crash-").tempdir_in(std::path::absolute(directory)?)?
        }
        None => tempfile::Builder::new().prefix("crash-").tempdir()?,
    };
    let setting = Setting {
        stepwell: crate::build::stepwell(arguments.binary.as_deref())?,
        directory: place.path().to_owned(),
    };
    let ending = match &arguments.kind {
        Kind::Kill(options) => kill::run(&setting, options),
        Kind::Syscall(options) => syscall::run(&setting, options),
        Kind::IoError => io_error::run(&setting),
        Kind::Enospc(options) => enospc::run(&setting, options),
        Kind::OrderAudit(options) => order_audit::run(&setting, options),
    };
    match ending {
        Ok(Ending::Passed) => Ok(true),
        Ok(Ending::Skipped(reason)) => {
            eprintln!("skipped: {reason}");
            Ok(!arguments.no_skip)
        }
        failed => {
            eprintln!("the server's directory is kept in {}", place.keep().display());
            failed.map(|_| false)
        }
    }
}
