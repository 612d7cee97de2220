//! Parallel.

use super::Reader;
use super::fields::Fields;
use super::machine::Inner;
use super::state::Context;
use crate::definition::{Parallel, QueryLanguage};

impl<'a> Reader<'a> {
    pub(super) fn parallel(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<Parallel> {
        self.require(fields, &["Branches"]);
        let transition = self.transition(fields, context);
        let mut parameters = None;
        let mut result_selector = None;
        let mut result_path = Default::default();
        if context.language == QueryLanguage::JsonPath {
            parameters = self.template_field(fields, "Parameters");
            result_selector = self.template_field(fields, "ResultSelector");
            result_path = self.result_path(fields);
        }
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
        Some(Parallel {
            branches,
            parameters,
            result_selector,
            result_path,
            retry,
            catch,
            transition: transition?,
        })
    }
}
