//! `eks:runJob`: a Job of `batch/v1`, the wait for its end, and its deletion.

use hyper::{Method, StatusCode};
use sha2::{Digest, Sha256};
use stepwell_aws_model::DirectTarget;
use stepwell_json::{Array, Object, Value};

use super::{KubernetesWork, Request, Trouble, logs, object, refused, shown};
use crate::{
    aws::{FAILED_LOOKS_MAX, POLL_AWS, random, too_large},
    http_client::percent_encode,
    lambda::TaskError,
    parameters::Parameters,
};

/// The longest description of a Job that is read, in bytes: what is too long for a result is told from it.
const JOB_MAX_BYTES: usize = 1024 * 1024;
/// Says which attempt of which task a Job belongs to, so that a server that was killed finds its own.
const ANNOTATION: &str = "stepwell/task";
/// The longest name of a Job that its pods can carry in a label, in characters.
const NAME_MAX: usize = 63;
/// Characters of a name that are made here.
const SUFFIX_LENGTH: usize = 12;

/// Creates the Job. One that this attempt of the task had created before counts as created.
///
/// # Errors
/// `EKS.<status>` when the API server refuses.
pub(super) async fn start(work: &KubernetesWork<'_>) -> Result<Value, TaskError> {
    let parameters = work.checked(DirectTarget::KubernetesJob)?;
    let wanted = Wanted::of(work, parameters)?;
    let request = Request::json(Method::POST, jobs_path(parameters), &wanted.job);
    let response = work.send(parameters, request, JOB_MAX_BYTES).await?;
    if response.status.is_success() {
        return Ok(shown(&response));
    }
    if response.status == StatusCode::CONFLICT
        && let Some(present) = present(work, parameters, &wanted).await?
    {
        return Ok(present);
    }
    Err(refused(&response))
}

/// The Job that this attempt of the task had created before, as [`start`] gives it; null when there is none.
///
/// # Errors
/// The API server gives no answer.
pub(super) async fn find(work: &KubernetesWork<'_>) -> Result<Value, TaskError> {
    let parameters = work.checked(DirectTarget::KubernetesJob)?;
    let wanted = Wanted::of(work, parameters)?;
    Ok(present(work, parameters, &wanted).await?.unwrap_or(Value::Null))
}

/// The Job that an attempt of a task creates.
struct Wanted {
    job: Value,
    /// Without one there is nothing to tell it by.
    name: Option<String>,
    mark: String,
}

impl Wanted {
    fn of(work: &KubernetesWork<'_>, parameters: Parameters<'_>) -> Result<Self, TaskError> {
        let mark = hexadecimal(&Sha256::digest(work.caller.token_seed.as_bytes()));
        let (job, name) = marked(&given_job(work, parameters)?, &mark);
        Ok(Self { job, name, mark })
    }
}

/// The Job of that name, if it is the very one that is wanted.
async fn present(
    work: &KubernetesWork<'_>,
    parameters: Parameters<'_>,
    wanted: &Wanted,
) -> Result<Option<Value>, TaskError> {
    let Some(name) = &wanted.name else { return Ok(None) };
    let path = format!("{}/{}", jobs_path(parameters), percent_encode(name));
    let response = work.send(parameters, Request::get(path), JOB_MAX_BYTES).await?;
    let result = shown(&response);
    let found =
        result.get("ResponseBody").and_then(|job| job.get("metadata")?.get("annotations")?.get(ANNOTATION));
    let is_own = response.status.is_success() && found.and_then(Value::as_str) == Some(&wanted.mark);
    Ok(is_own.then(|| created(result)))
}

/// The answer as it was when the Job was created.
fn created(result: Value) -> Value {
    let body = result.get("ResponseBody").cloned().unwrap_or(Value::Null);
    object(vec![
        ("ResponseBody", body),
        ("StatusCode", Value::from(i64::from(StatusCode::CREATED.as_u16()))),
        ("StatusText", Value::from("Created")),
    ])
}

