//! Immutable JSON values with exact numbers and cheap sharing
