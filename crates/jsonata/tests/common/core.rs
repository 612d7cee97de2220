//! jsonata-core, the second oracle: it runs in this process, so it can be asked about more expressions than jsonata-js

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use stepwell_json::Value;

use super::oracle::{Outcome, Question};

/// Longer than any honest expression of the generator takes.
const TIMEOUT_MILLIS: u64 = 2_000;
/// Levels of evaluation, as jsonata-js is given.
const DEPTH_MAX: usize = 1_000;

/// What jsonata-core makes of a question.
pub(crate) fn core(question: &Question, data: Option<&Value>) -> Outcome {
    // It has bugs of its own; one that panics there says nothing about us.
    catch_unwind(AssertUnwindSafe(|| evaluate(question, data)))
        .unwrap_or_else(|_| Outcome::Crash("jsonata-core panicked".to_owned()))
}

fn evaluate(question: &Question, data: Option<&Value>) -> Outcome {
    let expression = match jsonata_core::Expression::compile(&question.expression) {
        Ok(expression) => expression,
        Err(error) => return failed(&error.to_string()),
    };
    let mut context = Context::new();
    for (name, value) in question.bindings.as_object().unwrap().iter() {
        context.bind(name.to_string(), convert(value));
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(TIMEOUT_MILLIS),
        max_stack_depth: Some(DEPTH_MAX),
        ..EvaluatorOptions::default()
    };
    let input = data.map_or(JValue::Undefined, convert);
    match Evaluator::with_options(context, options).evaluate(expression.ast(), &input) {
        Ok(JValue::Undefined) => Outcome::Nothing,
        Ok(value) if value.is_function() => Outcome::Function,
        Ok(value) => match value.to_json_string().map(|text| stepwell_json::parse(&text)) {
            Ok(Ok(value)) => Outcome::Value(value),
            _ => Outcome::Crash("jsonata-core's value is no JSON".to_owned()),
        },
        Err(error) => failed(&error.to_string()),
    }
}

fn convert(value: &Value) -> JValue {
    JValue::from_json_str(&value.to_text()).unwrap()
}

/// Its errors are texts; most have JSONata's code somewhere in front.
fn failed(text: &str) -> Outcome {
    let is_code = |word: &&str| {
        word.len() == 5
            && word.is_ascii()
            && word.starts_with(['S', 'T', 'D', 'U'])
            && word[1..].parse::<u16>().is_ok()
    };
    match text.split([' ', ':']).find(is_code) {
        Some("D1011" | "D1012" | "U1001" | "U1003") => Outcome::Limit,
        Some(code) => Outcome::Code(code.to_owned()),
        None => Outcome::Crash(text.to_owned()),
    }
}
