//! The output of `cdk synth`: which templates it has, and the files that would be uploaded for them.
//!
//! What is read of `manifest.json`: artifacts of the types `aws:cloudformation:stack`, `cdk:asset-manifest` and
//! `cdk:cloud-assembly` (a Stage, which is an assembly in a directory of its own).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::definition::plain;
use crate::failure::Failure;

/// Stages within stages that are followed.
const DEPTH_MAX: usize = 8;

/// A stack of an assembly.
#[derive(Debug)]
pub(super) struct Stack {
    /// Its name in AWS.
    pub(super) name: String,
    /// Its name in the assembly.
    pub(super) artifact: String,
    /// Its template.
    pub(super) template: PathBuf,
    /// The files that go with it.
    pub(super) assets: Vec<FileAsset>,
}

/// A file that deployment would upload.
#[derive(Debug, Clone)]
pub(super) struct FileAsset {
    /// The keys that it would have in S3.
    pub(super) object_keys: Vec<String>,
    /// Where it is now.
    pub(super) path: PathBuf,
}

/// The stacks of an assembly and of the stages in it.
///
/// # Errors
/// A manifest can't be read.
pub(super) fn stacks(directory: &Path) -> Result<Vec<Stack>, Failure> {
    let mut stacks = Vec::new();
    collect(directory, 0, &mut stacks)?;
    Ok(stacks)
}

fn collect(directory: &Path, depth: usize, stacks: &mut Vec<Stack>) -> Result<(), Failure> {
    let path = directory.join("manifest.json");
    let manifest = read(&path)?;
    let Some(artifacts) = manifest["artifacts"].as_object() else {
        return Err(Failure::usage(format_args!("{} is not the manifest of a cdk.out", path.display())));
    };
    let property = |artifact: &Value, name: &str| artifact["properties"][name].as_str().map(str::to_owned);
    let mut assets = Vec::new();
    for artifact in artifacts.values().filter(|artifact| artifact["type"] == "cdk:asset-manifest") {
        if let Some(file) = property(artifact, "file") {
            assets.extend(file_assets(directory, &file)?);
        }
    }
    for (id, artifact) in artifacts {
        match artifact["type"].as_str() {
            Some("aws:cloudformation:stack") => {
                let Some(template) = property(artifact, "templateFile") else { continue };
                stacks.push(Stack {
                    name: property(artifact, "stackName").unwrap_or_else(|| id.clone()),
                    artifact: id.clone(),
                    template: directory.join(template),
                    assets: assets.clone(),
                });
            }
            Some("cdk:cloud-assembly") if depth < DEPTH_MAX => {
                if let Some(name) = property(artifact, "directoryName") {
                    collect(&directory.join(name), depth + 1, stacks)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn file_assets(directory: &Path, file: &str) -> Result<Vec<FileAsset>, Failure> {
    let manifest = read(&directory.join(file))?;
    let files = manifest["files"].as_object().into_iter().flatten();
    Ok(files
        .filter_map(|(_, file)| {
            let path = directory.join(file["source"]["path"].as_str()?);
            let destinations = file["destinations"].as_object().into_iter().flatten();
            let keys = destinations.filter_map(|(_, to)| to["objectKey"].as_str().map(str::to_owned));
            Some(FileAsset { object_keys: keys.collect(), path })
        })
        .collect())
}

fn read(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format_args!("can't read {}: {}", path.display(), plain(&error))))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format_args!("{} is not JSON: {error}", path.display())))
}
