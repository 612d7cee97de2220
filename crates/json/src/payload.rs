//! A value together with its text, each made from the other at most once

use crate::{ParseError, Value, check, parse};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The longest text whose value is made only when somebody asks for it: whoever asks may have others waiting.
const CHECKED_BYTES_MAX: usize = 2 * 1024;

/// A JSON value and its text. A clone copies a pointer.
///
/// A caller's own text is kept as it is, white space included: Step Functions shows it so in the first events
/// of an execution. A payload that was made from a value gets compact text when somebody asks for it.
#[derive(Clone)]
pub struct Payload(Arc<Parts>);

/// At least one of the two is set.
struct Parts {
    value: OnceLock<Value>,
    text: OnceLock<Arc<str>>,
}

impl Payload {
    /// A payload whose text is the compact text of this value.
    pub fn from_value(value: Value) -> Payload {
        Payload(Arc::new(Parts { value: OnceLock::from(value), text: OnceLock::new() }))
    }

    /// Reads a text and keeps it. A short one is only checked: the value of many is never asked for.
    ///
    /// # Errors
    /// Where the text is not JSON, or nests too deep.
    pub fn from_text(text: impl Into<Arc<str>>) -> Result<Payload, ParseError> {
        let text = text.into();
        let value = if text.len() > CHECKED_BYTES_MAX {
            OnceLock::from(parse(&text)?)
        } else {
            check(&text)?;
            OnceLock::new()
        };
        Ok(Payload(Arc::new(Parts { value, text: OnceLock::from(text) })))
    }

    /// A payload of a text that was accepted before (read back from the store); it is parsed when its value is asked
    /// for. Text that is not JSON after all has the value `null`.
    pub fn from_trusted_text(text: Arc<str>) -> Payload {
        Payload(Arc::new(Parts { value: OnceLock::new(), text: OnceLock::from(text) }))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| {
            let parsed = self.0.text.get().map(|text| parse(text));
            debug_assert!(matches!(parsed, Some(Ok(_))), "trusted text must be JSON");
            parsed.and_then(Result::ok).unwrap_or_default()
        })
    }

    /// The text: as given, or compact where the payload was made from a value.
    pub fn text(&self) -> &Arc<str> {
        self.0
            .text
            .get_or_init(|| self.0.value.get().map_or_else(|| "null".into(), |value| value.to_text().into()))
    }

    /// Bytes of the text. Does not make the text.
    pub fn size(&self) -> usize {
        match (self.0.text.get(), self.0.value.get()) {
            (Some(text), _) => text.len(),
            (None, value) => value.map_or(0, Value::text_size),
        }
    }

    /// Whether both are the same payload in memory.
    pub fn ptr_eq(&self, other: &Payload) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The payload `null`
impl Default for Payload {
    fn default() -> Payload {
        Payload::from_value(Value::Null)
    }
}

/// By value: white space and the order of members do not matter.
impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        if self.ptr_eq(other) {
            return true;
        }
        if let (Some(own), Some(others)) = (self.0.text.get(), other.0.text.get())
            && own == others
        {
            return true;
        }
        self.value() == other.value()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Payload {
        Payload::from_value(value)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}
