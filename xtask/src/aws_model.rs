//! Makes the models of AWS services anew: `crates/aws-model/data/README.md`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// Installs the pinned botocore into a virtual environment and runs the maker. Gives true.
pub(crate) fn run() -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let maker = root.join("xtask/aws-model");
    let venv = root.join("target/aws-model-venv");
    let python: PathBuf = venv.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    done(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(maker.join("requirements.txt")),
    )?;
    done(Command::new(&python).arg(maker.join("make.py")).arg(root.join("crates/aws-model/data")))?;
    Ok(true)
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} can't be started"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
