//! `stepwell deploy [TEMPLATE]`: the state machines of a CDK app, a SAM or a CloudFormation template on this server.

mod cloud_assembly;
mod definition;
mod diff;
mod edit;
mod functions;
mod given;
mod machine;
mod physical;
mod plan;
mod resolve;
mod template;
mod unknowns;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value as Json, json};

use self::given::Given;
use self::machine::{Activity, Contents, Machine};
use self::plan::{Action, Change, Plan};
use self::resolve::{Destination, Findings, Resolver};
use self::template::Template;
use super::client::{ServerArgument, block_on, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, BOLD, FAINT, Format, GREEN, RED, YELLOW, styled};

/// Arguments of `deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell deploy                                  ./cdk.out, ./.aws-sam/build/template.yaml or ./template.yaml
  stepwell deploy cdk.out --stack Orders --map local.toml
  stepwell deploy template.yaml --parameter Stage=dev --diff

What the template leaves open (parameters without a default, ARNs of resources that this can't name) is listed with
the lines to write into the file of --map. State machines that the template no longer has stay on the server.

Exit code 0: deployed, or with --diff no differences; 1: differences (--diff); 2: something is not known or invalid.")]
pub(crate) struct DeployArguments {
    /// A template (YAML or JSON), a cdk.out directory, or a directory that has one of them
    #[arg(value_name = "TEMPLATE", default_value = ".", hide_default_value = true)]
    template: PathBuf,
    /// The stack of the cdk.out that is meant [default: all]; for a template, the value of AWS::StackName
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Values for what the template leaves open: TOML, such as "ShipFunction.Arn" = "arn:…"
    #[arg(long = "map", value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The value of a parameter; can be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, String)>,
    /// Show what would change, and change nothing
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    server: ServerArgument,
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Deploys, or shows what would change.
pub(crate) fn run(arguments: &DeployArguments, format: Format) -> Result<(), Failure> {
    let templates = template::load(&arguments.template, arguments.stack.as_deref())?;
    let given = Given::load(arguments.mapping.as_deref(), &arguments.parameters)?;
    if templates.iter().all(machine::is_empty) {
        let text = format!("{} has no state machines and no activities", arguments.template.display());
        return Err(Failure::Usage(text));
    }
    let client = arguments.server.client()?;
    block_on(async {
        let destination = destination(&client).await?;
        let mut findings = Findings::default();
        let contents = read(&templates, &given, &destination, &mut findings);
        if let Some(text) = findings.unknowns.text() {
            return Err(Failure::Usage(text));
        }
        for line in given.unused(&findings.asked).iter().chain(&contents.left_out) {
            output::warning(line);
        }
        check(&templates, &contents.machines)?;
        let mut plans = Vec::new();
        for machine in &contents.machines {
            plans.push(plan::plan(&client, &destination, machine).await?);
        }
        let mut activities = Vec::new();
        for activity in &contents.activities {
            activities.push(deploy_activity(&client, &destination, activity, arguments.diff).await?);
        }
        if format == Format::Text {
            note_assumptions(&findings);
        }
        for plan in &plans {
            if !arguments.diff {
                plan.carry_out(&client)
                    .await
                    .map_err(|error| Failure::Refused(format!("{}: {error}", plan.machine.name)))?;
            }
            if format == Format::Text {
                print(plan, arguments.diff);
            }
        }
        if format == Format::Json {
            output::json(&as_json(&plans, &activities, &findings, &contents));
        } else {
            for (name, _, action) in activities.iter().filter(|(_, _, action)| *action != Action::Nothing) {
                output::line(format_args!("activity {name}: {}", outcome(*action, arguments.diff)));
            }
        }
        let differs = plans.iter().any(|plan| plan.action != Action::Nothing)
            || activities.iter().any(|(_, _, action)| *action != Action::Nothing);
        if arguments.diff && differs { Err(Failure::Unsuccessful) } else { Ok(()) }
    })
}

/// The account and region that the server takes calls to be made in.
async fn destination(client: &Client) -> Result<Destination, Failure> {
    let version = client.get("/version").await?;
    match (text(&version, "account"), text(&version, "region")) {
        ("", _) | (_, "") => Err(Failure::Refused(format!(
            "{} does not tell its account and region at /version; is it a Stepwell of this version?",
            client.endpoint()
        ))),
        (account, region) => Ok(Destination { account: account.to_owned(), region: region.to_owned() }),
    }
}

fn read(
    templates: &[Template],
    given: &Given,
    destination: &Destination,
    findings: &mut Findings,
) -> Contents {
    let mut contents = Contents::default();
    for template in templates {
        let mut resolver = Resolver { template, given, destination, findings, user: String::new(), chain: 0 };
        machine::read(&mut resolver, &mut contents);
    }
    contents
}

/// Nothing is changed unless everything can be.
fn check(templates: &[Template], machines: &[Machine]) -> Result<(), Failure> {
    if let Some(text) = machine::same_name(machines) {
        return Err(Failure::Usage(text));
    }
    let mut are_valid = true;
    for machine in machines {
        if let Some(template) = templates.iter().find(|template| template.stack == machine.stack) {
            are_valid &= machine.definition.check(template, &machine.logical_id, machine.machine_type);
        }
    }
    if are_valid { Ok(()) } else { Err(Failure::InvalidDefinition) }
}

/// Name, ARN and what was done.
type DeployedActivity = (String, String, Action);

async fn deploy_activity(
    client: &Client,
    destination: &Destination,
    activity: &Activity,
    only_look: bool,
) -> Result<DeployedActivity, Failure> {
    let arn = destination.arn("states", &format!("activity:{}", activity.name));
    let action = match client.call("DescribeActivity", &json!({"activityArn": arn})).await {
        Ok(_) => Action::Nothing,
        Err(error) if error.is("ActivityDoesNotExist") => Action::Create,
        Err(error) => return Err(error.into()),
    };
    if action == Action::Create && !only_look {
        client.call("CreateActivity", &json!({"name": activity.name})).await?;
    }
    Ok((activity.name.clone(), arn, action))
}

/// Tells of names that AWS would have made up.
fn note_assumptions(findings: &Findings) {
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

fn print(plan: &Plan<'_>, only_look: bool) {
    let what: Vec<&str> = plan.changes.iter().map(|change| change.what).collect();
    let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
    let name = styled(BOLD, &plan.machine.name);
    output::line(format_args!("{name}: {}{what}", outcome(plan.action, only_look)));
    if only_look {
        plan.changes.iter().for_each(print_change);
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

fn as_json(
    plans: &[Plan<'_>],
    activities: &[DeployedActivity],
    findings: &Findings,
    contents: &Contents,
) -> Json {
    let machines = plans.iter().map(|plan| {
        let changes = plan
            .changes
            .iter()
            .map(|change| json!({"what": change.what, "before": change.before, "after": change.after}));
        json!({
            "stack": plan.machine.stack,
            "logicalId": plan.machine.logical_id,
            "name": plan.machine.name,
            "stateMachineArn": plan.arn,
            "action": plan.action.word(),
            "changes": changes.collect::<Vec<_>>(),
        })
    });
    let activities = activities
        .iter()
        .map(|(name, arn, action)| json!({"name": name, "activityArn": arn, "action": action.word()}));
    let assumed = findings
        .assumed
        .iter()
        .map(|(key, (value, source))| json!({"key": key, "value": value, "from": source}));
    json!({
        "stateMachines": machines.collect::<Vec<_>>(),
        "activities": activities.collect::<Vec<_>>(),
        "assumed": assumed.collect::<Vec<_>>(),
        "leftOut": contents.left_out,
    })
}
