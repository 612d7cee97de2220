//! `eks:call` and `eks:runJob`: the API of Kubernetes clusters, those of EKS and others.
//!
//! A cluster with a section `[eks.clusters.NAME]` is called as that says. Any other is one of EKS, at the address and
//! with the authority in the task's parameters, if AWS may be called.

mod call;
mod config;
mod connection;
mod job;
mod kubeconfig;
mod logs;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::Method;
use stepwell_aws_model::DirectTarget;
use stepwell_json::{Object, Value};

pub use self::config::{Cluster, ClusterSection, KubernetesConfig, ReadYaml};
use self::connection::Connection;
use crate::{
    address,
    aws::{Aws, AwsConfig, Caller, JobOutcome, POLL_NEAR},
    config::OnUncertain,
    gate::Gate,
    http_client::{Certificates, HttpClient, HttpError, Resolver, Response},
    lambda::TaskError,
    parameters::Parameters,
};

/// The longest answer that a result may have, in bytes.
const RESULT_MAX_BYTES: usize = 262_144;
/// The section of `[integrations]` that counts for these calls.
const SECTION: &str = "eks";
/// Clients that are kept, each with its certificates and connections.
const CLIENTS_MAX: usize = 64;
/// How a private address can be called; the end of a sentence.
const OWN_SECTION: &str = "there is a section [eks.clusters.NAME] in stepwell.toml for the cluster";

/// Calls Kubernetes clusters.
pub struct Kubernetes {
    config: KubernetesConfig,
    clients: Mutex<HashMap<(Certificates, bool), Arc<HttpClient>>>,
    /// For addresses that come with parameters.
    guarded: Resolver,
    /// Calls at once to each cluster.
    concurrency: usize,
    gate: Gate,
    timeout: Duration,
    on_uncertain: OnUncertain,
    /// Looks at a job of a cluster with a section: the first pause, and the longest.
    near: (Duration, Duration),
}

impl std::fmt::Debug for Kubernetes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kubernetes").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Kubernetes {
    /// A client; nothing is called yet.
    #[must_use]
    pub fn new(config: KubernetesConfig, aws: &AwsConfig) -> Self {
        Self::with_resolver(config, aws, Resolver::system(address::is_public, OWN_SECTION))
    }

    fn with_resolver(config: KubernetesConfig, aws: &AwsConfig, guarded: Resolver) -> Self {
        let integration = aws.clone().by_word().integration(SECTION);
        Self {
            config,
            clients: Mutex::default(),
            guarded,
            concurrency: integration.concurrency,
            gate: Gate::new(integration.concurrency),
            timeout: integration.timeout(),
            on_uncertain: integration.on_uncertain,
            near: POLL_NEAR,
        }
    }

    /// Calls under way end as [`JobOutcome::Interrupted`], and so do later ones.
    pub fn shutdown(&self) {
        self.gate.close();
    }

    /// What to do with an `eks:call` whose outcome a crash made unknown. Jobs have names, so that they are not started
    /// twice.
    #[must_use]
    pub fn on_uncertain(&self) -> OnUncertain {
        self.on_uncertain
    }

    /// The work of a task.
    #[must_use]
    pub fn work<'a>(&'a self, aws: &'a Aws, caller: Caller<'a>, parameters: &'a Value) -> KubernetesWork<'a> {
        KubernetesWork { kubernetes: self, aws, caller, parameters }
    }

    /// The client for these certificates. Certificates that change, as those in files may, make another one.
    fn client(&self, certificates: &Certificates, is_guarded: bool) -> Result<Arc<HttpClient>, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (certificates.clone(), is_guarded);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let resolver = if is_guarded { self.guarded.clone() } else { Resolver::everywhere() };
        let client = Arc::new(HttpClient::with_tls(resolver, certificates.tls_config()?, self.concurrency));
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Sends a request to a cluster and reads the answer.
    async fn send(
        &self,
        connection: &Connection,
        request: Request,
        limit_bytes: usize,
    ) -> Result<Response, Trouble> {
        let url = format!("{}{}", connection.base, request.path);
        let uri = crate::http_client::check_address(&url).map_err(Trouble::NoAnswer)?;
        let client =
            self.client(&connection.certificates, connection.is_guarded).map_err(Trouble::NoAnswer)?;
        let _turn = self.gate.turn(&connection.base).await.map_err(Trouble::NoAnswer)?;
        let headers = request.headers(connection);
        let sent = client.send(request.method, uri, headers, request.body, limit_bytes, self.timeout).await;
        sent.map_err(|error| match error {
            HttpError::NoConnection(reason) | HttpError::NoAnswer(reason) => Trouble::NoAnswer(reason),
            HttpError::TimedOut => Trouble::NoAnswer("Read timed out".to_owned()),
            HttpError::TooLarge => Trouble::TooLarge,
        })
    }
}

