//! Variables: their names, and which scope sees which.

use std::collections::HashSet;

use stepwell_json::spanned::Span;

use super::{NAME_CHARACTERS_MAX, Place, Reader};
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
    assignments: Vec<(&'a str, Place, Span)>,
    /// First reads, in order.
    reads: Vec<(String, Place, Span)>,
    read_names: HashSet<String>,
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
        self.open.pop();
    }

    fn current(&mut self) -> Option<&mut Scope<'a>> {
        self.scopes.get_mut(*self.open.last()?)
    }

    pub(super) fn read(&mut self, name: &str, place: Place, span: Span) {
        if let Some(scope) = self.current()
            && scope.read_names.insert(name.to_owned())
        {
            scope.reads.push((name.to_owned(), place, span));
        }
    }

    fn assign(&mut self, name: &'a str, place: Place, span: Span) {
        if let Some(scope) = self.current()
            && scope.names.insert(name)
        {
            scope.assignments.push((name, place, span));
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
    pub(super) fn assigns_variable(&mut self, name: &'a str, place: Place, span: Span) {
        match name_problem(name) {
            Some(problem) => self.invalid(problem, place, span),
            None => self.variables.assign(name, place, span),
        }
    }

    pub(super) fn check_variables(&mut self) {
        let scopes = std::mem::take(&mut self.variables);
        for scope in &scopes.scopes {
            for (name, place, span) in &scope.assignments {
                if scopes.outer(scope).any(|outer| outer.names.contains(name)) {
                    let message = format!("The variable '{name}' is already assigned in an outer scope");
                    self.invalid(message, *place, *span);
                }
            }
            for (name, place, span) in &scope.reads {
                self.check_read(&scopes, scope, name, (*place, *span));
            }
        }
    }

    fn check_read(
        &mut self,
        scopes: &Scopes<'a>,
        scope: &Scope<'a>,
        name: &str,
        (place, span): (Place, Span),
    ) {
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
                    self.invalid(message, place, span);
                }
                return;
            }
            is_isolated |= outer.is_isolated;
        }
        let message = format!("The variable '{name}' is read, but no state that could set it does");
        self.warning(Code::UnassignedVariable, message, place, span);
    }
}
