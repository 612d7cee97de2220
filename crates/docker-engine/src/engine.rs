//! An engine, and the calls that it answers at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;

use crate::connection::{self, Answer, Call};
use crate::container::{CreatedBody, DetailsBody, SummaryBody, check_container};
use crate::image::check_reference;
use crate::{ContainerDetails, ContainerSpec, ContainerSummary, EngineError, RegistryLogins, SocketSearch};

/// The newest version of the API that this client was written for. Engines keep to older ones for years.
const NEWEST: ApiVersion = ApiVersion { major: 1, minor: 51 };
/// The oldest with all that is used here. Podman speaks 1.41.
const OLDEST: ApiVersion = ApiVersion { major: 1, minor: 40 };

/// The longest answer that is read whole, in bytes. Details of a container have a few KiB.
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The longest list of containers, in bytes: a container takes about 1 KiB.
const LIST_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// How long the engine may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// For any call that isn't named below.
    pub request: Duration,
    /// For pulling an image, all in all.
    pub pull: Duration,
    /// Without a word of the engine while it pulls an image.
    pub pull_silence: Duration,
    /// For the engine to come back when it went away under [`Engine::wait`] or the logs.
    pub reconnect: Duration,
    /// Between questions for the state in [`Engine::wait`], should the engine forget to tell of the end.
    pub wait_round: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(60),
            pull: Duration::from_secs(30 * 60),
            pull_silence: Duration::from_secs(5 * 60),
            reconnect: Duration::from_secs(120),
            wait_round: Duration::from_secs(60),
        }
    }
}

/// A container engine that answers. Copies are cheap and are the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    pub(crate) logins: RegistryLogins,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) socket: PathBuf,
    pub(crate) version: ApiVersion,
    pub(crate) limits: Limits,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Such as `Docker Engine - Community` or `Podman Engine`.
    pub name: String,
    /// The engine's own version.
    pub version: String,
    /// The version of the API that is spoken with it.
    pub api_version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

impl Engine {
    /// The first engine of `search` that answers, with the usual time limits.
    ///
    /// # Errors
    /// [`EngineError::NoSocket`] with all places that were tried; for a single place, what is wrong there.
    pub async fn connect(search: &SocketSearch) -> Result<Self, EngineError> {
        Self::connect_within(search, Limits::default()).await
    }

    /// As [`Engine::connect`], with time limits.
    ///
    /// # Errors
    /// The same.
    pub async fn connect_within(search: &SocketSearch, limits: Limits) -> Result<Self, EngineError> {
        let candidates = search.candidates()?;
        let (mut tried, mut last) = (Vec::new(), None);
        for socket in &candidates {
            match negotiate(socket, limits).await {
                Ok(version) => {
                    let inner = Arc::new(Inner { socket: socket.clone(), version, limits });
                    return Ok(Self { inner, logins: RegistryLogins::none() });
                }
                Err(EngineError::NoSocket { tried: absent }) => tried.push(absent),
                Err(error) => {
                    tried.push(format!("{}: {error}", socket.display()));
                    last = Some(error);
                }
            }
        }
        // Sockets that aren't there say nothing beside one that is there and doesn't work.
        match last {
            Some(error) if candidates.len() == 1 => Err(error),
            _ => Err(EngineError::NoSocket { tried: tried.join("; ") }),
        }
    }

    /// The same engine, with logins for the registries that it pulls images from.
    #[must_use]
    pub fn with_logins(self, logins: RegistryLogins) -> Self {
        Self { logins, ..self }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.inner.socket
    }

