//! Results for programs.

use serde_json::{Map, Value, json};
use stepwell_workflow_test::{Change, Coverage, Kind, Mismatch, Ran, path_value, status_text};

use super::load::{Content, Definition, Library, Lines};
use super::outcome::{CaseRun, Report, SuiteRun, Verdict};
use super::text::item_text;
use crate::report;

/// The document that `--output json` prints.
pub(super) fn document(library: &Library, report: &Report) -> Value {
    let files: Vec<Value> = report.runs.iter().map(|run| suite(library, run)).collect();
    let coverage: Vec<Value> = report
        .coverage
        .iter()
        .map(|entry| match entry {
            Ok(key) => library.definition(key).map_or(Value::Null, coverage_of),
            Err(path) => json!({"definition": path.display().to_string(), "percent": 0, "hasTests": false}),
        })
        .collect();
    let mut document = json!({
        "result": if report.is_invalid() {
            "INVALID"
        } else if report.has_failed(library) {
            "FAILED"
        } else {
            "PASSED"
        },
        "passed": report.count(Verdict::Passed),
        "failed": report.count(Verdict::Failed),
        "skipped": report.count(Verdict::Skipped),
        "files": files,
        "coverage": coverage,
    });
    if let Some(least) = report.coverage_min {
        document["coverageMin"] = least.into();
    }
    document
}

fn suite(library: &Library, run: &SuiteRun) -> Value {
    if let Some(invalid) = &run.invalid {
        let mut value = report::json(Some(&invalid.path), &invalid.source, &invalid.findings);
        value["file"] = run.path.display().to_string().into();
        if invalid.path != run.path {
            value["definition"] = invalid.path.display().to_string().into();
        }
        return value;
    }
    let mut value = json!({"file": run.path.display().to_string(), "result": "OK"});
    let content = run.content.as_ref();
    if let Some((content, definition)) =
        content.and_then(|content| Some((content, library.definition(&content.definition)?)))
    {
        value["definition"] = definition.file.path.display().to_string().into();
        let lines = content.lines();
        let cases: Vec<Value> = run.cases.iter().map(|run| case(content, &lines, definition, run)).collect();
        value["cases"] = cases.into();
    }
    value
}

fn case(content: &Content, lines: &Lines<'_>, definition: &Definition, run: &CaseRun) -> Value {
    let Some(case) = content.suite.cases.get(run.index) else { return Value::Null };
    let verdict = match run.verdict() {
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "SKIPPED",
    };
    let mut value = json!({"name": &*case.name, "line": lines.position(case.span).0, "result": verdict});
    if let Some(why) = &case.skip {
        value["skip"] = why.as_str().into();
    }
    if !run.mismatches.is_empty() {
        let mismatches: Vec<Value> = run.mismatches.iter().map(|found| mismatch(lines, found)).collect();
        value["mismatches"] = mismatches.into();
    }
    if let Some(ran) = &run.ran {
        value["execution"] = execution(definition, ran);
    }
    value
}

fn mismatch(lines: &Lines<'_>, mismatch: &Mismatch) -> Value {
    let mut value = json!({"field": mismatch.field, "message": mismatch.message});
    if let Some(span) = mismatch.span {
        let (line, column) = lines.position(span);
        value["line"] = line.into();
        value["column"] = column.into();
    }
    if !mismatch.differences.is_empty() {
        let differences = mismatch.differences.iter().map(|difference| {
            let mut value = json!({"pointer": difference.pointer});
            match &difference.change {
                Change::Other { expected, actual } => {
                    value["expected"] = plain(expected);
                    value["actual"] = plain(actual);
                }
                Change::Missing { expected } => value["expected"] = plain(expected),
                Change::Unexpected { actual } => value["actual"] = plain(actual),
            }
            value
        });
        value["differences"] = differences.collect();
    }
    if !mismatch.notes.is_empty() {
        value["notes"] = mismatch.notes.clone().into();
    }
    value
}

fn execution(definition: &Definition, ran: &Ran) -> Value {
    let machine = &definition.machine;
    let mut value = json!({"status": status_text(ran.status)});
    if let Some(output) = &ran.output {
        value["output"] = plain(output);
    }
    if let Some(error) = &ran.error {
        value["error"] = (**error).into();
    }
    if let Some(cause) = &ran.cause {
        value["cause"] = (**cause).into();
    }
    value["path"] = plain(&path_value(machine, &ran.path));
    let calls = ran.calls.iter().map(|call| {
        json!({
            "state": machine.name(call.state),
            "parameters": plain(&call.parameters),
            "afterSeconds": call.at_ms as f64 / 1000.0,
        })
    });
    value["calls"] = calls.collect();
    if !ran.variables.is_empty() {
        let variables = ran.variables.iter().map(|(name, value)| (name.to_string(), plain(value)));
        value["variables"] = Value::Object(variables.collect());
    }
    value["durationSeconds"] = (ran.duration_ms as f64 / 1000.0).into();
    value
}

fn coverage_of(definition: &Definition) -> Value {
    let coverage: &Coverage = &definition.coverage;
    let total = coverage.total();
    let mut value = json!({
        "definition": definition.file.path.display().to_string(),
        "hasTests": true,
        "percent": total.percent(),
        "covered": total.covered,
        "total": total.total,
    });
    for (name, kinds) in [
        ("states", &[Kind::State][..]),
        ("transitions", &[Kind::Transition]),
        ("choiceRules", &[Kind::Rule, Kind::Default]),
        ("retriers", &[Kind::Retrier]),
        ("catchers", &[Kind::Catcher]),
    ] {
        let count = coverage.count(kinds);
        value[name] = json!({"covered": count.covered, "total": count.total});
    }
    let lines = definition.lines();
    let uncovered = coverage.uncovered().map(|item| {
        let (line, column) = lines.position(item.span);
        let mut value = Map::new();
        value.insert("state".to_owned(), definition.machine.name(item.state).into());
        let kind = match item.kind {
            Kind::State => "state",
            Kind::Transition => "transition",
            Kind::Rule => "choiceRule",
            Kind::Default => "default",
            Kind::Retrier => "retrier",
            Kind::Catcher => "catcher",
        };
        value.insert("kind".to_owned(), kind.into());
        value.insert("text".to_owned(), item_text(&definition.machine, item).into());
        value.insert("line".to_owned(), line.into());
        value.insert("column".to_owned(), column.into());
        Value::Object(value)
    });
    value["uncovered"] = uncovered.collect();
    value
}

/// The same value for `serde_json`.
fn plain(value: &stepwell_json::Value) -> Value {
    serde_json::from_str(&value.to_text()).unwrap_or(Value::Null)
}
