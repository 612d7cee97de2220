//! A service's model from its JSON text. The members have names of one letter, since they come a hundred thousand times.

use serde::Deserialize;

use crate::{
    endpoint::Endpoints,
    model::{
        AuthType, Checksum, ErrorShape, Location, Member, Operation, Protocol, Service, Shape, ShapeId,
        ShapeKind, TimestampFormat, XmlNamespace,
    },
};

type Text = Box<str>;

/// Reads a model.
pub(crate) fn service(text: &[u8]) -> Result<Service, serde_json::Error> {
    serde_json::from_slice::<RawService>(text).map(Service::from)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    id: Text,
    prefix: Text,
    dir: Text,
    protocol: RawProtocol,
    version: Text,
    endpoint: Text,
    signing: Text,
    target: Option<Text>,
    json: Option<Text>,
    signature: Option<Text>,
    namespace: Option<RawNamespace>,
    query_compatible: Option<u8>,
    endpoints: Option<Endpoints>,
    operations: Vec<RawOperation>,
    shapes: Vec<RawShape>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum RawProtocol {
    Json,
    RestJson,
    Query,
    Ec2,
    RestXml,
    SmithyRpcV2Cbor,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawNamespace {
    Uri(Text),
    WithPrefix(Text, Text),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOperation {
    n: Text,
    #[serde(rename = "m")]
    method: Option<Text>,
    #[serde(rename = "u")]
    uri: Option<Text>,
    #[serde(rename = "i")]
    input: Option<u32>,
    #[serde(rename = "o")]
    output: Option<u32>,
    #[serde(rename = "e", default)]
    errors: Vec<u32>,
    #[serde(rename = "l")]
    input_element: Option<Text>,
    #[serde(rename = "w")]
    input_namespace: Option<RawNamespace>,
    #[serde(rename = "r")]
    result_wrapper: Option<Text>,
    #[serde(rename = "h")]
    host_prefix: Option<Text>,
    #[serde(rename = "a")]
    auth: Option<RawAuth>,
    #[serde(rename = "k")]
    checksum: Option<u8>,
    #[serde(rename = "d")]
    deprecated: Option<u8>,
    #[serde(rename = "v")]
    event_stream: Option<u8>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawAuth {
    None,
    Unsigned,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShape {
    t: RawType,
    #[serde(rename = "e", default)]
    enumeration: Vec<Text>,
    #[serde(rename = "i")]
    min: Option<f64>,
    #[serde(rename = "a")]
    max: Option<f64>,
    #[serde(rename = "f")]
    format: Option<RawFormat>,
    #[serde(rename = "s")]
    streaming: Option<u8>,
    #[serde(rename = "l")]
    requires_length: Option<u8>,
    #[serde(rename = "j")]
    json_text: Option<u8>,
    #[serde(rename = "x")]
    flattened: Option<u8>,
    #[serde(rename = "u")]
    union: Option<u8>,
    #[serde(rename = "d")]
    document: Option<u8>,
    #[serde(rename = "v")]
    event_stream: Option<u8>,
    /// Sparse lists and maps may hold null, which needs no care here.
    #[serde(rename = "z")]
    _sparse: Option<u8>,
    #[serde(rename = "n")]
    element: Option<Text>,
    #[serde(rename = "w")]
    namespace: Option<RawNamespace>,
    #[serde(rename = "m")]
    members: Option<RawMembers>,
    #[serde(rename = "k")]
    key: Option<RawEntry>,
    #[serde(rename = "o")]
    name: Option<Text>,
    #[serde(rename = "c")]
    code: Option<Text>,
    #[serde(rename = "y")]
    class: Option<Text>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RawType {
    String,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Blob,
    Timestamp,
    List,
    Map,
    Structure,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum RawFormat {
    Iso8601,
    UnixTimestamp,
    Rfc822,
}

/// The members of a structure, or the entry of a list or map. An entry with traits is an array that starts with a
/// number; a structure's members are an array of arrays.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawMembers {
    Plain(u32),
    Structure(Vec<RawMember>),
    Entry(u32, RawTraits),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawMember {
    WithTraits(Text, u32, Box<RawTraits>),
    Plain(Text, u32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEntry {
    Plain(u32),
    WithTraits(u32, RawTraits),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawTraits {
    #[serde(rename = "r")]
    required: Option<u8>,
    #[serde(rename = "p")]
    payload: Option<u8>,
    #[serde(rename = "l")]
    location: Option<RawLocation>,
    #[serde(rename = "n")]
    name: Option<Text>,
    #[serde(rename = "f")]
    format: Option<RawFormat>,
    #[serde(rename = "q")]
    query_name: Option<Text>,
    #[serde(rename = "t")]
    token: Option<u8>,
    #[serde(rename = "s")]
    streaming: Option<u8>,
    #[serde(rename = "x")]
    flattened: Option<u8>,
    #[serde(rename = "b")]
    attribute: Option<u8>,
    #[serde(rename = "h")]
    host_label: Option<u8>,
    #[serde(rename = "j")]
    json_text: Option<u8>,
    #[serde(rename = "v")]
    _event_payload: Option<u8>,
    #[serde(rename = "C")]
    _context: Option<Text>,
    #[serde(rename = "w")]
    namespace: Option<RawNamespace>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RawLocation {
    Uri,
    QueryString,
    Header,
    Headers,
    #[serde(rename = "statusCode")]
    StatusCode,
}

impl From<RawService> for Service {
    fn from(raw: RawService) -> Self {
        let mut operations: Vec<Operation> = raw.operations.into_iter().map(Operation::from).collect();
        operations.sort_by(|one, other| one.folded_name.cmp(&other.folded_name));
        Service {
            word: raw.prefix.to_lowercase().into(),
            service_id: raw.id,
            prefix: raw.prefix,
            botocore_name: raw.dir,
            protocol: match raw.protocol {
                RawProtocol::Json => Protocol::Json,
                RawProtocol::RestJson => Protocol::RestJson,
                RawProtocol::Query => Protocol::Query,
                RawProtocol::Ec2 => Protocol::Ec2,
                RawProtocol::RestXml => Protocol::RestXml,
                RawProtocol::SmithyRpcV2Cbor => Protocol::RpcV2Cbor,
            },
            api_version: raw.version,
            endpoint_prefix: raw.endpoint,
            signing_name: raw.signing,
            target_prefix: raw.target,
            json_version: raw.json,
            signature: raw.signature,
            xml_namespace: raw.namespace.map(Into::into),
            is_query_compatible: raw.query_compatible.is_some(),
            operations,
            shapes: raw.shapes.into_iter().map(Shape::from).collect(),
            endpoints: raw.endpoints,
        }
    }
}

impl From<RawNamespace> for XmlNamespace {
    fn from(raw: RawNamespace) -> Self {
        match raw {
            RawNamespace::Uri(uri) => XmlNamespace { prefix: None, uri },
            RawNamespace::WithPrefix(prefix, uri) => XmlNamespace { prefix: Some(prefix), uri },
        }
    }
}

impl From<RawOperation> for Operation {
    fn from(raw: RawOperation) -> Self {
        Operation {
            folded_name: raw.n.to_ascii_lowercase().into(),
            method: raw.method.unwrap_or_else(|| "POST".into()),
            uri: raw.uri.unwrap_or_else(|| "/".into()),
            input: raw.input.map(ShapeId),
            output: raw.output.map(ShapeId),
            errors: raw.errors.into_iter().map(ShapeId).collect(),
            input_element: raw.input_element,
            input_namespace: raw.input_namespace.map(Into::into),
            result_wrapper: raw.result_wrapper.unwrap_or_else(|| format!("{}Result", raw.n).into()),
            host_prefix: raw.host_prefix,
            auth: match raw.auth {
                None => AuthType::Signed,
                Some(RawAuth::None) => AuthType::None,
                Some(RawAuth::Unsigned) => AuthType::UnsignedPayload,
            },
            checksum: match raw.checksum {
                None => Checksum::None,
                Some(1) => Checksum::Supported,
                Some(_) => Checksum::Required,
            },
            is_deprecated: raw.deprecated.is_some(),
            has_event_stream: raw.event_stream.is_some(),
            name: raw.n,
        }
    }
}

impl From<RawFormat> for TimestampFormat {
    fn from(raw: RawFormat) -> Self {
        match raw {
            RawFormat::Iso8601 => TimestampFormat::Iso8601,
            RawFormat::UnixTimestamp => TimestampFormat::UnixSeconds,
            RawFormat::Rfc822 => TimestampFormat::HttpDate,
        }
    }
}

impl From<RawShape> for Shape {
    fn from(raw: RawShape) -> Self {
        let is_flattened = raw.flattened.is_some();
        let entry = |members| {
            Box::new(match members {
                Some(RawMembers::Plain(shape)) => member("".into(), shape, RawTraits::default()),
                Some(RawMembers::Entry(shape, traits)) => member("".into(), shape, traits),
                // The maker gives lists and maps an entry.
                Some(RawMembers::Structure(_)) | None => member("".into(), u32::MAX, RawTraits::default()),
            })
        };
        let kind = match raw.t {
            RawType::String => ShapeKind::String,
            RawType::Boolean => ShapeKind::Boolean,
            RawType::Integer => ShapeKind::Integer,
            RawType::Long => ShapeKind::Long,
            RawType::Float => ShapeKind::Float,
            RawType::Double => ShapeKind::Double,
            RawType::Blob => ShapeKind::Blob,
            RawType::Timestamp => ShapeKind::Timestamp { format: raw.format.map(Into::into) },
            RawType::List => ShapeKind::List { entry: entry(raw.members), is_flattened },
            RawType::Map => ShapeKind::Map {
                key: Box::new(match raw.key {
                    Some(RawEntry::Plain(shape)) => member("".into(), shape, RawTraits::default()),
                    Some(RawEntry::WithTraits(shape, traits)) => member("".into(), shape, traits),
                    None => member("".into(), u32::MAX, RawTraits::default()),
                }),
                value: entry(raw.members),
                is_flattened,
            },
            RawType::Structure => ShapeKind::Structure {
                members: match raw.members {
                    Some(RawMembers::Structure(members)) => members
                        .into_iter()
                        .map(|raw| match raw {
                            RawMember::Plain(name, shape) => member(name, shape, RawTraits::default()),
                            RawMember::WithTraits(name, shape, traits) => member(name, shape, *traits),
                        })
                        .collect(),
                    _ => Vec::new(),
                },
                is_union: raw.union.is_some(),
                is_document: raw.document.is_some(),
                is_event_stream: raw.event_stream.is_some(),
            },
        };
        let error = raw.name.map(|name| ErrorShape { name, wire_code: raw.code, class: raw.class });
        Shape {
            kind,
            enumeration: raw.enumeration,
            min: raw.min,
            max: raw.max,
            error,
            wire_name: raw.element,
            xml_namespace: raw.namespace.map(Into::into),
            is_streaming: raw.streaming.is_some(),
            requires_length: raw.requires_length.is_some(),
            is_json_text: raw.json_text.is_some(),
        }
    }
}

fn member(name: Text, shape: u32, raw: RawTraits) -> Member {
    Member {
        name,
        shape: ShapeId(shape),
        is_required: raw.required.is_some(),
        is_payload: raw.payload.is_some(),
        location: raw.location.map(|location| match location {
            RawLocation::Uri => Location::Uri,
            RawLocation::QueryString => Location::QueryString,
            RawLocation::Header => Location::Header,
            RawLocation::Headers => Location::Headers,
            RawLocation::StatusCode => Location::StatusCode,
        }),
        wire_name: raw.name,
        query_name: raw.query_name,
        timestamp_format: raw.format.map(Into::into),
        is_idempotency_token: raw.token.is_some(),
        is_streaming: raw.streaming.is_some(),
        is_flattened: raw.flattened.is_some(),
        is_xml_attribute: raw.attribute.is_some(),
        is_host_label: raw.host_label.is_some(),
        is_json_text: raw.json_text.is_some(),
        xml_namespace: raw.namespace.map(Into::into),
    }
}
