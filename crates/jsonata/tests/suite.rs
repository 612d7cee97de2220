//! The official test suite of JSONata, where it is at hand

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{FixedHost, suite, with_large_stack};
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Evaluated, Expression, Limits};

/// The cases that differ, each with its reason: `group/case reason`.
const EXCEPTIONS: &str = include_str!("suite-exceptions.txt");

fn exceptions() -> BTreeMap<&'static str, &'static str> {
    let lines = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).collect()
}

/// What a case gives, against what it should give; none when they agree.
fn difference(case: &Value, datasets: &BTreeMap<String, Value>) -> Option<String> {
    let text = case.get("expr").and_then(Value::as_str).unwrap_or_default();
    let input = match case.get("dataset").and_then(Value::as_str) {
        Some(name) => datasets.get(name).cloned(),
        None => case.get("data").cloned(),
    };
    let bindings = case.get("bindings").cloned().unwrap_or_default();
    let number = |name: &str| case.get(name).and_then(Value::as_f64);
    let mut limits = Limits::PLAIN;
    if let Some(depth) = number("depth") {
        limits.depth = depth as u32;
    }
    if number("timelimit").is_some_and(|millis| millis <= 1000.0) {
        limits.steps = 10_000_000;
    }
    let result = Expression::parse(text, Dialect::Plain)
        .and_then(|expression| expression.evaluate(input.as_ref(), &mut FixedHost::new(bindings), &limits));
    let shown = match &result {
        Ok(Evaluated::Value(value)) => value.to_text(),
        Ok(Evaluated::Nothing) => "undefined".to_owned(),
        Ok(Evaluated::Function) => "a function".to_owned(),
        Err(error) => format!("error {error}"),
    };
    let shown: String = shown.chars().take(300).collect();
    if let Some(expected) = case.get("result") {
        return match &result {
            Ok(Evaluated::Value(value)) if agrees(expected, value, case.get("unordered").is_some()) => None,
            _ => Some(format!("expected {}, got {shown}", expected.to_text())),
        };
    }
    if let Some(code) = case.get("code").or_else(|| case.get("error").and_then(|error| error.get("code"))) {
        let code = code.as_str().unwrap_or_default();
        return match &result {
            // A bound that was exceeded has no code here.
            Err(error) if error.code() == Some(code) || (code == "U1001" && error.code().is_none()) => None,
            _ => Some(format!("expected error {code}, got {shown}")),
        };
    }
    match result {
        Ok(Evaluated::Nothing) => None,
        _ => Some(format!("expected undefined, got {shown}")),
    }
}

fn agrees(expected: &Value, actual: &Value, unordered: bool) -> bool {
    match (expected, actual) {
        (Value::Array(expected), Value::Array(actual)) if unordered => {
            expected.len() == actual.len() && expected.iter().all(|item| actual.contains(item))
        }
        _ => expected == actual,
    }
}

#[test]
fn every_case_of_the_suite_holds_but_the_listed_ones() {
    let Some(folder) = suite::folder() else { return };
    let datasets = suite::datasets(&folder);
    let exceptions = exceptions();
    let mut count = 0;
    let mut wrong = Vec::new();
    let mut unexpectedly_right = Vec::new();
    with_large_stack(|| {
        for (name, case) in suite::cases(&folder) {
            count += 1;
            match (difference(&case, &datasets), exceptions.get(&*name)) {
                (Some(difference), None) => {
                    let text = case.get("expr").and_then(Value::as_str).unwrap_or_default();
                    wrong.push(format!("{name}: {difference}\n    {}", text.trim()));
                }
                (None, Some(_)) => unexpectedly_right.push(name),
                _ => {}
            }
        }
    });
    println!("{count} cases, {} exceptions", exceptions.len());
    assert!(count > 1600, "the suite is not whole: {count} cases");
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unexpectedly_right.is_empty(), "listed but right: {unexpectedly_right:?}");
}
