//! Parallel.

use super::Reader;
use super::fields::Fields;
use super::machine::Inner;
use super::state::Context;
use crate::definition::Parallel;

impl<'a> Reader<'a> {
    pub(super) fn parallel(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<Parallel> {
        self.require(fields, &["Branches"]);
        let transition = self.transition(fields, context);
        let (retry, catch) = self.retry_and_catch(fields, context);
        let mut branches = Vec::new();
        if let Some((node, place)) = self.field(fields, "Branches") {
            let items = self.items(node, place);
            if items.is_empty() && node.items().is_some() {
                self.invalid("Value cannot be empty", place, node.span);
            }
            for (position, item) in items.iter().enumerate() {
                let at = self.index(place, position);
                branches.extend(self.sub_machine(item, at, Inner::Branch));
            }
        }
        Some(Parallel { branches, retry, catch, transition: transition? })
    }
}
