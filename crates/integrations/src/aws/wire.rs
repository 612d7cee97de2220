//! Requests and answers of each protocol. The codecs are those of the `aws-smithy` crates; nothing outside this file and
//! its two neighbours (`write`, `read`) knows them.

use aws_smithy_runtime_api::{
    client::orchestrator::Metadata,
    http::{Request, Response, StatusCode},
};
use aws_smithy_schema::{
    codec::Codec,
    protocol::{ServiceShapeName, ServiceVersion, SharedClientProtocol},
    serde::{SerdeError, ShapeDeserializer},
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    date_time::Format,
};
use aws_smithy_xml::codec::{XmlCodec, XmlCodecSettings, find_depth2_element_slice_by};
use bytes::Bytes;
use stepwell_aws_model::{Operation, Protocol, Service};
use stepwell_json::{Object, Value};

use super::{
    read,
    schema::{Schemas, Side},
    write::{self, Input},
};

/// The header with the code of the query protocol that a service spoke before JSON.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// A request without a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WireRequest {
    pub(super) method: String,
    /// Path and query, encoded.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Put before the host.
    pub(super) host_prefix: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct WireAnswer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl WireAnswer {
    /// A header by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What an answer with an error says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WireError {
    pub(super) code: Option<String>,
    /// The name of the error's shape, where the code is that of a former protocol.
    pub(super) shape: Option<String>,
    pub(super) message: Option<String>,
    pub(super) request_id: Option<String>,
    /// S3's second id.
    pub(super) extended_request_id: Option<String>,
}

/// A protocol: parameters to a request, an answer to a result or an error.
pub(super) trait Wire: Send + Sync {
    /// The request of an operation.
    ///
    /// # Errors
    /// What is wrong with the parameters.
    fn request(
        &self,
        operation: &'static Operation,
        parameters: &Value,
        rules: write::Rules<'_>,
    ) -> Result<WireRequest, String>;

    /// The result in an answer.
    ///
    /// # Errors
    /// Why it can't be read.
    fn output(
        &self,
        operation: &'static Operation,
        answer: &WireAnswer,
        rules: read::Rules,
    ) -> Result<Object, String>;

    /// The error in an answer.
    fn error(&self, operation: &'static Operation, answer: &WireAnswer) -> WireError;
}

/// The protocol that a service speaks.
pub(super) fn wire(schemas: &'static Schemas) -> SmithyWire {
    let service = schemas.service;
    let target = service.target_prefix.as_deref().unwrap_or_default().to_owned();
    let protocol = match service.protocol {
        Protocol::Json => {
            let json = match service.json_version.as_deref() {
                Some("1.0") => aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol::aws_json_1_0(),
                _ => aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol::aws_json_1_1(),
            };
            SharedClientProtocol::new(json.with_target_prefix(target))
        }
        Protocol::RestJson => {
            SharedClientProtocol::new(aws_smithy_json::protocol::aws_rest_json_1::AwsRestJsonProtocol::new())
        }
        Protocol::Query | Protocol::Ec2 => {
            SharedClientProtocol::new(aws_smithy_query::protocol::AwsQueryProtocol::new())
        }
        Protocol::RestXml => SharedClientProtocol::new(rest_xml(service)),
        Protocol::RpcV2Cbor => SharedClientProtocol::new(aws_smithy_cbor::protocol::RpcV2CborProtocol::new()),
    };
    SmithyWire { schemas, protocol }
}

fn rest_xml(service: &Service) -> aws_smithy_xml::protocol::aws_rest_xml::AwsRestXmlProtocol {
    let protocol = aws_smithy_xml::protocol::aws_rest_xml::AwsRestXmlProtocol::new();
    match &service.xml_namespace {
        Some(namespace) => protocol
            .with_service_xml_namespace(&*namespace.uri, namespace.prefix.as_deref().map(str::to_owned)),
        None => protocol,
    }
}

pub(super) struct SmithyWire {
    schemas: &'static Schemas,
    protocol: SharedClientProtocol,
}

impl SmithyWire {
    fn bag(&self, operation: &Operation) -> ConfigBag {
        let service = self.schemas.service;
        let mut layer = Layer::new("operation");
        layer.store_put(Metadata::new(operation.name.to_string(), service.service_id.to_string()));
        layer.store_put(ServiceShapeName::new(
            service.target_prefix.as_deref().unwrap_or_default().to_owned(),
        ));
        layer.store_put(ServiceVersion::new(service.api_version.to_string()));
        ConfigBag::of_layers(vec![layer])
    }

    fn response(answer: &WireAnswer) -> Result<Response, String> {
        let status = StatusCode::try_from(answer.status).map_err(|error| error.to_string())?;
        let mut response = Response::new(status, SdkBody::from(answer.body.clone()));
        for (name, value) in &answer.headers {
            // A header that can't be represented is no member of any answer.
            let _ = response.headers_mut().try_append(name.clone(), value.clone());
        }
        Ok(response)
    }

    fn xml_deserializer<'a>(body: &'a [u8]) -> Box<dyn ShapeDeserializer + 'a> {
        let settings = XmlCodecSettings::builder().default_timestamp_format(Format::DateTime).build();
        Box::new(XmlCodec::new(settings).create_deserializer(body))
    }
}

