//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`, `Assign`, `Credentials`.

use std::sync::Arc;

use stepwell_json::{Array, DEPTH_MAX, Object, Value};

use crate::error::EvaluationError;
use crate::expression::{Budget, Expression, Roots};
use crate::tree;

/// A compiled payload template. Parts without expressions are shared, never rebuilt.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) root: Node,
}

/// A part of a template.
pub(crate) type Node = tree::Node<FieldExpression>;

/// The value of a `.$` key.
#[derive(Debug, Clone)]
pub(crate) struct FieldExpression {
    /// The key as written, with `.$`, for error texts.
    pub(crate) field: Arc<str>,
    /// What to work out.
    pub(crate) expression: Expression,
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

impl tree::Node<FieldExpression> {
    fn evaluate(&self, roots: &mut dyn Roots, budget: &mut Budget) -> Result<Value, EvaluationError> {
        match self {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression(FieldExpression { field, expression }) => {
                expression.evaluate_within(field, roots, budget)
            }
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
