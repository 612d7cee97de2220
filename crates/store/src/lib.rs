//! What every store provides: row types, traits, the memory store and the conformance suite
