//! `stepwell task succeed|fail|heartbeat TOKEN`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ServerArgument, block_on};
use crate::failure::Failure;
use crate::input;
use crate::output::{self, Format};

/// Arguments of `task`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell task succeed @token.txt --result '{\"approved\": true}'
  stepwell task fail @token.txt --error Rejected --cause 'too expensive'")]
pub(crate) struct TaskArguments {
    #[command(subcommand)]
    answer: Answer,
}

/// What became of the task.
#[derive(Debug, Subcommand)]
enum Answer {
    /// The task has a result
    #[command(after_help = "Example:\n  stepwell task succeed @token.txt --result '{\"approved\": true}'")]
    Succeed {
        #[command(flatten)]
        task: Task,
        /// The result as JSON, @FILE, or - for standard input
        #[arg(long, value_name = "JSON", default_value = "{}")]
        result: String,
    },
    /// The task failed
    #[command(after_help = "Example:\n  stepwell task fail @token.txt --error Rejected")]
    Fail {
        #[command(flatten)]
        task: Task,
        /// The name of the error, for Retry and Catch
        #[arg(long)]
        error: Option<String>,
        /// What happened
        #[arg(long)]
        cause: Option<String>,
    },
    /// The task is still being worked on
    #[command(after_help = "Example:\n  stepwell task heartbeat @token.txt")]
    Heartbeat {
        #[command(flatten)]
        task: Task,
    },
}

#[derive(Debug, Args)]
struct Task {
    /// The task token, @FILE, or - for standard input
    token: String,
    #[command(flatten)]
    server: ServerArgument,
}

/// Sends the answer.
pub(crate) fn run(arguments: &TaskArguments, format: Format) -> Result<(), Failure> {
    let (task, operation, mut request) = match &arguments.answer {
        Answer::Succeed { task, result } => {
            if task.token == "-" && result == "-" {
                return Err(Failure::usage("only one of TOKEN and --result can be read from standard input"));
            }
            (task, "SendTaskSuccess", json!({"output": input::json(result)?}))
        }
        Answer::Fail { task, error, cause } => {
            let mut request = json!({});
            for (key, value) in [("error", error), ("cause", cause)] {
                if let Some(value) = value {
                    request[key] = value.as_str().into();
                }
            }
            (task, "SendTaskFailure", request)
        }
        Answer::Heartbeat { task } => (task, "SendTaskHeartbeat", json!({})),
    };
    request["taskToken"] = input::text(&task.token)?.trim().into();
    let client = task.server.client()?;
    let answer = block_on(async { Ok(client.call(operation, &request).await?) })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line("accepted"),
    }
    Ok(())
}
