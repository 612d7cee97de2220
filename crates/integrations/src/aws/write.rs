//! A task's parameters as an operation's input: checked against the model, then written with the run-time schemas.

use std::borrow::Cow;

use aws_smithy_schema::{
    Schema,
    serde::{SerdeError, SerializableStruct, ShapeSerializer},
};
use aws_smithy_types::{Blob, DateTime, Document, Number as SmithyNumber, date_time::Format};
use base64::Engine;
use sha2::{Digest, Sha256};
use stepwell_aws_model::{Location, Member, Operation, Protocol, Service, Shape, ShapeId, ShapeKind};
use stepwell_json::{Object, Value};

use super::schema::{Schemas, Side};

/// How values are written.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Texts for blobs are base64 (DynamoDB's binary attributes) and not the bytes themselves.
    pub(super) blobs_are_base64: bool,
    /// What idempotency tokens are made from: the same for the same attempt of a task.
    pub(super) token_seed: &'a str,
}

/// What is wrong with the parameters, in AWS's words; empty when nothing is.
pub(crate) fn problems(service: &Service, operation: &Operation, parameters: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match (operation.input, parameters) {
        (_, Value::Null) => {
            if let Some(input) = operation.input {
                check_structure(service, input, &Object::from_entries(Vec::new()), &mut found);
            }
        }
        (Some(input), Value::Object(object)) => check_structure(service, input, object, &mut found),
        (None, Value::Object(object)) => {
            found.extend(object.keys().map(|key| unsupported(key)));
        }
        _ => found.push("The value must be an object".to_owned()),
    }
    found
}

pub(crate) fn unsupported(key: &str) -> String {
    format!("The field '{key}' is not supported by Step Functions")
}

pub(crate) fn missing(key: &str) -> String {
    format!("The field '{key}' is required but was missing")
}

pub(crate) fn malformed(key: &str) -> String {
    format!("The value of the field '{key}' has an invalid format")
}

fn check_structure(service: &Service, id: ShapeId, object: &Object, found: &mut Vec<String>) {
    let shape = service.shape(id);
    for (key, value) in object.iter() {
        match shape.member(key) {
            None => found.push(unsupported(key)),
            Some(member) => check(service, key, member, value, found),
        }
    }
    for member in shape.members().iter().filter(|member| member.is_required && !member.is_idempotency_token) {
        // Null is given: the service itself says that it misses a value (recorded). A part of the address it can't be.
        let is_in_address = member.location == Some(Location::Uri) || member.is_host_label;
        let is_there = object.iter().any(|(key, value)| {
            let is_enough = !(value.is_null() && is_in_address);
            is_enough && shape.member(key).is_some_and(|given| std::ptr::eq(given, member))
        });
        if !is_there {
            found.push(missing(&member.shown_name()));
        }
    }
}

fn check(service: &Service, key: &str, member: &Member, value: &Value, found: &mut Vec<String>) {
    let shape = service.shape(member.shape);
    let is_good = match (&shape.kind, value) {
        (_, Value::Null) | (ShapeKind::String | ShapeKind::Blob, _) => true,
        (ShapeKind::Structure { is_document: true, .. }, _) => true,
        (ShapeKind::Boolean, Value::Bool(_)) => true,
        (ShapeKind::Boolean, Value::String(text)) => matches!(&**text, "true" | "false"),
        (ShapeKind::Integer | ShapeKind::Long, value) => integer(value).is_some(),
        (ShapeKind::Float | ShapeKind::Double, value) => double(value).is_some(),
        (ShapeKind::Timestamp { .. }, value) => time(value).is_some(),
        (ShapeKind::List { entry, .. }, Value::Array(array)) => {
            for item in array.items() {
                check(service, key, entry, item, found);
            }
            true
        }
        (ShapeKind::Map { value: entry, .. }, Value::Object(object)) => {
            for value in object.values() {
                check(service, key, entry, value, found);
            }
            true
        }
        (ShapeKind::Structure { .. }, Value::Object(object)) => {
            check_structure(service, member.shape, object, found);
            true
        }
        _ => false,
    };
    if !is_good {
        found.push(malformed(key));
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.integral(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number.as_f64()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// ISO 8601 text, or seconds since 1970.
fn time(value: &Value) -> Option<DateTime> {
    match value {
        Value::Number(number) => Some(DateTime::from_secs_f64(number.as_f64())),
        Value::String(text) => DateTime::from_str(text, Format::DateTimeWithOffset)
            .or_else(|_| DateTime::from_str(text, Format::HttpDate))
            .ok()
            .or_else(|| text.parse().ok().map(DateTime::from_secs_f64)),
        _ => None,
    }
}

/// A value for a member that is text: other values than text are given as their JSON.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_text()),
    }
}

/// A structure with the values for its members.
pub(super) struct Input<'a> {
    schemas: &'static Schemas,
    schema: &'static Schema<'static>,
    shape: Option<&'static Shape>,
    values: Vec<Option<Cow<'a, Value>>>,
    rules: Rules<'a>,
}

