//! The embedded store keeps the rules of every store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Deref;
use stepwell_store_embedded::{EmbeddedStore, Options};

struct Temporary {
    store: EmbeddedStore,
    _directory: tempfile::TempDir,
}

impl Deref for Temporary {
    type Target = EmbeddedStore;

    fn deref(&self) -> &EmbeddedStore {
        &self.store
    }
}

fn make() -> Temporary {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path(), Options::default()).unwrap();
    Temporary { store, _directory: directory }
}

stepwell_store::suite!(make());
