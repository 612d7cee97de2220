//! Fields of JSONata states: values with expressions inside (`{% … %}`), and working them out.

use std::fmt;

use stepwell_json::{Array, DEPTH_MAX, Object, Value};
use stepwell_jsonata::{Error, Evaluated, Expression, Host, Limits};

use crate::error::EvaluationError;
use crate::expression::Budget;
use crate::tree;

/// Characters of a location in history (the API's own limit).
const LOCATION_CHARACTERS_MAX: usize = 256;
/// Bytes of a value that an error text shows. A cause has at most 32,768 characters.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// A field of a JSONata state: a literal, an expression, or an array or object with expressions inside. Parts
/// without expressions are shared, never rebuilt.
#[derive(Debug, Clone)]
pub struct JsonataTemplate {
    pub(crate) root: Node,
    pub(crate) reads_context: bool,
}

/// A part of a template; its expressions are strings in `{%` and `%}`.
pub(crate) type Node = tree::Node<Expression>;

/// A field of a JSONata state, as locations in history name it: `Output`, `Choices[1]/Condition`, `Catch[0]/Output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A field of the state itself.
    State(&'static str),
    /// A field of an entry of `Choices`.
    Choice(usize, &'static str),
    /// A field of an entry of `Catch`.
    Catcher(usize, &'static str),
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::State(name) => formatter.write_str(name),
            Field::Choice(index, name) => write!(formatter, "Choices[{index}]/{name}"),
            Field::Catcher(index, name) => write!(formatter, "Catch[{index}]/{name}"),
        }
    }
}

impl JsonataTemplate {
    /// Works the field out. `host` gives the variables, `states` among them.
    ///
    /// # Errors
    /// `States.QueryEvaluationError` with the place of the expression, or what holds for every field: a value that
    /// is too large or nests too deep.
    pub fn evaluate(&self, field: Field, host: &mut dyn Host) -> Result<Value, EvaluationError> {
        let place = Place { outer: None, step: Step::Field(field) };
        let value = self.root.evaluate(&place, host, &mut Budget::default())?;
        if value.depth() > DEPTH_MAX {
            let cause = format!("The result of the field '{field}' nests deeper than {DEPTH_MAX} levels");
            return Err(EvaluationError::Runtime { cause });
        }
        Ok(value)
    }

    /// Works out a field that must have a value of one kind. For a value of another kind `take` gives the name of the
    /// kind that was expected.
    ///
    /// # Errors
    /// As [`JsonataTemplate::evaluate`]; for a value of another kind: `Expected 'array', but was 'number' for value: 1`.
    pub fn evaluate_as<T>(
        &self,
        field: Field,
        host: &mut dyn Host,
        take: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Result<T, EvaluationError> {
        let value = self.evaluate(field, host)?;
        take(&value).map_err(|expected| {
            let place = Place { outer: None, step: Step::Field(field) };
            let text = match &self.root {
                Node::Expression(expression) => expression.text(),
                _ => "",
            };
            let problem = format!(
                " returned an unexpected result type. Expected '{expected}', but was '{}' for value: {}",
                value.type_name(),
                shown(&value)
            );
            place.fault(text, &problem)
        })
    }

    /// The value of a field without expressions, which is the same every time.
    pub fn literal(&self) -> Option<&Value> {
        self.root.literal()
    }

    /// Whether an expression may read `$states.context`, which takes work to build.
    pub fn reads_context(&self) -> bool {
        self.reads_context
    }
}

impl tree::Node<Expression> {
    fn evaluate(
        &self,
        place: &Place<'_>,
        host: &mut dyn Host,
        budget: &mut Budget,
    ) -> Result<Value, EvaluationError> {
        match self {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression(expression) => {
                let value = evaluate(expression, place, host)?;
                budget.take(&value)?;
                Ok(value)
            }
            Node::Object(members) => {
                let mut entries = Vec::with_capacity(members.len());
                for (key, node) in members {
                    let inner = place.inside(Step::Key(key));
                    entries.push((key.clone(), node.evaluate(&inner, host, budget)?));
                }
                Ok(Value::Object(Object::from_entries(entries)))
            }
            Node::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for (index, node) in nodes.iter().enumerate() {
                    let inner = place.inside(Step::Index(index));
                    items.push(node.evaluate(&inner, host, budget)?);
                }
                Ok(Value::Array(Array::new(items)))
            }
        }
    }
}

