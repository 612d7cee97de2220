//! `stepwell deploy [TEMPLATE]`: the state machines of a CDK app, a SAM or a CloudFormation template on this server.

mod activity;
mod cloud_assembly;
mod contents;
mod definition;
mod diff;
mod edit;
mod functions;
mod given;
mod machine;
mod nested;
mod physical;
mod plan;
mod publish;
mod resolve;
mod show;
mod template;
mod unknowns;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use self::activity::ActivityPlan;
use self::contents::Contents;
use self::given::Given;
use self::plan::{Action, Plan};
use self::publish::{AliasPlan, VersionPlan};
use self::resolve::{Destination, Findings, Resolver};
use self::template::Template;
use self::versions::VersionKey;
use super::client::{ServerArgument, block_on, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};

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
    if templates.iter().all(contents::is_empty) {
        let text = format!("{} has no state machines and no activities", arguments.template.display());
        return Err(Failure::Usage(text));
    }
    let client = arguments.server.client()?;
    block_on(async {
        let destination = destination(&client).await?;
        let mut findings = Findings::default();
        let contents = read(&templates, &given, &destination, &mut findings);
        let unknown = findings.unknowns.text();
        for line in given.unused(&findings.asked, unknown.is_none()) {
            output::warning(line);
        }
        if let Some(text) = unknown {
            return Err(Failure::Usage(text));
        }
        for line in &contents.left_out {
            output::warning(line);
        }
        check(&templates, &contents)?;
        let work = Work::plan(&client, &destination, &contents).await?;
        if format == Format::Text {
            show::assumptions(&findings);
        }
        let published =
            if arguments.diff { BTreeMap::new() } else { work.carry_out(&client, format).await? };
        match format {
            Format::Json => output::json(&show::json(&work, &published, &findings, &contents)),
            Format::Text if arguments.diff => show::plan(&work),
            Format::Text => show::published(&work, &published),
        }
        if arguments.diff && work.differs() { Err(Failure::Unsuccessful) } else { Ok(()) }
    })
}

/// Everything that is to be done, in the order in which it is done.
struct Work<'a> {
    machines: Vec<Plan<'a>>,
    activities: Vec<ActivityPlan<'a>>,
    versions: Vec<VersionPlan<'a>>,
    aliases: Vec<AliasPlan<'a>>,
}

impl<'a> Work<'a> {
    async fn plan(
        client: &Client,
        destination: &Destination,
        contents: &'a Contents,
    ) -> Result<Self, Failure> {
        let (mut machines, mut activities, mut versions, mut aliases) = (vec![], vec![], vec![], vec![]);
        for machine in &contents.machines {
            machines.push(plan::plan(client, destination, machine).await?);
        }
        for activity in &contents.activities {
            activities.push(ActivityPlan::plan(client, destination, activity).await?);
        }
        for version in &contents.versions {
            versions.push(publish::plan_version(client, version, &machines).await?);
        }
        for alias in &contents.aliases {
            aliases.push(publish::plan_alias(client, alias, &versions).await?);
        }
        Ok(Work { machines, activities, versions, aliases })
    }

    /// Does it. Gives the ARNs of all versions.
    async fn carry_out(
        &self,
        client: &Client,
        format: Format,
    ) -> Result<BTreeMap<VersionKey, String>, Failure> {
        for plan in &self.activities {
            let name = &plan.activity.name;
            let refused = |error| Failure::Refused(format!("activity {name}: {error}"));
            plan.carry_out(client).await.map_err(refused)?;
        }
        for plan in &self.machines {
            let name = &plan.machine.name;
            plan.carry_out(client).await.map_err(|error| Failure::Refused(format!("{name}: {error}")))?;
            if format == Format::Text {
                show::machine(plan, false);
            }
        }
        let published = publish::publish(client, &self.versions).await?;
        for alias in &self.aliases {
            alias.carry_out(client, &published).await?;
        }
        Ok(published)
    }

    fn differs(&self) -> bool {
        self.machines.iter().any(|plan| plan.action != Action::Nothing)
            || self.activities.iter().any(|plan| plan.action != Action::Nothing)
            || self.versions.iter().any(|plan| plan.arn.is_none())
            || self.aliases.iter().any(|plan| plan.action != Action::Nothing)
    }
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
        contents.read(&mut resolver);
    }
    contents
}

/// Nothing is changed unless everything can be.
fn check(templates: &[Template], contents: &Contents) -> Result<(), Failure> {
    let machines = &contents.machines;
    if let Some(text) = machine::same_name(machines) {
        return Err(Failure::Usage(text));
    }
    let mut are_valid = true;
    for machine in machines {
        let mut templates = templates.iter().chain(&contents.nested);
        if let Some(template) = templates.find(|template| template.stack == machine.stack) {
            are_valid &= machine.definition.check(template, &machine.logical_id, machine.machine_type);
        }
    }
    if are_valid { Ok(()) } else { Err(Failure::InvalidDefinition) }
}
