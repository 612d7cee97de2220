//! HTTP Tasks against a server in this process.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use stepwell_json::Value;
use tokio::net::TcpListener;

use super::{ConnectionSection, HttpConfig, HttpOutcome, HttpSection, HttpTask, Trace};
use crate::{
    address::ALLOWED_NAME,
    http_client::Resolver,
    lambda::TaskError,
    testing::{Action, Server, answer},
};

const ARN: &str = "arn:aws:events:us-east-1:123456789012:connection/api/11111111-2222";

fn connection(text: &str) -> super::Connection {
    let section: ConnectionSection = toml::from_str(text).expect(text);
    section.resolve("api", &|name| (name == "SECRET").then(|| "s3cret".to_owned())).expect(text)
}

fn config(connection_text: &str) -> HttpConfig {
    HttpConfig {
        section: HttpSection {
            allow: vec!["127.0.0.1".into()],
            timeout_seconds: 1,
            ..HttpSection::default()
        },
        connections: [("api".to_owned(), connection(connection_text))].into(),
    }
}

/// Parameters with the connection and the endpoint in the place of `URL`.
fn parameters(server: &Server, path: &str, rest: &str) -> Value {
    let comma = if rest.is_empty() { "" } else { "," };
    let method = if rest.contains("\"Method\"") { "" } else { r#","Method":"POST""# };
    let text = format!(
        r#"{{"ApiEndpoint":"{}","InvocationConfig":{{"ConnectionArn":"{ARN}"}}{method}{comma}{rest}}}"#,
        server.url(path)
    );
    stepwell_json::parse(&text).expect(&text)
}

async fn call(task: &HttpTask, parameters: &Value) -> Result<Value, TaskError> {
    match task.call(parameters, "us-east-1", None, false).await {
        HttpOutcome::Answered(result) => Ok(result),
        HttpOutcome::Failed(error) => Err(error),
        HttpOutcome::Interrupted => panic!("interrupted"),
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).expect(name)
}

const NO_AUTH: &str = "type = \"none\"";

#[tokio::test]
async fn requests_are_what_parameters_and_connection_come_to() {
    let form = r#""Headers":{"Content-Type":"application/x-www-form-urlencoded"},"Transform":{"RequestBodyEncoding":"URL_ENCODED""#;
    let list = r#""RequestBody":{"a":["x","y z"]}"#;
    for (connection_text, path, rest, line, header, body) in [
        (NO_AUTH, "/a", r#""Method":"GET""#, "GET /a", ("range", "bytes=0-262144"), ""),
        (
            NO_AUTH,
            "/a",
            r#""Method":"GET""#,
            "GET /a",
            ("user-agent", "Amazon|StepFunctions|HttpInvoke|us-east-1"),
            "",
        ),
        (
            NO_AUTH,
            "/a",
            r#""Method":"DELETE""#,
            "DELETE /a",
            ("content-type", "application/json; charset=UTF-8"),
            "",
        ),
        (
            NO_AUTH,
            "/a",
            r#""Method":"PUT","RequestBody":"text""#,
            "PUT /a",
            ("range", "bytes=0-262144"),
            "text",
        ),
        (
            NO_AUTH,
            "/a",
            r#""RequestBody":{"a":[1,null]}"#,
            "POST /a",
            ("range", "bytes=0-262144"),
            r#"{"a":[1,null]}"#,
        ),
        (
            NO_AUTH,
            "/a",
            r#""Headers":{"X-B":"c","Content-Type":"text/plain","Range":"no"}"#,
            "POST /a",
            ("content-type", "text/plain"),
            "",
        ),
        (NO_AUTH, "/a", r#""Headers":{"X-B":["c"]}"#, "POST /a", ("x-b", "c"), ""),
        (
            NO_AUTH,
            "/a?p=1",
            r#""QueryParameters":{"q":"ä b","r":[1,2]}"#,
            "POST /a?p=1&q=%C3%A4%20b&r=1&r=2",
            ("range", "bytes=0-262144"),
            "",
        ),
        (
            NO_AUTH,
            "/a",
            r#""QueryParameters":"x=1&y=a b""#,
            "POST /a?x=1&y=a%20b",
            ("range", "bytes=0-262144"),
            "",
        ),
        (
            NO_AUTH,
            "/a",
            r#""QueryParameters":["x=1",{"y":2}]"#,
            "POST /a?x=1&y=2",
            ("range", "bytes=0-262144"),
            "",
        ),
        (
            NO_AUTH,
            "/a",
            &format!(r#"{form}}},"RequestBody":{{"m":{{"o d":"1 2"}},"n":null}}"#),
            "POST /a",
            ("content-type", "application/x-www-form-urlencoded"),
            "m%5Bo%20d%5D=1%202&n=",
        ),
        (
            NO_AUTH,
            "/a",
            &format!(r#"{form}}},{list}"#),
            "POST /a",
            ("range", "bytes=0-262144"),
            "a%5B0%5D=x&a%5B1%5D=y%20z",
        ),
        (
            NO_AUTH,
            "/a",
            &format!(r#"{form},"RequestEncodingOptions":{{"ArrayFormat":"REPEAT"}}}},{list}"#),
            "POST /a",
            ("range", "bytes=0-262144"),
            "a=x&a=y%20z",
        ),
        (
            NO_AUTH,
            "/a",
            &format!(r#"{form},"RequestEncodingOptions":{{"ArrayFormat":"COMMAS"}}}},{list}"#),
            "POST /a",
            ("range", "bytes=0-262144"),
            "a=x,y%20z",
        ),
        (
            NO_AUTH,
            "/a",
            &format!(r#"{form},"RequestEncodingOptions":{{"ArrayFormat":"BRACKETS"}}}},{list}"#),
            "POST /a",
            ("range", "bytes=0-262144"),
            "a%5B%5D=x&a%5B%5D=y%20z",
        ),
        (
            "type = \"basic\"\nusername = \"u\"\npassword_env = \"SECRET\"",
            "/a",
            "",
            "POST /a",
            ("authorization", "Basic dTpzM2NyZXQ="),
            "",
        ),
        (
            "type = \"api_key\"\nkey_name = \"X-Key\"\nkey_value = \"k\"",
            "/a",
            r#""Headers":{"x-key":"mine"}"#,
            "POST /a",
            ("x-key", "k"),
            "",
        ),
        (
            "type = \"none\"\nheaders = { X-H = { env = \"SECRET\" } }\nquery = { q = \"c\" }\nbody = { b = \"d\" }",
            "/a",
            r#""QueryParameters":{"q":"mine","r":"1"},"RequestBody":{"b":"mine","e":1}"#,
            "POST /a?r=1&q=c",
            ("x-h", "s3cret"),
            r#"{"b":"d","e":1}"#,
        ),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let task = HttpTask::new(config(connection_text));
        let result = call(&task, &parameters(&server, path, rest)).await;
        assert!(result.is_ok(), "{rest}: {result:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{rest}");
        assert_eq!(requests[0].line, format!("{line} HTTP/1.1"), "{rest}");
        assert_eq!(requests[0].body, body, "{rest}");
        assert_eq!(requests[0].header(header.0), Some(header.1), "{rest}");
        assert_eq!(requests[0].header("host"), Some(&*server.address.to_string()));
    }
}

#[tokio::test]
async fn names_of_parameters_may_be_in_other_letters_case() {
    let server = Server::start(|_, _| answer("200 OK", "", "")).await;
    let task = HttpTask::new(config(NO_AUTH));
    let text = format!(
        r#"{{"apiEndpoint":"{}","method":"PUT","invocationConfig":{{"connectionArn":"{ARN}"}},
            "headers":{{"Content-Type":"application/x-www-form-urlencoded"}},"queryParameters":{{"q":1}},
            "requestBody":{{"a":["x","y"]}},
            "transform":{{"requestBodyEncoding":"URL_ENCODED","requestEncodingOptions":{{"arrayFormat":"COMMAS"}}}}}}"#,
        server.url("/a")
    );
    call(&task, &stepwell_json::parse(&text).expect("JSON")).await.expect("a result");
    let requests = server.requests();
    assert_eq!((&*requests[0].line, &*requests[0].body), ("PUT /a?q=1 HTTP/1.1", "a=x,y"));
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_without_a_request() {
    let body_connection = "type = \"none\"\nbody = { b = \"d\" }";
    let form = r#""Transform":{"RequestBodyEncoding":"URL_ENCODED"},"RequestBody":{"a":1}"#;
    for (connection_text, rest, part) in [
        (NO_AUTH, r#""Method":"TRACE""#, "The value of the field 'Method' has an invalid format"),
        (NO_AUTH, r#""Headers":{"authorization":"x"}"#, "\"authorization\" can't be set"),
        (NO_AUTH, r#""Headers":{"X-Amz-Date":"x"}"#, "\"X-Amz-Date\" can't be set"),
        (NO_AUTH, r#""Headers":{"X-Forwarded-For":"x"}"#, "can't be set"),
        (NO_AUTH, r#""Headers":{"Transfer-Encoding":"x"}"#, "can't be set"),
        (NO_AUTH, r#""Headers":{"X":"a\r\nY: b"}"#, "The value of the header \"X\""),
        (NO_AUTH, r#""Headers":{"a b":"x"}"#, "no name of a header"),
        (NO_AUTH, r#""Headers":[]"#, "must be a JSON object"),
        (NO_AUTH, r#""Sorting":1"#, "The field 'Sorting' is not supported by Step Functions"),
        (NO_AUTH, form, "needs the header Content-Type"),
        (body_connection, r#""RequestBody":"text""#, "the connection has parameters for the body"),
        (
            NO_AUTH,
            r#""Transform":{"RequestBodyEncoding":"GZIP"}"#,
            "The value of the field 'RequestBodyEncoding' has an invalid format",
        ),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let task = HttpTask::new(config(connection_text));
        let error = call(&task, &parameters(&server, "/", rest)).await.expect_err(rest);
        assert_eq!(error.error, "States.Runtime", "{rest}");
        assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{rest}: {error:?}");
        assert_eq!(server.requests().len(), 0, "{rest}");
    }
}

#[tokio::test]
async fn answers_are_results_or_errors() {
    let big = "x".repeat(super::ANSWER_MAX_BYTES + 1);
    let json = "content-type: application/json\r\n";
    for (status, headers, body, expected) in [
        ("200 OK", json, r#"{"a":1}"#, Ok(r#"{"a":1}"#)),
        ("201 Created", "content-type: text/plain\r\n", "7", Ok(r#""7""#)),
        ("200 OK", json, "no json", Ok(r#""no json""#)),
        ("204 No Content", "", "", Ok(r#""""#)),
        ("206 Partial Content", json, "[]", Ok("[]")),
        ("404 Not Found", json, r#"{"m":"gone"}"#, Err("States.Http.StatusCode.404")),
        ("429 Too Many Requests", "", "", Err("States.Http.StatusCode.429")),
        ("503 Service Unavailable", "", "", Err("States.Http.StatusCode.503")),
        ("302 Found", "location: http://169.254.169.254/\r\n", "", Err("States.Http.StatusCode.302")),
        ("200 OK", "content-type: application/octet-stream\r\n", "x", Err("States.Runtime")),
        ("200 OK", "content-type: image/png\r\n", "x", Err("States.Runtime")),
        ("200 OK", "content-type: text/plain\r\n", &big, Err("States.DataLimitExceeded")),
    ] {
        let (text, fields, content) = (status.to_owned(), headers.to_owned(), body.to_owned());
        let server = Server::start(move |_, _| answer(&text, &fields, &content)).await;
        let task = HttpTask::new(config(NO_AUTH));
        let result = call(&task, &parameters(&server, "/", "")).await;
        match (&result, expected) {
            (Ok(result), Ok(body)) => {
                assert_eq!(member(result, "ResponseBody").to_text(), body, "{status}");
                assert_eq!(member(result, "StatusCode").to_text(), status[..3], "{status}");
                assert_eq!(member(result, "StatusText").as_str(), Some(&status[4..]), "{status}");
                assert_eq!(member(member(result, "Headers"), "connection").to_text(), r#"["close"]"#);
            }
            (Err(error), Err(name)) => {
                assert_eq!(error.error, name, "{error:?}");
                if name.contains("StatusCode") {
                    let cause =
                        stepwell_json::parse(error.cause.as_deref().unwrap_or_default()).expect("JSON");
                    assert_eq!(member(&cause, "StatusCode").to_text(), status[..3]);
                }
            }
            _ => panic!("{status}: {result:?}"),
        }
        assert_eq!(server.requests().len(), 1, "nothing is followed or repeated: {status}");
    }
}

#[tokio::test]
async fn broken_connections_are_socket_errors() {
    for (action, part) in
        [(0, "within 1 seconds"), (1, "failed to respond"), (2, "before its answer was complete")]
    {
        let server = Server::start(move |_, _| match action {
            0 => Action::Hang,
            1 => Action::Close,
            _ => Action::Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".into()),
        })
        .await;
        let error =
            call(&HttpTask::new(config(NO_AUTH)), &parameters(&server, "/", "")).await.expect_err(part);
        assert_eq!(error.error, "States.Http.Socket", "{error:?}");
        assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{error:?}");
    }
    // A port that nobody listens on.
    let server = Server { address: "127.0.0.1:1".parse().expect("an address"), seen: Arc::default() };
    let error =
        call(&HttpTask::new(config(NO_AUTH)), &parameters(&server, "/", "")).await.expect_err("refused");
    assert_eq!(error.error, "States.TaskFailed");
}

#[tokio::test]
async fn connections_are_found_by_name_or_arn() {
    let server = Server::start(|_, _| answer("200 OK", "", "")).await;
    let task = HttpTask::new(config(NO_AUTH));
    for (field, arn, expected) in [
        ("Authentication", ARN, None),
        ("InvocationConfig", ARN, None),
        ("InvocationConfig", "arn:aws:events:eu-west-1:1:connection/api", None),
        (
            "InvocationConfig",
            "arn:aws:events:eu-west-1:1:connection/x/1",
            Some("Events.ConnectionResource.ResourceNotFound"),
        ),
        ("InvocationConfig", "api", Some("States.Runtime")),
        ("Other", ARN, Some("States.Runtime")),
    ] {
        let text = format!(
            r#"{{"ApiEndpoint":"{}","Method":"GET","{field}":{{"ConnectionArn":"{arn}"}}}}"#,
            server.url("/")
        );
        let result = call(&task, &stepwell_json::parse(&text).expect("JSON")).await;
        assert_eq!(result.err().map(|error| error.error).as_deref(), expected, "{field} {arn}");
    }
}

fn oauth(server: &Server) -> String {
    format!(
        "type = \"oauth2\"\ntoken_url = \"{}\"\nclient_id = \"me\"\nclient_secret_env = \"SECRET\"\ntoken_parameters = {{ scope = \"a b\" }}",
        server.url("/token")
    )
}

#[tokio::test]
async fn tokens_are_kept_until_they_end_or_are_refused() {
    for (expires_in, refuses, expected) in [
        // One token for both calls.
        ("3600", "none", "token api api"),
        ("\"3600\"", "none", "token api api"),
        // It has ended before the second call.
        ("0", "none", "token api token api"),
        // A kept token that is refused is replaced, and the call made again.
        ("3600", "Bearer 1 later", "token api api token api"),
        // A new one that is refused is not.
        ("3600", "all", "token api api token api"),
    ] {
        let tokens = AtomicUsize::new(0);
        let calls = AtomicUsize::new(0);
        let server = Server::start(move |_, request| {
            if request.line.contains("/token") {
                let token = tokens.fetch_add(1, Ordering::SeqCst) + 1;
                return answer(
                    "200 OK",
                    "content-type: application/json\r\n",
                    &format!(
                        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in}}}"#
                    ),
                );
            }
            let call = calls.fetch_add(1, Ordering::SeqCst);
            let refused = match refuses {
                "all" => true,
                "none" => false,
                _ => call > 0 && request.header("authorization") == Some("Bearer 1"),
            };
            answer(if refused { "401 Unauthorized" } else { "200 OK" }, "", "")
        })
        .await;
        let task = HttpTask::new(config(&oauth(&server)));
        let both = [
            call(&task, &parameters(&server, "/api", "")).await,
            call(&task, &parameters(&server, "/api", "")).await,
        ];
        for result in both {
            match result {
                Ok(_) => assert_ne!(refuses, "all"),
                Err(error) => assert_eq!((refuses, &*error.error), ("all", "States.Http.StatusCode.401")),
            }
        }
        let requests = server.requests();
        let paths: Vec<&str> = requests
            .iter()
            .map(|request| if request.line.contains("/token") { "token" } else { "api" })
            .collect();
        assert_eq!(paths.join(" "), expected, "{expires_in} {refuses}");
        assert_eq!(
            requests[0].body,
            "grant_type=client_credentials&client_id=me&client_secret=s3cret&scope=a%20b"
        );
        assert_eq!(requests[1].header("authorization"), Some("Bearer 1"));
    }
}

#[tokio::test]
async fn secrets_are_in_no_error_and_hidden_in_traces() {
    let server = Server::start(|_, request| match request.line.contains("/token") {
        true => answer("400 Bad Request", "", &request.body),
        false => answer("200 OK", "", ""),
    })
    .await;
    let task = HttpTask::new(config(&oauth(&server)));
    let error = call(&task, &parameters(&server, "/api", "")).await.expect_err("no token");
    assert_eq!(error.error, "Events.ConnectionResource.InvalidConnectionState");
    assert!(!format!("{error:?} {task:?}").contains("s3cret"), "{error:?}");

    let text = "type = \"basic\"\nusername = \"u\"\npassword_env = \"SECRET\"\nquery = { k = { env = \"SECRET\" } }\nbody = { b = { env = \"SECRET\" } }";
    let section: ConnectionSection =
        toml::from_str(&text.replace("_env = \"SECRET\"", " = \"s3cret\"")).expect("toml");
    assert!(!format!("{section:?} {:?}", connection(text)).contains("s3cret"));
    let task = HttpTask::new(config(text));
    for reveals in [false, true] {
        let mut trace = Trace::default();
        let parameters = parameters(&server, "/api", r#""RequestBody":{"a":1}"#);
        let outcome = task.call(&parameters, "us-east-1", Some(&mut trace), reveals).await;
        assert!(matches!(outcome, HttpOutcome::Answered(_)));
        let shown = format!("{:?}", trace.request);
        assert_eq!(shown.contains("s3cret") && shown.contains("dTpzM2NyZXQ="), reveals, "{shown}");
        assert_eq!(shown.contains("***"), !reveals, "{shown}");
        assert_eq!(trace.response.expect("an answer").status_code, "200");
    }
}

/// Names keep their spelling; those of the task come first, then the connection's, then the service's (documented).
#[tokio::test]
async fn a_trace_shows_the_request_as_aws_does() {
    let server = Server::start(|_, _| answer("200 OK", "x-one: 1\r\n", "{}")).await;
    let basic = "type = \"basic\"\nusername = \"u\"\npassword = \"p\"\nheaders = { CustomHeader1 = \"c\", \"X-Both\" = \"mine\" }";
    let key = "type = \"api_key\"\nkey_name = \"X-Key\"\nkey_value = \"k\"\nheaders = { x-key = \"other\" }";
    let own = "User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]";
    for (connection, headers, expected) in [
        (
            basic,
            r#""definitionHeader":"h1","x-both":"theirs""#,
            "[definitionHeader: h1, x-both: mine, Authorization: Basic dTpw, CustomHeader1: c, ",
        ),
        (
            key,
            r#""Content-Type":"text/plain","X-Two":["a","b"]"#,
            "[Content-Type: text/plain, X-Two: a, X-Two: b, X-Key: k, ",
        ),
        (NO_AUTH, r#""User-Agent":"me""#, "["),
    ] {
        let task = HttpTask::new(config(connection));
        let mut trace = Trace::default();
        let parameters = parameters(&server, "/api?a=1", &format!(r#""Headers":{{{headers}}}"#));
        let outcome = task.call(&parameters, "us-east-1", Some(&mut trace), true).await;
        assert!(matches!(outcome, HttpOutcome::Answered(_)));
        let request = trace.request.expect("a request");
        assert_eq!(request.headers, format!("{expected}{own}"));
        assert_eq!((&*request.protocol, request.url.contains("/api?a=1")), ("http", true), "{request:?}");
        let response = trace.response.expect("an answer");
        assert!(response.headers.contains("x-one: 1"), "{response:?}");
        assert_eq!((&*response.protocol, &*response.status_message), ("http", "OK"));
    }
}

#[tokio::test]
async fn names_are_connected_to_at_the_address_that_was_checked() {
    // 127.0.0.1 stands for a public address here, 127.0.0.2 for one within; the name moves from one to the other.
    let public = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = public.local_addr().expect("an address").port();
    tokio::spawn(async move { while public.accept().await.is_ok() {} });
    let within = std::net::TcpListener::bind(("127.0.0.2", port)).expect("the port at the other address");
    within.set_nonblocking(true).expect("no waiting");
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = lookups.clone();
    let resolver = Resolver {
        lookup: Arc::new(move |_| {
            let host: IpAddr = match count.fetch_add(1, Ordering::SeqCst) {
                0 => [127, 0, 0, 1].into(),
                _ => [127, 0, 0, 2].into(),
            };
            Box::pin(async move { Ok(vec![SocketAddr::new(host, 0)]) })
        }),
        permits: |address| address == IpAddr::from([127, 0, 0, 1]),
        way_out: ALLOWED_NAME,
    };
    let task = HttpTask::with_resolver(config(NO_AUTH), resolver);
    let text = format!(
        r#"{{"ApiEndpoint":"https://moving.example:{port}/","Method":"GET","InvocationConfig":{{"ConnectionArn":"{ARN}"}}}}"#
    );
    let parameters = stepwell_json::parse(&text).expect("JSON");
    // The first connection reaches the permitted address, which speaks no TLS; it was looked up once.
    let first = call(&task, &parameters).await.expect_err("no TLS");
    assert_eq!(first.error, "States.TaskFailed");
    assert!(!first.cause.as_deref().unwrap_or_default().contains("may not"), "{first:?}");
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    let second = call(&task, &parameters).await.expect_err("another address");
    assert_eq!(second.error, "States.TaskFailed");
    let cause = second.cause.unwrap_or_default();
    assert!(cause.contains("127.0.0.2, which tasks may not connect to"), "{cause}");
    assert_eq!(lookups.load(Ordering::SeqCst), 2);
    let reached = within.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(reached, Err(std::io::ErrorKind::WouldBlock), "nobody came to the other address");
}
