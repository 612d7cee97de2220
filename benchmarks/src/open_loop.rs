//! The open loop: calls leave when they are due, whatever has become of those before. It shares the machine with the
//! server that it overloads, so a call costs it one write, one read, and next to nothing else: one thread, one epoll, a
//! request that is ready-made, connections that are used in turn.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    io::Errno,
    time::{ClockId, clock_gettime},
};

use crate::{
    measure::milliseconds,
    wire::{encode_call, parse_head, text_member},
};

/// Calls that leave between two looks at what was answered: a driver that has fallen behind must not stamp answers late
/// because it is busy with sending.
const SENDS_AT_ONCE: usize = 64;
/// Answers that one look takes.
const ANSWERS_AT_ONCE: usize = 256;
/// What one read takes: more than an answer has.
const BUFFER_BYTES: usize = 16 * 1024;
/// No sleep: calls are overdue.
const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// The longest sleep while calls will be due.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };
/// The longest sleep when only answers are awaited.
const LATE_TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// How long the answers to the last calls may take.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// What came of an open loop.
#[derive(Debug, Default)]
pub struct Answers {
    /// From sending to the answer, in milliseconds, of calls that succeeded.
    pub taken_ms: Vec<f64>,
    /// The same of calls that were refused with ThrottlingException.
    pub refused_ms: Vec<f64>,
    /// Calls that were due when the time was over and had found no free connection.
    pub unsent: usize,
    /// CPU seconds that the driver's thread used.
    pub cpu_seconds: f64,
}

/// A connection and the call that is out on it.
struct Line {
    stream: TcpStream,
    sent: Instant,
    /// The answer as far as it has come, when it came in pieces.
    partial: Vec<u8>,
}

/// Open connections, all of them idle between two offers.
pub struct OpenLoop {
    lines: Vec<Line>,
    epoll: OwnedFd,
}

impl OpenLoop {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not accept, or the process has no file descriptors left.
    pub fn connect(address: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lines = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(number as u64);
            // Told once for each answer: nothing has to be registered again.
            epoll::add(&epoll, &stream, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
            lines.push(Line { stream, sent: Instant::now(), partial: Vec::new() });
        }
        Ok(Self { lines, epoll })
    }

    /// Makes `rate` calls of an operation a second for a time, then waits for the last answers.
    ///
    /// # Errors
    /// When a connection fails or closes, or an answer is neither a success nor ThrottlingException.
    pub fn offer(
        &mut self,
        rate: f64,
        length: Duration,
        operation: &str,
        body: &[u8],
    ) -> anyhow::Result<Answers> {
        let mut request = Vec::new();
        encode_call(&mut request, operation, body);
        let mut free: VecDeque<usize> = (0..self.lines.len()).collect();
        let mut answers = Answers::default();
        let mut events = Vec::with_capacity(ANSWERS_AT_ONCE);
        let mut buffer = vec![0; BUFFER_BYTES];
        let cpu_before = thread_cpu_seconds();
        let (begun, mut sent) = (Instant::now(), 0);
        loop {
            let elapsed = begun.elapsed();
            let is_over = elapsed >= length;
            if is_over && free.len() == self.lines.len() {
                break;
            }
            if elapsed > length + LAST_ANSWERS {
                bail!("{} calls were not answered within {LAST_ANSWERS:?}", self.lines.len() - free.len());
            }
            let mut sleep = LATE_TICK;
            if !is_over {
                let due = (elapsed.as_secs_f64() * rate) as usize - sent;
                let now = due.min(free.len()).min(SENDS_AT_ONCE);
                for number in free.drain(..now) {
                    let line = &mut self.lines[number];
                    line.sent = Instant::now();
                    // An idle connection has room for one request.
                    line.stream.write_all(&request).context("a call could not be sent")?;
                }
                sent += now;
                answers.unsent = due - now;
                let is_behind = answers.unsent > 0 && !free.is_empty();
                sleep = if is_behind { NO_TIME } else { TICK };
            }
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&sleep)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let number = usize::try_from(event.data.u64())?;
                if self.lines[number].read(&mut buffer, &mut answers)? {
                    free.push_back(number);
                }
            }
        }
        answers.cpu_seconds = thread_cpu_seconds() - cpu_before;
        Ok(answers)
    }
}

impl Line {
    /// Takes what has arrived, up to the end of one answer. True when the answer is whole.
    fn read(&mut self, buffer: &mut [u8], answers: &mut Answers) -> anyhow::Result<bool> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection during a call"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("an answer could not be read"),
            };
            let took = milliseconds(self.sent.elapsed());
            // Nearly all answers come in one piece.
            if self.partial.is_empty() && note(&buffer[..count], took, answers)? {
                return Ok(true);
            }
            self.partial.extend_from_slice(&buffer[..count]);
            if note(&self.partial, took, answers)? {
                self.partial.clear();
                return Ok(true);
            }
        }
    }
}

/// Notes an answer; false when it is not whole.
fn note(bytes: &[u8], took_ms: f64, answers: &mut Answers) -> anyhow::Result<bool> {
    let Some(head) = parse_head(bytes)? else { return Ok(false) };
    let Some(body) = bytes.get(head.head_bytes..head.head_bytes + head.body_bytes) else { return Ok(false) };
    match head.status {
        200 => answers.taken_ms.push(took_ms),
        400 if text_member(body, "__type") == Some("ThrottlingException") => answers.refused_ms.push(took_ms),
        status => bail!("a call was answered {status}: {}", String::from_utf8_lossy(body)),
    }
    Ok(true)
}

/// CPU seconds of this thread so far.
fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
