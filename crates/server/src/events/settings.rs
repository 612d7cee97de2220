//! Who is told when the status of an execution changes.

use std::{fmt, time::Duration};

use stepwell_store::Status;

/// A URL that is posted an event whenever the status of a Standard execution changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// What the body is authenticated with; without one there is no signature.
    pub secret: Option<Secret>,
    /// The statuses of which it is told.
    pub statuses: Vec<Status>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}
