//! Test files and their definitions, read and checked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_asl::{MachineType, Options, analyse};
use stepwell_interpreter::compile;
use stepwell_json::Payload;
use stepwell_json::spanned::{LineIndex, Span};
use stepwell_workflow_test::{Coverage, Files, Header, Machine, MockedStates, Problem, Suite, header, read};

use super::discover::{Found, definition_beside, test_name};
use crate::definition::DefinitionFile;
use crate::failure::Failure;
use crate::report::{self, Code, Finding};

/// A definition that tests use.
pub(super) struct Definition {
    pub(super) file: DefinitionFile,
    pub(super) machine: Machine,
    pub(super) coverage: Coverage,
}

impl Definition {
    /// Line and column of a place in the definition.
    pub(super) fn position(&self, span: Span) -> (u32, u32) {
        position(&self.file, span)
    }
}

fn position(file: &DefinitionFile, span: Span) -> (u32, u32) {
    let span = file.span_in_source(span.start..span.end);
    LineIndex::new(&file.source).line_and_column(span.start)
}

/// The cases of one file, or what is wrong with it.
pub(super) struct LoadedSuite {
    /// The file that the cases stand in.
    pub(super) path: PathBuf,
    /// What case names are told with.
    pub(super) name: String,
    pub(super) content: Result<Content, Invalid>,
}

/// Cases that can be run.
pub(super) struct Content {
    pub(super) file: DefinitionFile,
    pub(super) definition: DefinitionKey,
    pub(super) suite: Suite,
}

impl Content {
    /// Line and column of a place in the test file.
    pub(super) fn position(&self, span: Span) -> (u32, u32) {
        position(&self.file, span)
    }
}

/// A file that can't be used: it, its text, and what is wrong.
pub(super) struct Invalid {
    pub(super) path: PathBuf,
    pub(super) source: String,
    pub(super) findings: Vec<Finding>,
}

/// A definition, run as a type.
pub(super) type DefinitionKey = (PathBuf, MachineType);

/// All definitions that tests use, read once each.
pub(super) struct Library {
    definitions: HashMap<DefinitionKey, Definition>,
    /// In the order in which tests named them.
    order: Vec<DefinitionKey>,
}

impl Library {
    pub(super) fn new(_mock_config: Option<PathBuf>) -> Result<Self, Failure> {
        Ok(Self { definitions: HashMap::new(), order: Vec::new() })
    }

    pub(super) fn definition(&self, key: &DefinitionKey) -> Option<&Definition> {
        self.definitions.get(key)
    }

    pub(super) fn definition_mut(&mut self, key: &DefinitionKey) -> Option<&mut Definition> {
        self.definitions.get_mut(key)
    }

    /// The definitions that tests use, and those that none uses.
    pub(super) fn coverage(&mut self, found: &[PathBuf]) -> Vec<Result<DefinitionKey, PathBuf>> {
        let untested = found.iter().filter(|path| !self.order.iter().any(|(known, _)| known == *path));
        let untested: Vec<_> = untested.cloned().map(Err).collect();
        self.order.iter().cloned().map(Ok).chain(untested).collect()
    }

    /// Reads all test files.
    pub(super) fn suites(&mut self, found: &Found) -> Vec<LoadedSuite> {
        found
            .tests
            .iter()
            .map(|path| LoadedSuite {
                path: path.clone(),
                name: test_name(path).unwrap_or_default(),
                content: self.content(path),
            })
            .collect()
    }

    fn content(&mut self, path: &Path) -> Result<Content, Invalid> {
        let file = load(path)?;
        let invalid = |problems: Vec<Problem>| invalid(&file, problems);
        let (root, header) = header(&file.json).map_err(invalid)?;
        let definition = definition_path(path, &header).map_err(|problem| invalid(vec![problem]))?;
        let key = (definition, header.machine_type);
        self.load_definition(&key)?;
        let Some(definition) = self.definitions.get(&key) else {
            return Err(invalid(Vec::new()));
        };
        let files = Beside { directory: path.parent().unwrap_or(Path::new("")) };
        let name = definition.file.machine_name();
        let suite = read(&root, header.machine_type, &definition.machine, &name, &files).map_err(invalid)?;
        Ok(Content { file, definition: key, suite })
    }

    fn load_definition(&mut self, key: &DefinitionKey) -> Result<(), Invalid> {
        if self.definitions.contains_key(key) {
            return Ok(());
        }
        let (path, machine_type) = key;
        let file = load(path)?;
        let analysis = analyse(&file.json, &Options { machine_type: *machine_type });
        let is_runnable = analysis.is_runnable();
        let findings = report::findings(&file, &analysis);
        let program = analysis.definition.filter(|_| is_runnable).and_then(|found| compile(found).ok());
        let Some(program) = program else {
            return Err(Invalid { path: path.clone(), source: file.source, findings });
        };
        let machine = Machine::new(Arc::new(program), &file.json);
        let coverage = Coverage::new(&machine);
        self.order.push(key.clone());
        self.definitions.insert(key.clone(), Definition { file, machine, coverage });
        Ok(())
    }
}

fn load(path: &Path) -> Result<DefinitionFile, Invalid> {
    DefinitionFile::load(path).map_err(|error| {
        let (finding, source) = report::load_finding(error);
        Invalid { path: path.to_path_buf(), source, findings: vec![finding] }
    })
}

fn invalid(file: &DefinitionFile, problems: Vec<Problem>) -> Invalid {
    let findings = problems.into_iter().map(|problem| {
        let span = file.span_in_source(problem.span.start..problem.span.end);
        Finding::error(Code::None, problem.message).at(Some(span)).suggest(problem.suggestion)
    });
    Invalid { path: file.path.clone(), source: file.source.clone(), findings: findings.collect() }
}

/// The definition that a test file is for.
fn definition_path(test: &Path, header: &Header) -> Result<PathBuf, Problem> {
    let problem = |span, message| Problem { span, message, suggestion: None };
    match &header.definition {
        Some((relative, span)) => {
            let path = test.with_file_name(relative);
            match path.is_file() {
                true => Ok(path),
                false => Err(problem(*span, format!("there is no file {}", path.display()))),
            }
        }
        None => definition_beside(test).ok_or_else(|| {
            let name = test_name(test).unwrap_or_else(|| "NAME".to_owned());
            let message = format!(
                "there is no definition {name}.asl.json, .asl.yaml or .asl.yml beside this file; name another one with \
                 \"definition\""
            );
            problem(Span { start: 0, end: 1 }, message)
        }),
    }
}

/// Files that a test file names.
struct Beside<'a> {
    directory: &'a Path,
}

impl Files for Beside<'_> {
    fn input(&self, path: &str) -> Result<Payload, String> {
        let file = DefinitionFile::load(&self.directory.join(path)).map_err(|error| error.to_string())?;
        Payload::from_text(file.json).map_err(|error| format!("{path} is not JSON: {error}"))
    }

    fn mock_case(&self, _name: &str) -> Result<Arc<dyn MockedStates>, String> {
        Err("\"mockCase\" needs a mock file: name it with \"mockConfig\" or --mock-config".to_owned())
    }
}