/// The Job of the parameters: an object, or a text with one.
fn given_job(work: &KubernetesWork<'_>, parameters: Parameters<'_>) -> Result<Object, TaskError> {
    let wrong = |reason: &str| Err(parameters.refused(format!("The Job can't be used: {reason}")));
    match parameters.value("Job") {
        Some(Value::Object(job)) => Ok(job.clone()),
        Some(Value::String(text)) => {
            let json = match work.kubernetes.config.yaml {
                Some(yaml) if stepwell_json::parse(text).is_err() => yaml(text),
                _ => Ok(text.to_string()),
            };
            let parsed = json.and_then(|json| stepwell_json::parse(&json).map_err(|error| error.to_string()));
            match parsed {
                Ok(Value::Object(job)) => Ok(job),
                Ok(_) => wrong("it is not an object"),
                Err(reason) => wrong(&reason),
            }
        }
        _ => wrong("it is not an object"),
    }
}

/// The Job with the mark of its task, and with a name made from the mark where the server would make one up: a Job that
/// is created again after a crash must meet the first.
fn marked(job: &Object, mark: &str) -> (Value, Option<String>) {
    let none = Object::from_entries(Vec::new());
    let metadata = job.get("metadata").and_then(Value::as_object).unwrap_or(&none);
    let annotations = metadata.get("annotations").and_then(Value::as_object).unwrap_or(&none);
    let annotations = annotations.with(ANNOTATION.into(), Value::from(mark));
    let mut changed = metadata.with("annotations".into(), Value::Object(annotations));
    let member = |name: &str| metadata.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = member("name").map(str::to_owned).or_else(|| {
        let prefix = member("generateName")?;
        let kept: String = prefix.chars().take(NAME_MAX - SUFFIX_LENGTH).collect();
        Some(format!("{kept}{}", &mark[..SUFFIX_LENGTH]))
    });
    if let Some(name) = &name {
        changed = changed.with("name".into(), Value::from(name.as_str()));
    }
    (Value::Object(job.with("metadata".into(), Value::Object(changed))), name)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn namespace(parameters: Parameters<'_>) -> String {
    let given = parameters.text("Namespace").filter(|name| !name.is_empty());
    percent_encode(given.as_deref().unwrap_or("default"))
}

fn jobs_path(parameters: Parameters<'_>) -> String {
    format!("/apis/batch/v1/namespaces/{}/jobs", namespace(parameters))
}

/// The Job that was created.
struct Created {
    path: String,
    name: String,
    uid: Option<String>,
}

impl Created {
    fn of(parameters: Parameters<'_>, submitted: &Value) -> Result<Self, TaskError> {
        let metadata = submitted.get("ResponseBody").and_then(|job| job.get("metadata"));
        let text = |name: &str| metadata.and_then(|found| found.get(name)).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| {
            let cause = format!("The API server's answer has no name of the job: {}", submitted.to_text());
            TaskError::new("States.TaskFailed", cause)
        })?;
        let path = format!("{}/{}", jobs_path(parameters), percent_encode(name));
        Ok(Self { path, name: name.to_owned(), uid: text("uid").map(str::to_owned) })
    }
}

/// Waits for the end of the Job; then its logs are got, if they are wanted.
///
/// # Errors
/// `States.TaskFailed` with the Job as cause when it failed, `EKS.404` when it is gone.
pub(super) async fn wait(work: &KubernetesWork<'_>, submitted: &Value) -> Result<Value, TaskError> {
    let parameters = work.checked(DirectTarget::KubernetesJob)?;
    let created = Created::of(parameters, submitted)?;
    let (mut pause, longest) = match work.connection(parameters).await {
        Ok(connection) if connection.is_guarded => POLL_AWS,
        _ => work.kubernetes.near,
    };
    let mut failed_looks = 0;
    loop {
        match look(work, parameters, &created).await {
            Look::Running => failed_looks = 0,
            Look::Ended { job, is_good } => {
                let with_logs = logs::with_logs(work, parameters, &created.name, &job).await;
                if is_good {
                    return with_logs.map(Value::Object);
                }
                // Logs that are too long must not hide the failure.
                let shown = Value::Object(with_logs.unwrap_or(job));
                return Err(TaskError::new("States.TaskFailed", shown.to_text()));
            }
            Look::Lost(error) => return Err(error),
            Look::Trouble(error) => {
                failed_looks += 1;
                if failed_looks >= FAILED_LOOKS_MAX {
                    return Err(error);
                }
            }
        }
        // Tasks that were started together don't look together.
        tokio::time::sleep(pause.mul_f64(0.75 + random() / 4.0)).await;
        pause = pause.mul_f64(1.5).min(longest);
    }
}

