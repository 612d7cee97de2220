//! The way to a cluster: its address, its authority, and what proves who calls.

use std::{path::Path, time::SystemTime};

use base64::Engine;
use hyper::header::HeaderValue;

use super::{
    KubernetesWork,
    config::{Cluster, Identity, Server, Source, Text},
    kubeconfig, no_answer, token,
};
use crate::{
    address::{self, Refusal},
    aws::{Actor, CallError},
    http_client::Certificates,
    lambda::TaskError,
    parameters::Parameters,
};

/// The longest file with a token, certificate or kubeconfig that is read, in bytes.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// How the names of EKS's API servers end. A token for a cluster is sent to no other host: whoever has it can act as the
/// caller in that cluster.
const EKS_HOSTS: [(&str, &str); 3] =
    [(".", ".eks.amazonaws.com"), (".", ".eks.amazonaws.com.cn"), (".eks-cluster.", ".api.aws")];

/// The way to a cluster.
pub(super) struct Connection {
    /// Without a slash at the end.
    pub(super) base: String,
    pub(super) certificates: Certificates,
    /// `Bearer …`.
    pub(super) authorization: Option<HeaderValue>,
    /// The address comes with the parameters: only public ones are connected to.
    pub(super) is_guarded: bool,
}

/// The way to the cluster of the parameters.
///
/// # Errors
/// There is none, or a file or credentials for it are missing.
pub(super) async fn find(
    work: &KubernetesWork<'_>,
    parameters: Parameters<'_>,
) -> Result<Connection, TaskError> {
    let name = parameters.required("ClusterName");
    match work.kubernetes.config.clusters.get(&name) {
        Some(cluster) => {
            let found = own_cluster(work, &name, cluster).await;
            found.map_err(|reason| match reason {
                Failure::Role(cause) => TaskError::new("States.TaskFailed", cause),
                Failure::Other(reason) => no_answer(&format!("[eks.clusters.{name}]: {reason}")),
            })
        }
        None => eks_cluster(work, &name, parameters).await,
    }
}

