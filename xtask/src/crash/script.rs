//! A script of calls by one client, each of which is known to have been carried out, perhaps carried out, or never sent;
//! and the check of a server against it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use stepwell_benchmarks::{
    client::{CallError, Client},
    machines::{ROLE, pass_chain},
    process::Served,
};

use super::{
    history::{faults, results},
    ledger::{execution_arn, machine_arn},
};

/// How long a server may take to serve, or to be gone.
const SERVES_WITHIN: Duration = Duration::from_secs(30);
/// The names of the machines and of the activity.
const PASS: &str = "script-pass";
const WAIT: &str = "script-wait";
const TASK: &str = "script-task";
const EXTRA: &str = "script-extra";
const ACTIVITY: &str = "script-activity";
const ACTIVITY_ARN: &str = "arn:aws:states:us-east-1:000000000000:activity:script-activity";

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was answered.
    Done,
    /// It got no answer.
    Unknown,
    /// It was not sent.
    Never,
}

/// What a call does, for the check.
#[derive(Debug, Clone)]
enum Effect {
    CreateMachine {
        name: String,
    },
    DeleteMachine {
        name: String,
    },
    CreateActivity,
    Update {
        comment: String,
    },
    Tag {
        value: String,
    },
    Start {
        arn: String,
        input: String,
    },
    Stop {
        arn: String,
        cause: String,
    },
    Redrive {
        arn: String,
    },
    /// A worker took the task; its token goes to the result.
    Take {
        worker: String,
    },
    Result {
        arn: String,
        id: String,
    },
}

/// A call, what it does, and what became of it.
#[derive(Debug)]
struct Step {
    operation: &'static str,
    request: Value,
    effect: Effect,
    fate: Fate,
    answer: Value,
}

/// The script and how far it has come.
#[derive(Debug)]
pub(super) struct Script {
    steps: Vec<Step>,
    next: usize,
}

impl Script {
    /// A script of so many calls.
    pub(super) fn new(operations: u64) -> Self {
        let mut script = Self { steps: Vec::new(), next: 0 };
        script.begin();
        let mut round = 0;
        while (script.steps.len() as u64) < operations {
            script.round(round);
            round += 1;
        }
        script.steps.truncate(usize::try_from(operations).unwrap_or(usize::MAX));
        script
    }

    fn add(&mut self, operation: &'static str, request: Value, effect: Effect) {
        self.steps.push(Step { operation, request, effect, fate: Fate::Never, answer: Value::Null });
    }

    fn create(&mut self, name: &str, definition: &Value) {
        let request = json!({"name": name, "roleArn": ROLE, "definition": definition.to_string()});
        self.add("CreateStateMachine", request, Effect::CreateMachine { name: name.to_owned() });
    }

