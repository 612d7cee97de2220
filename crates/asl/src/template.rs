//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`, `Assign`, `Credentials`.

use std::sync::Arc;

use stepwell_json::{Array, DEPTH_MAX, Object, Value};

use crate::error::EvaluationError;
use crate::expression::{Budget, Expression, Roots};

/// A compiled payload template. Parts without expressions are shared, never rebuilt.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) root: Node,
}

/// A part of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// No expression inside: copied by pointer.
    Literal(Value),
    /// An object with at least one expression inside.
    Object(Vec<(Arc<str>, Node)>),
    /// An array with at least one expression inside.
    Array(Vec<Node>),
    /// The value of a `.$` key.
    Expression {
        /// The key as written, with `.$`, for error texts.
        field: Arc<str>,
        /// What to work out.
        expression: Expression,
    },
}

impl Template {
    /// Works the template out. Its parts see the same data, whatever their order.
    ///
    /// For an `Assign` the members are the variables.
    pub fn evaluate(&self, roots: &mut dyn Roots) -> Result<Value, EvaluationError> {
        let value = self.root.evaluate(roots, &mut Budget::default())?;
        if value.depth() > DEPTH_MAX {
            let cause = format!("The result of the payload template nests deeper than {DEPTH_MAX} levels");
            return Err(EvaluationError::Runtime { cause });
        }
        Ok(value)
    }

    /// The value of a template without expressions, which is the same every time.
    pub fn literal(&self) -> Option<&Value> {
        self.root.literal()
    }

    /// The keys at the top in order, without `.$`: for `Assign`, the variables' names.
    pub fn keys(&self) -> Vec<&str> {
        match &self.root {
            Node::Literal(Value::Object(object)) => object.iter().map(|(key, _)| &**key).collect(),
            Node::Object(members) => members.iter().map(|(key, _)| &**key).collect(),
            _ => Vec::new(),
        }
    }
}

impl Node {
    /// An array of these items, as a literal where all of them are.
    pub(crate) fn of_items(items: Vec<Node>) -> Node {
        if items.iter().any(|item| item.literal().is_none()) {
            return Node::Array(items);
        }
        Node::Literal(Value::Array(Array::new(items.into_iter().filter_map(Node::into_literal).collect())))
    }

    /// An object of these members, which are all different, as a literal where all of them are.
    pub(crate) fn of_members(members: Vec<(&str, Node)>) -> Node {
        if members.iter().any(|(_, node)| node.literal().is_none()) {
            return Node::Object(members.into_iter().map(|(key, node)| (key.into(), node)).collect());
        }
        let entry = |(key, node): (&str, Node)| Some((Arc::from(key), node.into_literal()?));
        Node::Literal(Value::Object(Object::from_entries(members.into_iter().filter_map(entry).collect())))
    }

    fn literal(&self) -> Option<&Value> {
        match self {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    fn into_literal(self) -> Option<Value> {
        match self {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    fn evaluate(&self, roots: &mut dyn Roots, budget: &mut Budget) -> Result<Value, EvaluationError> {
        match self {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression { field, expression } => expression.evaluate_within(field, roots, budget),
            Node::Object(members) => {
                let mut entries = Vec::with_capacity(members.len());
                for (key, node) in members {
                    entries.push((key.clone(), node.evaluate(roots, budget)?));
                }
                Ok(Value::Object(Object::from_entries(entries)))
            }
            Node::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for node in nodes {
                    items.push(node.evaluate(roots, budget)?);
                }
                Ok(Value::Array(Array::new(items)))
            }
        }
    }
}
