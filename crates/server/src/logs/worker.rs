//! The one who writes to a destination: takes what waits, writes it at once, and never holds anybody up.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Counts, Line, LogGroup,
    cloudwatch::{CallFailure, CloudWatchLogs},
};
use crate::random;

/// Lines that are written at once; CloudWatch Logs takes 10,000 events in a call.
const LINES_AT_ONCE: usize = 10_000;
/// Bytes that are put at once. CloudWatch Logs takes 1,048,576, counting 26 more for each event.
const BYTES_AT_ONCE: usize = 1_000_000;
/// What CloudWatch Logs adds to the length of each event.
const EVENT_OVERHEAD_BYTES: usize = 26;
/// How often a call that failed for the moment is made in all.
const TRIES: u32 = 5;
/// The pause before the second try; it doubles from then on.
const PAUSE: Duration = Duration::from_millis(200);

/// What a worker gets.
pub(super) enum Order {
    Line(Line),
    /// Everything before this is to be written, then the sender told.
    Flush(oneshot::Sender<()>),
}

/// A destination that can be written to.
pub(super) enum Sink {
    File(LogFile),
    Stdout,
    CloudWatch(CloudWatchLogs),
}

/// Writes what comes until the server is gone.
pub(super) async fn run(
    name: String,
    mut sink: Sink,
    mut orders: mpsc::Receiver<Order>,
    counts: Arc<Counts>,
) {
    let mut waiting = Vec::new();
    let mut has_failed = false;
    while orders.recv_many(&mut waiting, LINES_AT_ONCE).await > 0 {
        let mut lines = Vec::new();
        let mut flushes = Vec::new();
        for order in waiting.drain(..) {
            match order {
                Order::Line(line) => lines.push(line),
                Order::Flush(done) => flushes.push(done),
            }
        }
        let count = lines.len() as u64;
        let (failed, reason);
        (sink, failed, reason) = write(sink, lines).await;
        counts.written(count.saturating_sub(failed));
        counts.failed(failed);
        // Told once when it begins and once when it is over.
        match (&reason, has_failed) {
            (Some(reason), false) => {
                tracing::warn!(destination = name, reason, "execution logs can't be written and are dropped");
            }
            (None, true) if count > 0 => {
                tracing::info!(destination = name, "execution logs are written again")
            }
            _ => {}
        }
        has_failed = reason.is_some() || has_failed && count == 0;
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// Writes lines. Gives the sink back, how many lines were lost, and why.
async fn write(sink: Sink, lines: Vec<Line>) -> (Sink, u64, Option<String>) {
    let count = lines.len() as u64;
    if count == 0 {
        return (sink, 0, None);
    }
    match sink {
        Sink::CloudWatch(service) => {
            let (failed, reason) = put_all(&service, &lines).await;
            (Sink::CloudWatch(service), failed, reason)
        }
        mut sink => {
            let spare = match &sink {
                Sink::File(file) => Sink::File(LogFile::new(&file.path, file.bytes_max)),
                _ => Sink::Stdout,
            };
            // A slow disk must not hold up a thread that requests need.
            let result = tokio::task::spawn_blocking(move || {
                let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.bytes.len() + 1).sum());
                for line in &lines {
                    bytes.extend_from_slice(&line.bytes);
                    bytes.push(b'\n');
                }
                let result = match &mut sink {
                    Sink::File(file) => file.write(&bytes),
                    _ => std::io::stdout().lock().write_all(&bytes),
                };
                (sink, result)
            })
            .await;
            match result {
                Ok((sink, Ok(()))) => (sink, 0, None),
                Ok((sink, Err(error))) => (sink, count, Some(error.to_string())),
                Err(error) => (spare, count, Some(error.to_string())),
            }
        }
    }
}

/// Puts lines to CloudWatch Logs, in one call for each stream as far as they fit.
async fn put_all(service: &CloudWatchLogs, lines: &[Line]) -> (u64, Option<String>) {
    let mut by_stream: Vec<(&Arc<LogGroup>, &Arc<str>, Vec<&Line>)> = Vec::new();
    for line in lines {
        let found = by_stream.iter_mut().find(|(group, stream, batch)| {
            *group == &line.group && *stream == &line.stream && size(batch) + cost(line) <= BYTES_AT_ONCE
        });
        match found {
            Some((_, _, batch)) => batch.push(line),
            None => by_stream.push((&line.group, &line.stream, vec![line])),
        }
    }
    let (mut failed, mut reason) = (0, None);
    for (group, stream, batch) in by_stream {
        if let Err(failure) = put_with_retries(service, group, stream, &batch).await {
            failed += batch.len() as u64;
            reason = Some(format!("{}: {}", group.name, failure.reason));
        }
    }
    (failed, reason)
}

fn cost(line: &Line) -> usize {
    line.bytes.len() + EVENT_OVERHEAD_BYTES
}

fn size(batch: &[&Line]) -> usize {
    batch.iter().map(|line| cost(line)).sum()
}

async fn put_with_retries(
    service: &CloudWatchLogs,
    group: &LogGroup,
    stream: &str,
    batch: &[&Line],
) -> Result<(), CallFailure> {
    let mut pause = PAUSE;
    for attempt in 1.. {
        match service.put(group, stream, batch).await {
            Err(failure) if failure.is_transient && attempt < TRIES => {
                let jitter = random::below(u64::try_from(pause.as_millis()).unwrap_or(1).max(1));
                tokio::time::sleep(pause + Duration::from_millis(jitter)).await;
                pause *= 2;
            }
            result => return result,
        }
    }
    Ok(())
}

/// A file that is begun anew when it is full.
pub(super) struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    open: Option<(File, u64)>,
}

impl LogFile {
    pub(super) fn new(path: &Path, bytes_max: u64) -> Self {
        Self { path: path.to_path_buf(), bytes_max, open: None }
    }

    /// Appends whole lines. After an error the file is opened again the next time.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let (mut file, mut size) = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let added = bytes.len() as u64;
        if size > 0 && size + added > self.bytes_max {
            drop(file);
            std::fs::rename(&self.path, self.full_path())?;
            (file, size) = self.open()?;
        }
        file.write_all(bytes)?;
        self.open = Some((file, size + added));
        Ok(())
    }

    fn open(&self) -> std::io::Result<(File, u64)> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    /// What the file is called when it is full.
    fn full_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".1");
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_way_for_another_and_one_old_file_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/log.jsonl");
        for restarts in [false, true] {
            let mut file = LogFile::new(&path, 10);
            for number in 0..7 {
                if restarts {
                    file = LogFile::new(&path, 10);
                }
                file.write(format!("{number}23\n").as_bytes()).unwrap();
            }
            let read = |path: &Path| std::fs::read_to_string(path).unwrap();
            assert_eq!(read(&path), "623\n");
            assert_eq!(read(&file.full_path()), "423\n523\n");
            assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