impl Wire for SmithyWire {
    fn request(
        &self,
        operation: &'static Operation,
        parameters: &Value,
        rules: write::Rules<'_>,
    ) -> Result<WireRequest, String> {
        let input = Input::of_operation(self.schemas, operation, parameters, rules);
        let schema = self.schemas.operation(operation, Side::Input);
        let bag = self.bag(operation);
        let request: Request =
            self.protocol.serialize_request(&input, schema, "", &bag).map_err(|error| readable(&error))?;
        let mut headers: Vec<(String, String)> =
            request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        if input.streams_untyped_body() {
            // As the SDK types a text (recorded for S3).
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            headers.push(("content-type".to_owned(), "text/plain; charset=UTF-8".to_owned()));
        }
        if self.schemas.service.is_query_compatible {
            // Asks for the error codes of the former protocol, which the errors' classes are named after.
            headers.push(("x-amzn-query-mode".to_owned(), "true".to_owned()));
        }
        let host_prefix = match &operation.host_prefix {
            None => None,
            Some(template) => Some(fill_labels(template, &input)?),
        };
        Ok(WireRequest {
            method: request.method().to_owned(),
            path: request.uri().to_owned(),
            headers,
            body: Bytes::copy_from_slice(request.body().bytes().unwrap_or_default()),
            host_prefix,
        })
    }

    fn output(
        &self,
        operation: &'static Operation,
        answer: &WireAnswer,
        rules: read::Rules,
    ) -> Result<Object, String> {
        let response = Self::response(answer)?;
        let schema = self.schemas.operation(operation, Side::Output);
        let bag = self.bag(operation);
        // An operation without a result may answer with nothing at all.
        let is_rest = matches!(self.schemas.service.protocol, Protocol::RestJson | Protocol::RestXml);
        if !is_rest && (answer.body.is_empty() || schema.members().is_empty()) {
            return Ok(Object::from_entries(Vec::new()));
        }
        let result = match self.schemas.service.protocol {
            Protocol::Ec2 => {
                read::output(self.schemas, operation, &mut *Self::xml_deserializer(&answer.body), rules)
            }
            Protocol::RestJson | Protocol::RestXml
                if answer.body.is_empty()
                    && schema.members().iter().all(|member| member.http_payload().is_none()) =>
            {
                // What is bound to headers is there though the body is not.
                let mut deserializer = self
                    .protocol
                    .deserialize_error_response(&response, &bag)
                    .map_err(|error| readable(&error))?;
                read::output(self.schemas, operation, &mut *deserializer, rules)
            }
            _ => {
                let mut deserializer = self
                    .protocol
                    .deserialize_response(&response, schema, &bag)
                    .map_err(|error| readable(&error))?;
                read::output(self.schemas, operation, &mut *deserializer, rules)
            }
        };
        result.map_err(|error| readable(&error))
    }

    fn error(&self, operation: &'static Operation, answer: &WireAnswer) -> WireError {
        let protocol = self.schemas.service.protocol;
        let body: &[u8] = &answer.body;
        let is_xml = matches!(protocol, Protocol::Query | Protocol::Ec2 | Protocol::RestXml);
        let mut error = if is_xml { xml_error(body) } else { WireError::default() };
        if !is_xml && let Ok(response) = Self::response(answer) {
            let parsed = self
                .protocol
                .parse_error_metadata(&response, &self.bag(operation))
                .map(|builder| builder.build());
            if let Ok(parsed) = parsed {
                error.code = parsed.code().map(str::to_owned);
                error.message = parsed.message().map(str::to_owned);
            }
            if answer.header(QUERY_ERROR).is_some() {
                let mut plain = answer.clone();
                plain.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(QUERY_ERROR));
                error.shape = self.error(operation, &plain).code;
            }
        }
        let header = |name| answer.header(name).map(str::to_owned);
        error.request_id =
            header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).or(error.request_id);
        error.extended_request_id = header("x-amz-id-2").or(error.extended_request_id);
        error
    }
}

/// The messages of the codecs' errors without the words around them.
fn readable(error: &SerdeError) -> String {
    error.to_string()
}

fn fill_labels(template: &str, input: &Input<'_>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("the host prefix {template} is malformed"))?;
        let value = input.label(name).unwrap_or_default();
        let is_label = !value.is_empty()
            && value.len() <= 63
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !value.starts_with('-');
        if !is_label {
            return Err(format!("{name} must be a valid part of a host name, but is {value:?}"));
        }
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// `Code`, `Message` and ids of an error in XML: at the root, in `Error`, or in `Errors`/`Error` (EC2).
fn xml_error(body: &[u8]) -> WireError {
    let inner = find_depth2_element_slice_by(body, |name| name == "Error")
        .or_else(|| {
            let errors = find_depth2_element_slice_by(body, |name| name == "Errors")?;
            find_depth2_element_slice_by(errors, |name| name == "Error")
        })
        .unwrap_or(body);
    let child = |within: &[u8], names: &[&str]| -> Option<String> {
        let element = find_depth2_element_slice_by(within, |name| names.contains(&name))?;
        let text = std::str::from_utf8(element).ok()?;
        let mut document = aws_smithy_xml::decode::Document::new(text);
        let mut root = document.root_element().ok()?;
        let is_named = names.contains(&root.start_el().local());
        if !is_named {
            return None;
        }
        aws_smithy_xml::decode::try_data(&mut root).ok().map(|text| text.into_owned())
    };
    WireError {
        code: child(inner, &["Code"]),
        message: child(inner, &["Message", "message"]),
        request_id: child(body, &["RequestId", "RequestID"]).or_else(|| child(inner, &["RequestId"])),
        extended_request_id: child(inner, &["HostId"]),
        shape: None,
    }
}
