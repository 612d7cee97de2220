//! HTTP/1.1 as far as a closed-loop client of one known server needs it: requests with a length, answers with a length.

use std::io;

/// The start of the value of `X-Amz-Target`.
const TARGET_PREFIX: &str = "AWSStepFunctions.";
/// An answer's head longer than this is not one of a Step Functions endpoint.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Appends a Step Functions call to a buffer.
pub fn encode_call(out: &mut Vec<u8>, operation: &str, body: &[u8]) {
    out.extend_from_slice(
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: ",
    );
    out.extend_from_slice(TARGET_PREFIX.as_bytes());
    out.extend_from_slice(operation.as_bytes());
    out.extend_from_slice(b"\r\ncontent-length: ");
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

/// Appends a plain GET to a buffer.
pub fn encode_get(out: &mut Vec<u8>, path: &str) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n\r\n");
}

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// Bytes of the head, the empty line included.
    pub head_bytes: usize,
    /// Bytes of the body that follow.
    pub body_bytes: usize,
    /// The server closes the connection after this answer.
    pub closes: bool,
}

/// Reads the head of an answer; `None` while it is incomplete.
///
/// # Errors
/// `InvalidData` when the bytes are not an HTTP/1.1 answer with a `Content-Length`.
pub fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(bad("the head of the answer has no end"))
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("the head of the answer is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| bad("the answer does not begin with an HTTP/1.1 status"))?;
    let (mut body_bytes, mut closes) = (None, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body_bytes = Some(value.parse().map_err(|_| bad("the answer's Content-Length is not a number"))?);
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let body_bytes = body_bytes.ok_or_else(|| bad("the answer has no Content-Length"))?;
    Ok(Some(Head { status, head_bytes: end + 4, body_bytes, closes }))
}

/// Where `needle` begins in `haystack`.
#[must_use]
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The text of a string member of a flat JSON answer, without decoding the rest. For texts without escapes (ARNs, statuses).
#[must_use]
pub fn text_member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = find(&body[from..], name.as_bytes()) {
        let start = from + at;
        let after = start + name.len();
        if start > 0 && body[start - 1] == b'"' && body[after..].starts_with(b"\":\"") {
            let value = &body[after + 3..];
            let end = value.iter().position(|byte| *byte == b'"')?;
            return std::str::from_utf8(&value[..end]).ok();
        }
        from = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\n{}";
        for cut in 0..answer.len() - 2 {
            assert_eq!(parse_head(&answer[..cut]).unwrap(), None, "cut at {cut}");
        }
        let head = parse_head(answer).unwrap().unwrap();
        assert_eq!(head, Head { status: 200, head_bytes: answer.len() - 2, body_bytes: 2, closes: true });
    }

    #[test]
    fn answers_that_are_not_ours_are_errors() {
        for text in
            ["SMTP ready\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
        {
            assert!(parse_head(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn members_are_found_by_their_whole_name() {
        let body = br#"{"stateMachineArn":"m","x":"Arn","Arn":"a","status":"RUNNING"}"#;
        assert_eq!(text_member(body, "Arn"), Some("a"));
        assert_eq!(text_member(body, "status"), Some("RUNNING"));
        assert_eq!(text_member(body, "stopDate"), None);
    }
}
