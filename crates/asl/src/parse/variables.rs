//! Variables: their names, and which scope sees which.

use std::collections::HashSet;
use std::sync::Arc;

use super::finding::Spot;
use super::{NAME_CHARACTERS_MAX, Reader};
use crate::diagnostic::Code;

/// The scopes of variables: one for each `States` object.
#[derive(Default)]
pub(super) struct Scopes<'a> {
    scopes: Vec<Scope<'a>>,
    /// The scopes around the place that is being read, the innermost last.
    open: Vec<usize>,
}

struct Scope<'a> {
    parent: Option<usize>,
    /// Whether outer variables can't be seen: the processor of a distributed Map.
    is_isolated: bool,
    names: HashSet<&'a str>,
    /// First assignments, in order.
    assignments: Vec<(&'a str, Spot)>,
    /// First reads, in order.
    reads: Vec<(Arc<str>, Spot)>,
    read_names: HashSet<Arc<str>>,
}

impl<'a> Scopes<'a> {
    pub(super) fn enter(&mut self, is_isolated: bool) {
        self.scopes.push(Scope {
            parent: self.open.last().copied(),
            is_isolated,
            names: HashSet::new(),
            assignments: Vec::new(),
            reads: Vec::new(),
            read_names: HashSet::new(),
        });
        self.open.push(self.scopes.len() - 1);
    }

    pub(super) fn leave(&mut self) {
        let left = self.open.pop();
        // One without variables, and none within, says nothing.
        let is_last = left.is_some_and(|left| left + 1 == self.scopes.len());
        if is_last && self.scopes.last().is_some_and(|scope| scope.names.is_empty() && scope.reads.is_empty())
        {
            self.scopes.pop();
        }
    }

    fn current(&mut self) -> Option<&mut Scope<'a>> {
        self.scopes.get_mut(*self.open.last()?)
    }

    pub(super) fn read(&mut self, name: &Arc<str>, spot: Spot) {
        if let Some(scope) = self.current()
            && !scope.read_names.contains(name)
        {
            scope.read_names.insert(name.clone());
            scope.reads.push((name.clone(), spot));
        }
    }

    fn assign(&mut self, name: &'a str, spot: Spot) {
        if let Some(scope) = self.current()
            && scope.names.insert(name)
        {
            scope.assignments.push((name, spot));
        }
    }

    fn outer(&self, scope: &Scope<'a>) -> impl Iterator<Item = &Scope<'a>> {
        std::iter::successors(scope.parent.and_then(|parent| self.scopes.get(parent)), |scope| {
            scope.parent.and_then(|parent| self.scopes.get(parent))
        })
    }
}

/// Why a name can't be a variable's.
fn name_problem(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(char::is_alphabetic);
    let goes_on_well = characters.all(|character| character.is_alphanumeric() || character == '_');
    if name == "states" {
        Some("The variable name 'states' is reserved".to_owned())
    } else if !starts_well || !goes_on_well {
        Some(format!(
            "'{name}' is not a valid variable name: it must start with a letter and go on with letters, digits and underscores"
        ))
    } else if name.chars().count() > NAME_CHARACTERS_MAX {
        Some(format!("The variable name '{name}' has more than {NAME_CHARACTERS_MAX} characters"))
    } else {
        None
    }
}

impl<'a> Reader<'a> {
    /// Remembers that `Assign` sets a variable, if its name is good.
    pub(super) fn assigns_variable(&mut self, name: &'a str, spot: Spot) {
        match name_problem(name) {
            Some(problem) => self.invalid(problem, spot),
            None => self.variables.assign(name, spot),
        }
    }

    pub(super) fn check_variables(&mut self) {
        let scopes = std::mem::take(&mut self.variables);
        for scope in &scopes.scopes {
            for (name, spot) in &scope.assignments {
                if scopes.outer(scope).any(|outer| outer.names.contains(name)) {
                    let message = format!("The variable '{name}' is already assigned in an outer scope");
                    self.invalid(message, *spot);
                }
            }
            for (name, spot) in &scope.reads {
                self.check_read(&scopes, scope, name, *spot);
            }
        }
    }

    fn check_read(&mut self, scopes: &Scopes<'a>, scope: &Scope<'a>, name: &str, spot: Spot) {
        if scope.names.contains(name) {
            return;
        }
        let mut is_isolated = scope.is_isolated;
        for outer in scopes.outer(scope) {
            if outer.names.contains(name) {
                if is_isolated {
                    let message = format!(
                        "The variable '{name}' of an outer scope can not be read in the processor of a distributed Map"
                    );
                    self.invalid(message, spot);
                }
                return;
            }
            is_isolated |= outer.is_isolated;
        }
        let message = format!("The variable '{name}' is read, but no state that could set it does");
        self.warning(Code::UnassignedVariable, message, spot);
    }
}
