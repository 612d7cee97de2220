//! The compiled form: what the evaluator walks
//!
//! It is the syntax tree with its meaning worked out: paths are lists of steps, predicates belong to steps, `%` has
//! found the steps that it refers to, variables are numbers, and calls in tail position are known.

use std::sync::Arc;

use crate::ast::Operator;
use crate::functions::{Builtin, signature::Signature};
use crate::pattern::Pattern;

/// A number that stands for a variable's name
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol(pub(crate) u32);

/// A number that stands for one `%`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u32);

/// A compiled expression
pub(crate) struct Program {
    pub(crate) root: Code,
    /// Whether a variable is bound outside all blocks
    pub(crate) binds: bool,
    /// The names of the symbols.
    pub(crate) names: Vec<Arc<str>>,
    /// What a symbol means where no frame binds it: a function of JSONata.
    pub(crate) builtins: Vec<Option<&'static Builtin>>,
    /// The symbols that are asked of the host: read somewhere, not bound inside, no functions.
    pub(crate) asked: Vec<Symbol>,
    /// The symbol of each slot: several `%` may mean the same step.
    pub(crate) labels: Vec<Symbol>,
    /// How many member names the program looks up.
    pub(crate) lookups: u32,
}

/// A part of a program
pub(crate) struct Code {
    pub(crate) kind: CodeKind,
    /// Byte offset in the text, for errors
    pub(crate) position: usize,
    /// `[]` behind it: a sequence of one value stays an array
    pub(crate) keep_array: bool,
    /// It makes or passes on a stream of tuples: it binds a variable, or a `%` refers to it
    pub(crate) tuple: bool,
    /// An array constructor at an end of a path: not iterated over, not flattened
    pub(crate) constructs_array: bool,
    /// Rare attributes
    pub(crate) extras: Option<Box<Extras>>,
}

/// Rare attributes of a part
#[derive(Default)]
pub(crate) struct Extras {
    /// Predicates of what is no step
    pub(crate) predicates: Vec<Code>,
    /// Predicates and index bindings of a step, in order
    pub(crate) stages: Vec<Stage>,
    /// A grouping object constructor behind it
    pub(crate) group: Option<Vec<(Code, Code)>>,
    /// `@$name`
    pub(crate) focus: Option<Symbol>,
    /// `#$name`
    pub(crate) index: Option<Symbol>,
    /// The `%` that refer to this step
    pub(crate) ancestor: Option<Slot>,
    /// While compiling: the `%` inside that have not found their step yet
    pub(crate) seeking: Vec<Slot>,
}

/// What is done to the result of a step
pub(crate) enum Stage {
    /// `[…]`
    Filter(Code),
    /// `#$name` behind a predicate
    Index(Symbol),
}

/// The name of a member, and where the evaluator notes at which place it was found last
pub(crate) struct MemberName {
    pub(crate) text: Arc<str>,
    pub(crate) lookup: u32,
}

/// What a variable is
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable {
    /// `$`
    Context,
    /// `$$`
    Root,
    /// Bound somewhere in the expression, so frames are searched first
    Local(Symbol),
    /// Bound nowhere in the expression
    Global(Symbol),
}

/// What a part is
pub(crate) enum CodeKind {
    Number(f64),
    String(Arc<str>),
    Bool(bool),
    Null,
    Regex(Pattern),
    Name(MemberName),
    Variable(Variable),
    Wildcard,
    Descendants,
    Parent(Slot),
    Placeholder,
    Path(Path),
    Negate(Box<Code>),
    Array(Vec<Code>),
    Object {
        pairs: Vec<(Code, Code)>,
        /// The keys, when all of them are written as strings and none comes twice
        names: Option<Vec<Arc<str>>>,
    },
    Block {
        expressions: Vec<Code>,
        /// Whether a variable is bound in it, so that it needs a frame of its own
        binds: bool,
    },
    Binary(Operator, Box<Code>, Box<Code>),
    Bind(Symbol, Box<Code>),
    Condition(Box<Code>, Box<Code>, Option<Box<Code>>),
    Apply(Box<Code>, Box<Code>),
    Call(Call),
    Lambda(LambdaCode),
    Transform {
        pattern: Box<Code>,
        update: Box<Code>,
        delete: Option<Box<Code>>,
    },
    Sort(Vec<SortTerm>),
}

/// Steps one after another
///
/// What the last three say is worked out once the whole program is there.
#[derive(Default)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Code>,
    /// Some step has `[]`
    pub(crate) keep_singleton: bool,
    /// Some step binds something, so that values travel as tuples
    pub(crate) has_tuples: bool,
    /// It begins with a variable: the context is not iterated over
    pub(crate) is_absolute: bool,
    /// How many steps at its beginning (behind the variable, when it begins with one) are just names
    pub(crate) plain_names: usize,
}

/// A call, or with placeholders a partial application
pub(crate) struct Call {
    pub(crate) procedure: Box<Code>,
    pub(crate) arguments: Vec<Code>,
    /// The name of what is called, for error texts; empty when it has none
    pub(crate) name: Arc<str>,
    /// There is a placeholder among the arguments.
    pub(crate) is_partial: bool,
}

/// `function($x)<n:n>{ … }`
pub(crate) struct LambdaCode {
    pub(crate) parameters: Vec<Symbol>,
    pub(crate) signature: Option<Signature>,
    pub(crate) body: Box<Code>,
}

/// One term of an order-by clause
pub(crate) struct SortTerm {
    pub(crate) descending: bool,
    pub(crate) expression: Code,
}

impl Code {
    pub(crate) fn new(kind: CodeKind, position: usize) -> Code {
        Code { kind, position, keep_array: false, tuple: false, constructs_array: false, extras: None }
    }

    /// Whether nothing follows on it: no predicate, binding, grouping or `[]`.
    pub(crate) fn is_bare(&self) -> bool {
        self.extras.is_none() && !self.keep_array && !self.tuple
    }

    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(crate) fn stages(&self) -> &[Stage] {
        self.extras.as_deref().map_or(&[], |extras| &extras.stages)
    }

    pub(crate) fn group(&self) -> Option<&[(Code, Code)]> {
        self.extras.as_deref()?.group.as_deref()
    }

    /// While compiling: the `%` inside that have not found their step yet.
    pub(crate) fn seeking(&self) -> &[Slot] {
        self.extras.as_deref().map_or(&[], |extras| &extras.seeking)
    }

    /// An array constructor.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.kind, CodeKind::Array(_))
    }
}
