//! A step that is given up as heavy and gone on with leads to what it would have led to at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Ran, compiled, run_within};
use serde_json::{Value, json};
use stepwell_interpreter::{Budget, Event, EventKind};

/// Every expression is too heavy, and after each a slice ends.
const NOTHING: Budget = Budget { expression_steps: 1, expression_steps_max: 0, ..Budget::SHARED };

fn jsonata(states: &Value) -> Value {
    let start = states.as_object().unwrap().keys().next().unwrap();
    json!({"QueryLanguage": "JSONata", "StartAt": start, "States": states})
}

/// Runs with and without giving up, and compares. `fails`: every task fails.
fn compare(about: &str, definition: &Value, input: &Value, fails: bool) -> Ran {
    let program = compiled(definition);
    let answer = |parameters: &Value| match fails {
        true => Err(("Sad".to_owned(), "so it is".to_owned())),
        false => Ok(parameters.clone()),
    };
    let at_once = run_within(Budget::default(), &program, input, &answer);
    assert_eq!(at_once.heavy_steps, 0);
    let ran = run_within(NOTHING, &program, input, &answer);
    // Slices decide which branch goes first, and so the numbers of events.
    if ran
        .events
        .iter()
        .any(|event| matches!(event.kind, EventKind::ParallelStarted { .. } | EventKind::MapStarted { .. }))
    {
        assert_eq!(names(&ran), names(&at_once), "{about}");
    } else {
        assert_eq!(ran.events, at_once.events, "{about}");
    }
    let without_numbers = |ran: &Ran| {
        let cause = ran.execution.failure.as_ref().and_then(|failure| failure.cause.as_ref());
        cause.map(|cause| cause.split(char::is_numeric).map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(without_numbers(&ran), without_numbers(&at_once), "{about}");
    assert_eq!(ran.execution.output, at_once.execution.output, "{about}");
    ran
}

/// The names of all events, sorted.
fn names(ran: &Ran) -> Vec<String> {
    let name = |event: &Event| format!("{:?}", event.kind).split(' ').next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = ran.events.iter().map(name).collect();
    names.sort_unstable();
    names
}

#[test]
fn wherever_an_expression_stands_nothing_shows_that_it_was_heavy() {
    let task = "arn:aws:states:::aws-sdk:sqs:listQueues";
    let done = json!({"Type": "Succeed"});
    let branch = |value: &str| json!({"StartAt": value, "States": {value: {"Type": "Pass", "Output": format!("{{% '{value}' %}}"), "End": true}}});
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error & '!' %}",
        "Assign": {"caught": "{% $states.context.State.Name %}"}, "Next": "Done"}]);
    let retry = json!([{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1}]);
    // The states, whether tasks fail, and how many steps are given up. What fails is caught in the same step.
    let cases = [
        ("Output", json!({"A": {"Type": "Pass", "Output": "{% 1 + 1 %}", "End": true}}), false, 1),
        (
            "Assign, and Output of the next state",
            json!({"A": {"Type": "Pass", "Assign": {"a": "{% 'x' & 'y' %}"}, "Next": "B"},
                "B": {"Type": "Pass", "Output": "{% $a & $uuid() & $random() %}", "End": true}}),
            false,
            2,
        ),
        (
            "Condition and Output of a rule",
            json!({"A": {"Type": "Choice", "Choices": [
                {"Condition": "{% $states.input.n > 5 %}", "Next": "A"},
                {"Condition": "{% $states.input.n = 3 %}", "Output": "{% 'three' %}", "Next": "Done"}]}, "Done": done}),
            false,
            1,
        ),
        (
            "Seconds, and Output after the wait",
            json!({"A": {"Type": "Wait", "Seconds": "{% $states.input.n + 1 %}", "Output": "{% 'woke' %}", "End": true}}),
            false,
            2,
        ),
        (
            "Arguments and Output of a task",
            json!({"A": {"Type": "Task", "Resource": task, "Arguments": {"QueueNamePrefix": "{% $states.input.n & 'x' %}"},
                "TimeoutSeconds": "{% 60 %}", "Output": "{% $states.result.QueueNamePrefix & 1 %}", "End": true}}),
            false,
            2,
        ),
        (
            "Output of a catcher of a task",
            json!({"A": {"Type": "Task", "Resource": task, "Catch": catch, "End": true}, "Done": done}),
            true,
            1,
        ),
        (
            "Arguments at each retry, then a catcher",
            json!({"A": {"Type": "Task", "Resource": task, "Arguments": {"QueueNamePrefix": "{% $string($states.context.State.RetryCount) %}"},
                "Retry": retry, "Catch": catch, "End": true}, "Done": done}),
            true,
            4,
        ),
        (
            "an expression that fails, and the catcher that takes it",
            json!({"A": {"Type": "Task", "Resource": task, "Output": "{% 1 + 'x' %}", "Catch": catch, "End": true},
                "Done": done}),
            false,
            1,
        ),
        (
            "a catcher whose Output fails",
            json!({"A": {"Type": "Task", "Resource": task, "Catch": [{"ErrorEquals": ["States.ALL"],
                "Output": "{% $nowhere.at.all %}", "Next": "Done"}], "End": true}, "Done": done}),
            true,
            1,
        ),
        (
            "Arguments, branches and Output of a Parallel",
            json!({"A": {"Type": "Parallel", "Arguments": {"a": "{% 'in' %}"}, "Branches": [branch("X"), branch("Y")],
                "Output": "{% $join($states.result) %}", "End": true}}),
            false,
            4,
        ),
        (
            "Output of a Parallel fails and is caught",
            json!({"A": {"Type": "Parallel", "Branches": [branch("X"), branch("Y")], "Output": "{% $sum('x') %}",
                "Catch": catch, "End": true}, "Done": done}),
            false,
            3,
        ),
        (
            "a branch fails, and the Parallel catches it",
            json!({"A": {"Type": "Parallel", "Branches": [branch("X"), {"StartAt": "T", "States": {
                "T": {"Type": "Task", "Resource": task, "End": true}}}], "Retry": retry, "Catch": catch, "End": true},
                "Done": done}),
            true,
            4,
        ),
        (
            "a Parallel whose result is too large catches it",
            json!({"A": {"Type": "Parallel", "Branches": [branch("X")],
                "Output": "{% $join([1..20000] ~> $map(function($i) { 'twenty characters or so' })) %}",
                "Catch": catch, "End": true}, "Done": done}),
            false,
            2,
        ),
        (
            "Items, ItemSelector, iterations and Output of a Map",
            json!({"A": {"Type": "Map", "Items": "{% [1..3] %}", "MaxConcurrency": "{% 2 %}",
                "ItemSelector": {"i": "{% $states.context.Map.Item.Value * 10 %}"},
                "ItemProcessor": {"StartAt": "X", "States": {"X": {"Type": "Pass",
                    "Output": "{% $states.input.i + 1 %}", "End": true}}},
                "Output": "{% $sum($states.result) %}", "End": true}}),
            false,
            8,
        ),
        (
            "an ItemSelector that fails and is caught",
            json!({"A": {"Type": "Map", "Items": ["x", 1], "ItemSelector": {"i": "{% $states.context.Map.Item.Value + 1 %}"},
                "ItemProcessor": {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": true}}},
                "Catch": catch, "End": true}, "Done": done}),
            false,
            2,
        ),
        (
            "Error and Cause of a Fail",
            json!({"A": {"Type": "Fail", "Error": "{% 'E' & $states.input.n %}", "Cause": "{% 'why' %}"}}),
            false,
            1,
        ),
    ];
    let mut wrong = Vec::new();
    for (about, states, fails, heavy_steps) in cases {
        let ran = compare(about, &jsonata(&states), &json!({"n": 3}), fails);
        if ran.heavy_steps != heavy_steps {
            wrong.push(format!("{about}: {} heavy steps, not {heavy_steps}", ran.heavy_steps));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_cases_of_jsonata_states_end_the_same_when_every_expression_is_heavy() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/jsonata.json")).unwrap();
    let mut heavy_steps = 0;
    for case in &cases {
        let mut states = case["states"].clone();
        for state in states.as_object_mut().unwrap().values_mut() {
            state.as_object_mut().unwrap().entry("QueryLanguage").or_insert_with(|| json!("JSONata"));
        }
        let start = case["states"].as_object().unwrap().keys().next().unwrap();
        let definition = json!({"StartAt": start, "States": states});
        let about = case["about"].as_str().unwrap();
        heavy_steps += compare(about, &definition, &case["input"], case["fails"].is_array()).heavy_steps;
    }
    assert!(heavy_steps > cases.len() / 2, "{heavy_steps} of {}", cases.len());
}

#[test]
fn a_state_within_the_budget_is_not_given_up_and_one_beyond_it_leaves_what_came_before() {
    let sum = |count: u32| format!("{{% $sum([1..{count}]) %}}");
    let states = json!({
        "Light": {"Type": "Pass", "Output": sum(100), "Next": "Heavy"},
        "Heavy": {"Type": "Pass", "Output": sum(500_000), "Next": "After"},
        "After": {"Type": "Pass", "Output": sum(100), "End": true},
    });
    let program = compiled(&jsonata(&states));
    let ran = run_within(Budget::SHARED, &program, &json!({}), &|parameters| Ok(parameters.clone()));
    assert_eq!(ran.heavy_steps, 1);
    let exits = ran.events.iter().filter(|event| matches!(event.kind, EventKind::StateExited { .. })).count();
    assert_eq!(exits, 3);
}
