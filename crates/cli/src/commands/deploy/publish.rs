//! Versions that are to be published, and aliases that are to lead to them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::plan::{Action, Change, Plan};
use super::versions::{Alias, Target, Version, VersionKey};
use crate::client::{CallError, Client};
use crate::commands::client::text;
use crate::failure::Failure;

/// Pages of versions that are looked through; a machine has a thousand versions at most.
const PAGES_MAX: usize = 100;

/// What is to be done about one version.
#[derive(Debug)]
pub(super) struct VersionPlan<'a> {
    pub(super) version: &'a Version,
    /// The version that there is; none: it is to be published.
    pub(super) arn: Option<String>,
}

/// What is to be done about one alias.
#[derive(Debug)]
pub(super) struct AliasPlan<'a> {
    pub(super) alias: &'a Alias,
    pub(super) arn: String,
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
}

/// Looks for the version on the server. `machines` are the plans of the machines that are deployed with it.
///
/// # Errors
/// The server can't be asked; there is no such machine.
pub(super) async fn plan_version<'a>(
    client: &Client,
    version: &'a Version,
    machines: &[Plan<'_>],
) -> Result<VersionPlan<'a>, Failure> {
    let arn = &version.machine_arn;
    let machine = machines.iter().find(|plan| plan.arn == *arn);
    if machine.is_some_and(|plan| plan.action == Action::Create) {
        return Ok(VersionPlan { version, arn: None });
    }
    let current = match client.call("DescribeStateMachine", &json!({"stateMachineArn": arn})).await {
        Ok(current) => current,
        Err(error) if error.is("StateMachineDoesNotExist") => {
            return Err(Failure::usage(format_args!(
                "{} is a version of {arn}, which is neither in the template nor on the server",
                version.key.1
            )));
        }
        Err(error) => return Err(error.into()),
    };
    // Newest first.
    let versions = versions(client, arn).await?;
    let found = if version.follows_revision {
        let is_revised = machine.is_some_and(Plan::makes_revision);
        match versions.first() {
            Some(newest) if !is_revised => {
                let described = describe(client, newest).await?;
                (described["revisionId"] == current["revisionId"]).then(|| newest.clone())
            }
            _ => None,
        }
    } else if let Some(description) = &version.description {
        let mut found = None;
        for candidate in &versions {
            if text(&describe(client, candidate).await?, "description") == description {
                found = Some(candidate.clone());
                break;
            }
        }
        found
    } else {
        versions.first().cloned()
    };
    Ok(VersionPlan { version, arn: found })
}

async fn describe(client: &Client, arn: &str) -> Result<Json, CallError> {
    client.call("DescribeStateMachine", &json!({"stateMachineArn": arn})).await
}

/// ARNs of all versions, the newest first.
async fn versions(client: &Client, machine_arn: &str) -> Result<Vec<String>, CallError> {
    let mut arns = Vec::new();
    let mut request = json!({"stateMachineArn": machine_arn});
    for _ in 0..PAGES_MAX {
        let page = client.call("ListStateMachineVersions", &request).await?;
        let listed = page["stateMachineVersions"].as_array().into_iter().flatten();
        arns.extend(listed.map(|version| text(version, "stateMachineVersionArn").to_owned()));
        if page["nextToken"].is_null() {
            break;
        }
        request["nextToken"] = page["nextToken"].clone();
    }
    Ok(arns)
}

