//! The order audit: under strace, every reply to a call that changes something must be sent after a sync that began after
//! the record of the change was written, and has returned.
//!
//! This is what kill -9 can't show: the page cache survives a killed process. The same audit with `--durability interval`
//! must find violations, or it would prove nothing.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use stepwell_benchmarks::{
    client::Client,
    machines::{ROLE, create, pass_chain},
    process::Launch,
};

use super::{
    Ending, Setting,
    trace::{self, Call},
};

/// Clients at a time, so that commits are shared.
const CLIENTS: u64 = 4;
/// Calls that show data going to a file or a socket, or coming from a socket, or a sync.
const TRACED: &str =
    "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync";
/// Bytes of data that strace shows: a record with many changes must be shown whole.
const SHOWN_BYTES: &str = "400000";
/// Violations that are printed.
const SHOWN: usize = 10;

/// How much is audited.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds of each of the four clients; a round is about twelve calls
    #[arg(long, default_value_t = 25)]
    rounds: u64,
}

/// A call that changes something, as the driver made it.
#[derive(Debug, Clone)]
struct Sent {
    operation: &'static str,
    /// Stands in the request alone.
    id: String,
    /// Stands in the record that the answer rests on.
    marker: String,
    /// The record must have been written after the request came; else an older one will do (a refusal, a repetition).
    fresh: bool,
}

/// What an audit found.
#[derive(Debug, Default)]
struct Findings {
    audited: usize,
    /// Records that could not be told from others by their marker.
    unmarked: usize,
    violations: Vec<String>,
}

pub(crate) fn run(setting: &Setting, options: &Options) -> anyhow::Result<Ending> {
    if !trace::is_available() {
        return Ok(Ending::Skipped("strace can't be run here".to_owned()));
    }
    let synced = audit(setting, options, "commit")?;
    report("commit", &synced);
    let relaxed = audit(setting, options, "interval")?;
    report("interval", &relaxed);
    if !synced.violations.is_empty() {
        println!("order audit FAILED: replies left before their records were synced");
        return Ok(Ending::Failed);
    }
    if relaxed.violations.is_empty() {
        println!(
            "order audit FAILED: it finds nothing with --durability interval, where replies do not wait for syncs"
        );
        return Ok(Ending::Failed);
    }
    println!("order audit passed");
    Ok(Ending::Passed)
}

fn report(durability: &str, findings: &Findings) {
    println!(
        "--durability {durability}: {} replies audited, {} too early; {} records not told apart",
        findings.audited,
        findings.violations.len(),
        findings.unmarked
    );
    if durability == "commit" {
        for violation in findings.violations.iter().take(SHOWN) {
            println!("  {violation}");
        }
    }
}

fn audit(setting: &Setting, options: &Options, durability: &str) -> anyhow::Result<Findings> {
    let directory = setting.directory.join(durability);
    let log = directory.join("trace.log");
    let arguments = ["-f", "-y", "-ttt", "-s", SHOWN_BYTES, "-e", TRACED].map(String::from);
    let mut launch = traced(&setting.stepwell, &directory, &log, &arguments);
    launch.arguments.extend(["--durability".into(), durability.into()]);
    let server = launch.start()?;
    let sent = drive(server.address, options.rounds)?;
    server.terminate(Duration::from_secs(60))?;
    wait_for_log(&log)?;
    let calls = trace::read(&log)?;
    Ok(judge(&calls, &sent, &directory.join("data")))
}

/// How `stepwell serve` is started under strace. The process that is started is the server; strace is its grandchild.
pub(crate) fn traced(stepwell: &Path, directory: &Path, log: &Path, arguments: &[String]) -> Launch {
    let mut launch = Launch::stepwell(stepwell, directory);
    let mut all: Vec<std::ffi::OsString> = vec!["-D".into(), "-o".into(), log.into()];
    all.extend(arguments.iter().map(Into::into));
    all.push(stepwell.into());
    all.append(&mut launch.arguments);
    launch.program = PathBuf::from("strace");
    launch.arguments = all;
    launch
}

/// Waits until strace has written the end of the process.
pub(crate) fn wait_for_log(log: &Path) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        // `+++ exited with 0 +++` of the main thread is the last line.
        let text = std::fs::read(log).with_context(|| log.display().to_string())?;
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(200)..]).into_owned();
        if tail.trim_end().ends_with("+++") {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(20) {
            bail!("strace does not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Makes the calls; gives what was sent and acknowledged or refused for good.
fn drive(address: SocketAddr, rounds: u64) -> anyhow::Result<Vec<Sent>> {
    let mut client = Client::new(address);
    let pass = create(&mut client, "audit-pass", &pass_chain(3), false)?;
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}});
    let wait = create(&mut client, "audit-wait", &wait, false)?;
    let activity = client.must("CreateActivity", &json!({"name": "audit"}))?["activityArn"].clone();
    let activity = activity.as_str().unwrap_or_default().to_owned();
    let task = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": true}}});
    let task = create(&mut client, "audit-task", &task, false)?;
    let arns = [pass, wait, task, activity];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let arns = &arns;
                scope.spawn(move || {
                    let mut auditor =
                        Auditor { client: Client::new(address), number, count: 0, sent: Vec::new() };
                    for round in 0..rounds {
                        auditor
                            .round(arns, round)
                            .with_context(|| format!("client {number}, round {round}"))?;
                    }
                    anyhow::Ok(auditor.sent)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("an auditing client panicked"))??);
        }
        Ok(all)
    })
}

