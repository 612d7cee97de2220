//! Posts to servers that are no tasks: logs and webhooks.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use crate::http_client::{HttpClient, HttpError, check_address};

/// Bytes of an answer that are read; nothing that is posted to has more to say.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
}

/// Why there is no answer, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PostError(String);

/// Unused connections kept for one receiver.
const CONNECTIONS_KEPT: usize = 16;

/// A pool of connections.
pub struct Poster {
    client: HttpClient,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Poster").finish_non_exhaustive()
    }
}

impl Default for Poster {
    fn default() -> Self {
        Self { client: HttpClient::new(CONNECTIONS_KEPT) }
    }
}

impl Poster {
    /// Posts `body` to `address` and waits up to `timeout` for the whole answer.
    ///
    /// # Errors
    /// [`PostError`] when the address or a header can't be used, or no answer came in time.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<Posted, PostError> {
        let uri = check_address(address).map_err(PostError)?;
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value)
                    .map_err(|_| PostError(format!("the header {name} has characters that can't be sent")))?;
                Ok((HeaderName::from_static(name), value))
            })
            .collect::<Result<_, _>>()?;
        match self.client.post(uri, headers, body, ANSWER_MAX_BYTES, timeout).await {
            Ok(response) => Ok(Posted { status: response.status.as_u16(), body: response.body }),
            Err(HttpError::NoConnection(reason) | HttpError::NoAnswer(reason)) => Err(PostError(reason)),
            Err(HttpError::TimedOut) => {
                Err(PostError(format!("no answer within {} s", timeout.as_secs_f64())))
            }
            Err(HttpError::TooLarge) => Err(PostError("the answer is too long".to_owned())),
        }
    }
}
