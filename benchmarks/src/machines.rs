//! The definitions that the workloads run, and their input.

use serde_json::{Map, Value, json};

use crate::client::Client;

/// A role as CreateStateMachine wants one.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/benchmark";

/// Input of pass10 and sync10: about 200 bytes.
pub const INPUT: &str = r#"{"order":{"id":"A-1001","customer":"Ada","total":129.95},"items":[{"sku":"x1","n":2},{"sku":"y2","n":1}],"note":"leave at the door, ring twice, then wait for the neighbour"}"#;

/// A chain of Pass states.
#[must_use]
pub fn pass_chain(length: usize) -> Value {
    chain(length, |_| json!({"Type": "Pass"}))
}

/// A chain of activity tasks.
#[must_use]
pub fn activity_chain(length: usize, activity_arn: &str) -> Value {
    chain(length, |_| json!({"Type": "Task", "Resource": activity_arn}))
}

/// A chain of Lambda tasks.
#[must_use]
pub fn lambda_chain(length: usize, function_arn: &str) -> Value {
    chain(length, |_| json!({"Type": "Task", "Resource": function_arn}))
}

/// A chain of HTTP Tasks that get a URL by way of the connection `bench`.
#[must_use]
pub fn http_chain(length: usize, url: &str) -> Value {
    let connection =
        "arn:aws:events:us-east-1:000000000000:connection/bench/0190f0c2-7f4e-4c55-9f3a-2f6d4b7a1c0e";
    let parameters =
        json!({"Method": "GET", "ApiEndpoint": url, "Authentication": {"ConnectionArn": connection}});
    chain(length, |_| {
        json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::http:invoke",
            "Parameters": parameters,
            "ResultPath": null
        })
    })
}

/// An inline Map with one Pass for each item of the input's `items`.
#[must_use]
pub fn map_of_pass() -> Value {
    json!({
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "One",
                    "States": {"One": {"Type": "Pass", "End": true}}
                },
                "End": true
            }
        }
    })
}

/// A Wait until the time in the input's `until`.
#[must_use]
pub fn wait_until() -> Value {
    json!({"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "TimestampPath": "$.until", "End": true}}})
}

/// An expression that takes all the steps that one may take. Standard executions begin again for ever.
#[must_use]
pub fn bombs(again: bool) -> Value {
    let bomb =
        json!({"Type": "Pass", "Output": "{% ($f := function($n) { $f($n + 1) }; $f(1)) %}", "End": true});
    if !again {
        return json!({"QueryLanguage": "JSONata", "StartAt": "Bomb", "States": {"Bomb": bomb}});
    }
    json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Again",
        "States": {
            "Again": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "Bomb", "States": {"Bomb": bomb}}],
                "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Again"}],
                "End": true
            }
        }
    })
}

fn chain(length: usize, state: impl Fn(usize) -> Value) -> Value {
    let mut states = Map::new();
    for number in 1..=length {
        let mut one = state(number);
        if number == length {
            one["End"] = Value::Bool(true);
        } else {
            one["Next"] = Value::String(format!("S{}", number + 1));
        }
        states.insert(format!("S{number}"), one);
    }
    json!({"StartAt": "S1", "States": states})
}

/// Creates a state machine and gives its ARN.
///
/// # Errors
/// When the server refuses.
pub fn create(client: &mut Client, name: &str, definition: &Value, express: bool) -> anyhow::Result<String> {
    let kind = if express { "EXPRESS" } else { "STANDARD" };
    let answer = client.must(
        "CreateStateMachine",
        &json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": kind}),
    )?;
    Ok(answer["stateMachineArn"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_valid() {
        let activity = "arn:aws:states:us-east-1:000000000000:activity:a";
        let function = "arn:aws:lambda:us-east-1:000000000000:function:echo";
        let definitions = [
            pass_chain(10),
            pass_chain(499),
            activity_chain(5, activity),
            lambda_chain(1, function),
            http_chain(5, "http://127.0.0.1:9/after/20"),
            map_of_pass(),
            wait_until(),
            bombs(true),
            bombs(false),
        ];
        for definition in definitions {
            let analysis = stepwell_asl::analyse(&definition.to_string(), &stepwell_asl::Options::default());
            assert!(analysis.definition.is_some(), "{definition}: {:?}", analysis.diagnostics);
        }
    }
}
