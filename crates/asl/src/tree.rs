//! Values with expressions inside, as templates of both query languages hold them.

use std::sync::Arc;

use stepwell_json::{Array, Object, Value};

/// A part of such a value. Parts without expressions are shared, never rebuilt.
#[derive(Debug, Clone)]
pub(crate) enum Node<E> {
    /// No expression inside: copied by pointer.
    Literal(Value),
    /// An object with at least one expression inside.
    Object(Vec<(Arc<str>, Node<E>)>),
    /// An array with at least one expression inside.
    Array(Vec<Node<E>>),
    /// An expression in the place of a value.
    Expression(E),
}

impl<E> Node<E> {
    /// An array of these items, as a literal where all of them are.
    pub(crate) fn of_items(items: Vec<Self>) -> Self {
        if items.iter().any(|item| item.literal().is_none()) {
            return Node::Array(items);
        }
        Node::Literal(Value::Array(Array::new(items.into_iter().filter_map(Node::into_literal).collect())))
    }

    /// An object of these members, which are all different, as a literal where all of them are.
    pub(crate) fn of_members(members: Vec<(&str, Self)>) -> Self {
        if members.iter().any(|(_, node)| node.literal().is_none()) {
            return Node::Object(members.into_iter().map(|(key, node)| (key.into(), node)).collect());
        }
        let entry = |(key, node): (&str, Self)| Some((Arc::from(key), node.into_literal()?));
        Node::Literal(Value::Object(Object::from_entries(members.into_iter().filter_map(entry).collect())))
    }

    pub(crate) fn literal(&self) -> Option<&Value> {
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
}
