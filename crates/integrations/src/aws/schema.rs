//! Run-time schemas of the `aws-smithy` crates, made from the models.
//!
//! A schema is made when it is first needed and is never freed: there are as many as there are shapes in the models of
//! the services that are called, which the data of the program bounds.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use aws_smithy_schema::{Schema, ShapeId as SmithyId, ShapeType, intern_header_name, traits};
use stepwell_aws_model::{
    Location, Member, Operation, Protocol, Service, Shape, ShapeId, ShapeKind, TimestampFormat, first_upper,
};

/// Lists within lists deeper than this get no schema for their entries.
const LIST_NESTING_MAX: usize = 16;

/// Whether a shape is written or read: EC2 has other names for the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

/// The schemas of one service.
pub(super) struct Schemas {
    pub(super) service: &'static Service,
    structures: [Vec<OnceLock<&'static Schema<'static>>>; 2],
    operations: Vec<[OnceLock<&'static Schema<'static>>; 2]>,
}

/// The schemas of a service, made once.
pub(super) fn schemas(service: &Arc<Service>) -> &'static Schemas {
    static KNOWN: LazyLock<Mutex<HashMap<Box<str>, &'static Schemas>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schemas) = known.get(&service.word) {
        return schemas;
    }
    let kept: &'static Arc<Service> = Box::leak(Box::new(service.clone()));
    let slots = |count: usize| (0..count).map(|_| OnceLock::new()).collect();
    let schemas: &'static Schemas = Box::leak(Box::new(Schemas {
        service: kept,
        structures: [slots(kept.shape_count()), slots(kept.shape_count())],
        operations: kept.operations.iter().map(|_| [OnceLock::new(), OnceLock::new()]).collect(),
    }));
    known.insert(kept.word.clone(), schemas);
    schemas
}

fn smithy_type(shape: &Shape) -> ShapeType {
    match &shape.kind {
        ShapeKind::String => ShapeType::String,
        ShapeKind::Boolean => ShapeType::Boolean,
        ShapeKind::Integer => ShapeType::Integer,
        ShapeKind::Long => ShapeType::Long,
        ShapeKind::Float => ShapeType::Float,
        ShapeKind::Double => ShapeType::Double,
        ShapeKind::Blob => ShapeType::Blob,
        ShapeKind::Timestamp { .. } => ShapeType::Timestamp,
        ShapeKind::List { .. } => ShapeType::List,
        ShapeKind::Map { .. } => ShapeType::Map,
        ShapeKind::Structure { is_document: true, .. } => ShapeType::Document,
        ShapeKind::Structure { is_union: true, .. } => ShapeType::Union,
        ShapeKind::Structure { .. } => ShapeType::Structure,
    }
}

const ID: SmithyId<'static> = SmithyId::from_parts("aws#Shape", "aws", "Shape");

impl Schemas {
    /// The schema of a structure with its members.
    pub(super) fn structure(&'static self, id: ShapeId, side: Side) -> &'static Schema<'static> {
        let make = || -> &'static Schema<'static> { Box::leak(Box::new(self.make_structure(id, side))) };
        match self.structures[side as usize].get(id.index()) {
            Some(slot) => slot.get_or_init(make),
            None => make(),
        }
    }

    /// The schema of what an operation takes or gives, with what is said of it as a whole.
    pub(super) fn operation(
        &'static self,
        operation: &'static Operation,
        side: Side,
    ) -> &'static Schema<'static> {
        let make = || -> &'static Schema<'static> {
            let id = if side == Side::Input { operation.input } else { operation.output };
            let mut schema = match id {
                Some(id) => self.make_structure(id, side),
                None => Schema::new_struct(ID, ShapeType::Structure, &[]),
            };
            if side == Side::Input {
                if matches!(self.service.protocol, Protocol::RestJson | Protocol::RestXml) {
                    schema =
                        schema.with_http(traits::HttpTrait::new(&operation.method, &operation.uri, None));
                }
                let element = operation.input_element.as_deref();
                let name = element.or_else(|| self.service.shape(id?).wire_name.as_deref());
                if let Some(name) = name {
                    schema = schema.with_xml_name(name);
                }
                if let Some(namespace) = &operation.input_namespace {
                    schema = schema.with_xml_namespace(&namespace.uri, namespace.prefix.as_deref());
                }
            } else if &*self.service.word == "s3" && &*operation.name == "GetBucketLocation" {
                // The one answer whose root is a member and not the result (Smithy's S3UnwrappedXmlOutput).
                schema = schema.with_xml_unwrapped_output();
            }
            Box::leak(Box::new(schema))
        };
        let position = self.service.operations.iter().position(|known| std::ptr::eq(known, operation));
        match position.and_then(|position| self.operations.get(position)) {
            Some(slots) => slots[side as usize].get_or_init(make),
            None => make(),
        }
    }

