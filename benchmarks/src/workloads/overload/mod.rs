//! overload: ten times as many starts as the server can carry. What it takes must be finished, what it refuses must be
//! refused at once, its memory must stay bounded, and afterwards all must be as before.

mod refusal;

use std::{
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::json;

use super::{Bench, pass10::StartAndDescribe, pass10::StartOnly};
use crate::{
    load::{Until, run as run_load},
    machines,
    measure::{median, milliseconds, percentile},
    open_loop::{Answers, OpenLoop},
    process::Served,
    report::figure,
};

/// Items of the Map that makes an execution dear, as in map1000: the driver has the server's cores to share, and can
/// offer ten times as many of these beside it.
const ITEMS: usize = 1_000;
/// Items of a small execution. Sending and refusing ten times as many of these takes about one core by itself.
const FEW_ITEMS: usize = 200;
/// Connections at the peak: enough to keep the server busy however long a sync takes.
const PEAK_CONNECTIONS: usize = 256;
/// Connections of the overload: more than the server lets wait, so that the rest is refused.
const CONNECTIONS: usize = 6_000;
/// How much more than the peak is offered.
const TIMES_PEAK: f64 = 10.0;
/// How long the bystander waits between its calls.
const BYSTANDER_PAUSE: Duration = Duration::from_millis(10);
/// The server's default limit.
const MEMORY_MAX_MEGABYTES: f64 = 2_048.0;

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    refusal::run(bench)?;
    overload(bench, ITEMS)?.report(bench);
    overload(bench, FEW_ITEMS)?.note_small(bench);
    Ok(())
}

/// Overloads a server with executions of a Map over `items` items.
fn overload(bench: &Bench, items: usize) -> anyhow::Result<Overload> {
    let length = Duration::from_secs(if bench.quick { 10 } else { 60 });
    let served = bench.start_stepwell("overload")?;
    let machine = machines::create(&mut served.client(), "overload", &machines::map_of_pass(), false)?;
    let input = json!({"items": vec![1; items]}).to_string();
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

    let request = json!({"stateMachineArn": machine, "input": input}).to_string().into_bytes();
    let mut found = Found::default();
    let mut clients = OpenLoop::connect(served.address, CONNECTIONS)?;
    served.forget_peak()?;
    let cpu = served.cpu_seconds()?;
    let under = goodput(&served, || {
        found = offer(&served, &mut clients, peak * TIMES_PEAK, length, &request)?;
        Ok(())
    })?;
    found.server_cpu_seconds = served.cpu_seconds()? - cpu;
    let ended_at = Instant::now();
    let recovered = loop {
        if alone()? <= 2.0 * before_ms {
            break ended_at.elapsed();
        }
        if ended_at.elapsed() > Duration::from_secs(60) {
            bail!("one start still takes twice as long as before, a minute after the overload");
        }
    };
    drop(clients);
    let memory_bytes = served.peak_bytes()?;
    // What was taken must be carried to its end.
    let begun = Instant::now();
    while served.metric(&["executions_open"])?.context("/metrics tells no open executions")? > 0.0 {
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("executions that were accepted have not ended a minute after the overload");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let ended_well = served.metric(&["executions_ended", "SUCCEEDED"])?.unwrap_or(0.0);
    drop(served);
    bench.clear("overload");
    Ok(Overload { length, peak, under, found, memory_bytes, recovered, ended_well })
}

/// What an overload showed.
#[derive(Debug, Default)]
struct Found {
    /// What those who made it saw.
    offer: Answers,
    /// How long a client beside them, with nothing else to do, waited for its refusals, in milliseconds.
    bystander_ms: Vec<f64>,
    server_cpu_seconds: f64,
}

/// Makes the overload, and beside it the calls of a bystander.
fn offer(
    served: &Served,
    clients: &mut OpenLoop,
    rate: f64,
    length: Duration,
    request: &[u8],
) -> anyhow::Result<Found> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(served, request, &is_over));
        let offer = clients.offer(rate, length, "StartExecution", request);
        is_over.store(true, Ordering::Relaxed);
        let Ok(bystander_ms) = bystander.join() else { bail!("the bystander panicked") };
        Ok(Found { offer: offer?, bystander_ms: bystander_ms?, server_cpu_seconds: 0.0 })
    })
}

