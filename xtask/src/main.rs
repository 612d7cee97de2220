//! What the repository does with itself. `cargo xtask --help` lists it.

mod aws_model;
mod build;
mod conformance;
mod crash;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Benchmark, crash tests and conformance of Stepwell.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: cargo xtask crash kill --runs 200 --seed 7")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds in release mode and prints the table of the benchmark
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to `bench`, `--help` too; `jsonata` in front measures JSONata alone
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Kills, starves and breaks a server under load, and checks what it promised
    Crash(crash::Arguments),
    /// Makes the models of AWS services from botocore, from PyPI
    AwsModel,
    /// Plays the conformance kit and compares its failures with the known ones
    Conformance(conformance::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Bench { arguments } => build::bench(&arguments),
        Task::AwsModel => aws_model::run(),
        Task::Crash(arguments) => crash::run(&arguments),
        Task::Conformance(arguments) => conformance::run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
