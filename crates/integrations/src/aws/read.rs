//! An operation's answer as a task's result.

use std::sync::Arc;

use aws_smithy_schema::{
    Schema,
    serde::{SerdeError, ShapeDeserializer},
};
use aws_smithy_types::{DateTime, Document, Number as SmithyNumber};
use base64::Engine;
use stepwell_aws_model::{Location, Member, Operation, ShapeId, ShapeKind};
use stepwell_json::{Array, Number, Object, Value};

use super::schema::{Schemas, Side};

/// Which SDK a result looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// The first Java SDK: optimized integrations.
    First,
    /// The second: `aws-sdk`.
    Second,
}

/// How values are read.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) era: Era,
    /// Blobs are shown in base64 (DynamoDB's binary attributes).
    pub(super) blobs_are_base64: bool,
}

/// Reads an operation's answer. Members are in the order of the alphabet, a body that came as it is at the end
/// (recorded).
pub(super) fn output(
    schemas: &'static Schemas,
    operation: &'static Operation,
    deserializer: &mut dyn ShapeDeserializer,
    rules: Rules,
) -> Result<Object, SerdeError> {
    let Some(id) = operation.output else { return Ok(Object::from_entries(Vec::new())) };
    let schema = schemas.operation(operation, Side::Output);
    Reader { schemas, rules }.structure(id, schema, deserializer)
}

struct Reader {
    schemas: &'static Schemas,
    rules: Rules,
}

impl Reader {
    fn structure(
        &self,
        id: ShapeId,
        schema: &Schema<'_>,
        deserializer: &mut dyn ShapeDeserializer,
    ) -> Result<Object, SerdeError> {
        let members = self.schemas.service.shape(id).members();
        let mut entries: Vec<(bool, Arc<str>, Value)> = Vec::new();
        deserializer.read_struct(schema, &mut |member_schema, deserializer| {
            let Some(member) = member_schema.member_index().and_then(|index| members.get(index)) else {
                return deserializer.skip_value();
            };
            if deserializer.is_null() {
                return deserializer.read_null();
            }
            let value = self.value(member, member_schema, deserializer)?;
            let shape = self.schemas.service.shape(member.shape);
            let is_body = member.is_streaming || shape.is_streaming;
            entries.push((is_body, member.shown_name().into(), value));
            Ok(())
        })?;
        // A body without bytes is there, too (recorded for S3).
        for member in members.iter().filter(|member| member.is_payload) {
            let is_streamed = member.is_streaming || self.schemas.service.shape(member.shape).is_streaming;
            let name = member.shown_name();
            if is_streamed && !entries.iter().any(|(_, known, _)| **known == *name) {
                entries.push((true, name.into(), Value::from("")));
            }
        }
        entries.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        Ok(Object::from_entries(entries.into_iter().map(|(_, key, value)| (key, value)).collect()))
    }

    fn value(
        &self,
        member: &'static Member,
        schema: &Schema<'_>,
        deserializer: &mut dyn ShapeDeserializer,
    ) -> Result<Value, SerdeError> {
        let shape = self.schemas.service.shape(member.shape);
        let element =
            |schema: &Schema<'_>, entry: &'static Member, deserializer: &mut dyn ShapeDeserializer| {
                if deserializer.is_null() {
                    deserializer.read_null()?;
                    return Ok(Value::Null);
                }
                self.value(entry, schema.member().unwrap_or(schema), deserializer)
            };
        Ok(match &shape.kind {
            ShapeKind::String => Value::from(deserializer.read_string(schema)?.as_str()),
            ShapeKind::Boolean => Value::Bool(deserializer.read_boolean(schema)?),
            // The status of the answer is a number of 32 bits to the codec.
            ShapeKind::Integer if member.location == Some(Location::StatusCode) => {
                Value::from(i64::from(deserializer.read_integer(schema)?))
            }
            ShapeKind::Integer | ShapeKind::Long => Value::from(deserializer.read_long(schema)?),
            ShapeKind::Float | ShapeKind::Double => float(deserializer.read_double(schema)?),
            ShapeKind::Blob => {
                let blob = deserializer.read_blob(schema)?;
                self.blob(blob.as_ref())
            }
            ShapeKind::Timestamp { .. } => {
                Value::from(timestamp(&deserializer.read_timestamp(schema)?, self.rules.era).as_str())
            }
            ShapeKind::List { entry, .. } => {
                let mut items = Vec::new();
                deserializer.read_list(schema, &mut |deserializer| {
                    items.push(element(schema, entry, deserializer)?);
                    Ok(())
                })?;
                Value::Array(Array::new(items))
            }
            ShapeKind::Map { value: entry, .. } => {
                let mut entries: Vec<(Arc<str>, Value)> = Vec::new();
                deserializer.read_map(schema, &mut |key, deserializer| {
                    entries.push((key.into(), element(schema, entry, deserializer)?));
                    Ok(())
                })?;
                Value::Object(Object::from_entries(entries))
            }
            ShapeKind::Structure { is_document: true, .. } => document(deserializer.read_document(schema)?),
            ShapeKind::Structure { .. } => {
                let own = self.schemas.structure(member.shape, Side::Output);
                Value::Object(self.structure(member.shape, own, deserializer)?)
            }
        })
    }

    /// Bytes that are text are shown as it, others in base64.
    fn blob(&self, bytes: &[u8]) -> Value {
        match std::str::from_utf8(bytes) {
            Ok(text) if !self.rules.blobs_are_base64 => Value::from(text),
            _ => Value::from(base64::engine::general_purpose::STANDARD.encode(bytes).as_str()),
        }
    }
}

/// JSON has no words for what is no number; the SDKs' texts are shown.
fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None => Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// ISO 8601 in UTC. The first SDK always shows milliseconds; the second as many digits as there are, in groups of three.
/// Microseconds are the least that is shown: a time that came as a decimal fraction of seconds is not exact below.
fn timestamp(time: &DateTime, era: Era) -> String {
    let nanos = i128::from(time.secs()) * 1_000_000_000 + i128::from(time.subsec_nanos());
    let micros = (nanos + 500).div_euclid(1_000);
    let Some(instant) =
        i64::try_from(micros).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
    else {
        return String::new();
    };
    let digits = match (era, micros.rem_euclid(1_000_000)) {
        (Era::First, _) => 3,
        (Era::Second, 0) => 0,
        (Era::Second, micros) if micros % 1_000 == 0 => 3,
        (Era::Second, _) => 6,
    };
    format!("{instant:.digits$}")
}

fn document(document: Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(value),
        Document::String(text) => Value::from(text.as_str()),
        Document::Number(SmithyNumber::PosInt(value)) => {
            i64::try_from(value).map_or_else(|_| float(value as f64), Value::from)
        }
        Document::Number(SmithyNumber::NegInt(value)) => Value::from(value),
        Document::Number(SmithyNumber::Float(value)) => float(value),
        Document::Array(items) => Value::Array(Array::new(items.into_iter().map(self::document).collect())),
        Document::Object(entries) => {
            let mut entries: Vec<(Arc<str>, Value)> =
                entries.into_iter().map(|(key, value)| (key.into(), self::document(value))).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(Object::from_entries(entries))
        }
    }
}
