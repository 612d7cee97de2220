//! The commands, one file each.

pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod eval;
mod host;
pub(crate) mod integrations;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod test;
pub(crate) mod validate;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// Carries out what the arguments say.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let format = arguments.output;
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Run(arguments) => run::run(&arguments, format),
        Command::Test(arguments) => test::run(&arguments, format),
        Command::Eval(arguments) => eval::run(&arguments, format),
        Command::Validate(arguments) => validate::run(&arguments, format),
        Command::Integrations(arguments) => integrations::run(&arguments, format),
        Command::Create(arguments) => client::create::run(&arguments, format),
        Command::Update(arguments) => client::update::run(&arguments, format),
        Command::Publish(arguments) => client::publish::run(&arguments, format),
        Command::Alias(arguments) => client::alias::run(&arguments, format),
        Command::Deploy(arguments) => deploy::run(&arguments, format),
        Command::Delete(arguments) => client::delete::run(&arguments, format),
        Command::Start(arguments) => client::start::run(&arguments, format),
        Command::List(arguments) => client::list::run(&arguments, format),
        Command::Describe(arguments) => client::describe::run(&arguments, format),
        Command::History(arguments) => client::history::run(&arguments, format),
        Command::Watch(arguments) => client::watch::run(&arguments, format),
        Command::Logs(arguments) => client::logs::run(&arguments, format),
        Command::Redrive(arguments) => client::redrive::run(&arguments, format),
        Command::Stop(arguments) => client::stop::run(&arguments, format),
        Command::Task(arguments) => client::task::run(&arguments, format),
        Command::TestState(arguments) => client::test_state::run(&arguments, format),
        Command::Backup(arguments) => client::backup::run(&arguments, format),
        Command::Env(arguments) => env::run(&arguments, format),
        Command::Doctor(arguments) => doctor::run(&arguments, format),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
