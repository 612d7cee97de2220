//! JSONata as the field `Output` of a state has it: `$states` instead of a root, and the rules and words of AWS.

use std::ops::Range;

use stepwell_asl::{missing_member_message, no_value_cause, root_reference_message};
use stepwell_json::{Object, Value};
use stepwell_jsonata::{Dialect, Evaluated, Expression, Limits};

use super::expression::{Part, Source, help_error, help_undefined};
use super::surroundings::Surroundings;
use super::{Given, Outcome, context};
use crate::nearest::nearest;
use crate::report::{Code, Finding};

/// The text of no expression.
const INVALID: Code = Code::Behind("INVALID_JSONATA_EXPRESSION");
/// An expression with something that states do not have.
const UNSUPPORTED: Code = Code::Behind("UNSUPPORTED_JSONATA_EXPRESSION");
/// Bytes of JSON text that a state may put out.
const PAYLOAD_BYTES_MAX: usize = 262_144;

/// Evaluates an expression in a state.
pub(super) fn evaluate(source: &Source, given: &Given) -> Outcome {
    let part = match inner(source) {
        Ok(part) => part,
        Err((message, span)) => {
            return Outcome::Invalid(vec![Finding::error(INVALID, message).at(Some(span))]);
        }
    };
    let expression = match Expression::parse(part.text, Dialect::StepFunctions) {
        Ok(expression) => expression,
        Err(error) => {
            let finding = Finding::error(INVALID, error.message()).at(part.place(&error));
            return Outcome::Invalid(vec![finding]);
        }
    };
    let refused = refused(&expression, part, given);
    if !refused.is_empty() {
        return Outcome::Invalid(refused);
    }
    let input = given.input.clone().unwrap_or_else(Value::empty_object);
    let context = given.context.clone().unwrap_or_else(|| context::default(&input));
    let state_name = context.get("State").and_then(|state| state.get("Name")).and_then(Value::as_str);
    let state_name = state_name.unwrap_or(context::STATE_NAME).to_owned();
    let mut host = Surroundings::new(variables(given, input, context));
    let result = expression.evaluate(None, &mut host, &Limits::STEP_FUNCTIONS);
    let dialect = Dialect::StepFunctions;
    let (place, help) = match &result {
        Ok(Evaluated::Value(value)) if value.text_size() > PAYLOAD_BYTES_MAX => {
            return Outcome::Failed(too_large(&state_name, value.text_size()));
        }
        Ok(Evaluated::Value(value)) => return Outcome::Value(value.clone()),
        Ok(Evaluated::Nothing) => (None, help_undefined(&expression, given, dialect)),
        Ok(Evaluated::Function) => (None, Some("the result is a function, or holds one".to_owned())),
        Err(error) => (part.place(error), help_error(error, part, &expression, given, dialect)),
    };
    let cause = no_value_cause(part.text, "Output", &result);
    Outcome::Failed(Finding::error(Code::Before("States.QueryEvaluationError"), cause).at(place).help(help))
}

/// The variables: those of the workflow, and `$states`.
fn variables(given: &Given, input: Value, context: Value) -> Object {
    let mut states = vec![("input".into(), input), ("context".into(), context)];
    for (name, value) in [("result", &given.result), ("errorOutput", &given.error_output)] {
        states.extend(value.clone().map(|value| (name.into(), value)));
    }
    given.variables.with("states".into(), Value::Object(Object::from_entries(states)))
}

/// What stands between `{%` and `%}`, which may both be left out here; or what is wrong with these, and where.
fn inner(source: &Source) -> Result<Part<'_>, (&'static str, Range<usize>)> {
    // AWS shows expressions without the blanks around them.
    let is_blank = |character: char| character <= ' ';
    let whole = source.trimmed(is_blank);
    let length = whole.text.len();
    match (whole.without_prefix("{%"), whole.text.ends_with("%}")) {
        (Some(opened), _) => match opened.without_suffix("%}") {
            Some(part) => Ok(part.trimmed(is_blank)),
            None => Err(("A JSONata expression must end with '%}'", whole.span(length..length))),
        },
        (None, true) => Err(("A JSONata expression must start with '{%'", whole.span(0..0))),
        (None, false) => Ok(whole),
    }
}

/// What AWS refuses when a state machine is created.
fn refused(expression: &Expression, part: Part<'_>, given: &Given) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reference in expression.root_references() {
        let instead = match &*reference.name {
            "" | "$" | "%" => "$states.input".to_owned(),
            name @ ("*" | "**") => format!("$states.input.{name}"),
            name => format!("$states.input.{}", quoted_name(name)),
        };
        findings.push(
            Finding::error(UNSUPPORTED, root_reference_message(&reference.name))
                .at(Some(part.token(reference.position)))
                .suggest(Some(instead)),
        );
    }
    let mut members = vec!["input", "context"];
    members.extend(given.result.as_ref().map(|_| "result"));
    members.extend(given.error_output.as_ref().map(|_| "errorOutput"));
    let mut seen = Vec::new();
    for reference in expression.states_references() {
        let Some(member) = reference.member.as_deref() else { continue };
        if members.contains(&member) || seen.contains(&member) {
            continue;
        }
        seen.push(member);
        let help = match member {
            "result" => Some("--result gives it, as a Task, Parallel or Map state has it".to_owned()),
            "errorOutput" => Some("--error-output gives it, as a Catcher has it".to_owned()),
            _ => None,
        };
        let meant = if help.is_none() { nearest(member, members.iter().copied()) } else { None };
        findings.push(
            Finding::error(UNSUPPORTED, missing_member_message(member))
                .at(Some(part.token(reference.position)))
                .suggest(meant.map(|meant| format!("$states.{meant}")))
                .help(help),
        );
    }
    findings
}

/// A name as JSONata writes it.
fn quoted_name(name: &str) -> String {
    let is_plain = name.chars().all(|character| character == '_' || character.is_alphanumeric());
    if is_plain { name.to_owned() } else { format!("`{name}`") }
}

fn too_large(state_name: &str, bytes: usize) -> Finding {
    let cause = format!(
        "The state/task '{state_name}' returned a result with a size exceeding the maximum number of bytes service \
         limit."
    );
    Finding::error(Code::Before("States.DataLimitExceeded"), cause)
        .help(Some(format!("the result has {bytes} bytes, and a state may put out {PAYLOAD_BYTES_MAX}")))
}
