//! The examples do what their READMEs say.

mod common;

use std::path::{Path, PathBuf};

use common::{command, finish, is_there, stepwell, until};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// Runs an example with an input; answers exit code, output and path.
fn run(name: &str, file: &str, input: &str) -> common::Ended {
    stepwell(&example(name), &["run", file, "--input", input])
}

#[test]
fn every_definition_is_valid() {
    let files = [
        "order-saga/order-saga.asl.json",
        "fan-out/fan-out.asl.yaml",
        "human-approval/human-approval.asl.json",
        "long-wait/long-wait.asl.json",
        "node-handler/node-handler.asl.yaml",
        "activity-worker/activity-worker.asl.json",
        "nightly-report/nightly-report.asl.json",
    ];
    let ended = stepwell(&example(""), &[&["validate"], &files[..]].concat()).expect(0);
    assert_eq!(ended.stdout.matches(": valid\n").count(), files.len(), "{}", ended.stdout);
}

#[test]
fn an_order_is_shipped() {
    if !is_there("python3") {
        return;
    }
    let ended = run("order-saga", "order-saga.asl.json", "@input.json").expect(0);
    let output = ended.json();
    assert_eq!(output["status"], "DONE");
    assert_eq!(output["trackingNumber"], "parcel-1001");
}

#[test]
fn an_order_that_fails_is_undone_in_reverse() {
    if !is_there("python3") {
        return;
    }
    let ended = run("order-saga", "order-saga.asl.json", "@input-unknown-address.json").expect(1);
    let entered: Vec<&str> =
        ended.stderr.lines().filter_map(|line| line.split_once(" > ")?.1.split(' ').next()).collect();
    assert_eq!(
        entered,
        ["ReserveStock", "ChargeCard", "ShipOrder", "RefundCard", "ReleaseStock", "RejectOrder"]
    );
    assert!(ended.stderr.contains("FAILED: AddressUnknown: "), "{}", ended.stderr);
    let declined =
        r#"{"order": 1, "item": "book", "quantity": 1, "amount": 1, "card": "0000", "address": "x"}"#;
    let ended = run("order-saga", "order-saga.asl.json", declined).expect(1);
    assert!(ended.stderr.contains("FAILED: CardDeclined: "), "{}", ended.stderr);
    assert!(!ended.stderr.contains("RefundCard"), "nothing was charged: {}", ended.stderr);
    let out_of_stock =
        r#"{"order": 1, "item": "grand-piano", "quantity": 1, "amount": 1, "card": "1", "address": "x"}"#;
    let ended = run("order-saga", "order-saga.asl.json", out_of_stock).expect(1);
    assert!(ended.stderr.contains("FAILED: OutOfStock: "), "{}", ended.stderr);
}

#[test]
fn prices_are_fetched_with_retries() {
    if !is_there("python3") {
        return;
    }
    let ended = run("fan-out", "fan-out.asl.yaml", "@input.json").expect(0);
    assert_eq!(ended.json(), serde_json::json!({"products": 6, "cents": 1750 + 4900 + 8000 + 12900 + 1750}));
    assert_eq!(ended.stderr.matches("retry 1 of FetchPrice").count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("> NoPrice[4] Pass"), "{}", ended.stderr);
}

#[test]
fn a_report_is_made_of_batch_jobs() {
    if !is_there("python3") {
        return;
    }
    // The jobs write beside their programs.
    let copy = tempfile::tempdir().unwrap();
    for name in
        ["nightly-report.asl.json", "stepwell.toml", "input.json", "jobs/count_part.py", "jobs/summarize.py"]
    {
        let text = std::fs::read_to_string(example("nightly-report").join(name)).unwrap();
        common::write(copy.path(), name, &text);
    }
    let ended =
        stepwell(copy.path(), &["run", "nightly-report.asl.json", "--input", "@input.json"]).expect(0);
    let output = ended.json();
    assert_eq!((&output["status"], &output["exitCode"]), (&"SUCCEEDED".into(), &0.into()));
    let report = std::fs::read_to_string(copy.path().join("jobs/out/monday/report.json")).unwrap();
    assert_eq!(report, r#"{"parts": 3, "orders": 214}"#);
    let log = output["log"].as_str().unwrap();
    let path = ended
        .stderr
        .split_whitespace()
        .find_map(|word| word.strip_prefix("log=").filter(|path| path.ends_with(log)));
    assert_eq!(std::fs::read_to_string(path.expect("a log")).unwrap(), "monday: 214 orders in 3 parts\n");
}

#[test]
fn an_expense_waits_for_its_approval() {
    if !is_there("python3") {
        return;
    }
    let small = run("human-approval", "human-approval.asl.json", r#"{"id": "s", "amount": 1}"#).expect(0);
    assert_eq!(small.json()["status"], "APPROVED");
    for (approved, code) in [("true", 0), ("false", 1)] {
        let inbox = tempfile::tempdir().unwrap();
        let child = command(&example("human-approval"))
            .args(["run", "human-approval.asl.json", "--input", "@input.json"])
            .env("APPROVAL_INBOX", inbox.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::fs::File::create(inbox.path().join("path")).unwrap())
            .spawn()
            .unwrap();
        let token = inbox.path().join("token-e-17.txt");
        let endpoint = until("the handler's message", || {
            let path = std::fs::read_to_string(inbox.path().join("path")).ok()?;
            let (_, rest) = path.split_once("--endpoint-url ")?;
            rest.split_once('\n').map(|(address, _)| address.to_owned())
        });
        let result = format!("{{\"approved\": {approved}}}");
        let token = format!("@{}", token.display());
        let answer = ["task", "succeed", &token, "--result", &result, "--endpoint-url", &endpoint];
        finish(command(inbox.path()).args(answer)).expect(0);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{approved}");
        if code == 0 {
            let output: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(output["expense"]["answer"]["approved"], true);
        }
    }
}

#[test]
fn a_trial_ends_after_its_waits() {
    let ended = stepwell(
        &example("long-wait"),
        &["run", "long-wait.asl.json", "--input", "@input.json", "--skip-waits"],
    )
    .expect(0);
    assert_eq!(ended.json()["reminder"], "Dear Ada, your trial ends at 2025-01-01T00:00:00Z.");
    let ended = run("long-wait", "long-wait.asl.json", "@input.json").expect(0);
    assert!(ended.stderr.contains("> UntilReminder Wait for 2.0 s"), "{}", ended.stderr);
    assert_eq!(ended.json()["status"], "ENDED");
}

#[test]
fn node_handlers_run_side_by_side() {
    if !is_there("node") {
        return;
    }
    let ended = run("node-handler", "node-handler.asl.yaml", "@input.json").expect(0);
    assert_eq!(ended.json(), serde_json::json!({"words": 5, "loud": "THE WELL HAS MANY STEPS!"}));
}
