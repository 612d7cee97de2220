//! What calls are signed with.

use aws_credential_types::Credentials;

use super::{
    client::{Aws, Call, CallError, no_answer},
    config::{AwsConfig, RoleSection},
    roles::RoleStore,
};

/// The credentials of this process, and those of roles that tasks named.
pub(super) struct CredentialStore {
    own: Option<Credentials>,
    pub(super) roles: RoleStore,
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
            roles: RoleStore::default(),
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
                use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
                // aws-config brings no HTTP client of its own without a second TLS library, and panics when it needs one.
                let client = aws_smithy_http_client::Builder::new()
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .build_https();
                let chain = aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
                    .configure(
                        aws_config::provider_config::ProviderConfig::default().with_http_client(client),
                    )
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
}

/// Who calls.
pub(crate) struct Actor<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    /// The role that the task wants to act in.
    pub(crate) role: Option<&'a str>,
}

impl<'a> Actor<'a> {
    pub(super) fn of(call: &Call<'a>) -> Self {
        Self { region: call.region, account: call.account, role: call.role }
    }
}

impl Aws {
    /// What a call is signed with; `is_aws`: at AWS itself.
    ///
    /// # Errors
    /// There is nothing to sign with, or the role can't be taken on.
    pub(crate) async fn credentials(
        &self,
        actor: &Actor<'_>,
        is_aws: bool,
    ) -> Result<Credentials, CallError> {
        match actor.role {
            Some(role) => self.role_credentials(role, actor, is_aws).await,
            None if is_aws => self.credentials.standard().await.map_err(|reason| no_answer(reason, 0)),
            None => Ok(self.credentials.environment().unwrap_or_else(|| placeholder(actor.account))),
        }
    }
}
