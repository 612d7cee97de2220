//! `stepwell list machines|executions|versions|aliases|activities`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{PAGE_SIZE, ServerArgument, block_on, names, text, time};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell list machines
  stepwell list executions order --status FAILED --limit 20
  stepwell list executions order:live      those started with the alias
  stepwell list versions order")]
pub(crate) struct ListArguments {
    #[command(subcommand)]
    what: What,
}

/// What is listed.
#[derive(Debug, Subcommand)]
enum What {
    /// State machines
    #[command(after_help = "Example:\n  stepwell list machines")]
    Machines {
        #[command(flatten)]
        list: ListFlags,
    },
    /// Executions of a state machine, newest first
    #[command(after_help = "Example:\n  stepwell list executions order --status RUNNING")]
    Executions {
        /// The state machine, or a version or alias of it as MACHINE:NAME; or its ARN
        machine: String,
        /// Only executions in this status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED
        #[arg(long, value_parser = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"], hide_possible_values = true, ignore_case = true)]
        status: Option<String>,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Versions of a state machine, newest first
    #[command(after_help = "Example:\n  stepwell list versions order")]
    Versions {
        /// The state machine: its name or ARN
        machine: String,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Aliases of a state machine, or those that route to a version, oldest first
    #[command(after_help = "Examples:\n  stepwell list aliases order\n  stepwell list aliases order:3")]
    Aliases {
        /// The state machine, or a version as MACHINE:NUMBER; or its ARN
        machine: String,
        #[command(flatten)]
        list: ListFlags,
    },
    /// Activities
    #[command(after_help = "Example:\n  stepwell list activities")]
    Activities {
        #[command(flatten)]
        list: ListFlags,
    },
}

#[derive(Debug, Args)]
struct ListFlags {
    /// Stop after this many
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    #[command(flatten)]
    server: ServerArgument,
}

/// Prints the list.
pub(crate) fn run(arguments: &ListArguments, format: Format) -> Result<(), Failure> {
    let (flags, operation, member) = match &arguments.what {
        What::Machines { list } => (list, "ListStateMachines", "stateMachines"),
        What::Executions { list, .. } => (list, "ListExecutions", "executions"),
        What::Versions { list, .. } => (list, "ListStateMachineVersions", "stateMachineVersions"),
        What::Aliases { list, .. } => (list, "ListStateMachineAliases", "stateMachineAliases"),
        What::Activities { list } => (list, "ListActivities", "activities"),
    };
    let client = flags.server.client()?;
    let items = block_on(async {
        let mut request = json!({});
        if let What::Executions { machine, .. }
        | What::Versions { machine, .. }
        | What::Aliases { machine, .. } = &arguments.what
        {
            request["stateMachineArn"] = names::machine(&client, machine).await?.into();
        }
        if let What::Executions { status: Some(status), .. } = &arguments.what {
            request["statusFilter"] = status.to_uppercase().into();
        }
        pages(&client, operation, member, request, flags.limit).await
    })?;
    if format == Format::Json {
        output::json(&json!({member: items}));
        return Ok(());
    }
    let row = |keys: &[&str], times: &[&str]| -> Vec<Vec<String>> {
        items
            .iter()
            .map(|item| {
                let texts = keys.iter().map(|key| text(item, key).to_owned());
                texts.chain(times.iter().map(|key| time(item, key))).collect()
            })
            .collect()
    };
    match arguments.what {
        What::Machines { .. } => {
            output::table(&["NAME", "TYPE", "CREATED"], &row(&["name", "type"], &["creationDate"]));
        }
        What::Executions { .. } => output::table(
            &["NAME", "STATUS", "STARTED", "ENDED"],
            &row(&["name", "status"], &["startDate", "stopDate"]),
        ),
        What::Versions { .. } => {
            output::table(&["VERSION", "PUBLISHED"], &row(&["stateMachineVersionArn"], &["creationDate"]));
        }
        What::Aliases { .. } => {
            output::table(&["ALIAS", "CREATED"], &row(&["stateMachineAliasArn"], &["creationDate"]));
        }
        What::Activities { .. } => {
            output::table(&["NAME", "CREATED"], &row(&["name"], &["creationDate"]));
        }
    }
    Ok(())
}

async fn pages(
    client: &Client,
    operation: &str,
    member: &str,
    mut request: Value,
    limit: u64,
) -> Result<Vec<Value>, Failure> {
    let mut items: Vec<Value> = Vec::new();
    loop {
        let left = limit.saturating_sub(items.len() as u64);
        request["maxResults"] = left.min(PAGE_SIZE).into();
        let mut page = client.call(operation, &request).await?;
        if let Some(Value::Array(found)) = page.get_mut(member).map(Value::take) {
            items.extend(found);
        }
        match page["nextToken"].as_str() {
            Some(token) if (items.len() as u64) < limit => request["nextToken"] = token.into(),
            _ => return Ok(items),
        }
    }
}