impl<'a> Input<'a> {
    /// The input of an operation.
    pub(super) fn of_operation(
        schemas: &'static Schemas,
        operation: &'static Operation,
        parameters: &'a Value,
        rules: Rules<'a>,
    ) -> Self {
        let schema = schemas.operation(operation, Side::Input);
        Self::new(schemas, schema, operation.input, parameters.as_object(), rules)
    }

    fn new(
        schemas: &'static Schemas,
        schema: &'static Schema<'static>,
        id: Option<ShapeId>,
        object: Option<&'a Object>,
        rules: Rules<'a>,
    ) -> Self {
        let shape = id.map(|id| schemas.service.shape(id));
        let members = shape.map_or(&[][..], Shape::members);
        let mut values: Vec<Option<Cow<'a, Value>>> = vec![None; members.len()];
        for (key, value) in object.into_iter().flat_map(|object| object.iter()) {
            let member = shape.and_then(|shape| shape.member(key));
            let position =
                member.and_then(|member| members.iter().position(|known| std::ptr::eq(known, member)));
            if let Some(slot) = position.and_then(|position| values.get_mut(position))
                && !value.is_null()
            {
                *slot = Some(Cow::Borrowed(value));
            }
        }
        for (member, slot) in members.iter().zip(&mut values) {
            if member.is_idempotency_token && slot.is_none() {
                *slot = Some(Cow::Owned(Value::from(token(rules.token_seed, &member.name).as_str())));
            }
        }
        Self { schemas, schema, shape, values, rules }
    }

    /// Whether a body is streamed whose type nobody says.
    pub(super) fn streams_untyped_body(&self) -> bool {
        let members = self.shape.map_or(&[][..], Shape::members);
        let mut given = members.iter().zip(&self.values).filter(|(_, value)| value.is_some());
        let streams =
            |member: &Member| member.is_streaming || self.schemas.service.shape(member.shape).is_streaming;
        given.clone().any(|(member, _)| streams(member))
            && !given.any(|(member, _)| member.wire_name().eq_ignore_ascii_case("content-type"))
    }

    /// The text of a member that is put into the host's name.
    pub(super) fn label(&self, name: &str) -> Option<String> {
        let position = self
            .shape?
            .members()
            .iter()
            .position(|member| member.wire_name() == name || &*member.name == name)?;
        self.values.get(position)?.as_ref().map(|value| text(value).into_owned())
    }
}

/// A token in the form of a UUID.
fn token(seed: &str, member: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(seed.as_bytes());
    hash.update([0]);
    hash.update(member.as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

impl SerializableStruct for Input<'_> {
    fn schema(&self) -> &Schema<'_> {
        self.schema
    }

    fn serialize_members(&self, serializer: &mut dyn ShapeSerializer) -> Result<(), SerdeError> {
        let members = self.shape.map_or(&[][..], Shape::members);
        let schemas = self.schema.members();
        for ((member, value), schema) in members.iter().zip(&self.values).zip(schemas) {
            if let Some(value) = value {
                self.write(serializer, member, schema, value, true)?;
            }
        }
        Ok(())
    }
}

