//! From a pattern to the steps that match it

use std::sync::Arc;

use super::parse::Node;
use super::set::Set;

/// One step. Steps go on to the one behind them, unless they say otherwise; `back` means towards the text's start, as
/// look-behinds are matched.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// All is matched
    Done,
    /// One character of a set
    Set { set: Arc<Set>, back: bool },
    /// As many characters of a set as there are, or as few as will do
    Run { set: Arc<Set>, least: u32, most: u32, greedy: bool },
    /// `^` of the text
    Start,
    /// `$` of the text
    End,
    /// `^` with the flag m
    LineStart,
    /// `$` with the flag m
    LineEnd,
    /// `\b`, or `\B` if not wanted
    Boundary { wanted: bool },
    /// Notes the position in a slot: two slots for each group
    Save(usize),
    /// Goes on behind and, should that fail, at another step
    Try(usize),
    /// Goes on elsewhere
    Jump(usize),
    /// What a group matched
    Backreference { group: usize, back: bool },
    /// A look-around whose steps follow, up to `Done`
    Look { negative: bool, next: usize },
    /// Begins a loop: no rounds so far
    LoopStart { counter: usize },
    /// Decides on another round (the next step begins it) or the step `exit`
    LoopCheck { counter: usize, least: u32, most: u32, greedy: bool, exit: usize },
    /// Begins a round, with the groups inside unset
    LoopRound { counter: usize, groups: (usize, usize) },
    /// Ends a round: one that wasn't needed and matched nothing fails
    LoopEnd { counter: usize, least: u32, check: usize },
}

/// The steps for a pattern, and how many counters its loops have
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    pub(crate) counters: usize,
}

impl Program {
    /// The steps for a pattern. Their number grows with the pattern's length, whatever its counted repetitions.
    pub(crate) fn new(node: &Node) -> Program {
        let mut program = Program::default();
        program.add(node, false);
        program.steps.push(Step::Done);
        program
    }

    fn add(&mut self, node: &Node, back: bool) {
        match node {
            Node::Empty => {}
            Node::Set(set) => self.steps.push(Step::Set { set: Arc::clone(set), back }),
            Node::Start => self.steps.push(Step::Start),
            Node::End => self.steps.push(Step::End),
            Node::LineStart => self.steps.push(Step::LineStart),
            Node::LineEnd => self.steps.push(Step::LineEnd),
            Node::WordBoundary => self.steps.push(Step::Boundary { wanted: true }),
            Node::NoWordBoundary => self.steps.push(Step::Boundary { wanted: false }),
            Node::Group(number, node) => {
                self.steps.push(Step::Save(number * 2 + usize::from(back)));
                self.add(node, back);
                self.steps.push(Step::Save(number * 2 + usize::from(!back)));
            }
            Node::Look { ahead, negative, node } => {
                let look = self.steps.len();
                self.steps.push(Step::Done);
                self.add(node, !ahead);
                self.steps.push(Step::Done);
                self.set(look, Step::Look { negative: *negative, next: self.steps.len() });
            }
            Node::Backreference(group) => self.steps.push(Step::Backreference { group: *group, back }),
            Node::Repeat { node, least, most, greedy, groups } => {
                let most = most.unwrap_or(u32::MAX);
                if let (Node::Set(set), false) = (&**node, back) {
                    self.steps.push(Step::Run { set: Arc::clone(set), least: *least, most, greedy: *greedy });
                    return;
                }
                self.add_loop(node, *least, most, *greedy, *groups, back);
            }
            Node::Sequence(nodes) if back => nodes.iter().rev().for_each(|node| self.add(node, back)),
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.add(node, back)),
            Node::Choice(nodes) => {
                let mut jumps = Vec::new();
                for (index, node) in nodes.iter().enumerate() {
                    let choice = self.steps.len();
                    let is_last = index + 1 == nodes.len();
                    if !is_last {
                        self.steps.push(Step::Done);
                    }
                    self.add(node, back);
                    if !is_last {
                        jumps.push(self.steps.len());
                        self.steps.push(Step::Done);
                        self.set(choice, Step::Try(self.steps.len()));
                    }
                }
                let end = self.steps.len();
                jumps.into_iter().for_each(|jump| self.set(jump, Step::Jump(end)));
            }
        }
    }

    fn add_loop(
        &mut self,
        node: &Node,
        least: u32,
        most: u32,
        greedy: bool,
        groups: (usize, usize),
        back: bool,
    ) {
        let counter = self.counters;
        self.counters += 1;
        self.steps.push(Step::LoopStart { counter });
        let check = self.steps.len();
        self.steps.push(Step::Done);
        self.steps.push(Step::LoopRound { counter, groups });
        self.add(node, back);
        self.steps.push(Step::LoopEnd { counter, least, check });
        let exit = self.steps.len();
        self.set(check, Step::LoopCheck { counter, least, most, greedy, exit });
    }

    fn set(&mut self, index: usize, step: Step) {
        if let Some(place) = self.steps.get_mut(index) {
            *place = step;
        }
    }
}
