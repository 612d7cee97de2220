//! The names of recent starts: where two racing starts of one name meet.
//!
//! A caller looks a name up in the store before it sends the start, with the number of the newest batch that
//! was committed then. A start that is not yet in the store stands here; a look-up older than what is still
//! remembered must be made again. So the check is exact and the memory is bounded.

use std::collections::{HashMap, VecDeque};

use stepwell_store::ExecutionKey;

/// A ring of the names of recent starts.
#[derive(Debug)]
pub(crate) struct RecentNames {
    by_arn: HashMap<Box<str>, (ExecutionKey, u64)>,
    order: VecDeque<(Box<str>, u64)>,
    capacity: usize,
    /// The newest batch of which a name was forgotten.
    forgotten_up_to: u64,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NameCheck {
    Free,
    Taken(ExecutionKey),
    LookUpAgain,
}

impl RecentNames {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { by_arn: HashMap::new(), order: VecDeque::new(), capacity, forgotten_up_to: 0 }
    }

    /// Whether a name that the store did not have after batch `free_at` is still free.
    pub(crate) fn check(&self, arn: &str, free_at: u64) -> NameCheck {
        match self.by_arn.get(arn) {
            Some((key, _)) => NameCheck::Taken(*key),
            None if free_at < self.forgotten_up_to => NameCheck::LookUpAgain,
            None => NameCheck::Free,
        }
    }

    /// Remembers a start of batch `sequence`.
    pub(crate) fn insert(&mut self, arn: &str, key: ExecutionKey, sequence: u64) {
        self.by_arn.insert(arn.into(), (key, sequence));
        self.order.push_back((arn.into(), sequence));
        while self.order.len() > self.capacity {
            let Some((oldest, sequence)) = self.order.pop_front() else { return };
            self.forgotten_up_to = self.forgotten_up_to.max(sequence);
            if self.by_arn.get(&oldest).is_some_and(|(_, of)| *of == sequence) {
                self.by_arn.remove(&oldest);
            }
        }
    }

    /// Forgets a name whose execution was removed from the store, so that it is free again.
    pub(crate) fn remove(&mut self, arn: &str) {
        self.by_arn.remove(arn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recent_name_is_taken_and_an_old_look_up_must_be_made_again() {
        let mut names = RecentNames::new(2);
        let key = |arn: &str| ExecutionKey::new(1, arn);
        names.insert("a", key("a"), 1);
        assert_eq!(names.check("a", 0), NameCheck::Taken(key("a")));
        assert_eq!(names.check("b", 0), NameCheck::Free);
        names.insert("b", key("b"), 2);
        names.insert("c", key("c"), 3);
        // "a" of batch 1 was forgotten: a look-up made before batch 1 was committed can't know of it.
        assert_eq!(names.check("a", 0), NameCheck::LookUpAgain);
        assert_eq!(names.check("a", 1), NameCheck::Free);
        assert_eq!(names.check("c", 0), NameCheck::Taken(key("c")));
    }
}
