//! Amazon States Language: definition model, parser, validator, payload templates, intrinsic functions and
//! Choice rules.
//!
//! [`analyse`] turns a text into an [`Analysis`]: findings in the words of AWS, and, when nothing is wrong, a
//! [`Definition`] in which every path, template and rule is compiled. The rest of the crate works expressions out
//! over [`Roots`], the data that a state can read. Nothing here reads a clock, a file or a random source.

mod analysis;
pub mod choice;
pub mod definition;
mod diagnostic;
mod error;
mod expression;
pub mod intrinsic;
mod parse;
mod resource;
mod suggest;
mod template;
pub mod timestamp;

pub use analysis::{Analysis, Options, analyse};
pub use definition::*;
pub use diagnostic::{Code, Diagnostic, Severity, invalid_definition_message};
pub use error::EvaluationError;
pub use expression::{Expression, FIELD_BYTES_MAX, Roots, evaluate_path};
pub use template::Template;
