//! What the fake engine answers to each call, as the documentation of the API has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::body::FakeBody;
use super::containers::{self, Container, Entry, Refusal};
use super::image::{self, FakeImage};
use super::{FakeCall, Shared};

/// Pieces of a log that wait for the connection.
const QUEUE_LENGTH: usize = 16;
/// Entries that are taken from a log at once.
const ENTRIES_AT_ONCE: usize = 64;

/// What a request asks for.
pub(super) struct Route {
    pub(super) call: FakeCall,
    /// The container or image.
    subject: String,
    query: BTreeMap<String, String>,
    /// The header `X-Registry-Auth`.
    registry_login: Option<String>,
    /// Whether only the head of the answer is wanted.
    is_head: bool,
}

impl Route {
    /// `path`: without the version of the API.
    pub(super) fn of(head: &Parts, path: &str) -> Option<Self> {
        let is_head = head.method == Method::HEAD;
        let method = if is_head { "GET" } else { head.method.as_str() };
        let query = head.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let registry_login = head.headers.get("x-registry-auth").and_then(|login| login.to_str().ok());
        let registry_login = registry_login.map(str::to_owned);
        let (call, subject) = match (method, path) {
            ("GET", "/_ping") => (FakeCall::Ping, ""),
            ("GET", "/version") => (FakeCall::Version, ""),
            ("POST", "/images/create") => (FakeCall::ImagePull, ""),
            ("POST", "/containers/create") => (FakeCall::Create, ""),
            ("GET", "/containers/json") => (FakeCall::List, ""),
            _ => {
                if let Some(image) = path.strip_prefix("/images/").and_then(|rest| rest.strip_suffix("/json"))
                    && method == "GET"
                {
                    (FakeCall::ImageInspect, image)
                } else {
                    of_container(method, path.strip_prefix("/containers/")?)?
                }
            }
        };
        Some(Self { call, subject: subject.to_owned(), query, registry_login, is_head })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Docker takes everything but these for true.
    fn flag(&self, name: &str) -> bool {
        let value = self.parameter(name).unwrap_or_default().to_ascii_lowercase();
        !matches!(value.trim(), "" | "0" | "no" | "false" | "none")
    }
}

fn of_container<'a>(method: &str, rest: &'a str) -> Option<(FakeCall, &'a str)> {
    let Some((container, action)) = rest.split_once('/') else {
        return (method == "DELETE").then_some((FakeCall::Remove, rest));
    };
    let call = match (method, action) {
        ("POST", "start") => FakeCall::Start,
        ("POST", "wait") => FakeCall::Wait,
        ("POST", "stop") => FakeCall::Stop,
        ("POST", "kill") => FakeCall::Kill,
        ("GET", "json") => FakeCall::Inspect,
        ("GET", "logs") => FakeCall::Logs,
        _ => return None,
    };
    Some((call, container))
}

/// The type of an answer.
pub(super) fn content_type(path: &str, status: u16) -> &'static str {
    if path.ends_with("/_ping") {
        "text/plain; charset=utf-8"
    } else if path.ends_with("/logs") && status == 200 {
        "application/vnd.docker.multiplexed-stream"
    } else {
        "application/json"
    }
}

type Answered = Result<(u16, FakeBody), Refusal>;

fn of_json(status: u16, value: &Value) -> Answered {
    Ok((status, FakeBody::whole(value.to_string())))
}

fn nothing(status: u16) -> Answered {
    Ok((status, FakeBody::whole("")))
}

