//! The output of a container, followed live and through whatever happens to the engine meanwhile.
//!
//! Without a terminal the engine sends both outputs in one stream of frames: a byte for the output, three zeros, the length as
//! four bytes with the highest first, and as many bytes. One frame is one entry of the log: a line, or 16 KiB of one that is
//! longer. With `timestamps=1` each begins with its time and a blank, which is how the place in the log is found again.

use bytes::{Buf, Bytes, BytesMut};
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Answer;
use crate::engine::{container_target, expect_of};
use crate::wait::{Patience, SECOND_LOOK_PAUSE};
use crate::{ContainerStatus, Engine, EngineError};

const OPERATION: &str = "send the container's output";

const HEADER_BYTES: usize = 8;
/// The longest entry that is taken, in bytes. Docker's have 16 KiB, Podman's are lines.
const ENTRY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// How far before the last entry the log is asked for again: the two outputs get their times independently of each other, so
/// that an entry may stand behind one that is a little younger.
const OVERLAP_SECONDS: i64 = 10;

/// Which output something was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where it was written to.
    pub source: LogSource,
    /// When, in nanoseconds since 1970.
    pub unix_nanoseconds: i64,
    /// What: a line with its end, or a part of a long line without one. At most 4 MiB.
    pub bytes: Bytes,
}

/// A place between two entries of a log, from which it can be followed later, by another process too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// The last entry of standard output before it.
    pub stdout: LogMark,
    /// The last entry of standard error before it.
    pub stderr: LogMark,
}

/// An entry of one output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// Its time, in nanoseconds since 1970.
    pub unix_nanoseconds: i64,
    /// How many entries of that output have this time, up to and with it: the parts of a long line share one.
    pub entries: u32,
}

impl LogPosition {
    /// Before everything.
    pub const START: Self = Self {
        stdout: LogMark { unix_nanoseconds: 0, entries: 0 },
        stderr: LogMark { unix_nanoseconds: 0, entries: 0 },
    };

    fn mark(&mut self, source: LogSource) -> &mut LogMark {
        match source {
            LogSource::Stdout => &mut self.stdout,
            LogSource::Stderr => &mut self.stderr,
        }
    }

    /// The value of `since`, in seconds since 1970; 0 is the beginning.
    fn since_seconds(&self) -> i64 {
        let last = self.stdout.unix_nanoseconds.max(self.stderr.unix_nanoseconds);
        (last / 1_000_000_000 - OVERLAP_SECONDS).max(0)
    }
}

/// A log that is being followed. Nothing is read ahead of [`Logs::next`] but what the socket holds; to stop, drop it.
#[derive(Debug)]
pub struct Logs {
    engine: Engine,
    container: String,
    /// After the last entry that was handed out.
    position: LogPosition,
    stream: Option<Frames>,
    patience: Patience,
    ended: bool,
}

impl Engine {
    /// The output of a container from `position` on, until it ends. An engine that restarts meanwhile is waited for as long as
    /// [`crate::Limits::reconnect`] says, and no entry is lost or comes twice. Nothing is sent before the first
    /// [`Logs::next`].
    pub fn follow_logs(&self, container: &str, position: LogPosition) -> Logs {
        Logs {
            engine: self.clone(),
            container: container.to_owned(),
            position,
            stream: None,
            patience: Patience::new(self.inner.limits.reconnect),
            ended: false,
        }
    }
}

