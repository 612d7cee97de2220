//! history: one page of 1,000 events.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use super::Bench;
use crate::{
    machines,
    measure::{median, milliseconds, percentile},
    report::figure,
};

/// Pass states that make 1,000 events: two each, one at the start, one at the end.
const STATES: usize = 499;

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_stepwell("history")?;
    let mut client = ours.client();
    let machine = machines::create(&mut client, "history", &machines::pass_chain(STATES), false)?;
    let start = json!({"stateMachineArn": machine, "input": machines::INPUT});
    let execution = client.must("StartExecution", &start)?["executionArn"].clone();
    let begun = Instant::now();
    while client.must("DescribeExecution", &json!({"executionArn": execution}))?["status"] != "SUCCEEDED" {
        if begun.elapsed() > Duration::from_secs(10) {
            bail!("an execution of {STATES} Pass states has not succeeded after 10 s");
        }
    }
    let request = json!({"executionArn": execution, "maxResults": 1_000}).to_string();
    let count = if bench.quick { 50 } else { 500 };
    let mut times = Vec::new();
    for number in 0..count {
        let begun = Instant::now();
        let page = client.call_bytes("GetExecutionHistory", request.as_bytes())?;
        times.push(milliseconds(begun.elapsed()));
        if number == 0 {
            let events =
                page.json()["events"].as_array().map(Vec::len).context("a history without events")?;
            if events != 1_000 {
                bail!("the page holds {events} events and not 1,000");
            }
        }
    }
    let detail = format!("p99 {} ms", figure(percentile(&times, 0.99)));
    bench.report.at_most("history: 1,000 events in one page", median(&times), "ms", 3.0, &detail);
    drop(ours);
    bench.clear("history");
    Ok(())
}
