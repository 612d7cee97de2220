//! What the tests share: data to evaluate over, and reading their cases.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;

use stepwell_asl::{Analysis, DataFlow, Definition, Options, Roots, Template, analyse};
use stepwell_json::Value;

/// Data of a state, as a test sets it up.
#[derive(Default)]
pub(crate) struct TestRoots {
    pub(crate) input: Value,
    pub(crate) context: Value,
    pub(crate) variables: HashMap<String, Value>,
    /// The next random number; each one drawn adds one.
    pub(crate) random: u64,
    /// Steps that were taken.
    pub(crate) steps: u64,
    /// How many may be; any number when none.
    pub(crate) steps_max: Option<u64>,
}

impl Roots for TestRoots {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&mut self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn random_u64(&mut self) -> u64 {
        self.random = self.random.wrapping_add(1);
        self.random
    }

    fn steps_left(&mut self) -> u64 {
        self.steps_max.map_or(u64::MAX, |max| max - self.steps)
    }

    fn took_steps(&mut self, steps: u64) {
        self.steps += steps;
    }
}

/// A value of a test case as one of ours.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    stepwell_json::parse(&json.to_string()).unwrap()
}

/// Roots out of a test case: `input`, `context`, `variables`.
pub(crate) fn roots(case: &serde_json::Value) -> TestRoots {
    let mut roots = TestRoots {
        input: value(case.get("input").unwrap_or(&serde_json::json!({}))),
        context: value(case.get("context").unwrap_or(&serde_json::json!({}))),
        ..TestRoots::default()
    };
    if let Some(variables) = case.get("variables").and_then(|variables| variables.as_object()) {
        roots.variables = variables.iter().map(|(name, json)| (name.clone(), value(json))).collect();
    }
    roots
}

/// The cases of a data file.
pub(crate) fn cases(text: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(text).unwrap()
}

/// A machine with one Pass state.
pub(crate) fn pass_with(parameters: &serde_json::Value) -> Analysis {
    let definition = serde_json::json!({
        "StartAt": "S",
        "States": {"S": {"Type": "Pass", "Parameters": parameters, "End": true}}
    });
    analyse(&definition.to_string(), &Options::default())
}

/// The Parameters of the only state, a Pass.
pub(crate) fn parameters_of(definition: &Definition) -> &Template {
    match &definition.states[0].flow {
        DataFlow::JsonPath(flow) => flow.parameters.as_ref().unwrap(),
        DataFlow::Jsonata(_) => panic!("the state has no Parameters"),
    }
}

/// Two texts of JSON that mean the same, types of numbers included.
pub(crate) fn assert_same(expected: &serde_json::Value, actual: &Value, about: &str) {
    let actual: serde_json::Value = serde_json::from_str(&actual.to_text()).unwrap();
    assert_eq!(expected, &actual, "{about}");
}