/// The work of a task with a cluster.
#[derive(Debug)]
pub struct KubernetesWork<'a> {
    kubernetes: &'a Kubernetes,
    aws: &'a Aws,
    caller: Caller<'a>,
    parameters: &'a Value,
}

impl KubernetesWork<'_> {
    /// `eks:call`: makes the request.
    pub async fn call(&self) -> JobOutcome {
        self.unless_closed(call::call(self)).await
    }

    /// `eks:runJob`: starts the job. Once for each attempt of a task, however often it is called.
    pub async fn start_job(&self) -> JobOutcome {
        self.unless_closed(job::start(self)).await
    }

    /// The job that [`KubernetesWork::start_job`] had started before for the same attempt of the task; null when there
    /// is none.
    pub async fn find_job(&self) -> JobOutcome {
        self.unless_closed(job::find(self)).await
    }

    /// Waits for the end of the job that [`KubernetesWork::start_job`] gave, and gets its logs if they are wanted.
    pub async fn wait_for_job(&self, submitted: &Value) -> JobOutcome {
        self.unless_closed(job::wait(self, submitted)).await
    }

    /// Deletes the job with its pods, as well as that goes. Gives false when the server is stopping, so that it was not
    /// tried.
    pub async fn delete_job(&self, submitted: &Value) -> bool {
        match self.unless_closed(job::delete(self, submitted)).await {
            JobOutcome::Done(_) => true,
            JobOutcome::Interrupted => false,
            JobOutcome::Failed(error) => {
                tracing::warn!(
                    execution = %self.caller.execution_arn,
                    error = %error.error,
                    cause = %error.cause.unwrap_or_default().escape_debug(),
                    "the Kubernetes job of a task that was given up could not be deleted"
                );
                true
            }
        }
    }

    async fn unless_closed(&self, act: impl Future<Output = Result<Value, TaskError>>) -> JobOutcome {
        match self.kubernetes.gate.unless_closed(act).await {
            None => JobOutcome::Interrupted,
            Some(Ok(result)) => JobOutcome::Done(result),
            Some(Err(error)) => JobOutcome::Failed(error),
        }
    }

    fn checked(&self, target: DirectTarget) -> Result<Parameters<'_>, TaskError> {
        Parameters::check(target, self.parameters)
    }

    /// The way to the cluster of the parameters. It is looked up for each request: files and tokens change.
    async fn connection(&self, parameters: Parameters<'_>) -> Result<Connection, TaskError> {
        connection::find(self, parameters).await
    }

    /// Sends a request to the cluster of the parameters.
    async fn send(
        &self,
        parameters: Parameters<'_>,
        request: Request,
        limit_bytes: usize,
    ) -> Result<Response, TaskError> {
        let connection = self.connection(parameters).await?;
        let sent = self.kubernetes.send(&connection, request, limit_bytes).await;
        sent.map_err(Trouble::into_error)
    }
}

/// A request to the API server.
struct Request {
    method: Method,
    /// With the query, encoded; it begins with a slash.
    path: String,
    content_type: Option<&'static str>,
    body: bytes::Bytes,
}

impl Request {
    fn get(path: String) -> Self {
        Self { method: Method::GET, path, content_type: None, body: bytes::Bytes::new() }
    }

    fn json(method: Method, path: String, body: &Value) -> Self {
        Self { method, path, content_type: Some("application/json"), body: body.to_text().into() }
    }

    fn headers(&self, connection: &Connection) -> hyper::header::HeaderMap {
        use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json, */*")),
            (USER_AGENT, HeaderValue::from_static(crate::lambda::USER_AGENT_VALUE)),
        ]);
        headers.extend(self.content_type.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        headers.extend(connection.authorization.clone().map(|value| (AUTHORIZATION, value)));
        headers
    }
}

/// Why there is no complete answer.
enum Trouble {
    NoAnswer(String),
    TooLarge,
}

impl Trouble {
    fn into_error(self) -> TaskError {
        match self {
            Self::NoAnswer(reason) => no_answer(&reason),
            Self::TooLarge => crate::aws::too_large(SECTION),
        }
    }
}

fn no_answer(reason: &str) -> TaskError {
    TaskError::new("EKS.SdkClientException", format!("Unable to execute HTTP request: {reason}"))
}

/// `ResponseBody`, `StatusCode` and `StatusText`.
fn shown(response: &Response) -> Value {
    let text = String::from_utf8_lossy(&response.body);
    let body = stepwell_json::parse(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
    object(vec![
        ("ResponseBody", body),
        ("StatusCode", Value::from(i64::from(response.status.as_u16()))),
        ("StatusText", Value::from(response.status.canonical_reason().unwrap_or_default())),
    ])
}

/// The error of an answer that is no 2xx (AWS's guide shows it for 401).
fn refused(response: &Response) -> TaskError {
    TaskError::new(format!("EKS.{}", response.status.as_u16()), shown(response).to_text())
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(Object::from_entries(
        members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    ))
}
