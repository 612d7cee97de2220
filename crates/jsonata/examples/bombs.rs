//! Prints how long each bomb of `tests/bombs.rs` takes: processor time of parsing and of evaluating

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

#[path = "../tests/common/bombs.rs"]
#[allow(dead_code)]
mod bombs;

use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Evaluated, Expression, Host, Limits};

struct NoHost;

impl Host for NoHost {
    fn variable(&mut self, _name: &str) -> Option<Value> {
        None
    }

    fn now_millis(&mut self) -> i64 {
        0
    }

    fn random_u64(&mut self) -> u64 {
        4
    }
}

/// Milliseconds that this thread was on a processor.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

fn measure(input: &Value, only: &str) {
    println!("| ms      | of these parsing | bomb                                         | ends with");
    for bomb in bombs::bombs() {
        if !bomb.name.contains(only) {
            continue;
        }
        let start = processor_time();
        let expression = Expression::parse(&bomb.expression, Dialect::StepFunctions);
        let parsed = processor_time();
        let result = expression
            .and_then(|expression| expression.evaluate(Some(input), &mut NoHost, &Limits::STEP_FUNCTIONS));
        let (all, parsing) = (processor_time() - start, parsed - start);
        // A result may share parts of the input so often that its text would fill all memory.
        let shown = match result {
            Ok(Evaluated::Value(value)) => value.to_text_up_to(60),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        let shown: String = shown.chars().take(60).collect();
        println!("| {all:>7.1} | {parsing:>16.1} | {:<44} | {shown}", bomb.name);
    }
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let input = stepwell_json::parse(&bombs::input()).unwrap();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        thread.spawn_scoped(scope, || measure(&input, &only)).unwrap();
    });
}
