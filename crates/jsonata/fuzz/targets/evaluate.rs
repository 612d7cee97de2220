//! The evaluator: no expression over any input makes it panic, or take more than it may
//!
//! An input is an expression, a line with `---`, and a JSON text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Expression, Host, Limits};

/// Few steps: a run is to take milliseconds.
const LIMITS: Limits = Limits { steps: 200_000, ..Limits::STEP_FUNCTIONS };

struct FixedHost {
    states: Value,
    steps: u64,
}

impl Host for FixedHost {
    fn variable(&mut self, name: &str) -> Option<Value> {
        (name == "states").then(|| self.states.clone())
    }

    fn now_millis(&mut self) -> i64 {
        1_700_000_000_000
    }

    fn random_u64(&mut self) -> u64 {
        7
    }

    fn took_steps(&mut self, steps: u64) {
        self.steps += steps;
    }
}

fuzz_target!(|text: &str| {
    let (expression, input) = text.split_once("\n---\n").unwrap_or((text, "null"));
    let Ok(input) = stepwell_json::parse(input) else { return };
    for dialect in [Dialect::Plain, Dialect::StepFunctions] {
        let Ok(expression) = Expression::parse(expression, dialect) else { return };
        let mut host = FixedHost { states: input.clone(), steps: 0 };
        let _ = expression.evaluate(Some(&input), &mut host, &LIMITS);
        assert!(host.steps <= LIMITS.steps, "{} steps", host.steps);
    }
});
