//! pass10: a Standard execution of ten Pass states; StartExecution, then DescribeExecution until it has succeeded.

use std::rc::Rc;

use anyhow::{Context, bail};
use serde_json::json;

use super::{Bench, latencies};
use crate::{
    load::{Connection, Script},
    machines,
    measure::{median, percentile},
    null_server::SYNC_DURATIONS,
    report::figure,
    wire::text_member,
};

/// StartExecution, then DescribeExecution until SUCCEEDED.
#[derive(Debug)]
pub(super) struct StartAndDescribe {
    start: Vec<u8>,
}

impl StartAndDescribe {
    pub(super) fn new(state_machine_arn: &str, input: &str) -> Self {
        Self { start: json!({"stateMachineArn": state_machine_arn, "input": input}).to_string().into_bytes() }
    }
}

impl Script for StartAndDescribe {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        let answer = connection.call("StartExecution", &self.start).await?;
        let arn = text_member(answer, "executionArn").context("StartExecution answers without an ARN")?;
        let describe = format!("{{\"executionArn\":\"{arn}\"}}").into_bytes();
        loop {
            let answer = connection.call("DescribeExecution", &describe).await?;
            match text_member(answer, "status") {
                Some("SUCCEEDED") => return Ok(()),
                Some("RUNNING") => tokio::task::yield_now().await,
                other => bail!("an execution ended as {other:?}"),
            }
        }
    }
}

/// StartExecution alone.
#[derive(Debug)]
pub(super) struct StartOnly {
    request: Vec<u8>,
}

impl StartOnly {
    pub(super) fn new(state_machine_arn: &str, input: &str) -> Self {
        Self {
            request: json!({"stateMachineArn": state_machine_arn, "input": input}).to_string().into_bytes(),
        }
    }
}

impl Script for StartOnly {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        connection.call("StartExecution", &self.request).await.map(|_| ())
    }
}

/// One DescribeExecution: a round trip of HTTP and nothing else.
#[derive(Debug)]
pub(super) struct RoundTrip;

impl Script for RoundTrip {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        connection.call("DescribeExecution", b"{\"executionArn\":\"x\"}").await.map(|_| ())
    }
}

/// Median of one HTTP round trip at the null server, in milliseconds.
pub(super) fn round_trip_ms(bench: &Bench, null: &crate::process::Served) -> anyhow::Result<f64> {
    let (_, length) = bench.rounds();
    let load =
        crate::load::run(null.address, 1, crate::load::Until::Elapsed(length / 2), &Rc::new(RoundTrip))?;
    Ok(median(&load.latencies_ms))
}

/// How long each of the null server's syncs took since this was asked before, in milliseconds.
///
/// What a sync costs depends on what else the machine does, so the syncs that count are those of the same rounds.
pub(super) fn sync_durations(null: &crate::process::Served) -> anyhow::Result<Vec<f64>> {
    let page = null.client().get(SYNC_DURATIONS)?;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    Ok(text.lines().filter_map(|line| line.parse::<f64>().ok()).map(|time| time / 1e3).collect())
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_stepwell("pass10")?;
    let null = bench.start_null("pass10")?;
    let arn = machines::create(&mut ours.client(), "pass10", &machines::pass_chain(10), false)?;
    let script = Rc::new(StartAndDescribe::new(&arn, machines::INPUT));
    for connections in [16, 64] {
        let found = bench.interleave(connections, (&ours, &script), (&null, &script))?;
        let name = format!("pass10, {connections} connections");
        let rates = format!(
            "{} of {} executions/s",
            figure(found.ours(|round| round.load.rate())),
            figure(found.null(|round| round.load.rate()))
        );
        bench.report.at_least(
            &name,
            100.0 * found.ratio(|round| round.load.rate()),
            "% of null server",
            50.0,
            &rates,
        );
        let cpu = |round: &super::Round| round.cpu_microseconds_each();
        let detail = format!("{} : {} us an execution", figure(found.ours(cpu)), figure(found.null(cpu)));
        bench.report.at_most(
            &format!("{name}: server CPU"),
            found.ratio(cpu),
            "times null server",
            3.0,
            &detail,
        );
        let all = latencies(&found.ours);
        let detail = format!("p50 {} ms, p99 {} ms", figure(median(&all)), figure(percentile(&all, 0.99)));
        if found.ours.iter().any(|round| round.syncs.is_none()) {
            bench.report.note_row(&format!("{name}: syncs"), "not told by /metrics".to_owned());
        } else {
            let syncs = found.ours(|round| round.syncs.unwrap_or(0.0) / round.load.count.max(1) as f64);
            bench.report.at_most(&format!("{name}: syncs"), syncs, "an execution", 0.2, &detail);
        }
    }
    sync_durations(&null)?;
    let found = bench.interleave(1, (&ours, &script), (&null, &script))?;
    let round_trip = round_trip_ms(bench, &null)?;
    let sync = median(&sync_durations(&null)?);
    bench.report.note("fdatasync median, null server, 1 connection", format!("{} ms", figure(sync)));
    let limit = 3.0 * sync + 2.0 * round_trip;
    let detail = format!(
        "fdatasync {} ms, HTTP {} ms; null server {} ms",
        figure(sync),
        figure(round_trip),
        figure(median(&latencies(&found.null)))
    );
    bench.report.at_most(
        "pass10, 1 connection: median",
        median(&latencies(&found.ours)),
        "ms",
        limit,
        &detail,
    );
    drop((ours, null));
    bench.clear("pass10");
    Ok(())
}
