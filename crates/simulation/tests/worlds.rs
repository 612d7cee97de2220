//! Whole nodes: production shards under crashes, slow commits, late and repeated answers. `SEEDS=n` runs that many
//! worlds, `SEED=n` that one alone.

use std::collections::BTreeMap;

use stepwell_engine::Limits;
use stepwell_simulation::world::{self, Counts, Machine, PLANTS, Plan, Shown, Start};

const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Seeds with even numbers have crashes.
fn plan(seed: u64) -> Plan {
    Plan::of_seed(seed, seed.is_multiple_of(2)).unwrap_or_else(|error| panic!("SEED={seed}: {error}"))
}

fn run_all(plans: impl Iterator<Item = Plan>) -> (Counts, Shown) {
    let mut counts = Counts::new();
    let mut total = Shown::default();
    let mut failures = BTreeMap::new();
    for plan in plans {
        match world::run(&plan) {
            Ok(shown) => {
                for (what, count) in &shown.counts {
                    *counts.entry(what).or_default() += count;
                }
                total.events += shown.events;
                total.executions += shown.executions;
                total.foretold += shown.foretold;
                total.virtual_ms = total.virtual_ms.saturating_add(shown.virtual_ms);
            }
            Err(error) => drop(failures.insert(error.len(), (plan, error))),
        }
    }
    println!(
        "{} executions, {} events, {} foretold, {counts:?}",
        total.executions, total.events, total.foretold
    );
    for (_, error) in failures.values() {
        println!("{}", error.lines().next().unwrap_or_default().chars().take(300).collect::<String>());
    }
    let count = failures.len();
    if let Some((_, (plan, error))) = failures.into_iter().next() {
        let (_, error) = world::shrink(plan, error);
        panic!("{count} worlds failed; the smallest:\n{error}");
    }
    (counts, total)
}

#[test]
fn nothing_is_lost_doubled_or_early_in_any_world() {
    if let Some(seed) = number("SEED") {
        run_all(std::iter::once(plan(seed)));
        return;
    }
    let (seeds, first) = (number("SEEDS").unwrap_or(SEEDS), number("FIRST").unwrap_or(0));
    let (counts, total) = run_all((first..first + seeds).map(plan));
    if seeds < SEEDS {
        return;
    }
    let rare = [
        "crashes",
        "batches lost",
        "batches stored and not told",
        "loads",
        "parked",
        "parked executions read ahead",
        "starts of a known name",
        "names looked up again",
        "inputs refused",
        "answers refused",
        "answers sent twice",
        "calls made again",
        "stops",
        "redrives",
        "redrives refused",
        "redriven executions foretold",
        "jobs stopped",
        "activity tasks taken",
        "polls without a task",
        "courses compared",
        "express runs",
        "heavy steps",
        "heavy steps lost",
        "stops during heavy steps",
        "redrives during heavy steps",
        "heartbeats during heavy steps",
        "answers during heavy steps",
    ];
    for what in rare {
        assert!(counts.get(what).is_some_and(|count| *count > 0), "never happened: {what}, {counts:?}");
    }
    assert!(total.foretold * 2 > total.executions, "the oracle was sure of {} ends only", total.foretold);
}

#[test]
fn planted_mistakes_are_found() {
    for plant in PLANTS {
        let found = (0..400).any(|seed| {
            let plan = Plan { plant: Some(plant), ..plan(seed) };
            world::run(&plan).is_err()
        });
        assert!(found, "{plant:?} was not found");
    }
}

/// A machine of waits that are a little longer than what is parked.
fn waits(seconds: u32) -> Machine {
    let states: serde_json::Map<String, serde_json::Value> = (0..12)
        .map(|number| {
            let mut state = serde_json::json!({ "Type": "Wait", "Seconds": seconds });
            match number {
                11 => state["End"] = true.into(),
                _ => state["Next"] = format!("w{}", number + 1).into(),
            }
            (format!("w{number}"), state)
        })
        .collect();
    let text = serde_json::json!({ "StartAt": "w0", "States": states }).to_string();
    let (definition, program) = stepwell_simulation::seed::compiled(&text).expect("the machine is valid");
    Machine { text, definition, program, is_express: false }
}

/// What is parked is looked for in the store before its time. A commit that takes long makes it visible late,
/// perhaps after the look that should have found it.
#[test]
fn slow_commits_lose_no_parked_execution() {
    for seed in 0..60 {
        let mut plan = plan(seed * 2 + 1);
        plan.limits = Limits { park_after_millis: 1_500, lingering_max: 0, ..Limits::default() };
        plan.commit_ms_max = 1_900;
        plan.machines = vec![waits(2), waits(3)];
        let start = |number: usize| Start {
            machine: number % 2,
            name: format!("e{number}"),
            input: stepwell_json::Payload::from_value(stepwell_json::Value::Null),
            at_ms: vec![i64::try_from(number).unwrap_or(0) * 130],
            has_generated_name: true,
            stop_ms: None,
            redrives_ms: Vec::new(),
        };
        plan.starts = (0..8).map(start).collect();
        if let Err(error) = world::run(&plan) {
            panic!("{error}");
        }
    }
}

/// R8: whatever the clock does, no timer is early or lost, none fires twice, and the times of events never go back;
/// the checkers of every world look for that.
#[test]
fn clocks_that_jump_or_stop_lose_no_timer() {
    const HOUR_MS: i64 = 3_600_000;
    let mut counts = Counts::new();
    for seed in 0..number("SEEDS").map_or(60, |seeds| seeds.min(2_000)) {
        for shift_ms in [-HOUR_MS, HOUR_MS, 365 * 24 * HOUR_MS, 0] {
            let mut plan = plan(seed);
            let at_ms = i64::try_from(seed % 40).unwrap_or(0) * 500;
            if shift_ms == 0 {
                plan.clock_stops.push((at_ms, HOUR_MS));
            } else {
                plan.clock_shifts.push((at_ms, shift_ms));
            }
            if seed % 3 == 0 {
                // The jump comes while the process is down.
                plan.crashes_ms.push(at_ms);
            }
            match world::run(&plan) {
                Ok(shown) => {
                    for (what, count) in shown.counts {
                        *counts.entry(what).or_default() += count;
                    }
                }
                Err(error) => {
                    let (_, error) = world::shrink(plan, error);
                    panic!("clock shift {shift_ms}: {error}");
                }
            }
        }
    }
    assert!(counts.contains_key("clock shifts") && counts.contains_key("frozen clocks"), "{counts:?}");
}
