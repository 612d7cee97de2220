//! Every optimized integration and each of its endings on the wire: what a task's parameters become, and what the task
//! makes of the answers. The cases in `wire/` are made by `xtask/aws-model/optimized_cases.py`, which has its requests from
//! botocore.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use common::{TestServer, parsed, text};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stepwell_aws_model::{Ending, all_optimized, botocore_version};
use stepwell_integrations::{LambdaConfig, aws::AwsConfig};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// The id that every answer carries.
const REQUEST_ID: &str = "request-1";
/// Cases that run at once.
const AT_ONCE: usize = 32;
/// How long one thing may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn cases() -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire");
    let mut cases = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let file: Value =
            serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        assert_eq!(file["botocore"], botocore_version());
        cases.extend(file["cases"].as_array().unwrap().clone());
    }
    cases
}

#[test]
fn every_ending_of_every_integration_has_its_cases() {
    let mut covered: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for case in cases() {
        let kind = ["result", "error", "submitted", "cancelled"]
            .into_iter()
            .find(|kind| case["outcome"].get(kind).is_some())
            .unwrap();
        // A job that ended badly has been looked at; a call that was refused has not.
        let is_bad_end = kind == "error" && case["outcome"]["error"] == "States.TaskFailed";
        covered.entry(text(&case["resource"])).or_default().insert(if is_bad_end { "bad end" } else { kind });
    }
    let mut missing = Vec::new();
    for row in all_optimized() {
        for ending in row.endings {
            let (suffix, mut kinds) = match ending {
                Ending::RequestResponse => ("", vec!["result", "error"]),
                Ending::WaitForTaskToken => (".waitForTaskToken", vec!["submitted"]),
                Ending::Sync => (".sync", vec!["result", "error"]),
            };
            if let (Ending::Sync, Some(job)) = (ending, &row.job) {
                kinds.extend((!job.bad.is_empty()).then_some("bad end"));
                kinds.extend(job.cancel.map(|_| "cancelled"));
            }
            let resource = format!("{}:{}{suffix}", row.service, row.action);
            let known = covered.get(&resource).cloned().unwrap_or_default();
            missing.extend(
                kinds
                    .into_iter()
                    .filter(|kind| !known.contains(kind))
                    .map(|kind| format!("{resource}: {kind}")),
            );
        }
    }
    assert!(missing.is_empty(), "no cases in tests/wire for\n{}", missing.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_say_what_botocore_says_and_make_of_answers_what_aws_does() {
    let wanted = std::env::var("WIRE_CASE").unwrap_or_default();
    let services = Arc::new(Services::default());
    let address = services.clone().listen().await;
    let aws = AwsConfig {
        endpoints: BTreeMap::from([("*".to_owned(), format!("http://{address}"))]),
        ..AwsConfig::default()
    };
    let lambda = LambdaConfig { endpoint: Some(format!("http://{address}")), ..LambdaConfig::default() };
    let settings = Settings { aws, lambda, ..Settings::default() };
    let server = Arc::new(TestServer::with(settings, Arc::new(MemoryStore::new())).await);
    let (mut failures, mut count) = (Vec::new(), 0);
    let mut running = JoinSet::new();
    for (number, case) in cases().into_iter().enumerate() {
        let name = format!("{} {}", text(&case["resource"]), text(&case["about"]));
        if !name.contains(&wanted) {
            continue;
        }
        count += 1;
        if running.len() >= AT_ONCE {
            failures.extend(running.join_next().await.unwrap().unwrap());
        }
        let (server, services) = (server.clone(), services.clone());
        running.spawn(async move {
            let problems = run(&server, &services, number, case).await;
            problems.into_iter().map(move |problem| format!("{name}: {problem}")).collect::<Vec<_>>()
        });
    }
    while let Some(problems) = running.join_next().await {
        failures.extend(problems.unwrap());
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{} problems in {count} cases:\n{}", failures.len(), failures.join("\n"));
}

/// Runs a case in an account of its own, by which the services tell it from the others. Gives what was wrong.
async fn run(server: &TestServer, services: &Services, number: usize, case: Value) -> Vec<String> {
    let account = format!("{:012}", number + 1);
    let client = Client { server, account: account.clone() };
    let resource = text(&case["resource"]);
    let definition = json!({"StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": case["parameters"], "End": true,
    }}});
    let request = json!({"name": "m", "definition": definition.to_string(), "roleArn": common::ROLE, "type": "STANDARD"});
    let machine = match client.call("CreateStateMachine", request).await {
        Ok(answer) => text(&answer["stateMachineArn"]),
        Err(refused) => return vec![format!("the definition was refused: {refused}")],
    };
    let execution = format!("{}:e", machine.replace(":stateMachine:", ":execution:"));
    let known = HashMap::from([
        ("@machine".to_owned(), machine.clone()),
        ("@execution".to_owned(), execution.clone()),
    ]);
    let script = services.add(&account, case["exchanges"].as_array().unwrap().clone(), known);
    client.call("StartExecution", json!({"stateMachineArn": machine, "name": "e"})).await.unwrap();
    let outcome = &case["outcome"];
    let mut problems = Vec::new();
    if outcome.get("cancelled").is_some() {
        // All but the last: that is the cancellation.
        let looked = script.wait_for(script.exchanges.len() - 1).await;
        client.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
        if !looked || !script.wait_for(script.exchanges.len()).await {
            problems.push("the job was not cancelled".to_owned());
        }
    } else {
        if let Some(expected) = outcome.get("submitted") {
            problems.extend(submitted(&client, &script, &execution, outcome, expected).await);
        }
        let ended = server.server.operations().wait_for_end(&execution);
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            problems.push("the execution did not end".to_owned());
        }
        let described = client.call("DescribeExecution", json!({"executionArn": execution})).await.unwrap();
        problems.extend(compare_end(outcome, &described));
    }
    let progress = script.progress.lock().unwrap();
    if progress.next < script.exchanges.len() {
        problems.push(format!("only {} of {} calls were made", progress.next, script.exchanges.len()));
    }
    problems.extend(progress.problems.iter().cloned());
    problems
}

