//! JSONata states, by table: a machine, its input, and how it ends; texts and orders as AWS has them where they are
//! known.

mod common;

use common::run_with;
use serde_json::{Value, json};
use stepwell_interpreter::{Event, EventKind, Status};

/// `3<-0 EvaluationFailed Output/v`
fn line(event: &Event) -> String {
    let debug = format!("{:?}", event.kind);
    let name = debug.split([' ', '{']).next().unwrap_or_default();
    let location = match &event.kind {
        EventKind::EvaluationFailed { location: Some(location), .. } => format!(" {location}"),
        _ => String::new(),
    };
    format!("{}<-{} {name}{location}", event.history_id, event.kind.previous())
}

#[test]
fn states_do_what_the_table_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/jsonata.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let about = case["about"].as_str().unwrap();
        let mut states = case["states"].clone();
        for state in states.as_object_mut().unwrap().values_mut() {
            let state = state.as_object_mut().unwrap();
            state.entry("QueryLanguage").or_insert_with(|| json!("JSONata"));
        }
        let start = case["states"].as_object().unwrap().keys().next().unwrap();
        let definition = json!({"StartAt": start, "States": states});
        // A task gives back what it was sent, unless it fails.
        let ran = run_with(&definition, &case["input"], &|parameters| match &case["fails"] {
            Value::Array(texts) => {
                let text = |at: usize| texts[at].as_str().unwrap().to_owned();
                Err((text(0), text(1)))
            }
            _ => Ok(parameters.clone()),
        });
        let failure = ran.execution.failure.clone().unwrap_or_default();
        let text = |text: Option<stepwell_interpreter::Text>| json!(text.map(|text| text.to_string()));
        let output = match &ran.execution.output {
            Some(output) => serde_json::from_str(output.payload.text()).unwrap(),
            None => Value::Null,
        };
        let has_failed = ran.execution.status == Status::Failed;
        let events: Vec<String> =
            ran.events.iter().filter(|event| event.kind.is_visible()).map(line).collect();
        for (key, found) in [
            ("output", output),
            ("error", text(failure.error)),
            ("cause", text(failure.cause)),
            ("events", json!(events)),
        ] {
            if case.get(key).is_some_and(|expected| *expected != found) {
                wrong.push(format!("{about}: {key} is {found:#}\ninstead of {:#}", case[key]));
            }
        }
        if has_failed != case.get("error").is_some() {
            wrong.push(format!(
                "{about}: {:?} {failure:?}",
                ran.execution.status,
                failure = ran.execution.failure
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n\n"));
    println!("{} cases", cases.len());
}
