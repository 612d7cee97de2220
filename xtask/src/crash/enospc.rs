//! R5: the disk is full. The server must refuse starts and creates, still read, stop and delete, live on, and recover when
//! there is space again.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::json;
use stepwell_benchmarks::{
    client::{Answer, Client},
    machines::{ROLE, create, pass_chain},
    process::Launch,
};

use super::{Ending, Setting, io_error::verify};

/// Size of the file system: the reserve, the journal's segments and the tables' own log fit.
const MEBIBYTES: u64 = 256;
/// What is left free when the disk is filled from outside: less than the reserve of 64 MiB.
const LEFT_FREE: u64 = 24 * 1024 * 1024;
/// Executions that wait, to be stopped when the disk is full.
const WAITING: usize = 200;
/// Starts with a large input until the disk is full: 200 KB each.
const LARGE_STARTS_MAX: usize = 3_000;
/// How long the server may take to see that there is space again.
const RECOVERS_WITHIN: Duration = Duration::from_secs(15);

/// How the test is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The test is already in a mount namespace of its own
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

pub(crate) fn run(setting: &Setting, options: &Options) -> anyhow::Result<Ending> {
    if let Some(place) = &options.inside {
        return inside(setting, place);
    }
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--"]);
        command
    };
    let place = setting.directory.join("small");
    std::fs::create_dir_all(&place)?;
    let mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"];
    let can_mount = namespace().args(mount).arg(&place).output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        return Ok(Ending::Skipped("a small file system can't be mounted here (that needs root)".to_owned()));
    }
    let status = namespace()
        .arg(std::env::current_exe()?)
        .args(["crash", "enospc", "--inside"])
        .arg(&place)
        .arg("--binary")
        .arg(&setting.stepwell)
        .arg("--directory")
        .arg(&setting.directory)
        .status()?;
    Ok(if status.success() { Ending::Passed } else { Ending::Failed })
}

fn inside(setting: &Setting, place: &Path) -> anyhow::Result<Ending> {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={MEBIBYTES}m"), "tmpfs"])
        .arg(place)
        .status()?;
    anyhow::ensure!(mounted.success(), "mount failed");
    let mut launch = Launch::stepwell(&setting.stepwell, place);
    // The server's output must not fill the small disk.
    launch.directory = setting.directory.join("output");
    for (name, fill) in
        [("filled from outside", Fill::Ballast), ("filled by the server itself", Fill::Starts)]
    {
        scenario(&launch, place, fill).with_context(|| format!("disk {name}"))?;
        println!("disk {name}: refused, read, stopped, deleted, recovered; nothing lost");
    }
    println!("crash enospc passed");
    Ok(Ending::Passed)
}

/// What fills the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    Ballast,
    Starts,
}

