//! slow: a thousand tasks wait for an endpoint that does not answer; what other executions of the server feel of it.

use std::{
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::json;

use super::{
    Bench,
    lambda::{CONFIGURATION, FUNCTION_ARN},
    pass10::StartAndDescribe,
};
use crate::{
    endpoint::WAITING,
    load::{self, Until},
    machines,
    measure::percentile,
    process::Served,
    report::figure,
};

/// Tasks that wait.
const SLOW_TASKS: usize = 1_000;
/// Executions at a time beside them.
const CONNECTIONS: usize = 4;
/// How long the tasks may take until they wait.
const UNDER_WAY_WITHIN: Duration = Duration::from_secs(20);
/// What is run beside the slow tasks.
const BESIDE: [&str; 3] = ["pass10", "an HTTP Task", "a Lambda task"];

/// A server with the machines that are run on it.
struct Side {
    served: Served,
    scripts: Vec<Rc<StartAndDescribe>>,
    /// By machine.
    latencies_ms: [Vec<f64>; BESIDE.len()],
}

impl Side {
    fn start(bench: &Bench, name: &str, fast: &Served) -> anyhow::Result<Self> {
        // All of the thousand are sent, none waits for its turn: that is the harder case.
        let configuration = format!(
            "{CONFIGURATION}\n[http]\nallow = [\"127.0.0.1:*\"]\nconcurrency = {SLOW_TASKS}\n\n[connections.bench]\ntype = \"none\"\n"
        );
        let served = bench.start_configured(name, &configuration)?;
        let mut client = served.client();
        let definitions = [
            machines::pass_chain(10),
            machines::http_chain(1, &format!("http://{}/after/0", fast.address)),
            machines::lambda_chain(1, FUNCTION_ARN),
        ];
        let mut scripts = Vec::new();
        for (number, definition) in definitions.iter().enumerate() {
            let machine = machines::create(&mut client, &format!("beside{number}"), definition, false)?;
            scripts.push(Rc::new(StartAndDescribe::new(&machine, machines::INPUT)));
        }
        let mut side = Self { served, scripts, latencies_ms: Default::default() };
        // Connections and handlers are warm afterwards.
        side.round(Duration::from_millis(300))?;
        side.latencies_ms = Default::default();
        Ok(side)
    }

    fn round(&mut self, length: Duration) -> anyhow::Result<()> {
        for (script, latencies_ms) in self.scripts.iter().zip(&mut self.latencies_ms) {
            let load = load::run(self.served.address, CONNECTIONS, Until::Elapsed(length / 3), script)?;
            latencies_ms.extend(load.latencies_ms);
        }
        Ok(())
    }

    /// Starts executions until all of their tasks wait at the endpoint. Gives the memory of each, in KB.
    fn beset(&self, slow: &Served) -> anyhow::Result<f64> {
        let mut client = self.served.client();
        let definition = machines::http_chain(1, &format!("http://{}/never", slow.address));
        let machine = machines::create(&mut client, "never", &definition, false)?;
        let before = self.served.resident_bytes()?;
        for _ in 0..SLOW_TASKS {
            client.must("StartExecution", &json!({"stateMachineArn": machine}))?;
        }
        let begun = Instant::now();
        while waiting(slow)? < SLOW_TASKS {
            if begun.elapsed() > UNDER_WAY_WITHIN {
                bail!("only {} of {SLOW_TASKS} tasks have called the slow endpoint", waiting(slow)?);
            }
            thread::sleep(Duration::from_millis(5));
        }
        let more = self.served.resident_bytes()?.saturating_sub(before);
        Ok(more as f64 / SLOW_TASKS as f64 / 1024.0)
    }
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let (slow, fast) = (bench.start_endpoint("slow-endpoint")?, bench.start_endpoint("slow-fast-endpoint")?);
    let mut idle = Side::start(bench, "slow-without", &fast)?;
    let mut beset = Side::start(bench, "slow", &fast)?;
    let memory = beset.beset(&slow)?;
    let (rounds, length) = bench.rounds();
    for _ in 0..rounds {
        idle.round(length)?;
        beset.round(length)?;
        bench.probe.sample(bench.samples() / 5)?;
    }
    // After a minute calls are given up: then this would not have measured what it says.
    let left = waiting(&slow)?;
    if left != SLOW_TASKS {
        bail!("only {left} of {SLOW_TASKS} tasks were still waiting at the end");
    }
    for ((name, without), beside) in BESIDE.iter().zip(&idle.latencies_ms).zip(&beset.latencies_ms) {
        for (figure_name, fraction, limit) in [("median", 0.5, 1.2), ("p99", 0.99, 2.0)] {
            let (without, beside) = (percentile(without, fraction), percentile(beside, fraction));
            let detail = format!("{} and {} ms", figure(beside), figure(without));
            let row = format!("slow: {name} beside {SLOW_TASKS} slow tasks: {figure_name}");
            bench.report.at_most(
                &row,
                beside / without.max(f64::MIN_POSITIVE),
                "times without",
                limit,
                &detail,
            );
        }
    }
    bench.report.note_row("slow: memory of a slow task", format!("{} KB", figure(memory)));
    drop((idle, beset, slow, fast));
    for name in ["slow", "slow-without", "slow-endpoint", "slow-fast-endpoint"] {
        bench.clear(name);
    }
    Ok(())
}

/// Requests that wait at the endpoint.
fn waiting(endpoint: &Served) -> anyhow::Result<usize> {
    let page = endpoint.client().get(WAITING)?;
    String::from_utf8_lossy(&page.body).parse().context("the endpoint tells no number")
}