/// A client that starts an execution now and then. Gives how long its refusals took, in milliseconds.
fn bystander(served: &Served, request: &[u8], is_over: &AtomicBool) -> anyhow::Result<Vec<f64>> {
    let mut client = served.client();
    let mut refused_ms = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let answer = client.call_bytes("StartExecution", request)?;
        let took = milliseconds(sent.elapsed());
        match (answer.status, answer.error_name().as_str()) {
            (200, _) => {}
            (400, "ThrottlingException") => refused_ms.push(took),
            (status, name) => bail!("StartExecution answered {status} {name}"),
        }
        thread::sleep(BYSTANDER_PAUSE);
    }
    Ok(refused_ms)
}

/// An overload and what came after it.
struct Overload {
    length: Duration,
    /// Executions that ended a second without overload, and under it.
    peak: f64,
    under: f64,
    found: Found,
    memory_bytes: u64,
    /// Until one start took about as long as before.
    recovered: Duration,
    ended_well: f64,
}

impl Overload {
    fn rate(&self, count: usize) -> f64 {
        count as f64 / self.length.as_secs_f64()
    }

    fn report(&self, bench: &mut Bench) {
        let (offer, bystander_ms) = (&self.found.offer, &self.found.bystander_ms);
        let goodput = 100.0 * self.under / self.peak.max(f64::MIN_POSITIVE);
        let detail = format!("{} of {} executions/s", figure(self.under), figure(self.peak));
        bench.report.at_least("overload: executions ended", goodput, "% of the peak", 80.0, &detail);
        let answered = self.rate(offer.taken_ms.len() + offer.refused_ms.len());
        let refused = figure(self.rate(offer.refused_ms.len()));
        let detail =
            format!("{} answered/s, {refused} of them refusals; {} unsent", figure(answered), offer.unsent);
        let times = answered / self.peak.max(f64::MIN_POSITIVE);
        bench.report.at_least("overload: offered", times, "times the peak", TIMES_PEAK * 0.9, &detail);
        let median_ms = median(&offer.refused_ms);
        let detail = spread(&offer.refused_ms);
        bench.report.at_most("overload: a refusal, median", median_ms, "ms", 5.0, &detail);
        let detail = format!("{}; {} of them", spread(bystander_ms), bystander_ms.len());
        let median_ms = median(bystander_ms);
        bench.report.at_most("overload: a bystander's refusal, median", median_ms, "ms", 5.0, &detail);
        let taken = format!("{} ms", figure(percentile(&offer.taken_ms, 0.99)));
        bench.report.note_row("overload: a start that was taken, p99", taken);
        let memory = self.memory_bytes as f64 / (1024.0 * 1024.0);
        bench.report.at_most("overload: peak of memory", memory, "MB", MEMORY_MAX_MEGABYTES, "");
        bench.report.at_most("overload: as before after", self.recovered.as_secs_f64(), "s", 5.0, "");
        bench.report.note_row("overload: cores in use", self.cores());
        bench.report.note_row("overload: executions that ended well", figure(self.ended_well));
    }

    /// What became of small executions, which is not judged: how much of the cores the driver and the refusals leave
    /// for them depends on how many cores there are.
    fn note_small(&self, bench: &mut Bench) {
        let offer = &self.found.offer;
        let share = |part: f64| figure(part / self.peak.max(f64::MIN_POSITIVE));
        let answered = self.rate(offer.taken_ms.len() + offer.refused_ms.len());
        let found = format!(
            "{} of {} executions/s ended, {} of the peak, at {} times its calls",
            figure(self.under),
            figure(self.peak),
            share(self.under),
            share(answered)
        );
        bench.report.note_row("overload, small executions", found);
        let refusal = format!("{} ms ({})", figure(median(&offer.refused_ms)), spread(&offer.refused_ms));
        bench.report.note_row("overload, small executions: a refusal, median", refusal);
        bench.report.note_row("overload, small executions: cores in use", self.cores());
    }

    fn cores(&self) -> String {
        let cores = |seconds: f64| figure(seconds / self.length.as_secs_f64());
        let (server, driver) = (self.found.server_cpu_seconds, self.found.offer.cpu_seconds);
        format!("server {}, driver {}", cores(server), cores(driver))
    }
}

fn spread(values: &[f64]) -> String {
    format!("p90 {} ms, p99 {} ms", figure(percentile(values, 0.9)), figure(percentile(values, 0.99)))
}

/// Executions that end a second while something is done.
fn goodput(served: &Served, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let ended = || -> anyhow::Result<f64> { Ok(served.metric(&["executions_ended"])?.unwrap_or(0.0)) };
    let (begun, before) = (Instant::now(), ended()?);
    work()?;
    Ok((ended()? - before) / begun.elapsed().as_secs_f64())
}