fn scenario(launch: &Launch, place: &Path, fill: Fill) -> anyhow::Result<()> {
    let data = place.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let server = launch.start()?;
    let mut client = server.client();
    let pass = create(&mut client, "pass", &pass_chain(3), false)?;
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}});
    let wait = create(&mut client, "wait", &wait, false)?;
    let spare = create(&mut client, "spare", &pass_chain(2), false)?;
    let mut acknowledged = Vec::new();
    for number in 0..WAITING {
        let input = json!({"number": number}).to_string();
        let started = client.must("StartExecution", &json!({"stateMachineArn": wait, "input": input}))?;
        acknowledged.push((started["executionArn"].as_str().unwrap_or_default().to_owned(), input));
    }

    // Leave room for the starts to fill, in the second scenario, but no more than they need.
    let ballast = place.join("ballast");
    let left = if fill == Fill::Ballast { LEFT_FREE } else { LEFT_FREE + 80 * 1024 * 1024 };
    fill_up(place, &ballast, left)?;
    let refused = start_until_refused(&mut client, &pass, &mut acknowledged)?;
    println!("  refused with {}: {}", refused.status, String::from_utf8_lossy(&refused.body));
    let name = refused.error_name();
    if !(refused.status >= 500
        || name.contains("Throttling")
        || name.contains("LimitExceeded")
        || name.contains("Unavailable"))
    {
        bail!("a full disk is answered {} {name}, which clients do not try again", refused.status);
    }
    let create_request = json!({"name": "late", "roleArn": ROLE, "definition": pass_chain(2).to_string()});
    if client.call("CreateStateMachine", &create_request)?.is_ok() {
        bail!("CreateStateMachine is not refused");
    }
    // Reads, stops and deletes go on.
    verify(&server, &acknowledged)?;
    client.must("ListExecutions", &json!({"stateMachineArn": wait}))?;
    client.must("GetExecutionHistory", &json!({"executionArn": acknowledged[0].0}))?;
    for (arn, _) in &acknowledged[..WAITING] {
        client.must("StopExecution", &json!({"executionArn": arn}))?;
    }
    client.must("DeleteStateMachine", &json!({"stateMachineArn": spare}))?;

    // Space again: the same process takes starts again.
    std::fs::remove_file(&ballast)?;
    let begun = Instant::now();
    let request = json!({"stateMachineArn": pass, "input": "{}"});
    loop {
        let answer = client.call("StartExecution", &request)?;
        if answer.is_ok() {
            acknowledged.push((
                answer.json()["executionArn"].as_str().unwrap_or_default().to_owned(),
                "{}".to_owned(),
            ));
            break;
        }
        if begun.elapsed() > RECOVERS_WITHIN {
            bail!("starts are still refused {RECOVERS_WITHIN:?} after there is space: {}", answer.json());
        }
        thread::sleep(Duration::from_millis(50));
    }
    verify(&server, &acknowledged)?;
    server.kill()?;
    let server = launch.start().context("restart")?;
    verify(&server, &acknowledged)?;
    let mut client = server.client();
    for (arn, _) in &acknowledged[..WAITING] {
        let status = client.must("DescribeExecution", &json!({"executionArn": arn}))?["status"].clone();
        if status != "ABORTED" {
            bail!("{arn} was stopped and is {status} after the restart");
        }
    }
    if client.call("DescribeStateMachine", &json!({"stateMachineArn": spare}))?.is_ok() {
        bail!("a deleted state machine is back after the restart");
    }
    server.terminate(Duration::from_secs(20))?;
    Ok(())
}

/// Starts executions with large inputs until one is refused; gives the refusal.
fn start_until_refused(
    client: &mut Client,
    machine: &str,
    acknowledged: &mut Vec<(String, String)>,
) -> anyhow::Result<Answer> {
    for number in 0..LARGE_STARTS_MAX {
        // Text that compression can't make small.
        let noise: String = (0..12_500_u64)
            .map(|word| {
                format!(
                    "{:016x}",
                    (word + 1).wrapping_mul(number as u64 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                )
            })
            .collect();
        let input = json!({"noise": noise}).to_string();
        let answer = client.call("StartExecution", &json!({"stateMachineArn": machine, "input": input}))?;
        if !answer.is_ok() {
            return Ok(answer);
        }
        let arn = answer.json()["executionArn"].as_str().unwrap_or_default().to_owned();
        acknowledged.push((arn, input));
    }
    bail!("{LARGE_STARTS_MAX} starts of 200 KB went onto a disk of {MEBIBYTES} MiB")
}

/// Writes a file until no more than `left` bytes are free.
fn fill_up(place: &Path, ballast: &Path, left: u64) -> anyhow::Result<()> {
    let mut file = File::create(ballast)?;
    let zeros = vec![0; 1024 * 1024];
    while free_bytes(place)? > left + zeros.len() as u64 {
        file.write_all(&zeros)?;
    }
    Ok(())
}

/// Bytes free on the file system, by `df`.
fn free_bytes(place: &Path) -> anyhow::Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(place).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).context("df does not tell what is free")
}