/// Waits until the call that hands a token over is answered, and gives the token back with a result.
async fn submitted(
    client: &Client<'_>,
    script: &Script,
    execution: &str,
    outcome: &Value,
    expected: &Value,
) -> Vec<String> {
    script.wait_for(script.exchanges.len()).await;
    let token = script.progress.lock().unwrap().token.clone();
    let Some(token) = token else {
        client.call("StopExecution", json!({"executionArn": execution})).await.unwrap();
        return vec!["no token was sent".to_owned()];
    };
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let history =
                client.call("GetExecutionHistory", json!({"executionArn": execution})).await.unwrap();
            let events = history["events"].as_array().unwrap().clone();
            let submitted = events.iter().find(|event| event["type"] == "TaskSubmitted");
            if let Some(event) = submitted {
                return parsed(&event["taskSubmittedEventDetails"]["output"]);
            }
            let has_ended = events.iter().any(|event| event["type"] == "ExecutionFailed");
            if has_ended {
                return Value::Null;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let problems = compare_result("submitted", outcome, expected, found.await.unwrap_or_default());
    let answer = json!({"taskToken": token, "output": "{\"done\":true}"});
    if let Err(refused) = client.call("SendTaskSuccess", answer).await {
        return vec![format!("the token was refused: {refused}")];
    }
    problems
}

fn compare_end(outcome: &Value, described: &Value) -> Vec<String> {
    if let Some(error) = outcome.get("error") {
        if described["error"] != *error {
            let (found, cause) = (&described["error"], &described["cause"]);
            return vec![format!(
                "error {found} ({cause}, output {}) instead of {error}",
                described["output"]
            )];
        }
        let cause = described["cause"].as_str().unwrap_or_default();
        if let Some(expected) = outcome["cause"].get("json") {
            let found = serde_json::from_str(cause).unwrap_or_default();
            return compare_result("cause", outcome, expected, found);
        }
        let expected = text(&outcome["cause"]).replace("@request", REQUEST_ID);
        return if cause == expected { vec![] } else { vec![format!("cause {cause} instead of {expected}")] };
    }
    if described["status"] != "SUCCEEDED" {
        return vec![format!("{}: {} {}", described["status"], described["error"], described["cause"])];
    }
    let found = parsed(&described["output"]);
    match outcome.get("result") {
        Some(expected) => compare_result("result", outcome, expected, found),
        None => compare_result("result", &json!({}), &json!({"done": true}), found),
    }
}

fn compare_result(what: &str, outcome: &Value, expected: &Value, mut found: Value) -> Vec<String> {
    let mut problems = Vec::new();
    if outcome["has_metadata"] == true {
        let mut take =
            |name| found.as_object_mut().and_then(|members| members.remove(name)).unwrap_or_default();
        let (http, response) = (take("SdkHttpMetadata"), take("SdkResponseMetadata"));
        if http["HttpStatusCode"] != 200 || response != json!({"RequestId": REQUEST_ID}) {
            problems.push(format!("metadata {http} {response}"));
        }
    }
    if found != *expected {
        problems.push(format!("{what} {found} instead of {expected}"));
    }
    problems
}

/// The API of the server in one account.
struct Client<'a> {
    server: &'a TestServer,
    account: String,
}