/// One client of the audit.
struct Auditor {
    client: Client,
    number: u64,
    count: u64,
    sent: Vec<Sent>,
}

impl Auditor {
    /// A word that nothing else contains.
    fn word(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}-{}-{:06}", self.number, self.count)
    }

    /// Makes a call whose answer rests on a record with `marker` in it.
    fn send(
        &mut self,
        operation: &'static str,
        marker: &str,
        fresh: bool,
        request: &Value,
    ) -> anyhow::Result<Value> {
        let id = self.word("q");
        // Members that the API does not know are ignored, so the request can carry its name.
        let mut body = json!({"audit": id});
        if let (Some(body), Some(request)) = (body.as_object_mut(), request.as_object()) {
            body.extend(request.clone());
        }
        let answer = self.client.call(operation, &body)?;
        let refused_by_plan = answer.error_name() == "ExecutionAlreadyExists" && !fresh;
        if !answer.is_ok() && !refused_by_plan {
            bail!("{operation} was refused: {}", String::from_utf8_lossy(&answer.body));
        }
        self.sent.push(Sent { operation, id, marker: marker.to_owned(), fresh });
        Ok(answer.json())
    }

    fn round(&mut self, [pass, wait, task, activity]: &[String; 4], round: u64) -> anyhow::Result<()> {
        let name = self.word("pass");
        self.send("StartExecution", &name, true, &json!({"stateMachineArn": pass, "name": name}))?;
        // All clients start the same name at about the same time: one wins, the others' answers rest on its record.
        let shared = format!("shared-{round:06}-name");
        self.send("StartExecution", &shared, false, &json!({"stateMachineArn": wait, "name": shared}))?;
        let other = json!({"stateMachineArn": wait, "name": shared, "input": "{\"other\":1}"});
        self.send("StartExecution", &shared, false, &other)?;

        let name = self.word("wait");
        let started =
            self.send("StartExecution", &name, true, &json!({"stateMachineArn": wait, "name": name}))?;
        let cause = self.word("stop");
        let stop = json!({"executionArn": started["executionArn"], "error": "Audit", "cause": cause});
        self.send("StopExecution", &cause, true, &stop)?;
        // The token stands in the record of the redrive.
        let token = self.word("redrive");
        let redrive = json!({"executionArn": started["executionArn"], "clientToken": token});
        self.send("RedriveExecution", &token, true, &redrive)?;

        let name = self.word("task");
        self.send("StartExecution", &name, true, &json!({"stateMachineArn": task, "name": name}))?;
        // The task may be another client's; the worker's name stands in the record of its taking.
        let worker = self.word("worker");
        let taken = self.send(
            "GetActivityTask",
            &worker,
            true,
            &json!({"activityArn": activity, "workerName": worker}),
        )?;
        let output = self.word("output");
        let result =
            json!({"taskToken": taken["taskToken"], "output": json!({"result": output}).to_string()});
        self.send("SendTaskSuccess", &output, true, &result)?;

        let name = self.word("machine");
        let definition = |comment: &str| {
            json!({"Comment": comment, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}})
                .to_string()
        };
        let create = json!({"name": name, "roleArn": ROLE, "definition": definition("first")});
        let created = self.send("CreateStateMachine", &name, true, &create)?;
        let comment = self.word("comment");
        let update =
            json!({"stateMachineArn": created["stateMachineArn"], "definition": definition(&comment)});
        self.send("UpdateStateMachine", &comment, true, &update)?;
        let value = self.word("tag");
        let tag =
            json!({"resourceArn": created["stateMachineArn"], "tags": [{"key": "audit", "value": value}]});
        self.send("TagResource", &value, true, &tag)?;
        self.send(
            "DeleteStateMachine",
            &name,
            true,
            &json!({"stateMachineArn": created["stateMachineArn"]}),
        )?;
        Ok(())
    }
}

