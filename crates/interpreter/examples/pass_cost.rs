//! What a Pass state costs in each query language: the same mapping, in a chain of states, again and again.
//!
//! `cargo run --release -p stepwell-interpreter --example pass_cost ["a mapping"]`

#![allow(clippy::disallowed_methods)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepwell_interpreter::{Program, compile};

const STATES: usize = 100;
const ROUNDS: usize = 200;

fn chain(state: &Value) -> Program {
    let mut states = serde_json::Map::new();
    for number in 0..STATES {
        let mut state = state.clone();
        state["Next"] = format!("S{}", number + 1).into();
        states.insert(format!("S{number}"), state);
    }
    states.insert(format!("S{STATES}"), json!({"Type": "Succeed"}));
    let definition = json!({"StartAt": "S0", "States": states}).to_string();
    let analysis = stepwell_asl::analyse(&definition, &Default::default());
    compile(analysis.definition.expect("a valid definition")).expect("states that exist")
}

/// The shortest time of one state out of many rounds, as other work on the machine only ever adds time.
fn cost(program: &Program, input: &Value) -> Duration {
    let round = || {
        let start = Instant::now();
        common::run_program(program, input, &|parameters| Ok(parameters.clone()));
        start.elapsed()
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default() / STATES as u32
}

fn main() {
    let input = json!({
        "order": {"id": "o-1", "customer": {"name": "Ada", "city": "Paris"}, "lines": [1, 2, 3]},
        "rates": {"a": 1.5, "b": 2},
        "note": "x".repeat(200),
    });
    let mappings = [
        ("nothing", json!({}), json!({})),
        (
            "a literal",
            json!({"Parameters": {"a": 1, "b": ["c"]}, "ResultPath": "$.made"}),
            json!({"Assign": {"made": {"a": 1, "b": ["c"]}}}),
        ),
        (
            "a mapping",
            json!({"Parameters": {
                "order": {"id.$": "$.order.id", "customer.$": "$.order.customer", "lines.$": "$.order.lines"},
                "rates.$": "$.rates", "note.$": "$.note", "fixed": {"a": [1, 2, 3]},
            }}),
            json!({"Output": {
                "order": {
                    "id": "{% $states.input.order.id %}",
                    "customer": "{% $states.input.order.customer %}",
                    "lines": "{% $states.input.order.lines %}",
                },
                "rates": "{% $states.input.rates %}", "note": "{% $states.input.note %}", "fixed": {"a": [1, 2, 3]},
            }}),
        ),
        (
            "the context and a function",
            json!({"Parameters": {
                "order.$": "$.order", "rates.$": "$.rates", "note.$": "$.note",
                "text.$": "States.Format('{} in {}', $.order.customer.name, $$.State.Name)",
            }}),
            json!({"Output": {
                "order": "{% $states.input.order %}", "rates": "{% $states.input.rates %}",
                "note": "{% $states.input.note %}",
                "text": "{% $states.input.order.customer.name & ' in ' & $states.context.State.Name %}",
            }}),
        ),
    ];
    let only = std::env::args().nth(1);
    for (about, path, jsonata) in mappings {
        if only.as_ref().is_some_and(|only| only != about) {
            continue;
        }
        let state = |language: &str, fields: &Value| {
            let mut state = json!({"Type": "Pass", "QueryLanguage": language});
            if let (Some(state), Some(fields)) = (state.as_object_mut(), fields.as_object()) {
                state.extend(fields.clone());
            }
            state
        };
        let path = cost(&chain(&state("JSONPath", &path)), &input);
        let jsonata = cost(&chain(&state("JSONata", &jsonata)), &input);
        let ratio = jsonata.as_secs_f64() / path.as_secs_f64();
        println!("{about}: JSONPath {path:?}, JSONata {jsonata:?}, {ratio:.2} times");
    }
}
