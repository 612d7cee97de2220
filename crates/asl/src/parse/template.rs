//! Payload templates: compiling them, and finding `.$` keys that can't be.

use std::sync::Arc;

use stepwell_json::Value;
use stepwell_json::document::{Kind, Member, Node as Tree};
use stepwell_jsonpath::Path;

use super::Reader;
use super::fields::Fields;
use super::finding::{Place, Spot};
use super::texts::Texts;
use crate::diagnostic::Code;
use crate::expression::Expression;
use crate::intrinsic;
use crate::template::{FieldExpression, Node, Template};

/// Whether a literal looks like something that somebody wanted worked out.
fn looks_like_expression(text: &str) -> bool {
    text.starts_with("$.") || text.starts_with("$$.") || (text.starts_with("States.") && text.contains('('))
}

impl<'a> Reader<'a> {
    /// A field that holds a template.
    pub(super) fn template_field(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<Template> {
        let tree = fields.get(name)?;
        self.template(tree)
    }

    /// Compiles a template. AWS gives the place of the whole template for what is wrong anywhere in it.
    pub(super) fn template(&mut self, tree: Tree<'a>) -> Option<Template> {
        self.template_node(tree, tree.into()).map(|root| Template { root })
    }

    fn template_node(&mut self, tree: Tree<'a>, place: Place) -> Option<Node> {
        match tree.kind() {
            Kind::Object(_) => self.template_object(tree, place),
            Kind::Array(items) => {
                let mut nodes = self.parts(items.clone().count());
                for item in items {
                    nodes.add(self.template_node(item, place));
                }
                nodes.all().map(Node::of_items)
            }
            _ if self.builds => Some(Node::Literal(tree.to_value())),
            _ => Some(Node::Literal(Value::Null)),
        }
    }

    fn template_object(&mut self, tree: Tree<'a>, place: Place) -> Option<Node> {
        let fields = self.object_in(tree, place)?;
        let mut clashing = clashing(&fields).into_iter().peekable();
        let mut is_good = true;
        let mut members = self.parts(fields.members().len());
        for (position, member) in (0..).zip(fields.members()) {
            let (key, node) = match member.key.strip_suffix(".$") {
                Some(key) => (key, self.template_expression(member.key, member.value, place)),
                None => {
                    if let Some(text) = member.value.as_str()
                        && looks_like_expression(text)
                    {
                        let message = format!(
                            "The value of the field '{0}' looks like a JSONPath or an intrinsic function call, but stays as it is: only '{0}.$' would be evaluated",
                            member.key
                        );
                        let spot = Spot::new(place.named(&member), member.value.span());
                        self.warning(Code::NoDollar, message, spot);
                    }
                    (member.key, self.template_node(member.value, place))
                }
            };
            if clashing.next_if_eq(&position).is_some() {
                let message = format!("There should only be one of the following fields: [{key}, {key}.$]");
                self.invalid(message, Spot::new(place, member.key_span));
                is_good = false;
            }
            members.add(node.map(|node| (key, node)));
        }
        members.all().filter(|_| is_good).map(Node::of_members)
    }

    fn template_expression(&mut self, field: &'a str, tree: Tree<'a>, place: Place) -> Option<Node> {
        let expression = self.expression(field, tree, place)?;
        if !self.builds {
            return Some(Node::Literal(Value::Null));
        }
        Some(Node::Expression(FieldExpression { field: field.into(), expression }))
    }

    /// A path or a call.
    pub(super) fn expression(&mut self, field: &str, tree: Tree<'a>, place: Place) -> Option<Expression> {
        let spot = Spot::new(place, tree.span());
        let mut suggestion = None;
        let parsed = match tree.as_str() {
            Some(text) if text.starts_with('$') => Path::parse(text).ok().map(Expression::Path),
            Some(text) => match intrinsic::parse(text) {
                Ok(call) => Some(Expression::Intrinsic(Arc::new(call))),
                Err(problem) => {
                    suggestion = problem.suggestion;
                    None
                }
            },
            None => None,
        };
        match &parsed {
            Some(Expression::Path(path)) => self.note_path(path, spot),
            Some(Expression::Intrinsic(call)) => {
                call.variables(&mut |name| self.reads_variable(name, spot));
            }
            None => {
                let message = format!(
                    "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
                );
                self.error_with(Code::SchemaValidationFailed, message, spot, suggestion);
            }
        }
        parsed
    }

    /// `Assign` in a JSONPath state: an object whose keys name variables.
    pub(super) fn assign(&mut self, fields: &Fields<'a>) -> Option<Template> {
        let tree = fields.get("Assign")?;
        let assigned = self.object(tree)?;
        for member in assigned.members() {
            self.assigns_variable(name(&member), Spot::new(tree, member.key_span));
        }
        self.template(tree)
    }
}

/// The name of a member without the `.$` of an expression.
fn name<'a>(member: &Member<'a>) -> &'a str {
    member.key.strip_suffix(".$").unwrap_or(member.key)
}

/// The positions of members whose names, without `.$`, came before.
fn clashing(fields: &Fields<'_>) -> Vec<u32> {
    if !fields.members().any(|member| member.key.ends_with(".$")) {
        return Vec::new();
    }
    let name_at = |position: u32| name(&fields.member(position));
    Texts::new(fields.members().len(), name_at).repeated(name_at)
}
