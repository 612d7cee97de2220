//! Calls to a server that speaks the Step Functions API: this one, in another process or in this one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::failure::Failure;

/// The server that clients look for when nothing names one.
pub(crate) const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:8083";
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take. A synchronous Express execution takes five minutes at most.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(330);
/// Pages of a history can be long; nothing is longer than this.
const ANSWER_SIZE_MAX_BYTES: usize = 512 * 1024 * 1024;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// No answer came.
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// The server answered with an error of the API.
    Refused {
        /// The exception, such as `StateMachineDoesNotExist`.
        code: String,
        /// What it says.
        message: String,
    },
    /// The answer is not one of the API.
    NotTheApi {
        /// Where it was asked.
        endpoint: String,
        /// What came instead.
        reason: String,
    },
}

impl CallError {
    /// Whether the server answered with this exception.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, CallError::Refused { code, .. } if code == wanted)
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallError::Unreachable { endpoint, reason } => write!(
                formatter,
                "can't reach the server at {endpoint}: {reason}; start one with `stepwell serve`, or name it with \
                 --endpoint-url"
            ),
            CallError::Refused { code, message } if message.is_empty() => formatter.write_str(code),
            CallError::Refused { code, message } => write!(formatter, "{code}: {message}"),
            CallError::NotTheApi { endpoint, reason } => {
                write!(formatter, "{endpoint} does not answer as Step Functions does: {reason}")
            }
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        Failure::Refused(error.to_string())
    }
}

/// A connection pool to one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    endpoint: String,
    authorization: Option<String>,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client for the endpoint that is given, else for that of `AWS_ENDPOINT_URL_SFN`, else for the default. It acts in
    /// the account and region of the environment, as an AWS SDK would.
    ///
    /// # Errors
    /// The endpoint is not an address that can be called.
    pub(crate) fn new(endpoint: Option<&str>, environment: &Environment) -> Result<Client, Failure> {
        let endpoint =
            endpoint.or_else(|| environment.get("AWS_ENDPOINT_URL_SFN")).unwrap_or(ENDPOINT_DEFAULT);
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if endpoint.starts_with("https://") {
            let text = format!("{endpoint}: only http:// addresses can be called, not https://");
            return Err(Failure::Usage(text));
        }
        if address(&endpoint).is_none() {
            return Err(Failure::Usage(format!("{endpoint:?} is not an address; write http://HOST:PORT")));
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Ok(Client { endpoint, authorization: authorization(environment), http })
    }

    /// Calls an operation of the API.
    ///
    /// # Errors
    /// No answer, or one that is an error.
    pub(crate) async fn call(&self, operation: &str, request: &Value) -> Result<Value, CallError> {
        let target = format!("AWSStepFunctions.{operation}");
        self.post("/", request, Some(&target)).await
    }

    /// Calls the server's own route for backups.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn backup(&self, directory: &str) -> Result<Value, CallError> {
        self.post("/backup", &json!({"directory": directory}), None).await
    }

    /// Calls the server's own route for the logs of jobs.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn job_logs(&self, request: &Value) -> Result<Value, CallError> {
        self.post("/job-logs", request, None).await
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Reads one of the server's own routes that answer JSON.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.get_with_date(path).await.map(|(value, _)| value)
    }

    /// As [`Client::get`], and the time of the answer by the server's clock, as HTTP writes it.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn get_with_date(&self, path: &str) -> Result<(Value, Option<String>), CallError> {
        self.send(Request::get(format!("{}{path}", self.endpoint)), Bytes::new()).await
    }

    async fn post(&self, path: &str, request: &Value, target: Option<&str>) -> Result<Value, CallError> {
        let mut builder = Request::post(format!("{}{path}", self.endpoint)).header(
            "content-type",
            if target.is_some() { stepwell_api::CONTENT_TYPE } else { "application/json" },
        );
        if let Some(target) = target {
            builder = builder.header("x-amz-target", target);
        }
        self.send(builder, Bytes::from(request.to_string())).await.map(|(value, _)| value)
    }

    /// Sends a request; answers what came, and the answer's `Date`.
    async fn send(
        &self,
        builder: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<(Value, Option<String>), CallError> {
        let unreachable = |reason: String| CallError::Unreachable { endpoint: self.endpoint.clone(), reason };
        let mut builder = builder.header("user-agent", concat!("stepwell/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            builder = builder.header("authorization", authorization);
        }
        let request = builder.body(Full::new(body)).map_err(|error| unreachable(error.to_string()))?;
        let not_the_api = |reason: String| CallError::NotTheApi { endpoint: self.endpoint.clone(), reason };
        let answer = async {
            let response = self.http.request(request).await.map_err(|error| match is_not_http(&error) {
                true => not_the_api("it does not speak HTTP".to_owned()),
                false => unreachable(reason(&error)),
            })?;
            let status = response.status();
            let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
            let body = Limited::new(response.into_body(), ANSWER_SIZE_MAX_BYTES).collect().await;
            Ok((status, date, body.map_err(|error| unreachable(error.to_string()))?.to_bytes()))
        };
        let (status, date, body) = match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(result) => result?,
            Err(_) => return Err(unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))),
        };
        let value: Value = match serde_json::from_slice(&body) {
            Ok(value) => value,
            Err(_) if body.is_empty() && status.is_success() => json!({}),
            Err(_) => return Err(not_the_api(format!("HTTP status {}, and no JSON", status.as_u16()))),
        };
        if status.is_success() {
            return Ok((value, date));
        }
        let text =
            |names: &[&str]| names.iter().find_map(|name| value.get(*name)?.as_str()).map(str::to_owned);
        match text(&["__type", "code"]) {
            // The type can have a prefix that ends in '#'.
            Some(code) => Err(CallError::Refused {
                code: code.rsplit('#').next().unwrap_or(&code).to_owned(),
                message: text(&["message", "Message"]).unwrap_or_default(),
            }),
            None => Err(not_the_api(format!("HTTP status {}", status.as_u16()))),
        }
    }
}

