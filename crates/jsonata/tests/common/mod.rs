//! What the tests of this crate share; first of all a host with variables from an object, a fixed time and
//! reproducible random numbers

#![allow(dead_code, clippy::disallowed_types)]

pub(crate) mod bombs;
pub(crate) mod core;
pub(crate) mod generate;
pub(crate) mod oracle;
pub(crate) mod suite;

use stepwell_json::Value;
use stepwell_jsonata::Host;

/// A host that is the same every time
pub(crate) struct FixedHost {
    variables: Value,
    random: u64,
}

impl FixedHost {
    /// With these variables (an object).
    pub(crate) fn new(variables: Value) -> FixedHost {
        FixedHost { variables, random: 1 }
    }
}

impl Host for FixedHost {
    fn variable(&mut self, name: &str) -> Option<Value> {
        self.variables.get(name).cloned()
    }

    fn now_millis(&mut self) -> i64 {
        1_700_000_000_000
    }

    fn random_u64(&mut self) -> u64 {
        // SplitMix64
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Runs on a thread with the stack that plain limits need.
pub(crate) fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let handle = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, run).unwrap();
        handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
