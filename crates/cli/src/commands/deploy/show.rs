//! What was done, or would be, for people and for programs.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::contents::Contents;
use super::plan::{Action, Change, Plan};
use super::publish::VersionPlan;
use super::resolve::Findings;
use super::versions::VersionKey;
use super::{Work, diff, physical};
use crate::commands::client::text;
use crate::output::{self, BOLD, FAINT, GREEN, RED, YELLOW, styled};

/// Tells of names that AWS would have made up.
pub(super) fn assumptions(findings: &Findings) {
    let made_up = |source: &str| source.starts_with(physical::FROM_LOGICAL_ID);
    for (key, (value, source)) in findings.assumed.iter().filter(|(_, (_, source))| made_up(source)) {
        output::note(styled(FAINT, format_args!("{key} = {value} (from {source})")));
    }
}

fn outcome(action: Action, only_look: bool) -> String {
    match (action, only_look) {
        (Action::Create, false) => styled(GREEN, "created"),
        (Action::Update, false) => styled(GREEN, "updated"),
        (Action::Create, true) => styled(YELLOW, "would be created"),
        (Action::Update, true) => styled(YELLOW, "would be updated"),
        (Action::Nothing, _) => "unchanged".to_owned(),
    }
}

/// What was done about a machine, or would be.
pub(super) fn machine(plan: &Plan<'_>, only_look: bool) {
    line(&plan.machine.name, plan.action, &plan.changes, only_look);
}

/// All that would be done.
pub(super) fn plan(work: &Work<'_>) {
    for plan in &work.machines {
        machine(plan, true);
    }
    others(
        work,
        |plan| match &plan.arn {
            Some(arn) => name_in(arn),
            None => format!("of {}", name_in(&plan.version.machine_arn)),
        },
        true,
    );
}

/// What was done beside the machines.
pub(super) fn published(work: &Work<'_>, published: &BTreeMap<VersionKey, String>) {
    others(work, |plan| published.get(&plan.version.key).map(|arn| name_in(arn)).unwrap_or_default(), false);
}

/// Versions, aliases and activities about which there is something to do.
fn others(work: &Work<'_>, version_name: impl Fn(&VersionPlan<'_>) -> String, only_look: bool) {
    for plan in work.versions.iter().filter(|plan| plan.arn.is_none()) {
        let done = if only_look { styled(YELLOW, "would be published") } else { styled(GREEN, "published") };
        output::line(format_args!("version {}: {done}", styled(BOLD, version_name(plan))));
    }
    for plan in work.aliases.iter().filter(|plan| plan.action != Action::Nothing) {
        let name = format!("{}:{}", name_in(&plan.alias.machine_arn), plan.alias.name);
        line(&format!("alias {name}"), plan.action, &plan.changes, only_look);
    }
    for plan in work.activities.iter().filter(|plan| plan.action != Action::Nothing) {
        line(&format!("activity {}", plan.activity.name), plan.action, &plan.changes, only_look);
    }
}

/// The part of an ARN of a machine, version or alias behind `stateMachine:`.
fn name_in(arn: &str) -> String {
    arn.split_once(":stateMachine:").map_or(arn, |(_, name)| name).to_owned()
}

fn line(name: &str, action: Action, changes: &[Change], only_look: bool) {
    let what: Vec<&str> = changes.iter().map(|change| change.what).collect();
    let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
    output::line(format_args!("{}: {}{what}", styled(BOLD, name), outcome(action, only_look)));
    if only_look {
        changes.iter().for_each(print_change);
    }
}

fn print_change(change: &Change) {
    let (before, after) = match change.what {
        "definition" => (pretty(&change.before), pretty(&change.after)),
        _ => (shown(&change.before), shown(&change.after)),
    };
    output::line(format_args!("  {}", change.what));
    if before == after {
        output::line(styled(FAINT, "    the same JSON, laid out differently"));
    }
    for line in diff::lines(&before, &after) {
        output::line(match line {
            diff::Line::Gap(number) => styled(FAINT, format_args!("    line {number}:")),
            diff::Line::Same(text) => format!("      {text}"),
            diff::Line::Removed(text) => styled(RED, format_args!("    - {text}")),
            diff::Line::Added(text) => styled(GREEN, format_args!("    + {text}")),
        });
    }
}

/// A definition in one layout, so that only what it says is compared.
fn pretty(definition: &Json) -> String {
    let text = definition.as_str().unwrap_or_default();
    stepwell_json::parse(text).map_or_else(|_| text.to_owned(), |value| value.to_pretty_text())
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(tags) if tags.iter().all(|tag| tag.get("key").is_some()) => {
            let tags = tags.iter().map(|tag| format!("{}={}", text(tag, "key"), text(tag, "value")));
            tags.collect::<Vec<_>>().join("\n")
        }
        other => format!("{other:#}"),
    }
}

/// Everything as JSON.
pub(super) fn json(
    work: &Work<'_>,
    published: &BTreeMap<VersionKey, String>,
    findings: &Findings,
    contents: &Contents,
) -> Json {
    let machines = work.machines.iter().map(|plan| {
        json!({
            "stack": plan.machine.stack,
            "logicalId": plan.machine.logical_id,
            "name": plan.machine.name,
            "stateMachineArn": plan.arn,
            "action": plan.action.word(),
            "changes": changes(&plan.changes),
        })
    });
    let versions = work.versions.iter().map(|plan| {
        let (stack, logical_id) = &plan.version.key;
        json!({
            "stack": stack,
            "logicalId": logical_id,
            "stateMachineVersionArn": plan.arn.as_ref().or_else(|| published.get(&plan.version.key)),
            "action": if plan.arn.is_none() { Action::Create.word() } else { Action::Nothing.word() },
        })
    });
    let aliases = work.aliases.iter().map(|plan| {
        json!({
            "stack": plan.alias.stack,
            "logicalId": plan.alias.logical_id,
            "name": plan.alias.name,
            "stateMachineAliasArn": plan.arn,
            "action": plan.action.word(),
            "changes": changes(&plan.changes),
        })
    });
    let activities = work.activities.iter().map(|plan| {
        json!({
            "name": plan.activity.name,
            "activityArn": plan.arn,
            "action": plan.action.word(),
            "changes": changes(&plan.changes),
        })
    });
    let assumed = findings
        .assumed
        .iter()
        .map(|(key, (value, source))| json!({"key": key, "value": value, "from": source}));
    json!({
        "stateMachines": machines.collect::<Vec<_>>(),
        "versions": versions.collect::<Vec<_>>(),
        "aliases": aliases.collect::<Vec<_>>(),
        "activities": activities.collect::<Vec<_>>(),
        "assumed": assumed.collect::<Vec<_>>(),
        "leftOut": contents.left_out,
    })
}

fn changes(changes: &[Change]) -> Vec<Json> {
    let change =
        |change: &Change| json!({"what": change.what, "before": change.before, "after": change.after});
    changes.iter().map(change).collect()
}