/// Compares an alias with what the server has.
///
/// # Errors
/// The server can't be asked; the alias leads to a version that is left out.
pub(super) async fn plan_alias<'a>(
    client: &Client,
    alias: &'a Alias,
    versions: &[VersionPlan<'_>],
) -> Result<AliasPlan<'a>, Failure> {
    let arn = format!("{}:{}", alias.machine_arn, alias.name);
    let mut wanted = Vec::new();
    for route in &alias.routes {
        let version = match &route.target {
            Target::Arn(arn) => arn.clone(),
            Target::Version(key) => match versions.iter().find(|plan| plan.version.key == *key) {
                Some(plan) => plan
                    .arn
                    .clone()
                    .unwrap_or_else(|| format!("{}:(the new version)", plan.version.machine_arn)),
                None => {
                    return Err(Failure::usage(format_args!(
                        "the alias {} leads to the version {}, which is left out",
                        alias.logical_id, key.1
                    )));
                }
            },
        };
        wanted.push((version, route.weight));
    }
    let current = match client.call("DescribeStateMachineAlias", &json!({"stateMachineAliasArn": arn})).await
    {
        Ok(current) => current,
        Err(error) if error.is("ResourceNotFound") => {
            return Ok(AliasPlan { alias, arn, action: Action::Create, changes: Vec::new() });
        }
        Err(error) => return Err(error.into()),
    };
    let routes = current["routingConfiguration"].as_array().into_iter().flatten();
    let there = routes.map(|route| {
        (text(route, "stateMachineVersionArn").to_owned(), route["weight"].as_i64().unwrap_or_default())
    });
    let pairs = [
        ("description", Json::from(text(&current, "description")), alias.description.as_str().into()),
        ("routing", shown_routes(there.collect()), shown_routes(wanted)),
    ];
    let changes: Vec<Change> = pairs
        .into_iter()
        .map(|(what, before, after)| Change { what, before, after })
        .filter(|change| change.before != change.after)
        .collect();
    let action = if changes.is_empty() { Action::Nothing } else { Action::Update };
    Ok(AliasPlan { alias, arn, action, changes })
}

/// One line a route, in an order of their own.
fn shown_routes(mut routes: Vec<(String, i64)>) -> Json {
    routes.sort();
    let lines = routes.iter().map(|(version, weight)| format!("{weight}% {version}"));
    lines.collect::<Vec<_>>().join("\n").into()
}

/// Publishes what is missing. Gives the ARNs of all versions.
///
/// # Errors
/// A call failed.
pub(super) async fn publish(
    client: &Client,
    plans: &[VersionPlan<'_>],
) -> Result<BTreeMap<VersionKey, String>, Failure> {
    let mut arns = BTreeMap::new();
    for plan in plans {
        let arn = match &plan.arn {
            Some(arn) => arn.clone(),
            None => {
                let mut request = json!({"stateMachineArn": plan.version.machine_arn});
                if let Some(description) = &plan.version.description {
                    request["description"] = description.as_str().into();
                }
                let published = client
                    .call("PublishStateMachineVersion", &request)
                    .await
                    .map_err(|error| Failure::Refused(format!("version {}: {error}", plan.version.key.1)))?;
                text(&published, "stateMachineVersionArn").to_owned()
            }
        };
        arns.insert(plan.version.key.clone(), arn);
    }
    Ok(arns)
}

impl AliasPlan<'_> {
    /// Makes the alias lead where it is to lead.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn carry_out(
        &self,
        client: &Client,
        versions: &BTreeMap<VersionKey, String>,
    ) -> Result<(), Failure> {
        let routes: Vec<Json> = self
            .alias
            .routes
            .iter()
            .map(|route| {
                let arn = match &route.target {
                    Target::Arn(arn) => Some(arn),
                    Target::Version(key) => versions.get(key),
                };
                json!({"stateMachineVersionArn": arn, "weight": route.weight})
            })
            .collect();
        let mut request = json!({"description": self.alias.description, "routingConfiguration": routes});
        let operation = match self.action {
            Action::Nothing => return Ok(()),
            Action::Create => {
                request["name"] = self.alias.name.as_str().into();
                "CreateStateMachineAlias"
            }
            Action::Update => {
                request["stateMachineAliasArn"] = self.arn.as_str().into();
                "UpdateStateMachineAlias"
            }
        };
        client
            .call(operation, &request)
            .await
            .map(|_| ())
            .map_err(|error| Failure::Refused(format!("alias {}: {error}", self.alias.name)))
    }
}
