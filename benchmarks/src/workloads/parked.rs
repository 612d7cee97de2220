//! parked: very many executions in Wait, all due in the same second.

use std::{
    rc::Rc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Bench, pass10::StartOnly};
use crate::{
    client::Client,
    load::{Until, run as run_load},
    machines,
    measure::{disk_bytes, milliseconds, percentile},
    process::{Launch, Served},
    report::figure,
};

/// Executions of the full run.
const COUNT: u64 = 100_000;
/// Executions of a quick run.
const COUNT_QUICK: u64 = 10_000;
/// Every Wait is at least this long, as seen from its start.
const WAIT_SECONDS: f64 = 60.0;
/// Connections that start executions.
const CONNECTIONS: usize = 64;
/// A store's own logs and preallocated files, which do not grow with what is parked.
const APART: [&str; 2] = ["journal", "jnl"];
/// How long after the due time all must have ended.
const ALL_ENDED: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let count = if bench.quick { COUNT_QUICK } else { COUNT };
    let place = bench.place("parked")?;
    let launch = Launch::stepwell(&bench.stepwell, &place);
    let data = place.join("data");
    let apart = |path: &std::path::Path| {
        path.components()
            .any(|part| APART.iter().any(|word| part.as_os_str().to_string_lossy().contains(word)))
    };

    // The empty server, after a clean stop and a new start like the one below.
    launch.start()?.terminate(Duration::from_secs(30))?;
    let empty_disk = disk_bytes(&data, &apart)?;
    let served = launch.start()?;
    thread::sleep(Duration::from_secs(1));
    let empty_resident = served.resident_bytes()?;

    let mut client = served.client();
    let machine = machines::create(&mut client, "parked", &machines::wait_until(), false)?;
    // Starting takes a while; the last one must still have the whole time before it.
    let pace = 1_000.0_f64.max(start_rate(&served, &machine)?);
    let due = (now_seconds() + count as f64 / pace * 1.5 + WAIT_SECONDS + 5.0).ceil();
    let script = Rc::new(start_at(&machine, due));
    let begun = Instant::now();
    run_load(served.address, CONNECTIONS, Until::Count(count), &script)?;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    if due - now_seconds() < WAIT_SECONDS {
        bail!("starting {count} executions took so long that the last Wait is shorter than {WAIT_SECONDS} s");
    }
    // Parking is done with the batches; a little time for what runs after them.
    thread::sleep(Duration::from_secs(3));
    let resident = served.resident_bytes()?;
    let each = resident.saturating_sub(empty_resident) as f64 / count as f64;
    let detail = format!("{} MB, empty {} MB", megabytes(resident), megabytes(empty_resident));
    memory(bench, "parked: resident memory each", each, &detail);

    // A clean stop writes a checkpoint.
    served.terminate(Duration::from_secs(60))?;
    let disk = disk_bytes(&data, &apart)?;
    let each = disk.saturating_sub(empty_disk) as f64 / count as f64;
    bench.report.at_most("parked: disk each, after a checkpoint", each, "bytes", 2_048.0, "");

    let served = launch.start()?;
    let detail = format!("{} parked; they were started at {}/s", figure(count as f64), figure(rate));
    bench.report.at_most("parked: restart", milliseconds(served.ready_after) / 1e3, "s", 2.0, &detail);
    thread::sleep(Duration::from_secs(1));
    let resident = served.resident_bytes()?;
    let each = resident.saturating_sub(empty_resident) as f64 / count as f64;
    memory(bench, "parked: resident memory each, after restart", each, "");

    if bench.quick {
        bench.report.note_row("parked: lateness", "not measured in a quick run".to_owned());
    } else {
        let seen = watch_ends(&served, due, count)?;
        let detail = format!("all: {} s", figure(percentile(&seen, 1.0)));
        bench.report.at_most(
            "parked: lateness, p99, seen from outside",
            percentile(&seen, 0.99),
            "s",
            5.0,
            &detail,
        );
        let lateness = stop_dates(&mut served.client(), &machine, due, count)?;
        let early = percentile(&lateness, 0.0);
        bench.report.at_least("parked: earliest end after the due time", early, "s", 0.0, "");
        let detail = format!("worst {} s", figure(percentile(&lateness, 1.0)));
        bench.report.at_most(
            "parked: lateness, p99, by stop dates",
            percentile(&lateness, 0.99),
            "s",
            5.0,
            &detail,
        );
    }
    drop(served);
    bench.clear("parked");
    Ok(())
}

