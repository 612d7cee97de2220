//! JSON text, compact or over several lines, escaped as Jackson escapes

use crate::Value;

/// Somewhere text is written to: a `String` or a `Vec<u8>`.
pub trait Sink {
    /// Appends text.
    fn text(&mut self, text: &str);
    /// Whether no more text is wanted.
    fn is_full(&self) -> bool {
        false
    }
}

impl Sink for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Sink for Vec<u8> {
    fn text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// The beginning of a text.
pub(crate) struct Beginning {
    pub(crate) text: String,
    pub(crate) bytes_max: usize,
}

impl Sink for Beginning {
    fn text(&mut self, text: &str) {
        let mut end = text.len().min(self.bytes_max.saturating_sub(self.text.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        if end < text.len() {
            self.bytes_max = self.text.len();
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() >= self.bytes_max
    }
}

/// Writes the compact JSON text of a value.
pub fn write_text<S: Sink>(value: &Value, sink: &mut S) {
    match value {
        Value::Array(array) => {
            sink.text("[");
            for (at, item) in array.iter().enumerate() {
                if sink.is_full() {
                    return;
                }
                if at > 0 {
                    sink.text(",");
                }
                write_text(item, sink);
            }
            sink.text("]");
        }
        Value::Object(object) => {
            sink.text("{");
            for (at, (key, member)) in object.iter().enumerate() {
                if sink.is_full() {
                    return;
                }
                if at > 0 {
                    sink.text(",");
                }
                write_string(key, sink);
                sink.text(":");
                write_text(member, sink);
            }
            sink.text("}");
        }
        plain => write_plain(plain, sink),
    }
}

/// Writes the JSON text of a value over several lines, two spaces for each level.
pub fn write_pretty<S: Sink>(value: &Value, sink: &mut S) {
    write_pretty_at(value, sink, 0);
}

fn write_pretty_at<S: Sink>(value: &Value, sink: &mut S, level: usize) {
    match value {
        Value::Array(array) if !array.is_empty() => {
            sink.text("[");
            for (at, item) in array.iter().enumerate() {
                new_line(sink, at > 0, level + 1);
                write_pretty_at(item, sink, level + 1);
            }
            new_line(sink, false, level);
            sink.text("]");
        }
        Value::Object(object) if !object.is_empty() => {
            sink.text("{");
            for (at, (key, member)) in object.iter().enumerate() {
                new_line(sink, at > 0, level + 1);
                write_string(key, sink);
                sink.text(": ");
                write_pretty_at(member, sink, level + 1);
            }
            new_line(sink, false, level);
            sink.text("}");
        }
        other => write_text(other, sink),
    }
}

fn new_line<S: Sink>(sink: &mut S, comma: bool, level: usize) {
    sink.text(if comma { ",\n" } else { "\n" });
    for _ in 0..level {
        sink.text("  ");
    }
}

fn write_plain<S: Sink>(value: &Value, sink: &mut S) {
    match value {
        Value::Null => sink.text("null"),
        Value::Bool(true) => sink.text("true"),
        Value::Bool(false) => sink.text("false"),
        Value::Number(number) => number.with_text(|text| sink.text(text)),
        Value::String(text) => write_string(text, sink),
        Value::Array(_) | Value::Object(_) => {}
    }
}

/// Writes text as a JSON string, quotes included; embeds JSON text as a string on the wire.
pub fn write_escaped_str(text: &str, out: &mut Vec<u8>) {
    write_string(text, out);
}

pub(crate) fn write_string<S: Sink>(text: &str, sink: &mut S) {
    sink.text("\"");
    let bytes = text.as_bytes();
    let mut written = 0;
    let mut at = 0;
    while at < bytes.len() {
        at = crate::scan::plain_end(bytes, at);
        let Some(byte) = bytes.get(at) else { break };
        sink.text(&text[written..at]);
        match byte {
            b'"' => sink.text("\\\""),
            b'\\' => sink.text("\\\\"),
            b'\n' => sink.text("\\n"),
            b'\r' => sink.text("\\r"),
            b'\t' => sink.text("\\t"),
            0x08 => sink.text("\\b"),
            0x0C => sink.text("\\f"),
            control => {
                const HEX: [&str; 16] =
                    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F"];
                sink.text("\\u00");
                sink.text(HEX[usize::from(control >> 4)]);
                sink.text(HEX[usize::from(control & 15)]);
            }
        }
        at += 1;
        written = at;
    }
    sink.text(&text[written..]);
    sink.text("\"");
}

/// Bytes that [`write_escaped_str`] writes for this text, quotes included.
pub fn escaped_size(text: &str) -> usize {
    // No branches: the compiler turns this into vector instructions.
    let special: usize =
        text.bytes().map(|byte| usize::from(byte < 0x20) | usize::from(byte == b'"' || byte == b'\\')).sum();
    if special == 0 {
        return text.len() + 2;
    }
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + 2 + text.bytes().map(more).sum::<usize>()
}
