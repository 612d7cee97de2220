//! What an expression refers to: variables, `$states`, and the root context

use std::collections::HashSet;
use std::sync::Arc;

use crate::ast::{Kind, Node};
use crate::expression::{Reference, StatesReference};
use crate::{Dialect, functions};

/// What an expression refers to
#[derive(Default)]
pub(crate) struct References {
    /// Variables that are read and bound outside, functions of JSONata apart, each once
    pub(crate) variables: Vec<Reference>,
    /// The uses of `$states`
    pub(crate) states: Vec<StatesReference>,
    /// What reads the root context
    pub(crate) root: Vec<Reference>,
    /// The names of all variables that the expression binds somewhere
    pub(crate) bound: HashSet<Arc<str>>,
    /// Where `$states` is bound
    pub(crate) states_bound: Option<usize>,
}

/// Finds what an expression refers to.
pub(crate) fn find(node: &Node, dialect: Dialect) -> References {
    let mut finder = Finder {
        found: References::default(),
        scopes: Vec::new(),
        seen: HashSet::new(),
        seen_at_root: HashSet::new(),
        dialect,
    };
    finder.scope(&[node], &[], true);
    finder.found
}

struct Finder {
    found: References,
    /// Names bound in the frames around the current place, innermost last.
    scopes: Vec<HashSet<Arc<str>>>,
    seen: HashSet<Arc<str>>,
    seen_at_root: HashSet<Arc<str>>,
    dialect: Dialect,
}

impl Finder {
    /// Looks through nodes that share a frame. `at_root`: their context is the root.
    fn scope(&mut self, nodes: &[&Node], parameters: &[Arc<str>], at_root: bool) {
        let mut names: HashSet<Arc<str>> = parameters.iter().cloned().collect();
        nodes.iter().for_each(|node| bound_here(node, &mut names));
        self.found.bound.extend(names.iter().cloned());
        self.scopes.push(names);
        nodes.iter().for_each(|node| self.node(node, at_root));
        self.scopes.pop();
    }

