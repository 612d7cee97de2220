//! Servers as processes: started, asked what they use, ended.

use std::{
    ffi::OsString,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, free_address};

/// Clock ticks a second in `/proc/PID/stat`: a constant of Linux's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a server may take until it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at a server that is starting or ending.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Arguments, the one that sets the port apart: `--port N` is added at the end.
    pub arguments: Vec<OsString>,
    /// Variables for it. `AWS_*` and `STEPWELL_*` of our own environment are not passed on.
    pub environment: Vec<(String, String)>,
    /// Where it runs, and where its output goes (`server.log`, appended).
    pub directory: PathBuf,
    /// A listening port; a free one when absent.
    pub address: Option<SocketAddr>,
    /// What to look for to know that it serves.
    pub ready: Ready,
}

/// How one knows that a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// A call of the API is answered.
    Call,
    /// Somebody listens.
    Connect,
    /// Don't wait.
    AtOnce,
}

impl Launch {
    /// `stepwell serve` with a data directory of its own below `directory`.
    #[must_use]
    pub fn stepwell(program: &Path, directory: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: vec![
                "serve".into(),
                "--data-dir".into(),
                directory.join("data").into(),
                "--log-level".into(),
                "warn".into(),
            ],
            environment: Vec::new(),
            directory: directory.to_owned(),
            address: None,
            ready: Ready::Call,
        }
    }

    /// The command without its port, as it will be run.
    fn command(&self, address: SocketAddr) -> anyhow::Result<Command> {
        let log = self.directory.join("server.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| log.display().to_string())?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--port").arg(address.port().to_string());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("STEPWELL_") || text.ends_with("_ENDPOINT") {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Starts the server and waits until it serves.
    ///
    /// # Errors
    /// When it can't be started, ends at once, or does not serve in time; the end of its output is part of the error.
    pub fn start(&self) -> anyhow::Result<Served> {
        std::fs::create_dir_all(&self.directory).with_context(|| self.directory.display().to_string())?;
        let address = match self.address {
            Some(address) => address,
            None => free_address()?,
        };
        let begun = Instant::now();
        let child = self
            .command(address)?
            .spawn()
            .with_context(|| format!("can't run {}", self.program.display()))?;
        let log = self.directory.join("server.log");
        let mut served = Served { child, address, log, ready_after: Duration::ZERO };
        if self.ready != Ready::AtOnce {
            served.wait_until_ready(self.ready, begun)?;
        }
        served.ready_after = begun.elapsed();
        Ok(served)
    }
}

/// A server that runs. Killed when dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
    /// Time from before exec to the first answer.
    pub ready_after: Duration,
}

impl Served {
    fn wait_until_ready(&mut self, ready: Ready, begun: Instant) -> anyhow::Result<()> {
        let mut client = Client::new(self.address).with_answer_timeout(READY_TIMEOUT);
        loop {
            let serves = match ready {
                Ready::Call => client
                    .call("ListStateMachines", &serde_json::json!({}))
                    .is_ok_and(|answer| answer.is_ok()),
                Ready::Connect => std::net::TcpStream::connect(self.address).is_ok(),
                Ready::AtOnce => true,
            };
            if serves {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start ({status}): {}", self.log_tail());
            }
            if begun.elapsed() > READY_TIMEOUT {
                bail!("the server does not answer after {READY_TIMEOUT:?}: {}", self.log_tail());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client of it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// CPU seconds used so far by all of its threads, in user and kernel mode.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name, the second field, may hold spaces: count from its closing bracket. utime and stime are fields 14 and 15.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks: Vec<f64> =
            fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        if ticks.len() != 2 {
            bail!("/proc/{}/stat can't be read", self.id());
        }
        Ok((ticks[0] + ticks[1]) / TICKS_PER_SECOND)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.memory_bytes("VmRSS:")
    }

    /// The most memory that was resident since [`Self::forget_peak`], in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_bytes(&self) -> anyhow::Result<u64> {
        self.memory_bytes("VmHWM:")
    }

    /// Measures the peak of memory from now on.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5")?)
    }

    fn memory_bytes(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse::<u64>().ok())
            .with_context(|| format!("/proc/{}/status has no {name}", self.id()))?;
        Ok(kilobytes * 1024)
    }

    /// Sum of the samples of `/metrics` whose name contains all of `words`; `None` when there is none.
    ///
    /// # Errors
    /// When the page can't be had.
    pub fn metric(&self, words: &[&str]) -> anyhow::Result<Option<f64>> {
        let page = self.client().get("/metrics")?;
        let text = String::from_utf8_lossy(&page.body);
        Ok(metric_in(&text, words))
    }

    /// Data syncs of the store so far; `None` when the server does not tell.
    ///
    /// # Errors
    /// When the page can't be had.
    pub fn syncs(&self) -> anyhow::Result<Option<f64>> {
        self.metric(&["syncs"])
    }

    /// The last lines that it printed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Ends the process as `kill -9` does.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub fn kill(mut self) -> anyhow::Result<()> {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        self.child.wait()?;
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub fn terminate(mut self, timeout: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM);
        match self.wait(timeout)? {
            Some(status) => Ok(status),
            None => bail!("the server did not end within {timeout:?} of SIGTERM"),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already: then there is nobody to signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for the end of the process; `None` when it lives on after `timeout`.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub fn wait(&mut self, timeout: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > timeout {
                return Ok(None);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sum of the samples whose name contains all of `words`, in the text format of Prometheus.
fn metric_in(text: &str, words: &[&str]) -> Option<f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        words.iter().all(|word| name.contains(word)).then(|| value.parse::<f64>().ok()).flatten()
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_with_the_words_are_added_up() {
        let text = "# HELP stepwell_store_syncs_total x\nstepwell_store_syncs_total 12\nother{a=\"b\"} 3\n";
        assert_eq!(metric_in(text, &["store", "syncs"]), Some(12.0));
        assert_eq!(metric_in(text, &["nothing"]), None);
    }
}
