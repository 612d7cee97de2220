//! Against jsonata-js 2.0.6 and jsonata-core: the same value, the same "nothing", the same error code
//!
//! `STEPWELL_DIFFERENTIAL_COUNT` sets how many random expressions are tried, `STEPWELL_DIFFERENTIAL_SEED` where they
//! begin: each number gives one expression with its data.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::core::core;
use common::generate::{Generator, Random};
use common::oracle::{Oracle, Outcome, Question, ours};
use common::{suite, with_large_stack};
use stepwell_json::Value;
use stepwell_jsonata::Limits;

/// Differences that are meant; others are in `oracle/differences.mjs`. One a line, with tabs between: what the expression
/// contains, what jsonata-js gives begins with, what ours begins with, and the reason; an empty column fits everything.
const DIFFERENCES: &str = include_str!("differences.txt");

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Whether a difference is meant.
fn is_meant(question: &Question, theirs: &Outcome, ours: &Outcome) -> bool {
    // What takes too long for one may be just short enough for the other.
    if matches!(theirs, Outcome::Limit | Outcome::Crash(_)) || *ours == Outcome::Limit {
        return true;
    }
    if let (Outcome::Value(theirs), Outcome::Value(ours)) = (theirs, ours)
        && question.expression.contains("$power")
        && is_close(theirs, ours)
    {
        return true;
    }
    let (theirs, ours) = (theirs.to_string(), ours.to_string());
    DIFFERENCES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).any(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [expression, their, our, _reason] = columns[..] else { panic!("not four columns: {line}") };
        question.expression.contains(expression) && theirs.starts_with(their) && ours.starts_with(our)
    })
}

/// Whether numbers differ in their last digit alone: JavaScript engines' powers are not correctly rounded.
fn is_close(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64() - other.as_f64()).abs() <= one.as_f64().abs() * 1e-14
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.into_iter().zip(other).all(|(one, other)| is_close(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_close(value, other)))
        }
        _ => one == other,
    }
}

/// Asks both and collects the differences that are not meant.
fn compare(
    oracle: &mut Oracle,
    questions: &[Question],
    data: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
    seen: &mut BTreeMap<&'static str, u64>,
) {
    let limits = Limits { steps: 2_000_000, memory_bytes: 100 << 20, ..Limits::PLAIN };
    let theirs = oracle.ask(questions);
    for (question, theirs) in questions.iter().zip(theirs) {
        let input = data.get(&question.on);
        let ours = ours(question, input, &limits);
        *seen
            .entry(match &theirs {
                Outcome::Value(_) => "values",
                Outcome::Nothing => "nothing",
                Outcome::Function => "functions",
                Outcome::Code(_) => "errors",
                Outcome::Limit => "limits",
                Outcome::Crash(_) => "crashes",
            })
            .or_default() += 1;
        if theirs != ours && !is_meant(question, &theirs, &ours) {
            let short = |outcome: &Outcome| outcome.to_string().chars().take(400).collect::<String>();
            wrong.push(format!(
                "{}\n   on {}: {}\n   jsonata-js: {}\n   ours:       {}",
                question.expression,
                question.on,
                input.map(Value::to_text).unwrap_or_default().chars().take(1200).collect::<String>(),
                short(&theirs),
                short(&ours)
            ));
        }
    }
}