    fn nodes<'n>(&mut self, nodes: impl IntoIterator<Item = &'n Node>, at_root: bool) {
        nodes.into_iter().for_each(|node| self.node(node, at_root));
    }

    fn pairs(&mut self, pairs: &[(Node, Node)], at_root: bool) {
        for (key, value) in pairs {
            self.node(key, at_root);
            self.node(value, at_root);
        }
    }

    fn node(&mut self, node: &Node, at_root: bool) {
        match &node.kind {
            Kind::Number(_)
            | Kind::String(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Regex { .. }
            | Kind::Placeholder => {}
            Kind::Name(name) => self.reads_root(name, node.position, at_root),
            Kind::Wildcard => self.reads_root("*", node.position, at_root),
            Kind::Descendants => self.reads_root("**", node.position, at_root),
            Kind::Parent => self.reads_root("%", node.position, at_root),
            Kind::Variable(name) => {
                self.variable(name, node.position, at_root);
                if &**name == "states" {
                    self.found.states.push(StatesReference { member: None, position: node.position });
                }
            }
            Kind::Negate(inner) | Kind::KeepArray(inner) => self.node(inner, at_root),
            Kind::Focus(inner, name) | Kind::Index(inner, name) | Kind::Bind(name, inner) => {
                self.binds(name, node.position);
                self.node(inner, at_root);
            }
            Kind::Array(items) => self.nodes(items, at_root),
            Kind::Object(pairs) => self.pairs(pairs, at_root),
            Kind::Block(items) => self.scope(&items.iter().collect::<Vec<_>>(), &[], at_root),
            Kind::Path(left, right) => {
                let before = self.found.states.len();
                match &left.kind {
                    // A string as the first step is a name.
                    Kind::String(text) => self.reads_root(text, left.position, at_root),
                    _ => self.node(left, at_root),
                }
                self.read_member(left, right, before);
                self.node(right, false);
            }
            Kind::Filter(left, right) => {
                self.node(left, at_root);
                self.node(right, false);
            }
            Kind::Group(inner, pairs) => {
                self.node(inner, at_root);
                self.pairs(pairs, false);
            }
            Kind::Sort(inner, terms) => {
                self.node(inner, at_root);
                self.nodes(terms.iter().map(|term| &term.expression), false);
            }
            Kind::Binary(_, left, right) | Kind::Apply(left, right) => {
                self.node(left, at_root);
                self.node(right, at_root);
            }
            Kind::Condition(condition, then, otherwise) => {
                self.node(condition, at_root);
                self.node(then, at_root);
                self.nodes(otherwise.as_deref(), at_root);
            }
            Kind::Call(procedure, arguments) => {
                self.node(procedure, at_root);
                self.nodes(arguments, at_root);
            }
            Kind::Lambda { parameters, body, .. } => {
                parameters.iter().for_each(|name| self.binds(name, node.position));
                self.scope(&[body], parameters, at_root);
            }
            Kind::Transform { pattern, update, delete } => {
                self.node(pattern, false);
                self.node(update, false);
                self.nodes(delete.as_deref(), false);
            }
        }
    }

    fn binds(&mut self, name: &Arc<str>, position: usize) {
        if &**name == "states" {
            self.found.states_bound.get_or_insert(position);
        }
    }

    fn reads_root(&mut self, name: &str, position: usize, at_root: bool) {
        if at_root && self.seen_at_root.insert(name.into()) {
            self.found.root.push(Reference { name: name.into(), position });
        }
    }

    fn variable(&mut self, name: &Arc<str>, position: usize, at_root: bool) {
        match &**name {
            "" => self.reads_root("", position, at_root),
            // The root is the root, wherever it is read.
            "$" => self.reads_root("$", position, true),
            _ => {
                let is_bound = self.scopes.iter().any(|scope| scope.contains(name));
                if !is_bound
                    && functions::find(name, self.dialect).is_none()
                    && self.seen.insert(name.clone())
                {
                    self.found.variables.push(Reference { name: name.clone(), position });
                }
            }
        }
    }

    /// Notes which member a path reads of `$states`, when `left` is just that.
    fn read_member(&mut self, left: &Node, right: &Node, before: usize) {
        if !matches!(&left.kind, Kind::Variable(name) if &**name == "states") {
            return;
        }
        let mut member = right;
        while let Kind::Filter(inner, _)
        | Kind::KeepArray(inner)
        | Kind::Focus(inner, _)
        | Kind::Index(inner, _) = &member.kind
        {
            member = inner;
        }
        if let (Kind::Name(name) | Kind::String(name), Some(reference)) =
            (&member.kind, self.found.states.get_mut(before))
        {
            reference.member = Some(name.clone());
        }
    }
}

/// The names that evaluating a node binds in the frame around it.
fn bound_here(node: &Node, names: &mut HashSet<Arc<str>>) {
    let pairs = |pairs: &[(Node, Node)], names: &mut HashSet<Arc<str>>| {
        for (key, value) in pairs {
            bound_here(key, names);
            bound_here(value, names);
        }
    };
    match &node.kind {
        Kind::Bind(name, inner) | Kind::Focus(inner, name) | Kind::Index(inner, name) => {
            names.insert(name.clone());
            bound_here(inner, names);
        }
        Kind::Negate(inner) | Kind::KeepArray(inner) => bound_here(inner, names),
        Kind::Array(items) => items.iter().for_each(|item| bound_here(item, names)),
        Kind::Object(members) => pairs(members, names),
        Kind::Path(left, right)
        | Kind::Filter(left, right)
        | Kind::Binary(_, left, right)
        | Kind::Apply(left, right) => {
            bound_here(left, names);
            bound_here(right, names);
        }
        Kind::Group(inner, members) => {
            bound_here(inner, names);
            pairs(members, names);
        }
        Kind::Sort(inner, terms) => {
            bound_here(inner, names);
            terms.iter().for_each(|term| bound_here(&term.expression, names));
        }
        Kind::Condition(condition, then, otherwise) => {
            bound_here(condition, names);
            bound_here(then, names);
            otherwise.iter().for_each(|node| bound_here(node, names));
        }
        Kind::Call(procedure, arguments) => {
            bound_here(procedure, names);
            arguments.iter().for_each(|argument| bound_here(argument, names));
        }
        Kind::Transform { pattern, update, delete } => {
            bound_here(pattern, names);
            bound_here(update, names);
            delete.iter().for_each(|node| bound_here(node, names));
        }
        Kind::Block(_) | Kind::Lambda { .. } => {}
        _ => {}
    }
}
