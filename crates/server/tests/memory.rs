//! What large definitions take of the heap: one that is refused little more than its bytes, many at once no more than
//! their bytes and the work on two of them. Bodies stand beside the heap: one alone is gone before its definition is worked
//! on, and takes less than that.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "../../asl/tests/common/hostile.rs"]
mod hostile;

use bytes::Bytes;
use common::TestServer;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes that a definition of a megabyte which is refused takes at most, from its arrival to the answer.
const REFUSED_BYTES_MAX: usize = 4 << 20;
/// Requests at once.
const AT_ONCE: usize = 64;
/// Bytes that the work on two definitions, reading a request on each thread and the answers take besides what waits.
const WORK_BYTES_MAX: usize = 24 << 20;

/// Operations that take a definition, and whether they answer findings with status 200.
const OPERATIONS: [(&str, bool); 3] =
    [("CreateStateMachine", false), ("ValidateStateMachineDefinition", true), ("TestState", false)];

fn body(text: &str) -> Bytes {
    json!({"name": "m", "roleArn": common::ROLE, "definition": text}).to_string().into()
}

/// One test alone: the heap is the process's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_definitions_take_little_besides_their_bytes() {
    let server = TestServer::start().await;
    let refused: Vec<_> = hostile::definitions().into_iter().filter(|large| !large.is_valid).collect();
    let mut faults = Vec::new();
    for large in &refused {
        let body = body(&large.text);
        // What is made once, on the first request of its kind, belongs to the server.
        server.client.raw(OPERATIONS[0].0, body.clone(), &[]).await;
        for (operation, answers_findings) in OPERATIONS {
            let mut peak = usize::MAX;
            // How many pieces of a body are held at once depends on when they arrive: the best of three tries counts.
            for _ in 0..3 {
                let before = HEAP.current_usage();
                HEAP.reset_peak_usage();
                let (status, answer) = server.client.raw(operation, body.clone(), &[]).await;
                peak = peak.min(HEAP.peak_usage().saturating_sub(before));
                assert_eq!(status == 200, answers_findings, "{operation}: {}", large.about);
                assert!(answer.len() < REFUSED_BYTES_MAX / 2, "{operation}: {}", large.about);
                if peak <= REFUSED_BYTES_MAX {
                    break;
                }
            }
            println!("{operation}: {}: {} KiB for {} KiB", large.about, peak >> 10, body.len() >> 10);
            if peak > REFUSED_BYTES_MAX {
                faults.push(format!("{operation}: {}: {} KiB", large.about, peak >> 10));
            }
        }
    }
    assert!(faults.is_empty(), "{} take too much:\n{}", faults.len(), faults.join("\n"));

    for (operation, answers_findings) in OPERATIONS {
        let body = body(&refused[0].text);
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let requests: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (client, body) = (server.client.clone(), body.clone());
                tokio::spawn(async move { client.raw(operation, body, &[]).await })
            })
            .collect();
        for request in requests {
            let (status, answer) = request.await.unwrap();
            assert_eq!(status == 200, answers_findings, "{}", String::from_utf8_lossy(&answer));
            assert!(serde_json::from_slice::<Value>(&answer).is_ok());
        }
        let peak = HEAP.peak_usage().saturating_sub(before);
        // A request waits as it arrived, beside the heap; one of TestState as the text of its definition.
        let waiting = if operation == "TestState" { AT_ONCE * body.len() } else { 0 };
        let most = waiting + WORK_BYTES_MAX;
        println!("{operation}: {AT_ONCE} at once: {} KiB of at most {}", peak >> 10, most >> 10);
        assert!(peak < most, "{operation}: {AT_ONCE} at once take {} KiB, not {}", peak >> 10, most >> 10);
    }
    server.stop().await;
}
