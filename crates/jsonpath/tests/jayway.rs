//! The evaluator against answers of the Jayway library, where the collection of them is at hand

use std::path::Path as FilePath;
use stepwell_json::{Value, parse};
use stepwell_jsonpath::Path;

/// Cases whose answer differs from the library's on purpose, with the reason.
fn exception(path: &str) -> Option<&'static str> {
    let has_function =
        ["length()", "sum(", "min(", "max(", "avg(", "stddev(", "keys(", "first(", "last(", "index("]
            .iter()
            .chain(["append(", "concat("].iter())
            .any(|function| path.contains(function));
    if has_function {
        return Some("AWS evaluates no functions: the name of one is the name of a member");
    }
    if path == "$.orders[?(@.sku == A)].id" || path == "$.e[(@.length-1)]" {
        return Some("older versions of the library and published definitions of AWS have it");
    }
    match path {
        "a" | "e[0]" | "@.a" => Some("in Step Functions a path starts with '$'"),
        "$a" => Some("in Step Functions this is a variable"),
        "$$" => Some("in Step Functions this is the context object"),
        "$.e[" => Some("the library forgets to look at the last character"),
        "$..*.city" => Some("the library loses results below arrays here, and its versions disagree"),
        _ => None,
    }
}

fn answer(document: &Value, path: &str) -> Result<Value, &'static str> {
    let path = Path::parse(path).map_err(|_| "InvalidPath")?;
    path.evaluate(document).map_err(|_| "PathNotFound")
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the collection lies outside the crate")]
fn answers_are_those_of_the_library() {
    let file =
        FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/jsonpath/jayway.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: there is no {}", file.display());
        return;
    };
    let data = parse(&text).unwrap();
    let mut differences = Vec::new();
    for case in data.get("cases").and_then(Value::as_array).unwrap() {
        let name = case.get("document").and_then(Value::as_str).unwrap();
        let path = case.get("path").and_then(Value::as_str).unwrap();
        let document = data.get("documents").and_then(|documents| documents.get(name)).unwrap();
        let expected = match case.get("error").and_then(Value::as_str) {
            Some(error) => Err(error),
            None => Ok(case.get("result").unwrap().clone()),
        };
        let actual = answer(document, path);
        let agrees = match (&expected, &actual) {
            (Ok(expected), Ok(actual)) => expected == actual,
            (Err(expected), Err(actual)) => expected == actual,
            _ => false,
        };
        if !agrees && exception(path).is_none() {
            differences.push(format!("{name} {path}\n  expected {expected:?}\n  actual   {actual:?}"));
        }
        if let (Ok(compiled), None) = (Path::parse(path), exception(path)) {
            let definite = case.get("definite").and_then(Value::as_bool).unwrap();
            if expected.is_ok() && compiled.is_definite() != definite {
                differences.push(format!("{name} {path}: definite should be {definite}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}
