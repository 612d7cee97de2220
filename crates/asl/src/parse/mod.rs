//! Reads a definition: checks every field and compiles it in one pass over the tree.
//!
//! The order of findings is that of AWS: JSON, then schema (in document order), then names and transitions.
//!
//! A text may be large and mean no good. So it is read where it stands, first only to be checked: what is made of its
//! parts is dropped at once, and what is left of them are numbers. Only a good text is read again, for its definition.

mod choice;
mod distributed;
mod fields;
mod finding;
mod graph;
mod jsonata;
mod machine;
mod map;
mod parallel;
mod raw_string;
mod retry;
mod service_parameters;
mod simple;
mod state;
mod task;
mod template;
mod texts;
mod values;
mod variables;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use stepwell_json::document::{Document, Node};
use stepwell_json::{DEPTH_MAX, ParseError};

use crate::analysis::{Analysis, Options};
use crate::definition::{Definition, QueryLanguage};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::suggest::nearest;
use finding::{Finding, Findings, Spot};

/// Characters of a definition (CreateStateMachine's own limit).
pub(crate) const DEFINITION_CHARACTERS_MAX: usize = 1_048_576;
/// Findings that are kept of each severity.
const FINDINGS_MAX: usize = 1_000;
/// Findings that get a suggestion, which costs more than the finding.
const SUGGESTIONS_MAX: usize = 20;
/// Characters of a state's name and of a variable's.
const NAME_CHARACTERS_MAX: usize = 80;

/// What the definition is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To run: what can't be run gives no definition.
    Run,
    /// To test one state of it.
    Test,
    /// The text is one state, to be tested.
    LoneState,
}

/// What is known while reading, and what was found.
struct Reader<'a> {
    options: Options,
    /// Whether a definition is made of what is read. A text is read to check it first, and nothing is kept of it; only one
    /// that is good is read again.
    builds: bool,
    /// `QueryLanguage` of the machine.
    machine_language: QueryLanguage,
    findings: Findings,
    suggestions_left: usize,
    /// Features that a warning names already.
    not_yet_supported: HashSet<String>,
    /// The state that is being read, for `references`.
    state_name: &'a str,
    /// State name to the variables that it reads. Made with the definition.
    references: BTreeMap<String, BTreeSet<Arc<str>>>,
    graph: graph::Graph,
    variables: variables::Scopes<'a>,
    labels: HashSet<&'a str>,
}

/// See [`crate::analyse`].
pub(crate) fn analyse(text: &str, options: &Options, purpose: Purpose) -> Analysis {
    let document = match document(text) {
        Ok(document) => document,
        Err(finding) => return Analysis { diagnostics: vec![finding], ..Analysis::default() },
    };
    let (diagnostics, is_usable) = check_document(&document, options, purpose);
    if !is_usable {
        return Analysis { diagnostics, ..Analysis::default() };
    }
    let mut builder = Reader::new(options, true);
    let definition = builder.read(document.root(), purpose);
    let references = builder.references.into_iter();
    let names = |names: BTreeSet<Arc<str>>| names.iter().map(|name| name.to_string()).collect();
    let variable_references = references.map(|(state, read)| (state, names(read))).collect();
    Analysis { definition, diagnostics, variable_references }
}

/// See [`crate::check`].
pub(crate) fn check(text: &str, options: &Options) -> Vec<Diagnostic> {
    match document(text) {
        Ok(document) => check_document(&document, options, Purpose::Run).0,
        Err(finding) => vec![finding],
    }
}

/// The text as a document, or why it is none.
fn document(text: &str) -> Result<Document<'_>, Diagnostic> {
    if text.trim().is_empty() {
        let message = "Definition must be a valid JSON object";
        return Err(failed(Code::SchemaValidationFailed, message, None, 0..text.len()));
    }
    if text.len() > DEFINITION_CHARACTERS_MAX && text.chars().count() > DEFINITION_CHARACTERS_MAX {
        let message = format!("Definition must not have more than {DEFINITION_CHARACTERS_MAX} characters");
        return Err(failed(Code::SchemaValidationFailed, &message, None, 0..0));
    }
    Document::parse(text).map_err(|error| broken_json(text, &error))
}

/// All that is found, and whether there is a definition in it.
fn check_document(document: &Document<'_>, options: &Options, purpose: Purpose) -> (Vec<Diagnostic>, bool) {
    let root = document.root();
    let mut checker = Reader::new(options, false);
    checker.read(root, purpose);
    checker.check_variables();
    checker.check_graph(document);
    let is_usable = checker.findings.errors.is_empty()
        && (purpose != Purpose::Run || checker.not_yet_supported.is_empty());
    (checker.findings.into_diagnostics(root, purpose), is_usable)
}

fn failed(code: Code, message: &str, location: Option<String>, span: Range<usize>) -> Diagnostic {
    let (severity, message) = (Severity::Error, message.to_owned());
    Diagnostic { severity, code, message, location, span: Some(span), suggestion: None }
}

