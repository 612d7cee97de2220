//! One call: where to, signed with what, sent, tried again, read.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use bytes::Bytes;
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use stepwell_aws_model::{AuthType, Operation, Service};
use stepwell_json::{Object, Value};
use tokio::sync::{Semaphore, watch};

pub use super::read::Era;
use super::{
    checksum,
    config::{self, AwsConfig, AwsIntegration},
    credentials::{Actor, CredentialStore, account_of_role},
    endpoint::{self, Target},
    read, retry, schema, sign,
    wire::{Wire, WireAnswer, WireError, WireRequest, wire},
    write,
};
use crate::{
    config::OnUncertain,
    http_client::{HttpClient, HttpError, check_address},
    lambda::{Counted, QUEUE_MAX},
};

/// The longest answer that is read for a result, in bytes: a result may have 256 KiB, and XML says the same at greater
/// length.
pub const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Places that may have limits of their own.
const PLACES_MAX: usize = 10_000;

/// A call of an operation.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The service.
    pub service: &'a Arc<Service>,
    /// The operation, as `Service::operation` finds it.
    pub operation: &'a str,
    /// What to send.
    pub parameters: &'a Value,
    /// Bytes that are the body of the request as they are, in place of the parameter that is.
    pub body: Option<Bytes>,
    /// The longest answer that is read, in bytes.
    pub answer_max_bytes: usize,
    /// Which SDK the result looks like.
    pub era: Era,
    /// The region of the execution.
    pub region: &'a str,
    /// The account of the execution.
    pub account: &'a str,
    /// What idempotency tokens are made from; the same when the call is made again after a crash.
    pub token_seed: &'a str,
    /// The role that the task wants to act in.
    pub role: Option<&'a str>,
}

impl Call<'_> {
    fn actor(&self) -> Actor<'_> {
        Actor { region: self.region, account: self.account, role: self.role }
    }
}

/// What came of a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// The service did what it was asked for.
    Answered(Answer),
    /// It did not, or nobody knows.
    Failed(CallError),
    /// The server is stopping: nothing is known, and nothing should be recorded.
    Interrupted,
}

/// What a service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The members of the answer, with the names that tasks use.
    pub result: Object,
    /// HTTP's status.
    pub status: u16,
    /// The headers as they came.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
    /// The service's id of the request.
    pub request_id: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The parameters don't fit the operation; nothing was sent.
    Parameters(Vec<String>),
    /// Nothing usable came back.
    NoAnswer {
        /// Why.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The service refused.
    Service(ServiceError),
    /// The answer is longer than a result may be.
    TooLarge,
    /// The role of the task could not be taken on.
    Role(String),
}

/// What a service says that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// The code on the wire.
    pub code: String,
    /// The name of the error's shape, where the code is that of a former protocol.
    pub shape: Option<String>,
    /// The message.
    pub message: String,
    /// HTTP's status.
    pub status: u16,
    /// The service's id of the request.
    pub request_id: String,
    /// S3's second id.
    pub extended_request_id: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

impl ServiceError {
    /// The error in the model, if it is one that the service declares.
    pub(super) fn modelled<'a>(&self, service: &'a Service) -> Option<&'a stepwell_aws_model::ErrorShape> {
        service.error(&self.code).or_else(|| service.error(self.shape.as_deref()?))
    }
}

/// An answer of a service within this process.
#[derive(Debug, Clone)]
pub struct LocalAnswer {
    /// HTTP's status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// The Step Functions API of this server, called without leaving the process.
pub trait LocalService: Send + Sync {
    /// Calls an operation (`StartExecution`) with the body of its request.
    fn call<'a>(
        &'a self,
        operation: &'a str,
        region: &'a str,
        account: &'a str,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + 'a>>;
}

/// Calls AWS services, or servers that speak the same APIs.
pub struct Aws {
    pub(super) config: AwsConfig,
    client: HttpClient,
    pub(super) credentials: CredentialStore,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
    waiting: AtomicUsize,
    stop: watch::Sender<bool>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    /// A client; nothing is called yet.
    #[must_use]
    pub fn new(config: AwsConfig) -> Self {
        let config = config.by_word();
        Self {
            credentials: CredentialStore::new(&config),
            config,
            client: HttpClient::new(),
            places: Mutex::default(),
            waiting: AtomicUsize::new(0),
            stop: watch::Sender::new(false),
        }
    }

    /// Calls under way end as [`CallOutcome::Interrupted`], and so do later ones.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// What to do with a call of a service whose outcome a crash made unknown.
    #[must_use]
    pub fn on_uncertain(&self, service: &Service) -> OnUncertain {
        self.integration(service).on_uncertain
    }

