//! `[[events.webhooks]]`: who is told when the status of an execution changes.

use std::time::Duration;

use serde::Deserialize;
use stepwell_server::{Secret, Webhook};
use stepwell_store::Status;

use super::endpoints::host_and_port;
use super::logs::Problem;
use crate::environment::Environment;

/// How long an answer may take unless it is said.
const TIMEOUT_DEFAULT_SECONDS: u64 = 10;
/// The statuses that Standard executions of the API have.
const STATUSES: [Status; 5] =
    [Status::Running, Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted];

/// `[events]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventsSection {
    webhooks: Vec<WebhookSection>,
}

/// One of `[[events.webhooks]]`.
#[derive(Clone, Deserialize)]
struct WebhookSection {
    url: String,
    secret: Option<String>,
    secret_env: Option<String>,
    statuses: Option<Vec<String>>,
    timeout_seconds: Option<u64>,
}

impl std::fmt::Debug for WebhookSection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret stays out of every text.
        formatter.debug_struct("WebhookSection").field("url", &self.url).finish_non_exhaustive()
    }
}

impl EventsSection {
    /// Checks the section by itself.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let problem = |key: &str, message: String| {
                Err(Problem { setting: format!("events.webhooks.{index}.{key}"), message })
            };
            if host_and_port(&webhook.url).is_none() {
                return problem(
                    "url",
                    format!("{:?} is not an address; write http://HOST:PORT/PATH", webhook.url),
                );
            }
            if self.webhooks.iter().take(index).any(|other| other.url == webhook.url) {
                return problem("url", format!("{} is told of already", webhook.url));
            }
            if webhook.secret.is_some() && webhook.secret_env.is_some() {
                return problem("secret", "does not go with secret_env".to_owned());
            }
            let names = webhook.statuses.iter().flatten();
            if let Some(other) = names.clone().find(|name| status(name).is_none()) {
                let known = STATUSES.map(Status::as_str).join(", ");
                return problem("statuses", format!("{other:?} is none of {known}"));
            }
            if webhook.statuses.is_some() && names.count() == 0 {
                return problem("statuses", "names no status".to_owned());
            }
            if webhook.timeout_seconds == Some(0) {
                return problem("timeout_seconds", "must be at least 1".to_owned());
            }
        }
        Ok(())
    }

    /// The webhooks, with their secrets from the environment where that is said.
    ///
    /// # Errors
    /// One line about a variable that is not set.
    pub(crate) fn resolve(&self, environment: &Environment) -> Result<Vec<Webhook>, String> {
        let webhook = |section: &WebhookSection| {
            let secret = match &section.secret_env {
                None => section.secret.clone(),
                Some(variable) => Some(environment.get(variable).map(str::to_owned).ok_or_else(|| {
                    format!("the webhook {} has its secret in {variable}, which is not set", section.url)
                })?),
            };
            let statuses = match &section.statuses {
                None => STATUSES.to_vec(),
                Some(names) => names.iter().filter_map(|name| status(name)).collect(),
            };
            Ok(Webhook {
                url: section.url.clone(),
                secret: secret.map(Secret),
                statuses,
                timeout: Duration::from_secs(section.timeout_seconds.unwrap_or(TIMEOUT_DEFAULT_SECONDS)),
            })
        };
        self.webhooks.iter().map(webhook).collect()
    }
}

fn status(name: &str) -> Option<Status> {
    Status::from_name(name).filter(|status| STATUSES.contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> EventsSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn webhooks_are_told_of_every_status_unless_they_name_some() {
        let environment = Environment::of([("HOOK_SECRET", "s")]);
        for (text, secret, statuses, timeout_seconds) in [
            ("url = \"http://h/e\"", None, STATUSES.to_vec(), 10),
            (
                "url = \"http://h/e\"\nsecret = \"t\"\nstatuses = [\"FAILED\", \"TIMED_OUT\"]\ntimeout_seconds = 3",
                Some("t"),
                vec![Status::Failed, Status::TimedOut],
                3,
            ),
            ("url = \"http://h/e\"\nsecret_env = \"HOOK_SECRET\"", Some("s"), STATUSES.to_vec(), 10),
        ] {
            let section = section(&format!("[[webhooks]]\n{text}"));
            assert_eq!(section.check(), Ok(()), "{text}");
            let expected = Webhook {
                url: "http://h/e".into(),
                secret: secret.map(|secret| Secret(secret.into())),
                statuses,
                timeout: Duration::from_secs(timeout_seconds),
            };
            assert_eq!(section.resolve(&environment), Ok(vec![expected]), "{text}");
        }
        let missing = section("[[webhooks]]\nurl = \"http://h\"\nsecret_env = \"NONE\"");
        let error = missing.resolve(&environment).unwrap_err();
        assert_eq!(error, "the webhook http://h has its secret in NONE, which is not set");
    }

    #[test]
    fn webhooks_that_can_not_be_used_are_refused() {
        for (text, setting) in [
            ("[[webhooks]]\nurl = \"h\"", "events.webhooks.0.url"),
            ("[[webhooks]]\nurl = \"http://h\"\n[[webhooks]]\nurl = \"http://h\"", "events.webhooks.1.url"),
            (
                "[[webhooks]]\nurl = \"http://h\"\nsecret = \"a\"\nsecret_env = \"B\"",
                "events.webhooks.0.secret",
            ),
            ("[[webhooks]]\nurl = \"http://h\"\nstatuses = [\"failed\"]", "events.webhooks.0.statuses"),
            ("[[webhooks]]\nurl = \"http://h\"\nstatuses = []", "events.webhooks.0.statuses"),
            ("[[webhooks]]\nurl = \"http://h\"\ntimeout_seconds = 0", "events.webhooks.0.timeout_seconds"),
        ] {
            assert_eq!(section(text).check().unwrap_err().setting, setting, "{text}");
        }
    }
}