/// Does what is asked and answers.
pub(super) async fn answer(shared: &Arc<Shared>, route: &Route, body: &[u8]) -> Answered {
    let subject = route.subject.as_str();
    match route.call {
        FakeCall::Ping => Ok((200, FakeBody::whole(if route.is_head { "" } else { "OK" }))),
        FakeCall::Version => of_json(200, &version(shared)),
        FakeCall::ImageInspect => shared.with(|state| inspect_image(&state.images, subject)),
        FakeCall::ImagePull => pull(shared, route),
        FakeCall::Create => create(shared, route, body),
        FakeCall::Start => containers::start(shared, subject).and_then(|()| nothing(204)),
        FakeCall::Wait => wait(shared, route),
        FakeCall::Inspect => {
            shared.with(|state| of_json(200, &state.containers.get(subject).map(Container::details)?))
        }
        FakeCall::Logs => logs(shared, route),
        FakeCall::Stop => stop(shared, route).await,
        FakeCall::Kill => {
            let signal = signal(route.parameter("signal").unwrap_or("KILL"))?;
            shared.change(|state| state.containers.signal(subject, signal))?;
            nothing(204)
        }
        FakeCall::Remove => remove(shared, route),
        FakeCall::List => list(shared, route),
    }
}

fn version(shared: &Shared) -> Value {
    let settings = shared.with(|state| state.settings.clone());
    json!({
        "Platform": { "Name": "Fake Engine" },
        "Components": [{ "Name": "Engine", "Version": "24.0.0", "Details": {} }],
        "Version": "24.0.0",
        "ApiVersion": settings.api_version,
        "MinAPIVersion": settings.min_api_version,
        "GitCommit": "0000000",
        "GoVersion": "none",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "none",
        "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
    })
}

fn inspect_image(images: &BTreeMap<String, FakeImage>, reference: &str) -> Answered {
    let name = image::normalized(reference);
    let image = images.get(&name).ok_or_else(|| no_such_image(&name))?;
    of_json(
        200,
        &json!({
            "Id": image::id(&name),
            "RepoTags": [name],
            "RepoDigests": [],
            "Created": "2026-01-01T00:00:00Z",
            "Architecture": "amd64",
            "Os": "linux",
            "Size": 0,
            "Config": {
                "Entrypoint": image.entrypoint,
                "Cmd": image.command,
                "Env": image.environment,
                "WorkingDir": image.working_directory,
            },
            "RootFS": { "Type": "layers", "Layers": [] },
        }),
    )
}

fn no_such_image(name: &str) -> Refusal {
    Refusal(404, format!("No such image: {name}"))
}

/// User and password in a header `X-Registry-Auth`.
fn user_and_password(header: &str) -> Option<(String, String)> {
    let login: Value = serde_json::from_slice(&BASE64_URL_SAFE.decode(header).ok()?).ok()?;
    let text = |name: &str| login.get(name)?.as_str().map(str::to_owned);
    Some((text("username")?, text("password")?))
}

fn pull(shared: &Shared, route: &Route) -> Answered {
    let from = route.parameter("fromImage").unwrap_or_default();
    let reference = match route.parameter("tag").unwrap_or_default() {
        "" => from.to_owned(),
        digest if digest.contains(':') => format!("{from}@{digest}"),
        tag => format!("{from}:{tag}"),
    };
    if !image::names_one(&reference) {
        let message =
            format!("all tags of {reference} are asked for, which this engine does not do: give a tag");
        return Err(Refusal(400, message));
    }
    let name = image::normalized(&reference);
    let login = route.registry_login.as_deref().and_then(user_and_password);
    let pulled = shared.change(|state| {
        if state.logins.get(&name).is_some_and(|needed| login.as_ref() != Some(needed)) {
            return None;
        }
        let image = state.registry.get(&name)?.clone();
        state.images.insert(name.clone(), image).map_or(Some(false), |_| Some(true))
    });
    let (repository, tag) = name.rsplit_once(':').unwrap_or((&name, ""));
    let Some(was_there) = pulled else {
        return Err(Refusal(
            404,
            format!(
                "pull access denied for {repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
            ),
        ));
    };
    let layer = "2f1a3c5e7d90";
    let size = 4_000_000_u64;
    let mut steps = vec![json!({ "status": format!("Pulling from {repository}"), "id": tag })];
    if !was_there {
        steps.push(json!({ "status": "Pulling fs layer", "progressDetail": {}, "id": layer }));
        for current in [size / 4, size / 2, size] {
            steps.push(json!({
                "status": "Downloading",
                "progressDetail": { "current": current, "total": size },
                "progress": "[=>  ]",
                "id": layer,
            }));
        }
        steps.push(json!({ "status": "Pull complete", "progressDetail": {}, "id": layer }));
    }
    steps.push(json!({ "status": format!("Digest: {}", image::id(&name)) }));
    let outcome = if was_there { "Image is up to date" } else { "Downloaded newer image" };
    steps.push(json!({ "status": format!("Status: {outcome} for {name}") }));
    Ok((200, FakeBody::pieces(steps.into_iter().map(|step| Bytes::from(format!("{step}\r\n"))))))
}

