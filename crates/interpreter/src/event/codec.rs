//! Records and event chunks: the bytes that a store keeps for an execution.
//!
//! A record holds the events of one step: `[now, first ordinal, first history id, command kind, events]`.
//! A chunk is one or more records of one execution, one after the other. Numbered fields, additive: an
//! unknown field of a known event is skipped, an unknown event is an error that names its number.

use std::collections::HashMap;

use minicbor::{Decoder, Encoder};
use stepwell_json::Payload;

use super::{Event, EventKind};
use crate::{
    payload::{PayloadRef, Stored},
    time::Timestamp,
};

/// Why stored bytes are not events.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not those of a record.
    #[error("an event record can't be decoded at byte {offset}: {reason}")]
    Malformed {
        /// Where decoding stopped, from the beginning of the chunk.
        offset: usize,
        /// What was wrong.
        reason: String,
    },
    /// A payload refers to an event that is not there.
    #[error("event {ordinal} refers to payload {slot} of event {event}, which is not there")]
    Dangling {
        /// The event with the reference.
        ordinal: u32,
        /// The event that it refers to.
        event: u32,
        /// Which of its payloads.
        slot: u16,
    },
}

/// Appends the events of one step to a chunk. `events` must not be empty and belong to one execution.
pub fn encode_record(events: &[Event], command: u8, out: &mut Vec<u8>) {
    let Some(first) = events.first() else { return };
    let mut e = Encoder::new(out);
    // Writing into a vector cannot fail.
    let _ = (|| -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        e.array(5)?.i64(first.time.0)?.u32(first.ordinal)?;
        e.u32(events.iter().map(|event| event.history_id).find(|id| *id != 0).unwrap_or(0))?;
        e.u8(command)?;
        e.array(events.len() as u64)?;
        for event in events {
            e.encode(&event.kind)?;
        }
        Ok(())
    })();
}

/// Decodes all events of a chunk. Payloads that are references hold a placeholder until
/// [`Payloads::resolve`] has put the value in.
///
/// # Errors
/// [`CodecError::Malformed`] with the offset.
pub fn decode_chunk(bytes: &[u8]) -> Result<Vec<Event>, CodecError> {
    let mut d = Decoder::new(bytes);
    let mut events = Vec::new();
    while d.position() < bytes.len() {
        decode_record(&mut d, &mut events)
            .map_err(|e| CodecError::Malformed { offset: d.position(), reason: e.to_string() })?;
    }
    Ok(events)
}

fn decode_record(d: &mut Decoder<'_>, events: &mut Vec<Event>) -> Result<(), minicbor::decode::Error> {
    let message = minicbor::decode::Error::message;
    if d.array()? != Some(5) {
        return Err(message("a record has five parts"));
    }
    let time = Timestamp(d.i64()?);
    let mut ordinal = d.u32()?;
    let mut next_history_id = d.u32()?;
    let _command = d.u8()?;
    let count = d.array()?.ok_or_else(|| message("a record's events have a count"))?;
    for _ in 0..count {
        let kind: EventKind = d.decode()?;
        let history_id = if kind.is_visible() {
            let id = next_history_id;
            next_history_id += 1;
            id
        } else {
            0
        };
        events.push(Event { ordinal, history_id, time, kind });
        ordinal = ordinal.checked_add(1).ok_or_else(|| message("event ordinals end at 2^32"))?;
    }
    Ok(())
}

/// Payloads by the place where they were written, while events are read.
#[derive(Debug, Default)]
pub struct Payloads {
    written: HashMap<(u32, u16), Payload>,
}

impl Payloads {
    /// Remembers the payloads that an event writes and puts those in that it refers to.
    ///
    /// # Errors
    /// [`CodecError::Dangling`] when the event referred to was not seen.
    pub fn resolve(&mut self, event: &mut Event) -> Result<(), CodecError> {
        let ordinal = event.ordinal;
        let mut result = Ok(());
        event.kind.payloads_mut(|slot, stored| {
            if let Err(e) = self.resolve_one(ordinal, slot, stored)
                && result.is_ok()
            {
                result = Err(e);
            }
        });
        result
    }

    /// Remembers what an event writes, without looking at what it refers to.
    pub fn remember(&mut self, event: &mut Event) {
        let ordinal = event.ordinal;
        event.kind.payloads_mut(|slot, stored| {
            if stored.origin.is_none() {
                self.written.insert((ordinal, slot), stored.payload.clone());
            }
        });
    }

    /// The events whose payloads are referred to but not known, in no order.
    pub fn missing(&self, events: &mut [Event]) -> Vec<u32> {
        let mut missing = Vec::new();
        for event in events {
            event.kind.payloads_mut(|_, stored| {
                if let Some(origin) = stored.origin
                    && !self.written.contains_key(&(origin.event, origin.slot))
                {
                    missing.push(origin.event);
                }
            });
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn resolve_one(&mut self, ordinal: u32, slot: u16, stored: &mut Stored) -> Result<(), CodecError> {
        let Some(PayloadRef { event, slot: from, item }) = stored.origin else {
            self.written.insert((ordinal, slot), stored.payload.clone());
            return Ok(());
        };
        let dangling = CodecError::Dangling { ordinal, event, slot: from };
        let Some(payload) = self.written.get(&(event, from)) else { return Err(dangling) };
        stored.payload = match item {
            None => payload.clone(),
            Some(index) => match payload.value().index(index as usize) {
                Some(value) => Payload::from_value(value.clone()),
                None => return Err(dangling),
            },
        };
        Ok(())
    }
}
