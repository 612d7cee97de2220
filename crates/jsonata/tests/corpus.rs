//! The inputs of the fuzz targets, replayed: what was found once stays found

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{FixedHost, with_large_stack};
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Expression, Limits};

/// The texts in a folder of the corpus.
fn corpus(target: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus of {target} is there");
    paths.iter().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

#[test]
fn texts_of_the_corpus_read_back_as_they_were() {
    for text in corpus("parse") {
        if let Ok(expression) = Expression::parse(&text, Dialect::StepFunctions) {
            let again = Expression::parse(&expression.to_normal_text(), Dialect::StepFunctions).unwrap();
            assert!(again.is_same(&expression), "{text}");
        }
    }
}

#[test]
fn expressions_of_the_corpus_end_within_their_limits() {
    let limits = Limits { steps: 200_000, ..Limits::STEP_FUNCTIONS };
    with_large_stack(|| {
        for text in corpus("evaluate") {
            let (expression, input) = text.split_once("\n---\n").unwrap_or((&text, "null"));
            let input = stepwell_json::parse(input).unwrap();
            if let Ok(expression) = Expression::parse(expression, Dialect::StepFunctions) {
                let mut host = FixedHost::new(Value::Null);
                let _ = expression.evaluate(Some(&input), &mut host, &limits);
            }
        }
    });
}