    /// Whether the service is this server itself.
    #[must_use]
    pub fn is_local(&self, service: &Service) -> bool {
        &*service.word == "sfn" && !self.config.endpoints.contains_key("sfn")
    }

    /// Whether the service would be called at AWS itself.
    #[must_use]
    pub fn is_at_aws(&self, service: &Service) -> bool {
        endpoint::target(&self.config, service, "us-east-1").is_ok_and(|target| target.is_aws)
    }

    /// Sleeps; none when the server is stopping.
    pub(super) async fn sleep(&self, pause: Duration) -> Option<()> {
        let mut stop = self.stop.subscribe();
        tokio::time::timeout(pause, stop.wait_for(|stopped| *stopped)).await.is_err().then_some(())
    }

    fn integration(&self, service: &Service) -> AwsIntegration {
        self.config.integration(&service.word)
    }

    /// Whether AWS itself may be called.
    pub(crate) fn allows_aws(&self) -> bool {
        self.config.section.allow
    }

    /// The address that the configuration has for APIs behind API Gateway.
    pub(crate) fn execute_api_endpoint(&self) -> Option<&str> {
        let found = [config::EXECUTE_API, "apigateway", "*"];
        found.iter().find_map(|name| self.config.endpoints.get(*name)).map(String::as_str)
    }

    /// Makes a call. `local` is this server's own API.
    pub async fn call(&self, call: &Call<'_>, local: Option<&dyn LocalService>) -> CallOutcome {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => CallOutcome::Interrupted,
            outcome = self.carry_out(call, local) => match outcome {
                Ok(answer) => CallOutcome::Answered(answer),
                Err(error) => CallOutcome::Failed(error),
            },
        }
    }

