//! What the configuration says about HTTP Tasks: `[http]` and `[connections.NAME]`.

use std::collections::BTreeMap;

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::address::Exception;
use crate::config::{CONCURRENCY_DEFAULT, CONCURRENCY_MAX, ConfigError, OnUncertain};
use crate::http_client::check_address;

/// How long AWS waits for an answer, in seconds; more can't be set.
pub const TIMEOUT_MAX_SECONDS: u64 = 60;

/// The section `[http]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    /// `host`, `host:port` or `host:*`: places that tasks may call though the address is not public or not `https`.
    pub allow: Vec<String>,
    /// Calls at once; others wait.
    pub concurrency: usize,
    /// What to do with a call whose outcome a crash made unknown.
    pub on_uncertain: OnUncertain,
    /// How long an answer is waited for.
    pub timeout_seconds: u64,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            concurrency: CONCURRENCY_DEFAULT,
            on_uncertain: OnUncertain::Resend,
            timeout_seconds: TIMEOUT_MAX_SECONDS,
        }
    }
}

impl HttpSection {
    /// Checks the section by itself.
    ///
    /// # Errors
    /// The setting that can't work, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: String| Err(ConfigError { setting: format!("http.{key}"), message });
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return wrong("concurrency", format!("must be between 1 and {CONCURRENCY_MAX}"));
        }
        if !(1..=TIMEOUT_MAX_SECONDS).contains(&self.timeout_seconds) {
            return wrong("timeout_seconds", format!("must be between 1 and {TIMEOUT_MAX_SECONDS}"));
        }
        match self.allow.iter().find(|text| Exception::parse(text).is_none()) {
            Some(text) => wrong("allow", format!("{text:?} is neither HOST nor HOST:PORT nor HOST:*")),
            None => Ok(()),
        }
    }
}

/// What is shown for a secret.
pub(super) const HIDDEN: &str = "***";

/// A text that stays out of every message and log line.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// How a connection proves who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// User name and password.
    Basic,
    /// A key in a header.
    ApiKey,
    /// OAuth's client credentials.
    Oauth2,
    /// Not at all; AWS has no such connection.
    None,
}

/// A value of a parameter: a text, or the name of the environment variable that has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// The value itself.
    Text(Secret),
    /// Where it is.
    Variable {
        /// The environment variable.
        env: String,
    },
}

/// The method that tokens are asked for with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TokenMethod {
    /// Parameters in the query string.
    Get,
    /// Parameters in a form.
    #[default]
    Post,
    /// Parameters in a form.
    Put,
}

/// A section `[connections.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSection {
    /// How the connection proves who calls.
    #[serde(rename = "type")]
    pub kind: ConnectionKind,
    /// Basic: the user.
    pub username: Option<String>,
    /// Basic: the password.
    pub password: Option<Secret>,
    /// Basic: the variable that has the password.
    pub password_env: Option<String>,
    /// API key: the header that carries it.
    pub key_name: Option<String>,
    /// API key: the key.
    pub key_value: Option<Secret>,
    /// API key: the variable that has the key.
    pub key_value_env: Option<String>,
    /// OAuth: where tokens come from.
    pub token_url: Option<String>,
    /// OAuth: the method for that.
    pub token_method: Option<TokenMethod>,
    /// OAuth: more parameters for that, such as a scope.
    #[serde(default)]
    pub token_parameters: BTreeMap<String, Parameter>,
    /// OAuth: the client.
    pub client_id: Option<String>,
    /// OAuth: its secret.
    pub client_secret: Option<Secret>,
    /// OAuth: the variable that has the secret.
    pub client_secret_env: Option<String>,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, Parameter>,
    /// Query parameters of every call.
    #[serde(default)]
    pub query: BTreeMap<String, Parameter>,
    /// Members of the body of every call.
    #[serde(default)]
    pub body: BTreeMap<String, Parameter>,
}

/// A connection that can be used.
#[derive(Clone)]
pub struct Connection {
    pub(super) authorization: Authorization,
    pub(super) additions: Additions,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// What a connection adds to a request. It wins over what the task says.
#[derive(Clone, Default)]
pub(super) struct Additions {
    /// What authorizes comes first.
    pub(super) headers: Vec<Header>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<(String, String)>,
}

/// A header, and its name as it was written.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) name: HeaderName,
    pub(super) spelling: String,
    pub(super) value: HeaderValue,
}

impl Additions {
    /// Adds what authorizes, which wins over a header of the same name.
    fn authorize(&mut self, header: Header) {
        self.headers.retain(|other| other.name != header.name);
        self.headers.insert(0, header);
    }

    /// The same with every value hidden.
    pub(super) fn masked(&self) -> Self {
        let hide = |pairs: &[(String, String)]| {
            pairs.iter().map(|(name, _)| (name.clone(), HIDDEN.to_owned())).collect()
        };
        let hidden = HeaderValue::from_static(HIDDEN);
        Self {
            headers: self
                .headers
                .iter()
                .map(|header| Header { value: hidden.clone(), ..header.clone() })
                .collect(),
            query: hide(&self.query),
            body: hide(&self.body),
        }
    }
}

/// What stands in the request for the caller.
#[derive(Clone)]
pub(super) enum Authorization {
    /// Nothing, or a header among the additions.
    Fixed,
    /// A token that has to be asked for.
    OAuth(TokenSource),
}

/// Where tokens come from.
#[derive(Clone)]
pub(super) struct TokenSource {
    pub(super) url: String,
    pub(super) method: TokenMethod,
    /// What is sent, the client and its secret among it.
    pub(super) parameters: Vec<(String, String)>,
}

