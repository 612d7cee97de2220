//! What calls are signed with.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;

use super::config::{AwsConfig, RoleSection};

/// Temporary credentials are renewed this long before they end.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);
/// Roles whose credentials are kept.
const ROLES_MAX: usize = 1_000;

/// The credentials of this process, and those of roles that tasks named.
pub(super) struct CredentialStore {
    own: Option<Credentials>,
    roles: Mutex<HashMap<String, Credentials>>,
    #[cfg(feature = "aws-credentials")]
    chain: tokio::sync::OnceCell<aws_credential_types::provider::SharedCredentialsProvider>,
}

pub(super) fn of_section(section: &RoleSection) -> Credentials {
    Credentials::new(
        section.access_key_id.clone(),
        section.secret_access_key.clone(),
        section.session_token.clone(),
        None,
        "stepwell",
    )
}

/// What servers without accounts take: emulators read the account from the access key.
pub(super) fn placeholder(account: &str) -> Credentials {
    Credentials::new(account, "stepwell", None, None, "placeholder")
}

impl CredentialStore {
    pub(super) fn new(config: &AwsConfig) -> Self {
        Self {
            own: config.environment_credentials.as_ref().map(of_section),
            roles: Mutex::default(),
            #[cfg(feature = "aws-credentials")]
            chain: tokio::sync::OnceCell::new(),
        }
    }

    /// The credentials of the environment, without looking further.
    pub(super) fn environment(&self) -> Option<Credentials> {
        self.own.clone()
    }

    /// The credentials for AWS itself, by the standard chain.
    ///
    /// # Errors
    /// Why there are none.
    #[cfg(feature = "aws-credentials")]
    pub(super) async fn standard(&self) -> Result<Credentials, String> {
        use aws_credential_types::provider::ProvideCredentials;
        if let Some(own) = &self.own {
            return Ok(own.clone());
        }
        let chain = self
            .chain
            .get_or_init(|| async {
                let chain = aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
                    .build()
                    .await;
                aws_credential_types::provider::SharedCredentialsProvider::new(chain)
            })
            .await;
        chain.provide_credentials().await.map_err(|error| {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            format!("Unable to load credentials from any of the providers in the chain: {text}")
        })
    }

    /// The credentials for AWS itself: those of the environment, as this build has no other source.
    ///
    /// # Errors
    /// Why there are none.
    #[cfg(not(feature = "aws-credentials"))]
    pub(super) async fn standard(&self) -> Result<Credentials, String> {
        self.own.clone().ok_or_else(|| {
            "Unable to load credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and this build \
             reads no profiles (feature aws-credentials)"
                .to_owned()
        })
    }

    /// Credentials of a role that are good for a while.
    pub(super) fn role(&self, role: &str, now: SystemTime) -> Option<Credentials> {
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let known = roles.get(role)?;
        let is_good = known.expiry().is_none_or(|expiry| now + RENEWAL_MARGIN < expiry);
        is_good.then(|| known.clone())
    }

    pub(super) fn remember(&self, role: &str, credentials: Credentials) {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.len() >= ROLES_MAX {
            roles.clear();
        }
        roles.insert(role.to_owned(), credentials);
    }
}
