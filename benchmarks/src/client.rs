//! A small blocking client: one connection, one call at a time.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::wire::{encode_call, encode_get, parse_head};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer may take: longer than GetActivityTask's 60 seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// An answer of the server, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the call was done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == 200
    }

    /// The body as JSON; null when it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The AWS error name of a refusal, without the shape's prefix; empty for success.
    #[must_use]
    pub fn error_name(&self) -> String {
        let body = self.json();
        let name = body["__type"].as_str().unwrap_or_default();
        name.rsplit('#').next().unwrap_or_default().to_owned()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum CallError {
    /// No connection was made: the server has not seen the call.
    NotSent(std::io::Error),
    /// The connection was lost after the call was on its way: its outcome is unknown.
    Unanswered(std::io::Error),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(error) => write!(f, "can't connect: {error}"),
            Self::Unanswered(error) => write!(f, "no answer: {error}"),
        }
    }
}

impl std::error::Error for CallError {}

/// A client with a kept-alive connection, made at the first call and after a loss.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    answer_timeout: Duration,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    /// A client of the server at `address`. Connects when first used.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, answer_timeout: ANSWER_TIMEOUT, out: Vec::new(), buffer: Vec::new() }
    }

    /// The same with another time limit for answers.
    #[must_use]
    pub fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Makes a Step Functions call.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer; a refusal is an answer.
    pub fn call(&mut self, operation: &str, request: &Value) -> Result<Answer, CallError> {
        self.call_bytes(operation, request.to_string().as_bytes())
    }

    /// Makes a Step Functions call with a body of one's own.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer.
    pub fn call_bytes(&mut self, operation: &str, body: &[u8]) -> Result<Answer, CallError> {
        self.out.clear();
        encode_call(&mut self.out, operation, body);
        self.exchange()
    }

    /// Fetches a page such as `/metrics`.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer.
    pub fn get(&mut self, path: &str) -> Result<Answer, CallError> {
        self.out.clear();
        encode_get(&mut self.out, path);
        self.exchange()
    }

    /// Makes a call that has to succeed.
    ///
    /// # Errors
    /// When there is no answer or the server refuses, with its words.
    pub fn must(&mut self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        let answer =
            self.call(operation, request).with_context(|| format!("{operation} at {}", self.address))?;
        if !answer.is_ok() {
            bail!("{operation} was refused ({}): {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(answer.json())
    }

    fn exchange(&mut self) -> Result<Answer, CallError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().map_err(CallError::NotSent)?,
        };
        let (answer, closes) = self.exchange_on(&mut stream).map_err(CallError::Unanswered)?;
        if !closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.answer_timeout))?;
        stream.set_write_timeout(Some(self.answer_timeout))?;
        Ok(stream)
    }

    fn exchange_on(&mut self, stream: &mut TcpStream) -> std::io::Result<(Answer, bool)> {
        stream.write_all(&self.out)?;
        self.buffer.clear();
        let mut piece = [0; 16 * 1024];
        let head = loop {
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&piece[..read]);
        };
        let end = head.head_bytes + head.body_bytes;
        let have = self.buffer.len();
        if have < end {
            self.buffer.resize(end, 0);
            stream.read_exact(&mut self.buffer[have..])?;
        }
        let body = self.buffer[head.head_bytes..end].to_vec();
        Ok((Answer { status: head.status, body }, head.closes))
    }
}

/// An address on loopback that nobody listens on at the moment.
///
/// # Errors
/// When no port can be had.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}