/// Holds every reply against the syncs before it.
fn judge(calls: &[Call], sent: &[Sent], data: &Path) -> Findings {
    let data = data.to_string_lossy();
    let path =
        |call: &Call| call.target.split_once('<').map(|(_, rest)| rest.trim_end_matches('>').to_owned());
    let is_socket = |call: &Call| call.target.contains("socket:") || call.target.contains("TCP");
    let reads = ["read", "readv", "recvfrom", "recvmsg"];
    let writes = ["write", "writev", "pwrite64", "pwritev", "pwritev2"];
    let sends = ["write", "writev", "sendto", "sendmsg"];
    let received: Vec<&Call> =
        calls.iter().filter(|call| is_socket(call) && reads.contains(&call.name.as_str())).collect();
    let mut replies: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in calls.iter().filter(|call| is_socket(call) && sends.contains(&call.name.as_str())) {
        replies.entry(call.target.as_str()).or_default().push(call);
    }
    let of_store = |call: &&Call| call.target.contains(&*data);
    let written: Vec<&Call> =
        calls.iter().filter(of_store).filter(|call| writes.contains(&call.name.as_str())).collect();
    let mut syncs: HashMap<String, Vec<&Call>> = HashMap::new();
    for call in
        calls.iter().filter(of_store).filter(|call| call.name.ends_with("sync") && call.result == Some(0))
    {
        syncs.entry(path(call).unwrap_or_default()).or_default().push(call);
    }
    let mut findings = Findings::default();
    for one in sent {
        let Some(request) = received.iter().find(|call| call.text.contains(&format!("\\\"{}\\\"", one.id)))
        else {
            findings
                .violations
                .push(format!("{} {}: the request is not in the trace", one.operation, one.id));
            continue;
        };
        let sends = replies.get(request.target.as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(reply) = sends.iter().find(|call| call.began > request.ended) else {
            findings.violations.push(format!("{} {}: the reply is not in the trace", one.operation, one.id));
            continue;
        };
        findings.audited += 1;
        let in_time = |call: &&&Call| (!one.fresh || call.began > request.ended) && call.ended < reply.began;
        let mut records: Vec<&&Call> =
            written.iter().filter(in_time).filter(|call| call.text.contains(&one.marker)).collect();
        if records.is_empty() && one.fresh {
            findings.unmarked += 1;
            records = written.iter().filter(in_time).collect();
        }
        let is_synced = records.iter().any(|record| {
            let of_file =
                path(record).and_then(|path| syncs.get(&path)).map(Vec::as_slice).unwrap_or_default();
            of_file.iter().any(|sync| sync.began > record.ended && sync.ended < reply.began)
        });
        if !is_synced {
            findings.violations.push(format!(
                "{} {} ({}): the reply of line {} leaves before a sync of its record (written at the lines {:?})",
                one.operation,
                one.id,
                one.marker,
                reply.began + 1,
                records.iter().map(|record| record.began + 1).collect::<Vec<_>>()
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: usize, name: &str, target: &str, text: &str) -> Call {
        Call {
            thread: 1,
            name: name.to_owned(),
            target: target.to_owned(),
            text: text.to_owned(),
            result: Some(0),
            began: line,
            ended: line,
            seconds: 0.0,
        }
    }

    fn log(order: &[&str]) -> Vec<Call> {
        let make = |(line, what): (usize, &&str)| match *what {
            "request" => call(line, "recvfrom", "9<socket:[1]>", "{\\\"audit\\\":\\\"q-1\\\"}"),
            "record" => call(line, "pwrite64", "5</data/journal/1>", "..name-1.."),
            "other record" => call(line, "pwrite64", "5</data/journal/1>", "..name-2.."),
            "sync" => call(line, "fdatasync", "5</data/journal/1>", ""),
            "sync elsewhere" => call(line, "fdatasync", "6</data/tables/1>", ""),
            _ => call(line, "sendto", "9<socket:[1]>", "HTTP/1.1 200 OK"),
        };
        order.iter().enumerate().map(make).collect()
    }

    #[test]
    fn a_reply_must_follow_a_sync_of_its_record() {
        let table: [(&[&str], bool, bool); 8] = [
            (&["request", "record", "sync", "reply"], true, true),
            (&["request", "record", "reply", "sync"], true, false),
            (&["request", "sync", "record", "reply"], true, false),
            (&["request", "record", "sync elsewhere", "reply"], true, false),
            (&["request", "reply"], true, false),
            (&["record", "sync", "request", "reply"], true, false),
            (&["record", "sync", "request", "reply"], false, true),
            (&["request", "record", "sync", "other record", "reply"], true, true),
        ];
        for (order, fresh, good) in table {
            let sent = [Sent {
                operation: "StartExecution",
                id: "q-1".to_owned(),
                marker: "name-1".to_owned(),
                fresh,
            }];
            let findings = judge(&log(order), &sent, Path::new("/data"));
            assert_eq!(findings.violations.is_empty(), good, "{order:?}: {findings:?}");
        }
    }
}
