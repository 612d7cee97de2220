//! heavy: pass10 beside executions that evaluate the heaviest expressions that are allowed, one after the other.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Bench, Round, latencies, pass10::StartAndDescribe};
use crate::{
    machines,
    measure::{median, percentile},
    process::Served,
    report::figure,
};

/// Connections of those who should not be held up.
const CONNECTIONS: usize = 16;
/// How much longer they may have to wait.
const P99_TIMES: f64 = 2.0;

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let served = bench.start_stepwell("heavy")?;
    let mut client = served.client();
    let pass10 = machines::create(&mut client, "pass10", &machines::pass_chain(10), false)?;
    let script = Rc::new(StartAndDescribe::new(&pass10, machines::INPUT));
    let standard = machines::create(&mut client, "bombs", &machines::bombs(true), false)?;
    let express = machines::create(&mut client, "bombs-express", &machines::bombs(false), true)?;
    for count in [1, 4] {
        let name = format!("heavy: beside {count} Standard");
        let beset = |length: Duration| {
            let bombs = start(&served, &standard, count)?;
            let round = Round::measure(&served, CONNECTIONS, length, &script);
            stop(&served, &bombs)?;
            round
        };
        compare(bench, &served, &script, &name, &beset)?;
    }
    let beset = |length| {
        beside_express(&served, &express, 4, || Round::measure(&served, CONNECTIONS, length, &script))
    };
    compare(bench, &served, &script, "heavy: beside 4 synchronous Express", &beset)?;
    drop(served);
    bench.clear("heavy");
    Ok(())
}

/// By turns alone and beset.
fn compare(
    bench: &mut Bench,
    served: &Served,
    script: &Rc<StartAndDescribe>,
    name: &str,
    beset: &dyn Fn(Duration) -> anyhow::Result<Round>,
) -> anyhow::Result<()> {
    let (rounds, length) = bench.rounds();
    Round::measure(served, CONNECTIONS, length / 4, script)?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        alone.push(Round::measure(served, CONNECTIONS, length, script)?);
        beside.push(beset(length)?);
        bench.probe.sample(bench.samples() / 5)?;
    }
    let p99 = |round: &Round| percentile(&round.load.latencies_ms, 0.99);
    let ratios: Vec<f64> =
        alone.iter().zip(&beside).map(|(alone, beside)| p99(beside) / p99(alone)).collect();
    let (alone, beside) = (latencies(&alone), latencies(&beside));
    let detail = format!(
        "{} and {} ms; p50 {} and {} ms, worst {} and {} ms",
        figure(percentile(&beside, 0.99)),
        figure(percentile(&alone, 0.99)),
        figure(median(&beside)),
        figure(median(&alone)),
        figure(percentile(&beside, 1.0)),
        figure(percentile(&alone, 1.0))
    );
    bench.report.at_most(
        &format!("{name}: p99 of pass10"),
        median(&ratios),
        "times alone",
        P99_TIMES,
        &detail,
    );
    Ok(())
}

fn start(served: &Served, machine: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let mut client = served.client();
    let request = json!({"stateMachineArn": machine});
    (0..count).map(|_| Ok(client.must("StartExecution", &request)?["executionArn"].clone())).collect()
}

/// Ends executions that would go on for ever; one that has ended by itself has not done what it should.
fn stop(served: &Served, executions: &[Value]) -> anyhow::Result<()> {
    let mut client = served.client();
    for execution in executions {
        let request = json!({"executionArn": execution});
        client.must("StopExecution", &request)?;
        let ended = client.must("DescribeExecution", &request)?;
        if ended["status"] != "ABORTED" {
            bail!("an execution of heavy expressions ended as {}: {}", ended["status"], ended["cause"]);
        }
    }
    Ok(())
}

/// Measures while callers have heavy Express executions run, each one after the other.
fn beside_express<T>(
    served: &Served,
    machine: &str,
    count: usize,
    measure: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let (mut client, is_over) = (served.client(), is_over.clone());
            let request = json!({"stateMachineArn": machine});
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.must("StartSyncExecution", &request)?;
                    if answer["error"] != "States.QueryEvaluationError" {
                        bail!("a heavy Express execution ended as {answer}");
                    }
                }
                anyhow::Ok(())
            })
        })
        .collect();
    let measured = measure();
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().map_err(|_| anyhow!("a caller panicked"))??;
    }
    measured
}
