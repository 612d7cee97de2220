//! hostile: clients that mean no good. What one broken request costs, and whether thousands of slow clients are felt by
//! a healthy one.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::bail;
use serde_json::{Value, json};

use super::Bench;
use crate::{
    load::{Connection, Script, Until, run as run_load},
    machines,
    measure::percentile,
    process::Served,
    report::figure,
};

/// Slow clients at once.
const SLOW_CLIENTS: usize = 5_000;
/// How often each body is sent; the CPU clock of a process ticks every 10 ms.
const REPEATS: u32 = 20;

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let start = |bench: &mut Bench| {
        bench.clear("hostile");
        let served = bench.start_stepwell("hostile")?;
        let machine = machines::create(&mut served.client(), "hostile", &machines::pass_chain(1), false)?;
        anyhow::Ok((served, machine))
    };
    let (mut served, mut machine) = start(bench)?;
    for (name, operation, body) in bodies(&machine) {
        // Each meets a server that has hardly done anything, and has none of the memory yet that it would reuse.
        broken_body(bench, &served, name, operation, &body)?;
        drop(served);
        (served, machine) = start(bench)?;
    }
    slow_clients(bench, &served, &machine)?;
    drop(served);
    bench.clear("hostile");
    Ok(())
}

/// Bodies that are refused.
fn bodies(machine: &str) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let keys: Vec<String> = (0..100_000).map(|number| format!("\"k{number}\":1")).collect();
    let start = |input: &str| json!({"stateMachineArn": machine, "input": input}).to_string().into_bytes();
    let create = |definition: &str| {
        json!({"name": "h", "roleArn": machines::ROLE, "definition": definition}).to_string().into_bytes()
    };
    let states: Vec<String> =
        (0..20_000).map(|number| format!("\"s{number}\":{{\"Type\":\"Pass\",\"Next\":\"x\"}}")).collect();
    let endless = format!("{{\"StartAt\":\"s0\",\"States\":{{{}}}}}", states.join(","));
    let named = json!({"name": "n".repeat(1024 * 1024)}).to_string().into_bytes();
    let tags: Vec<Value> =
        (0..40_000).map(|number| json!({"key": format!("k{number}"), "value": ""})).collect();
    let tested = json!({"definition": endless, "stateName": "s0"}).to_string().into_bytes();
    vec![
        ("1 MiB that is not JSON", "StartExecution", vec![b'x'; 1024 * 1024]),
        ("1 MiB of input", "StartExecution", start(&format!("\"{}\"", "x".repeat(1024 * 1024)))),
        ("3 MiB", "StartExecution", vec![b' '; 3 * 1024 * 1024]),
        ("100,000 levels", "StartExecution", deep.clone().into_bytes()),
        ("input of 100,000 levels", "StartExecution", start(&deep)),
        ("100,000 unknown members", "StartExecution", format!("{{{}}}", keys.join(",")).into_bytes()),
        ("definition of 100,000 levels", "CreateStateMachine", create(&deep)),
        ("1 MiB of name", "CreateActivity", named),
        (
            "40,000 tags",
            "TagResource",
            json!({"resourceArn": machine, "tags": tags}).to_string().into_bytes(),
        ),
        ("definition of 20,000 states without an end", "CreateStateMachine", create(&endless)),
        ("test of 20,000 states without an end", "TestState", tested),
    ]
}

fn broken_body(
    bench: &mut Bench,
    served: &Served,
    name: &str,
    operation: &str,
    body: &[u8],
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    served.forget_peak()?;
    let (resident, cpu) = (served.resident_bytes()?, served.cpu_seconds()?);
    for _ in 0..REPEATS {
        // A body that is too long ends its connection.
        let status = runtime.block_on(async {
            let mut connection = Connection::open(served.address).await?;
            anyhow::Ok(connection.ask(operation, body).await.map_or(413, |(status, _)| status))
        })?;
        if status == 200 {
            bail!("{name}: was not refused");
        }
    }
    let each = (served.cpu_seconds()? - cpu) * 1e3 / f64::from(REPEATS);
    let more = served.peak_bytes()?.saturating_sub(resident) as f64 / (1024.0 * 1024.0);
    bench.report.at_most(&format!("hostile: {name}: server CPU"), each, "ms", 50.0, "");
    bench.report.at_most(&format!("hostile: {name}: memory"), more, "MB", 4.0, "");
    Ok(())
}

/// A read, as a healthy client makes it.
struct Read(Vec<u8>);

impl Script for Read {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        connection.call("DescribeStateMachine", &self.0).await.map(|_| ())
    }
}

fn slow_clients(bench: &mut Bench, served: &Served, machine: &str) -> anyhow::Result<()> {
    let length = Duration::from_secs(if bench.quick { 2 } else { 8 });
    let read = Rc::new(Read(json!({"stateMachineArn": machine}).to_string().into_bytes()));
    let healthy = || -> anyhow::Result<f64> {
        let load = run_load(served.address, 1, Until::Elapsed(length), &read)?;
        Ok(percentile(&load.latencies_ms, 0.99))
    };
    let idle = healthy()?;
    let before = served.resident_bytes()?;
    let mut clients = connect(served.address)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let dawdler = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                for client in &mut clients {
                    // The server may have let it go.
                    let _ = client.write(b"x");
                }
                thread::sleep(Duration::from_secs(1));
            }
        }
    });
    let beset = healthy();
    let resident = served.resident_bytes()?;
    is_over.store(true, Ordering::Relaxed);
    // A thread that only writes does not panic.
    let _ = dawdler.join();
    let (beset, more) = (beset?, resident.saturating_sub(before) as f64 / (1024.0 * 1024.0));
    let detail = format!("{} and {} ms", figure(beset), figure(idle));
    let name = format!("hostile: {SLOW_CLIENTS} slow clients: p99 of a healthy one");
    bench.report.at_most(&name, beset / idle.max(f64::MIN_POSITIVE), "times idle", 2.0, &detail);
    bench.report.note_row("hostile: memory of the slow clients", format!("{} MB", figure(more)));
    Ok(())
}

/// Clients of which half never end the head of their request, and half its body.
fn connect(address: SocketAddr) -> anyhow::Result<Vec<TcpStream>> {
    let head = b"POST / HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
    let body = b"POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.StartExecution\r\n\
        content-length: 1000000\r\n\r\n{";
    (0..SLOW_CLIENTS)
        .map(|number| {
            let mut client = TcpStream::connect(address)?;
            client.write_all(if number % 2 == 0 { head } else { body })?;
            Ok(client)
        })
        .collect()
}
