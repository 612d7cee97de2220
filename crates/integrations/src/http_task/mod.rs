//! HTTP Tasks (`http:invoke`): requests to HTTP APIs by way of connections.
//!
//! [`HttpTask`] makes the request of a task's parameters and its connection, sends it where it may go, and shows the
//! answer as the task's result or error.

mod config;
mod form;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod token;

use std::{collections::BTreeMap, time::Duration};

use hyper::header::{AUTHORIZATION, HeaderValue};
use stepwell_aws_model::DirectTarget;
use stepwell_json::Value;

pub use self::config::{
    Connection, ConnectionKind, ConnectionSection, HttpSection, Parameter, Secret, TIMEOUT_MAX_SECONDS,
    TokenMethod,
};
use self::{
    config::Authorization,
    request::{Prepared, prepare, unusable},
    token::TokenCache,
};
use crate::{
    address::{self, Exception},
    aws::too_large,
    config::OnUncertain,
    gate::Gate,
    http_client::{HttpClient, HttpError, Resolver, Response},
    lambda::TaskError,
    parameters::Parameters,
};

/// The longest body of an answer, in bytes: what a result may have.
const ANSWER_MAX_BYTES: usize = 262_144;

/// Everything about HTTP Tasks.
#[derive(Debug, Clone, Default)]
pub struct HttpConfig {
    /// `[http]`.
    pub section: HttpSection,
    /// `[connections.*]`, by name or by ARN.
    pub connections: BTreeMap<String, Connection>,
}

/// What came of a call.
#[derive(Debug)]
pub enum HttpOutcome {
    /// The result of the task.
    Answered(Value),
    /// Its error.
    Failed(TaskError),
    /// The server is stopping: nothing is known, and nothing should be recorded.
    Interrupted,
}

/// A request and its answer, for TestState.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the AWS API reference")]
pub struct Trace {
    pub request: Option<TracedRequest>,
    pub response: Option<TracedResponse>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the AWS API reference")]
pub struct TracedRequest {
    pub protocol: String,
    pub method: String,
    pub url: String,
    pub headers: String,
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the AWS API reference")]
pub struct TracedResponse {
    pub protocol: String,
    pub status_code: String,
    pub status_message: String,
    pub headers: String,
    pub body: String,
}

/// Makes the calls of HTTP Tasks.
pub struct HttpTask {
    section: HttpSection,
    exceptions: Vec<Exception>,
    connections: BTreeMap<String, (Connection, TokenCache)>,
    /// For the public Internet: connects to no other addresses.
    guarded: HttpClient,
    /// For exceptions and for the servers of tokens, which the operator names.
    open: HttpClient,
    gate: Gate,
}

impl std::fmt::Debug for HttpTask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpTask").finish_non_exhaustive()
    }
}

impl HttpTask {
    /// A client; nothing is called yet.
    #[must_use]
    pub fn new(config: HttpConfig) -> Self {
        Self::with_resolver(config, Resolver::system(address::is_public, address::ALLOWED_NAME))
    }

    fn with_resolver(config: HttpConfig, resolver: Resolver) -> Self {
        let exceptions = config.section.allow.iter().filter_map(|text| Exception::parse(text)).collect();
        let connections = config.connections.into_iter();
        let concurrency = config.section.concurrency.max(1);
        Self {
            exceptions,
            connections: connections.map(|(name, found)| (name, (found, TokenCache::default()))).collect(),
            guarded: HttpClient::with_resolver(resolver, concurrency),
            open: HttpClient::new(concurrency),
            gate: Gate::new(concurrency),
            section: config.section,
        }
    }

    /// Calls under way end as [`HttpOutcome::Interrupted`], and so do later ones.
    pub fn shutdown(&self) {
        self.gate.close();
    }

    /// What to do with a call whose outcome a crash made unknown.
    #[must_use]
    pub fn on_uncertain(&self) -> OnUncertain {
        self.section.on_uncertain
    }

    /// Makes the call of a task. `trace` takes what was sent and came back; without `reveals_secrets` the values of the
    /// connection are hidden in it.
    pub async fn call(
        &self,
        parameters: &Value,
        region: &str,
        trace: Option<&mut Trace>,
        reveals_secrets: bool,
    ) -> HttpOutcome {
        match self.gate.unless_closed(self.carry_out(parameters, region, trace, reveals_secrets)).await {
            None => HttpOutcome::Interrupted,
            Some(Ok(result)) => HttpOutcome::Answered(result),
            Some(Err(error)) => HttpOutcome::Failed(error),
        }
    }

