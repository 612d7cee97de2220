//! What one refusal costs, held against the null server's: nothing else is done meanwhile. A server whose limit of memory
//! is reached from the start refuses every execution.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use super::{CONNECTIONS, FEW_ITEMS};
use crate::{
    machines,
    measure::median,
    null_server::REFUSED_OPERATION,
    open_loop::OpenLoop,
    process::{Launch, Served},
    report::figure,
    workloads::Bench,
};

/// Calls a second: well within what both servers can refuse beside the driver.
const RATE: f64 = 8_000.0;
/// A refusal may cost this much of the null server's.
const TIMES_NULL_MAX: f64 = 1.5;

/// What refusing costs in one round.
struct Round {
    server_microseconds: f64,
    driver_microseconds: f64,
    median_ms: f64,
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let mut launch = Launch::stepwell(&bench.stepwell, &bench.place("refusal")?);
    launch.arguments.extend(["--memory-max-megabytes".into(), "1".into()]);
    let ours = launch.start()?;
    let null = bench.start_null("refusal")?;
    let machine = machines::create(&mut ours.client(), "refusal", &machines::map_of_pass(), false)?;
    let input = json!({"items": vec![1; FEW_ITEMS]}).to_string();
    let request = json!({"stateMachineArn": machine, "input": input}).to_string().into_bytes();
    let mut clients = [
        (&ours, "StartExecution", OpenLoop::connect(ours.address, CONNECTIONS)?),
        (&null, REFUSED_OPERATION, OpenLoop::connect(null.address, CONNECTIONS)?),
    ];
    let (rounds, length) = bench.rounds();
    let mut found = [Vec::new(), Vec::new()];
    // The first round of each fills caches.
    for round in 0..=rounds {
        for ((server, operation, clients), found) in clients.iter_mut().zip(&mut found) {
            let one = refuse(server, operation, clients, length, &request)?;
            if round > 0 {
                found.push(one);
            }
        }
    }
    let [ours, null] = found;
    let of = |rounds: &[Round], what: fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    let ratio = |what: fn(&Round) -> f64| {
        let ratios: Vec<f64> = ours.iter().zip(&null).map(|(ours, null)| what(ours) / what(null)).collect();
        median(&ratios)
    };
    for (name, unit, what) in [
        ("server CPU", "us", (|round| round.server_microseconds) as fn(&Round) -> f64),
        ("median", "ms", |round| round.median_ms),
    ] {
        let detail = format!("{} : {} {unit}", figure(of(&ours, what)), figure(of(&null, what)));
        let name = format!("overload: a refusal alone: {name}");
        bench.report.at_most(&name, ratio(what), "times null server", TIMES_NULL_MAX, &detail);
    }
    let driver = of(&ours, |round| round.driver_microseconds);
    bench.report.note_row("overload: a refusal alone: driver CPU", format!("{} us", figure(driver)));
    bench.clear("refusal");
    Ok(())
}

fn refuse(
    served: &Served,
    operation: &str,
    clients: &mut OpenLoop,
    length: Duration,
    request: &[u8],
) -> anyhow::Result<Round> {
    let cpu = served.cpu_seconds()?;
    let answers = clients.offer(RATE, length, operation, request)?;
    let cpu = served.cpu_seconds()? - cpu;
    if !answers.taken_ms.is_empty() {
        bail!("{} of {operation} were not refused", answers.taken_ms.len());
    }
    let count = answers.refused_ms.len();
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    (count > 0)
        .then(|| Round {
            server_microseconds: each(cpu),
            driver_microseconds: each(answers.cpu_seconds),
            median_ms: median(&answers.refused_ms),
        })
        .context("nothing was refused")
}