    /// Name and versions, for a log.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn about(&self) -> Result<About, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Body {
            #[serde(default)]
            platform: Named,
            #[serde(default)]
            components: Vec<Named>,
            version: String,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "PascalCase")]
        struct Named {
            name: String,
        }
        let answer = self
            .ask("tell its version", Method::GET, "/version".into(), None, self.inner.limits.request)
            .await?;
        let body: Body = expect(answer, StatusCode::OK).await?.read_json(ANSWER_LIMIT_BYTES).await?;
        // Podman names the system as its platform and itself as the first component.
        let podman = body.components.into_iter().map(|part| part.name).find(|name| name.contains("Podman"));
        let api_version = self.inner.version.to_string();
        Ok(About { name: podman.unwrap_or(body.platform.name), version: body.version, api_version })
    }

    /// Makes a container and gives its id. It does not run yet.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`], [`EngineError::NameTaken`], [`EngineError::InvalidValue`], those of any call.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        check_reference(&spec.image)?;
        let mut target = "/containers/create".to_owned();
        if let Some(name) = &spec.name {
            check_container(name)?;
            target = format!("{target}?name={name}");
        }
        let body = Some(spec.to_body()?);
        let answer =
            self.ask("create the container", Method::POST, target, body, self.inner.limits.request).await?;
        if answer.status == StatusCode::CREATED {
            return Ok(answer.read_json::<CreatedBody>(ANSWER_LIMIT_BYTES).await?.id);
        }
        let refusal = answer.refusal().await;
        Err(match &spec.name {
            _ if refusal.lacks("image") => {
                EngineError::NoSuchImage { image: spec.image.clone(), message: refusal.message }
            }
            // Podman has said so with status 500.
            Some(name) if refusal.status == 409 || refusal.message.contains("already in use") => {
                EngineError::NameTaken { name: name.clone(), message: refusal.message }
            }
            _ => refusal.into(),
        })
    }

    /// Starts a container. One that runs already is left alone.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with the reason if, say, the command isn't in the image; [`EngineError::NoSuchContainer`];
    /// those of any call.
    pub async fn start(&self, container: &str) -> Result<(), EngineError> {
        let target = container_target(container, "/start")?;
        let limit = self.inner.limits.request;
        self.command("start the container", Method::POST, target, container, limit)
            .await
            .or_else(settled_by(304, ""))
    }

    /// What the engine knows of a container, by its id or name.
    ///
    /// # Errors
    /// [`EngineError::NoSuchContainer`]; those of any call.
    pub async fn inspect(&self, container: &str) -> Result<ContainerDetails, EngineError> {
        let target = container_target(container, "/json")?;
        let answer =
            self.ask("inspect the container", Method::GET, target, None, self.inner.limits.request).await?;
        let answer = expect_of(answer, StatusCode::OK, container).await?;
        Ok(answer.read_json::<DetailsBody>(ANSWER_LIMIT_BYTES).await?.into())
    }

    /// Sends the signal that the image wants for an end (usually TERM) and, after `grace`, KILL. Returns when the container
    /// has ended; one that has ended already is left alone.
    ///
    /// # Errors
    /// [`EngineError::NoSuchContainer`]; those of any call.
    pub async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let target = format!("{}?t={seconds}", container_target(container, "/stop")?);
        let limit = self.inner.limits.request.saturating_add(grace);
        self.command("stop the container", Method::POST, target, container, limit)
            .await
            .or_else(settled_by(304, ""))
    }

    /// Sends KILL to a container. One that doesn't run is left alone.
    ///
    /// # Errors
    /// [`EngineError::NoSuchContainer`]; those of any call.
    pub async fn kill(&self, container: &str) -> Result<(), EngineError> {
        let target = container_target(container, "/kill")?;
        let limit = self.inner.limits.request;
        let outcome = self.command("kill the container", Method::POST, target, container, limit).await;
        // Docker and Podman refuse with different statuses if it doesn't run, and each of them with the same for other reasons.
        if let Err(EngineError::Refused { .. }) = outcome
            && !self.inspect(container).await?.state.is_alive()
        {
            return Ok(());
        }
        outcome
    }

    /// Removes a container with its anonymous volumes; ends it if it runs. One that is gone already, or being removed, is no
    /// error.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn remove(&self, container: &str) -> Result<(), EngineError> {
        let target = format!("{}?force=1&v=1", container_target(container, "")?);
        let limit = self.inner.limits.request;
        match self.command("remove the container", Method::DELETE, target, container, limit).await {
            Err(EngineError::NoSuchContainer { .. }) => Ok(()),
            outcome => outcome.or_else(settled_by(409, "in progress")),
        }
    }

    /// All containers, ended ones too, that have each label with its value.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn list(&self, labels: &[(&str, &str)]) -> Result<Vec<ContainerSummary>, EngineError> {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let filters = serde_json::json!({ "label": labels }).to_string();
        let filters: String = form_urlencoded::byte_serialize(filters.as_bytes()).collect();
        let target = format!("/containers/json?all=1&filters={filters}");
        let answer =
            self.ask("list containers", Method::GET, target, None, self.inner.limits.request).await?;
        let bodies: Vec<SummaryBody> =
            expect(answer, StatusCode::OK).await?.read_json(LIST_LIMIT_BYTES).await?;
        Ok(bodies.into_iter().map(ContainerSummary::from).collect())
    }

    /// A call whose answer has no body.
    async fn command(
        &self,
        operation: &'static str,
        method: Method,
        target: String,
        container: &str,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let answer = self.ask(operation, method, target, None, limit).await?;
        if answer.status.is_success() { Ok(()) } else { Err(refusal_of(answer, container).await) }
    }

    /// Sends a request to a path of the negotiated version and waits for the head of the answer; `limit` is for all of it.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        method: Method,
        target: String,
        body: Option<Vec<u8>>,
        limit: Duration,
    ) -> Result<Answer, EngineError> {
        self.send(Call { body, ..self.call(operation, method, &target) }, limit).await
    }

    /// As [`Engine::ask`], for a call that is made already.
    pub(crate) async fn send(&self, call: Call, limit: Duration) -> Result<Answer, EngineError> {
        connection::open_within(&self.inner.socket, self.inner.limits.connect, limit, call).await
    }

    /// As [`Engine::ask`], for answers that come when they come.
    pub(crate) async fn ask_unlimited(
        &self,
        operation: &'static str,
        method: Method,
        target: String,
    ) -> Result<Answer, EngineError> {
        let call = self.call(operation, method, &target);
        connection::open(&self.inner.socket, self.inner.limits.connect, call).await
    }

    pub(crate) fn call(&self, operation: &'static str, method: Method, target: &str) -> Call {
        Call::new(operation, method, format!("/v{}{target}", self.inner.version))
    }
}

