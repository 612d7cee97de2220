//! Test files and their definitions, read and checked.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use stepwell_asl::{MachineType, Options, analyse, nearest};
use stepwell_interpreter::compile;
use stepwell_interpreter::program::{State, StateKind};
use stepwell_json::spanned::{self, LineIndex, Node, Span};
use stepwell_json::{Payload, without_source};
use stepwell_mock::{Fault, MockFile, TestCase};
use stepwell_workflow_test::{Case, Coverage, Files, Header, Machine, Problem, Suite, header, read};

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
    /// The lines of the definition.
    pub(super) fn lines(&self) -> Lines<'_> {
        Lines::new(&self.file)
    }
}

/// Where the parts of a file stand in it. Made once for a file, as it looks through all of it.
pub(super) struct Lines<'a> {
    file: &'a DefinitionFile,
    index: LineIndex<'a>,
}

impl<'a> Lines<'a> {
    fn new(file: &'a DefinitionFile) -> Self {
        Self { file, index: LineIndex::new(&file.source) }
    }

    /// Line and column, both from 1.
    pub(super) fn position(&self, span: Span) -> (u32, u32) {
        let span = self.file.span_in_source(span.start..span.end);
        self.index.line_and_column(span.start)
    }
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
    /// The lines of the test file.
    pub(super) fn lines(&self) -> Lines<'_> {
        Lines::new(&self.file)
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
    /// The mock file that the command line names.
    mock_config: Option<Rc<MockConfig>>,
    /// Cases of it that a test file runs, with expectations: machine and case.
    mock_cases_used: RefCell<HashSet<(String, String)>>,
}

/// A mock file.
struct MockConfig {
    file: DefinitionFile,
    mocks: MockFile,
}

impl MockConfig {
    /// Reads a mock file.
    fn load(path: &Path) -> Result<MockConfig, Invalid> {
        let file = load(path)?;
        match MockFile::parse(&file.json) {
            Ok(mocks) => Ok(MockConfig { file, mocks }),
            Err(faults) => {
                let finding = |fault: Fault| {
                    let offset = offset_of(&file.json, fault.line, fault.column);
                    let span = file.span_in_source(offset..offset + 1);
                    Finding::error(Code::None, fault.message).at(Some(span))
                };
                let findings = faults.into_iter().map(finding).collect();
                Err(Invalid { path: path.to_path_buf(), source: file.source.clone(), findings })
            }
        }
    }
}

/// Where the key of a member stands, and its value. A key that stands twice has the value of the last.
fn member<'n>(object: Option<&'n Node>, key: &str) -> (Span, Option<&'n Node>) {
    let members = object.and_then(Node::members).unwrap_or_default();
    let found = members.iter().rev().find(|member| &*member.key == key);
    found.map(|member| (member.key_span, Some(&member.value))).unwrap_or_default()
}

/// The byte at a line and a column, both from 1, the column in characters.
fn offset_of(text: &str, line: u32, column: u32) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1) as usize);
    let start: usize = lines.map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let column = column.saturating_sub(1) as usize;
    start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
}

