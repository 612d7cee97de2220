//! Containers that are processes of this machine, each under a shim ([`crate::shim`]).

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

use super::{Boxed, Exit, Files, Launch, Recovered, Run, Runner, cannot_start};
use crate::shim::{Order, STARTED};

/// The longest answer of a shim, in bytes.
const ANSWER_MAX_BYTES: u64 = 16 * 1024;

/// Starts processes.
#[derive(Debug)]
pub(crate) struct ProcessRunner {
    /// The command that runs the shim.
    pub(crate) shim: Vec<OsString>,
    /// Processes end with this server.
    pub(crate) ends_with_server: bool,
}

impl ProcessRunner {
    async fn launch(&self, launch: Launch) -> Result<Box<dyn Run>, String> {
        let files = launch.files.clone();
        let order = Order {
            command: [launch.entrypoint, launch.command].concat(),
            directory: launch.directory,
            environment: launch.environment,
            files: launch.files,
            log_bytes_max: launch.log_bytes_max,
            stop_timeout_seconds: launch.stop_timeout_seconds,
            ends_with_server: self.ends_with_server,
        };
        let (program, arguments) =
            self.shim.split_first().ok_or("this server was started without a program to watch over jobs")?;
        let mut shim = Command::new(program)
            .args(arguments)
            // It must not keep the server's folder, nor its standard error, in use.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} can't be started: {error}", Path::new(program).display()))?;
        let answer = tell(&mut shim, &order).await;
        match answer.map_err(|error| format!("the shim of the process ended: {error}"))?.trim() {
            STARTED => {
                let lifeline = shim.stdin.take().filter(|_| self.ends_with_server);
                Ok(Box::new(OwnProcess { shim, files, _lifeline: lifeline }))
            }
            "" => Err("the shim of the process ended at once".to_owned()),
            reason => Err(reason.to_owned()),
        }
    }
}

/// Gives the order and waits for the answer, which comes when the process has been started or could not be.
async fn tell(shim: &mut Child, order: &Order) -> std::io::Result<String> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    if let Some(input) = &mut shim.stdin {
        input.write_all(&line).await?;
        input.flush().await?;
    }
    let mut answer = String::new();
    if let Some(output) = shim.stdout.take() {
        BufReader::new(output.take(ANSWER_MAX_BYTES)).read_line(&mut answer).await?;
    }
    Ok(answer)
}

impl Runner for ProcessRunner {
    fn start(&self, launch: Launch) -> Boxed<'_, Result<Box<dyn Run>, String>> {
        Box::pin(async move { self.launch(launch).await.map_err(|reason| cannot_start(&reason)) })
    }

    fn recover(&self, launch: Launch) -> Boxed<'_, Recovered> {
        Box::pin(async move {
            let files = launch.files;
            let found = tokio::task::spawn_blocking(move || found(files)).await;
            found.unwrap_or(Recovered::Lost)
        })
    }
}

fn found(files: Files) -> Recovered {
    let Ok(lock) = File::options().create(true).append(true).read(true).open(&files.lock) else {
        return Recovered::Lost;
    };
    match lock.try_lock() {
        // A shim lives.
        Err(std::fs::TryLockError::WouldBlock) => {
            Recovered::Running(Box::new(OtherProcess { ended: None, files }))
        }
        Err(std::fs::TryLockError::Error(error)) => {
            tracing::warn!(target: "stepwell::jobs", lock = %files.lock.display(), %error, "a job is taken as lost");
            Recovered::Lost
        }
        Ok(()) => match (Exit::read(&files.exit), number(&files.lock)) {
            (Some(Exit { failure: Some(reason), stopped_at, .. }), _) => {
                let failure = Some(cannot_start(&reason));
                Recovered::Ended(Exit { failure, stopped_at, ..Exit::default() })
            }
            (Some(exit), _) => Recovered::Ended(exit),
            (None, Some(_)) => Recovered::Lost,
            // A shim that is only now coming to it finds an exit and leaves it at that.
            (None, None) => match Exit::failed("not started").write(&files.exit) {
                Ok(()) => Recovered::NotStarted,
                Err(_) => Recovered::Lost,
            },
        },
    }
}

/// The number of the shim, once it is about to start its process.
fn number(lock: &Path) -> Option<Pid> {
    Pid::from_raw(std::fs::read_to_string(lock).ok()?.trim().parse().ok()?)
}

/// A process that this server has started.
struct OwnProcess {
    shim: Child,
    files: Files,
    /// The process ends when this closes.
    _lifeline: Option<ChildStdin>,
}

impl Run for OwnProcess {
    fn wait(&mut self) -> Boxed<'_, Option<Exit>> {
        Box::pin(async move {
            // It ends after it has written the exit, unless it is killed.
            let _ = self.shim.wait().await;
            Exit::read(&self.files.exit)
        })
    }

    fn stop(&mut self) -> Boxed<'_, ()> {
        let shim = self.shim.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Box::pin(async move { terminate(shim) })
    }
}

/// A process that an earlier server has started.
struct OtherProcess {
    ended: Option<oneshot::Receiver<()>>,
    files: Files,
}

impl Run for OtherProcess {
    fn wait(&mut self) -> Boxed<'_, Option<Exit>> {
        let lock = self.files.lock.clone();
        let ended = self.ended.get_or_insert_with(|| until_unlocked(lock));
        let exit = &self.files.exit;
        Box::pin(async move {
            let _ = ended.await;
            Exit::read(exit)
        })
    }

    fn stop(&mut self) -> Boxed<'_, ()> {
        let lock = self.files.lock.clone();
        Box::pin(async move {
            // The number is the shim's as long as it holds the lock.
            let is_held = || {
                let file = File::options().append(true).open(&lock).ok()?;
                Some(matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
            };
            if is_held() == Some(true) {
                terminate(number(&lock));
            }
        })
    }
}

/// The kernel wakes a thread that waits for the lock when the shim ends, however it ends. The thread is not one of the
/// runtime's, which would wait for it when the server ends.
fn until_unlocked(lock: PathBuf) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let wait = move || {
        let _ = File::options().append(true).open(&lock).and_then(|file| file.lock());
        let _ = sender.send(());
    };
    let _ = std::thread::Builder::new().name("job-wait".to_owned()).stack_size(64 * 1024).spawn(wait);
    receiver
}

fn terminate(shim: Option<Pid>) {
    if let Some(shim) = shim {
        let _ = kill_process(shim, Signal::TERM);
    }
}
