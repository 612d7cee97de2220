//! What an evaluation asks of its host and tells it

#![allow(clippy::unwrap_used)]

use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Evaluated, Expression, Host, Limits};

/// A host that shares a number of steps among expressions, and notes what it is asked
struct Sharing {
    steps_left: u64,
    asked: Vec<String>,
}

impl Host for Sharing {
    fn variable(&mut self, name: &str) -> Option<Value> {
        self.asked.push(name.to_owned());
        (name != "missing").then(|| stepwell_json::parse(r#"{"a": {"b": [1, 2]}}"#).unwrap())
    }

    fn now_millis(&mut self) -> i64 {
        0
    }

    fn random_u64(&mut self) -> u64 {
        0
    }

    fn steps_left(&mut self) -> u64 {
        self.steps_left
    }

    fn took_steps(&mut self, steps: u64) {
        self.steps_left -= steps;
    }
}

fn evaluate(text: &str, host: &mut Sharing) -> Result<Evaluated, String> {
    let expression = Expression::parse(text, Dialect::StepFunctions).unwrap();
    expression.evaluate(None, host, &Limits::STEP_FUNCTIONS).map_err(|error| error.to_string())
}

#[test]
fn expressions_that_share_a_bound_end_together_within_it() {
    let mut host = Sharing { steps_left: 10_000, asked: Vec::new() };
    let mut ended = 0;
    while let Ok(value) = evaluate("$sum([1..100])", &mut host) {
        assert_eq!(Evaluated::Value(Value::from(5050)), value);
        ended += 1;
    }
    assert!((5..100).contains(&ended), "{ended} expressions");
    assert_eq!(
        Err("Expression evaluation timeout: Check for infinite loop".to_owned()),
        evaluate("1 + 1", &mut Sharing { steps_left: 0, asked: Vec::new() })
    );
}

#[test]
fn each_variable_is_asked_for_once_and_functions_are_not() {
    for (text, asked) in [
        ("$states.a.b", vec!["states"]),
        ("$states.a.b & $states.a & $sum($x) & $missing", vec!["states", "x", "missing"]),
        ("($y := 1; $y + $z.a.b[0])", vec!["y", "z"]),
        ("$map([1], function($v) { $v })", vec!["v"]),
    ] {
        let mut host = Sharing { steps_left: 1_000, asked: Vec::new() };
        let _ = evaluate(text, &mut host);
        assert_eq!(asked, host.asked, "{text}");
    }
}

#[test]
fn a_plain_path_reads_what_an_evaluation_would() {
    for (text, value) in [
        ("$states.a.b", Some("[1,2]")),
        ("$states.a", Some("{\"b\":[1,2]}")),
        ("$states", Some("{\"a\":{\"b\":[1,2]}}")),
        ("$states.a.b.c", None),
        ("$states.nothing.c", None),
        ("$missing.a", None),
    ] {
        let mut host = Sharing { steps_left: 1_000, asked: Vec::new() };
        let expected = match value {
            Some(text) => Evaluated::Value(stepwell_json::parse(text).unwrap()),
            None => Evaluated::Nothing,
        };
        assert_eq!(Ok(expected), evaluate(text, &mut host), "{text}");
        assert!(host.steps_left < 1_000, "{text} takes a step");
    }
}

#[test]
fn a_result_whose_text_would_not_fit_is_refused() {
    let text = "$map([1..100000], function($i) { $states.a })";
    let mut host = Sharing { steps_left: u64::MAX, asked: Vec::new() };
    assert!(evaluate(text, &mut host).is_ok());
    let text = "($a := $states; $b := [$a, $a, $a, $a]; $map([1..200000], function($i) { $b }))";
    let mut host = Sharing { steps_left: u64::MAX, asked: Vec::new() };
    let result = evaluate(text, &mut host).map(|_| "a value");
    assert_eq!(
        Err("Expression evaluation memory limit exceeded: Check for excessive memory usage".to_owned()),
        result
    );
}
