//! Payloads with the place where they were written.
//!
//! A payload is written in full the first time it occurs within an execution, and as a reference ever
//! after: ordinal of the event that wrote it, which of that event's payloads, and an index when the
//! value is an element of that array (design section 5.2). So a value that passes through ten states
//! costs its bytes once.

use std::sync::LazyLock;

use minicbor::{Decode, Decoder, Encode, Encoder, data::Type};
use stepwell_json::{Payload, Value};

/// The place where a payload was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadRef {
    /// Ordinal of the event, within its execution.
    pub event: u32,
    /// Which payload of the event.
    pub slot: u16,
    /// Element of the array that stands there.
    pub item: Option<u32>,
}

/// A payload and, unless it is new, the place where it was written.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The value and its text.
    pub payload: Payload,
    /// Where it was written; `None` while it is new.
    pub origin: Option<PayloadRef>,
}

static PLACEHOLDER: LazyLock<Payload> = LazyLock::new(|| Payload::from_value(Value::Null));

impl Stored {
    /// A payload that no event has written yet.
    #[must_use]
    pub fn new(payload: Payload) -> Self {
        Self { payload, origin: None }
    }

    /// A new payload of this value.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self::new(Payload::from_value(value))
    }

    /// The JSON value.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.payload.value()
    }

    /// The same payload, known to stand at `slot` of event `event` if it was new.
    #[must_use]
    pub fn written_at(&self, event: u32, slot: u16) -> Self {
        Self {
            payload: self.payload.clone(),
            origin: Some(self.origin.unwrap_or(PayloadRef { event, slot, item: None })),
        }
    }

    /// Element `index` of this array, by reference where the array itself stands in an event.
    #[must_use]
    pub fn element(&self, index: u32) -> Option<Self> {
        let value = self.value().index(index as usize)?.clone();
        let origin = match self.origin {
            Some(PayloadRef { event, slot, item: None }) => {
                Some(PayloadRef { event, slot, item: Some(index) })
            }
            _ => None,
        };
        Some(Self { payload: Payload::from_value(value), origin })
    }

    /// Bytes that this payload adds to an event.
    #[must_use]
    pub fn new_bytes(&self) -> usize {
        if self.origin.is_some() { 0 } else { self.payload.size() }
    }
}

/// Two payloads are equal when their texts are; where they were written does not count.
impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
    }
}

impl<C> Encode<C> for Stored {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self.origin {
            None => e.str(self.payload.text())?,
            Some(PayloadRef { event, slot, item: None }) => e.array(2)?.u32(event)?.u16(slot)?,
            Some(PayloadRef { event, slot, item: Some(item) }) => {
                e.array(3)?.u32(event)?.u16(slot)?.u32(item)?
            }
        };
        Ok(())
    }
}

/// Decodes a reference with a placeholder for the payload: `Event::resolve` puts the payload in.
impl<'b, C> Decode<'b, C> for Stored {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? == Type::String {
            return Ok(Self { payload: Payload::from_trusted_text(d.str()?.into()), origin: None });
        }
        let length = d.array()?;
        let event = d.u32()?;
        let slot = d.u16()?;
        let item = match length {
            Some(2) => None,
            Some(3) => Some(d.u32()?),
            _ => return Err(minicbor::decode::Error::message("a payload reference has two or three parts")),
        };
        Ok(Self { payload: PLACEHOLDER.clone(), origin: Some(PayloadRef { event, slot, item }) })
    }
}
