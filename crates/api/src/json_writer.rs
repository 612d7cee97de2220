//! Writes responses straight into a byte buffer, without an intermediate tree.
//!
//! Members that are absent are left out: Step Functions never sends null for them.

use std::sync::Arc;

use stepwell_json::write_escaped_str;

/// A value that can be written as JSON.
pub trait ToJson {
    /// Appends the JSON text of this value to `out`.
    fn write_json(&self, out: &mut Vec<u8>);

    /// The JSON text of this value as bytes.
    fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.write_json(&mut out);
        out
    }
}

/// A value as a member of an object: an absent one writes neither key nor value.
pub trait WriteMember {
    /// Appends this member to `object`, unless it is absent.
    fn write_member(&self, key: &'static str, object: &mut ObjectWriter<'_>);
}

/// Writes one JSON object. The closing brace comes with [`ObjectWriter::end`].
pub struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens an object at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        ObjectWriter { out, is_empty: true }
    }

    /// Writes a key, which must need no escaping, and gives the buffer for its value.
    pub fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        if self.is_empty {
            self.is_empty = false;
        } else {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a key that may hold any text, and gives the buffer for its value.
    pub fn any_key(&mut self, key: &str) -> &mut Vec<u8> {
        if self.is_empty {
            self.is_empty = false;
        } else {
            self.out.push(b',');
        }
        write_escaped_str(key, self.out);
        self.out.push(b':');
        self.out
    }

    /// Writes a member.
    pub fn member(&mut self, key: &'static str, value: &impl WriteMember) -> &mut Self {
        value.write_member(key, self);
        self
    }

    /// Writes a text member.
    pub fn text(&mut self, key: &'static str, value: &str) -> &mut Self {
        write_escaped_str(value, self.key(key));
        self
    }

    /// Writes a text member when there is one.
    pub fn optional_text(&mut self, key: &'static str, value: Option<&Arc<str>>) -> &mut Self {
        if let Some(value) = value {
            self.text(key, value);
        }
        self
    }

    /// Writes an integer member.
    pub fn integer(&mut self, key: &'static str, value: i64) -> &mut Self {
        write_integer(value, self.key(key));
        self
    }

    /// Writes a member whose JSON text is known.
    pub(crate) fn raw(&mut self, key: &'static str, json: &str) -> &mut Self {
        self.key(key).extend_from_slice(json.as_bytes());
        self
    }

    /// Closes the object.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends the decimal digits of `value`.
pub(crate) fn write_integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(value.unsigned_abs(), out);
}

/// Appends the decimal digits of `value`.
pub(crate) fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    // 20 digits hold the largest u64.
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

impl ToJson for Arc<str> {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_escaped_str(self, out);
    }
}

impl ToJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_escaped_str(self, out);
    }
}

impl ToJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl ToJson for i64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_integer(*self, out);
    }
}

impl ToJson for f64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        // With a fraction even where it is zero, as AWS's numbers of this kind have it; there is no JSON for the others.
        let text = if self.is_finite() { format!("{self:?}") } else { "null".to_owned() };
        out.extend_from_slice(text.as_bytes());
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.write_json(out);
        }
        out.push(b']');
    }
}

impl<T: ToJson> WriteMember for T {
    fn write_member(&self, key: &'static str, object: &mut ObjectWriter<'_>) {
        self.write_json(object.key(key));
    }
}

impl<T: ToJson> WriteMember for Option<T> {
    fn write_member(&self, key: &'static str, object: &mut ObjectWriter<'_>) {
        if let Some(value) = self {
            value.write_json(object.key(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_in_full() {
        for value in [0, 7, -7, 10, 123_456_789, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_integer(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }

    #[test]
    fn absent_members_leave_nothing_behind() {
        let mut out = Vec::new();
        let mut object = ObjectWriter::new(&mut out);
        object.member("a", &None::<bool>).member("b", &Some(true)).text("c", "\"").integer("d", -1);
        object.any_key("\n").extend_from_slice(b"[]");
        object.end();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"b":true,"c":"\"","d":-1,"\n":[]}"#);
    }
}
