//! Variables: a chain of scopes, shared between the frames that can see them.

use std::sync::Arc;

use stepwell_json::{Object, Value};

use crate::{event::Assigned, payload::Stored, text::Text};

/// The variables of one `States` map, and those around it.
///
/// The outer frame is blocked while its fork runs, so no inner frame can see a change there: branches
/// share the outer scope instead of copying it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// The scope around this one.
    pub parent: Option<Arc<Scope>>,
    values: Vec<(Text, Stored)>,
}

impl Scope {
    /// An empty scope within another one.
    #[must_use]
    pub fn inside(parent: Arc<Scope>) -> Self {
        // A scope without variables adds nothing to the chain.
        if parent.values.is_empty() && parent.parent.is_some() {
            return Self { parent: parent.parent.clone(), values: Vec::new() };
        }
        Self { parent: Some(parent), values: Vec::new() }
    }

    /// The value of a variable, looked for from the inside out.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Stored> {
        let own = self.values.iter().find(|(key, _)| &**key == name).map(|(_, value)| value);
        own.or_else(|| self.parent.as_ref().and_then(|parent| parent.get(name)))
    }

    /// Sets variables in this scope; each is known to stand in event `ordinal`, from slot 1 on.
    /// Returns by how many bytes the variables grew (negative: shrank).
    pub fn assign(&mut self, assigned: &[Assigned], ordinal: u32) -> i64 {
        let mut grown = 0;
        for (slot, Assigned { name, value }) in (1..).zip(assigned) {
            let value = value.written_at(ordinal, slot);
            grown += size(&value);
            match self.values.iter_mut().find(|(key, _)| key == name) {
                Some((_, old)) => {
                    grown -= size(old);
                    *old = value;
                }
                None => self.values.push((name.clone(), value)),
            }
        }
        grown
    }

    /// The variables of this scope alone, as an object.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let entries = self.values.iter().map(|(name, stored)| (name.0.clone(), stored.value().clone()));
        Value::Object(Object::from_entries(entries.collect()))
    }

    /// Bytes of a variable of this scope alone; 0 when there is none.
    #[must_use]
    pub fn own_size(&self, name: &str) -> i64 {
        self.values.iter().find(|(key, _)| &**key == name).map_or(0, |(_, value)| size(value))
    }

    /// Bytes of the variables of this scope alone.
    #[must_use]
    pub fn own_bytes(&self) -> i64 {
        self.values.iter().map(|(_, value)| size(value)).sum()
    }
}

fn size(value: &Stored) -> i64 {
    i64::try_from(value.payload.size()).unwrap_or(i64::MAX)
}
