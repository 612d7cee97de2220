//! The process that watches over one container of a job that runs as a process.
//!
//! A job must neither end with the server nor lose its exit code when the server is killed. So the server starts this
//! program, in a session of its own, and this program starts the job's, in a process group of its own. It keeps the
//! beginning of what the job prints, passes SIGTERM on and kills the group when the time that it gives has passed, and
//! writes the exit code into a file. As long as it lives it holds a lock, by which any server can tell, and wait for it.
//!
//! It is told what to do by one line of JSON on standard input, and answers `started` on standard output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, setsid};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::clock::now_milliseconds;

/// What is written where a log was cut.
const CUT: &str = "\n[the log is cut here: it is longer than log_max_megabytes]\n";
/// What the server is answered when the process has been started; anything else is the reason why it was not.
pub(crate) const STARTED: &str = "started";
/// How long the log is waited for after the group has been killed: a process that has left the group may hold it open.
const LOG_END_WITHIN: Duration = Duration::from_secs(1);
/// The longest order that is read, in bytes: environments are passed in it.
const ORDER_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What the server orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) directory: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) files: Files,
    pub(crate) log_bytes_max: u64,
    /// How long the job has after SIGTERM.
    pub(crate) stop_timeout_seconds: u64,
    /// The job ends with whoever holds the other end of standard input.
    pub(crate) ends_with_server: bool,
}

/// The files of one run of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Files {
    /// What the container printed.
    pub(crate) log: PathBuf,
    /// Locked as long as the shim lives; its number is in it once it is about to start the job.
    pub(crate) lock: PathBuf,
    /// An [`Exit`], once it is known.
    pub(crate) exit: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// The code; of a process that a signal ended, 128 and the signal's number, as container engines write it.
    pub(crate) code: Option<i32>,
    /// Why the program could not be started.
    pub(crate) failure: Option<String>,
    /// Why it ended, where the code does not say it.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// When it ended, in milliseconds since 1970.
    pub(crate) stopped_at: i64,
}

impl Exit {
    pub(crate) fn failed(reason: impl Into<String>) -> Exit {
        Exit { failure: Some(reason.into()), stopped_at: now_milliseconds(), ..Exit::default() }
    }

    /// Writes the exit so that it is there whole or not at all, also after a loss of power.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        write_whole(path, &serde_json::to_vec(self)?)
    }

    /// None when there is none, or none that can be read.
    pub(crate) fn read(path: &Path) -> Option<Exit> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// Replaces a file by one with this content.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut draft: OsString = path.into();
    draft.push(".new");
    let mut file = File::create(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Carries out the order on standard input. Ends when the job has ended and its exit is written.
#[must_use]
pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the shim can't work: {error}")),
    };
    let carried_out = runtime.block_on(carry_out());
    // A process that has left the job's group may hold the log open.
    runtime.shutdown_background();
    match carried_out {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

/// The server reads the reason. Standard error is not there: it would be kept open longer than the server lives.
fn failed(reason: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{reason}");
    ExitCode::FAILURE
}

async fn carry_out() -> std::io::Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().take(ORDER_MAX_BYTES).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    // What ends the server's session, a terminal that closes for instance, does not concern the job. It only fails for
    // the leader of a group, who is as safe from a terminal's signals.
    let _ = setsid();
    let mut terminate = signal(SignalKind::terminate())?;

    let mut lock = File::options().create(true).append(true).open(&order.files.lock)?;
    lock.lock()?;
    if order.files.exit.exists() {
        // The server that ordered this is gone, and the next one has decided that it did not happen.
        return Ok(());
    }
    write!(lock, "{}", std::process::id())?;
    lock.sync_all()?;

    let (mut child, output) = match start(&order) {
        Ok(started) => started,
        Err(reason) => {
            Exit::failed(&reason).write(&order.files.exit)?;
            let _ = writeln!(std::io::stdout(), "{reason}");
            return Ok(());
        }
    };
    let _ = writeln!(std::io::stdout(), "{STARTED}");
    let log = order.files.log.clone();
    let log_bytes_max = order.log_bytes_max;
    let logging = tokio::task::spawn_blocking(move || keep_log(output, &log, log_bytes_max));

    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = terminate.recv() => stopped(&mut child, group, &order).await?,
        _ = input_end(order.ends_with_server) => stopped(&mut child, group, &order).await?,
    };
    let exit = Exit { code: Some(code(status)), stopped_at: now_milliseconds(), ..Exit::default() };
    // As with a container, nothing outlives the first process.
    signal_group(group, Signal::KILL);
    let _ = tokio::time::timeout(LOG_END_WITHIN, logging).await;
    exit.write(&order.files.exit)
}

