//! Random fields that several state types share: data flow, variables, Retry and Catch.

use serde_json::{Map, Value, json};

use super::definition::Generator;
use crate::conduct::ERRORS;

/// What a template may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// An object of the standard shape.
    Standard,
    /// The same, in a state that has Retry: `$$.State.RetryCount` is there.
    Retryable,
    /// The array of a Parallel's or Map's outputs.
    Outputs,
    /// An error output.
    Error,
}

impl Generator<'_> {
    /// `InputPath` and `OutputPath`, now and then.
    pub(super) fn paths(&mut self, state: &mut Map<String, Value>) {
        for field in ["InputPath", "OutputPath"] {
            if self.random.percent(8) {
                let path = self.path();
                state.insert(field.to_owned(), path);
            }
        }
    }

    fn path(&mut self) -> Value {
        if self.random.percent(self.shape.missing_percent) {
            return json!(*self.random.pick(&["$.nowhere", "$.o.nowhere.deeper", "$$.Nothing"]));
        }
        match (self.random.below(6), self.variables.last().cloned()) {
            (0, Some(name)) => json!(format!("${name}")),
            (1, _) => Value::Null,
            (2, _) => json!("$.o"),
            (3, _) => json!("$$.Execution.Input"),
            _ => json!("$"),
        }
    }

    /// A payload template whose value has the standard shape, so that the states after it find what they read.
    pub(super) fn template(&mut self, reads: Reads) -> Value {
        let mut template = Map::new();
        let (base, is_array) = match reads {
            Reads::Standard | Reads::Retryable => ("$", false),
            Reads::Outputs => ("$", true),
            Reads::Error => ("$", true),
        };
        if is_array || self.random.percent(20) {
            template.extend([
                ("n".to_owned(), json!(self.random.between(0, 4))),
                ("items".to_owned(), json!([])),
                ("o".to_owned(), json!({})),
            ]);
            template.insert("whole.$".to_owned(), json!(base));
        } else {
            template.extend([
                ("n.$".to_owned(), json!("$.n")),
                ("items.$".to_owned(), json!("$.items")),
                ("o.$".to_owned(), json!("$.o")),
                ("mixed".to_owned(), json!(["$.n", { "deep.$": "$.s" }, 1.5])),
            ]);
        }
        template.extend([
            ("s".to_owned(), json!("made")),
            ("f".to_owned(), json!(self.random.percent(50))),
            ("w".to_owned(), json!(self.random.between(0, 3))),
        ]);
        if reads == Reads::Retryable {
            template.insert("retry.$".to_owned(), json!("$$.State.RetryCount"));
        }
        if self.random.percent(20) {
            let call = *self.random.pick(&[
                "States.Format('{} of {}', $$.State.Name, $$.Execution.Name)",
                "States.Array(1, 'two', $$.StateMachine.Name)",
                "States.JsonToString($)",
                "States.ArrayLength(States.Array(1, 2))",
                "States.MathAdd(1, 2)",
                "States.Hash('x', 'SHA-256')",
            ]);
            template.insert("made.$".to_owned(), json!(call));
        }
        if self.random.percent(self.shape.missing_percent) {
            let bad = *self.random.pick(&["$.nowhere", "States.StringToJson('{')", "States.MathAdd($.s, 1)"]);
            template.insert("bad.$".to_owned(), json!(bad));
        }
        if let Some(name) = self.variables.last().cloned()
            && self.random.percent(30)
        {
            template.insert("variable.$".to_owned(), json!(format!("${name}")));
        }
        Value::Object(template)
    }

    /// `ResultPath`, now and then. Most keep the standard shape of the input.
    pub(super) fn result_path(&mut self, state: &mut Map<String, Value>, keeps_shape_percent: u64) {
        let path = if self.random.percent(self.shape.missing_percent) {
            json!("$.items[7]")
        } else if self.random.percent(keeps_shape_percent) {
            match self.random.below(4) {
                0 => Value::Null,
                1 => json!("$.o.result"),
                _ => json!("$.result"),
            }
        } else {
            return;
        };
        state.insert("ResultPath".to_owned(), path);
    }

    /// `Assign`, now and then.
    pub(super) fn assign(&mut self, state: &mut Map<String, Value>, reads: Reads, percent: u64) {
        if !self.random.percent(percent) {
            return;
        }
        let name = self.variable_name();
        let mut assign = Map::new();
        match (reads, self.random.below(3)) {
            (Reads::Standard | Reads::Retryable, 0) => assign.insert(format!("{name}.$"), json!("$.n")),
            (_, 1) => assign.insert(name.clone(), json!({ "n": 3, "literal": ["$x", null] })),
            _ => assign.insert(format!("{name}.$"), json!("$")),
        };
        if let Some(known) = self.assigned_here.last().cloned()
            && self.random.percent(40)
        {
            assign.insert(known, json!("again"));
        }
        state.insert("Assign".to_owned(), Value::Object(assign));
        self.pending_variables.push(name);
    }

    /// `Retry` and `Catch`. `targets`: the states that a catcher may lead to.
    pub(super) fn handlers(&mut self, state: &mut Map<String, Value>, targets: &[String], is_jsonata: bool) {
        if self.random.percent(50) {
            let retry: Vec<Value> = self.error_lists().into_iter().map(|names| self.retrier(names)).collect();
            state.insert("Retry".to_owned(), Value::Array(retry));
        }
        if self.random.percent(60) && !targets.is_empty() {
            let mut catch = Vec::new();
            for names in self.error_lists() {
                let next = self.random.pick(targets).clone();
                let mut catcher = Map::new();
                catcher.insert("ErrorEquals".to_owned(), json!(names));
                catcher.insert("Next".to_owned(), json!(next));
                // A variable exists only on the way of the error: later states can't count on it.
                let pending = self.pending_variables.len();
                if is_jsonata {
                    self.output(&mut catcher, Reads::Error, 80);
                    self.jsonata_assign(&mut catcher, Reads::Error, 20);
                } else {
                    self.result_path(&mut catcher, 80);
                    self.assign(&mut catcher, Reads::Error, 20);
                }
                self.pending_variables.truncate(pending);
                catch.push(Value::Object(catcher));
            }
            state.insert("Catch".to_owned(), Value::Array(catch));
        }
    }

    fn retrier(&mut self, names: Vec<&'static str>) -> Value {
        let mut retrier = Map::new();
        retrier.insert("ErrorEquals".to_owned(), json!(names));
        if self.random.percent(70) {
            retrier.insert("IntervalSeconds".to_owned(), json!(self.random.between(1, 4)));
        }
        retrier.insert("MaxAttempts".to_owned(), json!(self.random.between(0, 3)));
        if self.random.percent(50) {
            retrier.insert("BackoffRate".to_owned(), json!(*self.random.pick(&[1.0, 1.5, 2.0, 3.0])));
        }
        if self.random.percent(30) {
            retrier.insert("MaxDelaySeconds".to_owned(), json!(self.random.between(5, 9)));
        }
        if self.random.percent(self.shape.jitter_percent) {
            retrier.insert("JitterStrategy".to_owned(), json!("FULL"));
        }
        Value::Object(retrier)
    }

    fn error_lists(&mut self) -> Vec<Vec<&'static str>> {
        let mut lists = Vec::new();
        if self.random.percent(50) {
            lists.push(vec![*self.random.pick(&ERRORS)]);
        }
        if self.random.percent(30) {
            lists.push(vec!["States.Timeout", "Busy"]);
        }
        if self.random.percent(20) {
            lists.push(vec!["States.HeartbeatTimeout"]);
        }
        if self.random.percent(20) {
            lists.push(vec!["States.TaskFailed"]);
        }
        if lists.is_empty() || self.random.percent(40) {
            lists.push(vec!["States.ALL"]);
        }
        lists
    }
}
