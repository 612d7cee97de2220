//! Values of simple types: texts, numbers, booleans, choices of words, paths.

use std::sync::Arc;

use stepwell_json::document::{Kind, Node};
use stepwell_jsonpath::{Path, ReferencePath, Root};

use super::Reader;
use super::fields::Fields;
use super::finding::Spot;
use super::jsonata::{self, Available};
use crate::definition::{Count, PathOrNull, QueryLanguage, ResultPath};
use crate::diagnostic::Code;
use crate::jsonata::JsonataTemplate;

/// Where a reference path may start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The input, the context object or a variable.
    Anywhere,
    /// The input or a variable.
    NotContext,
}

impl<'a> Reader<'a> {
    pub(super) fn text(&mut self, node: Node<'a>) -> Option<&'a str> {
        match node.kind() {
            Kind::String(text) => Some(text),
            _ => {
                self.invalid("Expected value of type String", node);
                None
            }
        }
    }

    pub(super) fn text_field(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<&'a str> {
        let node = fields.get(name)?;
        self.text(node)
    }

    /// An array of texts; what is no text is a finding.
    pub(super) fn texts(&mut self, node: Node<'a>) -> Option<Vec<Arc<str>>> {
        let Some(items) = node.items() else {
            self.invalid("Expected value of type Array", node);
            return None;
        };
        let mut texts = self.parts(items.clone().count());
        for item in items {
            let text = self.text(item);
            texts.add(text.map(Arc::from));
        }
        texts.all()
    }

    pub(super) fn comment(&mut self, fields: &Fields<'a>) -> Option<String> {
        self.text_field(fields, "Comment").filter(|_| self.builds).map(str::to_owned)
    }

    /// A word out of a list.
    pub(super) fn word(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        words: &[&'static str],
    ) -> Option<&'a str> {
        let node = fields.get(name)?;
        match node.as_str() {
            Some(word) if words.contains(&word) => Some(word),
            _ => {
                let message =
                    format!("The field '{name}' should have one of these values: [{}]", words.join(", "));
                let suggestion = node.as_str().and_then(|word| self.suggest(word, words.iter().copied()));
                self.error_with(Code::SchemaValidationFailed, message, node, suggestion);
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
        let node = fields.get(name)?;
        if let Some(placeholder) = node.as_str().filter(|text| is_placeholder(text)) {
            let feature = format!("The placeholder {placeholder} in the place of a number");
            self.not_yet_supported(&feature, node);
            return None;
        }
        let Kind::Number(number) = node.kind() else {
            self.invalid("Expected value of type Integer", node);
            return None;
        };
        let Some(integer) = number.integral() else {
            if number.as_f64().fract() == 0.0 && number.as_f64() > 0.0 {
                self.invalid(format!("Maximum value is {}", limits.1), node);
            } else {
                self.invalid("Expected value of type Integer", node);
            }
            return None;
        };
        if integer < limits.0 {
            self.invalid(format!("Minimum value is {}", limits.0), node);
            return None;
        }
        if integer > limits.1 {
            self.invalid(format!("Maximum value is {}", limits.1), node);
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
        let node = fields.get(name).filter(|node| jsonata::is_expression(*node))?;
        if language == QueryLanguage::JsonPath {
            return None;
        }
        Some(self.jsonata(node, Available::InputAndContext))
    }

    /// A path; a finding in the words for the field when it is none.
    fn path(&mut self, node: Node<'a>, name: &str) -> Option<Path> {
        match node.as_str().map(Path::parse) {
            Some(Ok(path)) => {
                self.note_path(&path, node);
                Some(path)
            }
            Some(Err(_)) => {
                let message = format!("The value for the field '{name}' must be a valid JSONPath");
                self.invalid(message, node);
                None
            }
            None => {
                self.invalid("Expected value of type String", node);
                None
            }
        }
    }

    /// Warns of a literal that looks like a path, in a field that has a form for paths.
    pub(super) fn warn_of_missing_path(&mut self, text: &str, node: Node<'a>) {
        if text.starts_with("$.") || text.starts_with("$$.") {
            let message = "The value looks like a JSONPath, but stays as it is: the name of the field does not end in 'Path'";
            self.warning(Code::NoPath, message, node);
        }
    }

    /// Remembers the variable that a path reads.
    pub(super) fn note_path(&mut self, path: &Path, spot: impl Into<Spot>) {
        if let Root::Variable(name) = path.root() {
            self.reads_variable(name, spot);
        }
    }

    /// `InputPath` and `OutputPath`.
    pub(super) fn path_or_null(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<PathOrNull> {
        let node = fields.get(name)?;
        if node.is_null() {
            return Some(PathOrNull::Null);
        }
        self.path(node, name).map(PathOrNull::Path)
    }

    /// A reference path, where it may start at the input, a variable and perhaps the context object.
    pub(super) fn reference_path(&mut self, node: Node<'a>, start: Start) -> Option<Path> {
        let Some(text) = node.as_str() else {
            self.invalid("Expected value of type String", node);
            return None;
        };
        match Path::parse(text) {
            Ok(path)
                if path.is_reference()
                    && (start == Start::Anywhere || !matches!(path.root(), Root::Context)) =>
            {
                self.note_path(&path, node);
                Some(path)
            }
            _ => {
                self.invalid("Value is not a Reference Path", node);
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
        let node = fields.get(name)?;
        self.reference_path(node, start)
    }

    /// `ResultPath`: null, or a reference path into the input.
    pub(super) fn result_path(&mut self, fields: &Fields<'a>) -> ResultPath {
        let Some(node) = fields.get("ResultPath") else { return ResultPath::Whole };
        if node.is_null() {
            return ResultPath::Discard;
        }
        let Some(text) = node.as_str() else {
            self.invalid("Expected value of type String", node);
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
                self.invalid("Value is not a Reference Path", node);
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
