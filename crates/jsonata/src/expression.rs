//! The entry: from a text to a compiled expression, and from that to a value

use std::sync::Arc;

use stepwell_json::Value;

use crate::ast::Node;
use crate::program::Program;
use crate::references::References;
use crate::{Error, Host, Limits};

/// Which functions there are, and what the root is
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// JSONata 2.0.6, without `$eval`
    #[default]
    Plain,
    /// With the functions that Step Functions adds: `$partition`, `$range`, `$hash`, `$random(seed)`, `$uuid`, `$parse`
    StepFunctions,
}

impl Dialect {
    /// The names of all functions, without `$`: what a misspelt name may have meant.
    pub fn function_names(self) -> impl Iterator<Item = &'static str> {
        crate::functions::all(self).map(|builtin| builtin.name)
    }
}

/// Something that an expression mentions, with the byte offset in its text
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name as written, without `$`
    pub name: Arc<str>,
    /// Byte offset in the expression's text
    pub position: usize,
}

/// One use of `$states`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesReference {
    /// The member that is read, as in `$states.result`; none for `$states` alone or a member that is worked out
    pub member: Option<Arc<str>>,
    /// Byte offset of `$states` in the expression's text
    pub position: usize,
}

/// What an expression gives
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// Undefined
    Nothing,
    /// A value. Numbers without a fraction are whole numbers; infinities and "not a number" inside arrays and objects
    /// are the strings `Infinity`, `-Infinity` and `NaN`, as Step Functions shows them.
    Value(Value),
    /// A function, or a value with a function inside
    Function,
}

/// A compiled expression; a clone copies a pointer
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    text: Arc<str>,
    dialect: Dialect,
    program: Program,
    references: References,
}

impl Expression {
    /// Reads and compiles an expression (without `{%` and `%}`).
    ///
    /// # Errors
    /// Where the text is no expression: a code `S…`, JSONata's own text and a position.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Expression, Error> {
        let node = crate::parser::parse(text)?;
        let references = crate::references::find(&node, dialect);
        let program = crate::compile::compile(&node, dialect, &references.bound)?;
        Ok(Expression(Arc::new(Inner { text: text.into(), dialect, program, references })))
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The expression written anew, on one line: the same text for all expressions that differ in white space and
    /// comments alone. It reads back as the same expression.
    pub fn to_normal_text(&self) -> String {
        self.tree().map(|node| crate::print::print(&node)).unwrap_or_default()
    }

    /// Whether both are the same expression, white space and comments apart.
    pub fn is_same(&self, other: &Expression) -> bool {
        self.tree() == other.tree()
    }

    /// The syntax tree, read again: it is asked for by tools alone, and takes more memory than the program.
    fn tree(&self) -> Option<Node> {
        crate::parser::parse(self.text()).ok()
    }

    /// The variables that the expression reads and does not bind itself, functions of JSONata apart; `states` is among
    /// them. Each name once, in the order of their first use.
    pub fn variables(&self) -> &[Reference] {
        &self.0.references.variables
    }

    /// The uses of `$states`, in order.
    pub fn states_references(&self) -> &[StatesReference] {
        &self.0.references.states
    }

    /// Where the expression binds `$states` itself, as a byte offset.
    pub fn states_bound(&self) -> Option<usize> {
        self.0.references.states_bound
    }

    /// What reads the context at the top level: bare names such as `phone` (the name), `$` (an empty name), `$$` (the
    /// name `$`), `*`, `**` and `%`. Step Functions has no context there.
    pub fn root_references(&self) -> &[Reference] {
        &self.0.references.root
    }

    /// Works the expression out over `input`, the root context.
    ///
    /// # Errors
    /// JSONata's error (with a code), or which limit was exceeded (without one).
    pub fn evaluate(
        &self,
        input: Option<&Value>,
        host: &mut dyn Host,
        limits: &Limits,
    ) -> Result<Evaluated, Error> {
        let Inner { program, dialect, .. } = &*self.0;
        crate::evaluate::evaluate(program, *dialect, input, host, limits)
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Expression({})", self.text())
    }
}
