//! Wait.

use super::Reader;
use super::fields::Fields;
use super::state::Context;
use super::values::Start;
use crate::definition::{QueryLanguage, SECONDS_MAX, Wait, WaitUntil};
use crate::timestamp;

impl<'a> Reader<'a> {
    pub(super) fn wait(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Wait> {
        let transition = self.transition(fields, context);
        let until = self.wait_until(fields, context);
        Some(Wait { until: until?, transition: transition? })
    }

    fn wait_until(&mut self, fields: &Fields<'a>, context: &Context) -> Option<WaitUntil> {
        match context.language {
            QueryLanguage::JsonPath => {
                self.exactly_one(fields, &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]);
            }
            QueryLanguage::Jsonata => self.exactly_one(fields, &["Seconds", "Timestamp"]),
        }
        if fields.has("Seconds") {
            if let Some(template) = self.scalar_expression(fields, "Seconds", context.language) {
                return template.map(WaitUntil::SecondsExpression);
            }
            let seconds = self.integer(fields, "Seconds", (0, SECONDS_MAX))?;
            return u32::try_from(seconds).ok().map(WaitUntil::Seconds);
        }
        if let Some(node) = fields.get("Timestamp") {
            if let Some(template) = self.scalar_expression(fields, "Timestamp", context.language) {
                return template.map(WaitUntil::TimestampExpression);
            }
            let instant = timestamp::parse(self.text(node)?);
            if instant.is_none() {
                self.invalid("String does not match RFC3339 timestamp", node);
            }
            return instant.map(WaitUntil::Timestamp);
        }
        if fields.has("SecondsPath") {
            return self
                .reference_path_field(fields, "SecondsPath", Start::Anywhere)
                .map(WaitUntil::SecondsPath);
        }
        self.reference_path_field(fields, "TimestampPath", Start::Anywhere).map(WaitUntil::TimestampPath)
    }
}