fn report(wrong: &[String], seen: &BTreeMap<&'static str, u64>) {
    println!("jsonata-js gave: {seen:?}");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn expressions_of_the_suite_give_the_same_on_its_datasets() {
    let Some(folder) = suite::folder() else { return };
    let Some(mut oracle) = Oracle::start() else { return };
    // All expressions on all datasets are 45,000; a few of them will do for every day.
    let per_expression = setting("STEPWELL_DIFFERENTIAL_DATASETS", 2) as usize;
    let mut random = Random::new(setting("STEPWELL_DIFFERENTIAL_SEED", 1));
    let mut data = suite::datasets(&folder);
    let names: Vec<String> = data.keys().cloned().collect();
    let mut questions = Vec::new();
    for (name, case) in suite::cases(&folder) {
        let expression = case.get("expr").and_then(Value::as_str).unwrap_or_default().to_owned();
        let bindings = case.get("bindings").cloned().unwrap_or_else(Value::empty_object);
        // Cases that take as long as they may would do so on each dataset, and 2.0.6 never ends where it is to write zero
        // or a negative number with an exponent.
        if case.get("timelimit").is_some()
            || (expression.contains("$formatNumber(") && expression.contains("e0'"))
        {
            continue;
        }
        let own = match case.get("dataset").and_then(Value::as_str) {
            Some(dataset) => dataset.to_owned(),
            None => {
                if let Some(value) = case.get("data") {
                    data.insert(name.clone(), value.clone());
                }
                name
            }
        };
        let mut on = vec![own];
        if per_expression >= names.len() {
            on.extend(names.iter().cloned());
        } else {
            on.extend((0..per_expression).map(|_| names[random.below(names.len())].clone()));
        }
        for on in on {
            questions.push(Question { expression: expression.clone(), on, bindings: bindings.clone() });
        }
    }
    for (name, value) in &data {
        oracle.give(name, value);
    }
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::new());
    with_large_stack(|| compare(&mut oracle, &questions, &data, &mut wrong, &mut seen));
    report(&wrong, &seen);
}

/// Expressions that are tried together.
const BATCH: usize = 200;

/// Asks about the expressions of so many numbers in batches. Those that `is_asked` does not want are left out.
fn compare_random(
    oracle: &mut Oracle,
    (first, count): (u64, u64),
    mut is_asked: impl FnMut(&Question, &Value) -> bool,
) -> (Vec<String>, BTreeMap<&'static str, u64>) {
    let (mut wrong, mut seen) = (Vec::new(), BTreeMap::new());
    let bindings = stepwell_json::parse(r#"{"p":{"a":1,"s":"x"},"q":[3,1,2]}"#).unwrap();
    let numbers: Vec<u64> = (first..first + count).collect();
    for chunk in numbers.chunks(BATCH) {
        let (mut questions, mut data) = (Vec::new(), BTreeMap::new());
        oracle.forget();
        for number in chunk {
            let mut generator = Generator::new(*number);
            // The same few names, so that the other process does not keep everything.
            let on = format!("d{}", number % BATCH as u64);
            let value = stepwell_json::parse(&generator.data()).unwrap();
            let question =
                Question { expression: generator.expression(), on: on.clone(), bindings: bindings.clone() };
            if is_asked(&question, &value) {
                oracle.give(&on, &value);
                data.insert(on, value);
                questions.push(question);
            }
        }
        compare(oracle, &questions, &data, &mut wrong, &mut seen);
        if wrong.len() > 200 {
            break;
        }
    }
    (wrong, seen)
}

#[test]
fn random_expressions_give_the_same_on_random_data() {
    let Some(mut oracle) = Oracle::start() else { return };
    let numbers = (setting("STEPWELL_DIFFERENTIAL_SEED", 1), setting("STEPWELL_DIFFERENTIAL_COUNT", 3000));
    let (wrong, seen) = with_large_stack(|| compare_random(&mut oracle, numbers, |_, _| true));
    report(&wrong, &seen);
}

/// jsonata-core follows a later JSONata and has differences of its own, so where it and we disagree, jsonata-js decides.
#[test]
fn where_jsonata_core_gives_something_else_jsonata_js_gives_what_we_give() {
    let Some(mut oracle) = Oracle::start() else { return };
    // Expressions of their own, on which jsonata-js is asked only now and then.
    let count = setting("STEPWELL_DIFFERENTIAL_COUNT", 2000);
    let first = setting("STEPWELL_DIFFERENTIAL_SEED", 1) + 500_000_000;
    let limits = Limits { steps: 2_000_000, memory_bytes: 100 << 20, ..Limits::PLAIN };
    let mut same = 0;
    let (wrong, seen) = with_large_stack(|| {
        compare_random(&mut oracle, (first, count), |question, value| {
            let agrees = core(question, Some(value)) == ours(question, Some(value), &limits);
            same += u64::from(agrees);
            !agrees
        })
    });
    println!("jsonata-core gave the same for {same} of {count}");
    assert!(
        same * 10 >= count * 5,
        "jsonata-core agrees with us so seldom ({same} of {count}) that it is no oracle"
    );
    report(&wrong, &seen);
}
