//! R4: a sync or a write of the journal fails. The server must acknowledge nothing more, say why in one line, end with an
//! error within a second, and lose nothing acknowledged.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use stepwell_benchmarks::{
    client::Client,
    machines::{create, pass_chain},
    process::{Launch, Ready, Served},
};

use super::{
    Ending, Setting,
    order_audit::{traced, wait_for_log},
    trace::{self, Call},
};

/// A failure of one system call.
struct Fault {
    name: &'static str,
    /// The call.
    call: &'static str,
    /// How strace lets it fail.
    injection: &'static str,
    /// Whether the server has to end. A full disk is none of its faults: it waits for space and goes on.
    ends: bool,
}

const FAULTS: [Fault; 4] = [
    Fault { name: "a sync fails", call: "fdatasync", injection: "error=EIO", ends: true },
    Fault { name: "a write fails", call: "pwrite64", injection: "error=EIO", ends: true },
    Fault { name: "a write writes nothing", call: "pwrite64", injection: "retval=0", ends: true },
    Fault { name: "a write finds the disk full", call: "pwrite64", injection: "error=ENOSPC", ends: false },
];
/// How many calls of the committing thread after the start succeed before one fails.
const GOOD_CALLS: [u64; 3] = [1, 7, 40];
/// The server has to end within this time of the failure.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// A server that does not serve after this time has failed in another way than it should.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(15);
/// Starts that are tried while the failure comes.
const STARTS_MAX: u64 = 100;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Ending> {
    if !trace::is_available() {
        return Ok(Ending::Skipped("strace can't be run here".to_owned()));
    }
    let mut failures = 0;
    for fault in &FAULTS {
        let name = fault.name;
        for good in GOOD_CALLS {
            let directory = setting.directory.join(format!("{}-{good}", name.replace(' ', "-")));
            match attempt(setting, &directory, fault, good) {
                Ok(line) => println!("{name} after {good} good ones: nothing lost; {line}"),
                Err(error) => {
                    failures += 1;
                    println!("{name} after {good} good ones: FAILED: {error:#}");
                }
            }
        }
    }
    println!("crash io-error {}", if failures == 0 { "passed" } else { "FAILED" });
    Ok(if failures == 0 { Ending::Passed } else { Ending::Failed })
}

/// One failure; gives what the server said.
fn attempt(setting: &Setting, directory: &Path, fault: &Fault, good: u64) -> anyhow::Result<String> {
    // How many such calls the committing thread makes until it serves: seen in a second start, without a failure.
    let quiet = strace(fault.call, None);
    let first = traced(&setting.stepwell, directory, &directory.join("first.log"), &quiet).start()?;
    let machine = create(&mut first.client(), "io", &pass_chain(3), false)?;
    let mut acknowledged = Vec::new();
    acknowledged.extend(start(&mut first.client(), &machine, 0)?);
    first.terminate(Duration::from_secs(20))?;
    let log = directory.join("second.log");
    let second = traced(&setting.stepwell, directory, &log, &quiet).start()?;
    acknowledged.extend(start(&mut second.client(), &machine, 1)?);
    second.terminate(Duration::from_secs(20))?;
    wait_for_log(&log)?;
    anyhow::ensure!(acknowledged.len() == 2, "the first two starts were refused");
    let before = calls_before_first_commit(&trace::read(&log)?, fault.call);

    let log = directory.join("failing.log");
    let printed = std::fs::metadata(directory.join("server.log")).map_or(0, |metadata| metadata.len());
    let failing = strace(fault.call, Some((fault.injection, before + good)));
    let mut launch = traced(&setting.stepwell, directory, &log, &failing);
    // A failure may come while the store is opened: then the server never serves.
    launch.ready = Ready::AtOnce;
    let mut server = launch.start()?;
    let mut client = server.client().with_answer_timeout(Duration::from_secs(5));
    let begun = Instant::now();
    let mut number = 2;
    while number < STARTS_MAX {
        match start(&mut client, &machine, number) {
            Ok(one) => {
                acknowledged.extend(one);
                number += 1;
            }
            Err(_)
                if server.wait(Duration::from_millis(5))?.is_some() || begun.elapsed() > GIVEN_UP_AFTER =>
            {
                break;
            }
            Err(_) => {}
        }
    }
    let served = number > 2;
    let said = if fault.ends || !served {
        // A store that can't be opened is an error whatever the reason.
        judge_end(&mut server, &log, directory, usize::try_from(printed)?)?
    } else {
        anyhow::ensure!(number == STARTS_MAX, "the server did not go on: {}", server.log_tail());
        server.kill()?;
        wait_for_log(&log)?;
        injected(&trace::read(&log)?)?;
        "the server waited for space and went on".to_owned()
    };
    let restarted =
        Launch::stepwell(&setting.stepwell, directory).start().context("restart after the failure")?;
    verify(&restarted, &acknowledged)?;
    restarted.terminate(Duration::from_secs(20))?;
    Ok(said)
}

