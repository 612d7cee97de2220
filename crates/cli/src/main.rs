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
mod wait_times;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
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
