//! Lambda Invoke APIs and plain addresses, good ones and broken ones.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{call, failure, invocation, json, lambda, member, outcome, request, with_endpoint};
use stepwell_integrations::{FunctionConfig, Invocation, InvocationKind, Outcome, TaskError, invoke_result};
use stepwell_json::Value;

/// What the server does with a connection's next request.
#[derive(Clone)]
enum Act {
    Answer(String),
    /// These bytes, then the connection is closed.
    Break(Vec<u8>),
    Hang,
}

/// A server in this process that does as told and keeps what it was sent.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (act, seen) = (act.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &act, &seen));
            }
        });
        Self { address, requests }
    }

    fn answering(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(Act::Answer(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )))
    }

    fn last_request(&self) -> String {
        self.requests.lock().unwrap().last().cloned().unwrap()
    }
}

fn serve(mut stream: TcpStream, act: &Act, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut text = String::new();
        let mut length = 0;
        loop {
            let start = text.len();
            if reader.read_line(&mut text).unwrap_or(0) == 0 {
                return;
            }
            let line = text[start..].trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        text.push_str(&String::from_utf8(body).unwrap());
        seen.lock().unwrap().push(text);
        match act {
            Act::Answer(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            Act::Break(bytes) => {
                let _ = stream.write_all(bytes);
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
            Act::Hang => std::thread::sleep(Duration::from_secs(600)),
        }
    }
}

fn at_endpoint(server: &Server) -> FunctionConfig {
    FunctionConfig { endpoint: Some(server.address.clone()), ..FunctionConfig::default() }
}

fn at_url(server: &Server, path: &str) -> FunctionConfig {
    FunctionConfig { url: Some(format!("{}{path}", server.address)), ..FunctionConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_sent_as_lambdas_invoke_has_it() {
    let server = Server::answering("200 OK", "X-Amz-Executed-Version: 7\r\nServer: test\r\n", r#"{"a": 1}"#);
    let lambda = with_endpoint([], Some(format!("{}/", server.address)));
    let mut full = request("arn:aws:lambda:eu-west-1:123456789012:function:ship:live", r#"{"b":2}"#);
    full.log_tail = true;
    full.client_context = Some("e30=".into());
    full.tenant_id = Some("blue".into());
    let result = invoke_result(lambda.invoke(invocation(full)).await).unwrap();
    assert_eq!(member(result.value(), "ExecutedVersion"), "7");
    assert_eq!(result.value().get("Payload"), Some(&json(r#"{"a":1}"#)));
    assert!(!result.text().contains("Server"), "only Lambda's own headers are shown");

    let sent = server.last_request();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"b":2}"#);
    assert!(
        head.starts_with("POST /2015-03-31/functions/ship/invocations?Qualifier=live HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_ascii_lowercase();
    for line in [
        "x-amz-invocation-type: requestresponse",
        "x-amz-log-type: tail",
        "x-amz-client-context: e30=",
        "x-amz-tenant-id: blue",
        "content-type: application/json",
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
    }
    assert!(
        head.contains("credential=123456789012/") && head.contains("/eu-west-1/lambda/aws4_request"),
        "{head}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_own_section_goes_before_the_common_endpoint() {
    let common = Server::answering("200 OK", "", "\"common\"");
    let own = Server::answering("200 OK", "", "\"own\"");
    let plain = Server::answering("200 OK", "", "\"plain\"");
    let renamed = FunctionConfig { name: Some("function".into()), ..at_endpoint(&own) };
    let sections = [("ship", renamed), ("ship:test", at_url(&plain, "/ship?x=1"))];
    let lambda = with_endpoint(sections, Some(common.address.clone()));
    assert_eq!(call(&lambda, "ship", "{}").await.unwrap(), "\"own\"");
    assert!(own.last_request().starts_with("POST /2015-03-31/functions/function/invocations HTTP"));
    assert_eq!(call(&lambda, "ship:live", "{}").await.unwrap(), "\"own\"");
    assert_eq!(call(&lambda, "ship:test", "[1]").await.unwrap(), "\"plain\"");
    let sent = plain.last_request();
    assert!(sent.starts_with("POST /ship?x=1 HTTP/1.1\r\n") && sent.ends_with("\r\n\r\n[1]"), "{sent}");
    assert_eq!(call(&lambda, "other", "{}").await.unwrap(), "\"common\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_nobody_knows_is_not_found() {
    let lambda = lambda([]);
    let (error, cause) = failure(&lambda, "ghost", "{}").await;
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    let start = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:ghost:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ";
    let id = cause.strip_prefix(start).and_then(|rest| rest.strip_suffix("; Proxy: null)"));
    assert_eq!(id.map(str::len), Some(36), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_lambdas_api_keep_their_names() {
    let modelled = |code: &str| format!("x-amzn-ErrorType: {code}\r\nx-amzn-RequestId: the-id\r\n");
    let cases = [
        (
            "404 Not Found",
            modelled("ResourceNotFoundException"),
            r#"{"Type":"User","Message":"Function not found: arn:x"}"#,
            "Lambda.ResourceNotFoundException",
            "Function not found: arn:x (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: the-id; Proxy: null)",
        ),
        (
            "404 Not Found",
            "x-amzn-requestid: the-id\r\n".into(),
            "no such page",
            "Lambda.ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: the-id; Proxy: null)",
        ),
        (
            "429 Too Many Requests",
            modelled("TooManyRequestsException:http://internal.amazon.com/"),
            r#"{"message":"Rate Exceeded."}"#,
            "Lambda.TooManyRequestsException",
            "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: the-id; Proxy: null)",
        ),
        (
            "500 Internal Server Error",
            modelled("ServiceException"),
            r#"{"Message":"An error"}"#,
            "Lambda.ServiceException",
            "An error (Service: AWSLambda; Status Code: 500; Error Code: ServiceException; Request ID: the-id; Proxy: null)",
        ),
        (
            "400 Bad Request",
            "x-amzn-requestid: the-id\r\n".into(),
            r#"{"__type":"com.amazonaws.lambda#ValidationException","message":"bad"}"#,
            "Lambda.AWSLambdaException",
            "bad (Service: AWSLambda; Status Code: 400; Error Code: ValidationException; Request ID: the-id; Proxy: null)",
        ),
        (
            "502 Bad Gateway",
            "x-amzn-requestid: the-id\r\n".into(),
            "<html>",
            "Lambda.AWSLambdaException",
            "Bad Gateway (Service: AWSLambda; Status Code: 502; Error Code: null; Request ID: the-id; Proxy: null)",
        ),
        (
            "302 Found",
            "Location: http://127.0.0.1:1/\r\nx-amzn-requestid: the-id\r\n".into(),
            "",
            "Lambda.AWSLambdaException",
            "Found (Service: AWSLambda; Status Code: 302; Error Code: null; Request ID: the-id; Proxy: null)",
        ),
    ];
    for (status, headers, body, error, cause) in cases {
        let server = Server::answering(status, &headers, body);
        let lambda = lambda([("f", at_endpoint(&server))]);
        assert_eq!(failure(&lambda, "f", "{}").await, (error.to_owned(), cause.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_whole_is_a_client_error() {
    // Nobody listens there, and nobody else can take it while the socket has it.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed = taken.local_addr().unwrap();
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this".to_vec();
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc".to_vec();
    let cases = [
        (format!("http://{closed}"), "Connect to 127.0.0.1:"),
        ("http://no-such-host.invalid:80".into(), "Connect to no-such-host.invalid:80 failed: "),
        (Server::start(Act::Break(Vec::new())).address, "failed to respond"),
        (Server::start(Act::Break(b"no http at all\r\n\r\n".to_vec())).address, "failed to respond"),
        (Server::start(Act::Break(cut)).address, "closed the connection before its answer was complete"),
        (Server::start(Act::Break(chunk)).address, "closed the connection before its answer was complete"),
    ];
    for (address, reason) in cases {
        for config in [
            FunctionConfig { endpoint: Some(address.clone()), ..FunctionConfig::default() },
            FunctionConfig { url: Some(address.clone()), ..FunctionConfig::default() },
        ] {
            let (error, cause) = failure(&lambda([("f", config)]), "f", "{}").await;
            assert_eq!(error, "Lambda.SdkClientException", "{cause}");
            assert!(
                cause.starts_with("Unable to execute HTTP request: ") && cause.contains(reason),
                "{cause}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_left_when_the_task_times_out_or_the_driver_is_shut_down() {
    let server = Server::start(Act::Hang);
    let lambda = Arc::new(lambda([("f", at_endpoint(&server)), ("u", at_url(&server, "/"))]));
    for function in ["f", "u"] {
        let limited =
            Invocation { timeout: Some(Duration::from_millis(200)), ..invocation(request(function, "{}")) };
        assert_eq!(lambda.invoke(limited).await, Outcome::Failed(TaskError::timeout()));
    }
    let running = tokio::spawn({
        let lambda = lambda.clone();
        async move { outcome(&lambda, "f", "{}").await }
    });
    common::eventually("the call has arrived", || server.requests.lock().unwrap().len() == 3).await;
    lambda.shutdown().await;
    assert_eq!(running.await.unwrap(), Outcome::Interrupted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_answer_is_not_read_to_its_end() {
    let body = format!("\"{}\"", "x".repeat(7_000_000));
    let server = Server::answering("200 OK", "Connection: close\r\n", &body);
    for config in [at_endpoint(&server), at_url(&server, "/")] {
        let (error, _) = failure(&lambda([("f", config)]), "f", "{}").await;
        assert_eq!(error, "Function.ResponseSizeTooLarge");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_at_an_endpoint_is_lambdas_to_accept() {
    let server = Server::answering("202 Accepted", "", "");
    let lambda = lambda([("f", at_endpoint(&server))]);
    let mut event = request("f", "{}");
    event.kind = InvocationKind::Event;
    let result = invoke_result(lambda.invoke(invocation(event)).await).unwrap();
    assert_eq!(result.value().get("StatusCode"), Some(&Value::from(202)));
    assert_eq!(result.value().get("ExecutedVersion"), None);
    assert!(server.last_request().to_ascii_lowercase().contains("\r\nx-amz-invocation-type: event\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_address_answers_with_a_result_or_an_error_document() {
    let document = r#"{"errorMessage":"none left","errorType":"OutOfStock"}"#;
    let unknown =
        "The cause could not be determined because Lambda did not return an error type. Returned payload: ";
    let marked = "X-Amz-Function-Error: Unhandled\r\n";
    let cases = [
        ("200 OK", "", r#"{"a": 1}"#, Ok(r#"{"a": 1}"#.to_owned())),
        ("201 Created", "", "made", Ok("\"made\"".to_owned())),
        ("204 No Content", "", "", Ok("\"\"".to_owned())),
        ("409 Conflict", "", document, Err(("OutOfStock", document.to_owned()))),
        ("200 OK", marked, document, Err(("OutOfStock", document.to_owned()))),
        ("200 OK", marked, "oh", Err(("Lambda.Unknown", format!("{unknown}oh")))),
        (
            "500 Internal Server Error",
            "",
            r#"{"errorMessage":"broken"}"#,
            Err(("Lambda.Unknown", format!(r#"{unknown}{{"errorMessage":"broken"}}"#))),
        ),
        (
            "503 Service Unavailable",
            "",
            "go \"away\"",
            Err((
                "Lambda.Unknown",
                format!(
                    r#"{unknown}{{"errorMessage":"ADDRESS/ship answered 503 Service Unavailable: go \"away\""}}"#
                ),
            )),
        ),
    ];
    for (status, headers, body, expected) in cases {
        let server = Server::answering(status, headers, body);
        let lambda = lambda([("ship", at_url(&server, "/ship"))]);
        let expected = expected.map_err(|(error, cause)| TaskError {
            error: error.into(),
            cause: Some(cause.replace("ADDRESS", &server.address)),
        });
        assert_eq!(call(&lambda, "ship", "{}").await, expected, "{status}");
    }
}
