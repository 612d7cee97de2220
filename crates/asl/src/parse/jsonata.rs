//! Fields of JSONata states: compiles the expressions in them, and finds what Step Functions refuses.

use std::ops::Range;

use stepwell_json::Value;
use stepwell_json::document::{Kind, Node as Tree};
use stepwell_json::spanned::Span;
use stepwell_jsonata::{Dialect, Expression};

use super::Reader;
use super::fields::Fields;
use super::finding::Spot;
use super::raw_string::RawString;
use crate::definition::{JsonataExit, JsonataFlow};
use crate::diagnostic::Code;
use crate::jsonata::{
    JsonataTemplate, Node, expression_inside, missing_member_message, root_reference_message,
};

/// What a field can read of `$states` besides `input` and `context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Available {
    /// No more.
    InputAndContext,
    /// `result`: in `Output` and `Assign` of a state that does work.
    Result,
    /// `errorOutput`: in `Output` and `Assign` of a catcher.
    ErrorOutput,
}

impl Available {
    fn includes(self, member: &str) -> bool {
        match member {
            "input" | "context" => true,
            "result" => self == Available::Result,
            "errorOutput" => self == Available::ErrorOutput,
            _ => false,
        }
    }
}

/// Whether a string is meant to be one expression. White space outside the braces makes it a literal (recorded).
pub(super) fn is_expression(node: Tree<'_>) -> bool {
    node.as_str().is_some_and(|text| text.starts_with("{%") || text.ends_with("%}"))
}

impl<'a> Reader<'a> {
    /// `Arguments`, `Output` and `Assign` of a state. `has_result`: whether its type does work that gives one.
    pub(super) fn jsonata_flow(&mut self, fields: &Fields<'a>, has_result: bool) -> JsonataFlow {
        let available = if has_result { Available::Result } else { Available::InputAndContext };
        JsonataFlow {
            arguments: self.jsonata_field(fields, "Arguments", Available::InputAndContext),
            exit: self.jsonata_exit(fields, available),
        }
    }

    /// `Output` and `Assign` of a state, a Choice rule or a catcher.
    pub(super) fn jsonata_exit(&mut self, fields: &Fields<'a>, available: Available) -> JsonataExit {
        JsonataExit {
            assign: self.jsonata_assign(fields, available),
            output: self.jsonata_field(fields, "Output", available),
        }
    }

    /// `Assign`: an object whose keys name variables.
    fn jsonata_assign(&mut self, fields: &Fields<'a>, available: Available) -> Option<JsonataTemplate> {
        let tree = fields.get("Assign")?;
        let Some(members) = tree.members() else {
            self.invalid("Expected value of type Object", tree);
            return None;
        };
        for member in members {
            self.assigns_variable(member.key, Spot::new(tree, member.key_span));
        }
        self.jsonata(tree, available)
    }

    /// A field that may have any value.
    pub(super) fn jsonata_field(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        available: Available,
    ) -> Option<JsonataTemplate> {
        let tree = fields.get(name)?;
        self.jsonata(tree, available)
    }

    /// Compiles a value with expressions inside.
    pub(super) fn jsonata(&mut self, tree: Tree<'a>, available: Available) -> Option<JsonataTemplate> {
        let mut reads_context = false;
        let root = self.jsonata_node(tree, available, &mut reads_context)?;
        Some(JsonataTemplate { root, reads_context })
    }

    fn jsonata_node(
        &mut self,
        tree: Tree<'a>,
        available: Available,
        reads_context: &mut bool,
    ) -> Option<Node> {
        match tree.kind() {
            Kind::String(_) if is_expression(tree) => {
                let expression = self.jsonata_expression(tree, available, reads_context)?;
                Some(if self.builds { Node::Expression(expression) } else { Node::Literal(Value::Null) })
            }
            Kind::Array(items) => {
                let mut nodes = self.parts(items.clone().count());
                for item in items {
                    nodes.add(self.jsonata_node(item, available, reads_context));
                }
                nodes.all().map(Node::of_items)
            }
            Kind::Object(_) => {
                let fields = self.object(tree)?;
                let mut members = self.parts(fields.members().len());
                for member in fields.members() {
                    let node = self.jsonata_node(member.value, available, reads_context);
                    members.add(node.map(|node| (member.key, node)));
                }
                members.all().map(Node::of_members)
            }
            _ if self.builds => Some(Node::Literal(tree.to_value())),
            _ => Some(Node::Literal(Value::Null)),
        }
    }

