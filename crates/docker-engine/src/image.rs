//! Images: are they there, and fetching them.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;

use crate::connection::{Answer, Call, timed_out};
use crate::{Engine, EngineError};

/// The longest answer about an image, in bytes: its history and labels may be long.
const DETAILS_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// The longest line of a pull's progress, in bytes. They have some hundred.
const LINE_LIMIT_BYTES: usize = 256 * 1024;
/// Docker's own limit for a reference, a digest not counted.
const REFERENCE_LENGTH_MAX: usize = 512;

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Image {
    /// `sha256:` and 64 hexadecimal digits.
    pub id: String,
}

/// A step of a pull.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// The layer, or the tag, that it is about; empty if it is about all.
    pub subject: String,
    /// Such as `Downloading` or `Pull complete`.
    pub status: String,
    /// How much of the layer is there, in bytes.
    pub current_bytes: Option<u64>,
    /// The layer's size, in bytes.
    pub total_bytes: Option<u64>,
}

impl Engine {
    /// The image, if the engine has it.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`], [`EngineError::InvalidValue`], those of any call.
    pub async fn image(&self, image: &str) -> Result<Image, EngineError> {
        check_reference(image)?;
        let target = format!("/images/{image}/json");
        let answer =
            self.ask("inspect the image", Method::GET, target, None, self.inner.limits.request).await?;
        if answer.status == StatusCode::OK {
            return answer.read_json(DETAILS_LIMIT_BYTES).await;
        }
        let refusal = answer.refusal().await;
        if refusal.status == 404 {
            return Err(EngineError::NoSuchImage { image: image.to_owned(), message: refusal.message });
        }
        Err(refusal.into())
    }

    /// Pulls an image unless the engine has it. `on_progress` is told of every step; nothing of it is kept.
    ///
    /// # Errors
    /// Those of [`Engine::pull`].
    pub async fn ensure_image(
        &self,
        image: &str,
        on_progress: impl FnMut(PullProgress),
    ) -> Result<(), EngineError> {
        match self.image(image).await {
            Ok(_) => Ok(()),
            Err(EngineError::NoSuchImage { .. }) => self.pull(image, on_progress).await,
            Err(error) => Err(error),
        }
    }

    /// Pulls an image; without tag or digest the tag `latest`. `on_progress` is told of every step; nothing of it is kept.
    /// The registry is asked with the login that [`Engine::with_logins`] has for it.
    ///
    /// # Errors
    /// [`EngineError::PullFailed`] with the engine's words, also when they come amid the progress;
    /// [`EngineError::TimedOut`] after [`crate::Limits::pull`] or [`crate::Limits::pull_silence`]; those of any call.
    pub async fn pull(
        &self,
        image: &str,
        mut on_progress: impl FnMut(PullProgress),
    ) -> Result<(), EngineError> {
        let operation = "pull the image";
        check_reference(image)?;
        let limits = self.inner.limits;
        let deadline = Instant::now() + limits.pull;
        // Without a tag the engine would pull all that the registry has.
        let reference = if has_tag_or_digest(image) { image.to_owned() } else { format!("{image}:latest") };
        let reference: String = form_urlencoded::byte_serialize(reference.as_bytes()).collect();
        let target = format!("/images/create?fromImage={reference}");
        let login = self.logins.of_image(image).await;
        let call = Call { registry_login: login.header, ..self.call(operation, Method::POST, &target) };
        let answer = self.send(call, limits.pull_silence).await?;
        let failed = |message: String| {
            let message = match &login.hint {
                Some(hint) => format!("{}. {hint}", message.trim_end_matches('.')),
                None => message,
            };
            EngineError::PullFailed { image: image.to_owned(), message }
        };
        if !answer.status.is_success() {
            let refusal = answer.refusal().await;
            return Err(failed(refusal.message));
        }
        let mut lines = Lines { answer, pending: Vec::new(), operation };
        loop {
            let silence_ends = Instant::now() + limits.pull_silence;
            let (until, limit) = match silence_ends < deadline {
                true => (silence_ends, limits.pull_silence),
                false => (deadline, limits.pull),
            };
            let line = match tokio::time::timeout_at(until, lines.next()).await {
                Ok(line) => line?,
                Err(_) => return Err(timed_out(operation, limit)),
            };
            let Some(line) = line else { return Ok(()) };
            let step: Step = serde_json::from_slice(&line).map_err(|error| EngineError::BadAnswer {
                operation,
                reason: format!("a step of its progress is not as documented: {error}"),
            })?;
            if let Some(message) = step.error_detail.map(|detail| detail.message).or(step.error) {
                return Err(failed(message));
            }
            on_progress(PullProgress {
                subject: step.id,
                status: step.status,
                current_bytes: step.progress_detail.current,
                total_bytes: step.progress_detail.total,
            });
        }
    }
}

/// One line of a pull's progress.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    #[serde(default)]
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    progress_detail: Detail,
    error: Option<String>,
    error_detail: Option<ErrorDetail>,
}

#[derive(Deserialize, Default)]
struct Detail {
    current: Option<u64>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct ErrorDetail {
    message: String,
}

/// The lines of a body, without their ends and without empty ones.
struct Lines {
    answer: Answer,
    pending: Vec<u8>,
    operation: &'static str,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EngineError> {
        let mut searched = 0;
        loop {
            if let Some(length) = self.pending[searched..].iter().position(|&byte| byte == b'\n') {
                let rest = self.pending.split_off(searched + length + 1);
                let line = std::mem::replace(&mut self.pending, rest);
                searched = 0;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            searched = self.pending.len();
            if searched > LINE_LIMIT_BYTES {
                return Err(EngineError::TooLarge {
                    operation: self.operation,
                    limit_bytes: LINE_LIMIT_BYTES,
                });
            }
            match self.answer.next_piece().await? {
                Some(piece) => self.pending.extend_from_slice(&piece),
                None if self.pending.trim_ascii().is_empty() => return Ok(None),
                None => return Ok(Some(std::mem::take(&mut self.pending))),
            }
        }
    }
}

/// Whether the reference says which of the images of its name is meant. A colon before a slash is that of a port.
fn has_tag_or_digest(reference: &str) -> bool {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    name.contains([':', '@'])
}

/// Checks that a reference can stand in a path; whether it is well formed in all else is the engine's to say.
pub(crate) fn check_reference(reference: &str) -> Result<(), EngineError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
    let empty_part = reference.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    let reason = if reference.is_empty() {
        "it is empty"
    } else if reference.len() > REFERENCE_LENGTH_MAX {
        "it is longer than 512 characters"
    } else if !reference.bytes().all(fits) {
        "it may have letters, digits and . _ - / : @ + only"
    } else if empty_part {
        "a part between its slashes is empty or consists of dots"
    } else {
        return Ok(());
    };
    Err(EngineError::InvalidValue { what: "the image", value: reference.to_owned(), reason })
}