    fn begin(&mut self) {
        self.add("CreateActivity", json!({"name": ACTIVITY}), Effect::CreateActivity);
        self.create(PASS, &pass_chain(3));
        let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}});
        self.create(WAIT, &wait);
        let task = json!({"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": ACTIVITY_ARN, "End": true}}});
        self.create(TASK, &task);
        self.create(EXTRA, &pass_chain(1));
    }

    fn start(&mut self, machine: &str, name: &str) -> String {
        let (arn, input) = (execution_arn(machine, name), json!({"name": name}).to_string());
        let request = json!({"stateMachineArn": machine_arn(machine), "name": name, "input": input});
        self.add("StartExecution", request, Effect::Start { arn: arn.clone(), input });
        arn
    }

    fn redrive(&mut self, arn: &str, token: String) {
        let request = json!({"executionArn": arn, "clientToken": token});
        self.add("RedriveExecution", request, Effect::Redrive { arn: arn.to_owned() });
    }

    fn take(&mut self, worker: String) {
        let request = json!({"activityArn": ACTIVITY_ARN, "workerName": worker});
        self.add("GetActivityTask", request, Effect::Take { worker });
    }

    fn round(&mut self, round: u64) {
        self.start(PASS, &format!("p-{round}"));
        let waiting = self.start(WAIT, &format!("w-{round}"));
        let cause = format!("stop-{round}-");
        let stop = json!({"executionArn": waiting, "error": "Script", "cause": cause});
        self.add("StopExecution", stop, Effect::Stop { arn: waiting.clone(), cause });
        let task = self.start(TASK, &format!("t-{round}"));
        // The task fails, goes on after a redrive, and then succeeds.
        self.take(format!("worker-{round}-a"));
        let id = format!("r-{round}-a");
        let failure = json!({"error": "Worker.Failed", "cause": id});
        self.add("SendTaskFailure", failure, Effect::Result { arn: task.clone(), id });
        self.redrive(&task, format!("redrive-{round}-t"));
        self.take(format!("worker-{round}-b"));
        let id = format!("r-{round}-b");
        let success = json!({"output": json!({"result": id}).to_string()});
        self.add("SendTaskSuccess", success, Effect::Result { arn: task, id });
        self.redrive(&waiting, format!("redrive-{round}-w"));
        let comment = format!("comment-{round}-");
        let definition =
            json!({"Comment": comment, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}});
        let update = json!({"stateMachineArn": machine_arn(EXTRA), "definition": definition.to_string()});
        self.add("UpdateStateMachine", update, Effect::Update { comment });
        let value = format!("tag-{round}-");
        let tag = json!({"resourceArn": machine_arn(EXTRA), "tags": [{"key": "k", "value": value}]});
        self.add("TagResource", tag, Effect::Tag { value });
        let name = format!("script-m-{}", round / 2);
        if round.is_multiple_of(2) {
            self.create(&name, &pass_chain(1));
        } else {
            let delete = json!({"stateMachineArn": machine_arn(&name)});
            self.add("DeleteStateMachine", delete, Effect::DeleteMachine { name });
        }
    }

    /// Whether every call was answered.
    pub(super) fn is_done(&self) -> bool {
        self.next == self.steps.len()
    }

    /// Makes the calls until one gets no answer.
    pub(super) fn run(&mut self, address: SocketAddr) {
        let mut client = Client::new(address).with_answer_timeout(Duration::from_secs(20));
        let mut token = Value::Null;
        while let Some(step) = self.steps.get_mut(self.next) {
            if let Effect::Result { .. } = step.effect {
                step.request["taskToken"] = token.clone();
            }
            match client.call(step.operation, &step.request) {
                Err(CallError::NotSent(_)) => return,
                Err(CallError::Unanswered(_)) => {
                    step.fate = Fate::Unknown;
                    return;
                }
                Ok(answer) if !answer.is_ok() => {
                    // What the check will make of it: no call of the script is refused.
                    step.answer = answer.json();
                    step.fate = Fate::Unknown;
                    return;
                }
                Ok(answer) => {
                    step.answer = answer.json();
                    step.fate = Fate::Done;
                    if let Effect::Take { .. } = step.effect {
                        token = step.answer["taskToken"].clone();
                    }
                }
            }
            self.next += 1;
        }
    }

    /// As [`Script::run`], of a server that is starting and may be killed before it serves.
    ///
    /// # Errors
    /// It does neither serve nor end.
    pub(super) fn run_once_it_serves(&mut self, server: &mut Served) -> anyhow::Result<()> {
        if self.serves(server)? {
            self.run(server.address);
        }
        Ok(())
    }

    /// Waits until a server serves or has ended; gives whether it serves.
    ///
    /// # Errors
    /// It does neither.
    pub(super) fn serves(&self, server: &mut Served) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let mut client = Client::new(server.address).with_answer_timeout(SERVES_WITHIN);
        loop {
            if client.call("ListActivities", &json!({})).is_ok_and(|answer| answer.is_ok()) {
                return Ok(true);
            }
            if server.wait(Duration::from_millis(1))?.is_some() {
                return Ok(false);
            }
            ensure!(begun.elapsed() < SERVES_WITHIN, "the server neither serves nor ends");
        }
    }

    /// Checks a server that was started again: everything answered is there, the call without an answer is there as a
    /// whole or not at all, and nothing else.
    ///
    /// # Errors
    /// The first promise that is broken.
    pub(super) fn check(&self, client: &mut Client) -> anyhow::Result<()> {
        if let Some(refused) =
            self.steps.iter().find(|step| step.fate == Fate::Unknown && step.answer != Value::Null)
        {
            bail!("{} {} was refused: {}", refused.operation, refused.request, refused.answer);
        }
        let mut comments = Last::default();
        let mut tags = Last::default();
        for step in &self.steps {
            match &step.effect {
                Effect::Update { comment } => comments.add(step.fate, comment),
                Effect::Tag { value } => tags.add(step.fate, value),
                Effect::CreateMachine { name } => self.check_machine(client, name)?,
                Effect::CreateActivity => {
                    let list = client.must("ListActivities", &json!({}))?;
                    let exists = list["activities"].as_array().is_some_and(|all| !all.is_empty());
                    expect(step.fate, u64::from(exists), "the activity")?;
                }
                Effect::Start { arn, input } => self.check_execution(client, step.fate, arn, input)?,
                Effect::Take { .. }
                | Effect::Stop { .. }
                | Effect::Redrive { .. }
                | Effect::Result { .. }
                | Effect::DeleteMachine { .. } => {}
            }
        }
        let extra = client.call("DescribeStateMachine", &json!({"stateMachineArn": machine_arn(EXTRA)}))?;
        if extra.is_ok() {
            let definition = extra.json()["definition"].as_str().unwrap_or_default().to_owned();
            comments.check(&definition, "the definition that was updated")?;
            let listed = client.must("ListTagsForResource", &json!({"resourceArn": machine_arn(EXTRA)}))?;
            tags.check(&listed.to_string(), "the tag")?;
        }
        // The server goes on.
        let created = client.must(
            "CreateStateMachine",
            &json!({"name": "script-after", "roleArn": ROLE, "definition": pass_chain(1).to_string()}),
        )?;
        client.must(
            "StartExecution",
            &json!({"stateMachineArn": created["stateMachineArn"], "name": "after"}),
        )?;
        Ok(())
    }

    /// A machine is there if the last of its creations and deletions that was carried out is a creation.
    fn check_machine(&self, client: &mut Client, name: &str) -> anyhow::Result<()> {
        let mut may_be = vec![false];
        for step in &self.steps {
            let after = match &step.effect {
                Effect::CreateMachine { name: of } if of == name => true,
                Effect::DeleteMachine { name: of } if of == name => false,
                _ => continue,
            };
            match step.fate {
                Fate::Done => may_be = vec![after],
                Fate::Unknown => may_be.push(after),
                Fate::Never => {}
            }
        }
        let request = json!({"stateMachineArn": machine_arn(name)});
        let answer = client.call("DescribeStateMachine", &request)?;
        let is = answer.is_ok() && answer.json()["status"] == "ACTIVE";
        // A deletion of which nobody was told may still be under way.
        ensure!(may_be.contains(&is), "the machine {name} is {}there", if is { "" } else { "not " });
        Ok(())
    }

    fn check_execution(&self, client: &mut Client, fate: Fate, arn: &str, input: &str) -> anyhow::Result<()> {
        let answer = client.call("DescribeExecution", &json!({"executionArn": arn}))?;
        expect(fate, u64::from(answer.is_ok()), arn)?;
        if !answer.is_ok() {
            return Ok(());
        }
        let body = answer.json();
        ensure!(body["input"] == input, "{arn} has the input {}", body["input"]);
        let page = client.must("GetExecutionHistory", &json!({"executionArn": arn, "maxResults": 1_000}))?;
        let events = page["events"].as_array().context("a history without events")?;
        let faults = faults(events, body["status"] != "RUNNING");
        ensure!(faults.is_empty(), "{arn}: {}", faults.join("; "));
        let found = results(events);
        let of_type = |name: &str| events.iter().filter(|event| event["type"] == name).collect::<Vec<_>>();
        let redriven = of_type("ExecutionRedriven");
        let (mut redrives_done, mut redrives_at_most) = (0, 0);
        for step in &self.steps {
            match &step.effect {
                Effect::Stop { arn: of, cause } if of == arn => {
                    let is_it = |event: &&&Value| event["executionAbortedEventDetails"]["cause"] == **cause;
                    let count = of_type("ExecutionAborted").iter().filter(is_it).count();
                    expect(step.fate, count as u64, &format!("the end of {arn}"))?;
                }
                Effect::Result { arn: of, id } if of == arn => {
                    let count = found.iter().filter(|known| *known == id).count();
                    expect(step.fate, count as u64, &format!("the result {id} of {arn}"))?;
                }
                Effect::Redrive { arn: of } if of == arn => {
                    redrives_done += usize::from(step.fate == Fate::Done);
                    redrives_at_most += usize::from(step.fate != Fate::Never);
                    let date = &step.answer["redriveDate"];
                    let is_there = redriven.iter().any(|event| event["timestamp"] == *date);
                    ensure!(step.fate != Fate::Done || is_there, "{arn}: the redrive of {date} is gone");
                }
                Effect::Take { worker } if arn.ends_with(&format!(":t-{}", number_of(worker))) => {
                    let is_it =
                        |event: &&&Value| event["activityStartedEventDetails"]["workerName"] == **worker;
                    let count = of_type("ActivityStarted").iter().filter(is_it).count();
                    expect(step.fate, count as u64, &format!("the task of {worker}"))?;
                }
                _ => {}
            }
        }
        ensure!(
            (redrives_done..=redrives_at_most).contains(&redriven.len()),
            "{arn} was redriven {} times, not {redrives_done} to {redrives_at_most}",
            redriven.len()
        );
        ensure!(body["redriveCount"] == redriven.len(), "{arn}: redriveCount is {}", body["redriveCount"]);
        Ok(())
    }
}

