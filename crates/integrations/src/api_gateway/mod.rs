//! `apigateway:invoke`: requests to APIs behind API Gateway, or to servers that stand in for it.

mod request;
mod response;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use stepwell_aws_model::DirectTarget;
use stepwell_json::Value;

use self::request::{AuthType, Request};
use crate::{
    address::{self, Exception},
    aws::{Actor, Aws, AwsConfig, CallError, Caller, JobOutcome, sign, too_large},
    config::OnUncertain,
    gate::Gate,
    http_client::{HttpClient, HttpError, Resolver, check_address},
    lambda::{TaskError, USER_AGENT_VALUE},
    parameters::Parameters,
};

/// The longest body of an answer, in bytes: what a result may have.
const ANSWER_MAX_BYTES: usize = 262_144;
/// The section of `[integrations]` that counts for these calls.
const SECTION: &str = "apigateway";

/// Makes the calls of `apigateway:invoke`.
pub struct ApiGateway {
    exceptions: Vec<Exception>,
    /// For addresses that come with parameters: connects to public ones only.
    guarded: HttpClient,
    /// For the configured endpoint and for exceptions.
    open: HttpClient,
    gate: Gate,
    timeout: Duration,
    on_uncertain: OnUncertain,
}

impl std::fmt::Debug for ApiGateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiGateway").finish_non_exhaustive()
    }
}

/// Where a request goes.
struct Place {
    /// With scheme and without a slash at the end.
    base: String,
    is_guarded: bool,
    is_aws: bool,
}

impl ApiGateway {
    /// A client; nothing is called yet. `allow`: `[http] allow`.
    #[must_use]
    pub fn new(config: &AwsConfig, allow: &[String]) -> Self {
        let resolver = Resolver::system(address::is_public, address::ALLOWED_NAME);
        let integration = config.clone().by_word().integration(SECTION);
        let concurrency = integration.concurrency;
        Self {
            exceptions: allow.iter().filter_map(|text| Exception::parse(text)).collect(),
            guarded: HttpClient::with_resolver(resolver, concurrency),
            open: HttpClient::new(concurrency),
            gate: Gate::new(concurrency),
            timeout: integration.timeout(),
            on_uncertain: integration.on_uncertain,
        }
    }

    /// Calls under way end as [`JobOutcome::Interrupted`], and so do later ones.
    pub fn shutdown(&self) {
        self.gate.close();
    }

    /// What to do with a call whose outcome a crash made unknown.
    #[must_use]
    pub fn on_uncertain(&self) -> OnUncertain {
        self.on_uncertain
    }

    /// Makes the call of a task. `aws` has the endpoint and what calls are signed with.
    pub async fn call(&self, aws: &Aws, caller: &Caller<'_>, parameters: &Value) -> JobOutcome {
        match self.gate.unless_closed(self.carry_out(aws, caller, parameters)).await {
            None => JobOutcome::Interrupted,
            Some(Ok(result)) => JobOutcome::Done(result),
            Some(Err(error)) => JobOutcome::Failed(error),
        }
    }

    async fn carry_out(
        &self,
        aws: &Aws,
        caller: &Caller<'_>,
        parameters: &Value,
    ) -> Result<Value, TaskError> {
        let parameters = Parameters::check(DirectTarget::ApiGateway, parameters)?;
        let request = request::read(parameters)?;
        let place = self.place(aws, &request)?;
        let url = format!("{}{}", place.base, request.path);
        let uri = check_address(&url).map_err(no_answer)?;
        let mut headers = request.headers.clone();
        headers.push((HOST.to_string(), request.host.clone()));
        if !request.has_header(USER_AGENT.as_str()) {
            headers.push((USER_AGENT.to_string(), USER_AGENT_VALUE.to_owned()));
        }
        if request.auth != AuthType::None {
            headers.extend(sign(aws, caller, &place, &request, &headers).await?);
        }
        let headers: Result<HeaderMap, String> =
            headers.iter().map(|(name, value)| header(name, value)).collect();
        let headers = headers.map_err(|problem| parameters.refused(problem))?;
        let _turn = self.gate.turn(&place.base).await.map_err(no_answer)?;
        let client = if place.is_guarded { &self.guarded } else { &self.open };
        let sent =
            client.send(request.method, uri, headers, request.body, ANSWER_MAX_BYTES, self.timeout).await;
        let response = sent.map_err(|error| match error {
            HttpError::NoConnection(reason) | HttpError::NoAnswer(reason) => no_answer(reason),
            HttpError::TimedOut => no_answer("Read timed out".to_owned()),
            HttpError::TooLarge => too_large(SECTION),
        })?;
        response::result(&response)
    }