    /// As [`Aws::call`], but not interrupted when the server is stopping.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call_to_the_end(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        self.carry_out(call, None).await
    }

    pub(super) async fn carry_out(
        &self,
        call: &Call<'_>,
        local: Option<&dyn LocalService>,
    ) -> Result<Answer, CallError> {
        let schemas = schema::schemas(call.service);
        let service = schemas.service;
        let Some(operation) = service.operation(call.operation) else {
            return Err(no_answer(format!("{} has no operation {}", service.word, call.operation), 0));
        };
        let problems = write::problems(service, operation, call.parameters);
        if !problems.is_empty() {
            return Err(CallError::Parameters(problems));
        }
        let blobs_are_base64 = call.era == Era::First && &*service.word == "dynamodb";
        let wire = wire(schemas);
        let rules = write::Rules { blobs_are_base64, token_seed: call.token_seed };
        let mut request = wire
            .request(operation, call.parameters, rules)
            .map_err(|problem| CallError::Parameters(vec![problem]))?;
        if let Some(body) = &call.body {
            request.body = body.clone();
        }
        let (answer, attempts) = match local.filter(|_| self.is_local(service)) {
            Some(local) => (self.call_local(local, call, operation, request).await, 1),
            None => self.send(call, service, operation, request, &wire).await?,
        };
        if !(200..300).contains(&answer.status) {
            return Err(CallError::Service(service_error(
                wire.error(operation, &answer),
                answer.status,
                attempts,
            )));
        }
        let rules = read::Rules { era: call.era, blobs_are_base64 };
        let result = wire
            .output(operation, &answer, rules)
            .map_err(|reason| no_answer(format!("the answer can't be read: {reason}"), attempts))?;
        let request_id = answer
            .header("x-amzn-requestid")
            .or_else(|| answer.header("x-amz-request-id"))
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        Ok(Answer { result, status: answer.status, body: answer.body, headers: answer.headers, request_id })
    }

    async fn call_local(
        &self,
        local: &dyn LocalService,
        call: &Call<'_>,
        operation: &Operation,
        request: WireRequest,
    ) -> WireAnswer {
        let account = call.role.and_then(account_of_role).unwrap_or(call.account);
        let answer = local.call(&operation.name, call.region, account, request.body).await;
        let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.0".to_owned())];
        WireAnswer { status: answer.status, headers, body: answer.body.into() }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        service: &'static Service,
        operation: &'static Operation,
        request: WireRequest,
        wire: &impl Wire,
    ) -> Result<(WireAnswer, u32), CallError> {
        let target =
            endpoint::target(&self.config, service, call.region).map_err(|reason| no_answer(reason, 0))?;
        let credentials = match operation.auth {
            AuthType::None => None,
            _ => Some(self.credentials(&call.actor(), target.is_aws).await?),
        };
        let integration = self.integration(service);
        let place = self.place(service, &target, integration.concurrency);
        if self.waiting.load(Ordering::Relaxed) >= QUEUE_MAX {
            return Err(no_answer(format!("more than {QUEUE_MAX} calls wait for their turn"), 0));
        }
        let permit = {
            let _waiting = Counted::new(&self.waiting);
            place.acquire_owned().await
        };
        let Ok(_permit) = permit else { return Err(no_answer("the server is stopping".to_owned(), 0)) };
        let bounds = Bounds { answer_max_bytes: call.answer_max_bytes, timeout: integration.timeout() };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let sent =
                self.send_once(service, operation, &target, credentials.as_ref(), &request, &bounds).await;
            let is_last = attempts >= retry::ATTEMPTS_MAX;
            match sent {
                Ok(answer) if is_last || (200..300).contains(&answer.status) => {
                    return Ok((answer, attempts));
                }
                Ok(answer) => {
                    let error = wire.error(operation, &answer);
                    if !retry::is_worth_another(answer.status, error.code.as_deref()) {
                        return Ok((answer, attempts));
                    }
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(reason)) if is_last => return Err(no_answer(reason, attempts)),
                Err(Trouble::Passing(_)) => {}
            }
            tokio::time::sleep(retry::pause(attempts, random())).await;
        }
    }

    async fn send_once(
        &self,
        service: &Service,
        operation: &Operation,
        target: &Target,
        credentials: Option<&Credentials>,
        request: &WireRequest,
        bounds: &Bounds,
    ) -> Result<WireAnswer, Trouble> {
        let fatal = |reason: String| Trouble::Final(no_answer(reason, 1));
        let url = endpoint::address(service, target, request);
        let uri = check_address(&url).map_err(fatal)?;
        let mut headers = request.headers.clone();
        if let Some(authority) = uri.authority() {
            headers.push(("host".to_owned(), authority.to_string()));
        }
        headers.extend(checksum::headers(service, operation, &request.body));
        if let Some(credentials) = credentials {
            let scope = sign::Scope { region: &target.signing_region, service: &target.signing_name };
            let unsigned =
                sign::Request { method: &request.method, url: &url, headers: &headers, body: &request.body };
            let now = SystemTime::now();
            let signed = sign::operation_headers(service, operation, credentials, &scope, &unsigned, now)
                .map_err(|reason| fatal(format!("the request can't be signed: {reason}")))?;
            headers.extend(signed);
        }
        headers.push(("user-agent".to_owned(), crate::lambda::USER_AGENT_VALUE.to_owned()));
        let mut checked = Vec::with_capacity(headers.len());
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| fatal(error.to_string()))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| fatal(format!("the value of {name} can't be sent in an HTTP header")))?;
            checked.push((name, value));
        }
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| fatal(error.to_string()))?;
        let (limit, timeout) = (bounds.answer_max_bytes, bounds.timeout);
        match self.client.send(method, uri, checked, request.body.clone(), limit, timeout).await {
            Ok(response) => {
                let headers = response.headers.iter().filter_map(|(name, value)| {
                    Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
                });
                Ok(WireAnswer {
                    status: response.status.as_u16(),
                    headers: headers.collect(),
                    body: response.body,
                })
            }
            Err(HttpError::NoConnection(reason) | HttpError::NoAnswer(reason)) => {
                Err(Trouble::Passing(reason))
            }
            Err(HttpError::TimedOut) => Err(Trouble::Passing("Read timed out".to_owned())),
            Err(HttpError::TooLarge) => Err(Trouble::Final(CallError::TooLarge)),
        }
    }

    /// The limit of calls at once to a place.
    fn place(&self, service: &Service, target: &Target, concurrency: usize) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES_MAX {
            places.clear();
        }
        let key = format!("{} {}", service.word, target.base);
        places.entry(key).or_insert_with(|| Arc::new(Semaphore::new(concurrency))).clone()
    }
}

/// What one try may take.
struct Bounds {
    answer_max_bytes: usize,
    timeout: Duration,
}

/// Trouble with one try.
enum Trouble {
    /// Another try may go better.
    Passing(String),
    /// It won't.
    Final(CallError),
}

pub(super) fn no_answer(reason: String, attempts: u32) -> CallError {
    CallError::NoAnswer { reason, attempts: attempts.max(1) }
}

fn service_error(error: WireError, status: u16, attempts: u32) -> ServiceError {
    ServiceError {
        // An answer without a body (HEAD of S3) has only its status.
        code: error.code.unwrap_or_else(|| match status {
            404 => "NotFound".to_owned(),
            status => status.to_string(),
        }),
        shape: error.shape,
        message: error.message.unwrap_or_else(|| "null".to_owned()),
        status,
        request_id: error.request_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        extended_request_id: error.extended_request_id,
        attempts,
    }
}

/// A uniform number from 0 to 1, for pauses.
pub(crate) fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / f64::from(u32::MAX)
}
