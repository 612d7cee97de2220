//! Jobs: their names, the wait for their ends, their logs and their deletion.

use std::{sync::Mutex, time::Duration};

use super::*;

/// A Job as the API server shows it.
fn job(name: &str, uid: &str, annotation: &str, condition: &str) -> String {
    let conditions = match condition {
        "" => String::new(),
        condition => format!(r#","conditions":[{{"type":"{condition}","status":"True"}}]"#),
    };
    format!(
        r#"{{"kind":"Job","metadata":{{"name":"{name}","uid":"{uid}","annotations":{{"stepwell/task":"{annotation}"}}}},
            "spec":{{"selector":{{"matchLabels":{{"batch.kubernetes.io/controller-uid":"{uid}"}}}}}},"status":{{"active":1{conditions}}}}}"#
    )
}

/// The mark of the tasks with the seed `seed`.
const MARK: &str = "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b";

async fn start(kubernetes: &Kubernetes, rest: &str) -> Result<Value, TaskError> {
    let (aws, given) = (Aws::new(aws_config(false, false)), parameters(rest));
    result(kubernetes.work(&aws, caller("seed", None), &given).start_job().await)
}

async fn wait(kubernetes: &Kubernetes, rest: &str, submitted: &str) -> Result<Value, TaskError> {
    let (aws, given) = (Aws::new(aws_config(false, false)), parameters(rest));
    result(kubernetes.work(&aws, caller("seed", None), &given).wait_for_job(&parse(submitted)).await)
}