impl Client<'_> {
    async fn call(&self, operation: &str, request: Value) -> Result<Value, Value> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0",
            self.account
        );
        let headers = [("authorization", authorization.as_str())];
        let (status, body) = self.server.client.raw(operation, request.to_string(), &headers).await;
        let body = serde_json::from_slice(&body).unwrap();
        if status == 200 { Ok(body) } else { Err(body) }
    }
}

/// All services, each account with its own script.
#[derive(Default)]
struct Services(Mutex<HashMap<String, Arc<Script>>>);

/// The calls that a case expects, in their order.
struct Script {
    exchanges: Vec<Value>,
    /// What the texts that start with `@` stand for.
    known: HashMap<String, String>,
    progress: Mutex<Progress>,
    answered: watch::Sender<usize>,
}

#[derive(Default)]
struct Progress {
    next: usize,
    token: Option<String>,
    problems: Vec<String>,
}

impl Script {
    /// Waits until so many of the calls were answered. Gives whether they were.
    async fn wait_for(&self, count: usize) -> bool {
        let mut answered = self.answered.subscribe();
        let wait = answered.wait_for(|answered| *answered >= count);
        tokio::time::timeout(PATIENCE, wait).await.is_ok()
    }

    /// Takes a call and gives its answer.
    fn take(&self, call: &Call) -> Value {
        let mut progress = self.progress.lock().unwrap();
        let mut index = progress.next;
        // What may be repeated is over when what comes after it is asked for.
        let repeated = index.checked_sub(1).and_then(|last| self.exchanges.get(last));
        if repeated
            .is_some_and(|exchange| exchange["repeats"] == true && self.problems(exchange, call).0.is_empty())
        {
            index -= 1;
        }
        let Some(exchange) = self.exchanges.get(index) else {
            progress.problems.push(format!("one call too many: {} {}", call.method, call.path));
            return json!({"status": 400, "headers": {}, "body": ""});
        };
        let (problems, token) = self.problems(exchange, call);
        let problems = problems.into_iter().map(|problem| format!("call {}: {problem}", index + 1));
        progress.problems.extend(problems);
        progress.token = token.or(progress.token.take());
        progress.next = index + 1;
        self.answered.send_replace(progress.next);
        exchange["answer"].clone()
    }

    /// What differs between a call and the one that is expected, and the token that it carries.
    fn problems(&self, exchange: &Value, call: &Call) -> (Vec<String>, Option<String>) {
        let request = &exchange["request"];
        let mut token = None;
        let mut problems = Vec::new();
        let mut expect = |what: &str, expected: &Value, found: &Value| {
            if !self.agree(expected, found, &mut token) {
                problems.push(format!("{what} {found} instead of {expected}"));
            }
        };
        expect("method", &request["method"], &json!(call.method));
        let wanted = text(&request["path"]);
        let (wanted, fixed) = wanted.split_once('?').unwrap_or((&wanted, ""));
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        expect("path", &json!(wanted), &json!(path));
        let mut queries: Vec<Value> =
            pairs(fixed).into_iter().map(|(key, value)| json!([key, value])).collect();
        queries.extend(request["query"].as_array().unwrap().clone());
        let found = pairs(query).into_iter().map(|(key, value)| json!([key, value])).collect::<Vec<_>>();
        queries.sort_by_key(Value::to_string);
        expect("query", &Value::Array(queries), &Value::Array(found));
        for (name, value) in request["headers"].as_object().unwrap() {
            let found = call.headers.get(name).cloned().unwrap_or_default();
            expect(name, value, &json!(found));
        }
        expect("signature for", &request["signed_for"], &json!(call.signed_for));
        let body = String::from_utf8_lossy(&call.body);
        if let Some(expected) = request.get("json") {
            expect("body", expected, &serde_json::from_str(&body).unwrap_or_else(|_| json!(body)));
        } else if let Some(expected) = request.get("form") {
            expect("form", expected, &json!(pairs(&body).into_iter().collect::<BTreeMap<_, _>>()));
        } else {
            expect("body", &request["text"], &json!(body));
        }
        (problems, token)
    }

