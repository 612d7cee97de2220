//! http5: executions of five HTTP Tasks against an endpoint that takes 20 ms, beside a plain client that makes the same
//! requests.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;

use super::{Bench, Round, expectation::Expectation};
use crate::{
    load::{Connection, Load, Script},
    machines,
    measure::{median, milliseconds, percentile},
    report::figure,
    wire::text_member,
};

/// Executions, and runs of the plain client, at a time; as many calls as `[http] concurrency` lets through by default.
const IN_FLIGHT: usize = 64;
/// Tasks of an execution.
const TASKS: usize = 5;
/// How long the endpoint takes, in milliseconds.
const ANSWER_AFTER_MS: u64 = 20;
/// Between two looks at an execution that should have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Executions of one machine.
struct Execution {
    start: Vec<u8>,
    expectation: Cell<Expectation>,
}

impl Execution {
    fn new(machine: &str) -> Self {
        let start = json!({"stateMachineArn": machine, "input": machines::INPUT}).to_string().into_bytes();
        Self { start, expectation: Cell::new(Expectation::look_after(0.95)) }
    }
}

impl Script for Execution {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        let answer = connection.call("StartExecution", &self.start).await?;
        let arn = text_member(answer, "executionArn").context("StartExecution answers without an ARN")?;
        let describe = format!("{{\"executionArn\":\"{arn}\"}}").into_bytes();
        tokio::time::sleep(self.expectation.get().first_look().saturating_sub(begun.elapsed())).await;
        for looks in 1.. {
            let answer = connection.call("DescribeExecution", &describe).await?;
            match text_member(answer, "status") {
                Some("SUCCEEDED") => {
                    let mut expectation = self.expectation.get();
                    expectation.note(milliseconds(begun.elapsed()), looks);
                    self.expectation.set(expectation);
                    break;
                }
                Some("RUNNING") => tokio::time::sleep(LOOK_AGAIN).await,
                other => bail!("an execution ended as {other:?}: {}", String::from_utf8_lossy(answer)),
            }
        }
        Ok(())
    }
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let endpoint = bench.start_endpoint("http5-endpoint")?;
    let ours = bench.start_configured(
        "http5",
        "[http]\nallow = [\"127.0.0.1:*\"]\n\n[connections.bench]\ntype = \"none\"\n",
    )?;
    let url = format!("http://{}/after/{ANSWER_AFTER_MS}", endpoint.address);
    let machine = machines::create(&mut ours.client(), "http5", &machines::http_chain(TASKS, &url), false)?;
    let script = Rc::new(Execution::new(&machine));
    let plain = Plain::new(&url)?;
    let (rounds, length) = bench.rounds();
    Round::measure(&ours, IN_FLIGHT, length / 2, &script)?;
    plain.run(length / 4)?;
    let (mut ratios, mut ours_rates, mut plain_rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut latencies, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = Round::measure(&ours, IN_FLIGHT, length, &script)?;
        let bare = plain.run(length)?;
        ratios.push(100.0 * round.load.rate() / bare.rate());
        ours_rates.push(round.load.rate());
        plain_rates.push(bare.rate());
        cpu.push(round.cpu_microseconds_each() / TASKS as f64);
        latencies.extend(round.load.latencies_ms);
        bench.probe.sample(bench.samples() / 5)?;
    }
    let detail = format!("{} of {} executions/s", figure(median(&ours_rates)), figure(median(&plain_rates)));
    bench.report.at_least("http5, 64 executions", median(&ratios), "% of a plain client", 80.0, &detail);
    let text = format!(
        "{} us a task; an execution takes p50 {} ms, p99 {} ms",
        figure(median(&cpu)),
        figure(median(&latencies)),
        figure(percentile(&latencies, 0.99))
    );
    bench.report.note_row("http5: server CPU", text);
    drop((ours, endpoint));
    bench.clear("http5");
    bench.clear("http5-endpoint");
    Ok(())
}

/// The plain client: hyper's, with a pool as large as Stepwell's.
struct Plain {
    runtime: tokio::runtime::Runtime,
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: Uri,
}

impl Plain {
    fn new(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IN_FLIGHT).build(connector);
        Ok(Self { runtime, client, uri: url.parse()? })
    }

    /// Keeps as many runs of five requests in flight as there are executions in flight.
    fn run(&self, length: Duration) -> anyhow::Result<Load> {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut tasks = Vec::new();
            for _ in 0..IN_FLIGHT {
                let (client, uri) = (self.client.clone(), self.uri.clone());
                tasks.push(tokio::spawn(async move {
                    let mut latencies_ms = Vec::new();
                    while begun.elapsed() < length {
                        let started = Instant::now();
                        for _ in 0..TASKS {
                            let answer = client.get(uri.clone()).await?;
                            if !answer.status().is_success() {
                                bail!("the endpoint answered {}", answer.status());
                            }
                            answer.into_body().collect().await?;
                        }
                        latencies_ms.push(milliseconds(started.elapsed()));
                    }
                    Ok(latencies_ms)
                }));
            }
            let mut load = Load::default();
            for task in tasks {
                load.latencies_ms.extend(task.await.context("the plain client panicked")??);
            }
            load.seconds = begun.elapsed().as_secs_f64();
            load.count = load.latencies_ms.len() as u64;
            Ok(load)
        })
    }
}
