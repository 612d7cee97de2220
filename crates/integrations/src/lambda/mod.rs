//! Lambda tasks: one call goes to a process of ours, a Lambda Invoke API or a plain address, as configured.

mod endpoint;
mod function_name;
mod invoke_result;
mod plain_url;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::aws::Aws;
use crate::config::{CONCURRENCY_MAX, ConfigError, LambdaConfig, OnUncertain, Target};
use crate::http_client::{HttpClient, check_address};
use crate::runner::Runner;
use crate::turns::{NoTurn, Turn, Turns};
pub(crate) use endpoint::USER_AGENT_VALUE;
pub(crate) use function_name::FunctionName;
pub use invoke_result::{InvokeRequest, function_arn_result, invoke_request, invoke_result};

/// Longest answer that Lambda takes from a function, in bytes (its quota of 6 MB, as its own error text has it).
pub const ANSWER_MAX_BYTES: usize = 6_291_556;
/// How long an answer is waited for when the task has no time limit: Lambda's longest run and some margin.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(915);
/// Longest error name that Step Functions records, in characters.
const ERROR_MAX_CHARACTERS: usize = 256;
/// Longest cause that Step Functions records, in characters.
const CAUSE_MAX_CHARACTERS: usize = 32_768;

/// How the function is called; the values of Lambda's `InvocationType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InvocationKind {
    /// Wait for the answer.
    #[default]
    RequestResponse,
    /// Accept the event and answer at once; the function runs on its own.
    Event,
    /// Only check that the function is there.
    DryRun,
}

impl InvocationKind {
    /// The value as Lambda spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }
}

/// One call of a function, with what the call needs to know of its execution.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What to call and with what.
    pub request: InvokeRequest,
    /// The execution, for log lines.
    pub execution_arn: Arc<str>,
    /// Region that a bare function name belongs to.
    pub region: Arc<str>,
    /// Account that a bare function name belongs to.
    pub account: Arc<str>,
    /// How long the caller waits; afterwards the answer is `States.Timeout`. A handler process runs on, as on AWS.
    pub timeout: Option<Duration>,
    /// The role that the task wants to act in, where the function is called over an API.
    pub role: Option<Arc<str>>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function (or Lambda on its behalf) answered, perhaps with an error of the handler.
    Answered(Answer),
    /// There is no answer of the function: it does not exist, can't be reached, was throttled.
    Failed(TaskError),
    /// The drivers were shut down during the call: nothing is known, and nothing should be recorded.
    Interrupted,
}

/// The function's answer, with those parts of Lambda's HTTP answer that Step Functions shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200, 202 for `Event`, 204 for `DryRun`.
    pub status: u16,
    /// The payload's text exactly as it came.
    pub payload: Arc<str>,
    /// The header `X-Amz-Function-Error` was there: the payload is an error document.
    pub function_error: bool,
    /// Version that ran; absent for `Event`.
    pub executed_version: Option<String>,
    /// Lambda's id of the request.
    pub request_id: String,
    /// Value of `X-Amzn-Trace-Id`.
    pub trace_id: String,
    /// Value of the header `Date`.
    pub date: String,
    /// Value of the header `Content-Type`.
    pub content_type: String,
    /// The log's tail in base64, when it was asked for.
    pub log_result: Option<String>,
}

impl Answer {
    /// An answer of our own making, with fresh ids and the present date.
    pub(crate) fn local(status: u16, payload: impl Into<Arc<str>>, request_id: String) -> Self {
        Self::traced(status, payload, request_id, new_trace_id())
    }

    /// The same for a request that has a trace id.
    pub(crate) fn traced(
        status: u16,
        payload: impl Into<Arc<str>>,
        request_id: String,
        trace_id: String,
    ) -> Self {
        Self {
            status,
            payload: payload.into(),
            function_error: false,
            executed_version: Some("$LATEST".into()),
            request_id,
            trace_id,
            date: http_date(),
            content_type: "application/json".into(),
            log_result: None,
        }
    }

    /// The answer to an event that was accepted, or a dry run that found its function.
    pub(crate) fn without_payload(kind: InvocationKind) -> Self {
        let status = if kind == InvocationKind::DryRun { 204 } else { 202 };
        let mut answer = Self::local(status, "", uuid::Uuid::new_v4().to_string());
        answer.executed_version = None;
        answer
    }

    /// An error document as the function's answer.
    pub(crate) fn error(payload: impl Into<Arc<str>>, request_id: String) -> Self {
        let mut answer = Self::local(200, payload, request_id);
        answer.function_error = true;
        answer
    }

