//! Building what a task needs.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Builds packages in release mode and gives the directory of the binaries.
fn release(packages: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["build", "--release"]);
    for package in packages {
        command.args(["--package", package]);
    }
    // What `cargo run` tells xtask about itself would make build scripts that watch these variables run again, and with
    // them everything that rests on them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let status = command.status().context("can't run cargo")?;
    if !status.success() {
        bail!("cargo build failed");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(std::path::absolute(target.join("release"))?)
}

/// The `stepwell` binary: the one named, else built in release mode.
pub(crate) fn stepwell(binary: Option<&Path>) -> anyhow::Result<PathBuf> {
    let binary = match binary {
        Some(binary) => std::path::absolute(binary)?,
        None => release(&["stepwell"])?.join("stepwell"),
    };
    if !binary.is_file() {
        bail!("{} is not there", binary.display());
    }
    Ok(binary)
}

/// Builds and runs the benchmark; that of JSONata where the first argument is `jsonata`.
pub(crate) fn bench(arguments: &[OsString]) -> anyhow::Result<bool> {
    if let Some((first, rest)) = arguments.split_first()
        && first == "jsonata"
    {
        let program = release(&["stepwell-jsonata-benchmark"])?.join("jsonata-bench");
        let status = Command::new(program).args(rest).status().context("can't run the benchmark")?;
        return Ok(status.success());
    }
    let directory = release(&["stepwell", "stepwell-benchmarks"])?;
    let status =
        Command::new(directory.join("bench")).args(arguments).status().context("can't run the benchmark")?;
    Ok(status.success())
}
