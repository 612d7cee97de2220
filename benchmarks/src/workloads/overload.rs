//! overload: ten times as many starts as the server can carry. What it takes must be finished, what it refuses must be
//! refused at once, its memory must stay bounded, and afterwards all must be as before.

use std::{
    cell::RefCell,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::json;
use tokio::{sync::Semaphore, task::LocalSet};

use super::{Bench, pass10::StartAndDescribe, pass10::StartOnly};
use crate::{
    load::{Connection, Until, run as run_load},
    machines,
    measure::{median, milliseconds, percentile},
    process::Served,
    report::figure,
    wire::text_member,
};

/// Items of the Map that makes an execution dear: the driver shares the machine with the server, and could not offer ten
/// times the executions of a server that has next to nothing to do for each.
const ITEMS: usize = 200;
/// Connections at the peak: enough to keep the server busy.
const PEAK_CONNECTIONS: usize = 64;
/// Connections of the overload: more than the server lets wait, so that the rest is refused.
const CONNECTIONS: usize = 6_000;
/// How much more than the peak is offered.
const TIMES_PEAK: f64 = 10.0;
/// How often the driver sends what is due.
const TICK: Duration = Duration::from_millis(1);
/// The server's default limit.
const MEMORY_MAX_MEGABYTES: f64 = 2_048.0;

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let length = Duration::from_secs(if bench.quick { 10 } else { 60 });
    let served = bench.start_stepwell("overload")?;
    let machine = machines::create(&mut served.client(), "overload", &machines::map_of_pass(), false)?;
    let input = json!({"items": vec![1; ITEMS]}).to_string();
    let one = Rc::new(StartAndDescribe::new(&machine, &input));
    let alone = || -> anyhow::Result<f64> {
        let load = run_load(served.address, 1, Until::Elapsed(Duration::from_millis(500)), &one)?;
        Ok(median(&load.latencies_ms))
    };
    let before_ms = alone()?;
    let start = Rc::new(StartOnly::new(&machine, &input));
    let peak = goodput(&served, || {
        run_load(served.address, PEAK_CONNECTIONS, Until::Elapsed(length / 6), &start).map(|_| ())
    })?;

    served.forget_peak()?;
    let request = json!({"stateMachineArn": machine, "input": input}).to_string().into_bytes();
    let mut offer = Offer::default();
    let under = goodput(&served, || {
        offer = offer_load(&served, peak * TIMES_PEAK, length, request)?;
        Ok(())
    })?;
    let ended_at = Instant::now();
    let recovered = loop {
        if alone()? <= 2.0 * before_ms {
            break ended_at.elapsed();
        }
        if ended_at.elapsed() > Duration::from_secs(60) {
            bail!("one start still takes twice as long as before, a minute after the overload");
        }
    };
    report(bench, &served, &offer, length, (peak, under), recovered)?;
    // What was taken must be carried to its end.
    let begun = Instant::now();
    while served.metric(&["executions_open"])?.context("/metrics tells no open executions")? > 0.0 {
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("executions that were accepted have not ended a minute after the overload");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let ended = served.metric(&["executions_ended", "SUCCEEDED"])?.unwrap_or(0.0);
    bench.report.note_row("overload: executions that ended well", figure(ended));
    drop(served);
    bench.clear("overload");
    Ok(())
}

fn report(
    bench: &mut Bench,
    served: &Served,
    offer: &Offer,
    length: Duration,
    (peak, under): (f64, f64),
    recovered: Duration,
) -> anyhow::Result<()> {
    let rate = |count: usize| count as f64 / length.as_secs_f64();
    let answered = offer.taken_ms.len() + offer.refused_ms.len();
    let detail = format!("{} of {} executions/s", figure(under), figure(peak));
    let goodput = 100.0 * under / peak.max(f64::MIN_POSITIVE);
    bench.report.at_least("overload: executions ended", goodput, "% of the peak", 80.0, &detail);
    let detail = format!(
        "p50 {} ms; {} offered/s, {} refused/s, {} unsent",
        figure(median(&offer.refused_ms)),
        figure(rate(answered)),
        figure(rate(offer.refused_ms.len())),
        offer.unsent
    );
    bench.report.at_least(
        "overload: offered",
        rate(answered) / peak.max(f64::MIN_POSITIVE),
        "times the peak",
        TIMES_PEAK * 0.9,
        "",
    );
    let p99 = percentile(&offer.refused_ms, 0.99);
    bench.report.note_row("overload: a refusal, p99, seen by the driver", format!("{} ms", figure(p99)));
    bench.report.at_most("overload: a refusal, median", median(&offer.refused_ms), "ms", 5.0, &detail);
    let taken = percentile(&offer.taken_ms, 0.99);
    bench.report.note_row("overload: a start that was taken, p99", format!("{} ms", figure(taken)));
    let memory = served.peak_bytes()? as f64 / (1024.0 * 1024.0);
    bench.report.at_most("overload: peak of memory", memory, "MB", MEMORY_MAX_MEGABYTES, "");
    bench.report.at_most("overload: as before after", recovered.as_secs_f64(), "s", 5.0, "");
    Ok(())
}

/// Executions that end a second while something is done.
fn goodput(served: &Served, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let ended = || -> anyhow::Result<f64> { Ok(served.metric(&["executions_ended"])?.unwrap_or(0.0)) };
    let (begun, before) = (Instant::now(), ended()?);
    work()?;
    Ok((ended()? - before) / begun.elapsed().as_secs_f64())
}

/// What came of an open loop.
#[derive(Debug, Default)]
struct Offer {
    taken_ms: Vec<f64>,
    refused_ms: Vec<f64>,
    /// Calls that were due when the time was over and had found no free connection.
    unsent: usize,
}

/// Starts `rate` executions a second for a time, whatever comes of them.
fn offer_load(served: &Served, rate: f64, length: Duration, request: Vec<u8>) -> anyhow::Result<Offer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (due, offer) = (Rc::new(Semaphore::new(0)), Rc::new(RefCell::new(Offer::default())));
        let request = Rc::new(request);
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(served.address).await?;
            let (due, offer, request) = (due.clone(), offer.clone(), request.clone());
            tasks.push(tokio::task::spawn_local(async move {
                // Closed when the time is over.
                while let Ok(permit) = due.acquire().await {
                    permit.forget();
                    let sent = Instant::now();
                    let (status, body) = connection.ask("StartExecution", &request).await?;
                    let took = milliseconds(sent.elapsed());
                    let is_throttled = text_member(body, "__type") == Some("ThrottlingException");
                    match status {
                        200 => offer.borrow_mut().taken_ms.push(took),
                        400 if is_throttled => offer.borrow_mut().refused_ms.push(took),
                        _ => bail!("StartExecution answered {status}: {}", String::from_utf8_lossy(body)),
                    }
                }
                Ok(())
            }));
        }
        let (begun, mut sent) = (Instant::now(), 0);
        while begun.elapsed() < length {
            let now = (begun.elapsed().as_secs_f64() * rate) as usize;
            due.add_permits(now - sent);
            sent = now;
            tokio::time::sleep(TICK).await;
        }
        offer.borrow_mut().unsent = due.available_permits();
        due.close();
        for task in tasks {
            task.await.context("a connection of the driver panicked")??;
        }
        Ok(offer.take())
    })
}
