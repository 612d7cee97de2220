//! The memory store keeps the rules of every store.

stepwell_store::suite!(Box::new(stepwell_store::MemoryStore::new()));
