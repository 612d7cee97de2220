//! Expressions of JSONata states, as far as their frame goes: `{%` and `%}`.

use stepwell_json::spanned::{Node, NodeKind};

use super::{Place, Reader};
use crate::diagnostic::Code;

/// Whether a value is one expression.
pub(super) fn is_expression(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.starts_with("{%") || text.ends_with("%}"))
}

impl<'a> Reader<'a> {
    /// Checks the expressions in a value.
    pub(super) fn check_jsonata(&mut self, node: &'a Node, place: Place) {
        match &node.kind {
            NodeKind::String(text) => {
                if let Some(problem) = problem(text) {
                    self.error(Code::InvalidJsonataExpression, problem, Some(place), node.span);
                }
            }
            NodeKind::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    let at = self.index(place, position);
                    self.check_jsonata(item, at);
                }
            }
            NodeKind::Object(members) => {
                for member in members {
                    let at = self.key(place, &member.key);
                    self.check_jsonata(&member.value, at);
                }
            }
            _ => {}
        }
    }
}

fn problem(text: &str) -> Option<String> {
    match (text.strip_prefix("{%"), text.strip_suffix("%}")) {
        (None, None) => None,
        (Some(_), Some(_)) if text.len() >= 4 => None,
        (Some(_), _) => Some("A JSONata expression must end with '%}'".to_owned()),
        (None, Some(_)) => Some("A JSONata expression must start with '{%'".to_owned()),
    }
}