/// Checks how a server that met a failure has ended; gives the line that it printed.
fn judge_end(server: &mut Served, log: &Path, directory: &Path, printed: usize) -> anyhow::Result<String> {
    let Some(status) = server.wait(Duration::from_secs(10))? else { bail!("the server lives on") };
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    wait_for_log(log)?;
    let calls = trace::read(log)?;
    let failed = injected(&calls)?;
    let took = ended - failed.seconds;
    if status.success() {
        bail!("the server ended with code 0");
    }
    if took > ENDS_WITHIN.as_secs_f64() {
        bail!("the server ended {took:.2} s after the failure");
    }
    // One client, one call at a time: with the failure no acknowledgement can be on its way.
    if let Some(late) = calls.iter().find(|call| call.began > failed.ended && is_acknowledgement(call))
        && commits(&calls, failed.thread)
    {
        bail!(
            "line {} of {} acknowledges after the failure in line {}",
            late.began + 1,
            log.display(),
            failed.began + 1
        );
    }
    let text = std::fs::read(directory.join("server.log"))?;
    let text = String::from_utf8_lossy(&text[printed.min(text.len())..]).into_owned();
    let mut errors = text.lines().filter(|line| line.starts_with("error:"));
    let line = errors.next().context("no line says why")?.to_owned();
    anyhow::ensure!(errors.next().is_none(), "more than one line says why");
    anyhow::ensure!(line.contains("/data/"), "the line names no file: {line}");
    Ok(format!("ended with code {} after {:.0} ms: {line}", status.code().unwrap_or(-1), took * 1e3))
}

/// The call that strace let fail.
fn injected(calls: &[Call]) -> anyhow::Result<&Call> {
    calls.iter().find(|call| call.text.contains("(INJECTED)")).context("no call has failed")
}

fn strace(call: &str, fault: Option<(&str, u64)>) -> Vec<String> {
    let mut arguments = ["-f", "-y", "-ttt", "-s", "64", "-e"].map(String::from).to_vec();
    arguments.push(format!("trace={call},fdatasync,write,writev,sendto,sendmsg"));
    if let Some((fault, number)) = fault {
        arguments.extend(["-e".to_owned(), format!("inject={call}:{fault}:when={number}")]);
    }
    arguments
}

fn is_acknowledgement(call: &Call) -> bool {
    ["write", "writev", "sendto", "sendmsg"].contains(&call.name.as_str())
        && call.target.contains("socket:")
        && call.text.contains("HTTP/1.1 200")
}

/// The thread whose sync was the last one before an acknowledgement is the one that commits.
fn committer(calls: &[Call]) -> Option<u32> {
    let acknowledged = calls.iter().rfind(|call| is_acknowledgement(call))?;
    let synced = |call: &&Call| call.name == "fdatasync" && call.ended < acknowledged.began;
    calls.iter().rfind(synced).map(|call| call.thread)
}

fn commits(calls: &[Call], thread: u32) -> bool {
    committer(calls).is_none_or(|committer| committer == thread)
}

/// Calls of this name that the committing thread made before its last commit: strace counts for each thread apart.
fn calls_before_first_commit(calls: &[Call], name: &str) -> u64 {
    let Some(thread) = committer(calls) else { return 0 };
    let count = calls.iter().filter(|call| call.thread == thread && call.name == name).count() as u64;
    // The run made one commit, and perhaps one more when it ended.
    count.saturating_sub(1)
}

/// Starts an execution; `None` when it was not acknowledged.
fn start(client: &mut Client, machine: &str, number: u64) -> anyhow::Result<Option<(String, String)>> {
    let input = json!({"number": number}).to_string();
    let request = json!({"stateMachineArn": machine, "name": format!("io-{number}"), "input": input});
    let answer = client.call("StartExecution", &request)?;
    let arn = answer.json()["executionArn"].as_str().map(str::to_owned);
    Ok(arn.filter(|_| answer.is_ok()).map(|arn| (arn, input)))
}

/// Checks that executions exist with their inputs.
pub(crate) fn verify(server: &Served, acknowledged: &[(String, String)]) -> anyhow::Result<()> {
    let mut client = server.client();
    for (arn, input) in acknowledged {
        let answer = client.call("DescribeExecution", &json!({"executionArn": arn}))?;
        if !answer.is_ok() || answer.json()["input"] != Value::String(input.clone()) {
            bail!("{arn} was acknowledged; now: {}", String::from_utf8_lossy(&answer.body));
        }
    }
    Ok(())
}
