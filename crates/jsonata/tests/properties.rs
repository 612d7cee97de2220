//! What holds for any expression: it reads back as it was written, and nothing makes the engine panic or overrun

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use common::generate::{Generator, Random};
use common::{FixedHost, suite, with_large_stack};
use proptest::prelude::*;
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Expression, Limits};

/// Pieces of expressions, whole and broken.
const TOKENS: &[&str] = &[
    "a",
    "b",
    "items",
    "$",
    "$$",
    "$x",
    "$y",
    "1",
    "0",
    "-1",
    "1.5e3",
    "\"s\"",
    "'t'",
    "`q`",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ";",
    ":",
    "?",
    ":=",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "**",
    "/",
    "%",
    "&",
    "and",
    "or",
    "in",
    "^",
    "#",
    "@",
    "~>",
    "|",
    "..",
    "!",
    "true",
    "false",
    "null",
    "function",
    "λ",
    "($x)",
    "{$x}",
    "/a/",
    "/(b|c)*/i",
    "/",
    "\\",
    "\"",
    "$map",
    "$sum",
    "$sort",
    "$count(",
    "$split(",
    "$formatNumber(",
    "<n:n>",
    "<",
    "/*",
    "*/",
    " ",
    "\n",
    "é",
    "😀",
    "#$i",
    "@$v",
    "[]",
    "[0]",
    "[-1]",
    "$string",
];

fn soup(seed: u64) -> String {
    let mut random = Random::new(seed);
    (0..1 + random.below(25)).map(|_| random.pick(TOKENS)).collect()
}

/// An expression with something taken out, doubled, swapped or put in.
fn mutated(text: &str, seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(characters.len() + 1);
        match random.below(4) {
            0 if at < characters.len() => drop(characters.remove(at)),
            1 if at < characters.len() => characters.insert(at, characters[at]),
            2 if at + 1 < characters.len() => characters.swap(at, at + 1),
            _ => {
                let token: Vec<char> = random.pick(TOKENS).chars().collect();
                characters.splice(at..at, token);
            }
        }
    }
    characters.into_iter().collect()
}

/// Parses, writes, parses again; and evaluates, whatever comes of it.
fn check(text: &str, input: &Value) {
    for dialect in [Dialect::Plain, Dialect::StepFunctions] {
        let Ok(expression) = Expression::parse(text, dialect) else { continue };
        let normal = expression.to_normal_text();
        let again = Expression::parse(&normal, dialect)
            .unwrap_or_else(|error| panic!("{text}\nis written as\n{normal}\n{error}"));
        assert!(expression.is_same(&again), "{text}\nis written as\n{normal}");
        assert_eq!(normal, again.to_normal_text(), "{text}");
        let limits = Limits { steps: 100_000, ..Limits::STEP_FUNCTIONS };
        let mut host = FixedHost::new(Value::empty_object());
        if let Err(error) = expression.evaluate(Some(input), &mut host, &limits) {
            let _ = error.message();
            assert!(error.position().is_none_or(|position| position <= text.len()), "{text}: {error}");
        }
    }
}

fn runner(cases: u32) -> proptest::test_runner::TestRunner {
    proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    })
}

#[test]
fn random_expressions_read_back_as_they_were_written() {
    with_large_stack(|| {
        let run = |seed| {
            let mut generator = Generator::new(seed);
            let input = stepwell_json::parse(&generator.data()).unwrap();
            check(&generator.expression(), &input);
            Ok(())
        };
        runner(3000).run(&any::<u64>(), run).unwrap();
    });
}

#[test]
fn no_soup_of_tokens_panics() {
    with_large_stack(|| {
        let input =
            stepwell_json::parse(r#"{"a":[1,2,{"b":"s"}],"items":[{"a":1},{"a":2}],"b":"text"}"#).unwrap();
        let run = |seed| {
            check(&soup(seed), &input);
            Ok(())
        };
        runner(20_000).run(&any::<u64>(), run).unwrap();
    });
}

#[test]
fn no_mutation_of_the_suite_panics() {
    let Some(folder) = suite::folder() else { return };
    let cases = suite::cases(&folder);
    let datasets: Vec<Value> = suite::datasets(&folder).into_values().collect();
    with_large_stack(|| {
        let run = |seed: u64| {
            let mut random = Random::new(seed);
            let (_, case) = &cases[random.below(cases.len())];
            let text = case.get("expr").and_then(Value::as_str).unwrap_or_default();
            check(&mutated(text, random.next()), &datasets[random.below(datasets.len())]);
            Ok(())
        };
        runner(10_000).run(&any::<u64>(), run).unwrap();
    });
}
