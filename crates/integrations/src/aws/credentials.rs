//! What calls are signed with.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use stepwell_aws_model::{Service, service};
use stepwell_json::{Object, Value};

use super::{
    client::{ANSWER_MAX_BYTES, Aws, Call, CallError, Era, no_answer},
    config::{AwsConfig, RoleSection},
    endpoint,
};

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
        let Some(role) = actor.role else {
            return match is_aws {
                true => self.credentials.standard().await.map_err(|reason| no_answer(reason, 0)),
                false => Ok(self.credentials.environment().unwrap_or_else(|| placeholder(actor.account))),
            };
        };
        if let Some(section) = self.config.section.roles.get(role) {
            return Ok(of_section(section));
        }
        if let Some(known) = self.credentials.role(role, SystemTime::now()) {
            return Ok(known);
        }
        let sts = service("sts").ok_or_else(|| CallError::Role("the model of STS is missing".to_owned()))?;
        if let Err(reason) = endpoint::target(&self.config, &sts, actor.region) {
            if is_aws {
                return Err(CallError::Role(format!("The role {role} could not be assumed: {reason}")));
            }
            // Nobody can be asked; emulators read the account from the access key.
            return Ok(placeholder(account_of_role(role).unwrap_or(actor.account)));
        }
        let assumed = self.assume(&sts, role, actor).await?;
        self.credentials.remember(role, assumed.clone());
        Ok(assumed)
    }

    /// Asks STS, which is a call as any other.
    fn assume<'a>(
        &'a self,
        sts: &'a Arc<Service>,
        role: &'a str,
        actor: &'a Actor<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CallError>> + Send + 'a>> {
        Box::pin(async move {
            let parameters = Value::Object(Object::from_entries(vec![
                ("RoleArn".into(), Value::from(role)),
                ("RoleSessionName".into(), Value::from("stepwell")),
            ]));
            let ask = Call {
                service: sts,
                operation: "AssumeRole",
                parameters: &parameters,
                body: None,
                answer_max_bytes: ANSWER_MAX_BYTES,
                era: Era::Second,
                region: actor.region,
                account: actor.account,
                token_seed: "",
                role: None,
            };
            let answer = self.carry_out(&ask, None).await.map_err(|error| {
            CallError::Role(match error {
                CallError::Service(error) => format!(
                    "The role {role} could not be assumed: {} (Service: Sts, Status Code: {}, Request ID: {})",
                    error.message, error.status, error.request_id
                ),
                CallError::NoAnswer { reason, .. } => format!("The role {role} could not be assumed: {reason}"),
                other => format!("The role {role} could not be assumed: {other:?}"),
            })
        })?;
            let keys = answer.result.get("Credentials");
            let text = |name: &str| keys.and_then(|keys| keys.get(name)).and_then(Value::as_str);
            let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
                return Err(CallError::Role(format!(
                    "The role {role} could not be assumed: STS gave no keys"
                )));
            };
            let expiry = text("Expiration")
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                .map(SystemTime::from);
            Ok(Credentials::new(id, secret, text("SessionToken").map(str::to_owned), expiry, "assumed"))
        })
    }
}

/// `arn:aws:iam::123456789012:role/name` is of that account.
pub(super) fn account_of_role(role: &str) -> Option<&str> {
    role.split(':').nth(4).filter(|account| account.len() == 12)
}
