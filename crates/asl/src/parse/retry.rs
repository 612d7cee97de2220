//! Retry and Catch.

use std::sync::Arc;

use stepwell_json::spanned::{Node, NodeKind};

use super::fields::{CATCHER, Fields, RETRIER};
use super::jsonata::Available;
use super::state::Context;
use super::values::SECONDS_MAX;
use super::{Place, Reader};
use crate::definition::{Catcher, CatcherExit, Jitter, QueryLanguage, Retrier};

/// `MaxDelaySeconds` is below 31,622,401: a leap year.
const DELAY_SECONDS_MAX: i64 = 31_622_400;
const INTERVAL_SECONDS: i64 = 1;
const ATTEMPTS: i64 = 3;
const BACKOFF_RATE: f64 = 2.0;

impl<'a> Reader<'a> {
    /// `Retry` and `Catch` of a state.
    pub(super) fn retry_and_catch(
        &mut self,
        fields: &Fields<'a>,
        context: &mut Context<'a>,
    ) -> (Vec<Retrier>, Vec<Catcher>) {
        let mut retriers = Vec::new();
        if let Some((node, place)) = self.field(fields, "Retry") {
            let items = self.items(node, place);
            for (position, item) in items.iter().enumerate() {
                let at = self.index(place, position);
                if let Some(mut entry) = self.object(item, at) {
                    let is_last = position + 1 == items.len();
                    retriers.extend(self.retrier(&mut entry, is_last, context.language));
                }
            }
        }
        let mut catchers = Vec::new();
        if let Some((node, place)) = self.field(fields, "Catch") {
            let items = self.items(node, place);
            for (position, item) in items.iter().enumerate() {
                let at = self.index(place, position);
                match self.object(item, at) {
                    Some(mut entry) => {
                        let is_last = position + 1 == items.len();
                        catchers.extend(self.catcher(&mut entry, is_last, context));
                    }
                    None => context.is_incomplete = true,
                }
            }
        }
        (retriers, catchers)
    }

    /// The elements of an array; a finding, and none, for anything else.
    pub(super) fn items(&mut self, node: &'a Node, place: Place) -> &'a [Node] {
        match &node.kind {
            NodeKind::Array(items) => items,
            _ => {
                self.invalid("Expected value of type Array", place, node.span);
                &[]
            }
        }
    }

    fn retrier(
        &mut self,
        fields: &mut Fields<'a>,
        is_last: bool,
        language: QueryLanguage,
    ) -> Option<Retrier> {
        self.require(fields, &["ErrorEquals"]);
        self.check_fields(fields, RETRIER, language);
        let error_equals = self.error_equals(fields, is_last);
        self.comment(fields);
        // These are constants in both query languages.
        let interval = self.integer(fields, "IntervalSeconds", (1, SECONDS_MAX));
        let attempts = self.integer(fields, "MaxAttempts", (0, SECONDS_MAX));
        let max_delay = self.integer(fields, "MaxDelaySeconds", (1, DELAY_SECONDS_MAX));
        let backoff_rate = self.backoff_rate(fields);
        let jitter = match self.word(fields, "JitterStrategy", &["FULL", "NONE"]) {
            Some("FULL") => Jitter::Full,
            _ => Jitter::None,
        };
        let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds: small(interval.unwrap_or(INTERVAL_SECONDS)),
            max_attempts: small(attempts.unwrap_or(ATTEMPTS)),
            backoff_rate,
            max_delay_seconds: max_delay.map(small),
            jitter,
        })
    }

    fn backoff_rate(&mut self, fields: &Fields<'a>) -> f64 {
        let Some((node, place)) = self.field(fields, "BackoffRate") else { return BACKOFF_RATE };
        match &node.kind {
            NodeKind::Number(number) if number.as_f64() >= 1.0 => number.as_f64(),
            NodeKind::Number(_) => {
                self.invalid("Minimum value is 1.0", place, node.span);
                BACKOFF_RATE
            }
            _ => {
                self.invalid("Expected value of type Number", place, node.span);
                BACKOFF_RATE
            }
        }
    }

    fn catcher(
        &mut self,
        fields: &mut Fields<'a>,
        is_last: bool,
        context: &mut Context<'a>,
    ) -> Option<Catcher> {
        self.require(fields, &["ErrorEquals", "Next"]);
        self.check_fields(fields, CATCHER, context.language);
        let error_equals = self.error_equals(fields, is_last);
        self.comment(fields);
        let exit = match context.language {
            QueryLanguage::JsonPath => {
                CatcherExit::JsonPath { assign: self.assign(fields), result_path: self.result_path(fields) }
            }
            QueryLanguage::Jsonata => CatcherExit::Jsonata(self.jsonata_exit(fields, Available::ErrorOutput)),
        };
        let next = match fields.get("Next") {
            Some(node) => self.next(fields, "Next", node, context),
            None => {
                context.is_incomplete = true;
                None
            }
        };
        Some(Catcher { error_equals: error_equals?, next: next?, exit })
    }

    /// `ErrorEquals`: names; `States.ALL` alone, and in the last entry.
    fn error_equals(&mut self, fields: &Fields<'a>, is_last: bool) -> Option<Vec<Arc<str>>> {
        let (node, place) = self.field(fields, "ErrorEquals")?;
        let names = self.texts(node, place)?;
        if names.is_empty() {
            self.invalid("Value cannot be empty", place, node.span);
            return None;
        }
        if names.len() > 1 || !is_last {
            let items = node.items().unwrap_or_default().iter().enumerate();
            for (position, item) in items.filter(|(_, item)| item.as_str() == Some("States.ALL")) {
                let at = self.index(place, position);
                self.invalid("States.ALL must appear alone and at end of list", at, item.span);
            }
        }
        Some(names)
    }
}
