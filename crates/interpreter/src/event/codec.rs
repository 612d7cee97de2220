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
        decode_record(&mut d, &mut events).map_err(|error| malformed(&d, &error))?;
    }
    Ok(events)
}

fn malformed(d: &Decoder<'_>, error: &minicbor::decode::Error) -> CodecError {
    CodecError::Malformed { offset: d.position(), reason: error.to_string() }
}

/// What stands before the events of a record.
struct RecordHead {
    time: Timestamp,
    first_ordinal: u32,
    first_history_id: u32,
    count: u64,
}

impl RecordHead {
    fn decode(d: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
        let message = minicbor::decode::Error::message;
        if d.array()? != Some(5) {
            return Err(message("a record has five parts"));
        }
        let time = Timestamp(d.i64()?);
        let (first_ordinal, first_history_id) = (d.u32()?, d.u32()?);
        let _command = d.u8()?;
        let count = d.array()?.ok_or_else(|| message("a record's events have a count"))?;
        Ok(Self { time, first_ordinal, first_history_id, count })
    }

    /// The ordinal of the record's event `number`, counted from 0.
    fn ordinal(&self, number: u64) -> Result<u32, minicbor::decode::Error> {
        let ordinal = u32::try_from(number).ok().and_then(|number| self.first_ordinal.checked_add(number));
        ordinal.ok_or_else(|| minicbor::decode::Error::message("event ordinals end at 2^32"))
    }
}

fn decode_record(d: &mut Decoder<'_>, events: &mut Vec<Event>) -> Result<(), minicbor::decode::Error> {
    let head = RecordHead::decode(d)?;
    let mut next_history_id = head.first_history_id;
    for number in 0..head.count {
        let ordinal = head.ordinal(number)?;
        let kind: EventKind = d.decode()?;
        let history_id = if kind.is_visible() {
            let id = next_history_id;
            next_history_id += 1;
            id
        } else {
            0
        };
        events.push(Event { ordinal, history_id, time: head.time, kind });
    }
    Ok(())
}

/// The events of a chunk, each decoded only when it is asked for: for readers that want few of many.
#[derive(Debug)]
pub struct ChunkEvents<'a> {
    bytes: &'a [u8],
    /// Ordinal and offset of each event, in order.
    places: Vec<(u32, usize)>,
}

impl<'a> ChunkEvents<'a> {
    /// Finds where the events of a chunk stand.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] with the offset.
    pub fn find(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut d = Decoder::new(bytes);
        let mut places = Vec::new();
        while d.position() < bytes.len() {
            let found = (|| {
                let head = RecordHead::decode(&mut d)?;
                for number in 0..head.count {
                    places.push((head.ordinal(number)?, d.position()));
                    d.skip()?;
                }
                Ok(())
            })();
            found.map_err(|error| malformed(&d, &error))?;
        }
        Ok(Self { bytes, places })
    }

    /// What an event says; none when the chunk does not hold it. Payloads that are references hold a placeholder.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] with the offset.
    pub fn get(&self, ordinal: u32) -> Result<Option<EventKind>, CodecError> {
        let place = self.places.binary_search_by_key(&ordinal, |(ordinal, _)| *ordinal);
        place
            .ok()
            .and_then(|index| self.places.get(index))
            .map(|(_, offset)| self.decode(*offset))
            .transpose()
    }

    /// The last event that is one of those asked for, with its ordinal.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] with the offset.
    pub fn rfind(
        &self,
        is_wanted: impl Fn(&EventKind) -> bool,
    ) -> Result<Option<(u32, EventKind)>, CodecError> {
        for (ordinal, offset) in self.places.iter().rev() {
            let kind = self.decode(*offset)?;
            if is_wanted(&kind) {
                return Ok(Some((*ordinal, kind)));
            }
        }
        Ok(None)
    }

    fn decode(&self, offset: usize) -> Result<EventKind, CodecError> {
        let mut d = Decoder::new(self.bytes);
        d.set_position(offset);
        d.decode().map_err(|error| malformed(&d, &error))
    }
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
        self.remember_of(event.ordinal, &mut event.kind);
    }

    /// The same for the event with this ordinal.
    pub fn remember_of(&mut self, ordinal: u32, kind: &mut EventKind) {
        kind.payloads_mut(|slot, stored| {
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

    /// Remembers payload `slot` of event `ordinal`, or puts in what it refers to.
    ///
    /// # Errors
    /// [`CodecError::Dangling`] when the event referred to was not seen.
    pub fn resolve_one(&mut self, ordinal: u32, slot: u16, stored: &mut Stored) -> Result<(), CodecError> {
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
