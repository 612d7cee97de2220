//! Deterministic simulation of Stepwell: random workflows, an oracle, checkers, and worlds that drive the
//! production code of the interpreter and the engine.
//!
//! One seed decides everything: the definition, the input, how targets answer, which faults strike and when.
//! A failure prints the seed; `SEED=…` runs it alone.

pub mod case;
pub mod conduct;
pub mod generate;
pub mod history;
pub mod oracle;
pub mod random;
pub mod run;
pub mod seed;
pub mod world;
