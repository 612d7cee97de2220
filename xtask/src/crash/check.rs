//! The checks after the last kill, when everything has ended.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use stepwell_benchmarks::client::Client;

use super::{
    clients::{END_STAYS, OTHERS_KEPT, REDRIVES_ONCE, RESULTS_ONCE, STARTS_KEPT, Shared},
    history::{faults, results},
    ledger::{Fact, Outcome, Started, machine_arn},
    machines::{CHILD, KINDS},
};

/// Threads that check.
const THREADS: usize = 2;
/// Executions of a page, and events of a page.
const PAGE: u64 = 1_000;

const NOTHING_INVENTED: &str = "1: no execution exists that was not asked for";
const HISTORIES: &str = "3: all histories are well formed";
const ALL_END: &str = "4: all executions end";
const INVOCATIONS: &str =
    "5: an attempt is invoked once, again only by a server that found it in flight when it started";
const LISTS: &str = "6: lists agree with descriptions, and counts with the driver";

/// Names of all machines of the workload.
fn machines() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|kind| kind.name).chain([CHILD])
}

/// Waits until nothing runs any more. What still runs at the end of the time is a violation.
pub(crate) fn wait_for_ends(shared: &Shared, client: &mut Client, timeout: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut running = Vec::new();
        for machine in machines() {
            let request = json!({"stateMachineArn": machine_arn(machine), "statusFilter": "RUNNING", "maxResults": PAGE});
            let page = client.must("ListExecutions", &request)?;
            let items = page["executions"].as_array().context("a list without executions")?;
            running.extend(items.iter().map(|item| item["executionArn"].to_string()));
        }
        if running.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > timeout {
            for arn in running {
                shared
                    .violations
                    .add(ALL_END, format!("{arn} still runs {} s after the last kill", timeout.as_secs()));
            }
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// All checks. Gives the number of executions that exist.
pub(crate) fn check(shared: &Shared) -> anyhow::Result<usize> {
    let listed = list_all(&mut Client::new(shared.address))?;
    let books = shared.ledger.open();
    for arn in listed.keys() {
        shared.violations.expect(books.may_exist(arn), NOTHING_INVENTED, || arn.clone());
    }
    let asked: Vec<String> = books.executions.keys().cloned().collect();
    drop(books);
    let arns: Vec<&String> =
        asked.iter().chain(listed.keys().filter(|arn| arn.contains(&format!(":{CHILD}:")))).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::new(shared.address);
                    while let Some(arn) = arns.get(next.fetch_add(1, Ordering::Relaxed)) {
                        check_execution(shared, &mut client, arn, listed.get(*arn))?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a thread that checks panicked"))??;
        }
        anyhow::Ok(())
    })?;
    check_invocations(shared);
    Ok(listed.len())
}

/// All executions of all machines, as the lists show them.
fn list_all(client: &mut Client) -> anyhow::Result<HashMap<String, Value>> {
    let mut listed = HashMap::new();
    for machine in machines() {
        let mut request = json!({"stateMachineArn": machine_arn(machine), "maxResults": PAGE});
        loop {
            let page = client.must("ListExecutions", &request)?;
            for item in page["executions"].as_array().context("a list without executions")? {
                let arn = item["executionArn"].as_str().unwrap_or_default().to_owned();
                anyhow::ensure!(listed.insert(arn.clone(), item.clone()).is_none(), "{arn} is listed twice");
            }
            match page.get("nextToken") {
                Some(token) => request["nextToken"] = token.clone(),
                None => break,
            }
        }
    }
    Ok(listed)
}

fn check_execution(
    shared: &Shared,
    client: &mut Client,
    arn: &str,
    item: Option<&Value>,
) -> anyhow::Result<()> {
    let asked = Instant::now();
    let answer = client.call("DescribeExecution", &json!({"executionArn": arn}))?;
    shared.saw_description(arn, asked, &answer);
    shared.violations.expect(answer.is_ok() == item.is_some(), LISTS, || {
        format!(
            "{arn} is {}listed, and DescribeExecution answers {}",
            if item.is_some() { "" } else { "not " },
            answer.json()
        )
    });
    if !answer.is_ok() {
        let books = shared.ledger.open();
        let given = books.results.get(arn).into_iter().flatten();
        let kept = given.filter(|result| result.outcome == Outcome::Acknowledged).count();
        shared
            .violations
            .expect(kept == 0, RESULTS_ONCE, || format!("{arn} does not exist, and took {kept} results"));
        return Ok(());
    }
    let body = answer.json();
    for member in ["status", "startDate", "stopDate", "name"] {
        let same = item.is_none_or(|item| item.get(member) == body.get(member));
        shared
            .violations
            .expect(same, LISTS, || format!("{arn}: {member} differs between list and description"));
    }
    let mut events = Vec::new();
    let mut request = json!({"executionArn": arn, "maxResults": PAGE});
    loop {
        let page = client.must("GetExecutionHistory", &request)?;
        events.extend(page["events"].as_array().cloned().unwrap_or_default());
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => break,
        }
    }
    shared.saw_events(arn, &events);
    let ended = body["status"] != "RUNNING";
    for fault in faults(&events, ended) {
        shared.violations.add(HISTORIES, format!("{arn}: {fault}"));
    }
    check_books(shared, arn, &body, &events);
    Ok(())
}

