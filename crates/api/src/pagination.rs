//! Page tokens: where a list goes on, sealed so that only what the server gave out is accepted.
//!
//! A token is bound to the operation and to all arguments that select what is listed; it ends after 24 hours. Its bytes,
//! in URL-safe base64 without padding: version (1), expiry in milliseconds since 1970 (8, big-endian), cursor, and the
//! first 16 bytes of HMAC-SHA-256 over version, expiry, scope and cursor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{ApiError, Operation};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 8;
const SEAL_BYTES: usize = 16;
/// How long a token is accepted, as at AWS.
const LIFETIME_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;
/// The longest cursor, in bytes: with it a token has at most 1,024 characters, the model's limit.
pub const CURSOR_BYTES_MAX: usize = 1024 / 4 * 3 - HEADER_BYTES - SEAL_BYTES;

/// What a token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct PageScope<'a> {
    /// The operation.
    pub operation: Operation,
    /// Account, region, and every argument that must stay the same from page to page.
    pub arguments: &'a [&'a str],
}

/// Makes and opens page tokens.
#[derive(Clone)]
pub struct PageTokens {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for PageTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state of the MAC stands for the key.
        formatter.write_str("PageTokens")
    }
}

impl PageTokens {
    /// Tokens under a secret key, which all servers that share data must share.
    pub fn new(key: &[u8; 32]) -> PageTokens {
        // HMAC fills a key up with zeros to its block of 64 bytes; doing so here leaves no error to handle.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        // The name keeps these tokens apart from everything else that is made with the same key.
        let mac = <Hmac<Sha256> as Mac>::new(&block.into()).chain_update(b"stepwell page token\0");
        PageTokens { mac }
    }

    /// A token for `cursor`, valid for 24 hours from `now_milliseconds`.
    ///
    /// # Errors
    /// `InternalFailure` for a cursor longer than [`CURSOR_BYTES_MAX`].
    pub fn issue(
        &self,
        scope: PageScope<'_>,
        cursor: &[u8],
        now_milliseconds: i64,
    ) -> Result<String, ApiError> {
        if cursor.len() > CURSOR_BYTES_MAX {
            return Err(ApiError::internal_failure());
        }
        let expiry = now_milliseconds.saturating_add(LIFETIME_MILLISECONDS);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + cursor.len() + SEAL_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&expiry.to_be_bytes());
        bytes.extend_from_slice(cursor);
        let seal = self.seal(scope, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&seal[..SEAL_BYTES]);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The cursor of a token.
    ///
    /// # Errors
    /// `InvalidToken` for a token that is altered, expired, or of another operation or other arguments.
    pub fn open(
        &self,
        scope: PageScope<'_>,
        token: &str,
        now_milliseconds: i64,
    ) -> Result<Vec<u8>, ApiError> {
        self.verify(scope, token, now_milliseconds).ok_or_else(ApiError::invalid_token)
    }

    fn verify(&self, scope: PageScope<'_>, token: &str, now_milliseconds: i64) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let sealed_length = bytes.len().checked_sub(SEAL_BYTES)?;
        let (sealed, seal) = bytes.split_at(sealed_length);
        self.seal(scope, sealed).verify_truncated_left(seal).ok()?;
        let (version, rest) = sealed.split_first()?;
        let (expiry, _) = rest.split_first_chunk::<8>()?;
        if *version != VERSION || i64::from_be_bytes(*expiry) < now_milliseconds {
            return None;
        }
        bytes.truncate(sealed_length);
        bytes.drain(..HEADER_BYTES);
        Some(bytes)
    }

    fn seal(&self, scope: PageScope<'_>, sealed: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        // Every part has its length before it, so that no two scopes give the same bytes.
        for part in std::iter::once(scope.operation.name()).chain(scope.arguments.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&u64::MAX.to_be_bytes());
        mac.update(sealed);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const SCOPE: PageScope<'_> = PageScope {
        operation: Operation::ListExecutions,
        arguments: &["000000000000", "us-east-1", "machine"],
    };

    fn tokens() -> PageTokens {
        PageTokens::new(&[7; 32])
    }

    #[test]
    fn a_token_opens_in_its_scope_for_24_hours() {
        let token = tokens().issue(SCOPE, b"cursor", NOW).unwrap();
        let open = |scope, now| tokens().open(scope, &token, now);
        assert_eq!(open(SCOPE, NOW).as_deref(), Ok(b"cursor".as_slice()));
        assert_eq!(open(SCOPE, NOW + LIFETIME_MILLISECONDS).as_deref(), Ok(b"cursor".as_slice()));
        assert_eq!(open(SCOPE, NOW + LIFETIME_MILLISECONDS + 1), Err(ApiError::invalid_token()));
        for arguments in [
            ["000000000000", "us-east-1", "other"].as_slice(),
            &["000000000000", "us-east-1machine"],
            &["000000000000", "us-east-1", "machine", ""],
            &[],
        ] {
            let scope = PageScope { operation: SCOPE.operation, arguments };
            assert_eq!(open(scope, NOW), Err(ApiError::invalid_token()));
        }
        let scope = PageScope { operation: Operation::ListMapRuns, ..SCOPE };
        assert_eq!(open(scope, NOW), Err(ApiError::invalid_token()));
        assert!(PageTokens::new(&[8; 32]).open(SCOPE, &token, NOW).is_err());
    }

    #[test]
    fn tokens_stay_within_the_models_limit() {
        let token = tokens().issue(SCOPE, &[255; CURSOR_BYTES_MAX], NOW).unwrap();
        assert!(token.len() <= 1024, "{}", token.len());
        assert_eq!(tokens().open(SCOPE, &token, NOW).unwrap().len(), CURSOR_BYTES_MAX);
        assert!(tokens().issue(SCOPE, &[0; CURSOR_BYTES_MAX + 1], NOW).is_err());
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in ["", "x", "xxxx", "AQ", "Invalid token", "é", &"x".repeat(1024)] {
            assert_eq!(tokens().open(SCOPE, token, NOW), Err(ApiError::invalid_token()), "{token}");
        }
    }

    proptest! {
        #[test]
        fn any_altered_character_is_refused(
            cursor in prop::collection::vec(any::<u8>(), 0..40),
            place in any::<prop::sample::Index>(),
            replacement in prop::sample::select(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ".to_vec(),
            ),
        ) {
            let token = tokens().issue(SCOPE, &cursor, NOW).unwrap();
            let mut altered = token.clone().into_bytes();
            let place = place.index(altered.len());
            altered[place] = replacement;
            let altered = String::from_utf8(altered).unwrap();
            prop_assert_eq!(tokens().open(SCOPE, &altered, NOW).is_ok(), altered == token);
        }

        #[test]
        fn any_cut_or_longer_token_is_refused(cut in any::<prop::sample::Index>(), tail in "[A-Za-z0-9_=-]{1,4}") {
            let token = tokens().issue(SCOPE, b"cursor", NOW).unwrap();
            prop_assert!(tokens().open(SCOPE, &token[..cut.index(token.len())], NOW).is_err());
            let longer = format!("{token}{tail}");
            prop_assert!(tokens().open(SCOPE, &longer, NOW).is_err());
        }

        #[test]
        fn any_text_is_opened_without_panic(text in any::<String>()) {
            prop_assert!(tokens().open(SCOPE, &text, NOW).is_err());
        }
    }
}
