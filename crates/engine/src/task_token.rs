//! Task tokens: authenticated names of task attempts. No table of tokens is kept.
//!
//! A token is `version | execution key | frame | attempt | MAC` in URL-safe base64. The MAC also covers the
//! account, so that a token is of no use in another one. It is compared in constant time.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use stepwell_interpreter::TaskId;
use stepwell_store::ExecutionKey;

const VERSION: u8 = 1;
const NAMED_BYTES: usize = 1 + 16 + 4 + 4;
const MAC_BYTES: usize = 16;
/// Characters of the longest text that is looked at (AWS takes up to 2,048).
const TOKEN_CHARACTERS_MAX: usize = 2_048;

/// The secret of a store that authenticates its tokens.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

/// The text is not a token of this store and account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a task token of this store and account")]
pub struct InvalidToken;

impl TokenKey {
    /// A key of 32 secret bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The token of a task attempt.
    #[must_use]
    pub fn mint(&self, account: &str, key: ExecutionKey, task: TaskId) -> String {
        let mut bytes = Vec::with_capacity(NAMED_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&task.frame.to_be_bytes());
        bytes.extend_from_slice(&task.attempt.to_be_bytes());
        let mac = self.mac(account, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The task attempt that a token names.
    ///
    /// # Errors
    /// [`InvalidToken`] for anything that `mint` with the same key and account did not make.
    pub fn verify(&self, account: &str, token: &str) -> Result<(ExecutionKey, TaskId), InvalidToken> {
        if token.len() > TOKEN_CHARACTERS_MAX {
            return Err(InvalidToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        if bytes.len() != NAMED_BYTES + MAC_BYTES || bytes[0] != VERSION {
            return Err(InvalidToken);
        }
        let (named, mac) = bytes.split_at(NAMED_BYTES);
        self.mac(account, named).verify_truncated_left(mac).map_err(|_| InvalidToken)?;
        let number = |at: usize| -> Result<u32, InvalidToken> {
            let bytes = named.get(at..at + 4).ok_or(InvalidToken)?;
            Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| InvalidToken)?))
        };
        let key = ExecutionKey::from_slice(&named[1..17]).ok_or(InvalidToken)?;
        Ok((key, TaskId { frame: number(17)?, attempt: number(21)? }))
    }

    fn mac(&self, account: &str, named: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length, so this can't fail; an empty key would only refuse all tokens.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0)
            .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Default::default()));
        mac.update(named);
        mac.update(account.as_bytes());
        mac
    }
}

/// The account in an ARN; empty when there is none.
#[must_use]
pub fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (TokenKey, ExecutionKey, TaskId, String) {
        let key = TokenKey::new([7; 32]);
        let execution = ExecutionKey::new(1_700_000_000_000, "arn:aws:states:r:a:execution:m:n");
        let task = TaskId { frame: 3, attempt: 41 };
        let token = key.mint("000000000000", execution, task);
        (key, execution, task, token)
    }

    #[test]
    fn a_token_names_its_task() {
        let (key, execution, task, token) = sample();
        assert_eq!(key.verify("000000000000", &token), Ok((execution, task)));
    }

    #[test]
    fn a_token_is_refused_in_another_account_or_store() {
        let (key, _, _, token) = sample();
        assert_eq!(key.verify("111111111111", &token), Err(InvalidToken));
        assert_eq!(TokenKey::new([8; 32]).verify("000000000000", &token), Err(InvalidToken));
    }

    #[test]
    fn a_token_with_any_character_changed_cut_or_added_is_refused() {
        let (key, _, _, token) = sample();
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for at in 0..token.len() {
            for &other in alphabet {
                if token.as_bytes()[at] == other {
                    continue;
                }
                let mut forged = token.clone().into_bytes();
                forged[at] = other;
                let forged = String::from_utf8(forged).unwrap();
                assert_eq!(key.verify("000000000000", &forged), Err(InvalidToken), "{forged}");
            }
            assert_eq!(key.verify("000000000000", &token[..at]), Err(InvalidToken));
        }
        assert_eq!(key.verify("000000000000", &format!("{token}A")), Err(InvalidToken));
        assert_eq!(key.verify("000000000000", &"A".repeat(100_000)), Err(InvalidToken));
    }
}