impl Input<'_> {
    fn write(
        &self,
        serializer: &mut dyn ShapeSerializer,
        member: &'static Member,
        schema: &Schema<'_>,
        value: &Value,
        has_name: bool,
    ) -> Result<(), SerdeError> {
        let shape = self.schemas.service.shape(member.shape);
        let wrong = || SerdeError::custom(malformed(&member.shown_name()));
        match &shape.kind {
            _ if value.is_null() => serializer.write_null(schema),
            ShapeKind::String => serializer.write_string(schema, &text(value)),
            ShapeKind::Boolean => {
                let value = match value {
                    Value::Bool(value) => *value,
                    Value::String(text) => &**text == "true",
                    _ => return Err(wrong()),
                };
                serializer.write_boolean(schema, value)
            }
            ShapeKind::Integer | ShapeKind::Long => {
                serializer.write_long(schema, integer(value).ok_or_else(wrong)?)
            }
            ShapeKind::Float | ShapeKind::Double => {
                serializer.write_double(schema, double(value).ok_or_else(wrong)?)
            }
            // A streamed body is the JSON of the value: a text is in quotation marks (recorded for S3).
            ShapeKind::Blob if member.is_streaming || shape.is_streaming => {
                serializer.write_blob(schema, Blob::new(value.to_text()))
            }
            ShapeKind::Blob => serializer.write_blob(schema, Blob::new(self.bytes(value).ok_or_else(wrong)?)),
            ShapeKind::Timestamp { .. } => {
                serializer.write_timestamp(schema, &time(value).ok_or_else(wrong)?)
            }
            ShapeKind::List { entry, .. } => {
                let items = value.as_array().ok_or_else(wrong)?;
                if items.items().is_empty() && self.schemas.service.protocol == Protocol::Ec2 {
                    // EC2's forms have no word for an empty list.
                    return Ok(());
                }
                let inner = schema.member().unwrap_or(schema);
                serializer.write_list(schema, &|serializer| {
                    for item in items.items() {
                        self.write(serializer, entry, inner, item, false)?;
                    }
                    Ok(())
                })
            }
            ShapeKind::Map { value: entry, .. } => {
                let entries = value.as_object().ok_or_else(wrong)?;
                let inner = schema.member().unwrap_or(schema);
                let key_schema = schema.key().unwrap_or(schema);
                serializer.write_map(schema, &|serializer| {
                    for (key, value) in entries.iter() {
                        serializer.write_string(key_schema, key)?;
                        self.write(serializer, entry, inner, value, false)?;
                    }
                    Ok(())
                })
            }
            ShapeKind::Structure { is_document: true, .. } => {
                serializer.write_document(schema, &document(value))
            }
            ShapeKind::Structure { .. } => {
                let object = value.as_object().ok_or_else(wrong)?;
                let own = self.schemas.structure(member.shape, Side::Input);
                let inner = Input::new(self.schemas, own, Some(member.shape), Some(object), self.rules);
                // In XML a payload takes its name from the member; elsewhere, and in lists, it has none.
                let is_bare_payload = member.is_payload && self.schemas.service.protocol != Protocol::RestXml;
                let used = if has_name && !is_bare_payload { schema } else { own };
                serializer.write_struct(used, &inner)
            }
        }
    }

    fn bytes(&self, value: &Value) -> Option<Vec<u8>> {
        if self.rules.blobs_are_base64 {
            return base64::engine::general_purpose::STANDARD.decode(value.as_str()?).ok();
        }
        Some(text(value).into_owned().into_bytes())
    }
}

/// Any JSON, for members that take it.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match number.as_i64() {
            Some(value) if value >= 0 => SmithyNumber::PosInt(value.unsigned_abs()),
            Some(value) => SmithyNumber::NegInt(value),
            None => SmithyNumber::Float(number.as_f64()),
        }),
        Value::String(text) => Document::String(text.to_string()),
        Value::Array(array) => Document::Array(array.items().iter().map(document).collect()),
        Value::Object(object) => {
            Document::Object(object.iter().map(|(key, value)| (key.to_string(), document(value))).collect())
        }
    }
}
