//! What the configuration says about calls of AWS services.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{CONCURRENCY_DEFAULT, CONCURRENCY_MAX, OnUncertain};

/// The name of the endpoint of APIs behind API Gateway; it has no model.
pub const EXECUTE_API: &str = "execute-api";

/// How long an answer is waited for unless the configuration says otherwise, in seconds.
pub(super) const TIMEOUT_DEFAULT_SECONDS: u64 = 60;
/// The longest that may be set: Lambda's longest run and a margin, in seconds.
pub(super) const TIMEOUT_MAX_SECONDS: u64 = 915;

/// The section `[aws]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsSection {
    /// Whether services without an endpoint of their own are called at AWS.
    pub allow: bool,
    /// `[aws.roles."ARN"]`: what a task with that role in `Credentials` signs with where there is no STS to ask.
    pub roles: BTreeMap<String, RoleSection>,
}

/// A section `[aws.roles."ARN"]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSection {
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The session's token, for temporary keys.
    pub session_token: Option<String>,
}

/// Secrets are not shown.
impl std::fmt::Debug for RoleSection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RoleSection")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A section `[integrations.SERVICE]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsIntegration {
    /// What to do with a call whose outcome a crash made unknown.
    pub on_uncertain: OnUncertain,
    /// Calls at once, for each place that the service is called at.
    pub concurrency: usize,
    /// How long an answer is waited for.
    pub timeout_seconds: u64,
}

impl Default for AwsIntegration {
    fn default() -> Self {
        Self {
            on_uncertain: OnUncertain::Resend,
            concurrency: CONCURRENCY_DEFAULT,
            timeout_seconds: TIMEOUT_DEFAULT_SECONDS,
        }
    }
}

impl AwsIntegration {
    /// What can't work in a section.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(("concurrency", format!("must be between 1 and {CONCURRENCY_MAX}")));
        }
        if !(1..=TIMEOUT_MAX_SECONDS).contains(&self.timeout_seconds) {
            return Err(("timeout_seconds", format!("must be between 1 and {TIMEOUT_MAX_SECONDS}")));
        }
        Ok(())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// Everything about calls of AWS services.
#[derive(Debug, Clone, Default)]
pub struct AwsConfig {
    /// Service to base address. A service may be called by any of its names; `*` is every service that has none.
    pub endpoints: BTreeMap<String, String>,
    /// `[aws]`.
    pub section: AwsSection,
    /// `[integrations.SERVICE]`, by any name of the service.
    pub integrations: BTreeMap<String, AwsIntegration>,
    /// The access key, its secret and perhaps a session's token, from the environment.
    pub environment_credentials: Option<RoleSection>,
}

impl AwsConfig {
    /// What the configuration says of a service, by its word; after [`AwsConfig::by_word`].
    pub(crate) fn integration(&self, word: &str) -> AwsIntegration {
        self.integrations.get(word).cloned().unwrap_or_default()
    }

    /// The same with services called by their words, as calls look for them.
    pub(crate) fn by_word(mut self) -> Self {
        fn word(name: String) -> String {
            stepwell_aws_model::service_called(&name).map_or(name, |service| service.word.to_owned())
        }
        self.endpoints = self.endpoints.into_iter().map(|(name, url)| (word(name), url)).collect();
        self.integrations =
            self.integrations.into_iter().map(|(name, section)| (word(name), section)).collect();
        self
    }
}
