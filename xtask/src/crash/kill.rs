//! R1: SIGKILL at random moments under a mixed load.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use stepwell_benchmarks::{
    client::free_address,
    process::{Launch, Served},
};

use super::{
    Ending, Setting, check,
    clients::{ClientThread, Shared},
    lambda::{Lambda, Port},
    machines,
    random::Random,
};

/// Client threads.
const CLIENTS: u64 = 8;
/// A life of the server lasts between these numbers of milliseconds.
const LIFE_MILLISECONDS: (u64, u64) = (20, 500);
/// How long everything may take to end after the last kill: heartbeats, time-outs and retries included.
const ENDS_WITHIN: Duration = Duration::from_secs(90);
/// After this many kills each of these must have happened at least once, or the test has tested nothing.
const ENOUGH_KILLS: u32 = 50;
const MUST_HAPPEN: [&str; 15] = [
    "starts acknowledged",
    "starts without an answer",
    "starts sent again",
    "starts with another input",
    "activity tasks taken",
    "results acknowledged",
    "results without an answer",
    "results refused",
    "results sent late",
    "stops acknowledged",
    "machine changes acknowledged",
    "alias changes acknowledged",
    "redrives acknowledged",
    "redrives refused",
    "calls repeated after a kill",
];

/// How often, and from which seed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kills
    #[arg(long, default_value_t = 200)]
    runs: u32,
    /// Seed of the clients' choices and of the moments of the kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Serve from memory, so that each kill loses everything: the test must fail, or it would prove nothing
    #[arg(long)]
    forgetful: bool,
}

pub(crate) fn run(setting: &Setting, options: &Options) -> anyhow::Result<Ending> {
    println!("crash kill: {} kills, seed {}", options.runs, options.seed);
    let begun = Instant::now();
    let lambda = Arc::new(Lambda::default());
    let address = free_address()?;
    let launch = |life: u64| -> anyhow::Result<(Served, Port)> {
        let port = lambda.open(life)?;
        let mut launch = Launch::stepwell(&setting.stepwell, &setting.directory);
        launch.address = Some(address);
        if options.forgetful {
            launch.arguments = ["serve", "--memory", "--log-level", "warn"].map(Into::into).to_vec();
        }
        launch.environment = vec![("LAMBDA_ENDPOINT".to_owned(), port.url.clone())];
        let served = launch.start().with_context(|| format!("start number {}", life + 1))?;
        Ok((served, port))
    };
    if options.forgetful {
        println!("  the server forgets everything at each kill: this must fail");
    }
    let (first, first_port) = launch(0)?;
    let activity = machines::create_all(&mut first.client())?;
    let shared = Shared::new(address, lambda.clone(), activity);
    let seed = Random::new(options.seed);
    let mut moments = seed.part(u64::MAX);
    let mut starts_ms = Vec::new();

    let (live, executions) = thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (shared, seed) = (&shared, &seed);
            scope.spawn(move || ClientThread::new(shared, number, seed).run());
        }
        let result = (|| {
            let (mut server, mut port) = (first, first_port);
            for kill in 1..=u64::from(options.runs) {
                thread::sleep(moments.milliseconds(LIFE_MILLISECONDS.0, LIFE_MILLISECONDS.1));
                server.kill()?;
                shared.serving.store(false, Ordering::Relaxed);
                drop(port);
                (server, port) = launch(kill)?;
                shared.serving.store(true, Ordering::Relaxed);
                starts_ms.push(server.ready_after.as_secs_f64() * 1e3);
                if kill % 50 == 0 {
                    println!(
                        "  {kill} kills, {:.0} s, {} executions asked for, {} violations",
                        begun.elapsed().as_secs_f64(),
                        shared.ledger.open().executions.len(),
                        shared.violations.count()
                    );
                }
            }
            shared.draining.store(true, Ordering::Relaxed);
            check::wait_for_ends(&shared, &mut server.client(), ENDS_WITHIN)?;
            Ok::<_, anyhow::Error>((server, port))
        })();
        // The clients end whatever has happened.
        shared.draining.store(true, Ordering::Relaxed);
        shared.ended.store(true, Ordering::Relaxed);
        result
    })
    .and_then(|(server, port)| {
        let executions = check::check(&shared)?;
        Ok(((server, port), executions))
    })
    .inspect_err(|_| {
        // What was found before the checks broke off says more than why they did.
        shared.violations.report();
    })?;
    drop(live);

    let books = shared.ledger.open();
    for (what, count) in &books.counts {
        println!("  {count:>8} {what}");
    }
    let worst = stepwell_benchmarks::measure::percentile(&starts_ms, 1.0);
    println!(
        "  {executions:>8} executions exist of {} asked for; starts after a kill: median {:.0} ms, worst {worst:.0} ms",
        books.executions.len(),
        stepwell_benchmarks::measure::median(&starts_ms)
    );
    let mut good = shared.violations.report();
    if options.runs >= ENOUGH_KILLS {
        for what in MUST_HAPPEN {
            if books.counts.get(what).is_none_or(|count| *count == 0) {
                println!("NOT TESTED: '{what}' never happened");
                good = false;
            }
        }
    }
    let result = if good { "passed" } else { "FAILED" };
    println!("crash kill {result} in {:.0} s (seed {})", begun.elapsed().as_secs_f64(), options.seed);
    Ok(if good { Ending::Passed } else { Ending::Failed })
}
