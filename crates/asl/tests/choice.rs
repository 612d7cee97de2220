//! Choice rules, by table: for which inputs a rule holds, for which it does not, and for which it fails.

mod common;

use common::{cases, roots};
use stepwell_asl::{Choices, Options, StateKind, analyse};

#[test]
fn rules_hold_for_the_inputs_of_the_table() {
    for case in cases(include_str!("data/choice.json")) {
        let mut rule = case["rule"].clone();
        rule["Next"] = "S".into();
        let definition = serde_json::json!({
            "StartAt": "C",
            "States": {"C": {"Type": "Choice", "Choices": [rule], "Default": "S"}, "S": {"Type": "Succeed"}}
        });
        let analysis = analyse(&definition.to_string(), &Options::default());
        let Some(definition) = analysis.definition else { panic!("{rule}: {:?}", analysis.diagnostics) };
        let StateKind::Choice(choice) = &definition.states[0].kind else { panic!("no Choice") };
        let Choices::JsonPath(branches) = &choice.choices else { panic!("no JSONPath rules") };
        for kind in ["true", "false", "errors"] {
            for input in case[kind].as_array().unwrap_or(&Vec::new()) {
                let mut data = case.clone();
                data["input"] = input.clone();
                let outcome = branches[0].rule.matches(&mut roots(&data));
                match kind {
                    "errors" => {
                        let error = outcome.unwrap_err();
                        assert_eq!("States.Runtime", error.error_name(), "{rule} over {input}");
                        assert_eq!(case["cause"].as_str().unwrap(), error.cause(), "{rule} over {input}");
                    }
                    _ => assert_eq!(kind == "true", outcome.unwrap(), "{rule} over {input}"),
                }
            }
        }
    }
}

#[test]
fn every_operator_has_a_row() {
    let text = include_str!("data/choice.json");
    let mut names = vec!["StringMatches".to_owned()];
    for family in ["String", "Numeric", "Timestamp"] {
        for relation in ["Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"] {
            names.push(format!("{family}{relation}"));
            names.push(format!("{family}{relation}Path"));
        }
    }
    names.extend(["BooleanEquals", "BooleanEqualsPath"].map(str::to_owned));
    names.extend(
        ["Null", "Present", "Numeric", "String", "Boolean", "Timestamp"].map(|name| format!("Is{name}")),
    );
    assert_eq!(39, names.len());
    for name in names {
        assert!(text.contains(&format!("\"{name}\"")), "{name}");
    }
}
