//! JSONata 2.0.6, plain and as Step Functions has it
//!
//! [`Expression::parse`] reads a text once; [`Expression::evaluate`] works it out over shared values, without copying
//! the input. An evaluation can't take more time, memory or stack than its [`Limits`] say, whatever the expression is.
//! Nothing here reads a clock or a random source: a [`Host`] gives the time, random numbers and variables.

mod ancestry;
mod ast;
mod compile;
mod error;
mod evaluate;
mod expression;
mod functions;
mod host;
mod item;
mod lexer;
mod limits;
mod parser;
mod pattern;
mod picture;
mod print;
mod program;
mod references;
mod text;

pub use error::Error;
pub use expression::{Dialect, Evaluated, Expression, Reference, StatesReference};
pub use host::Host;
pub use limits::Limits;
