//! Requests and answers of every protocol, compared with those of botocore (`testdata/wire.json`).

use std::collections::BTreeSet;

use base64::Engine;
use serde_json::Value as Json;
use stepwell_aws_model::{Protocol, service_of};

use super::{
    read::{self, Era},
    schema::{Side, schemas},
    wire::{Wire, WireAnswer, wire},
    write,
};

fn cases(kind: &str) -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("testdata/wire.json")).expect("the cases are JSON");
    assert_eq!(all["botocore"], stepwell_aws_model::botocore_version());
    all[kind].as_array().expect("cases").clone()
}

fn text(case: &Json, member: &str) -> String {
    case[member].as_str().unwrap_or_default().to_owned()
}

fn pairs(encoded: &str) -> BTreeSet<(String, String)> {
    let decode = |text: &str| {
        let bytes = text.replace('+', " ").into_bytes();
        let mut decoded = Vec::new();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let hex = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
            match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
                Some(byte) => {
                    decoded.push(byte);
                    at += 3;
                }
                None => {
                    decoded.push(*byte);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let split = encoded.split('&').filter(|pair| !pair.is_empty());
    split
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// XML in which elements without content have both tags, as in `<a></a>`.
fn spelled_out(xml: &str) -> String {
    let mut text = String::new();
    let mut rest = xml;
    while let Some((before, after)) = rest.split_once(" />") {
        let name = before.rsplit('<').next().unwrap_or_default();
        let name = name.split_whitespace().next().unwrap_or_default();
        text.push_str(&format!("{before}></{name}>"));
        rest = after;
    }
    text + rest
}

/// What CBOR says, read by another decoder than the one under test. Lengths may be given or not, members come in any
/// order, and a number is written in any of its forms.
fn cbor(bytes: &[u8]) -> String {
    fn item(decoder: &mut minicbor::Decoder<'_>) -> Json {
        use minicbor::data::Type;
        match decoder.datatype().expect("an item") {
            Type::Bool => decoder.bool().expect("a truth value").into(),
            Type::Null => {
                decoder.null().expect("null");
                Json::Null
            }
            Type::F16 | Type::F32 | Type::F64 => decoder.f64().expect("a number").into(),
            Type::String | Type::StringIndef => {
                decoder.str_iter().expect("a text").collect::<Result<String, _>>().expect("a text").into()
            }
            Type::Bytes | Type::BytesIndef => {
                let parts = decoder.bytes_iter().expect("bytes").collect::<Result<Vec<_>, _>>();
                serde_json::json!({"bytes": parts.expect("bytes").concat()})
            }
            Type::Array | Type::ArrayIndef => {
                let length = decoder.array().expect("an array");
                let mut items = Vec::new();
                while goes_on(decoder, length, items.len()) {
                    items.push(item(decoder));
                }
                items.into()
            }
            Type::Map | Type::MapIndef => {
                let length = decoder.map().expect("a map");
                let mut members = serde_json::Map::new();
                while goes_on(decoder, length, members.len()) {
                    let key = decoder.str().expect("a key").to_owned();
                    members.insert(key, item(decoder));
                }
                members.into()
            }
            Type::Tag => {
                let tag = decoder.tag().expect("a tag").as_u64();
                serde_json::json!({"tag": tag, "value": item(decoder)})
            }
            _ => f64::from(i32::try_from(decoder.i64().expect("a number")).expect("a small number")).into(),
        }
    }
    /// Whether another entry comes, of so many as there are or up to the break.
    fn goes_on(decoder: &mut minicbor::Decoder<'_>, length: Option<u64>, read: usize) -> bool {
        match length {
            Some(length) => (read as u64) < length,
            None if decoder.datatype().expect("an item") == minicbor::data::Type::Break => {
                decoder.skip().expect("a break");
                false
            }
            None => true,
        }
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = item(&mut decoder);
    assert_eq!(decoder.position(), bytes.len(), "there is more");
    value.to_string()
}

/// What differs between a request of ours and botocore's.
fn compare(case: &Json) -> Vec<String> {
    let service = service_of(&text(case, "service")).expect("the service");
    let schemas = schemas(&service);
    let operation = schemas.service.operation(&text(case, "operation")).expect("the operation");
    let parameters = stepwell_json::parse(&case["parameters"].to_string()).expect("parameters");
    let mut problems = write::problems(schemas.service, operation, &parameters);
    // Values that are made up end at some depth.
    problems
        .retain(|problem| case.get("made_up").is_none() || !problem.ends_with("is required but was missing"));
    let rules = write::Rules { blobs_are_base64: false, token_seed: "seed" };
    let request = match wire(schemas).request(operation, &parameters, rules) {
        Ok(request) => request,
        Err(problem) => return vec![problem],
    };
    let mut expect = |what: &str, found: String, expected: String| {
        if found != expected {
            problems.push(format!("{what}: {found} instead of {expected}"));
        }
    };
    expect("method", request.method.clone(), text(case, "method"));
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let wanted_path = text(case, "path");
    let (wanted_path, fixed) = wanted_path.split_once('?').unwrap_or((&wanted_path, ""));
    expect("path", path.to_owned(), wanted_path.to_owned());
    let mut wanted = pairs(fixed);
    for pair in case["query"].as_array().into_iter().flatten() {
        wanted.insert((
            pair[0].as_str().unwrap_or_default().to_owned(),
            pair[1].as_str().unwrap_or_default().to_owned(),
        ));
    }
    expect("query", format!("{:?}", pairs(query)), format!("{wanted:?}"));
    let headers = case["headers"].as_object().into_iter().flatten();
    // The length is counted when a request is sent.
    for (name, value) in headers.filter(|(name, _)| *name != "content-length") {
        let found = request
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str());
        let value = value.as_str().unwrap_or_default();
        // Both say the same; the charset is botocore's own.
        let value = value.split("; charset").next().unwrap_or_default();
        expect(name, found.unwrap_or("none").to_owned(), value.to_owned());
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let streams = operation.input.is_some_and(|input| {
        let mut members = service.shape(input).members().iter();
        members.any(|member| member.is_streaming || service.shape(member.shape).is_streaming)
    });
    if streams {
        // Step Functions streams the JSON of a value; botocore streams a text as it is.
        let wanted = text(case, "body");
        expect("body", body, if wanted.is_empty() { wanted } else { Json::from(wanted).to_string() });
    } else if let Some(form) = case["form"].as_object() {
        let wanted: BTreeSet<(String, String)> = form
            .iter()
            .map(|(key, value)| {
                (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        expect("form", format!("{:?}", pairs(&body)), format!("{wanted:?}"));
    } else if let Some(wanted) = case["cbor"].as_str() {
        let wanted = base64::engine::general_purpose::STANDARD.decode(wanted).expect("base64");
        expect("body", cbor(&request.body), cbor(&wanted));
    } else if matches!(service.protocol, Protocol::Json | Protocol::RestJson)
        && let (Ok(found), Ok(wanted)) =
            (serde_json::from_str::<Json>(&body), serde_json::from_str::<Json>(&text(case, "body")))
    {
        if found != wanted {
            problems.push(format!("body: {found} instead of {wanted}"));
        }
    } else {
        expect("body", spelled_out(&body), spelled_out(&text(case, "body")));
    }
    problems
}

#[test]
fn requests_are_those_of_botocore() {
    check_requests(&cases("requests"));
}

/// A request of every operation. The cases are too many to be kept: `xtask/aws-model/wire_cases.py FILE --every` makes
/// them, and `WIRE_CASES=FILE` names them.
#[test]
fn requests_of_every_operation_are_those_of_botocore() {
    let Ok(file) = std::env::var("WIRE_CASES") else {
        println!("skipped: WIRE_CASES names no file");
        return;
    };
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let all: Json = serde_json::from_str(&text).expect("the cases are JSON");
    check_requests(all["requests"].as_array().expect("cases"));
}

fn check_requests(cases: &[Json]) {
    let mut failures = Vec::new();
    for case in cases {
        let problems = compare(case);
        if !problems.is_empty() {
            failures.push(format!(
                "{} {}: {}",
                text(case, "service"),
                text(case, "operation"),
                problems.join("\n    ")
            ));
        }
    }
    let shown = failures.iter().take(200).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {}:\n{shown}", failures.len(), cases.len());
}

#[test]
fn answers_are_read_as_botocore_reads_them() {
    let mut failures = Vec::new();
    for case in cases("answers") {
        let name = format!("{} {}", text(&case, "service"), text(&case, "operation"));
        let service = service_of(&text(&case, "service")).expect("the service");
        let schemas = schemas(&service);
        let operation = schemas.service.operation(&text(&case, "operation")).expect("the operation");
        let headers = case["headers"].as_object().into_iter().flatten();
        let answer = WireAnswer {
            status: u16::try_from(case["status"].as_u64().unwrap_or_default()).expect("a status"),
            headers: headers
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            body: match case["cbor"].as_str() {
                Some(body) => base64::engine::general_purpose::STANDARD.decode(body).expect("base64").into(),
                None => text(&case, "body").into(),
            },
        };
        let wire = wire(schemas);
        if let Some(error) = case["error"].as_object() {
            let found = wire.error(operation, &answer);
            let found = (found.code.unwrap_or_default(), found.message.unwrap_or_default());
            let wanted =
                (error["code"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default());
            if (found.0.as_str(), found.1.as_str()) != wanted {
                failures.push(format!("{name}: {found:?} instead of {wanted:?}"));
            }
            continue;
        }
        match wire.output(operation, &answer, read::Rules { era: Era::Second, blobs_are_base64: false }) {
            Err(problem) => failures.push(format!("{name}: {problem}")),
            Ok(found) => {
                let found: Json =
                    serde_json::from_str(&stepwell_json::Value::Object(found).to_text()).expect("JSON");
                if found != case["result"] {
                    failures.push(format!("{name}: {found} instead of {}", case["result"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_operation_has_schemas() {
    for summary in stepwell_aws_model::services() {
        let service = stepwell_aws_model::service(summary.word).expect("the service");
        let schemas = schemas(&service);
        for operation in &schemas.service.operations {
            for (side, id) in [(Side::Input, operation.input), (Side::Output, operation.output)] {
                let members = id.map_or(0, |id| schemas.service.shape(id).members().len());
                assert_eq!(schemas.operation(operation, side).members().len(), members, "{}", operation.name);
            }
        }
    }
}

/// The service says itself that it misses a value (recorded for DynamoDB and SQS); a part of the address must be there.
#[test]
fn a_required_field_may_be_null_unless_the_address_needs_it() {
    for (service, operation, parameters, wanted) in [
        ("sqs", "sendMessage", "{\"QueueUrl\": \"q\", \"MessageBody\": null}", None),
        (
            "sqs",
            "sendMessage",
            "{\"QueueUrl\": \"q\"}",
            Some("The field 'MessageBody' is required but was missing"),
        ),
        (
            "s3",
            "getObject",
            "{\"Bucket\": null, \"Key\": \"k\"}",
            Some("The field 'Bucket' is required but was missing"),
        ),
    ] {
        let service = service_of(service).expect("the service");
        let operation = service.operation(operation).expect("the operation");
        let parameters = stepwell_json::parse(parameters).expect("JSON");
        let problems = write::problems(&service, operation, &parameters);
        assert_eq!(problems.first().map(String::as_str), wanted, "{problems:?}");
    }
}

/// As recorded: a text keeps its quotation marks, and the type is that of text unless one is given.
#[test]
fn a_streamed_body_is_the_json_of_its_value() {
    let service = service_of("s3").expect("the service");
    let schemas = schemas(&service);
    let operation = schemas.service.operation("putObject").expect("the operation");
    for (more, body, content_type) in [
        ("\"Body\": \"text data\"", "\"text data\"", Some("text/plain; charset=UTF-8")),
        ("\"Body\": 0", "0", Some("text/plain; charset=UTF-8")),
        ("\"Body\": [\"List\", \"Data\"]", "[\"List\",\"Data\"]", Some("text/plain; charset=UTF-8")),
        (
            "\"Body\": {\"a\": 1}, \"ContentType\": \"application/json\"",
            "{\"a\":1}",
            Some("application/json"),
        ),
        ("\"Tagging\": \"a=b\"", "", None),
    ] {
        let parameters = format!("{{\"Bucket\": \"b\", \"Key\": \"k\", {more}}}");
        let parameters = stepwell_json::parse(&parameters).expect("JSON");
        let rules = write::Rules { blobs_are_base64: false, token_seed: "seed" };
        let request = wire(schemas).request(operation, &parameters, rules).expect("a request");
        assert_eq!(request.body, body.as_bytes(), "{more}");
        let types: Vec<&str> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(types, content_type.into_iter().collect::<Vec<_>>(), "{more}");
    }
    let operation = schemas.service.operation("getObject").expect("the operation");
    let answer = WireAnswer { status: 200, headers: Vec::new(), body: "".into() };
    let rules = read::Rules { era: Era::Second, blobs_are_base64: false };
    let result = wire(schemas).output(operation, &answer, rules).expect("a result");
    assert_eq!(result.get("Body").and_then(stepwell_json::Value::as_str), Some(""), "a body without bytes");
}
