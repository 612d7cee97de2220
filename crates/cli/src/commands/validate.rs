//! `stepwell validate FILE…`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;
use stepwell_asl::{MachineType, Options, analyse};

use crate::definition::{DefinitionFile, files_in, is_standard_input, no_files_in, shown};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report::{self, Finding};

/// Arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell validate order.asl.json
  stepwell validate workflows                          every *.asl.json and *.asl.yaml in workflows
  stepwell validate --type EXPRESS workflows/*.asl.yaml
  stepwell validate --output json order.asl.json
  envsubst < order.asl.json | stepwell validate -

Exit code 0: no errors (there may be warnings); 2: errors.")]
pub(crate) struct ValidateArguments {
    /// Definitions: JSON, or YAML where the name ends in .yaml or .yml; directories with *.asl.json and *.asl.yaml files;
    /// or - for standard input, JSON or YAML
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The type of the state machines
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t, value_name = "TYPE")]
    machine_type: TypeName,
}

/// The two types of state machines, as AWS writes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum TypeName {
    /// Durable, with a history.
    #[default]
    Standard,
    /// Short, without a history.
    Express,
}

impl TypeName {
    /// The word of the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TypeName::Standard => "STANDARD",
            TypeName::Express => "EXPRESS",
        }
    }

    /// What the validator calls it.
    pub(crate) fn machine_type(self) -> MachineType {
        match self {
            TypeName::Standard => MachineType::Standard,
            TypeName::Express => MachineType::Express,
        }
    }
}

/// Checks all files and prints what there is to say.
pub(crate) fn run(arguments: &ValidateArguments, format: Format) -> Result<(), Failure> {
    let mut all_valid = true;
    let mut answers = Vec::new();
    for path in &named(&arguments.files)? {
        let (findings, source) = check(path, arguments.machine_type);
        let path = shown(path);
        all_valid &= !report::has_error(&findings);
        match format {
            Format::Json => answers.push(report::json(Some(path), &source, &findings)),
            Format::Text if findings.is_empty() => output::line(format_args!("{}: valid", path.display())),
            Format::Text => {
                output::line(report::text(Some(path), &source, &findings).trim_end());
                output::line(format_args!("{}: {}", path.display(), report::summary(&findings)));
            }
        }
    }
    if format == Format::Json {
        output::json(&Value::Array(answers));
    }
    if all_valid { Ok(()) } else { Err(Failure::InvalidDefinition) }
}

/// The files that the arguments name: a directory stands for the definitions in it, as for `serve`.
fn named(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    if arguments.iter().filter(|path| is_standard_input(path)).count() > 1 {
        return Err(Failure::usage("standard input can be read once: name - once"));
    }
    for path in arguments {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let found = files_in(path).map_err(Failure::Usage)?;
        if found.is_empty() {
            return Err(Failure::Usage(no_files_in(path)));
        }
        files.extend(found);
    }
    Ok(files)
}

fn check(path: &Path, machine_type: TypeName) -> (Vec<Finding>, String) {
    match DefinitionFile::load_argument(path) {
        Ok(file) => {
            let analysis = analyse(&file.json, &Options { machine_type: machine_type.machine_type() });
            (report::findings(&file, &analysis), file.source)
        }
        Err(error) => {
            let (finding, source) = report::load_finding(error);
            (vec![finding], source)
        }
    }
}

/// Reads a definition that is to be run. Findings go to standard error.
///
/// # Errors
/// The file can't be read, has errors, or uses what this version can't run.
pub(crate) fn load_runnable(path: &Path, machine_type: TypeName) -> Result<DefinitionFile, Failure> {
    let file = match DefinitionFile::load_argument(path) {
        Ok(file) => file,
        Err(error) => {
            let (finding, source) = report::load_finding(error);
            report::note(shown(path), &source, &[finding]);
            return Err(Failure::InvalidDefinition);
        }
    };
    let analysis = analyse(&file.json, &Options { machine_type: machine_type.machine_type() });
    report::note(&file.path, &file.source, &report::findings(&file, &analysis));
    if analysis.is_runnable() { Ok(file) } else { Err(Failure::InvalidDefinition) }
}
