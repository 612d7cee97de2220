//! How long the Wait states of a definition take, as far as it can be told from the definition and a state's input.

use std::collections::HashMap;

use stepwell_asl::timestamp;
use stepwell_json::Value;

/// The Wait states of a definition, by name.
#[derive(Debug, Default)]
pub(crate) struct WaitTimes {
    states: HashMap<String, Value>,
    /// What the server multiplies waits by.
    scale: f64,
}

impl WaitTimes {
    /// Collects the Wait states of a definition's text. Nothing is known of a text that can't be read.
    pub(crate) fn of(definition: &str, scale: f64) -> WaitTimes {
        let mut times = WaitTimes { states: HashMap::new(), scale };
        if let Ok(definition) = stepwell_json::parse(definition) {
            times.collect(&definition);
        }
        times
    }

    /// Values nest no deeper than the parser allows, and so does this.
    fn collect(&mut self, machine: &Value) {
        let Some(states) = machine.get("States").and_then(Value::as_object) else { return };
        for (name, state) in states.iter() {
            match state.get("Type").and_then(Value::as_str) {
                Some("Wait") => {
                    self.states.insert(name.to_string(), state.clone());
                }
                Some("Parallel") => {
                    let branches = state.get("Branches").and_then(Value::as_array);
                    for branch in branches.into_iter().flat_map(|branches| branches.iter()) {
                        self.collect(branch);
                    }
                }
                Some("Map") => {
                    let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
                    if let Some(processor) = processor {
                        self.collect(processor);
                    }
                }
                _ => {}
            }
        }
    }

    /// When a Wait state ends that is entered now with this input and these variables (JSON texts); times are seconds
    /// since 1970. None where it depends on more than plain paths.
    pub(crate) fn end(
        &self,
        state: &str,
        input: &str,
        variables: &HashMap<String, String>,
        now_seconds: f64,
    ) -> Option<f64> {
        let state = self.states.get(state)?;
        let scaled = |seconds: f64| Some(now_seconds + seconds * self.scale);
        if let Some(seconds) = state.get("Seconds").and_then(Value::as_f64) {
            return scaled(seconds);
        }
        let until = |text: &str| {
            let end = timestamp_seconds(text)?;
            scaled((end - now_seconds).max(0.0))
        };
        if let Some(text) = state.get("Timestamp").and_then(Value::as_str) {
            return until(text);
        }
        let input = stepwell_json::parse(input).ok()?;
        let input = follow(state.get("InputPath").and_then(Value::as_str).unwrap_or("$"), &input, variables)?;
        let at = |key: &str| follow(state.get(key)?.as_str()?, &input, variables);
        if let Some(seconds) = at("SecondsPath") {
            return scaled(seconds.as_f64()?);
        }
        until(at("TimestampPath")?.as_str()?)
    }
}

/// The value at a plain path such as `$.order.delay` or `$delay`.
fn follow(path: &str, input: &Value, variables: &HashMap<String, String>) -> Option<Value> {
    let mut names = path.strip_prefix('$')?.split('.');
    let mut value = match names.next()? {
        "" => input.clone(),
        variable => stepwell_json::parse(variables.get(variable)?).ok()?,
    };
    for name in names {
        value = value.get(name)?.clone();
    }
    Some(value)
}

fn timestamp_seconds(text: &str) -> Option<f64> {
    // Wait states look at whole seconds. The conversion is exact for some hundred million years.
    timestamp::parse(text).map(|instant| instant.seconds() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_wait_is_known_where_the_definition_says_it() {
        let states = r#"{"States": {
            "S": {"Type": "Wait", "Seconds": 5},
            "T": {"Type": "Wait", "Timestamp": "1970-01-01T00:01:00Z"},
            "P": {"Type": "Wait", "SecondsPath": "$.a.b", "InputPath": "$.x"},
            "Q": {"Type": "Wait", "TimestampPath": "$.t"},
            "V": {"Type": "Wait", "SecondsPath": "$v"},
            "U": {"Type": "Wait", "SecondsPath": "$u.x"},
            "M": {"Type": "Map", "ItemProcessor": {"States": {"N": {"Type": "Wait", "Seconds": 7}}}},
            "B": {"Type": "Parallel", "Branches": [{"States": {"O": {"Type": "Wait", "Seconds": 8}}}]}
        }}"#;
        let input = r#"{"x": {"a": {"b": 3}}, "t": "1970-01-01T00:00:30Z"}"#;
        let variables = HashMap::from([("v".to_owned(), "4".to_owned())]);
        let times = WaitTimes::of(states, 1.0);
        for (state, end) in [
            ("S", Some(15.0)),
            ("T", Some(60.0)),
            ("P", Some(13.0)),
            ("Q", Some(30.0)),
            ("V", Some(14.0)),
            ("U", None),
            ("N", Some(17.0)),
            ("O", Some(18.0)),
            ("X", None),
        ] {
            assert_eq!(times.end(state, input, &variables, 10.0), end, "{state}");
        }
        assert_eq!(WaitTimes::of(states, 0.0).end("S", input, &variables, 10.0), Some(10.0));
        assert_eq!(WaitTimes::of("no JSON", 1.0).end("S", input, &variables, 10.0), None);
    }
}
