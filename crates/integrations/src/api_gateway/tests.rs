//! `apigateway:invoke` against a server in this process.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use stepwell_json::Value;

use super::ApiGateway;
use crate::{
    address,
    aws::{Aws, AwsConfig, AwsSection, Caller, JobOutcome, RoleSection},
    http_client::{Certificates, HttpClient, Resolver},
    lambda::TaskError,
    testing::{Action, Authority, Server, answer, server_tls},
};

const HOST: &str = "abc.execute-api.eu-west-1.amazonaws.com";

fn keys(id: &str) -> RoleSection {
    RoleSection { access_key_id: id.into(), secret_access_key: "secret".into(), session_token: None }
}

fn config(endpoints: &[(&str, &str)], allow: bool) -> AwsConfig {
    AwsConfig {
        endpoints: endpoints.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect(),
        section: AwsSection {
            allow,
            roles: [("arn:aws:iam::123456789012:role/r".to_owned(), keys("ROLEKEY"))].into(),
        },
        environment_credentials: Some(keys("OWNKEY")),
        integrations: [(
            "apigateway".to_owned(),
            crate::aws::AwsIntegration { timeout_seconds: 1, ..Default::default() },
        )]
        .into(),
    }
}

fn caller(role: Option<&str>) -> Caller<'_> {
    Caller {
        region: "us-east-1",
        account: "123456789012",
        execution_arn: "e",
        state_machine_arn: "m",
        token_seed: "seed",
        role,
    }
}

