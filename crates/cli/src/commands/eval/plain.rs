//! JSONata as its own exerciser evaluates it: the input is the root.

use stepwell_jsonata::{Dialect, Evaluated, Expression, Limits};

use super::expression::{Source, finding, help_error, help_undefined};
use super::surroundings::Surroundings;
use super::{Given, Outcome};
use crate::report::{Code, Finding};

/// Evaluates a plain expression.
pub(super) fn evaluate(source: &Source, given: &Given) -> Outcome {
    let part = source.trimmed(char::is_whitespace);
    if part.text.starts_with("{%") && part.text.ends_with("%}") {
        let finding =
            Finding::error(Code::None, "{% and %} stand around the expressions of state machines only")
                .at(Some(part.span(0..2)))
                .help(Some("leave them out, or evaluate as in a state, with --as-state".into()));
        return Outcome::Invalid(vec![finding]);
    }
    let expression = match Expression::parse(part.text, Dialect::Plain) {
        Ok(expression) => expression,
        Err(error) => return Outcome::Invalid(vec![finding(part, &error)]),
    };
    let mut host = Surroundings::new(given.variables.clone());
    match expression.evaluate(given.input.as_ref(), &mut host, &Limits::PLAIN) {
        Ok(Evaluated::Value(value)) => Outcome::Value(value),
        Ok(Evaluated::Nothing) => {
            let has_no_input = given.input.is_none() && !expression.root_references().is_empty();
            let no_input = has_no_input.then(|| "there is no input; --input gives it".to_owned());
            Outcome::Nothing(no_input.or_else(|| help_undefined(&expression, given, Dialect::Plain)))
        }
        Ok(Evaluated::Function) => Outcome::Failed(
            Finding::error(Code::None, "the result is a function, or holds one, and JSON has no functions")
                .help(Some("call the function, or leave it out of the result".into())),
        ),
        Err(error) => {
            let help = help_error(&error, part, &expression, given, Dialect::Plain);
            Outcome::Failed(finding(part, &error).help(help))
        }
    }
}
