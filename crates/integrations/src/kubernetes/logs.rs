//! The logs of a Job's containers, as `LogOptions` asks for them.

use std::sync::Arc;

use stepwell_json::{Array, Object, Value};

use super::{KubernetesWork, RESULT_MAX_BYTES, Request, Trouble, call::with_query, job::namespace, object};
use crate::{aws::too_large, http_client::percent_encode, lambda::TaskError, parameters::Parameters};

/// Pods of one page of their list.
const PAGE: &str = "50";
/// The longest page that is read, in bytes.
const PAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// What an entry of the result has besides names and the log, in bytes.
const ENTRY_BYTES: usize = 16;

/// The Job with the logs of its containers, if they are wanted. What can't be got is an `error` with a `cause` in its place.
///
/// # Errors
/// `States.DataLimitExceeded` for logs that no result can hold; they are not read to their end.
pub(super) async fn with_logs(
    work: &KubernetesWork<'_>,
    parameters: Parameters<'_>,
    name: &str,
    job: &Object,
) -> Result<Object, TaskError> {
    let Some(options) = parameters.inner("LogOptions").filter(|options| options.flag("RetrieveLogs")) else {
        return Ok(job.clone());
    };
    let mut reader = Reader {
        work,
        parameters,
        is_raw: options.flag("RawLogs"),
        query: options.lists("LogParameters"),
        bytes_left: RESULT_MAX_BYTES,
    };
    let logs = match reader.pods(&selector(job, name)).await? {
        Ok(pods) => object(vec![("pods", Value::Object(Object::from_entries(pods)))]),
        Err(failure) => failure,
    };
    Ok(job.with("logs".into(), logs))
}

/// What selects the pods of a Job: the labels that the API server wrote into it.
fn selector(job: &Object, name: &str) -> String {
    let labels = job.get("spec").and_then(|spec| spec.get("selector")?.get("matchLabels"));
    let labels: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Object::iter)
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    if labels.is_empty() { format!("job-name={name}") } else { labels.join(",") }
}

type Entries = Vec<(Arc<str>, Value)>;

struct Reader<'a> {
    work: &'a KubernetesWork<'a>,
    parameters: Parameters<'a>,
    is_raw: bool,
    query: Vec<(&'a str, String)>,
    /// What the result can still hold.
    bytes_left: usize,
}

impl Reader<'_> {
    /// The entries of all pods; the inner error stands in the place of all of them.
    async fn pods(&mut self, selector: &str) -> Result<Result<Entries, Value>, TaskError> {
        let path = format!("/api/v1/namespaces/{}/pods", namespace(self.parameters));
        let mut entries = Vec::new();
        let mut next = None;
        loop {
            let mut query = vec![("labelSelector", selector.to_owned()), ("limit", PAGE.to_owned())];
            query.extend(next.map(|next| ("continue", next)));
            let page = match self.get(with_query(&path, &query), PAGE_MAX_BYTES).await {
                Ok(text) => stepwell_json::parse(&text).unwrap_or(Value::Null),
                Err(failure) => return Ok(Err(failure.shown())),
            };
            let pods = page.get("items").and_then(Value::as_array).map(Array::items).unwrap_or_default();
            for pod in pods {
                let name = pod.get("metadata").and_then(|found| found.get("name")).and_then(Value::as_str);
                let Some(name) = name else { continue };
                self.take(name.len() + ENTRY_BYTES)?;
                let containers =
                    self.containers(&format!("{path}/{}/log", percent_encode(name)), pod).await?;
                let containers = Value::Object(Object::from_entries(containers));
                entries.push((name.into(), object(vec![("containers", containers)])));
            }
            next = page
                .get("metadata")
                .and_then(|metadata| metadata.get("continue"))
                .and_then(Value::as_str)
                .filter(|next| !next.is_empty())
                .map(str::to_owned);
            // A page without pods that names another one would have no end.
            if next.is_none() || pods.is_empty() {
                return Ok(Ok(entries));
            }
        }
    }

    async fn containers(&mut self, path: &str, pod: &Value) -> Result<Entries, TaskError> {
        let containers = pod.get("spec").and_then(|spec| spec.get("containers")).and_then(Value::as_array);
        let mut entries = Vec::new();
        for container in containers.map(Array::items).unwrap_or_default() {
            let Some(name) = container.get("name").and_then(Value::as_str) else { continue };
            self.take(name.len() + ENTRY_BYTES)?;
            let mut query = vec![("container", name.to_owned())];
            query.extend(self.query.iter().filter(|(key, _)| *key != "container").cloned());
            let entry = match self.get(with_query(path, &query), self.bytes_left).await {
                Ok(text) => {
                    self.take(text.len())?;
                    let parsed = if self.is_raw { None } else { stepwell_json::parse(&text).ok() };
                    object(vec![("log", parsed.unwrap_or_else(|| Value::from(text.as_str())))])
                }
                Err(Failure::TooLarge) => return Err(too_large(super::SECTION)),
                Err(failure) => {
                    let shown = failure.shown();
                    self.take(shown.to_text().len())?;
                    shown
                }
            };
            entries.push((name.into(), entry));
        }
        Ok(entries)
    }

    /// Keeps account of what the result holds.
    fn take(&mut self, bytes: usize) -> Result<(), TaskError> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| too_large(super::SECTION))?;
        Ok(())
    }

    async fn get(&self, path: String, limit_bytes: usize) -> Result<String, Failure> {
        let connection = self.work.connection(self.parameters).await.map_err(Failure::Error)?;
        match self.work.kubernetes.send(&connection, Request::get(path), limit_bytes).await {
            Ok(response) if response.status.is_success() => {
                Ok(String::from_utf8_lossy(&response.body).into_owned())
            }
            Ok(response) => Err(Failure::Error(super::refused(&response))),
            Err(Trouble::TooLarge) => Err(Failure::TooLarge),
            Err(trouble) => Err(Failure::Error(trouble.into_error())),
        }
    }
}

enum Failure {
    TooLarge,
    Error(TaskError),
}

impl Failure {
    /// `error` and `cause`.
    fn shown(self) -> Value {
        let error = match self {
            Self::TooLarge => too_large(super::SECTION),
            Self::Error(error) => error,
        };
        let cause = error.cause.unwrap_or_default();
        object(vec![("error", Value::from(error.error.as_str())), ("cause", Value::from(cause.as_str()))])
    }
}