fn parameters(rest: &str) -> Value {
    let method = if rest.contains("\"Method\"") { "" } else { r#","Method":"POST""# };
    let endpoint =
        if rest.contains("\"ApiEndpoint\"") { String::new() } else { format!(r#""ApiEndpoint":"{HOST}""#) };
    let text = format!("{{{endpoint}{method},{rest}}}").replace("{,", "{").replace(",}", "}");
    stepwell_json::parse(&text).expect(&text)
}

async fn call_with(
    gateway: &ApiGateway,
    config: AwsConfig,
    role: Option<&str>,
    rest: &str,
) -> Result<Value, TaskError> {
    match gateway.call(&Aws::new(config), &caller(role), &parameters(rest)).await {
        JobOutcome::Done(result) => Ok(result),
        JobOutcome::Failed(error) => Err(error),
        JobOutcome::Interrupted => panic!("interrupted"),
    }
}

/// Calls the server in the place of API Gateway.
async fn call(server: &Server, rest: &str) -> Result<Value, TaskError> {
    let config = config(&[("execute-api", &server.url(""))], false);
    call_with(&ApiGateway::new(&config, &[]), config.clone(), None, rest).await
}

#[tokio::test]
async fn requests_are_what_the_parameters_come_to() {
    let json = ("content-type", Some("application/json"));
    let none = ("content-type", None);
    for (rest, line, header, body) in [
        (r#""Method":"GET""#, "GET /", none, ""),
        (r#""Method":"GET","RequestBody":{}"#, "GET /", none, ""),
        (r#""Method":"DELETE","Stage":"prod","Path":"bills/1""#, "DELETE /prod/bills/1", none, ""),
        (r#""Method":"OPTIONS","Path":"/bills/""#, "OPTIONS /bills/", none, ""),
        (
            r#""Stage":"/prod","Path":"/@connections/A b=?x#ä""#,
            "POST /prod/@connections/A%20b=%3Fx%23%C3%A4",
            none,
            "",
        ),
        (r#""Path":"a%20b","RequestBody":{"a":[1,null]}"#, "POST /a%20b", json, r#"{"a":[1,null]}"#),
        (
            r#""Path":"a","QueryParameters":{"q":["1","ä b"],"r":[2]}"#,
            "POST /a?q=1&q=%C3%A4%20b&r=2",
            none,
            "",
        ),
        (r#""RequestBody":"text""#, "POST /", json, "text"),
        (
            r#""Method":"PUT","RequestBody":{"a":null,"b":{"c":null,"d":[{"e":null}]}}"#,
            "PUT /",
            json,
            r#"{"b":{"d":[{}]}}"#,
        ),
        (
            r#""Method":"PATCH","RequestBody":{"a":null},"AllowNullValues":true"#,
            "PATCH /",
            json,
            r#"{"a":null}"#,
        ),
        (
            r#""RequestBody":[1],"Headers":{"Content-Type":["text/plain"]}"#,
            "POST /",
            ("content-type", Some("text/plain")),
            "[1]",
        ),
        (r#""Headers":{"TaskToken":["t"]}"#, "POST /", ("tasktoken", Some("t")), ""),
        (r#""Headers":{"User-Agent":["me"]}"#, "POST /", ("user-agent", Some("me")), ""),
        (r#""Headers":{"X":[]}"#, "POST /", ("x", None), ""),
        // API Gateway is spoken to by its name.
        (r#""Method":"GET""#, "GET /", ("host", Some(HOST)), ""),
        (r#""Method":"GET","AuthType":"NO_AUTH""#, "GET /", ("authorization", None), ""),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let result = call(&server, rest).await;
        assert!(result.is_ok(), "{rest}: {result:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{rest}");
        assert_eq!(requests[0].line, format!("{line} HTTP/1.1"), "{rest}");
        assert_eq!(requests[0].header(header.0), header.1, "{rest}");
        assert_eq!(requests[0].body, body, "{rest}");
    }
}

#[tokio::test]
async fn several_values_of_a_header_are_sent_one_after_the_other() {
    let server = Server::start(|_, _| answer("200 OK", "", "")).await;
    assert!(call(&server, r#""Headers":{"X-A":["b","c"]}"#).await.is_ok());
    let requests = server.requests();
    let values = requests[0].headers.iter().filter(|(name, _)| name == "x-a");
    assert_eq!(values.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_without_a_request() {
    let mut cases: Vec<(String, String)> = [
        (r#""Headers":{"A":"b"}"#, "[The value of the field 'Headers' has an invalid format]"),
        (r#""QueryParameters":[]"#, "[The value of the field 'QueryParameters' has an invalid format]"),
        (r#""Method":"TRACE""#, "[The value of the field 'Method' has an invalid format]"),
        (r#""AuthType":"IAM_AUTH""#, "[The value of the field 'AuthType' has an invalid format]"),
        (r#""Timeout":1"#, "[The field 'Timeout' is not supported by Step Functions]"),
        (r#""ApiEndpoint":"http://a""#, "is not the name of a host"),
        (r#""ApiEndpoint":"a/b""#, "is not the name of a host"),
        (r#""ApiEndpoint":"user@a""#, "is not the name of a host"),
        (r#""Headers":{"a b":["c"]}"#, "The HTTP header 'a b' is not supported"),
        (r#""Headers":{"A":["b\r\nC: d"]}"#, "The value of the HTTP header 'a' can't be sent"),
    ]
    .map(|(rest, part)| (rest.to_owned(), part.to_owned()))
    .into();
    for name in [
        "Authorization",
        "Connection",
        "Content-md5",
        "Expect",
        "Host",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Server",
        "TE",
        "Transfer-Encoding",
        "Trailer",
        "Upgrade",
        "Via",
        "Www-Authenticate",
        "X-Forwarded-For",
        "X-Amz-Date",
        "x-amzn-trace-id",
    ] {
        let rest = format!(r#""Headers":{{"{name}":["x"]}}"#);
        cases.push((rest, format!("[The HTTP header '{name}' is not supported]")));
    }
    for (rest, part) in cases {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let error = call(&server, &rest).await.expect_err(&rest);
        assert_eq!(error.error, "States.Runtime", "{rest}");
        assert!(error.cause.as_deref().unwrap_or_default().contains(&part), "{rest}: {error:?}");
        assert_eq!(server.requests().len(), 0, "{rest}");
    }
}

#[tokio::test]
async fn answers_are_results_or_errors() {
    let big = "x".repeat(super::ANSWER_MAX_BYTES + 1);
    for (status, headers, body, expected) in [
        ("200 OK", "", r#"{"a":1}"#, Ok(r#"{"a":1}"#)),
        ("201 Created", "content-type: text/plain\r\n", "7", Ok("7")),
        ("200 OK", "", "no json", Ok(r#""no json""#)),
        ("204 No Content", "", "", Ok(r#""""#)),
        ("403 Forbidden", "", r#"{"message":"Missing Authentication Token"}"#, Err("ApiGateway.403")),
        ("302 Found", "location: http://169.254.169.254/\r\n", "", Err("ApiGateway.302")),
        ("500 Internal Server Error", "", "down", Err("ApiGateway.500")),
        ("200 OK", "", &big, Err("States.DataLimitExceeded")),
    ] {
        let (text, fields, content) = (status.to_owned(), headers.to_owned(), body.to_owned());
        let server = Server::start(move |_, _| answer(&text, &fields, &content)).await;
        let result = call(&server, r#""Path":"p""#).await;
        match (&result, expected) {
            (Ok(result), Ok(body)) => {
                let member = |name| result.get(name).expect("a member").to_text();
                assert_eq!(member("ResponseBody"), body, "{status}");
                assert_eq!(member("StatusCode"), status[..3], "{status}");
                assert_eq!(member("StatusText"), format!("{:?}", &status[4..]), "{status}");
            }
            (Err(error), Err(name)) => {
                assert_eq!(error.error, name, "{error:?}");
                if name.starts_with("ApiGateway") {
                    assert_eq!(error.cause.as_deref().unwrap_or_default(), body, "the cause is the body");
                }
            }
            _ => panic!("{status}: {result:?}"),
        }
        assert_eq!(server.requests().len(), 1, "nothing is followed or repeated: {status}");
    }
}

#[tokio::test]
async fn headers_of_answers_are_written_as_servers_do() {
    let headers = "x-amz-apigw-id: a\r\nx-amzn-requestid: r\r\nx-tenant-id: t\r\nx-list: 1\r\nx-list: 2\r\n";
    let server = Server::start(move |_, _| answer("200 OK", headers, "")).await;
    let result = call(&server, r#""Path":"p""#).await.expect("a result");
    assert_eq!(
        result.get("Headers").expect("headers").to_text(),
        r#"{"Content-Length":["0"],"Connection":["close"],"x-amz-apigw-id":["a"],"x-amzn-RequestId":["r"],"X-Tenant-Id":["t"],"X-List":["1","2"]}"#
    );
}

#[tokio::test]
async fn without_a_status_the_error_names_the_exception() {
    for (action, part) in [
        (0, "Unable to execute HTTP request: Read timed out"),
        (1, "failed to respond"),
        (2, "before its answer was complete"),
    ] {
        let server = Server::start(move |_, _| match action {
            0 => Action::Hang,
            1 => Action::Close,
            _ => Action::Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".into()),
        })
        .await;
        let error = call(&server, r#""Path":"p""#).await.expect_err(part);
        assert_eq!(error.error, "ApiGateway.SdkClientException", "{error:?}");
        assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{error:?}");
    }
}

#[tokio::test]
async fn signed_requests_say_who_calls() {
    let role = "arn:aws:iam::123456789012:role/r";
    for (auth, role, key) in [
        ("IAM_ROLE", None, "OWNKEY"),
        ("IAM_ROLE", Some(role), "ROLEKEY"),
        ("RESOURCE_POLICY", None, "OWNKEY"),
        // Where there is no STS, a role stands for its account.
        ("IAM_ROLE", Some("arn:aws:iam::210987654321:role/x"), "210987654321"),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let config = config(&[("execute-api", &server.url(""))], false);
        let gateway = ApiGateway::new(&config, &[]);
        let rest = format!(r#""AuthType":"{auth}","Headers":{{"X-A":["b"]}},"RequestBody":{{}}"#);
        call_with(&gateway, config, role, &rest).await.expect("a result");
        let requests = server.requests();
        let authorization = requests[0].header("authorization").expect("a signature");
        assert!(authorization.contains(&format!("Credential={key}/")), "{authorization}");
        assert!(authorization.contains("/eu-west-1/execute-api/aws4_request"), "{authorization}");
        assert!(authorization.contains("SignedHeaders=content-type;host;x-a;x-amz-date,"), "{authorization}");
    }
}

#[tokio::test]
async fn the_endpoint_is_found_by_any_of_its_names() {
    for name in ["execute-api", "apigateway", "*"] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let config = config(&[(name, &server.url("/base/"))], false);
        let gateway = ApiGateway::new(&config, &[]);
        call_with(&gateway, config, None, r#""Path":"p","ApiEndpoint":"169.254.169.254""#)
            .await
            .expect("what the parameters say does not count");
        assert_eq!(server.requests()[0].line, "POST /base/p HTTP/1.1", "{name}");
    }
}

#[tokio::test]
async fn without_an_endpoint_only_apis_of_aws_are_called_and_only_if_they_may() {
    for (host, allow_aws, allow, error, part) in [
        (
            HOST,
            false,
            None,
            "ApiGateway.SdkClientException",
            "--service-endpoint execute-api=http://HOST:PORT",
        ),
        ("api.example.com", true, None, "States.TaskFailed", "is no API of API Gateway"),
        (
            "a.execute-api.eu-west-1.amazonaws.com.evil.com",
            true,
            None,
            "States.TaskFailed",
            "is no API of API Gateway",
        ),
        ("169.254.169.254", true, None, "States.TaskFailed", "the address is not a public one"),
        ("127.0.0.1:8083", true, None, "States.TaskFailed", "the address is not a public one"),
        ("[::1]", true, None, "States.TaskFailed", "the address is not a public one"),
        ("0x7f.1", true, None, "States.Runtime", "it is an address in an unusual form"),
        // An exception is called with https, which nobody speaks at this port.
        (
            "127.0.0.1:1",
            false,
            Some("127.0.0.1:1"),
            "ApiGateway.SdkClientException",
            "Connect to 127.0.0.1:1 failed",
        ),
    ] {
        let allow: Vec<String> = allow.into_iter().map(str::to_owned).collect();
        let config = config(&[], allow_aws);
        let gateway = ApiGateway::new(&config, &allow);
        let rest = format!(r#""ApiEndpoint":"{host}""#);
        let found = call_with(&gateway, config, None, &rest).await.expect_err(host);
        assert_eq!(found.error, error, "{host}: {found:?}");
        assert!(found.cause.as_deref().unwrap_or_default().contains(part), "{host}: {found:?}");
    }
}

/// A client whose names all lead to `address`; only `permits` are connected to.
fn client(address: SocketAddr, authority: &Authority, permits: fn(IpAddr) -> bool) -> HttpClient {
    let resolver = Resolver {
        lookup: Arc::new(move |_| Box::pin(async move { Ok(vec![address]) })),
        permits,
        way_out: address::ALLOWED_NAME,
    };
    let certificates = Certificates { authorities: Some(authority.pem.clone().into_bytes()), client: None };
    HttpClient::with_tls(resolver, certificates.tls_config().expect("an authority"), 1)
}

#[tokio::test]
async fn apis_of_aws_are_called_with_https_at_the_address_that_was_checked() {
    let authority = Authority::new();
    let identity = authority.certify(&[HOST]);
    let server = Server::start_tls(server_tls(&identity, None), |_, _| answer("200 OK", "", "1")).await;
    let config = config(&[], true);
    let mut gateway = ApiGateway::new(&config, &[]);
    gateway.guarded = client(server.address, &authority, |_| true);
    let result = call_with(&gateway, config.clone(), None, r#""Path":"p","AuthType":"IAM_ROLE""#).await;
    assert_eq!(result.expect("a result").get("ResponseBody").expect("a body").to_text(), "1");
    assert!(server.requests()[0].header("authorization").expect("a signature").contains("OWNKEY"));
    // The same name, as if it led within.
    gateway.guarded = client(server.address, &authority, address::is_public);
    let error = call_with(&gateway, config, None, r#""Path":"p""#).await.expect_err("within");
    assert_eq!(error.error, "ApiGateway.SdkClientException");
    let cause = error.cause.unwrap_or_default();
    assert!(cause.contains("127.0.0.1, which tasks may not connect to unless allow under [http]"), "{cause}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_stopping_server_records_nothing() {
    let server = Server::start(|_, _| Action::Hang).await;
    let config = config(&[("execute-api", &server.url(""))], false);
    let gateway = ApiGateway::new(&config, &[]);
    let aws = Aws::new(config);
    let (given, caller) = (parameters(r#""Path":"p""#), caller(None));
    let (outcome, ()) = tokio::join!(gateway.call(&aws, &caller, &given), async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        gateway.shutdown();
    });
    assert!(matches!(outcome, JobOutcome::Interrupted));
}
