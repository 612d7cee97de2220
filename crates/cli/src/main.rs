//! `stepwell`: serve, run and check state machines, and talk to a running server.
//!
//! This file only takes the arguments to the command that they name and turns its result into an exit code. Everything
//! a user reads comes from [`output`] and [`report`].

mod arguments;
mod client;
mod commands;
mod config;
mod definition;
mod environment;
mod failure;
mod input;
mod log;
mod nearest;
mod output;
mod path_view;
mod report;
mod signals;
mod wait_times;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

#[global_allocator]
static ALLOCATOR: stepwell_allocator::MiMalloc = stepwell_allocator::MiMalloc;

/// The word that makes this program the process that watches over a job; it is no command for people.
const JOB_SHIM: &str = "job-shim";

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == JOB_SHIM) {
        return stepwell_local_jobs::shim::main();
    }
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                output::error(text);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
