//! One call: where to, signed with what, sent, tried again, read.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use bytes::Bytes;
use hyper::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use stepwell_aws_model::{AuthType, Operation, Service};
use stepwell_json::{Object, Value};
use tokio::sync::watch;

pub use super::read::Era;
use super::{
    checksum,
    config::{self, AwsConfig, AwsIntegration},
    credentials::{Actor, CredentialStore},
    endpoint::{self, Target},
    read, retry,
    roles::account_of_role,
    schema, sign,
    wire::{Wire, WireAnswer, WireError, WireRequest, wire},
    write,
};
use crate::{
    config::{CONCURRENCY_DEFAULT, OnUncertain},
    http_client::{HttpClient, HttpError, check_address},
    turns::Turns,
};

/// The longest answer that is read for a result, in bytes: a result may have 256 KiB, and XML says the same at greater
/// length.
pub const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Parameters that name what a call is for, where one of a service can be slow while others are not: a function that
/// runs long, a queue that is waited at.
const TARGET_PARAMETERS: [&str; 10] = [
    "FunctionName",
    "QueueUrl",
    "TopicArn",
    "TableName",
    "Bucket",
    "StateMachineArn",
    "StreamName",
    "EndpointName",
    "ModelId",
    "JobQueue",
];
/// The services whose jobs may run on this machine. Their requests have all members in a body of JSON.
const LOCAL_JOBS: &[&str] = &["batch", "ecs"];

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

/// A call of a service within this process.
#[derive(Debug, Clone)]
pub struct LocalCall<'a> {
    /// The service, by its word.
    pub service: &'a str,
    /// The operation (`StartExecution`).
    pub operation: &'a str,
    /// The region of the execution.
    pub region: &'a str,
    /// The account of the execution, or that of the task's role.
    pub account: &'a str,
    /// The body of the request.
    pub body: Bytes,
}

/// What a [`LocalService`] does in its own time.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What of the services is to be had without leaving the process: this server's own API, and jobs that it runs.
pub trait LocalService: Send + Sync {
    /// Calls an operation. None when the call is about nothing that is here, so that it goes to the service's endpoint.
    fn call<'a>(&'a self, call: LocalCall<'a>) -> LocalFuture<'a, Option<LocalAnswer>>;

    /// Whether a call of the service that starts a job, with these parameters, would start it here.
    fn runs_here(&self, service: &str, parameters: &Value) -> bool;

    /// Resolves when the job ended that a call which asks for its state, with these parameters, is about. None when the
    /// job is not here, so that it has to be asked for time and again.
    fn job_ended<'a>(&'a self, service: &'a str, ask: &'a Value) -> Option<LocalFuture<'a, ()>>;
}

/// Calls AWS services, or servers that speak the same APIs.
pub struct Aws {
    pub(super) config: AwsConfig,
    client: HttpClient,
    pub(super) credentials: CredentialStore,
    /// By the word of the service.
    turns: Mutex<HashMap<Box<str>, Arc<Turns>>>,
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
        let concurrency = config.integrations.values().map(|section| section.concurrency);
        let connections_kept = concurrency.fold(CONCURRENCY_DEFAULT, usize::max);
        Self {
            credentials: CredentialStore::new(&config),
            config,
            client: HttpClient::new(connections_kept),
            turns: Mutex::default(),
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

    /// Whether a call of the service may be one of this process. Where a job runs is the job's business: a definition that
    /// is known here wins over the endpoint of its service.
    fn may_be_local(&self, service: &Service) -> bool {
        match &*service.word {
            "sfn" => !self.config.endpoints.contains_key("sfn"),
            word => LOCAL_JOBS.contains(&word),
        }
    }

    /// Whether the service would be called at AWS itself.
    #[must_use]
    pub fn is_at_aws(&self, service: &Service) -> bool {
        endpoint::target(&self.config, service, "us-east-1").is_ok_and(|target| target.is_aws)
    }

    /// Sleeps; none when the server is stopping.
    pub(super) async fn sleep(&self, pause: Duration) -> Option<()> {
        self.until_stop(tokio::time::sleep(pause)).await
    }

    /// Waits for something; none when the server is stopping.
    pub(super) async fn until_stop<T>(&self, something: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => None,
            value = something => Some(value),
        }
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

    /// Makes a call. `local` is what of the services is in this process.
    pub async fn call(&self, call: &Call<'_>, local: Option<&dyn LocalService>) -> CallOutcome {
        match self.until_stop(self.carry_out(call, local)).await {
            None => CallOutcome::Interrupted,
            Some(Ok(answer)) => CallOutcome::Answered(answer),
            Some(Err(error)) => CallOutcome::Failed(error),
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
        let answered = match local.filter(|_| self.may_be_local(service)) {
            Some(local) => call_local(local, call, operation, &request).await,
            None => None,
        };
        let (answer, attempts) = match answered {
            Some(answer) => (answer, 1),
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
            _ => Some(self.credentials(&Actor::of(call), target.is_aws).await?),
        };
        let integration = self.integration(service);
        let turns = self.turns(service, integration.concurrency);
        let turn = turns.take(&target_name(&target, call.parameters)).await;
        let _turn = turn.map_err(|reason| no_answer(reason.to_string(), 0))?;
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
                sign::Unsigned { method: &request.method, url: &url, headers: &headers, body: &request.body };
            let now = SystemTime::now();
            let signed = sign::operation_headers(service, operation, credentials, &scope, &unsigned, now)
                .map_err(|reason| fatal(format!("the request can't be signed: {reason}")))?;
            headers.extend(signed);
        }
        headers.push(("user-agent".to_owned(), crate::lambda::USER_AGENT_VALUE.to_owned()));
        let mut checked = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| fatal(error.to_string()))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| fatal(format!("the value of {name} can't be sent in an HTTP header")))?;
            checked.append(name, value);
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

    /// The turns of a service.
    fn turns(&self, service: &Service, concurrency: usize) -> Arc<Turns> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        match turns.get(&*service.word) {
            Some(turns) => turns.clone(),
            None => {
                let new = Arc::new(Turns::new(concurrency));
                turns.insert(service.word.clone(), new.clone());
                new
            }
        }
    }
}

/// What one try may take.
struct Bounds {
    answer_max_bytes: usize,
    timeout: Duration,
}

async fn call_local(
    local: &dyn LocalService,
    call: &Call<'_>,
    operation: &Operation,
    request: &WireRequest,
) -> Option<WireAnswer> {
    let account = call.role.and_then(account_of_role).unwrap_or(call.account);
    let local_call = LocalCall {
        service: &call.service.word,
        operation: &operation.name,
        region: call.region,
        account,
        body: request.body.clone(),
    };
    let answer = local.call(local_call).await?;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Some(WireAnswer { status: answer.status, headers, body: answer.body.into() })
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

/// What a call is for, among all that are for the same service.
fn target_name(target: &Target, parameters: &Value) -> String {
    let named = TARGET_PARAMETERS.iter().find_map(|name| parameters.get(name)?.as_str());
    match named {
        Some(named) => format!("{} {named}", target.base),
        None => target.base.clone(),
    }
}

/// A uniform number from 0 to 1, for pauses.
pub(crate) fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / f64::from(u32::MAX)
}
