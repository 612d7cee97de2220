//! Tokens of OAuth's client credentials: asked for when there is none, kept until they end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use stepwell_json::Value;
use tokio::sync::Mutex;

use super::{
    config::{TokenMethod, TokenSource},
    form::join,
};
use crate::http_client::{HttpClient, HttpError, check_address, percent_encode};

/// The longest answer with a token that is read, in bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// How long before its end a token is replaced, at most; short-lived ones have a tenth of their life.
const MARGIN: Duration = Duration::from_secs(30);

/// The token of a connection. Whoever asks for one holds the lock, so that there is one request for many tasks.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<Option<Token>>);

#[derive(Clone)]
struct Token {
    value: HeaderValue,
    end: Option<Instant>,
}

impl TokenCache {
    /// The header's value, and whether it was there before. `refused`: a value that the API did not take.
    ///
    /// # Errors
    /// What is wrong, without any secret.
    pub(super) async fn get(
        &self,
        client: &HttpClient,
        source: &TokenSource,
        refused: Option<&HeaderValue>,
        timeout: Duration,
    ) -> Result<(HeaderValue, bool), String> {
        let mut kept = self.0.lock().await;
        let usable = kept.as_ref().filter(|token| {
            Some(&token.value) != refused && token.end.is_none_or(|end| Instant::now() < end)
        });
        if let Some(token) = usable {
            return Ok((token.value.clone(), true));
        }
        *kept = None;
        let token = fetch(client, source, timeout).await?;
        let value = token.value.clone();
        *kept = Some(token);
        Ok((value, false))
    }
}

async fn fetch(client: &HttpClient, source: &TokenSource, timeout: Duration) -> Result<Token, String> {
    let pairs: Vec<(String, String)> =
        source.parameters.iter().map(|(name, value)| (percent_encode(name), percent_encode(value))).collect();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let (method, url, body) = match source.method {
        TokenMethod::Get => {
            let separator = if source.url.contains('?') { '&' } else { '?' };
            (Method::GET, format!("{}{separator}{}", source.url, join(&pairs)), Bytes::new())
        }
        method => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            let method = if method == TokenMethod::Put { Method::PUT } else { Method::POST };
            (method, source.url.clone(), join(&pairs).into())
        }
    };
    // The address may have the secret in its query: it is in no message.
    let uri = check_address(&url).map_err(|_| "the address for tokens is none".to_owned())?;
    let asked = Instant::now();
    let answer = client.send(method, uri, headers, body, ANSWER_MAX_BYTES, timeout).await;
    let answer = answer.map_err(|error| match error {
        HttpError::NoConnection(reason) | HttpError::NoAnswer(reason) => reason,
        HttpError::TimedOut => "the server for tokens did not answer in time".to_owned(),
        HttpError::TooLarge => "the answer with the token is too long".to_owned(),
    })?;
    if !answer.status.is_success() {
        return Err(format!("the server for tokens answered {}", answer.status));
    }
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let document = stepwell_json::parse(text).unwrap_or(Value::Null);
    let value = document.get("access_token").and_then(Value::as_str);
    let value = value.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    let Some(mut value) = value else { return Err("the server for tokens gave no access_token".to_owned()) };
    value.set_sensitive(true);
    let life =
        document.get("expires_in").and_then(|life| life.as_f64().or_else(|| life.as_str()?.parse().ok()));
    let life = life.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let end = life.and_then(|life| asked.checked_add(life.saturating_sub(MARGIN.min(life / 10))));
    Ok(Token { value, end })
}
