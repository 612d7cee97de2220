//! The machine's clock jumps an hour or a year, or stands still, while a server runs and across its restart. No timer is
//! early by the clock that can't be set, none is lost, none fires twice, and no time in a history goes back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use common::{Server, command, until};
use serde_json::{Value, json};

/// Where Debian's package `faketime` puts the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
/// What the clock shows, as libfaketime reads it from its file.
const RIGHT: &str = "+0";
/// Offsets, and a time at which the clock stands still.
const CLOCKS: [(&str, &str); 4] = [
    ("an hour back", "-1h"),
    ("an hour on", "+1h"),
    ("a year on", "+365d"),
    ("standing still", "2027-01-01 00:00:00"),
];
/// Seconds of the timers that are watched: the server looks at wall time several times meanwhile.
const SECONDS: u64 = 22;
/// A timer may be early by this much.
const EARLY_MAX: Duration = Duration::from_millis(10);
/// A timer that has not fired this long after its time is lost, on a machine with other things to do.
const LATE_MAX: Duration = Duration::from_secs(15);
/// Executions of each kind.
const EXECUTIONS: usize = 4;

/// The library; none, with the reason on standard output, where it is not installed.
fn library() -> Option<PathBuf> {
    let found = LIBRARIES.iter().map(PathBuf::from).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: libfaketime is not on this machine (apt-get install faketime)");
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped");
    }
    found
}

/// A server whose wall clock is what a file says. The monotonic clock stays as it is.
struct Clocked {
    server: Server,
    directory: PathBuf,
}

impl Clocked {
    fn start(library: &Path, directory: &Path, clock: &str) -> Self {
        let file = directory.join("clock");
        std::fs::write(&file, format!("{clock}\n")).unwrap();
        let mut command = command(directory);
        command
            .arg("serve")
            .args(["--port", "0", "--data-dir", "data"])
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        let server = Server::start_command(directory, &mut command);
        Self { server, directory: directory.to_owned() }
    }

    fn set(&self, clock: &str) {
        // In one step: the library may read at any moment.
        let new = self.directory.join("clock.new");
        std::fs::write(&new, format!("{clock}\n")).unwrap();
        std::fs::rename(new, self.directory.join("clock")).unwrap();
    }

    fn create(&self, name: &str, definition: &Value) -> String {
        let request = json!({"name": name, "roleArn": "arn:aws:iam::000000000000:role/r", "definition": definition.to_string()});
        text(&self.server.call("CreateStateMachine", &request)["stateMachineArn"])
    }

    fn begin(&self, machine: &str) -> String {
        text(&self.server.call("StartExecution", &json!({"stateMachineArn": machine}))["executionArn"])
    }

    fn status(&self, execution: &str) -> String {
        text(&self.server.call("DescribeExecution", &json!({"executionArn": execution}))["status"])
    }

    /// Types of events; their times never go back, and each timer has fired once.
    fn check_history(&self, execution: &str, fired: &str) {
        let page =
            self.server.call("GetExecutionHistory", &json!({"executionArn": execution, "maxResults": 1000}));
        let events = page["events"].as_array().unwrap();
        let times: Vec<f64> = events.iter().map(|event| event["timestamp"].as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "times go back: {events:?}");
        let count = events.iter().filter(|event| event["type"] == fired).count();
        assert_eq!(count, 1, "{fired}: {events:?}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A Wait state, and a task that times out because no worker comes.
fn machines(clocked: &Clocked, seconds: u64) -> [(String, &'static str, &'static str); 2] {
    let activity = text(&clocked.server.call("CreateActivity", &json!({"name": "nobody"}))["activityArn"]);
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": true}}});
    let task = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": activity, "TimeoutSeconds": seconds, "End": true}}});
    [
        (clocked.create(&format!("wait-{seconds}"), &wait), "WaitStateExited", "SUCCEEDED"),
        (clocked.create(&format!("task-{seconds}"), &task), "ActivityTimedOut", "FAILED"),
    ]
}

#[test]
fn timers_of_a_running_server_do_not_care_for_the_wall_clock() {
    let Some(library) = library() else { return };
    // Side by side: most of it is waiting.
    std::thread::scope(|scope| {
        for (what, clock) in CLOCKS {
            let library = &library;
            scope.spawn(move || timers_do_not_care_for_the_wall_clock(library, what, clock));
        }
    });
}

fn timers_do_not_care_for_the_wall_clock(library: &Path, what: &str, clock: &str) {
    let directory = tempfile::tempdir().unwrap();
    let clocked = Clocked::start(library, directory.path(), RIGHT);
    let mut started = Vec::new();
    for (machine, fired, end) in machines(&clocked, SECONDS) {
        for _ in 0..EXECUTIONS {
            let asked = Instant::now();
            started.push((clocked.begin(&machine), asked, fired, end));
        }
    }
    clocked.set(clock);
    let wall = text(&json!(
        clocked.create("after", &json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}))
    ));
    let late = clocked.begin(&wall);
    for (execution, asked, fired, end) in started {
        let status = until(what, || {
            let status = clocked.status(&execution);
            (status != "RUNNING").then_some(status)
        });
        let took = asked.elapsed();
        assert!(took + EARLY_MAX >= Duration::from_secs(SECONDS), "{what}: {fired} after {took:?}");
        assert!(took <= Duration::from_secs(SECONDS) + LATE_MAX, "{what}: {fired} after {took:?}");
        assert_eq!(status, end, "{what}");
        clocked.check_history(&execution, fired);
    }
    until("an execution started after the jump ends", || {
        (clocked.status(&late) == "SUCCEEDED").then_some(())
    });
}

#[test]
fn after_a_restart_deadlines_are_those_of_the_wall_clock() {
    let Some(library) = library() else { return };
    for (what, clock) in CLOCKS {
        let directory = tempfile::tempdir().unwrap();
        let clocked = Clocked::start(&library, directory.path(), RIGHT);
        // Long enough that it ends only if the clock says so, short enough for an hour to pass it.
        let machines = machines(&clocked, 1_800);
        let started: Vec<_> =
            machines.iter().map(|(machine, fired, end)| (clocked.begin(machine), *fired, *end)).collect();
        clocked.server.kill();

        let is_due = clock.starts_with('+') || clock.starts_with('2');
        let clocked = Clocked::start(&library, directory.path(), clock);
        if !is_due {
            // A while in which nothing may fire; what is waited for is another execution that goes its way.
            let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": true}}});
            let other = clocked.begin(&clocked.create("other", &wait));
            until("a short wait ends", || (clocked.status(&other) == "SUCCEEDED").then_some(()));
            for (execution, ..) in &started {
                assert_eq!(clocked.status(execution), "RUNNING", "{what}: early");
            }
        }
        let clocked = if is_due {
            clocked
        } else {
            clocked.server.kill();
            Clocked::start(&library, directory.path(), "+1h")
        };
        for (execution, fired, end) in &started {
            let status = until(what, || {
                let status = clocked.status(execution);
                (status != "RUNNING").then_some(status)
            });
            assert_eq!(&status, end, "{what}");
            clocked.check_history(execution, fired);
        }
        clocked.server.kill();
        // Started once more with the right time, nothing fires again.
        let clocked = Clocked::start(&library, directory.path(), RIGHT);
        for (execution, fired, end) in &started {
            assert_eq!(&clocked.status(execution), end, "{what}");
            clocked.check_history(execution, fired);
        }
    }
}
