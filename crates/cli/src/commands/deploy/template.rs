//! Where templates are found: a file, a CDK cloud assembly, or a directory that has one of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stepwell_json::spanned::{self, LineIndex, Node};
use stepwell_json::{Value, without_source};

use super::cloud_assembly::{self, FileAsset};
use crate::definition::DefinitionFile;
use crate::failure::Failure;
use crate::report;

/// Where a directory may have its templates, in the order they are looked for.
const PLACES_IN_DIRECTORY: [&str; 8] = [
    "manifest.json",
    "cdk.out/manifest.json",
    ".aws-sam/build/template.yaml",
    "template.yaml",
    "template.yml",
    "template.json",
    "cloudformation.yaml",
    "cloudformation.json",
];

/// A template, read.
#[derive(Debug)]
pub(super) struct Template {
    /// The file, its text and the same as JSON.
    pub(super) file: DefinitionFile,
    /// The template.
    pub(super) root: Node,
    /// The value of `AWS::StackName`.
    pub(super) stack: String,
    /// Files that a cloud assembly would upload.
    pub(super) assets: Vec<FileAsset>,
    /// What the stack around it gives it.
    pub(super) parameters: BTreeMap<String, Value>,
    /// Stacks around it.
    pub(super) depth: usize,
}

impl Template {
    /// Reads a template that no stack is around.
    ///
    /// # Errors
    /// It can't be read, or is none.
    pub(super) fn load(path: &Path, stack: String, assets: Vec<FileAsset>) -> Result<Template, Failure> {
        let file = match DefinitionFile::load_template(path) {
            Ok(file) => file,
            Err(error) => {
                let (finding, source) = report::load_finding(error);
                report::note(path, &source, &[finding]);
                return Err(Failure::InvalidDefinition);
            }
        };
        let (root, errors) = spanned::parse(&file.json);
        if let Some(error) = errors.first() {
            let place = format!("{}:{}:{}", path.display(), error.line, error.column);
            let message = without_source(&error.message, &file.json);
            return Err(Failure::usage(format_args!("{place}: this is not JSON: {message}")));
        }
        let Some(root) =
            root.filter(|root| root.get("Resources").is_some_and(|node| node.members().is_some()))
        else {
            let text = format!("{} is not a CloudFormation template: it has no Resources", path.display());
            return Err(Failure::Usage(text));
        };
        Ok(Template { file, root, stack, assets, parameters: BTreeMap::new(), depth: 0 })
    }

    /// The members of a section, such as `Parameters`, in the order of the file.
    pub(super) fn section(&self, name: &str) -> &[spanned::Member] {
        self.root.get(name).and_then(Node::members).unwrap_or_default()
    }

    /// One entry of a section.
    pub(super) fn entry(&self, section: &str, name: &str) -> Option<&Node> {
        self.root.get(section)?.get(name)
    }

    /// The value of `Type` of a resource.
    pub(super) fn type_of(&self, logical_id: &str) -> Option<&str> {
        self.entry("Resources", logical_id)?.get("Type")?.as_str()
    }

    /// A property of a resource.
    pub(super) fn property(&self, logical_id: &str, name: &str) -> Option<&Node> {
        self.entry("Resources", logical_id)?.get("Properties")?.get(name)
    }

    /// `file:line:column` of a node.
    pub(super) fn place(&self, node: &Node) -> String {
        let span = self.file.span_in_source(node.span.start..node.span.end);
        let (line, column) = LineIndex::new(&self.file.source).line_and_column(span.start);
        format!("{}:{line}:{column}", self.file.path.display())
    }

    /// A path of the template's own, seen from the working directory.
    pub(super) fn relative(&self, path: &str) -> PathBuf {
        self.file.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// Reads the templates that a path names: a template, a `cdk.out`, or a directory with either in it.
///
/// # Errors
/// Nothing is there, it can't be read, or no stack has the wanted name.
pub(super) fn load(source: &Path, stack: Option<&str>) -> Result<Vec<Template>, Failure> {
    let file = if source.is_dir() { find(source)? } else { source.to_path_buf() };
    if file.file_name().is_none_or(|name| name != "manifest.json") {
        let name = stack.map_or_else(|| stack_name(&file), str::to_owned);
        return Ok(vec![Template::load(&file, name, Vec::new())?]);
    }
    let stacks = cloud_assembly::stacks(file.parent().unwrap_or(Path::new("")))?;
    let names: Vec<String> = stacks.iter().map(|stack| stack.name.clone()).collect();
    let mut templates = Vec::new();
    for found in stacks {
        if stack.is_none_or(|wanted| wanted == found.name || wanted == found.artifact) {
            templates.push(Template::load(&found.template, found.name, found.assets)?);
        }
    }
    match stack {
        Some(stack) if templates.is_empty() => Err(Failure::usage(format_args!(
            "{} has no stack {stack}; it has {}",
            file.display(),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))),
        _ => Ok(templates),
    }
}

fn find(directory: &Path) -> Result<PathBuf, Failure> {
    let places = PLACES_IN_DIRECTORY.iter().map(|place| directory.join(place));
    places.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Failure::usage(format_args!(
            "{} has no template: looked for {}; name the template or the cdk.out directory",
            directory.display(),
            PLACES_IN_DIRECTORY.join(", ")
        ))
    })
}

/// A template of no assembly is called after its file.
fn stack_name(path: &Path) -> String {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_suffix(".template").unwrap_or(&name).to_owned()
}
