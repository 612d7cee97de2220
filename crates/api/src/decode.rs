//! Reads request bodies, with AWS's refusals for values of the wrong type.
//!
//! AWS refuses a value of the wrong JSON type with a SerializationException whose text names only the two types. It
//! takes null as absent, ignores members that it does not know, and lets the last of two equal keys win.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::ApiError;
use crate::constraints::{Constraint, LIST_ITEMS_MAX, PAYLOAD_BYTES_MAX, Path, Violations};

/// A request that can be read from a body.
pub trait Request: Sized {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// `SerializationException` for what is not JSON or has values of the wrong type, `ValidationException` for
    /// members that are missing or out of bounds (all of them in one text).
    fn decode(body: &[u8]) -> Result<Self, ApiError>;
}

/// [`Request::decode`] as a function.
///
/// # Errors
/// As [`Request::decode`].
pub fn decode<R: Request>(body: &[u8]) -> Result<R, ApiError> {
    R::decode(body)
}

/// A type of a member: how it is read, and how it is checked.
pub(crate) trait Member: Sized {
    /// The value as it stood in the body, of the right JSON type but unchecked.
    type Raw: DeserializeOwned;

    /// Checks a value; `None` when a violation makes it useless (the violation is then in `violations`).
    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self>;
}

/// Reads a body as the structure `T`.
pub(crate) fn decode_structure<T: Member>(body: &[u8]) -> Result<T, ApiError> {
    // No body at all is an object without members, as AWS takes it.
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    let raw: T::Raw =
        serde_json::from_slice(body).map_err(|error| ApiError::serialization(reason(&error)))?;
    let mut violations = Violations::default();
    let value = T::accept(raw, &Path::Root, &Constraint::Any, &mut violations);
    match violations.into_error() {
        Some(error) => Err(error),
        // Without a violation there is always a value.
        None => value.ok_or_else(ApiError::internal_failure),
    }
}

/// The text of a SerializationException.
fn reason(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return not_json(error);
    }
    // The place that serde_json adds is no part of AWS's text.
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn not_json(reason: impl fmt::Display) -> String {
    format!("The request body is not valid JSON: {reason}")
}

/// The refusals of a visitor for JSON types other than its own: `$article` is "a String", `$scalar` what AWS says of a
/// scalar in place of a list or structure.
macro_rules! refuse {
    (bool, $target:literal) => {
        fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
            let kind = if value { "TRUE_VALUE" } else { "FALSE_VALUE" };
            Err(E::custom(format_args!("{kind} can not be converted to {}", $target)))
        }
    };
    (number, $target:literal) => {
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom(concat!("NUMBER_VALUE can not be converted to ", $target)))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            self.visit_i64(0)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            self.visit_i64(0)
        }
    };
    (string, $target:literal) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom(concat!("STRING_VALUE can not be converted to ", $target)))
        }
    };
    (list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom("Start of list found where not expected"))
        }
    };
    (structure) => {
        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom("Start of structure or map found where not expected."))
        }
    };
    (scalars, $message:literal) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom($message))
        }
    };
}

/// A text as it stood in the body; made once, straight from the body or from the unescaped text.
pub(crate) struct RawText<T>(pub(crate) T);

impl<'de, T: for<'a> From<&'a str> + From<String>> Deserialize<'de> for RawText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);
        impl<'de, T: for<'a> From<&'a str> + From<String>> Visitor<'de> for TextVisitor<T> {
            type Value = RawText<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(RawText(T::from(value)))
            }
            fn visit_string<E: Error>(self, value: String) -> Result<Self::Value, E> {
                Ok(RawText(T::from(value)))
            }
            refuse!(bool, "a String");
            refuse!(number, "a String");
            refuse!(list);
            refuse!(structure);
        }
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

impl Member for String {
    type Raw = RawText<String>;

    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self> {
        violations.text(&raw.0, path, constraint);
        Some(raw.0)
    }
}

/// A payload or a shorter text, which is shared from then on. One that is longer than any payload may be is not made.
pub(crate) enum RawSharedText {
    Text(Arc<str>),
    TooLong,
}

/// Bytes by which an escape can be longer than what it stands for: `\u0000`.
const ESCAPE_EXCESS_BYTES: usize = 5;

impl<'de> Deserialize<'de> for RawSharedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quoted = quoted(deserializer)?;
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let backslashes = inside.bytes().filter(|byte| *byte == b'\\').count();
        if inside.len() - (ESCAPE_EXCESS_BYTES * backslashes).min(inside.len()) > PAYLOAD_BYTES_MAX {
            return Ok(RawSharedText::TooLong);
        }
        Ok(RawSharedText::Text(match backslashes {
            0 => inside.into(),
            _ => unescape(quoted)?.into(),
        }))
    }
}

impl Member for Arc<str> {
    type Raw = RawSharedText;

    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self> {
        match raw {
            RawSharedText::Text(text) => {
                violations.text(&text, path, constraint);
                Some(text)
            }
            RawSharedText::TooLong => {
                violations.text_not_kept(path, constraint);
                None
            }
        }
    }
}

/// A text that may be as long as a body. It is made in one piece straight from the body, which takes no more memory
/// than the text itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LongText(pub String);

impl Deref for LongText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for LongText {
    fn from(text: T) -> LongText {
        LongText(text.into())
    }
}

pub(crate) struct RawLongText(String);

