//! The text of an expression: where it comes from, and what a marker covers in it.

use std::ops::Range;
use std::path::PathBuf;

use stepwell_jsonata::{Dialect, Error, Expression};

use super::Given;
use crate::failure::Failure;
use crate::input;
use crate::nearest::nearest;
use crate::report::{Code, Finding};

/// An expression as the user gave it.
#[derive(Debug)]
pub(super) struct Source {
    /// The file that it is in.
    pub(super) path: Option<PathBuf>,
    pub(super) text: String,
}

/// A part of a source: what is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'s> {
    /// Byte offset in the source.
    start: usize,
    pub(super) text: &'s str,
}

impl Source {
    /// Reads what an argument stands for. No expression and no path begins with `@`, or is `-`.
    pub(super) fn read(argument: &str) -> Result<Source, Failure> {
        let path = argument.strip_prefix('@').map(PathBuf::from);
        Ok(Source { path, text: input::text(argument)? })
    }

    /// All of it, without what `is_blank` names around it.
    pub(super) fn trimmed(&self, is_blank: impl Fn(char) -> bool) -> Part<'_> {
        Part { start: 0, text: &self.text }.trimmed(is_blank)
    }
}

impl<'s> Part<'s> {
    pub(super) fn trimmed(self, is_blank: impl Fn(char) -> bool) -> Part<'s> {
        let text = self.text.trim_start_matches(&is_blank);
        let start = self.start + (self.text.len() - text.len());
        Part { start, text: text.trim_end_matches(&is_blank) }
    }

    /// Without something at its beginning; none when it begins with something else.
    pub(super) fn without_prefix(self, prefix: &str) -> Option<Part<'s>> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Part { start: self.start + prefix.len(), text })
    }

    /// Without something at its end; none when it ends with something else.
    pub(super) fn without_suffix(self, suffix: &str) -> Option<Part<'s>> {
        Some(Part { start: self.start, text: self.text.strip_suffix(suffix)? })
    }

    /// Where a part of the text stands in the source.
    pub(super) fn span(self, range: Range<usize>) -> Range<usize> {
        self.start + range.start..self.start + range.end
    }

    /// Where the token at an offset stands in the source.
    pub(super) fn token(self, position: usize) -> Range<usize> {
        let position = (0..=position.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let position = position.unwrap_or(0);
        self.span(position..position + token_length(&self.text[position..]))
    }

    /// Where an error is. A call that fails is at its parenthesis; what people look for is the name before it.
    pub(super) fn place(self, error: &Error) -> Option<Range<usize>> {
        let token = self.token(error.position()?);
        let is_syntax = error.code().is_some_and(|code| code.starts_with('S'));
        let before = &self.text[..token.start - self.start];
        let name = before.len() - before.trim_end_matches(is_name).len();
        let is_call = !is_syntax && self.text[before.len()..].starts_with('(') && name > 0;
        Some(if is_call { token.start - name..token.start } else { token })
    }
}

/// Whether a variable or a bare name may have this character.
fn is_name(character: char) -> bool {
    character == '$' || character == '_' || character.is_alphanumeric()
}

/// Bytes of the token at the beginning of a text, for a marker under it.
fn token_length(text: &str) -> usize {
    const DOUBLE: [&str; 7] = ["..", ":=", "!=", ">=", "<=", "**", "~>"];
    let Some(first) = text.chars().next() else { return 0 };
    match first {
        '"' | '\'' | '`' => {
            let line = text.lines().next().unwrap_or_default();
            text[1..].find(first).map_or(line.len(), |length| length + 2)
        }
        _ if is_name(first) => text.find(|character: char| !is_name(character)).unwrap_or(text.len()),
        _ if DOUBLE.iter().any(|operator| text.starts_with(operator)) => 2,
        _ => first.len_utf8(),
    }
}

/// An error in JSONata's words: `T1006: Attempted to invoke a non-function`.
pub(super) fn finding(part: Part<'_>, error: &Error) -> Finding {
    let code = error.code().map_or(Code::None, Code::Before);
    Finding::error(code, error.message()).at(part.place(error))
}

/// Why the result may be undefined: a variable that nothing gives.
pub(super) fn help_undefined(expression: &Expression, given: &Given, dialect: Dialect) -> Option<String> {
    unknown_names(expression, given, dialect).next().map(|name| help_unknown(name, given, dialect))
}

/// What else there is to say about an error: that what is called, or should be a function, is a variable that nothing
/// gives.
pub(super) fn help_error(
    error: &Error,
    part: Part<'_>,
    expression: &Expression,
    given: &Given,
    dialect: Dialect,
) -> Option<String> {
    let place = part.place(error)?;
    let called = part.text.get(place.start - part.start..place.end - part.start)?;
    let is_applied = error.code() == Some("T2006");
    unknown_names(expression, given, dialect)
        .find(|name| is_applied || called.strip_prefix('$') == Some(name))
        .map(|name| help_unknown(name, given, dialect))
}

/// The variables that the expression reads and that nothing gives.
fn unknown_names<'e>(
    expression: &'e Expression,
    given: &'e Given,
    dialect: Dialect,
) -> impl Iterator<Item = &'e str> {
    let names = expression.variables().iter().map(|reference| &*reference.name);
    names.filter(move |name| {
        let is_states = *name == "states" && dialect == Dialect::StepFunctions;
        !is_states && !given.variables.contains_key(name)
    })
}

fn help_unknown(name: &str, given: &Given, dialect: Dialect) -> String {
    let is_added = |name: &str| Dialect::StepFunctions.function_names().any(|added| added == name);
    if name == "states" || is_added(name) {
        return format!("${name} is there with --as-state");
    }
    if name == "eval" {
        return "Step Functions has no $eval, and neither has Stepwell".into();
    }
    let variables = given.variables.keys().map(|name| &**name);
    match nearest(name, variables.chain(dialect.function_names().map(|name| name as &str))) {
        Some(meant) => format!("there is no ${name}; did you mean ${meant}?"),
        None => format!("there is no ${name}; --variables gives variables"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_covers_a_token() {
        for (text, length) in [
            ("", 0),
            ("$a1_b.c", 5),
            ("phone = 1", 5),
            ("`a b`.c", 5),
            ("'x", 2),
            ("'x\ny", 2),
            ("é", 2),
            ("+ 1", 1),
            ("~> $f", 2),
            ("$$.a", 2),
        ] {
            assert_eq!(token_length(text), length, "{text}");
        }
    }

    #[test]
    fn parts_know_where_they_stand() {
        let source = Source { path: None, text: " {% é + 1 %}\n".into() };
        let part = source.trimmed(char::is_whitespace).without_prefix("{%").expect("it is there");
        let part = part.trimmed(char::is_whitespace);
        assert_eq!(&source.text[part.span(0..2)], "é");
        assert_eq!(&source.text[part.token(3)], "+");
        assert_eq!(part.token(1), part.token(0), "inside a character");
        assert_eq!(part.token(100).len(), 0);
    }
}