/// Asks the engine for the newest version that it speaks and settles on one that both do.
async fn negotiate(socket: &Path, limits: Limits) -> Result<ApiVersion, EngineError> {
    let operation = "answer a ping";
    let call = Call::new(operation, Method::GET, "/_ping".into());
    let answer = connection::open_within(socket, limits.connect, limits.connect, call).await?;
    let answer = expect(answer, StatusCode::OK).await?;
    let offered = answer.headers.get("api-version").and_then(|value| value.to_str().ok());
    let version = offered.and_then(ApiVersion::parse).ok_or_else(|| EngineError::BadAnswer {
        operation,
        reason: "it names no version of the API, so this is no container engine".into(),
    })?;
    if version < OLDEST {
        return Err(EngineError::TooOld {
            socket: socket.to_owned(),
            version: version.to_string(),
            needed: OLDEST.to_string(),
        });
    }
    Ok(version.min(NEWEST))
}

pub(crate) fn container_target(container: &str, action: &str) -> Result<String, EngineError> {
    check_container(container)?;
    Ok(format!("/containers/{container}{action}"))
}

/// The answer if it has `status`, else the engine's words as an error.
pub(crate) async fn expect(answer: Answer, status: StatusCode) -> Result<Answer, EngineError> {
    if answer.status == status { Ok(answer) } else { Err(answer.refusal().await.into()) }
}

/// As [`expect`], where 404 means that the container is not there.
pub(crate) async fn expect_of(
    answer: Answer,
    status: StatusCode,
    container: &str,
) -> Result<Answer, EngineError> {
    if answer.status == status { Ok(answer) } else { Err(refusal_of(answer, container).await) }
}

async fn refusal_of(answer: Answer, container: &str) -> EngineError {
    match answer.refusal().await {
        refusal if refusal.lacks("container") => {
            EngineError::NoSuchContainer { container: container.to_owned() }
        }
        refusal => refusal.into(),
    }
}

/// Takes a refusal with `status`, and `words` in its message, for success: what was asked for is so already.
fn settled_by(status: u16, words: &'static str) -> impl Fn(EngineError) -> Result<(), EngineError> {
    move |error| match error {
        EngineError::Refused { status: given, message, .. } if given == status && message.contains(words) => {
            Ok(())
        }
        error => Err(error),
    }
}