impl ConnectionSection {
    /// Checks the section by itself; variables are not looked at.
    ///
    /// # Errors
    /// The setting that is missing or can't work.
    pub fn check(&self, name: &str) -> Result<(), ConfigError> {
        self.resolve(name, &|_| Some("x".to_owned())).map(drop)
    }

    /// The connection, with its secrets from `variable` where the section says so.
    ///
    /// # Errors
    /// The setting that is missing or can't work, or whose variable is not set.
    pub fn resolve(
        &self,
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Connection, ConfigError> {
        let settings = Settings { section: self, name, variable };
        settings.refuse_foreign()?;
        let mut additions = Additions {
            headers: Vec::new(),
            query: settings.parameters("query", &self.query)?,
            body: settings.parameters("body", &self.body)?,
        };
        for (header, value) in settings.parameters("headers", &self.headers)? {
            additions.headers.push(settings.header(&format!("headers.{header}"), &header, &value)?);
        }
        let mut authorization = Authorization::Fixed;
        match self.kind {
            ConnectionKind::None => {}
            ConnectionKind::Basic => {
                use base64::Engine;
                let user = settings.needed("username", self.username.as_ref())?;
                let password =
                    settings.secret("password", self.password.as_ref(), self.password_env.as_ref())?;
                let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                additions.authorize(settings.header(
                    "password",
                    "Authorization",
                    &format!("Basic {both}"),
                )?);
            }
            ConnectionKind::ApiKey => {
                let header = settings.needed("key_name", self.key_name.as_ref())?;
                let value =
                    settings.secret("key_value", self.key_value.as_ref(), self.key_value_env.as_ref())?;
                additions.authorize(settings.header("key_value", header, &value)?);
            }
            ConnectionKind::Oauth2 => {
                let url = settings.needed("token_url", self.token_url.as_ref())?;
                check_address(url).map_err(|message| settings.wrong("token_url", message))?;
                let client = settings.needed("client_id", self.client_id.as_ref())?;
                let secret = settings.secret(
                    "client_secret",
                    self.client_secret.as_ref(),
                    self.client_secret_env.as_ref(),
                )?;
                let mut parameters = vec![
                    ("grant_type".to_owned(), "client_credentials".to_owned()),
                    ("client_id".to_owned(), client.clone()),
                    ("client_secret".to_owned(), secret),
                ];
                parameters.extend(settings.parameters("token_parameters", &self.token_parameters)?);
                authorization = Authorization::OAuth(TokenSource {
                    url: url.clone(),
                    method: self.token_method.unwrap_or_default(),
                    parameters,
                });
            }
        }
        Ok(Connection { authorization, additions })
    }
}

struct Settings<'a> {
    section: &'a ConnectionSection,
    name: &'a str,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError { setting: format!("connections.{}.{key}", self.name), message: message.into() }
    }

    /// Settings of another type of connection would be without effect.
    fn refuse_foreign(&self) -> Result<(), ConfigError> {
        use ConnectionKind::{ApiKey, Basic, Oauth2};
        let section = self.section;
        let given = [
            (Basic, "username", section.username.is_some()),
            (Basic, "password", section.password.is_some()),
            (Basic, "password_env", section.password_env.is_some()),
            (ApiKey, "key_name", section.key_name.is_some()),
            (ApiKey, "key_value", section.key_value.is_some()),
            (ApiKey, "key_value_env", section.key_value_env.is_some()),
            (Oauth2, "token_url", section.token_url.is_some()),
            (Oauth2, "token_method", section.token_method.is_some()),
            (Oauth2, "token_parameters", !section.token_parameters.is_empty()),
            (Oauth2, "client_id", section.client_id.is_some()),
            (Oauth2, "client_secret", section.client_secret.is_some()),
            (Oauth2, "client_secret_env", section.client_secret_env.is_some()),
        ];
        match given.into_iter().find(|(kind, _, is_given)| *is_given && *kind != section.kind) {
            Some((_, key, _)) => Err(self.wrong(key, "does not go with this type of connection")),
            None => Ok(()),
        }
    }

    fn needed<'v>(&self, key: &str, value: Option<&'v String>) -> Result<&'v String, ConfigError> {
        value.ok_or_else(|| self.wrong(key, "is missing"))
    }

    fn secret(
        &self,
        key: &str,
        value: Option<&Secret>,
        variable: Option<&String>,
    ) -> Result<String, ConfigError> {
        match (value, variable) {
            (Some(_), Some(_)) => Err(self.wrong(key, format!("does not go with {key}_env"))),
            (Some(value), None) => Ok(value.0.clone()),
            (None, Some(variable)) => self.variable(&format!("{key}_env"), variable),
            (None, None) => {
                Err(self.wrong(key, format!("is missing; give it, or {key}_env with the name of a variable")))
            }
        }
    }

    fn variable(&self, key: &str, variable: &str) -> Result<String, ConfigError> {
        (self.variable)(variable)
            .ok_or_else(|| self.wrong(key, format!("the environment variable {variable} is not set")))
    }

    fn parameters(
        &self,
        key: &str,
        given: &BTreeMap<String, Parameter>,
    ) -> Result<Vec<(String, String)>, ConfigError> {
        let value = |name: &String, parameter: &Parameter| match parameter {
            Parameter::Text(text) => Ok(text.0.clone()),
            Parameter::Variable { env } => self.variable(&format!("{key}.{name}"), env),
        };
        given.iter().map(|(name, parameter)| Ok((name.clone(), value(name, parameter)?))).collect()
    }

    fn header(&self, key: &str, name: &str, value: &str) -> Result<Header, ConfigError> {
        let spelling = name.to_owned();
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| self.wrong(key, format!("{name:?} is no name of a header")))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| self.wrong(key, "the value can't be sent in an HTTP header"))?;
        value.set_sensitive(true);
        Ok(Header { name, spelling, value })
    }
}
