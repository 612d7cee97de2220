//! The limit of all variables of an execution counts what they hold, not what was ever assigned.

mod common;

use common::run;
use serde_json::json;
use stepwell_interpreter::Status;

#[test]
fn a_variable_that_is_assigned_again_counts_once() {
    let definition = json!({"StartAt": "Begin", "States": {
        "Begin": {"Type": "Pass", "Assign": {"n": 0}, "Next": "Again"},
        "Again": {"Type": "Pass", "Next": "More",
            "Assign": {"big.$": "$.text", "n.$": "States.MathAdd($n, 1)"}},
        "More": {"Type": "Choice", "Default": "Done",
            "Choices": [{"Variable": "$n", "NumericLessThan": 60, "Next": "Again"}]},
        "Done": {"Type": "Succeed"}
    }});
    let execution = run(&definition, &json!({"text": "x".repeat(200_000)}));
    assert_eq!(execution.status, Status::Succeeded);
}

#[test]
fn variables_of_more_than_ten_mebibytes_together_are_refused() {
    let mut states = serde_json::Map::new();
    for number in 0..60 {
        let next = format!("S{}", number + 1);
        let state = json!({"Type": "Pass", "Next": next, "Assign": {format!("v{number}.$"): "$.text"}});
        states.insert(format!("S{number}"), state);
    }
    states.insert("S60".to_owned(), json!({"Type": "Succeed"}));
    let execution = run(&json!({"StartAt": "S0", "States": states}), &json!({"text": "x".repeat(200_000)}));
    assert_eq!(execution.status, Status::Failed);
    let failure = execution.failure.expect("an error");
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
}
