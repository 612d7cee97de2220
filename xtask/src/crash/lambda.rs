//! The fake Lambda endpoint: it lives as long as the test, counts invocations, and hands task tokens to the clients.
//!
//! Each life of the server is given a port of its own, so a connection tells for certain which life it came from, even
//! when it is read after that life has ended.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context;
use serde_json::{Value, json};

use super::machines::{ASK, COUNT};

/// A request larger than this is not one of the workload.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A task that waits for a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) token: String,
    pub(crate) execution: String,
}

/// What the endpoint has seen.
#[derive(Debug, Default)]
pub(crate) struct Lambda {
    /// For each attempt (execution, redrive, state, item, number): in which lives of the server it was invoked.
    invocations: Mutex<HashMap<String, Vec<u64>>>,
    asked: Mutex<VecDeque<Asked>>,
}

/// The port of one life of the server. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Port {
    /// What `LAMBDA_ENDPOINT` is set to.
    pub(crate) url: String,
    address: std::net::SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        // Wakes the thread that accepts; if nobody listens any more there is nobody to wake.
        let _ = TcpStream::connect(self.address);
    }
}

impl Lambda {
    /// Opens the port for one life of the server.
    pub(crate) fn open(self: &Arc<Self>, life: u64) -> anyhow::Result<Port> {
        let listener = TcpListener::bind("127.0.0.1:0").context("the fake Lambda endpoint can't listen")?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let (lambda, is_closed) = (self.clone(), closed.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_closed.load(Ordering::Acquire) {
                    return;
                }
                let lambda = lambda.clone();
                // A connection that breaks off belongs to a server that was killed.
                thread::spawn(move || lambda.serve(stream, life));
            }
        });
        Ok(Port { url: format!("http://{address}"), address, closed })
    }

    fn serve(&self, stream: TcpStream, life: u64) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((path, payload)) = read_request(&mut reader)? {
            let answer = self.invoke(&path, &payload, life);
            writer.write_all(&answer)?;
        }
        Ok(())
    }

    fn invoke(&self, path: &str, payload: &Value, life: u64) -> Vec<u8> {
        let function = path.split('/').nth(3).unwrap_or_default();
        if function.ends_with(COUNT) {
            let attempt = payload["attempt"].as_u64().unwrap_or_default();
            let part = |name: &str| payload[name].to_string();
            let key = [part("execution"), part("redrive"), part("state"), part("item"), attempt.to_string()]
                .join(" ");
            if let Ok(mut invocations) = self.invocations.lock() {
                invocations.entry(key).or_default().push(life);
            }
            if attempt < payload["failures"].as_u64().unwrap_or_default() {
                let error =
                    json!({"errorType": "Flaky", "errorMessage": format!("attempt {attempt} is to fail")});
                return response(200, "X-Amz-Function-Error: Unhandled\r\n", &error);
            }
            response(200, "", &json!({"attempt": attempt}))
        } else if function.ends_with(ASK) {
            let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
            self.ask(Asked { token: text("token"), execution: text("execution") });
            response(200, "", &json!({}))
        } else {
            response(404, "", &json!({"Message": format!("Function not found: {function}"), "Type": "User"}))
        }
    }

    /// Puts a task into the queue of those that want an answer.
    pub(crate) fn ask(&self, asked: Asked) {
        if let Ok(mut queue) = self.asked.lock() {
            queue.push_back(asked);
        }
    }

    /// A task that wants an answer.
    pub(crate) fn next_asked(&self) -> Option<Asked> {
        self.asked.lock().ok()?.pop_front()
    }

    /// Attempts and the lives in which each was invoked.
    pub(crate) fn invocations(&self) -> HashMap<String, Vec<u64>> {
        self.invocations.lock().map(|all| all.clone()).unwrap_or_default()
    }
}

/// Path and body of the next request; `None` when the connection has ended.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Value)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; usize::min(length, REQUEST_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    Ok(Some((path, serde_json::from_slice(&body).unwrap_or(Value::Null))))
}

fn response(status: u16, headers: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocations_are_counted_by_attempt_and_life() {
        let lambda = Lambda::default();
        let payload = json!({"execution": "e", "state": "s", "attempt": 0, "failures": 1});
        let failed = lambda.invoke("/2015-03-31/functions/count/invocations", &payload, 3);
        assert!(String::from_utf8_lossy(&failed).contains("X-Amz-Function-Error"));
        lambda.invoke("/2015-03-31/functions/count/invocations", &payload, 4);
        assert_eq!(lambda.invocations().into_values().collect::<Vec<_>>(), [vec![3, 4]]);
        assert!(lambda.next_asked().is_none());
        lambda.invoke("/2015-03-31/functions/ask/invocations", &json!({"token": "t", "execution": "e"}), 4);
        assert_eq!(lambda.next_asked(), Some(Asked { token: "t".to_owned(), execution: "e".to_owned() }));
    }
}