/// Resolves when standard input ends, if that is of interest.
async fn input_end(is_of_interest: bool) {
    if !is_of_interest {
        return std::future::pending().await;
    }
    let (sender, receiver) = oneshot::channel();
    // No thread of the runtime's, which would wait for it when the job has ended.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = receiver.await;
}

fn start(order: &Order) -> Result<(Child, PipeReader), String> {
    let mut words = order.command.iter();
    let program = words.next().ok_or("there is no command")?;
    let (reader, writer) = std::io::pipe().map_err(|error| format!("no pipe: {error}"))?;
    let errors = writer.try_clone().map_err(|error| format!("no pipe: {error}"))?;
    let mut command = std::process::Command::new(locate(program, &order.directory));
    command
        .args(words)
        .current_dir(&order.directory)
        .envs(&order.environment)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .process_group(0);
    let child = Command::from(command)
        .spawn()
        .map_err(|error| format!("{program:?} can't be started in {}: {error}", order.directory.display()))?;
    Ok((child, reader))
}

/// A program named with a path is looked for in the job's folder; a bare name is left to `PATH`.
fn locate(program: &str, directory: &Path) -> PathBuf {
    let path = Path::new(program);
    if path.is_absolute() || !program.contains('/') { path.to_owned() } else { directory.join(path) }
}

async fn stopped(child: &mut Child, group: Option<Pid>, order: &Order) -> std::io::Result<ExitStatus> {
    signal_group(group, Signal::TERM);
    let timeout = Duration::from_secs(order.stop_timeout_seconds);
    match tokio::time::timeout(timeout, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            signal_group(group, Signal::KILL);
            child.wait().await
        }
    }
}

/// A group keeps its number as long as a member lives, also after its leader was reaped; an empty group's number could
/// only meet a new group if all numbers had been used up in the moment between.
fn signal_group(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn keep_log(mut output: PipeReader, path: &Path, bytes_max: u64) -> std::io::Result<()> {
    let mut kept = KeptLog::new(File::options().create(true).append(true).open(path)?, bytes_max);
    let mut chunk = [0; 16 * 1024];
    loop {
        match output.read(&mut chunk)? {
            0 => return Ok(()),
            length => kept.take(&chunk[..length]),
        }
    }
}

/// A log of which the beginning is kept and the rest dropped, so that whoever writes it is not held up.
pub(crate) struct KeptLog {
    file: File,
    room: u64,
    is_cut: bool,
}

impl KeptLog {
    pub(crate) fn new(file: File, bytes_max: u64) -> KeptLog {
        KeptLog { file, room: bytes_max, is_cut: false }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
        // A full disk must not hold anybody up either.
        let _ = self.file.write_all(&bytes[..kept]);
        self.room -= kept as u64;
        if kept < bytes.len() && !self.is_cut {
            self.is_cut = true;
            let _ = self.file.write_all(CUT.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_and_the_rest_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (reader, mut writer) = std::io::pipe().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&vec![b'x'; 200_000]).unwrap());
        keep_log(reader, &path, 100).unwrap();
        writing.join().unwrap();
        let log = std::fs::read_to_string(&path).unwrap();
        assert_eq!(log, format!("{}{CUT}", "x".repeat(100)));
    }

    #[test]
    fn an_exit_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exit");
        assert_eq!(Exit::read(&path), None);
        let exit = Exit { code: Some(3), stopped_at: 5, ..Exit::default() };
        exit.write(&path).unwrap();
        assert_eq!(Exit::read(&path), Some(exit));
    }
}
