//! `eks:call` and `eks:runJob` of executions, against an API server in this process: results, restarts, cancellation.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Barrier, Mutex},
    time::Duration,
};

use common::{
    TestServer,
    fake::{self, Answer, Request},
    open_store, parsed, types, until,
};
use serde_json::{Value, json};
use stepwell_integrations::kubernetes::{ClusterSection, KubernetesConfig};
use stepwell_server::Settings;
use stepwell_store::MemoryStore;

/// The jobs of a cluster, and what was asked of it.
#[derive(Default)]
struct Cluster {
    jobs: BTreeMap<String, Value>,
    requests: Vec<(String, String)>,
    /// Jobs are made, but nobody is told.
    is_mute: bool,
    /// Jobs are not even made.
    is_deaf: bool,
    /// Where answers wait for the test.
    gate: Option<Arc<Barrier>>,
}

type Shared = Arc<Mutex<Cluster>>;

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

impl Cluster {
    fn answer(&mut self, request: &Request) -> Answer {
        self.requests.push((request.method.clone(), request.path.clone()));
        let name = request.path.strip_prefix(JOBS)?.trim_start_matches('/').to_owned();
        match &*request.method {
            "POST" if self.is_deaf => None,
            "POST" => {
                let mut job: Value = serde_json::from_str(&request.body).unwrap();
                let name = job["metadata"]["name"].as_str().unwrap().to_owned();
                if self.jobs.contains_key(&name) {
                    return Some(("409 Conflict", json!({"reason": "AlreadyExists"}).to_string()));
                }
                job["metadata"]["uid"] = json!(format!("uid-{}", self.requests.len()));
                job["status"] = json!({});
                self.jobs.insert(name, job.clone());
                (!self.is_mute).then(|| ("201 Created", job.to_string()))
            }
            "DELETE" => match self.jobs.remove(&name) {
                Some(job) => {
                    let options: Value = serde_json::from_str(&request.body).unwrap();
                    assert_eq!(options["preconditions"]["uid"], job["metadata"]["uid"]);
                    Some(("200 OK", "{}".to_owned()))
                }
                None => Some(("404 Not Found", "{}".to_owned())),
            },
            _ if name.is_empty() => Some(("200 OK", json!({"items": []}).to_string())),
            _ => Some(match self.jobs.get(&name) {
                Some(job) => ("200 OK", job.to_string()),
                None => ("404 Not Found", "{}".to_owned()),
            }),
        }
    }

    fn count(&self, method: &str) -> usize {
        self.requests.iter().filter(|(found, _)| found == method).count()
    }
}

/// Ends every job that there is.
fn end_jobs(cluster: &Shared, condition: &str) {
    for job in cluster.lock().unwrap().jobs.values_mut() {
        job["status"] = json!({"conditions": [{"type": condition, "status": "True"}]});
    }
}

/// A cluster and the settings that lead to it.
async fn cluster() -> (Shared, Settings) {
    let cluster = Shared::default();
    let shared = cluster.clone();
    let address = fake::start(move |request| {
        let (answer, gate) = {
            let mut cluster = shared.lock().unwrap();
            (cluster.answer(&request), cluster.gate.clone())
        };
        if let Some(gate) = gate {
            tokio::task::block_in_place(|| gate.wait());
        }
        answer
    });
    let address = address.await;
    let section = ClusterSection { endpoint: Some(format!("http://{address}")), ..ClusterSection::default() };
    let resolved = section.resolve("c", Path::new(""), &|_| None).unwrap();
    let kubernetes = KubernetesConfig { clusters: [("c".to_owned(), resolved)].into(), yaml: None };
    (cluster, Settings { kubernetes, ..Settings::default() })
}

fn machine(action: &str, more: Value) -> Value {
    let mut parameters = json!({"ClusterName": "c", "CertificateAuthority": "x", "Endpoint": "https://x"});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"StartAt": "K", "States": {"K": {
        "Type": "Task", "Resource": format!("arn:aws:states:::eks:{action}"), "Parameters": parameters, "End": true
    }}})
}

