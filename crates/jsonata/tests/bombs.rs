//! Expressions that try to take too much: each ends, with an error or a value, within what one evaluation may take
//!
//! They run on a thread with the stack of a server's thread, and one after the other: the peak of the heap is the
//! process's. `cargo run --release -p stepwell-jsonata --example bombs` prints how long each takes.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use common::FixedHost;
use common::bombs::{Bomb, End, bombs, input};
use peak_alloc::PeakAlloc;
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Evaluated, Expression, Limits};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes that one evaluation, or reading one expression, may hold at most.
const HEAP_MAX: usize = 64 << 20;

/// The limits of Step Functions, with fewer steps where no optimiser was at work.
fn limits() -> Limits {
    let steps = if cfg!(debug_assertions) { 1_000_000 } else { Limits::STEP_FUNCTIONS.steps };
    Limits { steps, ..Limits::STEP_FUNCTIONS }
}

/// Why a bomb did not end as it should; none when it did.
fn fault(bomb: &Bomb, input: &Value) -> Option<String> {
    // Where one ends the process, this says which.
    eprintln!("{}", bomb.name);
    let mut before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = match Expression::parse(&bomb.expression, Dialect::StepFunctions) {
        Ok(expression) => {
            before = HEAP.current_usage();
            HEAP.reset_peak_usage();
            expression.evaluate(Some(input), &mut FixedHost::new(Value::empty_object()), &limits())
        }
        Err(error) => Err(error),
    };
    let peak = HEAP.peak_usage().saturating_sub(before);
    let message = match &result {
        Err(error) if error.code().is_none() => error.message(),
        _ => String::new(),
    };
    let is_bound =
        ["timeout", "memory", "overflow", "nests", "too long"].iter().any(|word| message.contains(word));
    // With few steps, time is over before anything else is.
    let early = cfg!(debug_assertions) && message.contains("timeout");
    let ends = early
        || match bomb.end {
            End::Any => message.is_empty() || is_bound,
            End::Value => matches!(result, Ok(Evaluated::Value(_))),
            End::Memory => message.contains("memory"),
            End::Depth => message.contains("overflow"),
            End::Time => message.contains("timeout"),
            End::Bound => is_bound,
            End::Code(code) => matches!(&result, Err(error) if error.code() == Some(code)),
        };
    // A result may share parts of the input so often that its text would fill all memory.
    let shown = match &result {
        Ok(Evaluated::Value(value)) => value.to_text_up_to(200),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string().chars().take(200).collect(),
    };
    if !ends {
        return Some(format!("{}: not {:?} but {shown}", bomb.name, bomb.end));
    }
    (peak > HEAP_MAX).then(|| format!("{}: {} MiB: {shown}", bomb.name, peak >> 20))
}

/// Runs on a thread with the stack that a server's threads have.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// What an expression gives, without input: the JSON text of its value, or its error's text.
fn check(expression: &str, expected: &str) {
    let result = Expression::parse(expression, Dialect::StepFunctions).and_then(|expression| {
        expression.evaluate(None, &mut FixedHost::new(Value::empty_object()), &Limits::STEP_FUNCTIONS)
    });
    let shown = match result {
        Ok(Evaluated::Value(value)) => value.to_text(),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    assert!(shown.starts_with(expected), "{expression:.200}: {shown:.200} instead of {expected}");
}

#[test]
fn bounds_lie_where_aws_has_them() {
    const MEMORY: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
    const DEPTH: &str = "Stack overflow error: Check for non-terminating recursive function. Consider";
    let doubled = |times: u32| {
        format!(
            "($p := function($s, $n) {{ $n = 0 ? $s : $p($s & $s, $n - 1) }}; $length($p(\"x\", {times})))"
        )
    };
    let sum = |terms: usize| vec!["1"; terms].join("+");
    on_a_small_stack(move || {
        for (expression, expected) in [
            ("[1..873782] ~> $count()".to_owned(), "873782"),
            ("[1..873783] ~> $count()".to_owned(), MEMORY),
            ("$sum([1..900000])".to_owned(), MEMORY),
            (doubled(22), "4194304"),
            (doubled(23), MEMORY),
            (doubled(31), MEMORY),
            ("$count($range(1, 200000, 1))".to_owned(), "200000"),
            ("$count($range(1, 500000, 1))".to_owned(), MEMORY),
            ("$range(1, 100000000, 1)".to_owned(), MEMORY),
            (sum(100), "100"),
            (sum(101), DEPTH),
            (sum(200), DEPTH),
            ("1/0".to_owned(), "\"Infinity\""),
            ("-1/0".to_owned(), "\"-Infinity\""),
            ("1e308 * 10".to_owned(), "\"Infinity\""),
            ("[1/0]".to_owned(), "[\"Infinity\"]"),
            ("{\"k\": 1/0}".to_owned(), "{\"k\":\"Infinity\"}"),
            ("$random(42)".to_owned(), "0.7275636800328681"),
            ("$hash(\"input\", \"SHA-1\")".to_owned(), "\"140f86aae51ab9e1cda9b4254fe98a74eb54c1a1\""),
            ("$range(-1.7, 2, 1)".to_owned(), "[-1,0,1,2]"),
            ("$partition([1,2,3,4], 2)".to_owned(), "[[1,2],[3,4]]"),
            ("$string(1e20)".to_owned(), "\"100000000000000000000\""),
            ("$string(999999999999999868928)".to_owned(), "\"999999999999999900000\""),
            ("$string(1e21)".to_owned(), "\"1e+21\""),
            ("$eval(\"1+1\")".to_owned(), "T1006: Attempted to invoke a non-function"),
            ("$count(null)".to_owned(), "1"),
        ] {
            check(&expression, expected);
        }
    });
}

#[test]
fn every_bomb_ends_within_the_limits() {
    on_a_small_stack(|| {
        let input = stepwell_json::parse(&input()).unwrap();
        let faults: Vec<String> = bombs().iter().filter_map(|bomb| fault(bomb, &input)).collect();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    });
}
