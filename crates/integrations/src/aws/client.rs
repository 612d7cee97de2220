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
use stepwell_aws_model::{AuthType, Checksum, Operation, Service, service};
use stepwell_json::{Object, Value};
use tokio::sync::{Semaphore, watch};

pub use super::read::Era;
use super::{
    config::{self, AwsConfig, AwsIntegration},
    credentials::{self, CredentialStore},
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

/// The longest answer that is read, in bytes: a result may have 256 KiB, and XML says the same at greater length.
pub(super) const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
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

/// Who a call is signed as.
pub(crate) struct Signer<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    /// What idempotency tokens are made from.
    pub(crate) token_seed: &'a str,
    /// The role that the task wants to act in.
    pub(crate) role: Option<&'a str>,
}

impl<'a> Signer<'a> {
    fn of(call: &Call<'a>) -> Self {
        Self { region: call.region, account: call.account, token_seed: call.token_seed, role: call.role }
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
    /// The length of the body.
    pub length: String,
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
    config: AwsConfig,
    client: HttpClient,
    credentials: CredentialStore,
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

    async fn carry_out(
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
        let request = wire
            .request(operation, call.parameters, rules)
            .map_err(|problem| CallError::Parameters(vec![problem]))?;
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
        Ok(Answer {
            result,
            status: answer.status,
            length: answer.body.len().to_string(),
            headers: answer.headers,
            request_id,
        })
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
            _ => Some(self.credentials(&Signer::of(call), target.is_aws).await?),
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
        let mut attempts = 0;
        loop {
            attempts += 1;
            let sent = self
                .send_once(service, operation, &target, credentials.as_ref(), &request, integration.timeout())
                .await;
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
        timeout: Duration,
    ) -> Result<WireAnswer, Trouble> {
        let fatal = |reason: String| Trouble::Final(no_answer(reason, 1));
        let url = address(service, target, request);
        let uri = check_address(&url).map_err(fatal)?;
        let mut headers = request.headers.clone();
        if let Some(authority) = uri.authority() {
            headers.push(("host".to_owned(), authority.to_string()));
        }
        headers.extend(checksum(service, operation, &request.body));
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
        let mut checked = Vec::with_capacity(headers.len());
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| fatal(error.to_string()))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| fatal(format!("the value of {name} can't be sent in an HTTP header")))?;
            checked.push((name, value));
        }
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| fatal(error.to_string()))?;
        match self.client.send(method, uri, checked, request.body.clone(), ANSWER_MAX_BYTES, timeout).await {
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

    /// What a call is signed with; `is_aws`: at AWS itself.
    ///
    /// # Errors
    /// There is nothing to sign with, or the role can't be taken on.
    pub(crate) async fn credentials(
        &self,
        signer: &Signer<'_>,
        is_aws: bool,
    ) -> Result<Credentials, CallError> {
        let Some(role) = signer.role else {
            return match is_aws {
                true => self.credentials.standard().await.map_err(|reason| no_answer(reason, 0)),
                false => Ok(self
                    .credentials
                    .environment()
                    .unwrap_or_else(|| credentials::placeholder(signer.account))),
            };
        };
        if let Some(section) = self.config.section.roles.get(role) {
            return Ok(credentials::of_section(section));
        }
        if let Some(known) = self.credentials.role(role, SystemTime::now()) {
            return Ok(known);
        }
        let sts = service("sts").ok_or_else(|| CallError::Role("the model of STS is missing".to_owned()))?;
        if let Err(reason) = endpoint::target(&self.config, &sts, signer.region) {
            if is_aws {
                return Err(CallError::Role(format!("The role {role} could not be assumed: {reason}")));
            }
            // Nobody can be asked; emulators read the account from the access key.
            return Ok(credentials::placeholder(account_of_role(role).unwrap_or(signer.account)));
        }
        let assumed = self.assume(&sts, role, signer).await?;
        self.credentials.remember(role, assumed.clone());
        Ok(assumed)
    }

    /// Asks STS, which is a call as any other.
    fn assume<'a>(
        &'a self,
        sts: &'a Arc<Service>,
        role: &'a str,
        signer: &'a Signer<'_>,
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
                era: Era::Second,
                region: signer.region,
                account: signer.account,
                token_seed: signer.token_seed,
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

/// Trouble with one try.
enum Trouble {
    /// Another try may go better.
    Passing(String),
    /// It won't.
    Final(CallError),
}

fn no_answer(reason: String, attempts: u32) -> CallError {
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

/// `arn:aws:iam::123456789012:role/name` is of that account.
fn account_of_role(role: &str) -> Option<&str> {
    role.split(':').nth(4).filter(|account| account.len() == 12)
}

/// The whole address. At AWS, an S3 bucket whose name allows it is a part of the host.
fn address(service: &Service, target: &Target, request: &WireRequest) -> String {
    let (scheme, host) = target.base.split_once("://").unwrap_or(("https", &target.base));
    if !target.is_aws {
        return format!("{}{}", target.base, request.path);
    }
    if &*service.word == "s3" && request.host_prefix.is_none() {
        let (path, query) = request
            .path
            .split_once('?')
            .map_or((request.path.as_str(), None), |(path, query)| (path, Some(query)));
        let rest = path.trim_start_matches('/');
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_host {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            return format!("{scheme}://{bucket}.{host}/{key}{query}");
        }
    }
    format!("{scheme}://{}{host}{}", request.host_prefix.as_deref().unwrap_or_default(), request.path)
}

/// The checksum of the body. S3's is CRC32, as the SDKs send it, and shows in results (recorded).
fn checksum(service: &Service, operation: &Operation, body: &[u8]) -> Vec<(String, String)> {
    use base64::Engine;
    use md5::{Digest, Md5};
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    match operation.checksum {
        Checksum::None => Vec::new(),
        Checksum::Supported | Checksum::Required if &*service.word == "s3" => vec![
            ("x-amz-sdk-checksum-algorithm".to_owned(), "CRC32".to_owned()),
            ("x-amz-checksum-crc32".to_owned(), base64(&crc32(body).to_be_bytes())),
        ],
        Checksum::Supported => Vec::new(),
        Checksum::Required => vec![("content-md5".to_owned(), base64(&Md5::digest(body)))],
    }
}

/// CRC-32 as in gzip. Bodies are small: a task's parameters have at most 256 KiB.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |remainder: u32, byte: &u8| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            (remainder >> 1) ^ (0xEDB8_8320 & (remainder & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A uniform number from 0 to 1, for pauses.
pub(crate) fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_gzip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn buckets_are_in_the_host_at_aws_and_in_the_path_elsewhere() {
        let s3 = service("s3").expect("s3");
        let request = |path: &str| WireRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            host_prefix: None,
        };
        let target = |base: &str, is_aws| Target {
            base: base.to_owned(),
            signing_name: "s3".to_owned(),
            signing_region: "eu-west-1".to_owned(),
            is_aws,
        };
        let aws = target("https://s3.eu-west-1.amazonaws.com", true);
        let near = target("http://127.0.0.1:9000", false);
        for (target, path, expected) in [
            (&aws, "/bucket/a/b?x=1", "https://bucket.s3.eu-west-1.amazonaws.com/a/b?x=1"),
            (&aws, "/bucket?list-type=2", "https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2"),
            (&aws, "/dotted.bucket/a", "https://s3.eu-west-1.amazonaws.com/dotted.bucket/a"),
            (&aws, "/", "https://s3.eu-west-1.amazonaws.com/"),
            (&near, "/bucket/a", "http://127.0.0.1:9000/bucket/a"),
        ] {
            assert_eq!(address(&s3, target, &request(path)), expected);
        }
    }
}