/// Adds a figure of memory. The store's buffers have a fixed size, which only the full number of executions makes small.
fn memory(bench: &mut Bench, name: &str, each: f64, detail: &str) {
    if bench.quick {
        bench.report.note_row(
            name,
            format!("{} bytes, with the store's buffers; not judged in a quick run", figure(each)),
        );
    } else {
        bench.report.at_most(name, each, "bytes", 1_024.0, detail);
    }
}

fn start_at(machine: &str, due: f64) -> StartOnly {
    StartOnly::new(machine, &json!({"until": iso(due as u64)}).to_string())
}

/// Executions that the server starts in a second, from a small sample whose Wait has long been over.
fn start_rate(served: &Served, machine: &str) -> anyhow::Result<f64> {
    Ok(run_load(served.address, CONNECTIONS, Until::Count(1_000), &Rc::new(start_at(machine, 1.0)))?.rate())
}

/// Watches the number of open executions from the due time on; gives, for each, when it was no longer among them.
fn watch_ends(served: &Served, due: f64, count: u64) -> anyhow::Result<Vec<f64>> {
    let open = || {
        served.metric(&["executions_open"])?.context("/metrics does not tell how many executions are open")
    };
    thread::sleep(Duration::from_secs_f64((due - now_seconds() - 0.2).max(0.0)));
    let before = open()?;
    if before < count as f64 {
        bail!("{before} executions are open before the due time, not {count}");
    }
    let mut seen = Vec::new();
    while (seen.len() as u64) < count {
        let ended = count - u64::min(open()? as u64, count);
        let late = now_seconds() - due;
        seen.resize(usize::try_from(ended)?.max(seen.len()), late);
        if late > ALL_ENDED.as_secs_f64() {
            bail!("{} executions still wait {late:.0} s after they were due", count - ended);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(seen)
}

/// The seconds from the due time to the stop date of each execution.
fn stop_dates(client: &mut Client, machine: &str, due: f64, count: u64) -> anyhow::Result<Vec<f64>> {
    let mut lateness = Vec::new();
    let mut request = json!({"stateMachineArn": machine, "statusFilter": "SUCCEEDED", "maxResults": 1_000});
    loop {
        let page = client.must("ListExecutions", &request)?;
        for item in page["executions"].as_array().context("a page without executions")? {
            let date =
                |name: &str| item[name].as_f64().with_context(|| format!("an execution without {name}"));
            // The sample that found the pace began and ended at once; all others waited.
            if date("stopDate")? - date("startDate")? > 1.0 {
                lateness.push(date("stopDate")? - due);
            }
        }
        match page.get("nextToken") {
            Some(Value::String(token)) => request["nextToken"] = json!(token),
            _ => break,
        }
    }
    if lateness.len() as u64 != count {
        bail!("{} of {count} executions have ended well", lateness.len());
    }
    Ok(lateness)
}

fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn megabytes(bytes: u64) -> String {
    figure(bytes as f64 / (1024.0 * 1024.0))
}

/// Seconds since 1970 as a timestamp of the language.
fn iso(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date in the Gregorian calendar, counted from 1 March of year 0, so that leap days end a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_timestamps() {
        let table = [
            (1, "1970-01-01T00:00:01Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(iso(seconds), text);
        }
    }
}