fn create(shared: &Shared, route: &Route, body: &[u8]) -> Answered {
    let request: Value =
        serde_json::from_slice(body).map_err(|error| Refusal(400, format!("invalid JSON: {error}")))?;
    let name = image::normalized(request["Image"].as_str().unwrap_or_default());
    let id = shared.change(|state| {
        let image = state.images.get(&name).ok_or_else(|| no_such_image(&name))?;
        state.containers.create(route.parameter("name"), image, request)
    })?;
    of_json(201, &json!({ "Id": id, "Warnings": [] }))
}

/// Sends the head of the answer at once and the body when the time has come.
fn wait(shared: &Arc<Shared>, route: &Route) -> Answered {
    let id =
        shared.with(|state| state.containers.get(&route.subject).map(|container| container.id.clone()))?;
    let condition = route.parameter("condition").unwrap_or_default().to_owned();
    if !matches!(condition.as_str(), "" | "not-running" | "next-exit" | "removed") {
        return Err(Refusal(400, format!("invalid condition: \"{condition}\"")));
    }
    let ends_before = shared.with(|state| state.containers.find(&id).map_or(0, |container| container.ends));
    let (sender, receiver) = mpsc::channel(1);
    let shared = shared.clone();
    tokio::spawn(async move {
        let mut last_exit_code = 0;
        let exit_code = shared.until(|state| {
            let Some(container) = state.containers.find(&id) else { return Some(last_exit_code) };
            last_exit_code = container.exit_code;
            let is_over = match condition.as_str() {
                "removed" => false,
                "next-exit" => container.ends > ends_before,
                _ => !container.is_running(),
            };
            is_over.then_some(container.exit_code)
        });
        tokio::select! {
            exit_code = exit_code => {
                let _ = sender.send(Bytes::from(json!({ "StatusCode": exit_code }).to_string() + "\n")).await;
            }
            () = sender.closed() => {}
        }
    });
    Ok((200, FakeBody::stream(receiver)))
}