/// An expression has no root context: what it reads are variables.
fn evaluate(
    expression: &Expression,
    place: &Place<'_>,
    host: &mut dyn Host,
) -> Result<Value, EvaluationError> {
    match expression.evaluate(None, host, &Limits::STEP_FUNCTIONS) {
        Ok(Evaluated::Value(value)) => Ok(value),
        other => Err(no_value(expression, place, other)),
    }
}

#[cold]
fn no_value(
    expression: &Expression,
    place: &Place<'_>,
    evaluated: Result<Evaluated, Error>,
) -> EvaluationError {
    place.fault(expression.text(), &no_value_text(&evaluated))
}

/// What AWS says of an expression that gives no value, behind its text and field.
fn no_value_text(evaluated: &Result<Evaluated, Error>) -> String {
    match evaluated {
        Ok(Evaluated::Function) => " returned an unsupported result type.".to_owned(),
        Ok(_) => " returned nothing (undefined).".to_owned(),
        // What stands before the text differs: a full stop with a code, a colon where a limit was exceeded.
        Err(error) => match error.code() {
            Some(code) => format!(" threw an error during evaluation. {code}: {}", error.message()),
            None => format!(" threw an error during evaluation: {}", error.message()),
        },
    }
}

/// The cause of `States.QueryEvaluationError` for an expression that gives no value, in the words of AWS.
pub fn no_value_cause(expression: &str, location: &str, evaluated: &Result<Evaluated, Error>) -> String {
    expression_cause(expression, location, &no_value_text(evaluated))
}

fn expression_cause(expression: &str, location: &str, problem: &str) -> String {
    format!("The JSONata expression '{expression}' specified for the field '{location}'{problem}")
}

/// What AWS says of an expression that reads the root context, which states do not have. `name` is that of a
/// [`Expression::root_references`].
pub fn root_reference_message(name: &str) -> String {
    let shown = match name {
        "" => "$",
        "$" => "$$",
        name => name,
    };
    format!("Reference to '{shown}' at the top level is not supported.")
}

/// What AWS says of a member that `$states` does not have in this field.
pub fn missing_member_message(member: &str) -> String {
    format!("Field '$states.{member}' does not exist.")
}

/// What stands between `{%` and `%}`, or what is wrong with these.
///
/// # Errors
/// A text of ours: AWS's is not known.
pub fn expression_inside(text: &str) -> Result<&str, &'static str> {
    let Some(opened) = text.strip_prefix("{%") else {
        return Err("A JSONata expression must start with '{%'");
    };
    opened.strip_suffix("%}").ok_or("A JSONata expression must end with '%}'")
}

/// The JSON text of a value, cut where it is longer than any cause.
fn shown(value: &Value) -> String {
    value.to_text_up_to(SHOWN_BYTES_MAX)
}

/// Where an expression stands. A chain of steps on the stack: it costs nothing until an error needs its text.
struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Field(Field),
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    fn inside(&'a self, step: Step<'a>) -> Place<'a> {
        Place { outer: Some(self), step }
    }

    /// `Output/a/b[0][1]`
    fn text(&self) -> String {
        let steps: Vec<&Place<'_>> =
            std::iter::successors(Some(self), |place: &&Place<'_>| place.outer).collect();
        let mut text = String::new();
        for place in steps.into_iter().rev() {
            match place.step {
                Step::Field(field) => text.push_str(&field.to_string()),
                Step::Key(key) => {
                    text.push('/');
                    text.push_str(key);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        if let Some((end, _)) = text.char_indices().nth(LOCATION_CHARACTERS_MAX) {
            text.truncate(end);
        }
        text
    }

    #[cold]
    fn fault(&self, expression: &str, problem: &str) -> EvaluationError {
        let location = self.text();
        let cause = expression_cause(expression, &location, problem);
        EvaluationError::Query { location: Some(location), cause }
    }
}
