//! The load driver: closed-loop connections on one thread, so that the servers have the other cores.

use std::{
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::{
    measure::milliseconds,
    wire::{encode_call, parse_head},
};

/// How long one answer may take under load.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A kept-alive connection of the driver.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not accept.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, out: Vec::new(), buffer: Vec::with_capacity(8 * 1024) })
    }

    /// Makes a call that has to succeed and gives the body of the answer.
    ///
    /// # Errors
    /// When there is no answer, or it is a refusal.
    pub async fn call(&mut self, operation: &str, body: &[u8]) -> anyhow::Result<&[u8]> {
        let (status, body) = self.ask(operation, body).await?;
        if status != 200 {
            bail!("{operation} was refused ({status}): {}", String::from_utf8_lossy(body));
        }
        Ok(body)
    }

    /// Makes a call and gives the status and the body of the answer, whatever they are.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&mut self, operation: &str, body: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.out.clear();
        encode_call(&mut self.out, operation, body);
        self.stream.write_all(&self.out).await?;
        self.buffer.clear();
        loop {
            if let Some(head) = parse_head(&self.buffer)? {
                let end = head.head_bytes + head.body_bytes;
                if self.buffer.len() >= end {
                    return Ok((head.status, &self.buffer[head.head_bytes..end]));
                }
                self.buffer.reserve(end - self.buffer.len());
            } else {
                self.buffer.reserve(1024);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection during {operation}");
            }
        }
    }
}

/// What a connection does again and again.
pub trait Script {
    /// Does it once; `number` counts the runs of this connection.
    fn once(&self, connection: &mut Connection, number: u64) -> impl Future<Output = anyhow::Result<()>>;
}

/// What a round of load showed.
#[derive(Debug, Default, Clone)]
pub struct Load {
    /// How often the script was done.
    pub count: u64,
    /// How long the round took.
    pub seconds: f64,
    /// How long each run of the script took, in milliseconds.
    pub latencies_ms: Vec<f64>,
}

impl Load {
    /// Runs a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }
}

/// How long a round goes on.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// For a time; runs that have begun are ended.
    Elapsed(Duration),
    /// Until this many runs are done, over all connections.
    Count(u64),
}

/// Runs a script on `connections` connections at once.
///
/// # Errors
/// The first failure of a connection.
pub fn run<S: Script + 'static>(
    address: SocketAddr,
    connections: usize,
    until: Until,
    script: &Rc<S>,
) -> anyhow::Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(address).await?);
        }
        let begun = Instant::now();
        let left = Rc::new(std::cell::Cell::new(match until {
            Until::Elapsed(_) => u64::MAX,
            Until::Count(count) => count,
        }));
        let mut tasks = Vec::new();
        for mut connection in open {
            let (script, left) = (script.clone(), left.clone());
            tasks.push(tokio::task::spawn_local(async move {
                let mut latencies_ms = Vec::new();
                while left.get() > 0 && !matches!(until, Until::Elapsed(limit) if begun.elapsed() >= limit) {
                    left.set(left.get() - 1);
                    let started = Instant::now();
                    let number = latencies_ms.len() as u64;
                    tokio::time::timeout(ANSWER_TIMEOUT, script.once(&mut connection, number))
                        .await
                        .with_context(|| format!("not done within {ANSWER_TIMEOUT:?}"))??;
                    latencies_ms.push(milliseconds(started.elapsed()));
                }
                anyhow::Ok(latencies_ms)
            }));
        }
        let mut load = Load::default();
        for task in tasks {
            load.latencies_ms.extend(task.await.context("a connection of the driver panicked")??);
        }
        load.seconds = begun.elapsed().as_secs_f64();
        load.count = load.latencies_ms.len() as u64;
        Ok(load)
    })
}