/// Reads `http://HOST[:PORT]`, perhaps with a path.
pub(crate) fn address(endpoint: &str) -> Option<hyper::Uri> {
    let uri: hyper::Uri = endpoint.parse().ok()?;
    let authority = uri.authority()?;
    // What follows the host is a port, unless it is none, as 99999.
    let is_whole = authority.port_u16().is_some() || authority.as_str().ends_with(authority.host());
    (uri.scheme_str() == Some("http") && is_whole).then_some(uri)
}

/// Whether what answered speaks something else than HTTP: what it sent can't be read, or came before it was asked.
fn is_not_http(error: &hyper_util::client::legacy::Error) -> bool {
    // Where the connection ended or the system failed, the last error is another one.
    innermost(error).downcast_ref::<hyper::Error>().is_some_and(|last| {
        let is_end = last.is_incomplete_message() || last.is_closed() || last.is_canceled();
        !(is_end || last.is_timeout() || error.is_connect())
    })
}

/// The last error of a chain.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// The last error of a chain: the reason that the system gave.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let text = innermost(error).to_string();
    text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase()
}

/// The header that carries account and region, if the environment names any: the server reads both from the credential.
/// Servers that check no signatures get none; the value says so.
fn authorization(environment: &Environment) -> Option<String> {
    let key = environment.get("AWS_ACCESS_KEY_ID");
    let account = environment.get("AWS_ACCOUNT_ID");
    let names_region =
        environment.get("AWS_DEFAULT_REGION").or_else(|| environment.get("AWS_REGION")).is_some();
    if key.or(account).is_none() && !names_region {
        return None;
    }
    let key = key.or(account).unwrap_or("stepwell");
    let header = format!(
        "AWS4-HMAC-SHA256 Credential={key}/19700101/{}/states/aws4_request, SignedHeaders=host, Signature=unsigned",
        environment.region()
    );
    hyper::header::HeaderValue::from_str(&header).is_ok().then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_flag_then_variable_then_default() {
        let environment =
            Environment::of([("AWS_ENDPOINT_URL_SFN", "http://a:1/"), ("AWS_ENDPOINT_URL", "http://b")]);
        let endpoint =
            |flag, environment: &Environment| Client::new(flag, environment).map(|client| client.endpoint);
        assert_eq!(endpoint(Some("http://c:2"), &environment), Ok("http://c:2".into()));
        assert_eq!(endpoint(None, &environment), Ok("http://a:1".into()));
        assert_eq!(endpoint(None, &Environment::default()), Ok("http://127.0.0.1:8083".into()));
        for bad in [
            "https://a",
            "127.0.0.1:8083",
            "http://a b",
            "ftp://a",
            "",
            "http://",
            "http://a:99999",
            "http://a:x",
        ] {
            assert_eq!(endpoint(Some(bad), &environment).unwrap_err().exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn account_and_region_of_the_environment_are_sent() {
        let header = |variables: [(&str, &str); 2]| authorization(&Environment::of(variables));
        assert_eq!(authorization(&Environment::default()), None);
        let value = header([("AWS_ACCESS_KEY_ID", "123456789012"), ("AWS_REGION", "eu-west-1")]).unwrap();
        assert!(value.contains("Credential=123456789012/19700101/eu-west-1/states/aws4_request,"), "{value}");
        assert_eq!(header([("AWS_ACCESS_KEY_ID", "a\nb"), ("X", "y")]), None);
    }
}