    fn make_structure(&'static self, id: ShapeId, side: Side) -> Schema<'static> {
        let shape = self.service.shape(id);
        let members: Vec<&'static Schema<'static>> = shape
            .members()
            .iter()
            .enumerate()
            .map(|(index, member)| -> &'static Schema<'static> {
                Box::leak(Box::new(self.member(member, index, side)))
            })
            .collect();
        let mut schema = Schema::new_struct(ID, smithy_type(shape), Box::leak(members.into_boxed_slice()));
        if let Some(name) = &shape.wire_name {
            schema = schema.with_xml_name(name);
        }
        if let Some(namespace) = &shape.xml_namespace {
            schema = schema.with_xml_namespace(&namespace.uri, namespace.prefix.as_deref());
        }
        schema
    }

    fn member(&'static self, member: &'static Member, index: usize, side: Side) -> Schema<'static> {
        let shape = self.service.shape(member.shape);
        let schema = Schema::new_member(ID, smithy_type(shape), self.name_of(member, shape, side), index);
        let mut schema = self.with_traits(schema, member, shape, side, 0);
        if member.is_payload {
            schema = schema.with_http_payload();
        }
        if self.service.protocol == Protocol::RestXml
            && matches!(shape.kind, ShapeKind::Structure { .. })
            && member.is_payload
        {
            let name = member.wire_name.as_deref().or(shape.wire_name.as_deref()).unwrap_or(&member.name);
            schema = schema.with_xml_name(name);
        }
        schema = match member.location {
            Some(Location::Uri) => schema.with_http_label(),
            Some(Location::QueryString) if matches!(shape.kind, ShapeKind::Map { .. }) => {
                schema.with_http_query_params()
            }
            Some(Location::QueryString) => schema.with_http_query(member.wire_name()),
            Some(Location::Header) => {
                let name = intern_header_name(&member.wire_name().to_ascii_lowercase());
                let schema = schema.with_http_header(name);
                if member.is_json_text || shape.is_json_text {
                    schema.with_media_type("application/json")
                } else {
                    schema
                }
            }
            // The prefix is the name, and may be empty.
            Some(Location::Headers) => {
                schema.with_http_prefix_headers(member.wire_name.as_deref().unwrap_or_default())
            }
            Some(Location::StatusCode) => schema.with_http_response_code(),
            None => schema,
        };
        schema
    }

    /// An entry of a list, or a key or value of a map: it has no name of its own.
    fn entry(&'static self, entry: &'static Member, side: Side, nesting: usize) -> &'static Schema<'static> {
        let shape = self.service.shape(entry.shape);
        let mut schema =
            self.with_traits(Schema::new(ID, smithy_type(shape)), entry, shape, side, nesting + 1);
        if let Some(name) = &entry.wire_name {
            schema = schema.with_xml_name(name);
        }
        Box::leak(Box::new(schema))
    }

    fn with_traits(
        &'static self,
        mut schema: Schema<'static>,
        member: &'static Member,
        shape: &'static Shape,
        side: Side,
        nesting: usize,
    ) -> Schema<'static> {
        match &shape.kind {
            ShapeKind::List { entry, is_flattened } => {
                if nesting < LIST_NESTING_MAX {
                    schema = schema.with_list_member(self.entry(entry, side, nesting));
                }
                if *is_flattened || member.is_flattened || self.is_ec2_input(side) {
                    schema = schema.with_xml_flattened();
                }
            }
            ShapeKind::Map { key, value, is_flattened } => {
                if nesting < LIST_NESTING_MAX {
                    let (key, value) = (self.entry(key, side, nesting), self.entry(value, side, nesting));
                    schema = schema.with_map_members(key, value);
                }
                if *is_flattened || member.is_flattened {
                    schema = schema.with_xml_flattened();
                }
            }
            ShapeKind::Timestamp { format } => {
                if let Some(format) = member.timestamp_format.or(*format) {
                    schema = schema.with_timestamp_format(match format {
                        TimestampFormat::Iso8601 => traits::TimestampFormat::DateTime,
                        TimestampFormat::UnixSeconds => traits::TimestampFormat::EpochSeconds,
                        TimestampFormat::HttpDate => traits::TimestampFormat::HttpDate,
                    });
                }
            }
            _ => {}
        }
        if member.is_xml_attribute {
            schema = schema.with_xml_attribute();
        }
        if let Some(namespace) = member.xml_namespace.as_ref().or(shape.xml_namespace.as_ref()) {
            schema = schema.with_xml_namespace(&namespace.uri, namespace.prefix.as_deref());
        }
        schema
    }

    fn is_ec2_input(&self, side: Side) -> bool {
        self.service.protocol == Protocol::Ec2 && side == Side::Input
    }

    /// The name of a member on the wire. A flattened list is called as its entries are.
    fn name_of(&self, member: &'static Member, shape: &'static Shape, side: Side) -> &'static str {
        if self.is_ec2_input(side) {
            return match &member.query_name {
                Some(name) => name,
                None => Box::leak(first_upper(member.wire_name()).into_boxed_str()),
            };
        }
        if matches!(self.service.protocol, Protocol::Query | Protocol::Ec2 | Protocol::RestXml)
            && let ShapeKind::List { entry, is_flattened } = &shape.kind
            && (*is_flattened || member.is_flattened)
            && let Some(name) = &entry.wire_name
        {
            return name;
        }
        member.wire_name()
    }
}