    /// Where the request goes: to the configured endpoint whatever the parameters say, else to the API that they name.
    fn place(&self, aws: &Aws, request: &Request) -> Result<Place, TaskError> {
        if let Some(base) = aws.execute_api_endpoint() {
            let base = base.trim_end_matches('/').to_owned();
            return Ok(Place { base, is_guarded: false, is_aws: false });
        }
        let base = format!("https://{}", request.host);
        let place =
            address::check("ApiEndpoint", &base, &self.exceptions).map_err(|refusal| match refusal {
                address::Refusal::Invalid(cause) => TaskError::new("States.Runtime", cause),
                address::Refusal::Forbidden(cause) => TaskError::new("States.TaskFailed", cause),
            })?;
        if place.is_excepted {
            return Ok(Place { base, is_guarded: false, is_aws: false });
        }
        if request.aws_region().is_none() {
            return Err(TaskError::new(
                "States.TaskFailed",
                format!(
                    "{} is no API of API Gateway (API-ID.execute-api.REGION.amazonaws.com): set execute-api under \
                     [endpoints] of stepwell.toml to call a server in its place, or add the host to allow under [http]",
                    request.host
                ),
            ));
        }
        if !aws.allows_aws() {
            return Err(no_answer(
                "no endpoint is set for execute-api, and calls to AWS itself are not allowed: start the server with \
                 --service-endpoint execute-api=http://HOST:PORT, set execute-api under [endpoints] of stepwell.toml, \
                 or allow AWS with --allow-aws"
                    .to_owned(),
            ));
        }
        Ok(Place { base, is_guarded: true, is_aws: true })
    }
}

/// The headers of a signature for `execute-api`. A resource policy looks at who calls, too, so that such a request is
/// signed as well.
async fn sign(
    aws: &Aws,
    caller: &Caller<'_>,
    place: &Place,
    request: &Request,
    headers: &[(String, String)],
) -> Result<Vec<(String, String)>, TaskError> {
    let actor = Actor { region: caller.region, account: caller.account, role: caller.role };
    let credentials = aws.credentials(&actor, place.is_aws).await.map_err(|error| match error {
        CallError::Role(cause) => TaskError::new("States.TaskFailed", cause),
        CallError::NoAnswer { reason, .. } => no_answer(reason),
        other => no_answer(format!("{other:?}")),
    })?;
    // What is signed is what API Gateway sees, also at a server in its place.
    let url = format!("https://{}{}", request.host, request.path);
    let unsigned =
        sign::Unsigned { method: request.method.as_str(), url: &url, headers, body: &request.body };
    let scope = sign::Scope { region: request.aws_region().unwrap_or(caller.region), service: "execute-api" };
    sign::headers(&credentials, &scope, &unsigned, SystemTime::now())
        .map_err(|reason| no_answer(format!("the request can't be signed: {reason}")))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("The HTTP header '{name}' is not supported"))?;
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("The value of the HTTP header '{name}' can't be sent"))?;
    Ok((header, value))
}

/// AWS names the exception where no status came.
fn no_answer(reason: String) -> TaskError {
    TaskError::new("ApiGateway.SdkClientException", format!("Unable to execute HTTP request: {reason}"))
}
