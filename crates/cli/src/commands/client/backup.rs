//! `stepwell backup DIR`.

use std::path::PathBuf;

use clap::Args;

use super::{ServerArgument, block_on};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stepwell backup /backups/2026-01-01

The server writes the copy, so the directory is on the server's machine. `stepwell serve --data-dir` opens it again.")]
pub(crate) struct BackupArguments {
    /// Where the copy goes: a directory that is missing or empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    server: ServerArgument,
}

/// Has the server copy its data.
pub(crate) fn run(arguments: &BackupArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let absolute = std::path::absolute(&arguments.directory).map_err(Failure::usage)?;
    let Some(directory) = absolute.to_str() else {
        return Err(Failure::usage(format_args!("{} is not a UTF-8 path", absolute.display())));
    };
    let answer = block_on(async { Ok(client.backup(directory).await?) })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(format_args!("copied to {directory}")),
    }
    Ok(())
}
