//! What a model says.

use std::{borrow::Cow, sync::Arc};

use crate::{endpoint::Endpoints, names};

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON in the body, the operation in `X-Amz-Target`; versions 1.0 and 1.1 differ in the content type.
    Json,
    /// JSON in the body, the rest in path, query and headers.
    RestJson,
    /// A form in the body, XML in the answer.
    Query,
    /// EC2's variant of [`Protocol::Query`].
    Ec2,
    /// XML in the body, the rest in path, query and headers.
    RestXml,
    /// Smithy's RPC v2 with CBOR bodies.
    RpcV2Cbor,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// AWS's id, for example `Cognito Identity Provider`.
    pub service_id: Box<str>,
    /// What the names of its errors start with in `aws-sdk` tasks: `CognitoIdentityProvider`.
    pub prefix: Box<str>,
    /// The prefix in lower case: the word in `Resource`.
    pub word: Box<str>,
    /// Its name in botocore and in the AWS CLI.
    pub botocore_name: Box<str>,
    /// How it speaks.
    pub protocol: Protocol,
    /// `2012-11-05`.
    pub api_version: Box<str>,
    /// The start of its host name.
    pub endpoint_prefix: Box<str>,
    /// The service in the scope of a signature.
    pub signing_name: Box<str>,
    /// What `X-Amz-Target` starts with, for JSON.
    pub target_prefix: Option<Box<str>>,
    /// `1.0` or `1.1`, for JSON.
    pub json_version: Option<Box<str>>,
    /// `v4`, `s3`, `bearer`, …
    pub signature: Option<Box<str>>,
    /// The namespace of XML bodies.
    pub xml_namespace: Option<XmlNamespace>,
    /// A JSON service whose error codes are still those of its former query protocol.
    pub is_query_compatible: bool,
    /// In the order of their names without regard to case.
    pub operations: Vec<Operation>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) endpoints: Option<Endpoints>,
}

impl Service {
    /// The operation of an action (`sendMessage`); letters' case doesn't matter.
    pub fn operation(&self, action: &str) -> Option<&Operation> {
        let wanted = action.to_ascii_lowercase();
        let index =
            self.operations.binary_search_by(|operation| (*operation.folded_name).cmp(&wanted)).ok()?;
        self.operations.get(index)
    }

    /// A shape. One that the model doesn't have is a structure without members.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        static NONE: Shape = Shape::EMPTY;
        self.shapes.get(id.0 as usize).unwrap_or(&NONE)
    }

    /// How many shapes there are; their numbers are below it.
    pub fn shape_count(&self) -> usize {
        self.shapes.len()
    }

    /// All shapes that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorShape> {
        self.shapes.iter().filter_map(|shape| shape.error.as_ref())
    }

    /// The error of a code on the wire, or of a shape's name.
    pub fn error(&self, code: &str) -> Option<&ErrorShape> {
        self.errors()
            .find(|error| error.wire_code() == code)
            .or_else(|| self.errors().find(|error| &*error.name == code))
    }
}

/// An operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// `SendMessage`.
    pub name: Box<str>,
    pub(crate) folded_name: Box<str>,
    /// `POST` unless said otherwise.
    pub method: Box<str>,
    /// Path and query, with `{Member}` and `{Member+}` labels.
    pub uri: Box<str>,
    /// What it takes.
    pub input: Option<ShapeId>,
    /// What it gives.
    pub output: Option<ShapeId>,
    /// The errors that it declares.
    pub errors: Vec<ShapeId>,
    /// The root element of an XML body.
    pub input_element: Option<Box<str>>,
    /// The namespace of that element.
    pub input_namespace: Option<XmlNamespace>,
    /// The element around the result in an answer of the query protocol.
    pub result_wrapper: Box<str>,
    /// Put before the host; may have `{Member}` labels.
    pub host_prefix: Option<Box<str>>,
    /// How it is signed.
    pub auth: AuthType,
    /// Whether the body carries a checksum.
    pub checksum: Checksum,
    /// AWS advises against it.
    pub is_deprecated: bool,
    /// It sends or receives a stream of events, which no task can.
    pub has_event_stream: bool,
}

impl Operation {
    /// The name as an action: `sendMessage`.
    pub fn action(&self) -> String {
        names::first_lower(&self.name)
    }
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthType {
    /// Signature version 4 over the whole request.
    #[default]
    Signed,
    /// The same without the body.
    UnsignedPayload,
    /// Not at all.
    None,
}

/// Whether a request carries a checksum of its body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checksum {
    /// No.
    #[default]
    None,
    /// It may: the SDKs send CRC32.
    Supported,
    /// It must.
    Required,
}

/// A number of a shape within its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub(crate) u32);

impl ShapeId {
    /// The number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A namespace in XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlNamespace {
    /// `xsi`.
    pub prefix: Option<Box<str>>,
    /// Its address.
    pub uri: Box<str>,
}

