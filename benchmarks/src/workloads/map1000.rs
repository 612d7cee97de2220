//! map1000: an inline Map over 1,000 items, one Pass each.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::Bench;
use crate::{
    client::Client,
    machines,
    measure::{median, milliseconds, percentile},
    report::figure,
};

/// Between two looks while time is measured.
const LOOK_OFTEN: Duration = Duration::from_micros(500);
/// Between two looks while CPU is measured: looking costs CPU too.
const LOOK_SELDOM: Duration = Duration::from_millis(20);

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_stepwell("map1000")?;
    let mut client = ours.client();
    let arn = machines::create(&mut client, "map1000", &machines::map_of_pass(), false)?;
    let items: Vec<Value> = (0..1_000).map(|number| json!({"n": number})).collect();
    let start = json!({"stateMachineArn": arn, "input": json!({"items": items}).to_string()});
    let count = if bench.quick { 20 } else { 100 };
    for _ in 0..3 {
        run_once(&mut client, &start, LOOK_OFTEN)?;
    }
    let times: Vec<f64> =
        (0..count).map(|_| run_once(&mut client, &start, LOOK_OFTEN)).collect::<Result<_, _>>()?;
    let before = ours.cpu_seconds()?;
    for _ in 0..count {
        run_once(&mut client, &start, LOOK_SELDOM)?;
    }
    let cpu_ms = (ours.cpu_seconds()? - before) * 1e3 / f64::from(count);
    bench.report.at_most("map1000: server CPU", cpu_ms, "ms", 10.0, "HTTP and store included");
    let detail = format!("p99 {} ms", figure(percentile(&times, 0.99)));
    bench.report.at_most("map1000: end to end", median(&times), "ms", 50.0, &detail);
    drop(ours);
    bench.clear("map1000");
    Ok(())
}

/// Milliseconds from the start to the first look that finds the execution ended.
fn run_once(client: &mut Client, start: &Value, between_looks: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let arn = client.must("StartExecution", start)?["executionArn"].clone();
    let arn = arn.as_str().context("StartExecution answers without an ARN")?;
    loop {
        let answer = client.must("DescribeExecution", &json!({"executionArn": arn}))?;
        match answer["status"].as_str() {
            Some("SUCCEEDED") => return Ok(milliseconds(begun.elapsed())),
            Some("RUNNING") => thread::sleep(between_looks),
            other => bail!("a Map ended as {other:?}: {}", answer["cause"]),
        }
    }
}