/// AWS reports the first error of its JSON library only; the others would mostly follow from it.
fn broken_json(text: &str, first: &ParseError) -> Diagnostic {
    if first.message.contains(&DEPTH_MAX.to_string()) && nests_too_deep(text) {
        let message = format!("Definition must not nest objects and arrays deeper than {DEPTH_MAX} levels");
        return failed(Code::TooDeeplyNested, &message, None, 0..0);
    }
    let start = (0..=first.offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    let span = start..start + length;
    failed(Code::InvalidJsonDescription, &first.with_source(text), Some(first.source_location(text)), span)
}

/// Whether brackets outside strings nest deeper than values may.
fn nests_too_deep(text: &str) -> bool {
    let mut depth = 0_u32;
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

impl<'a> Reader<'a> {
    fn new(options: &Options, builds: bool) -> Reader<'a> {
        Reader {
            options: *options,
            builds,
            machine_language: QueryLanguage::JsonPath,
            findings: Findings::default(),
            suggestions_left: SUGGESTIONS_MAX,
            not_yet_supported: HashSet::new(),
            state_name: "",
            references: BTreeMap::new(),
            graph: graph::Graph::default(),
            variables: variables::Scopes::default(),
            labels: HashSet::new(),
        }
    }

    /// Reads all; gives the definition when there is one to be made.
    fn read(&mut self, root: Node<'a>, purpose: Purpose) -> Option<Definition> {
        match purpose {
            Purpose::LoneState => self.lone_state(root),
            Purpose::Run | Purpose::Test => self.machine(root),
        }
    }

    fn error(&mut self, code: Code, message: impl Into<String>, spot: impl Into<Spot>) {
        self.error_with(code, message, spot, None);
    }

    fn error_with(
        &mut self,
        code: Code,
        message: impl Into<String>,
        spot: impl Into<Spot>,
        suggestion: Option<String>,
    ) {
        if self.findings.errors.len() >= FINDINGS_MAX {
            return;
        }
        self.findings.add(Finding {
            severity: Severity::Error,
            code,
            message: message.into(),
            spot: spot.into(),
            suggestion,
        });
    }

    /// A finding of the schema.
    fn invalid(&mut self, message: impl Into<String>, spot: impl Into<Spot>) {
        self.error(Code::SchemaValidationFailed, message, spot);
    }

    fn warning(&mut self, code: Code, message: impl Into<String>, spot: impl Into<Spot>) {
        self.findings.add(Finding {
            severity: Severity::Warning,
            code,
            message: message.into(),
            spot: spot.into(),
            suggestion: None,
        });
    }

    /// Something that this version can't run: one warning for each feature, however often it is used.
    fn not_yet_supported(&mut self, feature: &str, spot: impl Into<Spot>) {
        // That there is one is remembered even when no more warnings are kept.
        let is_kept = self.findings.warnings.len() < FINDINGS_MAX || self.not_yet_supported.is_empty();
        if is_kept && self.not_yet_supported.insert(feature.to_owned()) {
            self.warning(Code::NotYetSupported, format!("{feature} is not supported yet"), spot);
        }
    }

    /// A nearby name, while the budget for suggestions lasts.
    fn suggest<'n>(&mut self, name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        nearest(name, candidates).map(str::to_owned)
    }

    /// Remembers that the current state reads a variable.
    fn reads_variable(&mut self, name: &Arc<str>, spot: impl Into<Spot>) {
        if &**name == "states" {
            // Reserved; never a variable.
            return;
        }
        if !self.builds {
            self.variables.read(name, spot.into());
        } else if let Some(names) = self.references.get_mut(self.state_name) {
            names.insert(name.clone());
        } else {
            self.references.insert(self.state_name.to_owned(), BTreeSet::from([name.clone()]));
        }
    }

    /// An empty list for what becomes of this many parts.
    fn parts<T>(&self, count: usize) -> Parts<T> {
        Parts {
            list: Vec::with_capacity(if self.builds { count } else { 0 }),
            builds: self.builds,
            is_good: true,
        }
    }
}

/// What became of the parts of something; kept when a definition is made.
struct Parts<T> {
    list: Vec<T>,
    builds: bool,
    is_good: bool,
}

impl<T> Parts<T> {
    /// Adds what became of a part; none of one that is bad.
    fn add(&mut self, part: Option<T>) {
        self.is_good &= part.is_some();
        if self.builds {
            self.list.extend(part);
        }
    }

    /// All of them, if all are good.
    fn all(self) -> Option<Vec<T>> {
        self.is_good.then_some(self.list)
    }

    /// Those that are good.
    fn good(self) -> Vec<T> {
        self.list
    }
}

/// The span of a node in bytes.
fn range(node: Node<'_>) -> Range<usize> {
    node.span().start..node.span().end
}
