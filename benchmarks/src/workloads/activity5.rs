//! activity5: five activity tasks in a row; the workers are another process.

use std::{
    net::SocketAddr,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use serde_json::json;

use super::{
    Bench,
    expectation::Expectation,
    pass10::{StartOnly, round_trip_ms, sync_durations},
};
use crate::{
    client::Client,
    load::{self, Until},
    machines,
    measure::{median, milliseconds, percentile},
    process::{Launch, Ready},
    report::figure,
};

/// Executions, and workers, at a time.
const IN_FLIGHT: usize = 4;
/// Between two looks at an execution that should have ended.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_stepwell("activity5")?;
    let null = bench.start_null("activity5")?;
    let mut client = ours.client();
    let activity = client.must("CreateActivity", &json!({"name": "bench"}))?["activityArn"].clone();
    let activity = activity.as_str().context("CreateActivity answers without an ARN")?.to_owned();
    let machine = machines::create(&mut client, "activity5", &machines::activity_chain(5, &activity), false)?;
    let workers = Launch {
        program: bench.bench.clone(),
        arguments: vec![
            "activity-worker".into(),
            "--activity".into(),
            activity.into(),
            "--workers".into(),
            IN_FLIGHT.to_string().into(),
        ],
        environment: Vec::new(),
        directory: bench.place("activity5-workers")?,
        address: Some(ours.address),
        ready: Ready::AtOnce,
    }
    .start()?;
    drive(ours.address, &machine, Duration::from_millis(500))?;
    let (rounds, length) = bench.rounds();
    let (mut latencies, mut rates) = (Vec::new(), Vec::new());
    let commits = Rc::new(StartOnly::new("null", "{}"));
    let (mut loaded, mut durations) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // Syncs and round trips are measured by turns with what is held against them.
        load::run(null.address, 1, Until::Elapsed(length / 4), &commits)?;
        durations.extend(sync_durations(&null)?);
        loaded.extend(
            load::run(null.address, 2 * IN_FLIGHT, Until::Elapsed(length / 4), &commits)?.latencies_ms,
        );
        sync_durations(&null)?;
        bench.probe.sample(bench.samples() / 5)?;
        let begun = Instant::now();
        let round = drive(ours.address, &machine, length)?;
        rates.push(round.len() as f64 / begun.elapsed().as_secs_f64());
        latencies.extend(round);
    }
    let (sync, round_trip) = (median(&durations), round_trip_ms(bench, &null)?);
    let detail = format!(
        "p99 {} ms, {} executions/s; fdatasync {} ms, HTTP {} ms",
        figure(percentile(&latencies, 0.99)),
        figure(median(&rates)),
        figure(sync),
        figure(round_trip)
    );
    let limit = 12.0 * (sync + round_trip);
    bench.report.at_most("activity5: median of one execution", median(&latencies), "ms", limit, &detail);
    // Eight connections share two cores here, and one does not: the same bound with what the null server needs then.
    let text = format!(
        "{} ms = 12 times the null server's StartExecution at {} connections",
        figure(12.0 * median(&loaded)),
        2 * IN_FLIGHT
    );
    bench.report.note_row("activity5: the same bound under load", text);
    drop((workers, ours, null));
    bench.clear("activity5");
    bench.clear("activity5-workers");
    Ok(())
}

/// Keeps four executions in flight for a time; gives how long each took, in milliseconds.
fn drive(address: SocketAddr, machine: &str, length: Duration) -> anyhow::Result<Vec<f64>> {
    let begun = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::new(address);
                    let (mut times, mut expectation) = (Vec::new(), Expectation::look_after(0.85));
                    while begun.elapsed() < length {
                        times.push(run_once(&mut client, machine, &mut expectation)?);
                    }
                    anyhow::Ok(times)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a driver thread panicked"))??);
        }
        Ok(all)
    })
}

fn run_once(client: &mut Client, machine: &str, expectation: &mut Expectation) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let arn =
        client.must("StartExecution", &json!({"stateMachineArn": machine, "input": "{}"}))?["executionArn"]
            .clone();
    thread::sleep(expectation.first_look().saturating_sub(begun.elapsed()));
    for looks in 1.. {
        let answer = client.must("DescribeExecution", &json!({"executionArn": arn}))?;
        match answer["status"].as_str() {
            Some("SUCCEEDED") => {
                let took = milliseconds(begun.elapsed());
                expectation.note(took, looks);
                return Ok(took);
            }
            Some("RUNNING") => thread::sleep(LOOK_AGAIN),
            other => bail!("an execution ended as {other:?}: {}", answer["cause"]),
        }
    }
    bail!("an execution does not end")
}

/// The other process: takes tasks and answers them at once, until the server is gone.
///
/// # Errors
/// When the server refuses or goes away.
pub fn work(address: SocketAddr, activity: &str, workers: usize) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|number| {
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut client = Client::new(address);
                    let name = format!("worker-{number}");
                    loop {
                        let task = client
                            .must("GetActivityTask", &json!({"activityArn": activity, "workerName": name}))?;
                        if let Some(token) = task["taskToken"].as_str() {
                            client.must("SendTaskSuccess", &json!({"taskToken": token, "output": "{}"}))?;
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a worker thread panicked"))??;
        }
        Ok(())
    })
}
