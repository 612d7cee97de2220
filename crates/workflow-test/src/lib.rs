//! Tests of workflows: cases with mocked tasks, run by the engine's own runner under a virtual clock.
//!
//! Pure like the interpreter: a test file's text goes in ([`read`]), results and coverage come out. Files, terminals and
//! reports are the business of the command `stepwell test`.

mod case;
mod check;
mod compare;
mod conduct;
mod coverage;
mod machine;
mod path;
mod read;
mod run;
mod trail;

pub use case::{
    Answer, Calls, Case, Context, Expectation, ExpectedCall, ExpectedStatus, Heartbeats, Matcher, Mock,
    Mocks, Outcome, START_TIME, Spanned, Suite,
};
pub use check::{Mismatch, check, path_value, status_text};
pub use compare::{Change, Difference, compare, shorten};
pub use coverage::{Count, Coverage, Item, Kind};
pub use machine::{Machine, StatePlaces};
pub use path::{Step, path_text};
pub use read::{Files, Header, Problem, header, read};
pub use run::{Call, EVENTS_MAX, Missing, Ran, STEPS_MAX, Stop, run};
pub use trail::{Chain, Visit};

/// The JSON Schema of test files.
pub const SCHEMA: &str = include_str!("schema.json");
