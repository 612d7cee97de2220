//! The syntax tree: what stands in the text, before any of it is given a meaning

use std::sync::Arc;

/// A part of an expression
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Byte offset of the token that makes it what it is: for a binary operator, the operator
    pub(crate) position: usize,
    /// Levels of nodes below, this one included
    pub(crate) height: u32,
}

/// Two nodes are equal when they mean the same, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.kind == other.kind
    }
}

/// What a part is
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// `12.5`
    Number(f64),
    /// `"text"`
    String(Arc<str>),
    /// `true`
    Bool(bool),
    /// `null`
    Null,
    /// `/source/im`
    Regex { source: Arc<str>, ignore_case: bool, multiline: bool },
    /// `name`, or a name in backquotes
    Name(Arc<str>),
    /// `$name`; the empty name is the context `$`, the name `$` is the root `$$`
    Variable(Arc<str>),
    /// `*`
    Wildcard,
    /// `**`
    Descendants,
    /// `%`
    Parent,
    /// `?` as an argument
    Placeholder,
    /// `-x`
    Negate(Box<Node>),
    /// `[x, y..z]`
    Array(Vec<Node>),
    /// `{k: v}`
    Object(Vec<(Node, Node)>),
    /// `(x; y)`
    Block(Vec<Node>),
    /// `x.y`
    Path(Box<Node>, Box<Node>),
    /// `x[y]`
    Filter(Box<Node>, Box<Node>),
    /// `x[]`
    KeepArray(Box<Node>),
    /// `x{k: v}`
    Group(Box<Node>, Vec<(Node, Node)>),
    /// `x^(<y, >z)`
    Sort(Box<Node>, Vec<SortTerm>),
    /// `x@$name`
    Focus(Box<Node>, Arc<str>),
    /// `x#$name`
    Index(Box<Node>, Arc<str>),
    /// `x + y`
    Binary(Operator, Box<Node>, Box<Node>),
    /// `$name := x`
    Bind(Arc<str>, Box<Node>),
    /// `x ? y : z`
    Condition(Box<Node>, Box<Node>, Option<Box<Node>>),
    /// `x ~> y`
    Apply(Box<Node>, Box<Node>),
    /// `f(x, y)`; a placeholder among the arguments makes it a partial application
    Call(Box<Node>, Vec<Node>),
    /// `function($x)<n:n>{ y }`
    Lambda { parameters: Vec<Arc<str>>, signature: Option<Arc<str>>, body: Box<Node> },
    /// `|x|y, z|`
    Transform { pattern: Box<Node>, update: Box<Node>, delete: Option<Box<Node>> },
}

/// One term of an order-by clause
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortTerm {
    pub(crate) descending: bool,
    pub(crate) expression: Node,
}

/// Operators between two values
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Concatenate,
    And,
    Or,
    In,
    Range,
}

impl Operator {
    /// As written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::Concatenate => "&",
            Operator::And => "and",
            Operator::Or => "or",
            Operator::In => "in",
            Operator::Range => "..",
        }
    }
}

impl Node {
    /// A node over these children.
    pub(crate) fn new(kind: Kind, position: usize) -> Node {
        let mut height = 0;
        let mut see = |node: &Node| height = height.max(node.height);
        match &kind {
            Kind::Number(_)
            | Kind::String(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Regex { .. }
            | Kind::Name(_)
            | Kind::Variable(_)
            | Kind::Wildcard
            | Kind::Descendants
            | Kind::Parent
            | Kind::Placeholder => {}
            Kind::Negate(inner)
            | Kind::KeepArray(inner)
            | Kind::Focus(inner, _)
            | Kind::Index(inner, _)
            | Kind::Bind(_, inner)
            | Kind::Lambda { body: inner, .. } => see(inner),
            Kind::Array(items) | Kind::Block(items) => items.iter().for_each(see),
            Kind::Object(pairs) => pairs.iter().for_each(|(key, value)| {
                see(key);
                see(value);
            }),
            Kind::Path(left, right)
            | Kind::Filter(left, right)
            | Kind::Binary(_, left, right)
            | Kind::Apply(left, right) => {
                see(left);
                see(right);
            }
            Kind::Group(inner, pairs) => {
                see(inner);
                for (key, value) in pairs {
                    see(key);
                    see(value);
                }
            }
            Kind::Sort(inner, terms) => {
                see(inner);
                terms.iter().for_each(|term| see(&term.expression));
            }
            Kind::Condition(condition, then, otherwise) => {
                see(condition);
                see(then);
                otherwise.iter().for_each(|node| see(node));
            }
            Kind::Call(procedure, arguments) => {
                see(procedure);
                arguments.iter().for_each(see);
            }
            Kind::Transform { pattern, update, delete } => {
                see(pattern);
                see(update);
                delete.iter().for_each(|node| see(node));
            }
        }
        Node { kind, position, height: height + 1 }
    }
}