    /// Lambda's answer for a function that returned more than [`ANSWER_MAX_BYTES`].
    pub(crate) fn too_large(request_id: String) -> Self {
        let payload = format!(
            r#"{{"errorMessage":"Response payload size exceeded maximum allowed payload size ({ANSWER_MAX_BYTES} bytes).","errorType":"Function.ResponseSizeTooLarge"}}"#
        );
        Self::error(payload, request_id)
    }
}

/// A task's failure as its history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    /// Error name, matched by `ErrorEquals`.
    pub error: String,
    /// Cause, if there is one.
    pub cause: Option<String>,
}

impl TaskError {
    /// An error with its cause, both cut to the lengths that Step Functions records.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        let cut = |text: String, characters: usize| match text.char_indices().nth(characters) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        };
        Self {
            error: cut(error.into(), ERROR_MAX_CHARACTERS),
            cause: Some(cut(cause.into(), CAUSE_MAX_CHARACTERS)),
        }
    }

    /// `States.Timeout`, which has no cause.
    pub fn timeout() -> Self {
        Self { error: "States.Timeout".into(), cause: None }
    }

    /// No answer from the other side, worded as AWS's SDK does.
    pub(crate) fn sdk_client(reason: &str) -> Self {
        Self::new("Lambda.SdkClientException", format!("Unable to execute HTTP request: {reason}"))
    }

    /// An error that Lambda's API answered, in the wording of the first Java SDK that optimized integrations show.
    pub(crate) fn service(error: &str, message: &str, status: u16, code: &str, request_id: &str) -> Self {
        Self::new(
            format!("Lambda.{error}"),
            format!(
                "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
            ),
        )
    }

    /// The error for a function that nobody knows.
    pub(crate) fn function_not_found(function: &FunctionName) -> Self {
        let name = "ResourceNotFoundException";
        let message = format!("Function not found: {}", function.arn_with_version());
        Self::service(name, &message, 404, name, &uuid::Uuid::new_v4().to_string())
    }

    /// The error for a call above what may run or wait.
    pub(crate) fn too_many_requests() -> Self {
        let name = "TooManyRequestsException";
        Self::service(name, "Rate Exceeded.", 429, name, &uuid::Uuid::new_v4().to_string())
    }
}

/// The Lambda driver.
pub struct Lambda {
    shared: Arc<Shared>,
}

struct Shared {
    targets: BTreeMap<String, Target>,
    endpoint: Option<String>,
    aws: Arc<Aws>,
    on_uncertain: OnUncertain,
    client: HttpClient,
    runner: Runner,
    turns: Turns,
    stop: watch::Sender<bool>,
}

impl Lambda {
    /// Checks the configuration and makes the driver. No process is started and no address tried yet. `aws` signs calls
    /// over Lambda's API, and knows whether Lambda itself may be called.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub fn new(config: LambdaConfig, aws: Arc<Aws>) -> Result<Self, ConfigError> {
        let wrong = |setting: &str, message: String| ConfigError { setting: setting.into(), message };
        let concurrency = config.integration.concurrency;
        if !(1..=CONCURRENCY_MAX).contains(&concurrency) {
            let message = format!("must be between 1 and {CONCURRENCY_MAX}");
            return Err(wrong("integrations.lambda.concurrency", message));
        }
        if let Some(endpoint) = &config.endpoint {
            check_address(endpoint).map_err(|message| wrong("endpoints.lambda", message))?;
        }
        let mut targets = BTreeMap::new();
        let mut processes = Vec::new();
        for (name, section) in &config.functions {
            let target = section.target(name, &config.base_dir)?;
            if let Target::Process(process) = &target {
                processes.push((name.clone(), process.clone()));
            }
            targets.insert(name.clone(), target);
        }
        let runner = Runner::new(processes, &config.handler_environment, &config.region);
        Ok(Self {
            shared: Arc::new(Shared {
                targets,
                endpoint: config.endpoint,
                aws,
                on_uncertain: config.integration.on_uncertain,
                client: HttpClient::new(concurrency),
                runner,
                turns: Turns::new(concurrency),
                stop: watch::Sender::new(false),
            }),
        })
    }

    /// What the server does with calls whose outcome a crash made unknown.
    pub fn on_uncertain(&self) -> OnUncertain {
        self.shared.on_uncertain
    }

    /// Calls the function and waits for what comes of it.
    ///
    /// Dropping the future gives up the answer only: a handler process that has its event runs on to its own time
    /// limit, as a function does on AWS.
    pub async fn invoke(&self, invocation: Invocation) -> Outcome {
        let limit = invocation.timeout;
        let shared = self.shared.clone();
        let mut stop = shared.stop.subscribe();
        let expiry = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => Outcome::Interrupted,
            outcome = shared.route(invocation) => outcome,
            () = expiry => Outcome::Failed(TaskError::timeout()),
        }
    }

    /// Ends all handler processes and waits until they are gone; calls under way end as [`Outcome::Interrupted`].
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
        self.shared.turns.close();
        self.shared.runner.shutdown().await;
    }
}

