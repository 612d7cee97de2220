//! `stepwell completions SHELL`.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepwell completions bash > ~/.local/share/bash-completion/completions/stepwell")]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints a script that the shell reads.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "stepwell", &mut script);
    // A reader that has gone away needs no completions.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}
