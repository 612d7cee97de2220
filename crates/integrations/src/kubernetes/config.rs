//! What the configuration says about Kubernetes clusters: `[eks.clusters.NAME]`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use hyper::header::HeaderValue;
use serde::Deserialize;

use crate::{config::ConfigError, http_client::check_address, http_task::Secret};

/// A section `[eks.clusters.NAME]`: where the cluster of that name is and how to prove who calls. Either `kubeconfig` or
/// `endpoint`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSection {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; its current one when absent.
    pub context: Option<String>,
    /// The address of the API server.
    pub endpoint: Option<String>,
    /// A PEM file with the authority of its certificate; absent: the public ones.
    pub certificate_authority: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// The variable that has it.
    pub token_env: Option<String>,
    /// The file that has it; read for each request.
    pub token_file: Option<PathBuf>,
    /// A PEM file with a client certificate.
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with its key.
    pub client_key: Option<PathBuf>,
    /// A token that EKS takes, made with AWS credentials.
    pub aws_token: bool,
}

/// Reads YAML: gives JSON text, or what is wrong.
pub type ReadYaml = fn(&str) -> Result<String, String>;

/// Everything about Kubernetes clusters.
#[derive(Clone, Default)]
pub struct KubernetesConfig {
    /// `[eks.clusters.*]`.
    pub clusters: BTreeMap<String, Cluster>,
    /// Reads kubeconfig files and Jobs that are YAML; without it they are JSON.
    pub yaml: Option<ReadYaml>,
}

impl std::fmt::Debug for KubernetesConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KubernetesConfig").field("clusters", &self.clusters).finish_non_exhaustive()
    }
}

/// A cluster that can be called.
#[derive(Debug, Clone)]
pub struct Cluster(pub(super) Source);

/// Where it says how a cluster is called.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In a kubeconfig file, read for each request.
    Kubeconfig { path: PathBuf, context: Option<String> },
    /// In the section itself.
    Section(Server),
}

/// A server and how to call it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) endpoint: String,
    /// None: the public ones.
    pub(super) authority: Option<Text>,
    pub(super) identity: Identity,
}

/// A text that is there or in a file, which is read for each request.
#[derive(Clone)]
pub(super) enum Text {
    Given(Vec<u8>),
    File(PathBuf),
}

/// Texts are secrets or long.
impl std::fmt::Debug for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given(_) => formatter.write_str("Given"),
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
        }
    }
}

/// How a caller proves who it is.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// Not at all (`kubectl proxy`).
    Nobody,
    /// With a bearer token.
    Token(Text),
    /// With a certificate and its key.
    Certificate(Text, Text),
    /// With a token for EKS, for this cluster and region if it says so.
    Aws { cluster: Option<String>, region: Option<String> },
}

impl ClusterSection {
    /// Checks the section by itself; variables and files are not looked at.
    ///
    /// # Errors
    /// The setting that is missing or can't work.
    pub fn check(&self, name: &str) -> Result<(), ConfigError> {
        self.resolve(name, Path::new(""), &|_| Some("x".to_owned())).map(drop)
    }

    /// The cluster; relative paths start from `directory`.
    ///
    /// # Errors
    /// The setting that is missing or can't work, or whose variable is not set.
    pub fn resolve(
        &self,
        name: &str,
        directory: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Cluster, ConfigError> {
        let wrong = |key: &str, message: String| {
            let dot = if key.is_empty() { "" } else { "." };
            Err(ConfigError { setting: format!("eks.clusters.{name}{dot}{key}"), message })
        };
        let file = |path: &PathBuf| Text::File(directory.join(path));
        let identities = [
            ("token", self.token.is_some()),
            ("token_env", self.token_env.is_some()),
            ("token_file", self.token_file.is_some()),
            ("client_certificate", self.client_certificate.is_some()),
            ("aws_token", self.aws_token),
        ];
        let given: Vec<&str> = identities.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        if let Some(path) = &self.kubeconfig {
            let others = [
                ("endpoint", self.endpoint.is_some()),
                ("certificate_authority", self.certificate_authority.is_some()),
                ("client_key", self.client_key.is_some()),
            ];
            let other = others.iter().chain(&identities).find(|(_, given)| *given);
            if let Some((key, _)) = other {
                return wrong(key, "does not go with kubeconfig".to_owned());
            }
            let path = directory.join(path);
            return Ok(Cluster(Source::Kubeconfig { path, context: self.context.clone() }));
        }
        if self.context.is_some() {
            return wrong("context", "goes with kubeconfig only".to_owned());
        }
        let Some(endpoint) = &self.endpoint else {
            return wrong("", "needs kubeconfig or endpoint".to_owned());
        };
        if let Err(message) = check_address(endpoint) {
            return wrong("endpoint", message);
        }
        if let [_, second, ..] = given.as_slice() {
            return wrong(second, format!("does not go with {}", given[0]));
        }
        let identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => Identity::Certificate(file(certificate), file(key)),
            (Some(_), None) => return wrong("client_key", "is missing".to_owned()),
            (None, Some(_)) => return wrong("client_certificate", "is missing".to_owned()),
            (None, None) if self.aws_token => Identity::Aws { cluster: None, region: None },
            (None, None) => match (&self.token, &self.token_env, &self.token_file) {
                (Some(token), ..) => Identity::Token(Text::Given(token.0.clone().into_bytes())),
                (_, Some(name), _) => match variable(name) {
                    Some(token) => Identity::Token(Text::Given(token.into_bytes())),
                    None => {
                        return wrong("token_env", format!("the environment variable {name} is not set"));
                    }
                },
                (_, _, Some(path)) => Identity::Token(file(path)),
                // `kubectl proxy` adds who calls.
                _ if endpoint.starts_with("http://") => Identity::Nobody,
                _ => {
                    let message =
                        "needs one of token, token_env, token_file, client_certificate and aws_token";
                    return wrong("", message.to_owned());
                }
            },
        };
        if let Identity::Token(Text::Given(token)) = &identity
            && HeaderValue::from_bytes(token).is_err()
        {
            return wrong(given[0], "can't be sent in an HTTP header".to_owned());
        }
        let authority = self.certificate_authority.as_ref().map(file);
        Ok(Cluster(Source::Section(Server { endpoint: endpoint.clone(), authority, identity })))
    }
}