    fn agree(&self, expected: &Value, found: &Value, token: &mut Option<String>) -> bool {
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                expected.len() == found.len()
                    && expected.iter().all(|(key, value)| {
                        found.get(key).is_some_and(|found| self.agree(value, found, token))
                    })
            }
            (Value::Array(expected), Value::Array(found)) => {
                expected.len() == found.len()
                    && expected.iter().zip(found).all(|(expected, found)| self.agree(expected, found, token))
            }
            (Value::String(expected), Value::String(found)) => {
                if let Some((before, after)) = expected.split_once("@token") {
                    let inner = found.strip_prefix(before).and_then(|found| found.strip_suffix(after));
                    *token = inner.filter(|inner| !inner.is_empty()).map(str::to_owned).or(token.take());
                    return inner.is_some_and(|inner| !inner.is_empty());
                }
                match expected.as_str() {
                    "@uuid" => is_uuid(found),
                    other => self.known.get(other).unwrap_or(expected) == found,
                }
            }
            _ => expected == found,
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A form or query string, decoded and in order.
fn pairs(encoded: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let (bytes, mut decoded, mut at) = (text.replace('+', " ").into_bytes(), Vec::new(), 0);
        while let Some(byte) = bytes.get(at) {
            let hex = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
            let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
            decoded.push(value.unwrap_or(*byte));
            at += if value.is_some() { 3 } else { 1 };
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let mut pairs: Vec<_> = encoded
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    pairs.sort();
    pairs
}

/// A request as it came.
struct Call {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    signed_for: String,
    body: Bytes,
}

impl Services {
    fn add(&self, account: &str, exchanges: Vec<Value>, known: HashMap<String, String>) -> Arc<Script> {
        let script = Arc::new(Script {
            exchanges,
            known,
            progress: Mutex::default(),
            answered: watch::Sender::new(0),
        });
        self.0.lock().unwrap().insert(account.to_owned(), script.clone());
        script
    }

    async fn listen(self: Arc<Self>) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let services = self.clone();
                let answer = service_fn(move |request| {
                    let services = services.clone();
                    async move { Ok::<_, Infallible>(services.answer(request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
        address
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let headers: HashMap<String, String> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let authorization = headers.get("authorization").cloned().unwrap_or_default();
        let scope: Vec<&str> = authorization
            .split_once("Credential=")
            .map_or(vec![], |(_, scope)| scope.split([',', '/']).take(4).collect());
        let &[account, _, _, signed_for] = scope.as_slice() else {
            return Response::builder().status(400).body(Full::default()).unwrap();
        };
        let call = Call {
            method: head.method.to_string(),
            path: head.uri.path_and_query().unwrap().to_string(),
            signed_for: signed_for.to_owned(),
            body: body.collect().await.unwrap().to_bytes(),
            headers,
        };
        let script = self.0.lock().unwrap().get(account).cloned();
        let answer =
            script.map_or(json!({"status": 400, "headers": {}, "body": ""}), |script| script.take(&call));
        let mut response = Response::builder()
            .status(u16::try_from(answer["status"].as_u64().unwrap()).unwrap())
            .header("x-amzn-requestid", REQUEST_ID);
        for (name, value) in answer["headers"].as_object().unwrap() {
            response = response.header(name, text(value));
        }
        response.body(Full::new(text(&answer["body"]).into())).unwrap()
    }
}
