//! sync10: StartSyncExecution of an Express machine with ten Pass states.

use std::rc::Rc;

use anyhow::bail;
use serde_json::json;

use super::{Bench, latencies};
use crate::{
    load::{Connection, Script},
    machines,
    measure::{median, percentile},
    report::figure,
    wire::text_member,
};

#[derive(Debug)]
struct StartSync {
    request: Vec<u8>,
}

impl Script for StartSync {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        let answer = connection.call("StartSyncExecution", &self.request).await?;
        match text_member(answer, "status") {
            Some("SUCCEEDED") => Ok(()),
            other => bail!("an express execution ended as {other:?}"),
        }
    }
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.start_stepwell("sync10")?;
    let null = bench.start_null("sync10")?;
    let arn = machines::create(&mut ours.client(), "sync10", &machines::pass_chain(10), true)?;
    let request = json!({"stateMachineArn": arn, "input": machines::INPUT}).to_string().into_bytes();
    let script = Rc::new(StartSync { request });
    for connections in [4, 16] {
        let found = bench.interleave(connections, (&ours, &script), (&null, &script))?;
        let name = format!("sync10, {connections} connections");
        let rates = format!(
            "{} of {} requests/s",
            figure(found.ours(|round| round.load.rate())),
            figure(found.null(|round| round.load.rate()))
        );
        bench.report.at_least(
            &name,
            100.0 * found.ratio(|round| round.load.rate()),
            "% of null server",
            60.0,
            &rates,
        );
        if connections == 4 {
            let all = latencies(&found.ours);
            let detail = format!("p99 {} ms", figure(percentile(&all, 0.99)));
            bench.report.at_most(&format!("{name}: median"), median(&all), "ms", 1.0, &detail);
        }
    }
    drop((ours, null));
    bench.clear("sync10");
    Ok(())
}