impl Library {
    /// # Errors
    /// The mock file can't be used; what is wrong with it was printed.
    pub(super) fn new(mock_config: Option<PathBuf>) -> Result<Self, Failure> {
        let mock_config = match mock_config.map(|path| MockConfig::load(&path)).transpose() {
            Ok(mock_config) => mock_config.map(Rc::new),
            Err(invalid) => {
                report::note(&invalid.path, &invalid.source, &invalid.findings);
                return Err(Failure::InvalidDefinition);
            }
        };
        Ok(Self {
            definitions: HashMap::new(),
            order: Vec::new(),
            mock_config,
            mock_cases_used: RefCell::default(),
        })
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

    /// Reads all test files, and adds the cases of the mock file that none of them names.
    pub(super) fn suites(&mut self, found: &Found) -> Vec<LoadedSuite> {
        let mut suites = Vec::new();
        for path in &found.tests {
            let name = test_name(path).unwrap_or_default();
            suites.push(LoadedSuite { path: path.clone(), name, content: self.content(path) });
        }
        if let Some(mock_config) = self.mock_config.clone() {
            for path in &found.definitions {
                suites.extend(self.mock_suite(&mock_config, path));
            }
        }
        suites
    }

    /// The cases that the mock file has for a definition and that no test file names.
    fn mock_suite(&mut self, mock_config: &MockConfig, definition: &Path) -> Option<LoadedSuite> {
        let machine = crate::definition::machine_name(definition);
        let used = self.mock_cases_used.borrow();
        let mut cases: Vec<(&str, &Arc<TestCase>)> = mock_config
            .mocks
            .cases()
            .filter(|(of, case, _)| *of == machine && !used.contains(&(machine.clone(), (*case).to_owned())))
            .map(|(_, name, case)| (name, case))
            .collect();
        if cases.is_empty() {
            return None;
        }
        drop(used);
        cases.sort_by_key(|(name, _)| *name);
        let path = mock_config.file.path.clone();
        let content = self.mock_content(mock_config, definition, &machine, &cases);
        Some(LoadedSuite { path, name: machine, content })
    }

    fn mock_content(
        &mut self,
        mock_config: &MockConfig,
        definition: &Path,
        machine_name: &str,
        cases: &[(&str, &Arc<TestCase>)],
    ) -> Result<Content, Invalid> {
        let file = mock_config.file.clone();
        let (root, _) = spanned::parse(&file.json);
        let of_machine =
            root.as_ref().and_then(|root| root.get("StateMachines")?.get(machine_name)?.get("TestCases"));
        let key = (definition.to_path_buf(), MachineType::Standard);
        let machine = &self.load_definition(&key)?.machine;
        let mut problems = Vec::new();
        let mut suite = Suite { machine_type: MachineType::Standard, cases: Vec::new() };
        for (name, case) in cases {
            let (span, states) = member(of_machine, name);
            for state in case.states() {
                let found = machine.find(state).and_then(|index| machine.program.get(index));
                let (message, suggestion) = match found {
                    Some(State { kind: StateKind::Task(_), .. }) => continue,
                    Some(other) => {
                        let kind = other.type_name();
                        (format!("{state} is a {kind} state; only Task states make calls"), None)
                    }
                    None => {
                        let message =
                            format!("the definition {} has no state {state:?}", definition.display());
                        (message, machine.nearest(state).map(str::to_owned))
                    }
                };
                problems.push(Problem { span: member(states, state).0, message, suggestion });
            }
            suite.cases.push(Case::of_mock_file(name, span, Arc::clone(case), machine_name));
        }
        if problems.is_empty() {
            Ok(Content { file, definition: key, suite })
        } else {
            problems.sort_by_key(|problem| problem.span.start);
            Err(invalid(&file, problems))
        }
    }

    /// A text for people: the mock file has cases for none of these definitions.
    pub(super) fn unused_mock_file(&self, definitions: &[PathBuf]) -> Option<String> {
        let mock_config = self.mock_config.as_ref()?;
        let names: Vec<String> =
            definitions.iter().map(|path| crate::definition::machine_name(path)).collect();
        let wanted = match names.as_slice() {
            [] => return None,
            [name] => name.clone(),
            names => format!("any of the {} definitions found", names.len()),
        };
        let mut known: Vec<&str> = mock_config.mocks.cases().map(|(machine, _, _)| machine).collect();
        known.sort_unstable();
        known.dedup();
        let near = names.iter().find_map(|name| nearest(name, known.iter().copied()));
        let hint = match near {
            Some(near) => format!("; did you mean {near}?"),
            None if known.is_empty() => String::new(),
            None => format!("; it has some for {}", known.join(", ")),
        };
        Some(format!("the mock file {} has no cases for {wanted}{hint}", mock_config.file.path.display()))
    }

    fn content(&mut self, path: &Path) -> Result<Content, Invalid> {
        let file = load(path)?;
        let invalid = |problems: Vec<Problem>| invalid(&file, problems);
        let (root, header) = header(&file.json).map_err(invalid)?;
        let definition = definition_path(path, &header).map_err(|problem| invalid(vec![problem]))?;
        let key = (definition, header.machine_type);
        let mock_config = match &header.mock_config {
            Some((relative, _)) => Some(Rc::new(MockConfig::load(&path.with_file_name(relative))?)),
            None => self.mock_config.clone(),
        };
        let name = crate::definition::machine_name(&key.0);
        let files = Beside {
            directory: path.parent().unwrap_or(Path::new("")),
            mock_config,
            machine: &name,
            used: RefCell::default(),
        };
        let definition = self.load_definition(&key)?;
        let suite = read(&root, header.machine_type, &definition.machine, &name, &files).map_err(invalid)?;
        if header.mock_config.is_none() {
            let used = files.used.take().into_iter().map(|case| (name.clone(), case));
            self.mock_cases_used.borrow_mut().extend(used);
        }
        Ok(Content { file, definition: key, suite })
    }

    fn load_definition(&mut self, key: &DefinitionKey) -> Result<&Definition, Invalid> {
        if !self.definitions.contains_key(key) {
            let definition = read_definition(key)?;
            self.order.push(key.clone());
            self.definitions.insert(key.clone(), definition);
        }
        Ok(&self.definitions[key])
    }
}

/// Reads, checks and compiles a definition.
fn read_definition(key: &DefinitionKey) -> Result<Definition, Invalid> {
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
    Ok(Definition { file, machine, coverage })
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
            let path = tidy(test.with_file_name(relative));
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

/// A path without `..` where it is the same without.
fn tidy(path: PathBuf) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    // A directory on the way may be a link.
    match (plain.canonicalize(), path.canonicalize()) {
        (Ok(found), Ok(wanted)) if found == wanted => plain,
        _ => path,
    }
}

/// Files that a test file names.
struct Beside<'a> {
    directory: &'a Path,
    mock_config: Option<Rc<MockConfig>>,
    /// The name of the machine in the mock file.
    machine: &'a str,
    /// Cases of the mock file that were named.
    used: RefCell<Vec<String>>,
}

impl Files for Beside<'_> {
    fn input(&self, path: &str) -> Result<Payload, String> {
        let file = DefinitionFile::load(&self.directory.join(path)).map_err(|error| error.to_string())?;
        let text: Arc<str> = file.json.into();
        Payload::from_text(Arc::clone(&text)).map_err(|error| {
            let message = without_source(&error.message, &text);
            format!("{path} is not JSON: {message} (line {}, column {})", error.line, error.column)
        })
    }

    fn mock_case(&self, name: &str) -> Result<Arc<TestCase>, String> {
        let Some(mock_config) = &self.mock_config else {
            return Err(
                "\"mockCase\" needs a mock file: name it with \"mockConfig\" or --mock-config".to_owned()
            );
        };
        let case = mock_config.mocks.find(self.machine, name).map_err(|error| error.to_string())?;
        self.used.borrow_mut().push(name.to_owned());
        Ok(case.clone())
    }
}