fn submitted(name: &str, uid: &str) -> String {
    format!(r#"{{"ResponseBody":{},"StatusCode":201,"StatusText":"Created"}}"#, job(name, uid, MARK, ""))
}

#[tokio::test]
async fn jobs_are_created_with_the_mark_of_their_task() {
    let long = "x".repeat(80);
    let derived = &MARK[..12];
    for (given, path, name) in [
        (r#""Job":{"metadata":{"name":"n"},"spec":{}}"#.to_owned(), "default", Some("n".to_owned())),
        (r#""Namespace":"","Job":{"metadata":{"name":"n"}}"#.to_owned(), "default", Some("n".to_owned())),
        (r#""Namespace":"a b","Job":{"metadata":{"name":"n"}}"#.to_owned(), "a%20b", Some("n".to_owned())),
        (r#""Job":"{\"metadata\":{\"name\":\"n\"}}""#.to_owned(), "default", Some("n".to_owned())),
        (r#""Job":{"metadata":{"generateName":"n-"}}"#.to_owned(), "default", Some(format!("n-{derived}"))),
        (
            format!(r#""Job":{{"metadata":{{"generateName":"{long}"}}}}"#),
            "default",
            Some(format!("{}{derived}", &long[..51])),
        ),
        (r#""Job":{"spec":{}}"#.to_owned(), "default", None),
    ] {
        let server = Server::start(|_, request| answer("201 Created", "", &request.body)).await;
        let result = start(&proxy(&server), &given).await.expect("a result");
        let requests = server.requests();
        assert_eq!(requests[0].line, format!("POST /apis/batch/v1/namespaces/{path}/jobs HTTP/1.1"));
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
        let sent = parse(&requests[0].body);
        let metadata = sent.get("metadata").expect("metadata");
        assert_eq!(metadata.get("name").and_then(Value::as_str), name.as_deref(), "{given}");
        let annotations = metadata.get("annotations").expect("annotations");
        assert_eq!(annotations.to_text(), format!(r#"{{"stepwell/task":"{MARK}"}}"#));
        assert_eq!(result.get("StatusCode").expect("a status").to_text(), "201");
        assert_eq!(result.get("ResponseBody").expect("the job").to_text(), sent.to_text());
    }
}

#[tokio::test]
async fn what_is_no_job_is_refused() {
    for (given, part) in [
        (r#""Job":7"#, "The Job can't be used: it is not an object"),
        (r#""Job":"[]""#, "The Job can't be used: it is not an object"),
        (r#""Job":"{""#, "The Job can't be used: "),
        (r#""Job":{},"LogOptions":{"Tail":1}"#, "The field 'Tail' is not supported"),
    ] {
        let server = Server::start(|_, _| answer("201 Created", "", "{}")).await;
        let error = start(&proxy(&server), given).await.expect_err(given);
        assert_eq!(error.error, "States.Runtime");
        assert!(error.cause.unwrap_or_default().contains(part), "{given}");
        assert_eq!(server.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_job_of_the_same_attempt_counts_as_created_and_another_does_not() {
    for (annotation, expected) in [(MARK, None), ("another", Some("EKS.409"))] {
        let server = Server::start(move |_, request| match request.line.split(' ').next() {
            Some("POST") => answer("409 Conflict", "", r#"{"reason":"AlreadyExists"}"#),
            _ => answer("200 OK", "", &job("n", "u", annotation, "")),
        })
        .await;
        let result = start(&proxy(&server), r#""Job":{"metadata":{"name":"n"}}"#).await;
        match (result, expected) {
            (Ok(result), None) => {
                assert_eq!(result.get("StatusCode").expect("a status").to_text(), "201");
                let uid = result.get("ResponseBody").and_then(|job| job.get("metadata")?.get("uid"));
                assert_eq!(uid.and_then(Value::as_str), Some("u"));
            }
            (Err(error), Some(name)) => {
                assert_eq!(error.error, name);
                assert!(error.cause.unwrap_or_default().contains("AlreadyExists"));
            }
            (result, _) => panic!("{annotation}: {result:?}"),
        }
        assert_eq!(server.requests()[1].line, "GET /apis/batch/v1/namespaces/default/jobs/n HTTP/1.1");
    }
}

const JOB: &str = r#""Job":{"metadata":{"name":"n"}}"#;

#[tokio::test]
async fn the_end_of_a_job_ends_the_wait() {
    for (looks, expected) in [
        (vec![("200 OK", job("n", "u", MARK, "Complete"))], Ok(())),
        (vec![("200 OK", job("n", "u", MARK, "")), ("200 OK", job("n", "u", MARK, "Complete"))], Ok(())),
        (
            vec![
                ("200 OK", job("n", "u", MARK, "SuccessCriteriaMet")),
                ("200 OK", job("n", "u", MARK, "Complete")),
            ],
            Ok(()),
        ),
        // Trouble of the server passes.
        (
            vec![("503 Service Unavailable", String::new()), ("200 OK", job("n", "u", MARK, "Complete"))],
            Ok(()),
        ),
        (vec![("200 OK", job("n", "u", MARK, "Failed"))], Err(("States.TaskFailed", r#""type":"Failed""#))),
        (vec![("404 Not Found", "{}".to_owned())], Err(("EKS.404", r#""StatusCode":404"#))),
        (
            vec![("200 OK", job("n", "v", MARK, "Complete"))],
            Err(("States.TaskFailed", "another one of that name")),
        ),
    ] {
        let count = looks.len();
        let answers = looks.clone();
        let server = Server::start(move |count, _| {
            let (status, body) = &answers[(count - 1).min(answers.len() - 1)];
            answer(status, "", body)
        })
        .await;
        let result = wait(&proxy(&server), JOB, &submitted("n", "u")).await;
        match (&result, expected) {
            (Ok(result), Ok(())) => {
                assert_eq!(result.to_text(), parse(&looks[count - 1].1).to_text(), "the job itself");
            }
            (Err(error), Err((name, part))) => {
                assert_eq!(error.error, name, "{error:?}");
                assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{error:?}");
            }
            _ => panic!("{looks:?}: {result:?}"),
        }
        assert_eq!(server.requests().len(), count);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_for_long_fails_the_task() {
    let mut kubernetes = kubernetes("endpoint = \"http://127.0.0.1:1\"", Path::new(""));
    kubernetes.near = (Duration::from_millis(1), Duration::from_millis(1));
    let error = wait(&kubernetes, JOB, &submitted("n", "u")).await.expect_err("gone");
    assert_eq!(error.error, "EKS.SdkClientException");
    assert!(error.cause.unwrap_or_default().contains("Connect to 127.0.0.1:1 failed"));
}

/// Two pods on two pages, the second with two containers.
fn pods(request: &str) -> Action {
    let pod = |name: &str, containers: &str| {
        format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"containers":[{containers}]}}}}"#)
    };
    let (page, next) = match request.contains("continue=") {
        false => (pod("a", r#"{"name":"one"}"#), "more"),
        true => (pod("b", r#"{"name":"one"},{"name":"two"}"#), ""),
    };
    answer("200 OK", "", &format!(r#"{{"metadata":{{"continue":"{next}"}},"items":[{page}]}}"#))
}

#[tokio::test]
async fn logs_stand_in_the_result_when_they_are_wanted() {
    let entry = |text: &str| format!(r#"{{"log":{text}}}"#);
    let error = r#"{"error":"EKS.400","cause":"{\"ResponseBody\":\"still waiting\",\"StatusCode\":400,\"StatusText\":\"Bad Request\"}"}"#;
    for (options, expected, query) in [
        (
            r#"{"RetrieveLogs":true}"#,
            [entry(r#"{"pi":3.14}"#), entry(r#""1\n2\n""#), error.to_owned()],
            "container=one",
        ),
        (
            r#"{"RetrieveLogs":true,"RawLogs":true,"LogParameters":{"tailLines":["6"],"container":["no"]}}"#,
            [entry(r#""{\"pi\": 3.14 }\n""#), entry(r#""1\n2\n""#), error.to_owned()],
            "container=one&tailLines=6",
        ),
    ] {
        let server = Server::start(|_, request| {
            let line = &*request.line;
            match () {
                () if line.contains("/jobs/") => answer("200 OK", "", &job("n", "u", MARK, "Complete")),
                () if line.contains("/pods?") => pods(line),
                () if line.contains("/a/log?container=one") => answer("200 OK", "", "{\"pi\": 3.14 }\n"),
                () if line.contains("/b/log?container=one") => answer("200 OK", "", "1\n2\n"),
                () => answer("400 Bad Request", "", "still waiting"),
            }
        })
        .await;
        let given = format!("{JOB},\"LogOptions\":{options}");
        let result = wait(&proxy(&server), &given, &submitted("n", "u")).await.expect("a result");
        let [one, two, three] = expected;
        assert_eq!(
            result.get("logs").expect("logs").to_text(),
            format!(
                r#"{{"pods":{{"a":{{"containers":{{"one":{one}}}}},"b":{{"containers":{{"one":{two},"two":{three}}}}}}}}}"#
            )
        );
        let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
        let selector = "labelSelector=batch.kubernetes.io%2Fcontroller-uid%3Du";
        assert_eq!(lines[1], format!("GET /api/v1/namespaces/default/pods?{selector}&limit=50 HTTP/1.1"));
        assert_eq!(lines[2], format!("GET /api/v1/namespaces/default/pods/a/log?{query} HTTP/1.1"));
    }
    let server = Server::start(|_, _| answer("200 OK", "", &job("n", "u", MARK, "Complete"))).await;
    let given = format!("{JOB},\"LogOptions\":{{\"RetrieveLogs\":false}}");
    let result = wait(&proxy(&server), &given, &submitted("n", "u")).await.expect("a result");
    assert!(result.get("logs").is_none());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn logs_that_no_result_can_hold_fail_the_task_but_don_t_hide_a_failure() {
    let long = "x".repeat(150_000);
    for (condition, error, part) in [
        ("Complete", "States.DataLimitExceeded", "The state/task 'eks'"),
        ("Failed", "States.TaskFailed", r#""type":"Failed""#),
    ] {
        let (body, log) = (job("n", "u", MARK, condition), long.clone());
        let server = Server::start(move |_, request| {
            let line = &*request.line;
            match () {
                () if line.contains("/jobs/") => answer("200 OK", "", &body),
                () if line.contains("/pods?") => pods(line),
                () => answer("200 OK", "", &log),
            }
        })
        .await;
        let given = format!("{JOB},\"LogOptions\":{{\"RetrieveLogs\":true}}");
        let found = wait(&proxy(&server), &given, &submitted("n", "u")).await.expect_err(condition);
        assert_eq!(found.error, error, "{found:?}");
        assert!(found.cause.unwrap_or_default().contains(part));
        let logs = server.requests().iter().filter(|request| request.line.contains("/log?")).count();
        assert_eq!(logs, 2, "the third is not asked for");
    }
}

#[tokio::test]
async fn pods_that_can_t_be_listed_are_an_error_in_the_place_of_the_logs() {
    let server = Server::start(|_, request| match request.line.contains("/jobs/") {
        true => answer("200 OK", "", &job("n", "u", MARK, "Complete")),
        false => answer("403 Forbidden", "", "no"),
    })
    .await;
    let given = format!("{JOB},\"LogOptions\":{{\"RetrieveLogs\":true}}");
    let result = wait(&proxy(&server), &given, &submitted("n", "u")).await.expect("a result");
    assert_eq!(result.get("logs").and_then(|logs| logs.get("error")?.as_str()), Some("EKS.403"));
}

#[tokio::test]
async fn a_job_is_deleted_with_its_pods_and_no_other_of_its_name() {
    for (status, is_done) in [
        ("200 OK", true),
        ("202 Accepted", true),
        ("404 Not Found", true),
        ("409 Conflict", true),
        // Nothing more can be done; the log tells of it.
        ("403 Forbidden", true),
    ] {
        let server = Server::start(move |_, _| answer(status, "", "{}")).await;
        let kubernetes = proxy(&server);
        let (aws, given) = (Aws::new(aws_config(false, false)), parameters(JOB));
        let work = kubernetes.work(&aws, caller("seed", None), &given);
        assert_eq!(work.delete_job(&parse(&submitted("n", "u"))).await, is_done, "{status}");
        let requests = server.requests();
        assert_eq!(requests[0].line, "DELETE /apis/batch/v1/namespaces/default/jobs/n HTTP/1.1");
        assert_eq!(
            requests[0].body,
            r#"{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background","preconditions":{"uid":"u"}}"#
        );
    }
}

#[tokio::test]
async fn a_stopping_server_records_nothing_and_deletes_nothing() {
    let server = Server::start(|_, _| answer("200 OK", "", &job("n", "u", MARK, ""))).await;
    let kubernetes = proxy(&server);
    let (aws, given) = (Aws::new(aws_config(false, false)), parameters(JOB));
    let work = kubernetes.work(&aws, caller("seed", None), &given);
    let created = parse(&submitted("n", "u"));
    let (outcome, ()) = tokio::join!(work.wait_for_job(&created), async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        kubernetes.shutdown();
    });
    assert!(matches!(outcome, JobOutcome::Interrupted));
    let seen = server.requests().len();
    assert!(!work.delete_job(&created).await, "a restart does it");
    assert_eq!(server.requests().len(), seen);
}

#[tokio::test]
async fn jobs_may_be_written_in_yaml() {
    static READ: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let server = Server::start(|_, request| answer("201 Created", "", &request.body)).await;
    let mut config = config(&format!("endpoint = \"{}\"", server.url("")), Path::new(""));
    config.yaml = Some(|text| {
        READ.lock().expect("no panic").push(text.to_owned());
        Ok(r#"{"metadata":{"name":"n"}}"#.to_owned())
    });
    let kubernetes = Kubernetes::new(config, &aws_config(false, false));
    start(&kubernetes, r#""Job":"metadata:\n  name: n\n""#).await.expect("a result");
    assert_eq!(*READ.lock().expect("no panic"), ["metadata:\n  name: n\n"]);
    assert!(server.requests()[0].body.contains(r#""name":"n""#));
}
