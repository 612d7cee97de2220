//! What a worker prints, line by line into the server's log, with the execution and request that it belongs to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Longest line in the log, in bytes; what is longer continues on the next line.
const LINE_MAX_BYTES: usize = 8 * 1024;
/// How much of the log `LogType: Tail` brings, in bytes (AWS: the last 4 KB).
const TAIL_BYTES: usize = 4 * 1024;
/// How long the end of an invocation waits for the lines that were printed before it.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

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
    flushes: Vec<mpsc::Sender<oneshot::Sender<()>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl LogLines {
    pub(super) fn new() -> Self {
        Self { label: Shared::default(), flushes: Vec::new(), tasks: Vec::new() }
    }

    /// Reads a stream until it ends.
    pub(super) fn follow(&mut self, stream: &'static str, source: impl AsyncRead + Unpin + Send + 'static) {
        let (flush, flushes) = mpsc::channel(1);
        self.flushes.push(flush);
        self.tasks.push(tokio::spawn(read_lines(stream, source, self.label.clone(), flushes)));
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

    /// Waits until what the worker has printed so far is read, and gives the tail if one is kept.
    pub(super) async fn finish(&self, duration: Duration, memory_megabytes: u32) -> Option<Vec<u8>> {
        for flush in &self.flushes {
            let (done, read) = oneshot::channel();
            if flush.try_send(done).is_ok() {
                // A stream that is never silent, or has ended, is not waited for.
                let _ = tokio::time::timeout(FLUSH_TIMEOUT, read).await;
            }
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

async fn read_lines(
    stream: &'static str,
    mut source: impl AsyncRead + Unpin,
    label: Shared,
    mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut buffer = Vec::with_capacity(LINE_MAX_BYTES);
    let mut chunk = vec![0; LINE_MAX_BYTES];
    loop {
        // Biased: a flush is answered only when there is nothing to read.
        tokio::select! {
            biased;
            read = source.read(&mut chunk) => match read {
                Ok(0) | Err(_) => break,
                Ok(length) => take_lines(stream, &mut buffer, &chunk[..length], &label),
            },
            Some(done) = flushes.recv() => {
                let _ = done.send(());
            }
        }
    }
    if !buffer.is_empty() {
        write_line(stream, &buffer, &label);
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
