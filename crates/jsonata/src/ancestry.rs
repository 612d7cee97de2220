//! Finding the step that each `%` refers to
//!
//! A `%` stands for the value that the step before led from. So each one seeks backwards along its path, and out of
//! predicates, blocks and functions, until it has gone back as many steps as it says. The step that it finds is marked:
//! the evaluator then carries along what that step started from, under the label of the `%`.

use crate::Error;
use crate::program::{Code, CodeKind, Slot};

/// All `%` of an expression
#[derive(Default)]
pub(crate) struct Slots(Vec<State>);

struct State {
    /// Steps still to go back
    level: i32,
    /// The first slot that refers to the same step
    label: Slot,
}

impl Slots {
    /// A new `%`.
    pub(crate) fn add(&mut self) -> Slot {
        let slot = Slot(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(State { level: 1, label: slot });
        slot
    }

    /// The label of each slot.
    pub(crate) fn labels(&self) -> Vec<Slot> {
        self.0.iter().map(|state| state.label).collect()
    }

    fn level(&self, slot: Slot) -> i32 {
        self.0.get(slot.0 as usize).map_or(0, |state| state.level)
    }

    fn go(&mut self, slot: Slot, by: i32) -> i32 {
        let Some(state) = self.0.get_mut(slot.0 as usize) else { return 0 };
        state.level += by;
        state.level
    }

    /// Lets one slot share the label of another.
    fn share_label(&mut self, slot: Slot, other: Slot) {
        let label = self.0.get(other.0 as usize).map(|state| state.label);
        if let (Some(state), Some(label)) = (self.0.get_mut(slot.0 as usize), label) {
            state.label = label;
        }
    }

    /// Hands what a part still seeks on to the part around it.
    pub(crate) fn pass_on(&self, part: &Code, around: &mut Code) {
        let seeking = still_seeking(part);
        if !seeking.is_empty() {
            around.extras_mut().seeking.extend(seeking);
        }
    }

    /// Lets what a predicate seeks begin at the step that it belongs to.
    pub(crate) fn seek_from_predicate(&mut self, predicate: &Code, step: &mut Code) -> Result<(), Error> {
        for slot in predicate.seeking().to_vec() {
            if self.level(slot) == 1 {
                self.seek(step, slot)?;
            } else {
                self.go(slot, -1);
            }
        }
        self.pass_on(predicate, step);
        Ok(())
    }

    /// Lets what the last step of a path seeks go back along the path. What is not found is sought outside it.
    pub(crate) fn resolve(&mut self, steps: &mut [Code]) -> Result<Vec<Slot>, Error> {
        let Some((last, before)) = steps.split_last_mut() else { return Ok(Vec::new()) };
        let mut unresolved = Vec::new();
        for slot in still_seeking(last) {
            let mut at = before.len();
            while self.level(slot) > 0 {
                if at == 0 {
                    unresolved.push(slot);
                    break;
                }
                at -= 1;
                // Several steps in a row that bind a focus are one step: the context does not move.
                while at > 0 && has_focus(&before[at]) && has_focus(&before[at - 1]) {
                    at -= 1;
                }
                self.seek(&mut before[at], slot)?;
            }
        }
        Ok(unresolved)
    }

    /// Goes back over one part of a path.
    fn seek(&mut self, part: &mut Code, slot: Slot) -> Result<(), Error> {
        let position = part.position;
        match &mut part.kind {
            CodeKind::Name(_) | CodeKind::Wildcard => {
                if self.go(slot, -1) == 0 {
                    let extras = part.extras_mut();
                    if let Some(other) = extras.ancestor {
                        self.share_label(slot, other);
                    }
                    extras.ancestor = Some(slot);
                    part.tuple = true;
                }
            }
            CodeKind::Parent(_) => {
                self.go(slot, 1);
            }
            CodeKind::Block { expressions, .. } => {
                if let Some(last) = expressions.last_mut() {
                    self.seek(last, slot)?;
                    part.tuple = true;
                }
            }
            CodeKind::Path(path) => {
                let mut steps = path.steps.iter_mut().rev();
                if let Some(last) = steps.next() {
                    self.seek(last, slot)?;
                }
                for step in steps {
                    if self.level(slot) <= 0 {
                        break;
                    }
                    self.seek(step, slot)?;
                }
                part.tuple = true;
            }
            _ => return Err(Error::new("S0217").at(position)),
        }
        Ok(())
    }
}

/// The slots of a part that have not found their step, itself included when it is a `%`.
fn still_seeking(part: &Code) -> Vec<Slot> {
    let mut slots = part.seeking().to_vec();
    if let CodeKind::Parent(slot) = part.kind {
        slots.push(slot);
    }
    slots
}

fn has_focus(step: &Code) -> bool {
    step.extras.as_deref().is_some_and(|extras| extras.focus.is_some())
}
