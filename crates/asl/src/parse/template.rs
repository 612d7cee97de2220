//! Payload templates: compiling them, and finding `.$` keys that can't be.

use std::collections::HashSet;
use std::sync::Arc;

use stepwell_json::spanned::{Node as Tree, NodeKind};
use stepwell_json::{Array, Object, Value};
use stepwell_jsonpath::Path;

use super::fields::Fields;
use super::{Place, Reader};
use crate::diagnostic::Code;
use crate::expression::Expression;
use crate::intrinsic;
use crate::template::{Node, Template};

/// Whether a literal looks like something that somebody wanted worked out.
fn looks_like_expression(text: &str) -> bool {
    text.starts_with("$.") || text.starts_with("$$.") || (text.starts_with("States.") && text.contains('('))
}

impl<'a> Reader<'a> {
    /// A field that holds a template.
    pub(super) fn template_field(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<Template> {
        let (tree, place) = self.field(fields, name)?;
        self.template(tree, place)
    }

    /// Compiles a template. AWS gives the place of the whole template for what is wrong anywhere in it.
    pub(super) fn template(&mut self, tree: &'a Tree, place: Place) -> Option<Template> {
        self.template_node(tree, place).map(|root| Template { root })
    }

    fn template_node(&mut self, tree: &'a Tree, place: Place) -> Option<Node> {
        match &tree.kind {
            NodeKind::Object(_) => self.template_object(tree, place),
            NodeKind::Array(items) => {
                let nodes: Vec<Option<Node>> =
                    items.iter().map(|item| self.template_node(item, place)).collect();
                let nodes: Vec<Node> = nodes.into_iter().collect::<Option<_>>()?;
                Some(match literals(&nodes) {
                    Some(values) => Node::Literal(Value::Array(Array::new(values))),
                    None => Node::Array(nodes),
                })
            }
            _ => Some(Node::Literal(tree.to_value())),
        }
    }

    fn template_object(&mut self, tree: &'a Tree, place: Place) -> Option<Node> {
        let fields = self.object(tree, place)?;
        let mut keys = HashSet::new();
        let mut is_good = true;
        let mut members: Vec<(Arc<str>, Node)> = Vec::with_capacity(fields.members.len());
        for member in &fields.members {
            let (key, node) = match member.key.strip_suffix(".$") {
                Some(key) => (Arc::from(key), self.template_expression(&member.key, &member.value, place)),
                None => {
                    if let Some(text) = member.value.as_str()
                        && looks_like_expression(text)
                    {
                        let at = self.key(place, &member.key);
                        let message = format!(
                            "The value of the field '{0}' looks like a JSONPath or an intrinsic function call, but stays as it is: only '{0}.$' would be evaluated",
                            member.key
                        );
                        self.warning(Code::NoDollar, message, at, member.value.span);
                    }
                    (member.key.clone(), self.template_node(&member.value, place))
                }
            };
            if !keys.insert(key.clone()) {
                let message = format!("There should only be one of the following fields: [{key}, {key}.$]");
                self.invalid(message, place, member.key_span);
                is_good = false;
            }
            match node {
                Some(node) => members.push((key, node)),
                None => is_good = false,
            }
        }
        if !is_good {
            return None;
        }
        let is_literal = members.iter().all(|(_, node)| matches!(node, Node::Literal(_)));
        if !is_literal {
            return Some(Node::Object(members));
        }
        let entries = members
            .into_iter()
            .filter_map(|(key, node)| match node {
                Node::Literal(value) => Some((key, value)),
                _ => None,
            })
            .collect();
        Some(Node::Literal(Value::Object(Object::from_entries(entries))))
    }

    fn template_expression(&mut self, field: &'a Arc<str>, tree: &'a Tree, place: Place) -> Option<Node> {
        let expression = self.expression(field, tree, place)?;
        Some(Node::Expression { field: field.clone(), expression })
    }

    /// A path or a call.
    pub(super) fn expression(&mut self, field: &str, tree: &'a Tree, place: Place) -> Option<Expression> {
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
            Some(Expression::Path(path)) => self.note_path(path, place, tree.span),
            Some(Expression::Intrinsic(call)) => {
                call.variables(&mut |name| self.reads_variable(name, place, tree.span));
            }
            None => {
                let message = format!(
                    "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
                );
                self.error_with(Code::SchemaValidationFailed, message, Some(place), tree.span, suggestion);
            }
        }
        parsed
    }

    /// `Assign` in a JSONPath state: an object whose keys name variables.
    pub(super) fn assign(&mut self, fields: &Fields<'a>) -> Option<Template> {
        let (tree, place) = self.field(fields, "Assign")?;
        let assigned = self.object(tree, place)?;
        for member in &assigned.members {
            let name = member.key.strip_suffix(".$").unwrap_or(&member.key);
            self.assigns_variable(name, place, member.key_span);
        }
        self.template(tree, place)
    }
}

/// The values of nodes that are all literals.
fn literals(nodes: &[Node]) -> Option<Vec<Value>> {
    nodes
        .iter()
        .map(|node| match node {
            Node::Literal(value) => Some(value.clone()),
            _ => None,
        })
        .collect()
}
