//! Is a history one that Step Functions could have written? Checks on the events as GetExecutionHistory answers them.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

/// Events that end an execution.
const TERMINAL: [&str; 4] =
    ["ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"];
/// Events that end an attempt of a task.
const OUTCOMES: [&str; 12] = [
    "TaskSucceeded",
    "TaskFailed",
    "TaskTimedOut",
    "TaskStartFailed",
    "TaskSubmitFailed",
    "ActivitySucceeded",
    "ActivityFailed",
    "ActivityTimedOut",
    "ActivityScheduleFailed",
    "LambdaFunctionSucceeded",
    "LambdaFunctionFailed",
    "LambdaFunctionTimedOut",
];
/// Events that begin an attempt of a task.
const SCHEDULED: [&str; 3] = ["TaskScheduled", "ActivityScheduled", "LambdaFunctionScheduled"];

/// What is wrong with a history; empty when nothing is. `ended`: the execution has a terminal status.
pub(crate) fn faults(events: &[Value], ended: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    let mut outcome_of = vec![false; events.len() + 1];
    for (place, event) in events.iter().enumerate() {
        let id = place + 1;
        let name = kind(event);
        if event["id"].as_u64() != Some(id as u64) {
            faults.push(format!("event {id} has id {}", event["id"]));
            return faults;
        }
        let previous = event["previousEventId"].as_u64().unwrap_or(u64::MAX) as usize;
        if previous >= id {
            faults.push(format!("event {id} {name} follows event {previous}"));
            continue;
        }
        if previous > 0 {
            let before = &events[previous - 1];
            if event["timestamp"].as_f64() < before["timestamp"].as_f64() {
                faults
                    .push(format!("event {id} {name} is earlier than the event {previous} that it follows"));
            }
        }
        if (name == "ExecutionStarted") != (id == 1) {
            faults.push(format!("event {id} is {name}"));
        }
        let is_taken_back = events.get(id).is_some_and(|next| next["type"] == "ExecutionRedriven");
        if TERMINAL.contains(&name.as_str()) && id != events.len() && !is_taken_back {
            faults.push(format!("event {id} {name} is not the last one"));
        }
        if name == "ExecutionRedriven" && previous + 1 != id {
            faults.push(format!("event {id} {name} does not follow the end of the execution"));
        }
        if OUTCOMES.contains(&name.as_str()) {
            match scheduled(events, previous) {
                None => faults.push(format!("event {id} {name} follows no scheduled task")),
                Some(at) if std::mem::replace(&mut outcome_of[at], true) => {
                    faults.push(format!(
                        "event {id} {name} is a second outcome of the task scheduled by event {at}"
                    ));
                }
                Some(_) => {}
            }
        }
        if name.ends_with("StateExited") && !was_entered(events, previous, event) {
            faults.push(format!("event {id} {name} leaves a state that its branch did not enter"));
        }
    }
    let last = events.last().map(kind).unwrap_or_default();
    if TERMINAL.contains(&last.as_str()) != ended {
        faults.push(format!(
            "the last event is {last}, but the execution has {}ended",
            if ended { "" } else { "not " }
        ));
    }
    faults
}

/// The event that scheduled the attempt to which event `id` belongs.
fn scheduled(events: &[Value], mut id: usize) -> Option<usize> {
    // Between them stand at most Started and Submitted.
    for _ in 0..4 {
        let event = events.get(id.checked_sub(1)?)?;
        if SCHEDULED.contains(&event["type"].as_str()?) {
            return Some(id);
        }
        id = event["previousEventId"].as_u64()? as usize;
    }
    None
}

