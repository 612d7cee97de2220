//! State machines and an alias that each client creates, updates and deletes: what is acknowledged must be there, what is not may be.

use std::collections::BTreeSet;

use serde_json::json;
use stepwell_benchmarks::{
    client::{Answer, CallError},
    machines::ROLE,
};

use super::{ClientThread, OTHERS_KEPT};
use crate::crash::{ledger::machine_arn, machines::ALIASED};

/// Machines of one client.
const MACHINES: usize = 3;

/// For each machine of a client, and then its alias, the versions that it may have now; `None` stands for its absence.
#[derive(Debug)]
pub(super) struct Extras {
    machines: Vec<(String, BTreeSet<Option<u64>>)>,
}

impl Extras {
    pub(super) fn new(client: u64) -> Self {
        let machines =
            (0..MACHINES).map(|number| (format!("extra-{client}-{number}"), BTreeSet::from([None])));
        let alias = (format!("alias-{client}"), BTreeSet::from([None]));
        Self { machines: machines.chain([alias]).collect() }
    }
}

fn definition(version: u64) -> String {
    json!({"Comment": version.to_string(), "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}})
        .to_string()
}

/// Whether an answer says that the machine or alias does not exist.
fn is_missing(answer: &Answer) -> bool {
    matches!(answer.error_name().as_str(), "StateMachineDoesNotExist" | "ResourceNotFound")
}

/// What a call leads to if it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Create(u64),
    Update(u64),
    Delete,
}

impl ClientThread<'_> {
    /// Changes one of the client's machines. False when the server is down.
    pub(super) fn change_machine(&mut self) -> bool {
        let number = self.random.below(MACHINES as u64 + 1) as usize;
        let is_alias = number == MACHINES;
        if self.random.chance(25) {
            return self.look_at_machine(number);
        }
        let version = self.shared.unique();
        let is_absent = self.extras.machines[number].1 == BTreeSet::from([None]);
        let change = match self.random.below(3) {
            _ if is_absent => Change::Create(version),
            0 => Change::Delete,
            _ => Change::Update(version),
        };
        let name = self.extras.machines[number].0.clone();
        let arn = machine_arn(&name);
        let alias_arn = format!("{}:{name}", machine_arn(ALIASED));
        let answer = match change {
            Change::Create(version) if is_alias => {
                let route =
                    json!([{"stateMachineVersionArn": format!("{}:1", machine_arn(ALIASED)), "weight": 100}]);
                let description = version.to_string();
                self.call(
                    "CreateStateMachineAlias",
                    &json!({"name": name, "description": description, "routingConfiguration": route}),
                )
            }
            Change::Update(version) if is_alias => self.call(
                "UpdateStateMachineAlias",
                &json!({"stateMachineAliasArn": alias_arn, "description": version.to_string()}),
            ),
            Change::Delete if is_alias => {
                self.call("DeleteStateMachineAlias", &json!({"stateMachineAliasArn": alias_arn}))
            }
            Change::Create(version) => self.call(
                "CreateStateMachine",
                &json!({"name": name, "roleArn": ROLE, "definition": definition(version)}),
            ),
            Change::Update(version) => self.call(
                "UpdateStateMachine",
                &json!({"stateMachineArn": arn, "definition": definition(version)}),
            ),
            Change::Delete => self.call("DeleteStateMachine", &json!({"stateMachineArn": arn})),
        };
        let new = match change {
            Change::Create(version) | Change::Update(version) => Some(version),
            Change::Delete => None,
        };
        let possible = &mut self.extras.machines[number].1;
        match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => {
                // An update can't bring back what is not there; then the old state is the only one left, and it stays in.
                possible.insert(new);
                self.shared.ledger.count("machine changes without an answer");
            }
            Ok(answer) if answer.is_ok() => {
                *possible = BTreeSet::from([new]);
                let what =
                    if is_alias { "alias changes acknowledged" } else { "machine changes acknowledged" };
                self.shared.ledger.count(what);
            }
            Ok(answer) => {
                let gone = is_missing(&answer) && possible.contains(&None);
                self.shared.violations.expect(gone, OTHERS_KEPT, || {
                    format!(
                        "{name}: {change:?} was refused with {} though it may be {possible:?}",
                        answer.json()
                    )
                });
                if gone {
                    *possible = BTreeSet::from([None]);
                }
            }
        }
        true
    }

    /// Describes a machine: it must be in a state that it may be in, and from then on it is known.
    fn look_at_machine(&mut self, number: usize) -> bool {
        let (name, _) = self.extras.machines[number].clone();
        let is_alias = number == MACHINES;
        let answer = if is_alias {
            let arn = format!("{}:{name}", machine_arn(ALIASED));
            self.call("DescribeStateMachineAlias", &json!({"stateMachineAliasArn": arn}))
        } else {
            self.call("DescribeStateMachine", &json!({"stateMachineArn": machine_arn(&name)}))
        };
        let found = match answer {
            Err(CallError::NotSent(_)) => return false,
            Err(CallError::Unanswered(_)) => return true,
            Ok(answer) if is_missing(&answer) => None,
            Ok(answer) if answer.is_ok() && is_alias => {
                answer.json()["description"].as_str().and_then(|version| version.parse().ok())
            }
            Ok(answer) if answer.is_ok() => {
                let definition = answer.json()["definition"].clone();
                let definition: serde_json::Value =
                    serde_json::from_str(definition.as_str().unwrap_or_default()).unwrap_or_default();
                definition["Comment"].as_str().and_then(|version| version.parse().ok())
            }
            Ok(_) => return true,
        };
        let possible = &mut self.extras.machines[number].1;
        let right = possible.contains(&found);
        self.shared
            .violations
            .expect(right, OTHERS_KEPT, || format!("{name} is at version {found:?}, it may be {possible:?}"));
        *possible = BTreeSet::from([found]);
        true
    }

    /// Looks at all machines of the client, once no kills come any more.
    pub(super) fn check_extras(&mut self) {
        for number in 0..=MACHINES {
            self.look_at_machine(number);
        }
    }
}
