//! Payload templates, paths in fields, and the variables that states read.

mod common;

use common::{assert_same, cases, parameters_of, pass_with, roots};
use stepwell_asl::{
    DataFlow, EvaluationError, Options, PathOrNull, ResultPath, StateKind, analyse, evaluate_path,
};
use stepwell_json::Value;

#[test]
fn templates_give_what_the_table_says() {
    for case in cases(include_str!("data/templates.json")) {
        let template = &case["template"];
        let analysis = pass_with(template);
        let Some(definition) = &analysis.definition else { panic!("{template}: {:?}", analysis.diagnostics) };
        match (parameters_of(definition).evaluate(&mut roots(&case)), case.get("result"), case.get("cause")) {
            (Ok(value), Some(result), None) => assert_same(result, &value, &template.to_string()),
            (Err(error), None, Some(cause)) => {
                assert_eq!("States.Runtime", error.error_name(), "{template}");
                assert_eq!(cause.as_str().unwrap(), error.cause(), "{template}");
            }
            (outcome, ..) => panic!("{template}: {outcome:?}"),
        }
    }
}

#[test]
fn a_template_without_expressions_is_one_shared_value() {
    let analysis = pass_with(&serde_json::json!({"a": [1, {"b": null}], "c": "$.x"}));
    let template = parameters_of(analysis.definition.as_ref().unwrap());
    let (Some(Value::Object(literal)), Ok(Value::Object(value))) =
        (template.literal(), template.evaluate(&mut roots(&serde_json::json!({}))))
    else {
        panic!("no object");
    };
    assert!(literal.ptr_eq(&value));
}

#[test]
fn templates_do_not_make_values_that_nest_too_deep() {
    let analysis = pass_with(&serde_json::json!({"a": {"b.$": "$"}}));
    let template = parameters_of(analysis.definition.as_ref().unwrap());
    for (depth, is_good) in [(125, true), (126, false)] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let mut roots =
            common::TestRoots { input: stepwell_json::parse(&text).unwrap(), ..Default::default() };
        assert_eq!(is_good, template.evaluate(&mut roots).is_ok(), "{depth}");
    }
}

#[test]
fn bare_paths_fail_in_the_words_of_their_fields() {
    for (path, cause) in [
        ("$.no", "Invalid path '$.no' : No results for path: $['no']"),
        ("$.no.such.path", "Invalid path '$.no.such.path' : Missing property in path $['no']"),
        ("$$.no", "Invalid path '$$.no' : No results for path: $['no']"),
    ] {
        let path = stepwell_jsonpath::Path::parse(path).unwrap();
        let error = evaluate_path(&path, &mut roots(&serde_json::json!({}))).unwrap_err();
        assert_eq!(("States.Runtime", cause), (error.error_name(), error.cause().as_str()));
    }
    let null = &serde_json::json!({"input": null});
    let path = stepwell_jsonpath::Path::parse("$.x").unwrap();
    let error = evaluate_path(&path, &mut roots(null)).unwrap_err();
    assert_eq!("Unable to apply Path transformation to null or empty input.", error.cause());
    let path = stepwell_jsonpath::Path::parse("$").unwrap();
    assert!(evaluate_path(&path, &mut roots(null)).unwrap().is_null());
    let path = stepwell_jsonpath::Path::parse("$nobody.x").unwrap();
    let error = evaluate_path(&path, &mut roots(&serde_json::json!({}))).unwrap_err();
    assert!(matches!(error, EvaluationError::Runtime { .. }), "{error:?}");
}

#[test]
fn absent_null_and_whole_paths_are_told_apart() {
    let definition = analyse(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "InputPath": null, "ResultPath": null, "Next": "B"},
            "B": {"Type": "Pass", "InputPath": "$.x", "ResultPath": "$", "Next": "C"},
            "C": {"Type": "Pass", "ResultPath": "$.y", "End": true}}}"#,
        &Options::default(),
    )
    .definition
    .unwrap();
    let kinds: Vec<&str> = definition
        .states
        .iter()
        .map(|state| {
            let DataFlow::JsonPath(flow) = &state.flow else { return "else" };
            match (&flow.input_path, &flow.result_path) {
                (Some(PathOrNull::Null), ResultPath::Discard) => "nothing",
                (Some(PathOrNull::Path(_)), ResultPath::Whole) => "whole",
                (None, ResultPath::At(_)) => "at",
                _ => "else",
            }
        })
        .collect();
    assert_eq!(["nothing", "whole", "at"], kinds[..]);
}

