//! The intrinsic functions, by table: `call` over `input` gives `result`, fails with `problem`, or is `refused`
//! when the definition is read.

mod common;

use common::{assert_same, cases, parameters_of, pass_with, roots};

#[test]
fn functions_give_what_the_table_says() {
    for case in cases(include_str!("data/intrinsics.json")) {
        let call = case["call"].as_str().unwrap();
        let analysis = pass_with(&serde_json::json!({"result.$": call}));
        if let Some(is_refused) = case["refused"].as_bool() {
            assert_eq!(is_refused, !analysis.is_valid(), "{call}: {:?}", analysis.diagnostics);
            if is_refused {
                assert_eq!(
                    "The value for the field 'result.$' must be a valid JSONPath or a valid intrinsic function call",
                    analysis.diagnostics[0].message
                );
            }
            continue;
        }
        let Some(definition) = &analysis.definition else { panic!("{call}: {:?}", analysis.diagnostics) };
        let outcome = parameters_of(definition).evaluate(&mut roots(&case));
        match (outcome, case.get("result"), case.get("problem")) {
            (Ok(value), Some(result), None) => {
                assert_same(&serde_json::json!({"result": result}), &value, call);
            }
            (Err(error), None, Some(problem)) => {
                assert_eq!("States.IntrinsicFailure", error.error_name(), "{call}");
                let expected =
                    format!("The function '{call}' had the following error: {}", problem.as_str().unwrap());
                assert_eq!(expected, error.cause(), "{call}");
            }
            (outcome, ..) => panic!("{call}: {outcome:?}"),
        }
    }
}

#[test]
fn uuids_are_of_version_4_and_take_the_random_numbers_given() {
    let analysis = pass_with(&serde_json::json!({"id.$": "States.UUID()"}));
    let mut roots = roots(&serde_json::json!({}));
    roots.random = u64::MAX - 1;
    let value = parameters_of(analysis.definition.as_ref().unwrap()).evaluate(&mut roots).unwrap();
    assert_eq!(Some("ffffffff-ffff-4fff-8000-000000000000"), value.get("id").and_then(|id| id.as_str()));
}

#[test]
fn random_numbers_without_a_seed_stay_in_their_range() {
    let analysis = pass_with(&serde_json::json!({"n.$": "States.MathRandom(-3, 4)"}));
    let template = parameters_of(analysis.definition.as_ref().unwrap());
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..64_u64 {
        let mut roots = roots(&serde_json::json!({}));
        roots.random = step << 58;
        seen.insert(template.evaluate(&mut roots).unwrap().get("n").unwrap().as_i64().unwrap());
    }
    assert_eq!((-3..4).collect::<Vec<i64>>(), seen.into_iter().collect::<Vec<i64>>());
}

#[test]
fn a_missing_argument_is_a_runtime_error_that_shows_the_input() {
    let analysis = pass_with(&serde_json::json!({"a.$": "States.Format('{}', $.no)"}));
    let error = parameters_of(analysis.definition.as_ref().unwrap())
        .evaluate(&mut roots(&serde_json::json!({"input": {"a": 1}})))
        .unwrap_err();
    assert_eq!("States.Runtime", error.error_name());
    assert_eq!(
        "The function 'States.Format('{}', $.no)' had the following error: The JsonPath argument for the field '$.no' could not be found in the input '{\"a\":1}'",
        error.cause()
    );
}

#[test]
fn texts_longer_than_the_limit_are_refused_when_run() {
    for (length, is_good) in [(10_000, true), (10_001, false)] {
        for call in ["States.Base64Encode($.t)", "States.Hash($.t, 'MD5')"] {
            let analysis = pass_with(&serde_json::json!({"r.$": call}));
            let input = serde_json::json!({"input": {"t": "é".repeat(length)}});
            let outcome = parameters_of(analysis.definition.as_ref().unwrap()).evaluate(&mut roots(&input));
            assert_eq!(is_good, outcome.is_ok(), "{call} of {length} characters");
        }
    }
}

#[test]
fn large_values_are_not_multiplied_without_end() {
    let many = "$, ".repeat(100);
    for call in [
        format!("States.Format('{}', {many}$)", "{}".repeat(101)),
        format!("States.JsonToString(States.Array({many}$))"),
        format!("States.Hash(States.Array({many}$), 'MD5')"),
        format!("States.ArrayUnique(States.Array({many}$))"),
    ] {
        let analysis = pass_with(&serde_json::json!({"r.$": call}));
        let input = serde_json::json!({"input": "x".repeat(200_000)});
        let error =
            parameters_of(analysis.definition.as_ref().unwrap()).evaluate(&mut roots(&input)).unwrap_err();
        assert!(
            error.cause().ends_with("The result is longer than 4194304 bytes"),
            "{}",
            &error.cause()[..200]
        );
    }
}

#[test]
fn a_field_does_not_name_a_large_value_without_end() {
    let input = serde_json::json!({"input": "x".repeat(200_000)});
    let call = format!("States.ArrayLength(States.Array({}$))", "$, ".repeat(400));
    let many: serde_json::Map<String, serde_json::Value> =
        (0..400).map(|number| (format!("k{number}.$"), "$".into())).collect();
    for template in [serde_json::json!({"r.$": call}), many.into()] {
        let analysis = pass_with(&template);
        let error =
            parameters_of(analysis.definition.as_ref().unwrap()).evaluate(&mut roots(&input)).unwrap_err();
        assert_eq!("States.DataLimitExceeded", error.error_name());
    }
}
