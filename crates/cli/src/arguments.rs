//! The command line: one subcommand for each thing that `stepwell` does.

use clap::{Parser, Subcommand};

use crate::commands::client::{
    alias, backup, create, delete, describe, history, list, logs, publish, redrive, start, stop, task,
    test_state, update, watch,
};
use crate::commands::{completions, deploy, doctor, env, eval, integrations, run, serve, test, validate};
use crate::output::Format;

/// AWS Step Functions on your own machines: serve, run and check state machines.
#[derive(Debug, Parser)]
#[command(name = "stepwell", version, disable_help_subcommand = true, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

const AFTER_HELP: &str = "\
Examples:
  stepwell run order.asl.json --input '{\"order\": 1}'    run once, here, without a server
  stepwell serve                                        serve the Step Functions API on port 8083
  stepwell test workflows                               run the tests beside the definitions there
  stepwell eval '$sum(price)' --input @order.json       evaluate JSONata, plain or as in a state
  stepwell start order --input @order.json --wait       start an execution on the server

Exit codes: 0 done; 1 the execution, evaluation or a test did not succeed; 2 wrong usage, invalid definition,
test file or expression; 3 the server can't be reached or refused; 4 internal error.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the Step Functions API
    Serve(serve::ServeArguments),
    /// Run a definition once, without a server: the path on standard error, the output on standard output
    Run(run::RunArguments),
    /// Check definitions
    Validate(validate::ValidateArguments),
    /// Run the tests of definitions: mocked tasks, virtual time, coverage
    Test(test::TestArguments),
    /// Evaluate a JSONata expression or a JSONPath
    Eval(eval::EvalArguments),
    /// List the services, actions and parameters that tasks can use
    Integrations(integrations::IntegrationsArguments),
    /// Create a state machine from a definition
    Create(create::CreateArguments),
    /// Give a state machine another definition
    Update(update::UpdateArguments),
    /// Publish a version of a state machine
    Publish(publish::PublishArguments),
    /// Route an alias of a state machine to versions
    Alias(alias::AliasArguments),
    /// Create or update the state machines of a CDK app, a SAM or a CloudFormation template
    Deploy(deploy::DeployArguments),
    /// Delete a state machine, a version, an alias or an activity
    Delete(delete::DeleteArguments),
    /// Start an execution
    Start(start::StartArguments),
    /// List state machines, executions, versions, aliases or activities
    List(list::ListArguments),
    /// Describe a state machine, a version, an alias, an execution or an activity
    Describe(describe::DescribeArguments),
    /// Show the history of an execution
    History(history::HistoryArguments),
    /// Watch an execution, or the executions of a state machine, as they go
    Watch(watch::WatchArguments),
    /// Print the logs of Batch jobs and ECS tasks that run on the server's machine
    Logs(logs::LogsArguments),
    /// Stop an execution
    Stop(stop::StopArguments),
    /// Let an execution that failed, timed out or was stopped go on
    Redrive(redrive::RedriveArguments),
    /// Answer a task that waits for its token
    Task(task::TaskArguments),
    /// Test one state, with a mock or for real, and show the way of its data
    TestState(test_state::TestStateArguments),
    /// Copy the server's data into a directory while it is served
    Backup(backup::BackupArguments),
    /// Print what a client needs to reach the server
    Env(env::EnvArguments),
    /// Find out why a client can't reach the server
    Doctor(doctor::DoctorArguments),
    /// Print the completions for a shell
    Completions(completions::CompletionsArguments),
}