impl Logs {
    /// The place after the last entry that was handed out.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// The next entry; `None` when the container has ended and all has been handed out. Waits as long as the container is
    /// silent. Dropping the future loses nothing: the next call goes on.
    ///
    /// # Errors
    /// [`EngineError::NotStarted`]; [`EngineError::NoSuchContainer`] if it wasn't there from the beginning;
    /// [`EngineError::Refused`] if the engine keeps the output where it can't read it; that the engine is away if it stays so
    /// for too long; those of any call.
    pub async fn next(&mut self) -> Result<Option<LogEntry>, EngineError> {
        while !self.ended {
            match self.try_next().await {
                Ok(Some(entry)) => {
                    self.patience.renew();
                    if self.advance(&entry) {
                        return Ok(Some(entry));
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    self.stream = None;
                    self.patience.bear(error).await?;
                }
            }
        }
        Ok(None)
    }

    /// An entry, or nothing if the stream has ended.
    async fn try_next(&mut self) -> Result<Option<LogEntry>, EngineError> {
        if self.stream.is_none() {
            self.stream = Some(self.open().await?);
        }
        if let Some(stream) = &mut self.stream
            && let Some(entry) = stream.next().await?
        {
            return Ok(Some(entry));
        }
        // A stream ends with the container, but also when an engine that leaves containers running stops.
        self.stream = None;
        match self.engine.inspect(&self.container).await.map(|details| details.state.status) {
            Ok(ContainerStatus::Exited | ContainerStatus::Dead | ContainerStatus::Removing) => {
                self.ended = true
            }
            Ok(ContainerStatus::Created) => {
                return Err(EngineError::NotStarted { container: self.container.clone() });
            }
            Ok(_) => tokio::time::sleep(SECOND_LOOK_PAUSE).await,
            Err(EngineError::NoSuchContainer { .. }) => self.ended = true,
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    async fn open(&self) -> Result<Frames, EngineError> {
        let target = format!(
            "{}?follow=1&stdout=1&stderr=1&timestamps=1&since={}",
            container_target(&self.container, "/logs")?,
            self.position.since_seconds()
        );
        // An engine may well wait with the head of the answer for the first entry.
        let answer = self.engine.ask_unlimited(OPERATION, Method::GET, target).await?;
        let answer = expect_of(answer, StatusCode::OK, &self.container).await?;
        Ok(Frames { answer, pending: BytesMut::new(), stdout: Repeat::default(), stderr: Repeat::default() })
    }

    /// Moves the position behind `entry` and tells whether it is new.
    fn advance(&mut self, entry: &LogEntry) -> bool {
        let mark = self.position.mark(entry.source);
        let Some(stream) = &mut self.stream else { return false };
        let repeat = match entry.source {
            LogSource::Stdout => &mut stream.stdout,
            LogSource::Stderr => &mut stream.stderr,
        };
        let is_new = repeat.pass(entry.unix_nanoseconds, *mark);
        if is_new {
            *mark = repeat.last;
        }
        is_new
    }
}

/// What a stream has brought of one output.
#[derive(Debug, Default)]
struct Repeat {
    /// The last entry.
    last: LogMark,
    /// Whether it has got beyond what another stream had brought. From there on all is new, even if the clock is set back.
    is_over: bool,
}

impl Repeat {
    /// Notes an entry, and tells whether it lies behind `mark`.
    fn pass(&mut self, unix_nanoseconds: i64, mark: LogMark) -> bool {
        self.last = match unix_nanoseconds == self.last.unix_nanoseconds {
            true => LogMark { entries: self.last.entries.saturating_add(1), ..self.last },
            false => LogMark { unix_nanoseconds, entries: 1 },
        };
        self.is_over = self.is_over
            || (self.last.unix_nanoseconds, self.last.entries) > (mark.unix_nanoseconds, mark.entries);
        self.is_over
    }
}

/// The frames of a stream.
#[derive(Debug)]
struct Frames {
    answer: Answer,
    pending: BytesMut,
    stdout: Repeat,
    stderr: Repeat,
}

impl Frames {
    async fn next(&mut self) -> Result<Option<LogEntry>, EngineError> {
        loop {
            if let Some(entry) = take_frame(&mut self.pending)? {
                return Ok(Some(entry));
            }
            match self.answer.next_piece().await? {
                Some(piece) => self.pending.extend_from_slice(&piece),
                None if self.pending.is_empty() => return Ok(None),
                None => {
                    let reason = "the stream ended within an entry".into();
                    return Err(EngineError::ConnectionLost { operation: OPERATION, reason });
                }
            }
        }
    }
}

/// Takes one frame off `pending`, if there is a whole one.
fn take_frame(pending: &mut BytesMut) -> Result<Option<LogEntry>, EngineError> {
    let bad = |reason: String| EngineError::BadAnswer { operation: OPERATION, reason };
    let Some((header, rest)) = pending.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let (source, length) = match *header {
        // What is written to standard input shows up nowhere, so 0 isn't met.
        [1, 0, 0, 0, a, b, c, d] => (LogSource::Stdout, u32::from_be_bytes([a, b, c, d])),
        [2, 0, 0, 0, a, b, c, d] => (LogSource::Stderr, u32::from_be_bytes([a, b, c, d])),
        // The engine's own word that it can't go on.
        [3, 0, 0, 0, ..] => return Err(bad(format!("it broke off: {}", String::from_utf8_lossy(rest)))),
        _ => {
            return Err(bad(
                "it isn't made of frames, as the output of a container without a terminal is".into()
            ));
        }
    };
    let length = length as usize;
    if length > ENTRY_LIMIT_BYTES {
        return Err(EngineError::TooLarge { operation: OPERATION, limit_bytes: ENTRY_LIMIT_BYTES });
    }
    if rest.len() < length {
        pending.reserve(HEADER_BYTES + length - pending.len());
        return Ok(None);
    }
    pending.advance(HEADER_BYTES);
    let mut bytes = pending.split_to(length).freeze();
    let time_length = bytes.iter().take(64).position(|&byte| byte == b' ');
    let time = time_length
        .and_then(|length| std::str::from_utf8(&bytes[..length]).ok())
        .and_then(|text| text.parse::<Timestamp>().ok())
        .and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let (Some(time_length), Some(unix_nanoseconds)) = (time_length, time) else {
        return Err(bad("an entry does not begin with its time".into()));
    };
    bytes.advance(time_length + 1);
    Ok(Some(LogEntry { source, unix_nanoseconds, bytes }))
}