#[test]
fn variables_are_listed_by_the_state_that_reads_them() {
    let analysis = analyse(include_str!("data/rich.json"), &Options::default());
    let listed: Vec<String> = analysis
        .variable_references
        .iter()
        .map(|(state, names)| format!("{state}: {}", names.join(" ")))
        .collect();
    assert_eq!(["Decide: count", "Failed: cause", "Inner: count", "Work: who"], listed[..]);
}

#[test]
fn delays_of_retries_grow_up_to_their_limit() {
    let definition = analyse(include_str!("data/rich.json"), &Options::default()).definition.unwrap();
    let StateKind::Task(task) = &definition.states[1].kind else { panic!("no Task") };
    let delays: Vec<f64> = (1..=6).map(|retry| task.retry[0].delay_seconds(retry)).collect();
    assert_eq!([2.0, 3.0, 4.5, 6.75, 10.0, 10.0], delays[..]);
    assert_eq!((1, 3, 2.0), {
        let plain = &task.retry[1];
        (plain.interval_seconds, plain.max_attempts, plain.backoff_rate)
    });
    assert!(task.retry[0].delay_seconds(u32::MAX) <= 10.0);
}

#[test]
fn errors_are_matched_by_name_and_wildcard() {
    use stepwell_asl::{error_matches, error_matches_heartbeat};
    for (names, error, is_matched) in [
        (vec!["A", "B"], "B", true),
        (vec!["A"], "a", false),
        (vec!["States.ALL"], "anything", true),
        (vec!["States.ALL"], "States.Timeout", true),
        (vec!["States.ALL"], "States.Runtime", false),
        (vec!["States.TaskFailed"], "Custom", true),
        (vec!["States.TaskFailed"], "States.Timeout", false),
        (vec!["States.TaskFailed"], "States.Runtime", false),
        (vec!["States.Runtime"], "States.Runtime", true),
        (vec!["States.Timeout"], "States.HeartbeatTimeout", false),
    ] {
        assert_eq!(is_matched, error_matches(&names, error), "{names:?} {error}");
    }
    for (name, is_matched) in [
        ("States.HeartbeatTimeout", true),
        ("States.Timeout", true),
        ("States.ALL", true),
        ("States.TaskFailed", false),
    ] {
        assert_eq!(is_matched, error_matches_heartbeat(&[name]), "{name}");
    }
}

#[test]
fn suggestions_name_what_was_perhaps_meant() {
    for (text, suggestion) in [
        (r#"{"StartAt": "Frst", "States": {"First": {"Type": "Pass", "End": true}}}"#, "First"),
        (r#"{"StartAt": "A", "States": {"A": {"Type": "Pas", "End": true}}}"#, "Pass"),
        (
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "ResutlPath": null, "End": true}}}"#,
            "ResultPath",
        ),
        (
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": "States.formt('x')"}, "End": true}}}"#,
            "States.Format",
        ),
    ] {
        let analysis = analyse(text, &Options::default());
        assert_eq!(Some(suggestion), analysis.diagnostics[0].suggestion.as_deref(), "{text}");
    }
}

#[test]
fn what_paths_visit_and_functions_read_is_counted_and_can_be_bounded() {
    let items: Vec<_> = (0..100).map(|x| serde_json::json!({"x": x})).collect();
    let input = serde_json::json!({"items": items, "text": "x".repeat(3_200)});
    for (template, steps) in [
        (serde_json::json!({"a.$": "$.items[3].x"}), 0),
        (serde_json::json!({"a.$": "$.items[*].x"}), 101),
        (serde_json::json!({"a.$": "$.items[*].x", "b.$": "$.items[*].x"}), 202),
        (serde_json::json!({"a.$": "States.StringSplit($.text, ',')"}), 100),
        (serde_json::json!({"a.$": "States.Hash(States.Format('{}', $.text), 'MD5')"}), 200),
    ] {
        let analysis = pass_with(&template);
        let template_at = parameters_of(analysis.definition.as_ref().unwrap());
        let mut roots = roots(&serde_json::json!({"input": input}));
        template_at.evaluate(&mut roots).unwrap();
        assert_eq!(roots.steps, steps, "{template}");
        if steps > 0 {
            roots.steps = 0;
            roots.steps_max = Some(steps - 1);
            assert!(template_at.evaluate(&mut roots).is_err(), "{template}");
            assert!(roots.steps < steps, "{template}");
        }
    }
}