/// The round in the name of a worker.
fn number_of(worker: &str) -> &str {
    worker.split('-').nth(1).unwrap_or_default()
}

/// What was carried out is there once, what perhaps was once at most, what was not is not there.
fn expect(fate: Fate, count: u64, what: &str) -> anyhow::Result<()> {
    let is_right = match fate {
        Fate::Done => count == 1,
        Fate::Unknown => count <= 1,
        Fate::Never => count == 0,
    };
    ensure!(is_right, "{what} is there {count} times, and the call was {fate:?}");
    Ok(())
}

/// A value that is set again and again.
#[derive(Debug, Default)]
struct Last {
    done: Option<String>,
    perhaps: Option<String>,
}

impl Last {
    fn add(&mut self, fate: Fate, value: &str) {
        match fate {
            Fate::Done => self.done = Some(value.to_owned()),
            Fate::Unknown => self.perhaps = Some(value.to_owned()),
            Fate::Never => {}
        }
    }

    fn check(&self, text: &str, what: &str) -> anyhow::Result<()> {
        let holds = |value: &Option<String>| value.as_ref().is_some_and(|value| text.contains(value));
        let is_right = self.done.is_none() || holds(&self.done) || holds(&self.perhaps);
        ensure!(is_right, "{what} should have {:?}: {text}", self.done);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_as_many_calls_as_were_asked_for_and_each_has_its_own_words() {
        let script = Script::new(200);
        assert_eq!(script.steps.len(), 200);
        for kind in
            ["RedriveExecution", "StopExecution", "GetActivityTask", "DeleteStateMachine", "TagResource"]
        {
            assert!(script.steps.iter().any(|step| step.operation == kind), "{kind}");
        }
        let requests: std::collections::BTreeSet<String> =
            script.steps.iter().map(|step| format!("{} {}", step.operation, step.request)).collect();
        assert_eq!(requests.len(), 200);
    }

    #[test]
    fn what_was_answered_must_be_there_once() {
        for (fate, counts) in [
            (Fate::Done, [false, true, false]),
            (Fate::Unknown, [true, true, false]),
            (Fate::Never, [true, false, false]),
        ] {
            for (count, holds) in (0..).zip(counts) {
                assert_eq!(expect(fate, count, "it").is_ok(), holds, "{fate:?} {count}");
            }
        }
    }
}
