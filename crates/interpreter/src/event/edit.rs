//! What a redrive changes of an execution.

use minicbor::{Decode, Encode};

use super::StateIndex;
use crate::payload::Stored;

/// Another input for a state that a redrive runs again.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct InputEdit {
    /// Branch numbers and item indexes that lead from the root to the chain of the state.
    #[n(0)]
    pub place: Vec<u32>,
    /// The state, by the numbers that hold from this event on.
    #[n(1)]
    pub state: StateIndex,
    /// Its new raw input.
    #[n(2)]
    pub input: Stored,
}

/// Another definition, from a redrive on. States in later events are those of this revision.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct DefinitionEdit {
    /// Number of the revision in the catalogue.
    #[n(0)]
    pub revision: u64,
    /// The states in which chains stand and whose number is another one now.
    #[n(1)]
    pub moved: Vec<MovedState>,
    /// Those, by their present numbers, that are of another type now: their chains enter them once more.
    #[n(2)]
    pub retyped: Option<Vec<StateIndex>>,
}

/// A state that has another number in a new definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct MovedState {
    /// Its number until now.
    #[n(0)]
    pub from: StateIndex,
    /// Its number from now on.
    #[n(1)]
    pub to: StateIndex,
}
