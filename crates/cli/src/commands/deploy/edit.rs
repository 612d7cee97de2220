//! Texts in which placeholders were replaced, and the way back to what stood there before.

use std::ops::Range;

/// A placeholder that was replaced.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    /// Bytes of the value in the text.
    pub(super) new: Range<usize>,
    /// Bytes of the placeholder before.
    pub(super) old: Range<usize>,
}

/// Replaces `${name}`; other placeholders stay.
pub(super) fn substitute(text: &str, values: &[(String, String)]) -> (String, Vec<Edit>) {
    let mut result = String::with_capacity(text.len());
    let mut edits = Vec::new();
    let mut read = 0;
    while let Some(start) = text[read..].find("${").map(|at| read + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at + 1) else { break };
        let name = &text[start + 2..end - 1];
        match values.iter().find(|(key, _)| key == name) {
            Some((_, value)) => {
                result.push_str(&text[read..start]);
                let new = result.len()..result.len() + value.len();
                result.push_str(value);
                edits.push(Edit { new, old: start..end });
                read = end;
            }
            None => {
                result.push_str(&text[read..start + 2]);
                read = start + 2;
            }
        }
    }
    result.push_str(&text[read..]);
    (result, edits)
}

/// Bytes of the text as they were before its placeholders were replaced. A part of a value stands for its placeholder.
pub(super) fn span_before(edits: &[Edit], span: Range<usize>) -> Range<usize> {
    let before = |offset: usize, is_end: bool| {
        let behind = edits.partition_point(|edit| edit.new.start <= offset);
        let Some(edit) = behind.checked_sub(1).and_then(|position| edits.get(position)) else {
            return offset;
        };
        match (offset < edit.new.end, is_end) {
            (true, false) => edit.old.start,
            (true, true) => edit.old.end,
            (false, _) => edit.old.end + (offset - edit.new.end),
        }
    };
    let start = before(span.start, false);
    start..before(span.end, true).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_places_lead_back() {
        let values = [("A".to_owned(), "long value".to_owned()), ("B".to_owned(), "x".to_owned())];
        let old = r#"{"a": "${A}", "b": ${B}, "c": "${C} ${A"}"#;
        let (text, edits) = substitute(old, &values);
        assert_eq!(text, r#"{"a": "long value", "b": x, "c": "${C} ${A"}"#);
        for (part, before) in
            [("\"a\"", "\"a\""), ("value", "${A}"), ("\"b\"", "\"b\""), ("x", "${B}"), ("\"c\"", "\"c\"")]
        {
            let start = text.find(part).unwrap();
            let span = span_before(&edits, start..start + part.len());
            assert_eq!(&old[span], before, "{part}");
        }
    }
}
