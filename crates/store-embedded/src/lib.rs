//! The one-directory store: our own journal in front of fjall