    fn jsonata_expression(
        &mut self,
        tree: Tree<'a>,
        available: Available,
        reads_context: &mut bool,
    ) -> Option<Expression> {
        let whole = tree.as_str()?;
        let inner = match expression_inside(whole) {
            Ok(inner) => inner,
            Err(problem) => {
                self.error(Code::InvalidJsonataExpression, problem, tree);
                return None;
            }
        };
        // AWS shows expressions without the blanks around them.
        let is_blank = |character: char| character <= ' ';
        let text = inner.trim_matches(is_blank);
        let start = "{%".len() + (inner.len() - inner.trim_start_matches(is_blank).len());
        let raw = RawString::new(tree.raw());
        let span_of = |range: Range<usize>| {
            let range = raw.range(start + range.start..start + range.end);
            Span { start: tree.span().start + range.start, end: tree.span().start + range.end }
        };
        let token_at = |position: usize| {
            let position = floor_boundary(text, position);
            match token_length(&text[position..]) {
                // The end: what closes the expression stands where more was expected.
                0 => span_of(whole.len() - "%}".len() - start..whole.len() - start),
                length => span_of(position..position + length),
            }
        };
        let expression = match Expression::parse(text, Dialect::StepFunctions) {
            Ok(expression) => expression,
            Err(error) => {
                let span = error.position().map_or(tree.span(), token_at);
                self.error(Code::InvalidJsonataExpression, error.message(), Spot::new(tree, span));
                return None;
            }
        };
        for reference in expression.root_references() {
            let message = root_reference_message(&reference.name);
            self.unsupported_jsonata(message, Spot::new(tree, token_at(reference.position)));
        }
        for reference in expression.states_references() {
            let Some(member) = reference.member.as_deref() else {
                *reads_context = true;
                continue;
            };
            *reads_context |= member == "context";
            if !available.includes(member) {
                let field = format!("$states.{member}");
                let end = reference.position + field.len();
                let span = match text.get(reference.position..end) {
                    Some(written) if written == field => span_of(reference.position..end),
                    _ => token_at(reference.position),
                };
                self.unsupported_jsonata(missing_member_message(member), Spot::new(tree, span));
            }
        }
        if let Some(position) = expression.states_bound() {
            let message = "The variable name 'states' is reserved".to_owned();
            self.unsupported_jsonata(message, Spot::new(tree, token_at(position)));
        }
        for reference in expression.variables() {
            self.reads_variable(&reference.name, Spot::new(tree, token_at(reference.position)));
        }
        Some(expression)
    }

    fn unsupported_jsonata(&mut self, message: String, spot: Spot) {
        self.error(Code::UnsupportedJsonataExpression, message, spot);
    }
}

/// The offset itself, or that of the character it lies in.
fn floor_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Bytes of the token at the beginning of a text, for a marker under it: a name with its `$`, a quoted text, or one
/// character.
fn token_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let is_name = |character: char| character == '$' || character == '_' || character.is_alphanumeric();
    match first {
        '"' | '\'' | '`' => text[1..].find(first).map_or(text.len(), |length| length + 2),
        _ if is_name(first) => text.find(|character| !is_name(character)).unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_checked() {
        assert_eq!(Ok("1"), expression_inside("{%1%}"));
        assert_eq!(Ok(""), expression_inside("{%%}"));
        assert!(expression_inside("{% 1 %").is_err());
        assert!(expression_inside("1 %}").is_err());
        assert!(expression_inside("{%}").is_err());
    }

    #[test]
    fn a_marker_covers_a_token() {
        for (text, length) in [
            ("", 0),
            ("$a1_b.c", 5),
            ("phone = 1", 5),
            ("`a b`.c", 5),
            ("'x", 2),
            ("é", 2),
            ("+ 1", 1),
            ("$$.a", 2),
        ] {
            assert_eq!(length, token_length(text), "{text}");
        }
    }
}
