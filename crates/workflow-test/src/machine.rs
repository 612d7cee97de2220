//! The machine under test: its program, and where its parts stand in the text of the definition.

use std::{collections::HashMap, sync::Arc};

use stepwell_interpreter::{
    Program,
    event::StateIndex,
    program::{State, StateKind},
};
use stepwell_json::spanned::{self, Node, Span};

/// A definition that is tested.
#[derive(Debug)]
pub struct Machine {
    /// What runs.
    pub program: Arc<Program>,
    /// Where each state stands, by its position in the program.
    pub places: Vec<StatePlaces>,
    names: HashMap<Arc<str>, StateIndex>,
}

/// Where the parts of a state stand in the definition.
#[derive(Debug, Clone, Default)]
pub struct StatePlaces {
    /// The Parallel or Map state around it.
    pub owner: Option<StateIndex>,
    /// Its name.
    pub name: Span,
    /// `Next` or `End`, the key and the value.
    pub transition: Option<Span>,
    /// The rules of a Choice state.
    pub rules: Vec<Span>,
    /// `Default` of a Choice state.
    pub default: Option<Span>,
    /// The entries of `Retry`.
    pub retriers: Vec<Span>,
    /// The entries of `Catch`.
    pub catchers: Vec<Span>,
}

impl Machine {
    /// A machine of a program and the text it was compiled from. Places in a text that does not fit the program are
    /// those of nothing: empty spans at its beginning.
    #[must_use]
    pub fn new(program: Arc<Program>, definition: &str) -> Self {
        let mut walk = Walk { places: Vec::new() };
        if let (Some(root), _) = spanned::parse(definition) {
            walk.machine(&root, None);
        }
        let mut places = walk.places;
        places.resize(program.states.len(), StatePlaces::default());
        let names = (0..).zip(&program.states).map(|(index, state)| (state.name.0.clone(), index)).collect();
        Self { program, places, names }
    }

    /// The state of a name, at any depth: names are unique in a definition.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StateIndex> {
        self.names.get(name).copied()
    }

    /// The name that is most like this one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        stepwell_asl::nearest(name, self.program.states.iter().map(|state| &*state.name))
    }

    /// The name of a state.
    #[must_use]
    pub fn name(&self, state: StateIndex) -> &str {
        self.program.get(state).map_or("", |state| &state.name)
    }

    /// The state around a state.
    #[must_use]
    pub fn owner(&self, state: StateIndex) -> Option<StateIndex> {
        self.places.get(state as usize).and_then(|places| places.owner)
    }

    /// Whether a state runs states within it.
    #[must_use]
    pub fn is_fork(&self, state: StateIndex) -> bool {
        self.program.get(state).is_some_and(is_fork)
    }

    /// Whether the machine has a Parallel or Map state.
    #[must_use]
    pub fn has_forks(&self) -> bool {
        self.program.states.iter().any(is_fork)
    }
}

fn is_fork(state: &State) -> bool {
    matches!(state.kind, StateKind::Parallel(_) | StateKind::Map(_))
}

/// Goes through a definition in the order in which the compiler numbers states.
struct Walk {
    places: Vec<StatePlaces>,
}

impl Walk {
    fn machine(&mut self, node: &Node, owner: Option<StateIndex>) {
        for member in node.get("States").and_then(Node::members).unwrap_or_default() {
            self.state(member.key_span, &member.value, owner);
        }
    }

    fn state(&mut self, name: Span, node: &Node, owner: Option<StateIndex>) {
        let items = |key| {
            let items = node.get(key).and_then(Node::items).unwrap_or_default();
            items.iter().map(|item| item.span).collect()
        };
        let member = |key: &str| {
            let members = node.members().unwrap_or_default();
            let member = members.iter().rev().find(|member| &*member.key == key)?;
            Some(Span { start: member.key_span.start, end: member.value.span.end })
        };
        let index = self.places.len() as StateIndex;
        self.places.push(StatePlaces {
            owner,
            name,
            transition: member("Next").or_else(|| member("End")),
            rules: items("Choices"),
            default: member("Default"),
            retriers: items("Retry"),
            catchers: items("Catch"),
        });
        for branch in node.get("Branches").and_then(Node::items).unwrap_or_default() {
            self.machine(branch, Some(index));
        }
        if let Some(processor) = node.get("ItemProcessor").or_else(|| node.get("Iterator")) {
            self.machine(processor, Some(index));
        }
    }
}
