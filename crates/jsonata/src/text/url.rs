//! Percent-encoding, as JavaScript's `encodeURI` and its three relatives do it

use crate::Error;

/// Marks that are never encoded, besides letters and digits
const MARKS: &[u8] = b"-_.!~*'()";
/// What has a meaning in a URL: left alone in whole URLs
const RESERVED: &[u8] = b";/?:@&=+$,#";

/// `encodeURI`: leaves alone what has a meaning in a URL. No text fails, as ours have no lone surrogates.
pub(crate) fn encode_url(text: &str) -> Result<String, Error> {
    Ok(encode(text, |byte| MARKS.contains(&byte) || RESERVED.contains(&byte)))
}

/// `encodeURIComponent`: encodes all but letters, digits and a few marks.
pub(crate) fn encode_url_component(text: &str) -> Result<String, Error> {
    Ok(encode(text, |byte| MARKS.contains(&byte)))
}

/// `decodeURI`: leaves escapes of characters with a meaning in a URL as they are.
///
/// # Errors
/// `D3140` where a `%` isn't followed by two hexadecimal digits, or the bytes are no UTF-8.
pub(crate) fn decode_url(text: &str) -> Result<String, Error> {
    decode(text, RESERVED).ok_or_else(|| Error::new("D3140").token("decodeUrl").string_value(text))
}

/// `decodeURIComponent`: decodes every escape.
///
/// # Errors
/// `D3140` where a `%` isn't followed by two hexadecimal digits, or the bytes are no UTF-8.
pub(crate) fn decode_url_component(text: &str) -> Result<String, Error> {
    decode(text, b"").ok_or_else(|| Error::new("D3140").token("decodeUrlComponent").string_value(text))
}

fn encode(text: &str, plain: impl Fn(u8) -> bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

fn decode(text: &str, kept: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let (high, low) = match after {
            [high, low, after @ ..] => {
                rest = after;
                (*high, *low)
            }
            _ => return None,
        };
        let nibble = |digit: u8| char::from(digit).to_digit(16).map(|nibble| nibble as u8);
        let byte = nibble(high)? << 4 | nibble(low)?;
        if kept.contains(&byte) {
            decoded.extend([b'%', high, low]);
        } else {
            decoded.push(byte);
        }
    }
    // Every escaped character has to be complete by itself. Bytes outside escapes are whole characters, so the text as a
    // whole is UTF-8 just when each run of escapes is.
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Function = fn(&str) -> Result<String, Error>;

    #[track_caller]
    fn check(function: Function, text: &str, expected: &str) {
        assert_eq!(function(text).unwrap(), expected, "{text:?}");
    }

    #[track_caller]
    fn check_malformed(function: Function, text: &str, expected: &str) {
        assert_eq!(function(text).unwrap_err().to_string(), expected, "{text:?}");
    }

    #[test]
    fn urls_are_encoded() {
        check(encode_url_component, "?x=test", "%3Fx%3Dtest");
        check(encode_url_component, "a b-_.!~*'()\u{e9}\u{1f600}", "a%20b-_.!~*'()%C3%A9%F0%9F%98%80");
        check(
            encode_url,
            "https://mozilla.org/?x=шеллы",
            "https://mozilla.org/?x=%D1%88%D0%B5%D0%BB%D0%BB%D1%8B",
        );
        check(encode_url, ";/?:@&=+$,#[]%\"", ";/?:@&=+$,#%5B%5D%25%22");
    }

    #[test]
    fn urls_are_decoded() {
        check(decode_url_component, "%3Fx%3Dtest", "?x=test");
        check(
            decode_url,
            "https://mozilla.org/?x=%D1%88%D0%B5%D0%BB%D0%BB%D1%8B",
            "https://mozilla.org/?x=шеллы",
        );
        check(decode_url, "%3b%2F%20%41é", "%3b%2F Aé");
        check(decode_url_component, "%3b%2F%20%41", ";/ A");
    }

    #[test]
    fn malformed_urls_are_refused() {
        let expected = "D3140: Malformed URL passed to $decodeUrl(): \"%E0%A4%A\"";
        check_malformed(decode_url, "%E0%A4%A", expected);
        let expected = "D3140: Malformed URL passed to $decodeUrlComponent(): \"%E0%A4%A\"";
        check_malformed(decode_url_component, "%E0%A4%A", expected);
        for text in [
            "%",
            "%4",
            "%zz",
            "%80",
            "%C3",
            "%C3é",
            "%C3%28",
            "%C0%80",
            "%ED%A0%80",
            "%F5%80%80%80",
            "%C3x%A9",
        ] {
            assert_eq!(decode_url(text).unwrap_err().code(), Some("D3140"), "{text:?}");
        }
    }
}