/// Whether the chain of events from `id` back holds the entry of the state that `exited` leaves.
fn was_entered(events: &[Value], mut id: usize, exited: &Value) -> bool {
    let state = &exited["stateExitedEventDetails"]["name"];
    while let Some(event) = id.checked_sub(1).and_then(|place| events.get(place)) {
        if event["stateEnteredEventDetails"]["name"] == *state {
            return true;
        }
        let previous = event["previousEventId"].as_u64().unwrap_or(0) as usize;
        if previous >= id {
            // A chain that does not lead back is found elsewhere; here it must not lead in a circle.
            return false;
        }
        id = previous;
    }
    false
}

/// The ids of the task results that a history holds: one for each outcome that a worker or callback has sent.
pub(crate) fn results(events: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for event in events {
        let details = match event["type"].as_str().unwrap_or_default() {
            "ActivitySucceeded" => &event["activitySucceededEventDetails"],
            "TaskSucceeded" => &event["taskSucceededEventDetails"],
            "ActivityFailed" => &event["activityFailedEventDetails"],
            "TaskFailed" => &event["taskFailedEventDetails"],
            _ => continue,
        };
        let output = details["output"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let id = match &output {
            Some(output) => output["result"].as_str(),
            None => details["cause"].as_str().filter(|_| details["error"] == "Worker.Failed"),
        };
        found.extend(id.map(str::to_owned));
    }
    found
}

/// A number by which an event is known again.
pub(crate) fn fingerprint(event: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: u64, previous: u64, kind: &str) -> Value {
        let mut event =
            json!({"id": id, "previousEventId": previous, "type": kind, "timestamp": 1.0 + id as f64});
        if kind.ends_with("StateEntered") {
            event["stateEnteredEventDetails"] = json!({"name": "A"});
        }
        if kind.ends_with("StateExited") {
            event["stateExitedEventDetails"] = json!({"name": "A"});
        }
        event
    }

    fn good() -> Vec<Value> {
        vec![
            event(1, 0, "ExecutionStarted"),
            event(2, 0, "TaskStateEntered"),
            event(3, 2, "ActivityScheduled"),
            event(4, 3, "ActivityStarted"),
            event(5, 4, "ActivitySucceeded"),
            event(6, 5, "TaskStateExited"),
            event(7, 6, "ExecutionSucceeded"),
        ]
    }

    #[test]
    fn a_good_history_has_no_faults() {
        assert_eq!(faults(&good(), true), Vec::<String>::new());
        assert_eq!(faults(&good()[..6], false), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_found() {
        type Change = fn(&mut Vec<Value>);
        let table: [(&str, Change); 8] = [
            ("a gap", |events| drop(events.remove(3))),
            ("an event twice", |events| events.insert(4, events[4].clone())),
            ("a previous event that comes later", |events| events[3]["previousEventId"] = json!(5)),
            ("time goes back", |events| events[4]["timestamp"] = json!(0.5)),
            ("no beginning", |events| events[0]["type"] = json!("PassStateEntered")),
            ("no end", |events| drop(events.pop())),
            ("two outcomes", |events| {
                events[5] = event(6, 5, "ActivityFailed");
                events[5]["previousEventId"] = json!(4);
            }),
            ("a state that was not entered", |events| {
                events[1]["stateEnteredEventDetails"]["name"] = json!("B");
            }),
        ];
        for (name, change) in table {
            let mut events = good();
            change(&mut events);
            assert!(!faults(&events, true).is_empty(), "{name}");
        }
    }

    #[test]
    fn results_are_those_that_workers_sent() {
        let events = [
            json!({"type": "ActivitySucceeded", "activitySucceededEventDetails": {"output": "{\"result\":\"r-1\"}"}}),
            json!({"type": "TaskFailed", "taskFailedEventDetails": {"error": "Worker.Failed", "cause": "r-2"}}),
            json!({"type": "TaskFailed", "taskFailedEventDetails": {"error": "Other", "cause": "r-3"}}),
            json!({"type": "TaskStateExited", "stateExitedEventDetails": {"output": "{\"result\":\"r-1\"}"}}),
        ];
        assert_eq!(results(&events), ["r-1", "r-2"]);
    }
}