/// A type of values.
#[derive(Debug)]
pub struct Shape {
    /// What values look like.
    pub kind: ShapeKind,
    /// The allowed texts, when only some are.
    pub enumeration: Vec<Box<str>>,
    /// The least length in characters, bytes or entries, or the least value of a number.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// What is special about it as an error.
    pub error: Option<ErrorShape>,
    /// The name on the wire of a structure that is the root of an XML body.
    pub wire_name: Option<Box<str>>,
    /// The namespace of its element.
    pub xml_namespace: Option<XmlNamespace>,
    /// The body is sent or received as it comes.
    pub is_streaming: bool,
    /// A stream that must say its length beforehand.
    pub requires_length: bool,
    /// A text that holds JSON.
    pub is_json_text: bool,
}

impl Shape {
    const EMPTY: Shape = Shape {
        kind: ShapeKind::Structure {
            members: Vec::new(),
            is_union: false,
            is_document: false,
            is_event_stream: false,
        },
        enumeration: Vec::new(),
        min: None,
        max: None,
        error: None,
        wire_name: None,
        xml_namespace: None,
        is_streaming: false,
        requires_length: false,
        is_json_text: false,
    };

    /// The members of a structure; of others none.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            ShapeKind::Structure { members, .. } => members,
            _ => &[],
        }
    }

    /// The member that a task's parameters call `key`: the shown name first, then any spelling of upper and lower case.
    pub fn member(&self, key: &str) -> Option<&Member> {
        let members = self.members();
        members
            .iter()
            .find(|member| member.shown_name() == key)
            .or_else(|| members.iter().find(|member| member.name.eq_ignore_ascii_case(key)))
            .or_else(|| members.iter().find(|member| member.shown_name().eq_ignore_ascii_case(key)))
    }
}

/// What the values of a shape look like.
#[derive(Debug)]
pub enum ShapeKind {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number of 32 bits.
    Integer,
    /// A number of 64 bits.
    Long,
    /// A number with a fraction.
    Float,
    /// The same in double precision.
    Double,
    /// Bytes.
    Blob,
    /// A point in time.
    Timestamp {
        /// Its form on the wire, when it isn't the protocol's usual one.
        format: Option<TimestampFormat>,
    },
    /// Entries of one kind.
    List {
        /// An entry.
        entry: Box<Member>,
        /// In XML and forms: without an element of its own.
        is_flattened: bool,
    },
    /// Entries by their names, which are the user's own.
    Map {
        /// A name.
        key: Box<Member>,
        /// A value.
        value: Box<Member>,
        /// In XML and forms: without an element of its own.
        is_flattened: bool,
    },
    /// Members with names.
    Structure {
        /// In the model's order.
        members: Vec<Member>,
        /// Exactly one member is set.
        is_union: bool,
        /// Any JSON.
        is_document: bool,
        /// A stream of events.
        is_event_stream: bool,
    },
}

/// A form of points in time on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2015-01-01T00:00:00Z`.
    Iso8601,
    /// Seconds since 1970.
    UnixSeconds,
    /// `Thu, 01 Jan 2015 00:00:00 GMT`.
    HttpDate,
}

/// Where a member is in an HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// A label of the path.
    Uri,
    /// A parameter of the query.
    QueryString,
    /// A header.
    Header,
    /// All headers that start so.
    Headers,
    /// The status of the answer.
    StatusCode,
}

/// A member of a structure, an entry of a list, or a key or value of a map.
#[derive(Debug)]
pub struct Member {
    /// The name in the model; empty for what has none.
    pub name: Box<str>,
    /// What it holds.
    pub shape: ShapeId,
    /// A call without it is wrong.
    pub is_required: bool,
    /// It is the whole body.
    pub is_payload: bool,
    /// Where it is, if not in the body.
    pub location: Option<Location>,
    /// The name on the wire, when it is another.
    pub wire_name: Option<Box<str>>,
    /// The name in EC2's forms, when it is another.
    pub query_name: Option<Box<str>>,
    /// The form of a point in time, when the member has one of its own.
    pub timestamp_format: Option<TimestampFormat>,
    /// Made up when it isn't given, so that a call repeated is a call made once.
    pub is_idempotency_token: bool,
    /// The body is sent or received as it comes.
    pub is_streaming: bool,
    /// In XML and forms: without an element of its own.
    pub is_flattened: bool,
    /// An attribute in XML.
    pub is_xml_attribute: bool,
    /// It is put into the host's name too.
    pub is_host_label: bool,
    /// A text that holds JSON.
    pub is_json_text: bool,
    /// The namespace of its element.
    pub xml_namespace: Option<XmlNamespace>,
}

impl Member {
    /// The name that tasks use: with its first letter in upper case, and `Value` appended where Java has no such name.
    pub fn shown_name(&self) -> Cow<'_, str> {
        names::shown(&self.name)
    }

    /// The name on the wire.
    pub fn wire_name(&self) -> &str {
        self.wire_name.as_deref().unwrap_or(&self.name)
    }
}

/// An error that a service declares.
#[derive(Debug)]
pub struct ErrorShape {
    /// The shape's name: `NoSuchKey`.
    pub name: Box<str>,
    pub(crate) wire_code: Option<Box<str>>,
    pub(crate) class: Option<Box<str>>,
}

impl ErrorShape {
    /// The code in an answer.
    pub fn wire_code(&self) -> &str {
        self.wire_code.as_deref().unwrap_or(&self.name)
    }

    /// The class of the second Java SDK, which `aws-sdk` tasks show: `NoSuchKeyException`.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or(&self.name)
    }
}

const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Arc<Service>>();
};