impl Shared {
    async fn route(self: Arc<Self>, invocation: Invocation) -> Outcome {
        let request = &invocation.request;
        let function = match FunctionName::resolve(
            &request.function,
            request.qualifier.as_deref(),
            &invocation.region,
            &invocation.account,
        ) {
            Ok(function) => function,
            Err(error) => return Outcome::Failed(error),
        };
        let section = function.section_names().into_iter().find(|name| self.targets.contains_key(name));
        let target = section.as_ref().and_then(|name| self.targets.get(name));
        let kind = request.kind;
        let in_background = match target {
            // A Lambda API has its own notion of these kinds; the other targets have none, so they are made here.
            Some(Target::Endpoint { .. }) | None => false,
            Some(_) if kind == InvocationKind::DryRun => {
                return Outcome::Answered(Answer::without_payload(kind));
            }
            Some(_) => kind == InvocationKind::Event,
        };
        if !in_background {
            return self.call(section, function, invocation).await;
        }
        if self.turns.look(section.as_deref().unwrap_or(&function.name)).is_err() {
            return Outcome::Failed(TaskError::too_many_requests());
        }
        tokio::spawn(async move {
            let execution_arn = invocation.execution_arn.clone();
            let arn = function.arn();
            let outcome = self.call(section, function, invocation).await;
            if let Err(error) = function_arn_result(outcome) {
                let cause = error.cause.unwrap_or_default();
                tracing::warn!(execution = %execution_arn, function = %arn, error = %error.error, cause = %cause.escape_debug(),
                    "a function called as an event failed");
            }
        });
        Outcome::Answered(Answer::without_payload(kind))
    }

    async fn call(&self, section: Option<String>, function: FunctionName, invocation: Invocation) -> Outcome {
        let target = section.as_ref().and_then(|name| self.targets.get(name));
        if let Some(Target::Process(_)) = target {
            // How many processes a function has is a setting of its own.
            let in_all = self.turns.in_all();
            return self.runner.invoke(&section.unwrap_or_default(), function, invocation, in_all).await;
        }
        if let Some(Target::Url(url)) = target {
            return match self.turn(section.as_deref(), &function).await {
                Ok(_turn) => plain_url::invoke(&self.client, url, &invocation).await,
                Err(outcome) => outcome,
            };
        }
        let (api, name) = match (target, &self.endpoint) {
            (Some(Target::Endpoint { endpoint, name }), _) => {
                (self.aws.target_at("lambda", endpoint, &function.region), name.as_deref())
            }
            (_, Some(endpoint)) => (self.aws.target_at("lambda", endpoint, &function.region), None),
            (_, None) => (self.aws.target_at_aws("lambda", &function.region), None),
        };
        // Nobody is to be called.
        let Some(api) = api else { return Outcome::Failed(TaskError::function_not_found(&function)) };
        let _turn = match self.turn(section.as_deref(), &function).await {
            Ok(turn) => turn,
            Err(outcome) => return outcome,
        };
        let place = endpoint::Place { client: &self.client, aws: &self.aws, target: api };
        endpoint::invoke(&place, name.unwrap_or(&function.name), &function, &invocation).await
    }

    /// A turn among the calls of a function that run at once.
    async fn turn(&self, section: Option<&str>, function: &FunctionName) -> Result<Turn, Outcome> {
        self.turns.take(section.unwrap_or(&function.name)).await.map_err(|reason| match reason {
            NoTurn::QueueIsFull(_) => Outcome::Failed(TaskError::too_many_requests()),
            NoTurn::Stopped => Outcome::Interrupted,
        })
    }
}

/// A trace id in X-Ray's form; not sampled, as in Step Functions' own calls without tracing.
pub(crate) fn new_trace_id() -> String {
    let root = uuid::Uuid::new_v4().simple().to_string();
    let parent = uuid::Uuid::new_v4().simple().to_string();
    let seconds = jiff::Timestamp::now().as_second();
    format!("root=1-{seconds:08x}-{};parent={};sampled=0", &root[..24], &parent[..16])
}

/// The present time as HTTP writes dates.
fn http_date() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
