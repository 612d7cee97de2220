//! Integrations with an address of their own: what they take and give.

use serde_json::{Value, json};
use stepwell_aws_model::{Direct, DirectParameter, Ending, ParameterKind};

use crate::output::{self, Format};

/// What may stand as Resource.
pub(super) fn resources(row: &Direct) -> Vec<String> {
    let forms = row.endings.iter();
    forms
        .map(|ending| format!("arn:aws:states:::{}:{}{}", row.service, row.action, suffix(*ending)))
        .collect()
}

/// What follows the action.
pub(super) fn suffix(ending: Ending) -> &'static str {
    match ending {
        Ending::RequestResponse => "",
        Ending::Sync => ".sync",
        Ending::WaitForTaskToken => ".waitForTaskToken",
    }
}

/// Prints all about one.
pub(super) fn show(row: &Direct, format: Format) {
    if format == Format::Json {
        let result: serde_json::Map<String, Value> =
            row.result.iter().map(|(name, kind)| ((*name).to_owned(), json!(kind))).collect();
        output::json(&json!({
            "service": row.service, "action": row.action, "resources": resources(row),
            "parameters": described(row.parameters), "result": result, "errors": row.errors,
        }));
        return;
    }
    for form in resources(row) {
        output::line(form);
    }
    output::line("");
    output::table(&["PARAMETER", "TYPE", "", "VALUES"], &rows(row.parameters, ""));
    let results: Vec<Vec<String>> =
        row.result.iter().map(|(name, kind)| vec![(*name).to_owned(), (*kind).to_owned()]).collect();
    output::line("");
    output::table(&["RESULT", "TYPE"], &results);
    output::line("");
    output::table(&["ERRORS"], &row.errors.iter().map(|error| vec![(*error).to_owned()]).collect::<Vec<_>>());
}

/// Members of objects stand behind a dot.
fn rows(parameters: &[DirectParameter], before: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for parameter in parameters {
        let name = format!("{before}{}", parameter.name);
        let remark = if parameter.is_required { "required" } else { "" };
        let values = match parameter.kind {
            ParameterKind::Word(words) => words.join(", "),
            _ => String::new(),
        };
        let kind = parameter.kind.description().to_owned();
        rows.push(vec![name.clone(), kind, remark.to_owned(), values]);
        if let ParameterKind::Object(inner) = parameter.kind {
            rows.extend(self::rows(inner, &format!("{name}.")));
        }
    }
    rows
}

fn described(parameters: &[DirectParameter]) -> Value {
    let members: serde_json::Map<String, Value> = parameters
        .iter()
        .map(|parameter| {
            let value = match parameter.kind {
                ParameterKind::Object(inner) => described(inner),
                ParameterKind::Word(words) => json!({"type": "string", "values": words}),
                kind => json!({"type": kind.description()}),
            };
            (parameter.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> =
        parameters.iter().filter(|parameter| parameter.is_required).map(|parameter| parameter.name).collect();
    json!({"type": "object", "members": members, "required": required})
}