fn job(action: &str) -> Value {
    machine(action, json!({"Job": {"metadata": {"generateName": "work-"}}}))
}

async fn open(directory: &Path, settings: &Settings) -> TestServer {
    TestServer::with(settings.clone(), open_store(directory).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_s_end_is_the_end_of_its_task() {
    let (cluster, settings) = cluster().await;
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let arn = server.machine("m", job("runJob.sync")).await;
    for (condition, error) in [("Complete", None), ("Failed", Some("States.TaskFailed"))] {
        cluster.lock().unwrap().jobs.clear();
        let execution = server.start_execution(&arn, json!({})).await;
        until(|| !cluster.lock().unwrap().jobs.is_empty()).await;
        end_jobs(&cluster, condition);
        let end = server.end(&execution).await;
        assert_eq!(end["error"].as_str(), error, "{end}");
        let shown = if error.is_some() { &end["cause"] } else { &end["output"] };
        let shown = parsed(shown);
        assert!(shown["metadata"]["name"].as_str().unwrap().starts_with("work-"), "{shown}");
        assert_eq!(shown["status"]["conditions"][0]["type"], condition);
        let history = server.history(&execution).await;
        let last = if error.is_some() { "TaskFailed" } else { "TaskSucceeded" };
        assert_eq!(types(&history)[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", last]);
        let scheduled = &history[2]["taskScheduledEventDetails"];
        assert_eq!(
            (&scheduled["resourceType"], &scheduled["resource"]),
            (&json!("eks"), &json!("runJob.sync"))
        );
        // What was added to the job does not show.
        assert_eq!(parsed(&scheduled["parameters"])["Job"], json!({"metadata": {"generateName": "work-"}}));
        let submitted = parsed(&history[4]["taskSubmittedEventDetails"]["output"]);
        assert_eq!((&submitted["StatusCode"], &submitted["StatusText"]), (&json!(201), &json!("Created")));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_waiting_the_answer_of_the_api_server_is_the_result() {
    let (cluster, settings) = cluster().await;
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let get = json!({"Method": "GET", "Path": JOBS});
    for (name, definition, status) in
        [("started", job("runJob"), 201), ("called", machine("call", get.clone()), 200)]
    {
        let arn = server.machine(name, definition).await;
        let execution = server.start_execution(&arn, json!({})).await;
        let end = server.end(&execution).await;
        assert_eq!(parsed(&end["output"])["StatusCode"], status, "{end}");
    }
    let missing = machine("call", json!({"Method": "GET", "Path": format!("{JOBS}/none")}));
    let arn = server.machine("missing", missing).await;
    let end = server.end(&server.start_execution(&arn, json!({})).await).await;
    assert_eq!((&end["error"], &end["status"]), (&json!("EKS.404"), &json!("FAILED")));
    assert_eq!(cluster.lock().unwrap().count("POST"), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_goes_on_with_the_same_job() {
    let directory = tempfile::tempdir().unwrap();
    let (cluster, settings) = cluster().await;
    let server = open(directory.path(), &settings).await;
    let arn = server.machine("m", job("runJob.sync")).await;
    let execution = server.start_execution(&arn, json!({})).await;
    // It has looked at the job, so the job is in the store.
    until(|| cluster.lock().unwrap().count("GET") > 0).await;
    server.stop().await;
    end_jobs(&cluster, "Complete");

    let server = open(directory.path(), &settings).await;
    assert_eq!(server.end(&execution).await["status"], "SUCCEEDED");
    assert_eq!(cluster.lock().unwrap().count("POST"), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_creation_was_cut_off_is_met_again() {
    let directory = tempfile::tempdir().unwrap();
    let (cluster, settings) = cluster().await;
    cluster.lock().unwrap().is_mute = true;
    let server = open(directory.path(), &settings).await;
    let arn = server.machine("m", job("runJob.sync")).await;
    let execution = server.start_execution(&arn, json!({})).await;
    until(|| !cluster.lock().unwrap().jobs.is_empty()).await;
    server.server.shutdown(Duration::from_millis(1)).await;
    end_jobs(&cluster, "Complete");

    let server = open(directory.path(), &settings).await;
    let end = server.end(&execution).await;
    assert_eq!(end["status"], "SUCCEEDED", "{end}");
    {
        let cluster = cluster.lock().unwrap();
        assert_eq!((cluster.jobs.len(), cluster.count("POST")), (1, 2));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_of_a_task_that_is_given_up_is_deleted() {
    let (cluster, settings) = cluster().await;
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let mut timed_out = job("runJob.sync");
    timed_out["States"]["K"]["TimeoutSeconds"] = json!(1);
    for (name, definition, status) in
        [("stopped", job("runJob.sync"), "ABORTED"), ("late", timed_out, "FAILED")]
    {
        let deleted = cluster.lock().unwrap().count("DELETE");
        let arn = server.machine(name, definition).await;
        let execution = server.start_execution(&arn, json!({})).await;
        let looks = cluster.lock().unwrap().count("GET");
        until(|| cluster.lock().unwrap().count("GET") > looks).await;
        if status == "ABORTED" {
            server.call("StopExecution", json!({"executionArn": execution})).await;
        }
        assert_eq!(server.end(&execution).await["status"], status);
        until(|| cluster.lock().unwrap().count("DELETE") > deleted).await;
        assert!(cluster.lock().unwrap().jobs.is_empty(), "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_task_was_given_up_while_it_was_submitted_is_deleted() {
    let (cluster, settings) = cluster().await;
    let server = TestServer::with(settings, Arc::new(MemoryStore::new())).await;
    let gate = Arc::new(Barrier::new(2));
    cluster.lock().unwrap().gate = Some(gate.clone());
    let arn = server.machine("m", job("runJob.sync")).await;
    let execution = server.start_execution(&arn, json!({})).await;
    until(|| !cluster.lock().unwrap().jobs.is_empty()).await;
    server.call("StopExecution", json!({"executionArn": execution})).await;
    assert_eq!(server.end(&execution).await["status"], "ABORTED");
    // Until the job is stopped the definition that it belongs to is needed.
    let redrive = json!({"executionArn": execution, "withDefinition": job("runJob.sync").to_string()});
    let (code, text) = server.error("RedriveExecution", redrive).await;
    assert_eq!(code, "ValidationException");
    assert!(text.contains("Jobs of tasks that were given up are still being stopped"), "{text}");
    cluster.lock().unwrap().gate = None;
    tokio::task::block_in_place(|| gate.wait());
    until(|| cluster.lock().unwrap().jobs.is_empty()).await;
    assert_eq!(cluster.lock().unwrap().count("DELETE"), 1);
    server.stop().await;
}

/// After a crash the job is looked for: it is not made for the sake of being deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_task_was_given_up_before_a_crash_cut_off_its_submission_is_deleted() {
    for (is_mute, is_deaf, deleted) in [(true, false, 1), (false, true, 0)] {
        let directory = tempfile::tempdir().unwrap();
        let (cluster, settings) = cluster().await;
        (cluster.lock().unwrap().is_mute, cluster.lock().unwrap().is_deaf) = (is_mute, is_deaf);
        let server = open(directory.path(), &settings).await;
        let arn = server.machine("m", job("runJob.sync")).await;
        let execution = server.start_execution(&arn, json!({})).await;
        until(|| cluster.lock().unwrap().count("POST") > 0).await;
        server.call("StopExecution", json!({"executionArn": execution})).await;
        assert_eq!(server.end(&execution).await["status"], "ABORTED");
        server.server.shutdown(Duration::from_millis(1)).await;

        let server = open(directory.path(), &settings).await;
        until(|| cluster.lock().unwrap().count("GET") > 0).await;
        until(|| cluster.lock().unwrap().jobs.is_empty()).await;
        server.stop().await;
        let cluster = cluster.lock().unwrap();
        assert_eq!((cluster.count("POST"), cluster.count("DELETE")), (1, deleted));
    }
}
