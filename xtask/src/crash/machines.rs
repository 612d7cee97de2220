//! The state machines of the crash workload.

use serde_json::{Value, json};
use stepwell_benchmarks::{client::Client, machines};

use super::random::Random;

/// The activity that workers serve.
pub(crate) const ACTIVITY: &str = "crash";
/// Function of the fake Lambda endpoint that counts its invocations, and fails at first when asked to.
pub(crate) const COUNT: &str = "count";
/// Function of the fake Lambda endpoint that takes a task token and leaves the answer to the clients.
pub(crate) const ASK: &str = "ask";
/// The machine whose first version the clients' aliases point to.
pub(crate) const ALIASED: &str = "crash-pass";
/// The machine that only `nested` starts.
pub(crate) const CHILD: &str = "crash-child";

/// A kind of state machine, with its share of the starts in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    share: u64,
}

/// What StartExecution starts. The shares add up to 100.
pub(crate) const KINDS: [Kind; 9] = [
    Kind { name: "crash-pass", share: 30 },
    Kind { name: "crash-wait", share: 15 },
    Kind { name: "crash-choice", share: 10 },
    Kind { name: "crash-parallel", share: 10 },
    Kind { name: "crash-map", share: 4 },
    Kind { name: "crash-retry", share: 5 },
    Kind { name: "crash-nested", share: 6 },
    Kind { name: "crash-activity", share: 12 },
    Kind { name: "crash-callback", share: 8 },
];

impl Kind {
    /// One of the kinds, by their shares.
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut left = random.below(100);
        for kind in KINDS {
            if left < kind.share {
                return kind;
            }
            left -= kind.share;
        }
        KINDS[0]
    }

    /// An input for it, with something in it that no other start has.
    pub(crate) fn input(self, unique: u64, random: &mut Random) -> String {
        let items: Vec<u64> = if self.name == "crash-map" { (0..20).collect() } else { Vec::new() };
        json!({"unique": unique, "seconds": random.below(3), "n": random.below(3), "items": items})
            .to_string()
    }
}

/// A Task on the function that counts.
fn counted(item: bool, failures: u64) -> Value {
    let mut parameters = json!({
        "execution.$": "$$.Execution.Id",
        "state.$": "$$.State.Name",
        "attempt.$": "$$.State.RetryCount",
        "redrive.$": "$$.Execution.RedriveCount",
        "failures": failures
    });
    if item {
        parameters["item.$"] = json!("$.index");
    }
    json!({
        "Type": "Task",
        "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{COUNT}"),
        "Parameters": parameters,
        "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}]
    })
}

fn ending(mut state: Value) -> Value {
    state["End"] = json!(true);
    state
}

fn single(name: &str, state: Value) -> Value {
    json!({"StartAt": name, "States": {name: ending(state)}})
}

/// Creates all machines; a second time changes nothing. Gives the ARN of the activity.
///
/// # Errors
/// When the server refuses or does not answer.
pub(crate) fn create_all(client: &mut Client) -> anyhow::Result<String> {
    let activity = client.must("CreateActivity", &json!({"name": ACTIVITY}))?["activityArn"].clone();
    let activity = activity.as_str().unwrap_or_default().to_owned();
    let child = json!({"StartAt": "Nap", "States": {
        "Nap": {"Type": "Wait", "Seconds": 1, "Next": "Done"}, "Done": {"Type": "Pass", "End": true}}});
    let child = machines::create(client, CHILD, &child, false)?;
    for kind in KINDS {
        machines::create(client, kind.name, &definition(kind.name, &activity, &child), false)?;
    }
    let arn = super::ledger::machine_arn(ALIASED);
    client.must("PublishStateMachineVersion", &json!({"stateMachineArn": arn}))?;
    Ok(activity)
}

fn definition(name: &str, activity: &str, child: &str) -> Value {
    let worked = |next: &str| {
        json!({
            "Type": "Task",
            "Resource": activity,
            "Parameters": {"execution.$": "$$.Execution.Id", "state.$": "$$.State.Name"},
            "TimeoutSeconds": 20,
            "HeartbeatSeconds": 6,
            "Retry": [{"ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"], "IntervalSeconds": 1,
                "MaxAttempts": 20, "BackoffRate": 1.0}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Done"}],
            "ResultPath": "$.worked",
            "Next": next
        })
    };
    match name {
        "crash-wait" => json!({"StartAt": "Wait", "States": {
            "Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"},
            "Done": {"Type": "Pass", "End": true}}}),
        "crash-choice" => json!({"StartAt": "Which", "States": {
            "Which": {"Type": "Choice", "Choices": [
                {"Variable": "$.n", "NumericEquals": 0, "Next": "Good"},
                {"Variable": "$.n", "NumericEquals": 1, "Next": "Bad"}], "Default": "Other"},
            "Good": {"Type": "Succeed"},
            "Bad": {"Type": "Fail", "Error": "Chosen", "Cause": "by the input"},
            "Other": {"Type": "Pass", "Next": "Good"}}}),
        "crash-parallel" => single(
            "Three",
            json!({"Type": "Parallel", "Branches": [
            single("P", json!({"Type": "Pass"})),
            single("W", json!({"Type": "Wait", "Seconds": 1})),
            single("L", counted(false, 0))]}),
        ),
        "crash-map" => single(
            "Each",
            json!({"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 5,
            "ItemSelector": {"index.$": "$$.Map.Item.Index"},
            "ItemProcessor": single("L", counted(true, 0))}),
        ),
        "crash-retry" => single("Flaky", counted(false, 2)),
        "crash-nested" => single(
            "Child",
            json!({
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": child, "Name.$": "States.Format('child-{}', $$.Execution.Name)", "Input": {}}
            }),
        ),
        "crash-activity" => json!({"StartAt": "A1", "States": {
            "A1": worked("A2"), "A2": worked("A3"), "A3": worked("Done"), "Done": {"Type": "Pass", "End": true}}}),
        "crash-callback" => json!({"StartAt": "Ask", "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": ASK,
                    "Payload": {"token.$": "$$.Task.Token", "execution.$": "$$.Execution.Id"}},
                "HeartbeatSeconds": 6,
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Done"}],
                "Next": "Done"
            },
            "Done": {"Type": "Pass", "End": true}}}),
        _ => machines::pass_chain(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_every_kind_has_its_definition() {
        assert_eq!(KINDS.iter().map(|kind| kind.share).sum::<u64>(), 100);
        let own = KINDS.iter().filter(|kind| definition(kind.name, "a", "c") != machines::pass_chain(5));
        assert_eq!(own.count(), KINDS.len() - 1);
    }
}