enum Failure {
    /// The role of the task can't be taken on.
    Role(String),
    Other(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

/// A cluster with a section in the configuration.
async fn own_cluster(
    work: &KubernetesWork<'_>,
    name: &str,
    cluster: &Cluster,
) -> Result<Connection, Failure> {
    let read_server;
    let server = match &cluster.0 {
        Source::Section(server) => server,
        Source::Kubeconfig { path, context } => {
            read_server = read_kubeconfig(work, path, context.as_deref()).await?;
            &read_server
        }
    };
    let mut certificates = Certificates::default();
    if let Some(authority) = &server.authority {
        certificates.authorities = Some(text_of(authority).await?);
    }
    let mut bearer = None;
    match &server.identity {
        Identity::Nobody => {}
        Identity::Token(token) => {
            let token = text_of(token).await?;
            bearer = Some(String::from_utf8_lossy(&token).trim().to_owned());
        }
        Identity::Certificate(certificate, key) => {
            certificates.client = Some((text_of(certificate).await?, text_of(key).await?));
        }
        Identity::Aws { cluster, region } => {
            let region = region.as_deref().unwrap_or(work.caller.region);
            bearer = Some(aws_token(work, cluster.as_deref().unwrap_or(name), region).await?);
        }
    }
    Ok(Connection {
        base: server.endpoint.trim_end_matches('/').to_owned(),
        certificates,
        authorization: bearer.map(|token| authorization(&token)).transpose()?,
        is_guarded: false,
    })
}

/// A cluster of EKS: address and authority are those of the parameters.
async fn eks_cluster(
    work: &KubernetesWork<'_>,
    name: &str,
    parameters: Parameters<'_>,
) -> Result<Connection, TaskError> {
    let endpoint = parameters.required("Endpoint");
    let way_out = format!("describe the cluster under [eks.clusters.{name}] in stepwell.toml");
    let place = match address::check("Endpoint", &endpoint, &[]) {
        Ok(place) => place,
        Err(Refusal::Invalid(problem)) => return Err(parameters.refused(problem)),
        Err(Refusal::Forbidden(_)) => {
            let cause = format!("{endpoint} may not be called: it is no API server of EKS; {way_out}");
            return Err(TaskError::new("States.TaskFailed", cause));
        }
    };
    let host = place.uri.host().unwrap_or_default().to_ascii_lowercase();
    let Some(region) = eks_region(&host) else {
        let cause = format!("{host} may not be called: it is no API server of EKS; {way_out}");
        return Err(TaskError::new("States.TaskFailed", cause));
    };
    if !work.aws.allows_aws() {
        return Err(no_answer(&format!(
            "there is no section [eks.clusters.{name}] in stepwell.toml, and calls to AWS itself are not allowed: {way_out}, \
             or allow AWS with --allow-aws"
        )));
    }
    let authority = base64::engine::general_purpose::STANDARD
        .decode(parameters.required("CertificateAuthority").trim())
        .map_err(|_| parameters.refused("The CertificateAuthority is not in base64".to_owned()))?;
    let token = aws_token(work, name, region).await.map_err(|failure| match failure {
        Failure::Role(cause) => TaskError::new("States.TaskFailed", cause),
        Failure::Other(reason) => no_answer(&reason),
    })?;
    Ok(Connection {
        base: endpoint.trim_end_matches('/').to_owned(),
        certificates: Certificates { authorities: Some(authority), client: None },
        authorization: Some(authorization(&token).map_err(|reason| no_answer(&reason))?),
        is_guarded: true,
    })
}

/// The region in the name of an API server of EKS.
fn eks_region(host: &str) -> Option<&str> {
    EKS_HOSTS.iter().find_map(|(before, after)| {
        let (_, region) = host.strip_suffix(after)?.rsplit_once(before)?;
        let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (!region.is_empty() && region.bytes().all(is_region)).then_some(region)
    })
}

async fn aws_token(work: &KubernetesWork<'_>, cluster: &str, region: &str) -> Result<String, Failure> {
    let caller = &work.caller;
    let actor = Actor { region, account: caller.account, role: caller.role };
    let credentials = work.aws.credentials(&actor, true).await.map_err(|error| match error {
        CallError::Role(cause) => Failure::Role(cause),
        CallError::NoAnswer { reason, .. } => Failure::Other(reason),
        other => Failure::Other(format!("{other:?}")),
    })?;
    Ok(token::token(&credentials, region, cluster, SystemTime::now())?)
}

fn authorization(token: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "the token can't be sent in an HTTP header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read_kubeconfig(
    work: &KubernetesWork<'_>,
    path: &Path,
    context: Option<&str>,
) -> Result<Server, String> {
    let about = |reason: String| format!("{}: {reason}", path.display());
    let bytes = read(path).await?;
    let text = String::from_utf8(bytes).map_err(|_| about("it is not text".to_owned()))?;
    let json = match work.kubernetes.config.yaml {
        Some(yaml) => yaml(&text).map_err(about)?,
        None => text,
    };
    let document = stepwell_json::parse(&json).map_err(|error| about(error.to_string()))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    kubeconfig::server(&document, context, directory).map_err(about)
}

async fn text_of(text: &Text) -> Result<Vec<u8>, String> {
    match text {
        Text::Given(text) => Ok(text.clone()),
        Text::File(path) => read(path).await,
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::fs::File::open(&owned)?.take(FILE_MAX_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    });
    let result = read.await.map_err(|error| error.to_string())?;
    result.map_err(|error| format!("{} can't be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_eks_get_a_token() {
        for (host, region) in [
            ("abc.gr7.eu-west-1.eks.amazonaws.com", Some("eu-west-1")),
            ("abc.yl4.cn-north-1.eks.amazonaws.com.cn", Some("cn-north-1")),
            ("abc.eks-cluster.us-west-2.api.aws", Some("us-west-2")),
            ("eks.amazonaws.com", None),
            ("eks.amazonaws.com.example.com", None),
            ("abc.eu-west-1.eks.amazonaws.com.evil.com", None),
            ("evil-eks.amazonaws.com", None),
            ("kubernetes.default.svc", None),
        ] {
            assert_eq!(eks_region(host), region, "{host}");
        }
    }
}
