//! `stepwell start NAME`, and how the end of an execution is told.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::follow::{self, Teller};
use super::{ServerArgument, block_on, names, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, Format, RED, styled};
use crate::path_view::{PathView, error_and_cause};
use crate::wait_times::WaitTimes;

/// Arguments of `start`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell start order --input '{\"order\": 1}'          prints the ARN
  stepwell start order --input @order.json --wait       prints the output
  stepwell start order --name run-1 --follow            prints the path, then the output
  stepwell start order:live                             a version or alias of the state machine
  stepwell start 'order#HappyPath' --wait               with the answers of a test case

Exit code with --wait and --follow: 0 when the execution succeeded, else 1.")]
pub(crate) struct StartArguments {
    /// The state machine, or a version or alias of it as MACHINE:NAME; or its ARN; #CASE behind it takes the answers of tasks from the server's mock file
    machine: String,
    /// The input as JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// The name of the execution: starting the same name and input again is the same execution
    #[arg(long)]
    name: Option<String>,
    /// Wait for the end and print the output
    #[arg(long)]
    wait: bool,
    /// Print the path on standard error while it is taken, then the output
    #[arg(long, conflicts_with = "wait")]
    follow: bool,
    #[command(flatten)]
    server: ServerArgument,
}

/// Starts the execution.
pub(crate) fn run(arguments: &StartArguments, format: Format) -> Result<(), Failure> {
    let input = input::json(&arguments.input)?;
    let client = arguments.server.client()?;
    block_on(start(arguments, &client, input, format))
}

async fn start(
    arguments: &StartArguments,
    client: &Client,
    input: String,
    format: Format,
) -> Result<(), Failure> {
    let arn = names::machine_to_start(client, &arguments.machine).await?;
    let mut request = json!({"stateMachineArn": arn, "input": input});
    if let Some(name) = &arguments.name {
        request["name"] = name.as_str().into();
    }
    if !(arguments.wait || arguments.follow) {
        let answer = client.call("StartExecution", &request).await?;
        match format {
            Format::Json => output::json(&answer),
            Format::Text => output::line(text(&answer, "executionArn")),
        }
        return Ok(());
    }
    let machine_arn = arn.split('#').next().unwrap_or_default();
    let machine = client.call("DescribeStateMachine", &json!({"stateMachineArn": machine_arn})).await?;
    let answer = if text(&machine, "type") == "EXPRESS" {
        // Express executions have no history, and can't be asked for once they have ended.
        client.call("StartSyncExecution", &request).await?
    } else {
        let started = client.call("StartExecution", &request).await?;
        let execution = text(&started, "executionArn");
        if arguments.follow {
            let view = PathView::new(WaitTimes::of(text(&machine, "definition"), 1.0));
            follow::follow(client, execution, &mut Teller::Path(Box::new(view)), Duration::ZERO).await?
        } else {
            follow::wait(client, execution).await?
        }
    };
    print_end(&answer, format)
}

/// Prints the output of an execution that succeeded, or why it did not. `answer` is a description of the execution.
///
/// # Errors
/// The execution did not succeed.
pub(crate) fn print_end(answer: &Value, format: Format) -> Result<(), Failure> {
    let status = text(answer, "status");
    let succeeded = status == "SUCCEEDED";
    match format {
        Format::Json => output::json(answer),
        Format::Text if succeeded => output::line(text(answer, "output")),
        Format::Text => {
            let why = error_and_cause(text(answer, "error"), text(answer, "cause"));
            output::note(format_args!("{}{why}", styled(RED, status)));
        }
    }
    if succeeded { Ok(()) } else { Err(Failure::Unsuccessful) }
}
