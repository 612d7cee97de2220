//! Random workflows at the level of the interpreter. `SEEDS=n` runs that many, `SEED=n` that one alone.

use stepwell_simulation::{generate::Shape, seed};

const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_workflows_end_as_the_oracle_says_and_reloads_do_not_show() {
    let shape = Shape::default();
    if let Some(one) = number("SEED") {
        let shown = seed::check(one, &shape);
        println!("{shown:?}");
        shown.unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let first = number("FIRST").unwrap_or(0);
    let (mut events, mut foretold, mut redrives, mut failures) = (0, 0, 0, Vec::new());
    let mut statuses = std::collections::BTreeMap::<String, u64>::new();
    let mut counts = seed_counts();
    for one in first..first + seeds {
        match seed::check(one, &shape) {
            Ok(shown) => {
                events += shown.events;
                foretold += u64::from(shown.was_foretold);
                redrives += u64::from(shown.was_redrive_foretold);
                *statuses.entry(format!("{:?}", shown.status)).or_default() += 1;
                add(&mut counts, &shown.counts);
            }
            Err(error) => failures.push(error),
        }
    }
    println!(
        "{seeds} seeds, {events} events, {foretold} foretold, {redrives} redriven ones, {statuses:?}, {counts:?}"
    );
    for failure in &failures {
        println!("{}", failure.lines().next().unwrap_or_default().chars().take(600).collect::<String>());
    }
    if let Some(first) = failures.iter().min_by_key(|failure| failure.len()) {
        panic!("{} of {seeds} seeds failed; the shortest:\n{first}", failures.len());
    }
    assert!(foretold * 10 > seeds * 6, "the oracle was sure of {foretold} ends only");
    assert!(redrives * 10 > seeds, "the oracle was sure of {redrives} ends after a redrive only");
    let rare = [
        counts.reloads,
        counts.slices,
        counts.heavy_steps,
        counts.late_answers,
        counts.timeouts,
        counts.retries,
        counts.stopped_jobs,
        counts.failed_evaluations,
        counts.redrives,
    ];
    assert!(seeds < 100 || rare.iter().all(|count| *count > 0), "something never happened: {counts:?}");
}

fn seed_counts() -> stepwell_simulation::run::Counts {
    stepwell_simulation::run::Counts::default()
}

fn add(total: &mut stepwell_simulation::run::Counts, counts: &stepwell_simulation::run::Counts) {
    total.steps += counts.steps;
    total.reloads += counts.reloads;
    total.slices += counts.slices;
    total.heavy_steps += counts.heavy_steps;
    total.late_answers += counts.late_answers;
    total.timeouts += counts.timeouts;
    total.retries += counts.retries;
    total.stopped_jobs += counts.stopped_jobs;
    total.failed_evaluations += counts.failed_evaluations;
    total.redrives += counts.redrives;
}
