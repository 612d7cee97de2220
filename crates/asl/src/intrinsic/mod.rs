//! The 18 intrinsic functions.
//!
//! A call is read once, when the definition is; names, numbers of arguments and literal arguments of the wrong
//! type are refused then. What only the data can show fails when the state runs, with `States.IntrinsicFailure`.

mod array;
mod json;
mod math;
mod parse;
mod text;

use std::sync::Arc;

use stepwell_json::Value;
use stepwell_jsonpath::{Path, Root};

use crate::error::EvaluationError;
use crate::expression::{Budget, Failure, Roots, go_through, look_up, size};

pub(crate) use parse::parse;

/// A call of an intrinsic function, with its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Argument>,
    /// The call as written, for error texts.
    pub(crate) text: Arc<str>,
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A literal. A string is kept without its escapes.
    Literal(Value),
    /// The template of `States.Format`, written as a literal: the texts around its placeholders.
    Format(Vec<String>),
    /// A path.
    Path(Path),
    /// A call.
    Call(Call),
}

/// Strings that `Base64Encode`, `Base64Decode` and `Hash` take, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 10_000;
/// Calls within calls in one field.
pub const NESTING_MAX: u32 = 10;
/// Arguments of all calls in one field, and placeholders `{}` in their texts: each takes many times its text.
pub const PARTS_MAX: usize = 10_000;
/// Bytes of a text that a function makes. A payload can hold far less; a text on its way to another function
/// may be longer.
pub const RESULT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Items that `States.ArrayRange` makes.
pub const RANGE_ITEMS_MAX: i64 = 1_000;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:expr,)*) => {
        /// Which function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function { $($variant,)* }

        impl Function {
            /// The function of a name, for example `States.Format`.
            pub(crate) fn of_name(name: &str) -> Option<Function> {
                match name { $($name => Some(Function::$variant),)* _ => None }
            }

            /// The fewest and the most arguments.
            fn arity(self) -> (usize, usize) {
                match self { $(Function::$variant => ($least, $most),)* }
            }
        }

        /// The names of all functions.
        pub(crate) const NAMES: &[&str] = &[$($name,)*];
    };
}

functions! {
    Format "States.Format" 1 usize::MAX,
    StringToJson "States.StringToJson" 1 1,
    JsonToString "States.JsonToString" 1 1,
    Array "States.Array" 0 usize::MAX,
    ArrayPartition "States.ArrayPartition" 2 2,
    ArrayContains "States.ArrayContains" 2 2,
    ArrayRange "States.ArrayRange" 3 3,
    ArrayGetItem "States.ArrayGetItem" 2 2,
    ArrayLength "States.ArrayLength" 1 1,
    ArrayUnique "States.ArrayUnique" 1 1,
    Base64Encode "States.Base64Encode" 1 1,
    Base64Decode "States.Base64Decode" 1 1,
    Hash "States.Hash" 2 2,
    JsonMerge "States.JsonMerge" 3 3,
    MathRandom "States.MathRandom" 2 3,
    MathAdd "States.MathAdd" 2 2,
    StringSplit "States.StringSplit" 2 2,
    Uuid "States.UUID" 0 0,
}

impl Function {
    /// Whether the argument at this position must be a number.
    fn takes_number(self, position: usize) -> bool {
        match self {
            Function::ArrayPartition | Function::ArrayGetItem => position == 1,
            Function::ArrayRange | Function::MathAdd | Function::MathRandom => true,
            _ => false,
        }
    }

    /// Whether the result is a string, or may be one: only these can stand in `ErrorPath` and `CausePath`.
    pub(crate) fn may_give_text(self) -> bool {
        matches!(
            self,
            Function::Format
                | Function::JsonToString
                | Function::ArrayGetItem
                | Function::Base64Encode
                | Function::Base64Decode
                | Function::Hash
                | Function::Uuid
        )
    }
}

impl Call {
    /// Works the call out.
    pub(crate) fn evaluate(
        &self,
        roots: &mut dyn Roots,
        budget: &mut Budget,
    ) -> Result<Value, EvaluationError> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            let value = match argument {
                Argument::Literal(value) => value.clone(),
                // The pieces stand in for the template; see below.
                Argument::Format(_) => Value::Null,
                Argument::Call(call) => call.evaluate(roots, budget)?,
                Argument::Path(path) => self.follow(path, roots)?,
            };
            budget.take(&value)?;
            go_through(size(&value), roots)?;
            values.push(value);
        }
        let result = match (self.function, self.arguments.first()) {
            (Function::Format, Some(Argument::Format(pieces))) => {
                text::format(pieces, values.get(1..).unwrap_or_default())
            }
            (Function::Uuid, _) => Ok(text::uuid(roots.random_u64(), roots.random_u64())),
            (Function::MathRandom, _) => math::random(&values, roots),
            (function, _) => apply(function, &values),
        };
        result.map_err(|problem| EvaluationError::Intrinsic { function: self.text.to_string(), problem })
    }

    fn follow(&self, path: &Path, roots: &mut dyn Roots) -> Result<Value, EvaluationError> {
        look_up(path, roots).map_err(|failure| match failure {
            Failure::Root(error) => error,
            Failure::Path(_) => EvaluationError::IntrinsicArgument {
                function: self.text.to_string(),
                path: path.text().to_owned(),
                input: roots.input().clone(),
            },
        })
    }

    /// The variables that the arguments read.
    pub(crate) fn variables<'a>(&'a self, found: &mut dyn FnMut(&'a Arc<str>)) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => {
                    if let Root::Variable(name) = path.root() {
                        found(name);
                    }
                }
                Argument::Call(call) => call.variables(found),
                Argument::Literal(_) | Argument::Format(_) => {}
            }
        }
    }
}

/// Refuses to make a text of a value that many references to large values have blown up.
fn check_size(bytes: usize) -> Result<(), Problem> {
    if bytes > RESULT_BYTES_MAX {
        return Err(format!("The result is longer than {RESULT_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Why a function refused its arguments, in words.
type Problem = String;

/// The functions of their arguments alone.
fn apply(function: Function, values: &[Value]) -> Result<Value, Problem> {
    match (function, values) {
        (Function::Array, items) => Ok(Value::from(items.to_vec())),
        (Function::Format, [template, rest @ ..]) => text::format_text(template, rest),
        (Function::StringToJson, [value]) => json::string_to_json(value),
        (Function::JsonToString, [value]) => json::json_to_string(value),
        (Function::JsonMerge, [first, second, deep]) => json::merge(first, second, deep),
        (Function::ArrayPartition, [array, size]) => array::partition(array, size),
        (Function::ArrayContains, [array, wanted]) => array::contains(array, wanted),
        (Function::ArrayRange, [first, last, step]) => array::range(first, last, step),
        (Function::ArrayGetItem, [array, index]) => array::get_item(array, index),
        (Function::ArrayLength, [array]) => array::length(array),
        (Function::ArrayUnique, [array]) => array::unique(array),
        (Function::Base64Encode, [value]) => text::base64_encode(value),
        (Function::Base64Decode, [value]) => text::base64_decode(value),
        (Function::Hash, [value, algorithm]) => text::hash(value, algorithm),
        (Function::MathAdd, [first, second]) => math::add(first, second),
        (Function::StringSplit, [value, delimiters]) => text::split(value, delimiters),
        // The number of arguments is checked when the call is read.
        _ => Err("Invalid number of arguments".to_owned()),
    }
}
