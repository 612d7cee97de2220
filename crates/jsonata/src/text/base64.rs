//! Base64 as `$base64encode` and `$base64decode` have it

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::STANDARD as ENCODER;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::Error;

/// Takes texts without padding and with stray bits at the end
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The Base64 of a text's UTF-8 bytes.
///
/// The reference cuts each character to 8 bits, which loses all beyond Latin-1; for ASCII both give the same.
pub(crate) fn encode(text: &str) -> String {
    ENCODER.encode(text)
}

/// The text whose UTF-8 is in a Base64 text; where the bytes are no UTF-8, each byte is a character (Latin-1).
///
/// As Node.js does, both alphabets are read, other characters are skipped, all from the first `=` on is left out, and a
/// single character too many at the end as well. So no text fails.
pub(crate) fn decode(text: &str) -> Result<String, Error> {
    let mut kept: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    if kept.len() % 4 == 1 {
        kept.pop();
    }
    let bytes = LENIENT.decode(&kept).unwrap_or_default();
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_decoded(text: &str, expected: &str) {
        assert_eq!(decode(text).unwrap(), expected, "{text:?}");
    }

    #[test]
    fn texts_are_encoded() {
        assert_eq!(encode("hello:world"), "aGVsbG86d29ybGQ=");
        assert_eq!(encode(""), "");
        assert_eq!(encode("é☃"), "w6nimIM=");
    }

    #[test]
    fn texts_are_decoded() {
        check_decoded("aGVsbG86d29ybGQ=", "hello:world");
        check_decoded("w6nimIM=", "é☃");
        check_decoded("6Q==", "é");
        check_decoded("YW-_", "ao\u{bf}");
        check_decoded("YW+/", "ao\u{bf}");
        check_decoded("YWJj\nZGVm", "abcdef");
        check_decoded("YWJj=ZGVm", "abc");
        check_decoded("YWJjZ", "abc");
        check_decoded("Y!Q= =", "a");
        check_decoded("YR", "a");
        check_decoded("Y", "");
        check_decoded("☃=", "");
    }
}
