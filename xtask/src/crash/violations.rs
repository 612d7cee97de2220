//! What went wrong, by the promise that was broken.

use std::{collections::BTreeMap, sync::Mutex};

/// Violations shown of each kind; the others are counted.
const SHOWN_EACH: usize = 5;

/// A list that all threads write to.
#[derive(Debug, Default)]
pub(crate) struct Violations(Mutex<BTreeMap<&'static str, Vec<String>>>);

impl Violations {
    pub(crate) fn add(&self, promise: &'static str, text: String) {
        if let Ok(mut all) = self.0.lock() {
            all.entry(promise).or_default().push(text);
        }
    }

    /// Adds a violation unless the condition holds.
    pub(crate) fn expect(&self, holds: bool, promise: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.add(promise, text());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().map_or(0, |all| all.values().map(Vec::len).sum())
    }

    /// Prints them; true when there are none.
    pub(crate) fn report(&self) -> bool {
        let Ok(all) = self.0.lock() else { return false };
        for (promise, texts) in all.iter() {
            println!("VIOLATED: {promise} ({} times)", texts.len());
            for text in texts.iter().take(SHOWN_EACH) {
                println!("  {text}");
            }
            if texts.len() > SHOWN_EACH {
                println!("  … and {} more", texts.len() - SHOWN_EACH);
            }
        }
        all.is_empty()
    }
}
