//! A JSONPath, as the fields of JSONPath states have it.

use stepwell_json::Value;
use stepwell_jsonpath::{Path, Root};

use super::expression::Source;
use super::{Given, Outcome, context};
use crate::nearest::nearest;
use crate::report::{Code, Finding};

/// Evaluates a path.
pub(super) fn evaluate(source: &Source, given: &Given) -> Outcome {
    let part = source.trimmed(char::is_whitespace);
    let path = match Path::parse(part.text) {
        Ok(path) => path,
        Err(error) => {
            let is_intrinsic = part.text.starts_with("States.");
            let help = is_intrinsic.then(|| "intrinsic functions are not evaluated here".to_owned());
            let finding = Finding::error(Code::None, error.message.trim_end())
                .at(Some(part.token(error.offset)))
                .help(help);
            return Outcome::Invalid(vec![finding]);
        }
    };
    let input = given.input.clone().unwrap_or_else(Value::empty_object);
    let root = match path.root() {
        Root::Input => input,
        Root::Context => given.context.clone().unwrap_or_else(|| context::default(&input)),
        Root::Variable(name) => match given.variables.get(name) {
            Some(value) => value.clone(),
            None => {
                let meant = nearest(name, given.variables.keys().map(|name| &**name));
                let help = meant.is_none().then(|| "--variables gives variables".to_owned());
                let finding = Finding::error(Code::None, format!("there is no variable ${name}"))
                    .at(Some(part.token(0)))
                    .suggest(meant.map(|meant| format!("${meant}")))
                    .help(help);
                return Outcome::Failed(finding);
            }
        },
    };
    match path.evaluate(&root) {
        Ok(value) => Outcome::Value(value),
        Err(problem) => {
            Outcome::Failed(Finding::error(Code::None, format!("Invalid path '{}' : {problem}", part.text)))
        }
    }
}
