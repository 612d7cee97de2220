//! Amazon States Language: definition model, parser, validator, payload templates, intrinsic functions and
//! Choice rules.
//!
//! [`analyse`] turns a text into an [`Analysis`]: findings in the words of AWS, and, when nothing is wrong, a
//! [`Definition`] in which every path, template, rule and JSONata expression is compiled. The rest of the crate works
//! these out over the data that a state can read: [`Roots`] for JSONPath, `stepwell_jsonata::Host` for JSONata. Nothing
//! here reads a clock, a file or a random source.

mod analysis;
pub mod choice;
pub mod definition;
mod diagnostic;
mod error;
mod expression;
pub mod intrinsic;
mod jsonata;
mod parse;
mod resource;
mod suggest;
mod template;
pub mod timestamp;
mod tree;

pub use analysis::{
    Analysis, LONE_STATE_NAME, Options, analyse, analyse_for_test, analyse_lone_state, check,
};
pub use definition::*;
pub use diagnostic::{Code, Diagnostic, Severity, invalid_definition_message};
pub use error::EvaluationError;
pub use expression::{Expression, FIELD_BYTES_MAX, Roots, STEP_BYTES, evaluate_path};
pub use jsonata::{
    Field, JsonataTemplate, expression_inside, missing_member_message, no_value_cause, root_reference_message,
};
pub use suggest::nearest;
pub use template::Template;
