//! lambda: what the engine adds to a call of a warm Python handler that Stepwell runs itself.

use std::{rc::Rc, thread, time::Instant};

use anyhow::bail;
use serde_json::json;

use super::{
    Bench,
    expectation::Expectation,
    pass10::{StartOnly, sync_durations},
};
use crate::{
    client::Client,
    load::{self, Connection, Script, Until},
    machines,
    measure::{median, milliseconds, percentile},
    report::figure,
};

/// The function of the configuration below.
pub(super) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
pub(super) const CONFIGURATION: &str =
    "[lambda.functions.echo]\nruntime = \"python\"\nhandler = \"echo.handle\"\n";
/// Tasks of the long chain; the short one has one.
const LONG: usize = 11;
/// Executions before anything is measured: the handler is warm then.
const WARM_UP: usize = 50;

/// A call of the handler at the null server.
struct Invoke;

impl Script for Invoke {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        let answer = connection.call("Invoke", machines::INPUT.as_bytes()).await?;
        if !answer.starts_with(b"{\"order\"") {
            bail!("the handler answered {}", String::from_utf8_lossy(answer));
        }
        Ok(())
    }
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_configured("lambda", CONFIGURATION)?;
    let null = bench.start_null_with_handler("lambda")?;
    let mut client = ours.client();
    let chain = |client: &mut Client, length: usize| {
        let definition = machines::lambda_chain(length, FUNCTION_ARN);
        machines::create(client, &format!("lambda{length}"), &definition, false)
    };
    let mut short = Watched::new(chain(&mut client, 1)?);
    let mut long = Watched::new(chain(&mut client, LONG)?);
    let (invoke, commit) = (Rc::new(Invoke), Rc::new(StartOnly::new("null", "{}")));
    load::run(null.address, 1, Until::Count(WARM_UP as u64), &invoke)?;
    for _ in 0..WARM_UP {
        short.once(&mut client)?;
        long.once(&mut client)?;
    }
    short.times_ms.clear();
    long.times_ms.clear();
    sync_durations(&null)?;
    let (rounds, length) = bench.rounds();
    let (mut calls, mut syncs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        calls.extend(load::run(null.address, 1, Until::Elapsed(length / 4), &invoke)?.latencies_ms);
        load::run(null.address, 1, Until::Elapsed(length / 4), &commit)?;
        syncs.extend(sync_durations(&null)?);
        bench.probe.sample(bench.samples() / 5)?;
        for watched in [&mut short, &mut long] {
            let begun = Instant::now();
            while begun.elapsed() < length / 2 {
                watched.once(&mut client)?;
            }
        }
    }
    let (call, sync) = (median(&calls), median(&syncs));
    let limit = 1.5 * (call + sync);
    let (one, many) = (median(&short.times_ms), median(&long.times_ms));
    let detail = format!("bare call {} ms, fdatasync {} ms", figure(call), figure(sync));
    let each = (many - one) / (LONG - 1) as f64;
    bench.report.at_most("lambda: a task, as part of a chain", each, "ms", limit, &detail);
    let detail =
        format!("p99 {} ms; from StartExecution until seen ended", figure(percentile(&short.times_ms, 0.99)));
    bench.report.at_most("lambda: an execution with one task, median", one, "ms", limit, &detail);
    drop((ours, null));
    bench.clear("lambda");
    Ok(())
}

/// Executions of one machine, one after the other.
struct Watched {
    machine: String,
    expectation: Expectation,
    times_ms: Vec<f64>,
}

impl Watched {
    fn new(machine: String) -> Self {
        Self { machine, expectation: Expectation::look_after(0.7), times_ms: Vec::new() }
    }

    /// Runs one execution.
    fn once(&mut self, client: &mut Client) -> anyhow::Result<()> {
        let begun = Instant::now();
        let started = client
            .must("StartExecution", &json!({"stateMachineArn": self.machine, "input": machines::INPUT}))?;
        let describe = json!({"executionArn": started["executionArn"]});
        thread::sleep(self.expectation.first_look().saturating_sub(begun.elapsed()));
        for looks in 1.. {
            let answer = client.must("DescribeExecution", &describe)?;
            match answer["status"].as_str() {
                Some("SUCCEEDED") => {
                    let took = milliseconds(begun.elapsed());
                    self.expectation.note(took, looks);
                    self.times_ms.push(took);
                    break;
                }
                Some("RUNNING") => {}
                other => bail!("an execution ended as {other:?}: {}", answer["cause"]),
            }
        }
        Ok(())
    }
}