impl<'de> Deserialize<'de> for RawLongText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        unescape(quoted(deserializer)?).map(RawLongText)
    }
}

/// A text as it is written, quotes included.
fn quoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    if raw.starts_with('"') {
        return Ok(raw);
    }
    // Any other value is refused as for every text.
    match serde_json::from_str::<RawText<String>>(raw) {
        Ok(_) => Err(D::Error::custom("a text without quotes")),
        Err(error) => Err(D::Error::custom(reason(&error))),
    }
}

/// What stands in quotes, in one piece of memory.
fn unescape<E: Error>(quoted: &str) -> Result<String, E> {
    stepwell_json::parse_text(quoted).map_err(|error| E::custom(not_json(&error.message)))
}

impl Member for LongText {
    type Raw = RawLongText;

    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self> {
        violations.text(&raw.0, path, constraint);
        Some(LongText(raw.0))
    }
}

pub(crate) struct RawInteger(i64);

impl<'de> Deserialize<'de> for RawInteger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;
        impl<'de> Visitor<'de> for IntegerVisitor {
            type Value = RawInteger;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an integer")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(RawInteger(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                // Every limit of the model lies far below; the text of the violation shows the largest i64 then.
                Ok(RawInteger(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                if value.fract() == 0.0 {
                    // A cast saturates.
                    Ok(RawInteger(value as i64))
                } else {
                    Err(E::custom("NUMBER_VALUE can not be converted to an Integer"))
                }
            }
            refuse!(bool, "an Integer");
            refuse!(string, "an Integer");
            refuse!(list);
            refuse!(structure);
        }
        deserializer.deserialize_any(IntegerVisitor)
    }
}

impl Member for i64 {
    type Raw = RawInteger;

    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self> {
        violations.integer(raw.0, path, constraint);
        Some(raw.0)
    }
}

pub(crate) struct RawBoolean(bool);

impl<'de> Deserialize<'de> for RawBoolean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BooleanVisitor;
        impl<'de> Visitor<'de> for BooleanVisitor {
            type Value = RawBoolean;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a boolean")
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(RawBoolean(value))
            }
            refuse!(number, "a Boolean");
            refuse!(string, "a Boolean");
            refuse!(list);
            refuse!(structure);
        }
        deserializer.deserialize_any(BooleanVisitor)
    }
}

impl Member for bool {
    type Raw = RawBoolean;

    fn accept(raw: Self::Raw, _: &Path<'_>, _: &Constraint, _: &mut Violations) -> Option<Self> {
        Some(raw.0)
    }
}

/// A list as it stood in the body. No list of a request may be nearly as long as one in a body can be; of such a one only
/// the length is kept beside the first items.
pub(crate) struct RawList<T> {
    items: Vec<Option<T>>,
    length: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for RawList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = RawList<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() < LIST_ITEMS_MAX
                    && let Some(item) = list.next_element()?
                {
                    items.push(item);
                }
                let mut length = items.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(RawList { items, length })
            }
            refuse!(scalars, "Expected list or null");
            refuse!(structure);
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<T: Member> Member for Vec<T> {
    type Raw = RawList<T::Raw>;

    fn accept(
        raw: Self::Raw,
        path: &Path<'_>,
        constraint: &Constraint,
        violations: &mut Violations,
    ) -> Option<Self> {
        let item_constraint = match constraint {
            Constraint::Items(constraint) => constraint,
            _ => &Constraint::Any,
        };
        violations.list(raw.length, path, constraint);
        let mut items = Vec::with_capacity(raw.items.len());
        for (index, item) in raw.items.into_iter().enumerate() {
            let path = Path::Item(path, index + 1);
            match item {
                Some(item) => items.extend(T::accept(item, &path, item_constraint, violations)),
                None => violations.missing(&path),
            }
        }
        Some(items)
    }
}

/// The unchecked members of a structure, filled one by one.
pub(crate) trait RawStructure: Default {
    /// Reads the value of `key` if there is such a member; otherwise gives `false` and reads nothing.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// A structure as it stood in the body.
pub(crate) struct Raw<S>(pub(crate) S);

impl<'de, S: RawStructure> Deserialize<'de> for Raw<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StructureVisitor<S>(PhantomData<S>);
        impl<'de, S: RawStructure> Visitor<'de> for StructureVisitor<S> {
            type Value = Raw<S>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut structure = S::default();
                // Keys with escapes are possible, so they are read as any text; they are short.
                while let Some(key) = map.next_key::<RawText<Key>>()? {
                    if !structure.read(key.0.as_str(), &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Raw(structure))
            }
            refuse!(scalars, "Expected null");
            refuse!(list);
        }
        deserializer.deserialize_any(StructureVisitor(PhantomData))
    }
}

/// A member's key. Keys longer than any of the model can't be known, and are not kept.
struct Key {
    bytes: [u8; Key::LENGTH_MAX],
    length: u8,
}

impl Key {
    /// The longest member name of the model has 28 characters (`kmsDataKeyReusePeriodSeconds`).
    const LENGTH_MAX: usize = 40;

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        let mut key = Key { bytes: [0; Key::LENGTH_MAX], length: 0 };
        if text.len() <= Key::LENGTH_MAX {
            key.bytes[..text.len()].copy_from_slice(text.as_bytes());
            key.length = text.len() as u8;
        }
        key
    }
}

impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::from(text.as_str())
    }
}
