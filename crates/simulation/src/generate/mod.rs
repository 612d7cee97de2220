//! Generators of definitions and data. Whatever they make is valid, so a refusal by the validator is a finding.

mod choice;
mod data;
mod definition;
mod fields;
mod jsonata;

pub use data::{standard_value, standard_value_of};
pub use definition::{Shape, definition};
