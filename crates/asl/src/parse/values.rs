//! Values of simple types: texts, numbers, booleans, choices of words, paths.

use std::sync::Arc;

use stepwell_json::spanned::{Node, NodeKind, Span};
use stepwell_jsonpath::{Path, ReferencePath, Root};

use super::fields::Fields;
use super::jsonata::{self, Available};
use super::{Place, Reader};
use crate::definition::{Count, PathOrNull, QueryLanguage, ResultPath};
use crate::diagnostic::Code;
use crate::jsonata::JsonataTemplate;

/// Seconds in `TimeoutSeconds`, `HeartbeatSeconds`, `Seconds` and `IntervalSeconds`.
pub(super) const SECONDS_MAX: i64 = 99_999_999;

/// Where a reference path may start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The input, the context object or a variable.
    Anywhere,
    /// The input or a variable.
    NotContext,
}

impl<'a> Reader<'a> {
    /// A field of an object, with its place.
    pub(super) fn field(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<(&'a Node, Place)> {
        let node = fields.get(name)?;
        Some((node, self.key(fields.place, name)))
    }

    pub(super) fn text(&mut self, node: &'a Node, place: Place) -> Option<&'a Arc<str>> {
        match &node.kind {
            NodeKind::String(text) => Some(text),
            _ => {
                self.invalid("Expected value of type String", place, node.span);
                None
            }
        }
    }

    pub(super) fn text_field(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<&'a Arc<str>> {
        let (node, place) = self.field(fields, name)?;
        self.text(node, place)
    }

    /// An array of texts; what is no text is a finding.
    pub(super) fn texts(&mut self, node: &'a Node, place: Place) -> Option<Vec<Arc<str>>> {
        let NodeKind::Array(items) = &node.kind else {
            self.invalid("Expected value of type Array", place, node.span);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let at = self.index(place, position);
            texts.extend(self.text(item, at).cloned());
        }
        (texts.len() == items.len()).then_some(texts)
    }

    pub(super) fn comment(&mut self, fields: &Fields<'a>) -> Option<String> {
        self.text_field(fields, "Comment").map(|text| text.to_string())
    }

    /// A word out of a list.
    pub(super) fn word(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        words: &[&'static str],
    ) -> Option<&'a str> {
        let (node, place) = self.field(fields, name)?;
        match node.as_str() {
            Some(word) if words.contains(&word) => Some(word),
            _ => {
                let message =
                    format!("The field '{name}' should have one of these values: [{}]", words.join(", "));
                let suggestion = node.as_str().and_then(|word| self.suggest(word, words.iter().copied()));
                self.error_with(Code::SchemaValidationFailed, message, Some(place), node.span, suggestion);
                None
            }
        }
    }

    /// A whole number between two limits.
    pub(super) fn integer(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        limits: (i64, i64),
    ) -> Option<i64> {
        let (node, place) = self.field(fields, name)?;
        if let Some(placeholder) = node.as_str().filter(|text| is_placeholder(text)) {
            let feature = format!("The placeholder {placeholder} in the place of a number");
            self.not_yet_supported(&feature, place, node.span);
            return None;
        }
        let NodeKind::Number(number) = &node.kind else {
            self.invalid("Expected value of type Integer", place, node.span);
            return None;
        };
        let Some(integer) = number.integral() else {
            if number.as_f64().fract() == 0.0 && number.as_f64() > 0.0 {
                self.invalid(format!("Maximum value is {}", limits.1), place, node.span);
            } else {
                self.invalid("Expected value of type Integer", place, node.span);
            }
            return None;
        };
        if integer < limits.0 {
            self.invalid(format!("Minimum value is {}", limits.0), place, node.span);
            return None;
        }
        if integer > limits.1 {
            self.invalid(format!("Maximum value is {}", limits.1), place, node.span);
            return None;
        }
        Some(integer)
    }

    /// A field with a literal number or, in a JSONPath state, a path under the name with `Path`, or, in a JSONata
    /// state, an expression.
    pub(super) fn count(
        &mut self,
        fields: &Fields<'a>,
        (name, path_name): (&'static str, &'static str),
        limits: (i64, i64),
        language: QueryLanguage,
        start: Start,
    ) -> Option<Count> {
        self.at_most_one(fields, &[name, path_name]);
        if let Some(template) = self.scalar_expression(fields, name, language) {
            return template.map(Count::Expression);
        }
        let literal = self.integer(fields, name, limits);
        let path = self.reference_path_field(fields, path_name, start);
        match (literal, path) {
            (Some(number), _) => Some(Count::Literal(u32::try_from(number).unwrap_or(u32::MAX))),
            (None, Some(path)) => Some(Count::Path(path)),
            (None, None) => None,
        }
    }

    /// The expression in a field of a JSONata state that takes a constant or an expression; an inner none when it can't
    /// be compiled.
    pub(super) fn scalar_expression(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        language: QueryLanguage,
    ) -> Option<Option<JsonataTemplate>> {
        let node = fields.get(name).filter(|node| jsonata::is_expression(node))?;
        if language == QueryLanguage::JsonPath {
            return None;
        }
        let place = self.key(fields.place, name);
        Some(self.jsonata(node, place, Available::InputAndContext))
    }

    /// A path; a finding in the words for the field when it is none.
    fn path(&mut self, node: &'a Node, place: Place, name: &str) -> Option<Path> {
        match node.as_str().map(Path::parse) {
            Some(Ok(path)) => {
                self.note_path(&path, place, node.span);
                Some(path)
            }
            Some(Err(_)) => {
                let message = format!("The value for the field '{name}' must be a valid JSONPath");
                self.invalid(message, place, node.span);
                None
            }
            None => {
                self.invalid("Expected value of type String", place, node.span);
                None
            }
        }
    }

    /// Warns of a literal that looks like a path, in a field that has a form for paths.
    pub(super) fn warn_of_missing_path(&mut self, text: &str, node: &'a Node, place: Place) {
        if text.starts_with("$.") || text.starts_with("$$.") {
            let message = "The value looks like a JSONPath, but stays as it is: the name of the field does not end in 'Path'";
            self.warning(Code::NoPath, message, place, node.span);
        }
    }

    /// Remembers the variable that a path reads.
    pub(super) fn note_path(&mut self, path: &Path, place: Place, span: Span) {
        if let Root::Variable(name) = path.root() {
            self.reads_variable(name, place, span);
        }
    }

    /// `InputPath` and `OutputPath`.
    pub(super) fn path_or_null(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<PathOrNull> {
        let (node, place) = self.field(fields, name)?;
        if node.kind == NodeKind::Null {
            return Some(PathOrNull::Null);
        }
        self.path(node, place, name).map(PathOrNull::Path)
    }

    /// A reference path, where it may start at the input, a variable and perhaps the context object.
    pub(super) fn reference_path(&mut self, node: &'a Node, place: Place, start: Start) -> Option<Path> {
        let Some(text) = node.as_str() else {
            self.invalid("Expected value of type String", place, node.span);
            return None;
        };
        match Path::parse(text) {
            Ok(path)
                if path.is_reference()
                    && (start == Start::Anywhere || !matches!(path.root(), Root::Context)) =>
            {
                self.note_path(&path, place, node.span);
                Some(path)
            }
            _ => {
                self.invalid("Value is not a Reference Path", place, node.span);
                None
            }
        }
    }

    pub(super) fn reference_path_field(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        start: Start,
    ) -> Option<Path> {
        let (node, place) = self.field(fields, name)?;
        self.reference_path(node, place, start)
    }

    /// `ResultPath`: null, or a reference path into the input.
    pub(super) fn result_path(&mut self, fields: &Fields<'a>) -> ResultPath {
        let Some((node, place)) = self.field(fields, "ResultPath") else { return ResultPath::Whole };
        if node.kind == NodeKind::Null {
            return ResultPath::Discard;
        }
        let Some(text) = node.as_str() else {
            self.invalid("Expected value of type String", place, node.span);
            return ResultPath::Whole;
        };
        let is_into_input = Path::parse(text).is_ok_and(|path| matches!(path.root(), Root::Input));
        match ReferencePath::parse(text) {
            Ok(path) if is_into_input => {
                if path.steps().is_empty() {
                    ResultPath::Whole
                } else {
                    ResultPath::At(path)
                }
            }
            _ => {
                self.invalid("Value is not a Reference Path", place, node.span);
                ResultPath::Whole
            }
        }
    }
}

/// `${Name}`, which a deployment tool replaces before the definition is created.
fn is_placeholder(text: &str) -> bool {
    text.strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|name| !name.contains(['{', '}']))
}