fn logs(shared: &Arc<Shared>, route: &Route) -> Answered {
    let id =
        shared.with(|state| state.containers.get(&route.subject).map(|container| container.id.clone()))?;
    let wanted = [route.flag("stdout"), route.flag("stderr")];
    if wanted == [false, false] {
        return Err(Refusal(400, "Bad parameters: you must choose at least one stream".into()));
    }
    let since = match route.parameter("since").unwrap_or_default() {
        "" | "0" => Timestamp::MIN,
        text => {
            unix_time(text).ok_or_else(|| Refusal(400, format!("invalid value for \"since\": {text}")))?
        }
    };
    let (follow, timestamps) = (route.flag("follow"), route.flag("timestamps"));
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    let shared = shared.clone();
    tokio::spawn(async move {
        let mut next = 0;
        loop {
            let entries = shared.until(|state| {
                let Some(container) = state.containers.find(&id) else { return Some(None) };
                let waiting = container.log.get(next..).unwrap_or_default();
                if waiting.is_empty() {
                    // The last entries are there before the end is.
                    return (!follow || !container.is_running()).then_some(None);
                }
                let taken = &waiting[..waiting.len().min(ENTRIES_AT_ONCE)];
                next += taken.len();
                let wanted =
                    taken.iter().filter(|entry| wanted[entry.source as usize - 1] && entry.at >= since);
                let bytes: Vec<u8> = wanted.flat_map(|entry| frame(entry, timestamps)).collect();
                Some(Some((Bytes::from(bytes), state.settings.log_piece_bytes)))
            });
            let (mut bytes, piece_bytes) = tokio::select! {
                found = entries => match found {
                    Some(found) => found,
                    None => return,
                },
                () = sender.closed() => return,
            };
            while !bytes.is_empty() {
                let piece = bytes.split_to(bytes.len().min(piece_bytes));
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        }
    });
    Ok((200, FakeBody::stream(receiver)))
}

fn frame(entry: &Entry, timestamps: bool) -> Vec<u8> {
    let time = if timestamps { format!("{:.9} ", entry.at) } else { String::new() };
    let length = u32::try_from(time.len() + entry.bytes.len()).unwrap_or(u32::MAX);
    let mut frame = vec![entry.source as u8, 0, 0, 0];
    frame.extend(length.to_be_bytes());
    frame.extend(time.as_bytes());
    frame.extend(&entry.bytes);
    frame
}

/// Seconds since 1970, with a fraction or without.
fn unix_time(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

async fn stop(shared: &Arc<Shared>, route: &Route) -> Answered {
    let subject = route.subject.as_str();
    let is_running = shared.with(|state| state.containers.get(subject).map(Container::is_running))?;
    if !is_running {
        return Err(Refusal(304, String::new()));
    }
    let signal = signal(route.parameter("signal").unwrap_or("TERM"))?;
    let grace_seconds = route.parameter("t").and_then(|text| text.parse().ok()).unwrap_or(10);
    let ended = || {
        shared.until(|state| match state.containers.find(subject) {
            Some(container) if container.is_running() => None,
            _ => Some(()),
        })
    };
    let _ = shared.change(|state| state.containers.signal(subject, signal));
    if tokio::time::timeout(Duration::from_secs(grace_seconds), ended()).await.is_err() {
        let _ = shared.change(|state| state.containers.signal(subject, Signal::KILL));
        ended().await;
    }
    nothing(204)
}

fn remove(shared: &Shared, route: &Route) -> Answered {
    let subject = route.subject.as_str();
    shared.change(|state| {
        let container = state.containers.get(subject)?;
        if container.is_running() && !route.flag("force") {
            let name = &container.name;
            return Err(Refusal(
                409,
                format!(
                    "cannot remove container \"/{name}\": container is running: stop the container before removing or force remove"
                ),
            ));
        }
        state.containers.remove(subject);
        nothing(204)
    })
}

fn list(shared: &Shared, route: &Route) -> Answered {
    let bad = |error: &dyn std::fmt::Display| Refusal(400, format!("invalid filter: {error}"));
    let filters: BTreeMap<String, Value> = match route.parameter("filters") {
        Some(text) => serde_json::from_str(text).map_err(|error| bad(&error))?,
        None => BTreeMap::new(),
    };
    let mut labels: Vec<String> = Vec::new();
    for (name, value) in filters {
        if name != "label" {
            return Err(bad(&format!("this engine filters by label, not by {name}")));
        }
        labels = match value {
            // The older of the two forms that Docker takes.
            Value::Object(members) => members.into_iter().map(|(label, _)| label).collect(),
            value => serde_json::from_value(value).map_err(|error| bad(&error))?,
        };
    }
    let all = route.flag("all");
    let summaries: Vec<Value> = shared.with(|state| {
        let wanted = state.containers.all().filter(|it| (all || it.is_running()) && it.has_labels(&labels));
        wanted.map(Container::summary).collect()
    });
    of_json(200, &Value::Array(summaries))
}

fn signal(name: &str) -> Result<Signal, Refusal> {
    let signal = match name.strip_prefix("SIG").unwrap_or(name) {
        "KILL" | "9" => Signal::KILL,
        "TERM" | "15" => Signal::TERM,
        "INT" | "2" => Signal::INT,
        "HUP" | "1" => Signal::HUP,
        "QUIT" | "3" => Signal::QUIT,
        "USR1" | "10" => Signal::USR1,
        "USR2" | "12" => Signal::USR2,
        _ => return Err(Refusal(400, format!("Invalid signal: {name}"))),
    };
    Ok(signal)
}