    async fn carry_out(
        &self,
        parameters: &Value,
        region: &str,
        mut trace: Option<&mut Trace>,
        reveals_secrets: bool,
    ) -> Result<Value, TaskError> {
        let parameters = Parameters::check(DirectTarget::HttpTask, parameters)?;
        let (name, (connection, tokens)) = self.connection(parameters)?;
        let mut prepared = prepare(parameters, &connection.additions, &self.exceptions, region)?;
        let host = prepared.uri.authority().map_or("", |authority| authority.as_str());
        let turn = self.gate.turn(&format!("{name} {host}")).await;
        let _turn = turn.map_err(|reason| {
            TaskError::new(
                "States.TaskFailed",
                format!("{host} was not called by way of connection {name}: {reason}"),
            )
        })?;
        let mut refused = None;
        loop {
            let mut kept_token = None;
            if let Authorization::OAuth(source) = &connection.authorization {
                let got = tokens.get(&self.open, source, refused.as_ref(), self.timeout()).await;
                let (value, was_kept) = got.map_err(|reason| not_authorized(name, &reason))?;
                kept_token = was_kept.then(|| value.clone());
                prepared.headers.insert(AUTHORIZATION, value);
            }
            if let Some(trace) = trace.as_deref_mut() {
                let masked = connection.additions.masked();
                trace.request = Some(match reveals_secrets {
                    true => traced_request(&prepared),
                    false => {
                        traced_request(&prepared.masked(parameters, &masked, &self.exceptions, region)?)
                    }
                });
            }
            let response = self.send(&prepared).await?;
            if let Some(trace) = trace.as_deref_mut() {
                trace.response = Some(traced_response(&prepared, &response));
            }
            // A token can end before its time; a new one that is refused too is no better the third time.
            match kept_token {
                Some(token) if matches!(response.status.as_u16(), 401 | 407) => refused = Some(token),
                _ => return response::result(&response),
            }
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.section.timeout_seconds)
    }

    async fn send(&self, prepared: &Prepared) -> Result<Response, TaskError> {
        let client = if prepared.is_excepted { &self.open } else { &self.guarded };
        let Prepared { method, uri, headers, body, .. } = prepared.clone();
        let sent = client.send(method, uri, headers, body, ANSWER_MAX_BYTES, self.timeout()).await;
        sent.map_err(|error| match error {
            HttpError::NoConnection(reason) => TaskError::new("States.TaskFailed", reason),
            HttpError::NoAnswer(reason) => TaskError::new("States.Http.Socket", reason),
            HttpError::TimedOut => TaskError::new(
                "States.Http.Socket",
                format!("There was no complete answer within {} seconds", self.section.timeout_seconds),
            ),
            HttpError::TooLarge => too_large("http"),
        })
    }

    /// The connection that the task names, by the name in its ARN or by the whole ARN.
    fn connection(&self, parameters: Parameters<'_>) -> Result<(&str, &(Connection, TokenCache)), TaskError> {
        let arn = ["InvocationConfig", "Authentication"]
            .iter()
            .find_map(|field| parameters.inner(field)?.text("ConnectionArn"))
            .ok_or_else(|| {
                unusable("An HTTP Task needs the ConnectionArn of a connection, in InvocationConfig or Authentication")
            })?;
        // arn:aws:events:REGION:ACCOUNT:connection/NAME/UUID
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let name = match parts.as_slice() {
            ["arn", _, "events", _, _, resource] => {
                resource.strip_prefix("connection/").map(|rest| rest.split('/').next().unwrap_or(rest))
            }
            _ => None,
        };
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
            unusable(format!("The ConnectionArn {arn:?} is not the ARN of an EventBridge connection"))
        })?;
        let found = self.connections.get_key_value(&arn).or_else(|| self.connections.get_key_value(name));
        found.map(|(name, found)| (name.as_str(), found)).ok_or_else(|| {
            TaskError::new(
                "Events.ConnectionResource.ResourceNotFound",
                format!("Connection {name} does not exist. Describe it under [connections.{name}] in stepwell.toml."),
            )
        })
    }
}

fn not_authorized(name: &str, reason: &str) -> TaskError {
    TaskError::new(
        "Events.ConnectionResource.InvalidConnectionState",
        format!("Connection {name} could not be authorized: {reason}"),
    )
}

/// The scheme of the URL is what AWS calls the protocol (documented).
fn protocol(prepared: &Prepared) -> String {
    prepared.uri.scheme_str().unwrap_or_default().to_owned()
}

fn traced_request(prepared: &Prepared) -> TracedRequest {
    let shown = prepared.shown_headers.iter();
    let headers = shown.flat_map(|(name, spelling)| {
        prepared.headers.get_all(name).iter().map(move |value| (spelling.as_str(), value))
    });
    TracedRequest {
        protocol: protocol(prepared),
        method: prepared.method.to_string(),
        url: prepared.uri.to_string(),
        headers: traced_headers(headers),
        body: String::from_utf8_lossy(&prepared.body).into_owned(),
    }
}

fn traced_response(prepared: &Prepared, response: &Response) -> TracedResponse {
    TracedResponse {
        protocol: protocol(prepared),
        status_code: response.status.as_u16().to_string(),
        status_message: response.status.canonical_reason().unwrap_or_default().to_owned(),
        headers: traced_headers(response.headers.iter().map(|(name, value)| (name.as_str(), value))),
        body: String::from_utf8_lossy(&response.body).into_owned(),
    }
}

fn traced_headers<'h>(headers: impl Iterator<Item = (&'h str, &'h HeaderValue)>) -> String {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let shown: Vec<String> = headers.map(|(name, value)| format!("{name}: {}", text(value))).collect();
    format!("[{}]", shown.join(", "))
}
