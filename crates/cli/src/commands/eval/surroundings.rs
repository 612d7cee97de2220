//! What an evaluation gets from outside: variables, the time and random numbers.

use std::time::SystemTime;

use stepwell_json::{Object, Value};
use stepwell_jsonata::Host;

/// Given variables, the real time and real random numbers
pub(super) struct Surroundings {
    variables: Object,
    /// The same for the whole evaluation.
    now_millis: i64,
}

impl Surroundings {
    pub(super) fn new(variables: Object) -> Surroundings {
        Surroundings { variables, now_millis: now_millis() }
    }
}

/// Milliseconds since 1970.
pub(super) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Host for Surroundings {
    fn variable(&mut self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn now_millis(&mut self) -> i64 {
        self.now_millis
    }

    fn random_u64(&mut self) -> u64 {
        // Six bits of a UUID are fixed, at different places of its halves.
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        high ^ low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_random_number_is_random() {
        let mut surroundings = Surroundings::new(Object::default());
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..200 {
            let number = surroundings.random_u64();
            ones |= number;
            zeros |= !number;
        }
        assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
    }
}