/// What a look at a Job comes to.
enum Look {
    Running,
    Ended {
        job: Object,
        is_good: bool,
    },
    /// The Job will not be seen again.
    Lost(TaskError),
    /// Another look may go better.
    Trouble(TaskError),
}

async fn look(work: &KubernetesWork<'_>, parameters: Parameters<'_>, created: &Created) -> Look {
    let connection = match work.connection(parameters).await {
        Ok(connection) => connection,
        Err(error) => return Look::Trouble(error),
    };
    let sent = work.kubernetes.send(&connection, Request::get(created.path.clone()), JOB_MAX_BYTES).await;
    let response = match sent {
        Ok(response) => response,
        Err(Trouble::TooLarge) => return Look::Lost(too_large(super::SECTION)),
        Err(trouble) => return Look::Trouble(trouble.into_error()),
    };
    if response.status == StatusCode::NOT_FOUND {
        return Look::Lost(refused(&response));
    }
    let body = std::str::from_utf8(&response.body).ok().and_then(|text| stepwell_json::parse(text).ok());
    let Some(Value::Object(job)) = body.filter(|_| response.status.is_success()) else {
        return Look::Trouble(refused(&response));
    };
    let uid = job.get("metadata").and_then(|found| found.get("uid")).and_then(Value::as_str);
    if created.uid.as_deref().is_some_and(|known| Some(known) != uid) {
        let cause = format!("The job {} was deleted, and there is another one of that name", created.name);
        return Look::Lost(TaskError::new("States.TaskFailed", cause));
    }
    match (has_condition(&job, "Complete"), has_condition(&job, "Failed")) {
        (true, _) => Look::Ended { job, is_good: true },
        (_, true) => Look::Ended { job, is_good: false },
        _ => Look::Running,
    }
}

fn has_condition(job: &Object, kind: &str) -> bool {
    let conditions = job.get("status").and_then(|status| status.get("conditions"));
    let conditions = conditions.and_then(Value::as_array).map(Array::items).unwrap_or_default();
    conditions.iter().any(|condition| {
        let is = |name: &str, text: &str| condition.get(name).and_then(Value::as_str) == Some(text);
        is("type", kind) && is("status", "True")
    })
}

/// Deletes the Job with its pods; one that is gone, or another one of its name, is left alone.
///
/// # Errors
/// `EKS.<status>` when the API server refuses.
pub(super) async fn delete(work: &KubernetesWork<'_>, submitted: &Value) -> Result<Value, TaskError> {
    let parameters = work.checked(DirectTarget::KubernetesJob)?;
    let created = Created::of(parameters, submitted)?;
    let mut options: Vec<(&str, Value)> = vec![
        ("kind", Value::from("DeleteOptions")),
        ("apiVersion", Value::from("v1")),
        ("propagationPolicy", Value::from("Background")),
    ];
    options
        .extend(created.uid.map(|uid| ("preconditions", object(vec![("uid", Value::from(uid.as_str()))]))));
    let request = Request::json(Method::DELETE, created.path, &object(options));
    let response = work.send(parameters, request, JOB_MAX_BYTES).await?;
    match response.status {
        status if status.is_success() => Ok(Value::Null),
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(Value::Null),
        _ => Err(refused(&response)),
    }
}
