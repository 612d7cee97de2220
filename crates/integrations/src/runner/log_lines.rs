//! What a worker prints, line by line into the server's log, with the execution and request that it belongs to.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

/// Longest line in the log, in bytes; what is longer continues on the next line.
const LINE_MAX_BYTES: usize = 8 * 1024;
/// How much of the log `LogType: Tail` brings, in bytes (AWS: the last 4 KB).
const TAIL_BYTES: usize = 4 * 1024;
/// How much the end of an invocation reads of what was printed before it: as much as a pipe holds, in bytes. A stream
/// that is never silent is not waited for.
const PIPE_BYTES: usize = 64 * 1024;

/// What the lines belong to.
#[derive(Default)]
struct Label {
    function_arn: String,
    execution_arn: Arc<str>,
    request_id: String,
    tail: Option<VecDeque<u8>>,
}

type Shared = Arc<Mutex<Label>>;

/// The readers of one worker's standard output and error.
pub(super) struct LogLines {
    label: Shared,
    streams: Vec<Arc<Stream>>,
    tasks: Vec<JoinHandle<()>>,
}

/// One of the two streams. Whoever holds the lock of its lines reads.
struct Stream {
    name: &'static str,
    source: pipe::Receiver,
    lines: Mutex<Lines>,
    label: Shared,
}

/// What was read of a stream.
struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    chunk: Box<[u8]>,
}

/// What came of an attempt to read.
enum Piece {
    /// So many bytes.
    Read(usize),
    /// There is nothing at the moment.
    Nothing,
    /// There will be nothing any more.
    End,
}

impl LogLines {
    pub(super) fn new() -> Self {
        Self { label: Shared::default(), streams: Vec::new(), tasks: Vec::new() }
    }

    /// Reads a stream until it ends.
    ///
    /// # Errors
    /// When it is no pipe, or can't be waited for.
    pub(super) fn follow(&mut self, name: &'static str, source: OwnedFd) -> std::io::Result<()> {
        let lines = Lines { begun: Vec::new(), chunk: vec![0; LINE_MAX_BYTES].into() };
        let source = pipe::Receiver::from_owned_fd(source)?;
        let stream = Arc::new(Stream { name, source, lines: Mutex::new(lines), label: self.label.clone() });
        self.streams.push(stream.clone());
        self.tasks.push(tokio::spawn(async move { stream.follow().await }));
        Ok(())
    }

    /// From now on lines belong to this request.
    pub(super) fn begin(&self, event: &super::Event) {
        let mut label = self.label.lock().unwrap_or_else(PoisonError::into_inner);
        *label = Label {
            function_arn: event.function_arn.clone(),
            execution_arn: event.execution_arn.clone(),
            request_id: event.request_id.clone(),
            tail: event.log_tail.then(VecDeque::new),
        };
        label.keep(&format!("START RequestId: {} Version: $LATEST\n", event.request_id));
    }

    /// Reads what the worker has printed so far, and gives the tail if one is kept.
    pub(super) fn finish(&self, duration: Duration, memory_megabytes: u32) -> Option<Vec<u8>> {
        for stream in &self.streams {
            stream.catch_up();
        }
        let mut label = self.label.lock().unwrap_or_else(PoisonError::into_inner);
        let id = label.request_id.clone();
        let milliseconds = duration.as_secs_f64() * 1000.0;
        let billed = milliseconds.ceil();
        label.keep(&format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: {memory_megabytes} MB\tMax Memory Used: {memory_megabytes} MB\t\n"
        ));
        label.tail.take().map(Vec::from)
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Label {
    fn keep(&mut self, text: &str) {
        let Some(tail) = &mut self.tail else { return };
        tail.extend(text.as_bytes());
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
    }
}

impl Stream {
    async fn follow(&self) {
        while self.source.readable().await.is_ok() {
            // With tokio's own read, which knows from it when to wait again.
            if let Piece::End = self.read(|chunk| self.source.try_read(chunk)) {
                break;
            }
        }
        let lines = self.lines();
        if !lines.begun.is_empty() {
            write_line(self.name, &lines.begun, &self.label);
        }
    }

    /// Reads what the pipe holds. Straight from it: tokio may not know yet that there is something.
    fn catch_up(&self) {
        let mut total = 0;
        while total < PIPE_BYTES
            && let Piece::Read(length) = self.read(|chunk| Ok(rustix::io::read(&self.source, chunk)?))
        {
            total += length;
        }
    }

    fn read(&self, read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> Piece {
        let mut lines = self.lines();
        let Lines { begun, chunk } = &mut *lines;
        match read(chunk) {
            Ok(0) => Piece::End,
            Ok(length) => {
                take_lines(self.name, begun, &chunk[..length], &self.label);
                Piece::Read(length)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Piece::Nothing
            }
            Err(_) => Piece::End,
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_lines(stream: &'static str, buffer: &mut Vec<u8>, mut chunk: &[u8], label: &Shared) {
    while !chunk.is_empty() {
        let room = LINE_MAX_BYTES - buffer.len();
        let window = &chunk[..chunk.len().min(room)];
        let (taken, rest) = match window.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&window[..end], &chunk[end + 1..]),
            None if window.len() == room => (window, &chunk[room..]),
            None => {
                buffer.extend_from_slice(window);
                return;
            }
        };
        buffer.extend_from_slice(taken);
        write_line(stream, buffer, label);
        buffer.clear();
        chunk = rest;
    }
}

fn write_line(stream: &'static str, line: &[u8], label: &Shared) {
    let line = String::from_utf8_lossy(line);
    let line = line.strip_suffix('\r').unwrap_or(&line);
    let mut label = label.lock().unwrap_or_else(PoisonError::into_inner);
    if label.tail.is_some() {
        label.keep(&format!("{line}\n"));
    }
    tracing::info!(
        target: "stepwell::lambda",
        execution = %label.execution_arn,
        function = %label.function_arn,
        request_id = %label.request_id,
        stream,
        "{}", escaped(line)
    );
}

/// Control characters are written as escapes: a handler's line must not forge or colour lines of the server's log.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of(chunks: &[&[u8]]) -> String {
        let label = Shared::default();
        label.lock().unwrap().tail = Some(VecDeque::new());
        let mut buffer = Vec::new();
        for chunk in chunks {
            take_lines("stdout", &mut buffer, chunk, &label);
        }
        if !buffer.is_empty() {
            write_line("stdout", &buffer, &label);
        }
        String::from_utf8(label.lock().unwrap().tail.take().map(Vec::from).unwrap()).unwrap()
    }

    #[test]
    fn lines_are_put_together_from_chunks_and_cut_when_too_long() {
        assert_eq!(tail_of(&[b"on", b"e\ntw", b"o\r\n\nlast"]), "one\ntwo\n\nlast\n");
        let long = vec![b'x'; LINE_MAX_BYTES + 10];
        let label = Shared::default();
        let mut buffer = Vec::new();
        take_lines("stdout", &mut buffer, &long, &label);
        assert_eq!(buffer.len(), 10);
        assert!(tail_of(&[&long]).len() <= TAIL_BYTES);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escaped("a\u{1b}[31mb\tc\u{7}é"), "a\\u{1b}[31mb\tc\\u{7}é");
    }
}
