//! Random fields of JSONata states. Outputs keep the standard shape, as those of JSONPath states do.

use serde_json::{Map, Value, json};
use stepwell_interpreter::Timestamp;

use super::{definition::Generator, fields::Reads};
use crate::run::START;

impl Generator<'_> {
    /// Whether the next state is a JSONata state; if so it says so, unless the machine does.
    pub(super) fn is_jsonata(&mut self, state: &mut Map<String, Value>) -> bool {
        if self.machine_is_jsonata {
            return true;
        }
        let is_jsonata = self.random.percent(self.shape.jsonata_percent);
        if is_jsonata {
            state.insert("QueryLanguage".to_owned(), json!("JSONata"));
        }
        is_jsonata
    }

    /// A value with expressions inside.
    pub(super) fn jsonata_template(&mut self, reads: Reads) -> Value {
        let mut template = Map::new();
        let base = match reads {
            Reads::Standard | Reads::Retryable => "input",
            Reads::Outputs => "result",
            Reads::Error => "errorOutput",
        };
        if base != "input" || self.random.percent(20) {
            template.extend([
                ("n".to_owned(), json!(self.random.between(0, 4))),
                ("items".to_owned(), json!([])),
                ("o".to_owned(), json!({})),
                ("whole".to_owned(), json!(format!("{{% $states.{base} %}}"))),
            ]);
        } else {
            template.extend([
                ("n".to_owned(), json!("{% $states.input.n + 0 %}")),
                ("items".to_owned(), json!("{% $states.input.items %}")),
                ("o".to_owned(), json!("{%$states.input.o%}")),
                ("mixed".to_owned(), json!(["$.n", { "deep": "{% $states.input.s & '!' %}" }, 1.5])),
            ]);
        }
        template.extend([
            ("s".to_owned(), json!("made")),
            ("f".to_owned(), json!(self.random.percent(50))),
            ("w".to_owned(), json!(self.random.between(0, 3))),
        ]);
        if reads == Reads::Retryable {
            template.insert("retry".to_owned(), json!("{% $states.context.State.RetryCount %}"));
        }
        if self.random.percent(20) {
            let made = *self.random.pick(&[
                "{% $states.context.State.Name & ' of ' & $states.context.Execution.Name %}",
                "{% [1, 'two', $states.context.StateMachine.Name] %}",
                "{% $string($states.input) %}",
                "{% $map([1..3], function($i) { $i * $i }) %}",
                "{% $hash('x', 'SHA-256') %}",
                "{% {'count': $count($states.input.items), 'none': $states.input.nowhere} %}",
            ]);
            template.insert("made".to_owned(), json!(made));
        }
        if self.random.percent(self.shape.missing_percent) {
            let bad = *self.random.pick(&["{% $states.input.nowhere %}", "{% 1 + 'x' %}", "{% $sum %}"]);
            template.insert("bad".to_owned(), json!([bad]));
        }
        if let Some(name) = self.variables.last().cloned()
            && self.random.percent(30)
        {
            template.insert("variable".to_owned(), json!(format!("{{% ${name} %}}")));
        }
        Value::Object(template)
    }

    /// `Output`, now and then.
    pub(super) fn output(&mut self, state: &mut Map<String, Value>, reads: Reads, percent: u64) {
        if self.random.percent(percent) {
            let output = self.jsonata_template(reads);
            state.insert("Output".to_owned(), output);
        }
    }

    /// `Assign`, now and then.
    pub(super) fn jsonata_assign(&mut self, state: &mut Map<String, Value>, reads: Reads, percent: u64) {
        if !self.random.percent(percent) {
            return;
        }
        let name = self.variable_name();
        let value = match (reads, self.random.below(3)) {
            (Reads::Outputs, 0) => json!("{% $states.result %}"),
            (Reads::Error, 0) => json!("{% $states.errorOutput.Error %}"),
            (_, 1) => json!({ "n": "{% $states.input.n %}", "literal": ["$x", null] }),
            _ => json!("{% $states.input %}"),
        };
        let mut assign = Map::from_iter([(name.clone(), value)]);
        if let Some(known) = self.assigned_here.last().cloned()
            && self.random.percent(40)
        {
            assign.insert(known, json!("again"));
        }
        state.insert("Assign".to_owned(), Value::Object(assign));
        self.pending_variables.push(name);
    }

    /// A rule of a Choice state, without `Next`.
    pub(super) fn condition(&mut self) -> Map<String, Value> {
        let condition = if self.random.percent(self.shape.missing_percent) {
            json!(*self.random.pick(&["{% $states.input.nowhere %}", "{% $states.input.s %}"]))
        } else {
            match self.random.below(5) {
                0 => json!(self.random.percent(50)),
                1 => json!(format!("{{% $states.input.n >= {} %}}", self.random.between(0, 5))),
                2 => json!("{% $states.input.f %}"),
                3 => json!("{% $exists($states.input.o.n) and $states.input.s != 'a' %}"),
                _ => json!("{% $states.context.State.Name in ['s1', 's3', 's5'] %}"),
            }
        };
        Map::from_iter([("Condition".to_owned(), condition)])
    }

    /// `Seconds` or `Timestamp` of a Wait state.
    pub(super) fn jsonata_until(&mut self) -> (&'static str, Value) {
        match self.random.below(4) {
            0 => ("Seconds", json!("{% $states.input.w %}")),
            1 => {
                let at = Timestamp(START.0 + self.random.between(-10, 60) * 1000);
                ("Timestamp", json!(format!("{{% '{}' %}}", at.to_iso())))
            }
            _ => ("Seconds", json!(self.random.between(0, 30))),
        }
    }
}