/// Compares an execution that exists with what was sent and acknowledged.
fn check_books(shared: &Shared, arn: &str, body: &Value, events: &[Value]) {
    let books = shared.ledger.open();
    if let Some(started) = books.executions.get(arn) {
        shared.violations.expect(started.possible, NOTHING_INVENTED, || arn.to_owned());
        let same = started.name == body["name"].as_str().unwrap_or_default();
        shared.violations.expect(same, STARTS_KEPT, || format!("{arn} has the name {}", body["name"]));
        check_redrives(shared, arn, started, body, events);
        if let Some(Fact { value: date, .. }) = started.stopped.as_ref().filter(|_| !started.redrive_sent) {
            let kept = body["stopDate"].as_f64() == Some(*date);
            shared.violations.expect(kept, OTHERS_KEPT, || {
                format!("{arn} was stopped at {date}, now {}", body["stopDate"])
            });
        }
        let aborted = body["status"] == "ABORTED";
        shared.violations.expect(!aborted || started.stop_sent, END_STAYS, || {
            format!("{arn} is aborted and nobody stopped it")
        });
        if started.machine == "crash-pass" && !started.stop_sent {
            let good = body["status"] == "SUCCEEDED";
            shared
                .violations
                .expect(good, END_STAYS, || format!("{arn} can only succeed and is {}", body["status"]));
        }
    }
    let found = results(events);
    let given = books.results.get(arn).map(Vec::as_slice).unwrap_or_default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &found {
        *counts.entry(id).or_default() += 1;
        let known = given.iter().any(|result| result.id == *id);
        shared
            .violations
            .expect(known, RESULTS_ONCE, || format!("{arn} holds the result {id} that nobody sent"));
    }
    let mut taken = BTreeSet::new();
    for result in given {
        let count = counts.get(result.id.as_str()).copied().unwrap_or(0);
        let right = match result.outcome {
            Outcome::Acknowledged => count == 1,
            Outcome::Unknown => count <= 1,
            Outcome::Refused => count == 0,
        };
        shared.violations.expect(right, RESULTS_ONCE, || {
            format!("{arn}: the result {} ({:?}) is in the history {count} times", result.id, result.outcome)
        });
        if count > 0 {
            let first = taken.insert(&result.token);
            shared.violations.expect(first, RESULTS_ONCE, || {
                format!("{arn}: a token brought two results, {} is one", result.id)
            });
        }
    }
}

/// Every redrive that was acknowledged is in the history, none is there that was not asked for.
fn check_redrives(shared: &Shared, arn: &str, started: &Started, body: &Value, events: &[Value]) {
    let dates: Vec<Option<f64>> = events
        .iter()
        .filter(|event| event["type"] == "ExecutionRedriven")
        .map(|event| event["timestamp"].as_f64())
        .collect();
    for (token, date) in &started.redrives {
        let is_kept = date.is_none() || dates.contains(date);
        shared
            .violations
            .expect(is_kept, REDRIVES_ONCE, || format!("{arn}: the redrive {token} of {date:?} is gone"));
    }
    let acknowledged = started.redrives.values().flatten().count();
    let right = (acknowledged..=started.redrives.len()).contains(&dates.len());
    shared.violations.expect(right, REDRIVES_ONCE, || {
        format!(
            "{arn} was redriven {} times, {acknowledged} to {} are right",
            dates.len(),
            started.redrives.len()
        )
    });
    shared.violations.expect(body["redriveCount"] == dates.len(), REDRIVES_ONCE, || {
        format!("{arn} was redriven {} times, redriveCount is {}", dates.len(), body["redriveCount"])
    });
}

/// An attempt that was invoked twice in one life of the server was repeated without need.
fn check_invocations(shared: &Shared) {
    let mut repeated = 0;
    for (attempt, lives) in shared.lambda.invocations() {
        let different: BTreeSet<u64> = lives.iter().copied().collect();
        let right = different.len() == lives.len();
        shared
            .violations
            .expect(right, INVOCATIONS, || format!("{attempt} was invoked in the lives {lives:?}"));
        repeated += lives.len() - 1;
    }
    let mut books = shared.ledger.open();
    *books.counts.entry("calls repeated after a kill").or_default() += repeated as u64;
}
