//! Parallel.

use super::Reader;
use super::fields::Fields;
use super::machine::Inner;
use super::state::Context;
use crate::definition::Parallel;

impl<'a> Reader<'a> {
    pub(super) fn parallel(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Parallel> {
        self.require(fields, &["Branches"]);
        let transition = self.transition(fields, context);
        let (retry, catch) = self.retry_and_catch(fields, context);
        let mut branches = self.parts(0);
        if let Some(node) = fields.get("Branches")
            && let Some(items) = self.items(node)
        {
            if items.is_empty() {
                self.invalid("Value cannot be empty", node);
            }
            for item in items {
                branches.add(self.sub_machine(item, Inner::Branch));
            }
        }
        Some(Parallel { branches: branches.good(), retry, catch, transition: transition? })
    }
}
