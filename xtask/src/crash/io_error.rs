//! R4: a sync or a write of the journal fails. The server must acknowledge nothing more, say why in one line, end with an
//! error within a second, and lose nothing acknowledged.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use stepwell_benchmarks::{
    client::Client,
    machines::{create, pass_chain},
    process::{Launch, Served},
};

use super::{
    Ending, Setting,
    order_audit::{traced, wait_for_log},
    trace::{self, Call},
};

/// What fails, how strace does it, and in which call.
const FAULTS: [(&str, &str, &str); 4] = [
    ("a sync fails", "fdatasync", "error=EIO"),
    ("a write fails", "pwrite64", "error=EIO"),
    ("a write writes nothing", "pwrite64", "retval=0"),
    ("a write finds the disk full", "pwrite64", "error=ENOSPC"),
];
/// How many calls of the committing thread after the start succeed before one fails.
const GOOD_CALLS: [u64; 3] = [1, 7, 40];
/// The server has to end within this time of the failure.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// A run in which no failure came after this many starts has tested nothing.
const STARTS_MAX: u64 = 2_000;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Ending> {
    if !trace::is_available() {
        return Ok(Ending::Skipped("strace can't be run here".to_owned()));
    }
    let mut failures = 0;
    for (name, call, fault) in FAULTS {
        for good in GOOD_CALLS {
            let directory = setting.directory.join(format!("{}-{good}", name.replace(' ', "-")));
            match attempt(setting, &directory, call, fault, good) {
                Ok(line) => println!("{name} after {good} good ones: ended as it should: {line}"),
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

/// One failure; gives the line that the server printed.
fn attempt(
    setting: &Setting,
    directory: &Path,
    call: &str,
    fault: &str,
    good: u64,
) -> anyhow::Result<String> {
    // How many such calls the committing thread makes until it serves: seen in a first run, without a failure.
    let first =
        traced(&setting.stepwell, directory, &directory.join("first.log"), &strace(call, None)).start()?;
    let machine = create(&mut first.client(), "io", &pass_chain(3), false)?;
    let mut acknowledged =
        vec![start(&mut first.client(), &machine, 0)?.context("the first start was not answered")?];
    first.terminate(Duration::from_secs(20))?;
    let again = directory.join("again.log");
    let second = traced(&setting.stepwell, directory, &again, &strace(call, None)).start()?;
    acknowledged
        .push(start(&mut second.client(), &machine, 1)?.context("the second start was not answered")?);
    second.terminate(Duration::from_secs(20))?;
    wait_for_log(&again)?;
    let before = calls_before_first_commit(&trace::read(&again)?, call);

    let log = directory.join("failing.log");
    let printed = std::fs::metadata(directory.join("server.log")).map_or(0, |metadata| metadata.len());
    let mut server =
        traced(&setting.stepwell, directory, &log, &strace(call, Some((fault, before + good)))).start()?;
    let mut client = server.client().with_answer_timeout(Duration::from_secs(5));
    for number in 2..STARTS_MAX {
        match start(&mut client, &machine, number) {
            Ok(Some(one)) => acknowledged.push(one),
            Ok(None) | Err(_) => break,
        }
    }
    let Some(status) = server.wait(Duration::from_secs(10))? else { bail!("the server lives on") };
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    wait_for_log(&log)?;
    let calls = trace::read(&log)?;
    let failed = calls.iter().find(|call| call.text.contains("(INJECTED)")).context("no call has failed")?;
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
    let text = String::from_utf8_lossy(&text[usize::try_from(printed)?.min(text.len())..]).into_owned();
    let line = text.lines().rfind(|line| line.contains("data")).context("no line names the file")?.to_owned();

    let restarted =
        Launch::stepwell(&setting.stepwell, directory).start().context("restart after the failure")?;
    verify(&restarted, &acknowledged)?;
    restarted.terminate(Duration::from_secs(20))?;
    Ok(line)
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
