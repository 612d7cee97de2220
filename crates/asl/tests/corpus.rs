//! Real definitions: the valid ones are accepted, the invalid ones are not.
//!
//! The definitions are kept beside the repository, as other people's data; without them these tests do nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use stepwell_asl::{Analysis, Options, Severity, analyse};

fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance").join(name);
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "json") {
            found.push(entry);
        }
    }
}

/// Texts about which AWS, or what is known of it, says something else than the validator they come from.
const OTHERWISE: [(&str, &str); 4] = [
    ("asl-validator/invalid-json-surround-syntax-extra-spaces", "white space inside the braces is no error"),
    ("asl-validator/invalid-jsonata-surround-syntax-no-spaces", "published definitions have no space there"),
    ("asl-validator/valid-assign.asl", "a variable's name has no hyphen"),
    ("asl-validator/valid-map-with-item-batcher-jsonata", "JSONPath states inside a JSONata machine"),
];

fn errors(analysis: &Analysis) -> Vec<String> {
    analysis
        .diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| format!("{}: {} at {:?}", finding.code, finding.message, finding.location))
        .collect()
}

#[test]
#[allow(clippy::disallowed_methods)]
fn published_definitions_are_accepted() {
    let Some(folder) = folder("definitions") else { return };
    let mut found = Vec::new();
    files(&folder, &mut found);
    let mut refused = Vec::new();
    let mut count = 0;
    for file in found.iter().filter(|file| !file.ends_with("validation.json")) {
        let document: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let errors = errors(&analyse(&document["definition"].to_string(), &Options::default()));
        count += 1;
        let name = file.file_name().unwrap().to_str().unwrap();
        if !errors.is_empty() {
            refused.push(format!("{name}: {errors:#?}"));
        }
    }
    println!("{count} definitions");
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
#[allow(clippy::disallowed_methods)]
fn texts_of_other_validators_are_judged_alike() {
    let Some(folder) = folder("definitions/validation") else { return };
    let text = std::fs::read_to_string(folder.join("validation.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let Some(is_valid) = case["valid"].as_bool() else { continue };
        let errors = errors(&analyse(case["text"].as_str().unwrap(), &Options::default()));
        let id = case["id"].as_str().unwrap();
        let is_otherwise = OTHERWISE.iter().any(|(other, _)| *other == id);
        if (errors.is_empty() != is_valid) != is_otherwise {
            wrong.push(format!("{}: valid {is_valid}, but {errors:#?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[allow(clippy::disallowed_methods)]
fn recorded_definitions_get_the_recorded_findings() {
    let Some(folder) = folder("cases") else { return };
    let mut found = Vec::new();
    files(&folder, &mut found);
    let mut wrong = Vec::new();
    for file in found {
        let case: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let name = case["name"].as_str().unwrap();
        for step in case["steps"].as_array().unwrap() {
            let call = step["call"].as_str().unwrap_or_default();
            if !matches!(call, "CreateStateMachine" | "ValidateStateMachineDefinition" | "UpdateStateMachine")
            {
                continue;
            }
            let definition = &step["params"]["definition"];
            let text = match definition["$definition"].as_u64() {
                Some(number) => case["definitions"][number as usize].to_string(),
                None => match definition.as_str() {
                    Some(text) => text.to_owned(),
                    None => continue,
                },
            };
            let text = fill(&text);
            let options = match step["params"]["type"].as_str() {
                Some("EXPRESS") => Options { machine_type: stepwell_asl::MachineType::Express },
                _ => Options::default(),
            };
            let analysis = analyse(&text, &options);
            let expected = step["expect"].to_string();
            if expected.contains("Error=ValueError") {
                // Words of an emulator, not of AWS.
                continue;
            }
            let message = stepwell_asl::invalid_definition_message(
                &analysis
                    .diagnostics
                    .iter()
                    .filter(|f| f.severity == Severity::Error)
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            let is_refused = expected.contains("Invalid State Machine Definition");
            if call == "ValidateStateMachineDefinition" {
                let ours: Vec<serde_json::Value> = analysis
                    .diagnostics
                    .iter()
                    .filter(|finding| finding.severity == Severity::Error)
                    .map(|finding| {
                        let mut value = serde_json::json!({"severity": "ERROR", "code": finding.code.as_str(), "message": finding.message});
                        if let Some(location) = &finding.location {
                            value["location"] = location.as_str().into();
                        }
                        value
                    })
                    .collect();
                let expected = &step["expect"][0]["value"]["diagnostics"];
                if *expected != serde_json::Value::Array(ours.clone()) {
                    wrong.push(format!("{name}: {ours:?} instead of {expected}"));
                }
            } else if is_refused {
                let quoted = serde_json::to_string(&message).unwrap();
                if !expected.contains(quoted.trim_matches('"')) {
                    wrong.push(format!("{name}: {message} instead of {expected}"));
                }
            } else if !errors(&analysis).is_empty()
                && step["error"].as_bool() != Some(true)
                && !expected.contains("exception")
            {
                wrong.push(format!("{name}: {message}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Puts plausible values in the place of the cases' variables.
fn fill(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        filled.push_str(&rest[..start]);
        let name = &rest[start + 2..start + length];
        filled.push_str(match name {
            _ if name.starts_with("fn") && name.ends_with(".arn") => {
                "arn:aws:lambda:us-east-1:000000000000:function:f"
            }
            _ if name.starts_with('v') => "arn:aws:states:us-east-1:000000000000:activity:a",
            _ => "x",
        });
        rest = &rest[start + length + 1..];
    }
    filled.push_str(rest);
    filled
}

/// Runs the state of a recorded case that has no history to it: a Pass with Parameters, or a Choice.
#[test]
#[allow(clippy::disallowed_methods)]
fn recorded_functions_and_operators_give_the_recorded_results() {
    let mut found = Vec::new();
    for area in ["intrinsic_functions", "choice_operators"] {
        let Some(folder) = folder("cases").map(|folder| folder.join(area)) else { return };
        files(&folder, &mut found);
    }
    let mut count = 0;
    for file in found {
        let case: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let name = case["name"].as_str().unwrap();
        let mut definition = None;
        let mut input = serde_json::Value::Null;
        for step in case["steps"].as_array().unwrap() {
            if let Some(number) = step["params"]["definition"]["$definition"].as_u64() {
                let text = case["definitions"][number as usize].to_string();
                definition = analyse(&text, &Options::default()).definition;
            }
            if let Some(text) = step["params"]["input"].as_str() {
                input = serde_json::from_str(text).unwrap();
            }
            let expected = &step["expect"][0];
            let events = expected["value"]["events"].as_array();
            let output = match events.and_then(|events| events.last()) {
                Some(last) => &last["executionSucceededEventDetails"]["output"],
                None => &expected["value"],
            };
            let Some(definition) = definition.as_ref().filter(|_| step["expect"].is_array()) else {
                continue;
            };
            let stepwell_asl::DataFlow::JsonPath(_) = &definition.states[0].flow else { continue };
            if output.to_string().contains('<') || output.to_string().contains("enerated") {
                // Values made anew in every run.
                continue;
            }
            let mut roots = common::roots(&serde_json::json!({
                "input": input,
                "context": {"Execution": {"Input": input}}
            }));
            match &definition.states[0].kind {
                stepwell_asl::StateKind::Pass(_) => {
                    let value = common::parameters_of(definition).evaluate(&mut roots).unwrap();
                    let value = value.get("merged").cloned().unwrap_or(value);
                    common::assert_same(output, &value, name);
                }
                stepwell_asl::StateKind::Choice(choice) => {
                    let stepwell_asl::Choices::JsonPath(branches) = &choice.choices else { panic!("{name}") };
                    let holds = branches[0].rule.matches(&mut roots).unwrap();
                    let expected = output["TestResult.$"].as_str().unwrap();
                    assert_eq!(expected == "ConditionTrue", holds, "{name} over {input}");
                }
                _ => panic!("{name}"),
            }
            count += 1;
        }
    }
    println!("{count} results");
    assert!(count > 100, "{count}");
}
