//! Findings, by table: a definition and all that is found in it, as `SEVERITY CODE: message at location`.

mod common;

use stepwell_asl::{Diagnostic, MachineType, Options, analyse};

fn line(finding: &Diagnostic) -> String {
    format!(
        "{} {}: {} at {}",
        finding.severity.as_str(),
        finding.code,
        finding.message,
        finding.location.as_deref().unwrap_or("null")
    )
}

#[test]
fn definitions_get_the_findings_of_the_table() {
    let mut wrong = Vec::new();
    for case in common::cases(include_str!("data/findings.json")) {
        let about = case["about"].as_str().unwrap();
        let text = match (&case["definition"], &case["states"]) {
            (serde_json::Value::Null, states) => {
                let start = states.as_object().unwrap().keys().next().unwrap();
                serde_json::json!({"StartAt": start, "States": states}).to_string()
            }
            (serde_json::Value::String(text), _) => text.clone(),
            (definition, _) => definition.to_string(),
        };
        let machine_type =
            if case["type"] == "EXPRESS" { MachineType::Express } else { MachineType::Standard };
        let analysis = analyse(&text, &Options { machine_type });
        let lines: Vec<String> = analysis.diagnostics.iter().map(line).collect();
        let expected: Vec<&str> =
            case["findings"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        if lines != expected {
            wrong.push(format!("{about}:\n  found    {lines:#?}\n  expected {expected:#?}"));
        }
        for finding in &analysis.diagnostics {
            let span = finding.span.clone().unwrap();
            assert!(text.get(span).is_some(), "{about}: span outside the text");
        }
        assert_eq!(analysis.is_runnable(), analysis.definition.is_some(), "{about}");
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
