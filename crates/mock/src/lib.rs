//! Mock files: what the tasks of a state machine answer in place of their services, case by case.
//!
//! The format is that of Step Functions Local's `MockConfigFile.json`. [`MockFile::parse`] reads a text and finds
//! everything that is wrong with it; [`MockFile::find`] and [`TestCase::response`] look answers up. Nothing here reads a
//! file.

mod fault;
mod file;
mod parse;

pub use fault::{FAULTS_MAX, Fault};
pub use file::{Answer, MockFile, Response, TestCase, UnknownCase, result_of};
