//! Reads a definition: checks every field and compiles it in one pass over the tree.
//!
//! The order of findings is that of AWS: JSON, then schema (in document order), then names and transitions. A
//! place in the document is a number into `Reader::places`, so that locations cost nothing until a finding
//! needs one.

mod choice;
mod distributed;
mod fields;
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
mod values;
mod variables;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use stepwell_json::spanned::{Member, Node, Span};
use stepwell_json::{DEPTH_MAX, spanned};

use crate::analysis::{Analysis, LONE_STATE_NAME, Options};
use crate::definition::{Definition, QueryLanguage};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::suggest::nearest;

/// Characters of a definition (CreateStateMachine's own limit).
pub(crate) const DEFINITION_CHARACTERS_MAX: usize = 1_048_576;
/// Findings that are kept of each severity.
const FINDINGS_MAX: usize = 1_000;
/// Findings that get a suggestion, which costs more than the finding.
const SUGGESTIONS_MAX: usize = 20;
/// Characters of a state's name and of a variable's.
const NAME_CHARACTERS_MAX: usize = 80;

/// A place in the document: an index into [`Reader::places`].
type Place = usize;
/// The document itself.
const ROOT: Place = 0;

/// One step from a place to one inside it.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

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
    /// The definition.
    text: &'a str,
    options: Options,
    /// `QueryLanguage` of the machine.
    machine_language: QueryLanguage,
    places: Vec<(Place, Segment<'a>)>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    suggestions_left: usize,
    /// Features that a warning names already.
    not_yet_supported: HashSet<String>,
    /// The state that is being read, for `references`.
    state_name: &'a str,
    /// State name to the variables that it reads.
    references: BTreeMap<String, BTreeSet<String>>,
    graph: graph::Graph<'a>,
    variables: variables::Scopes<'a>,
    labels: HashSet<&'a str>,
}

/// See [`crate::analyse`].
pub(crate) fn analyse(text: &str, options: &Options, purpose: Purpose) -> Analysis {
    if text.trim().is_empty() {
        return failed(
            Code::SchemaValidationFailed,
            "Definition must be a valid JSON object",
            None,
            0..text.len(),
        );
    }
    if text.len() > DEFINITION_CHARACTERS_MAX && text.chars().count() > DEFINITION_CHARACTERS_MAX {
        let message = format!("Definition must not have more than {DEFINITION_CHARACTERS_MAX} characters");
        return failed(Code::SchemaValidationFailed, &message, None, 0..0);
    }
    let (tree, syntax_errors) = spanned::parse(text);
    if !syntax_errors.is_empty() {
        return broken_json(text, &syntax_errors);
    }
    let Some(tree) = tree else {
        return failed(
            Code::SchemaValidationFailed,
            "Definition must be a valid JSON object",
            None,
            0..text.len(),
        );
    };
    // A lone state is read as the only one of a machine.
    let (name, span) = (LONE_STATE_NAME.into(), tree.span);
    let lone = Member { key: name, key_span: Span { end: span.start, ..span }, value: tree };
    let mut reader = Reader {
        text,
        options: *options,
        machine_language: QueryLanguage::JsonPath,
        places: vec![(ROOT, Segment::Root)],
        errors: Vec::new(),
        warnings: Vec::new(),
        suggestions_left: SUGGESTIONS_MAX,
        not_yet_supported: HashSet::new(),
        state_name: "",
        references: BTreeMap::new(),
        graph: graph::Graph::default(),
        variables: variables::Scopes::default(),
        labels: HashSet::new(),
    };
    let definition = match purpose {
        Purpose::LoneState => reader.lone_state(&lone),
        Purpose::Run | Purpose::Test => reader.machine(&lone.value),
    };
    reader.finish(definition, purpose)
}

fn failed(code: Code, message: &str, location: Option<String>, span: Range<usize>) -> Analysis {
    let finding = Diagnostic {
        severity: Severity::Error,
        code,
        message: message.to_owned(),
        location,
        span: Some(span),
        suggestion: None,
    };
    Analysis { diagnostics: vec![finding], ..Analysis::default() }
}

/// AWS reports the first error of its JSON library only; the others would mostly follow from it.
fn broken_json(text: &str, errors: &[spanned::SyntaxError]) -> Analysis {
    let Some(first) = errors.first() else { return Analysis::default() };
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
    fn finish(mut self, definition: Option<Definition>, purpose: Purpose) -> Analysis {
        self.check_variables();
        self.check_graph();
        let is_usable =
            self.errors.is_empty() && (purpose != Purpose::Run || self.not_yet_supported.is_empty());
        let mut diagnostics = self.errors;
        diagnostics.append(&mut self.warnings);
        let variable_references = self
            .references
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(state, names)| (state, names.into_iter().collect()))
            .collect();
        Analysis { definition: definition.filter(|_| is_usable), diagnostics, variable_references }
    }

    /// The place of a member or an element.
    fn inside(&mut self, parent: Place, segment: Segment<'a>) -> Place {
        self.places.push((parent, segment));
        self.places.len() - 1
    }

    fn key(&mut self, parent: Place, key: &'a str) -> Place {
        self.inside(parent, Segment::Key(key))
    }

    fn index(&mut self, parent: Place, index: usize) -> Place {
        self.inside(parent, Segment::Index(index))
    }

    /// The place in the notation of AWS: `/States/A/Choices[0]/Next`; `/` for the document.
    fn location(&self, place: Place) -> String {
        let mut segments = Vec::new();
        let mut current = place;
        while let Some((parent, segment)) = self.places.get(current) {
            if matches!(segment, Segment::Root) {
                break;
            }
            segments.push(*segment);
            current = *parent;
        }
        let mut text = String::new();
        for segment in segments.iter().rev() {
            match segment {
                Segment::Root => {}
                Segment::Key(key) => {
                    text.push('/');
                    text.push_str(key);
                }
                Segment::Index(index) => {
                    text.push('[');
                    text.push_str(&index.to_string());
                    text.push(']');
                }
            }
        }
        if text.is_empty() {
            text.push('/');
        }
        text
    }

    fn error(&mut self, code: Code, message: impl Into<String>, place: Option<Place>, span: Span) {
        self.error_with(code, message, place, span, None);
    }

    fn error_with(
        &mut self,
        code: Code,
        message: impl Into<String>,
        place: Option<Place>,
        span: Span,
        suggestion: Option<String>,
    ) {
        if self.errors.len() >= FINDINGS_MAX {
            return;
        }
        self.errors.push(Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: place.map(|place| self.location(place)),
            span: Some(span.start..span.end),
            suggestion,
        });
    }

    /// A finding of the schema.
    fn invalid(&mut self, message: impl Into<String>, place: Place, span: Span) {
        self.error(Code::SchemaValidationFailed, message, Some(place), span);
    }

    fn warning(&mut self, code: Code, message: impl Into<String>, place: Place, span: Span) {
        if self.warnings.len() >= FINDINGS_MAX {
            return;
        }
        self.warnings.push(Diagnostic {
            severity: Severity::Warning,
            code,
            message: message.into(),
            location: Some(self.location(place)),
            span: Some(span.start..span.end),
            suggestion: None,
        });
    }

    /// Something that this version can't run: one warning for each feature, however often it is used.
    fn not_yet_supported(&mut self, feature: &str, place: Place, span: Span) {
        if self.not_yet_supported.insert(feature.to_owned()) {
            self.warning(Code::NotYetSupported, format!("{feature} is not supported yet"), place, span);
        }
    }

    /// A nearby name, while the budget for suggestions lasts.
    fn suggest<'n>(&mut self, name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<String> {
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        nearest(name, candidates).map(str::to_owned)
    }

    /// Remembers that the current state reads a variable.
    fn reads_variable(&mut self, name: &str, place: Place, span: Span) {
        if name == "states" {
            // Reserved; never a variable.
            return;
        }
        if let Some(names) = self.references.get_mut(self.state_name) {
            names.insert(name.to_owned());
        } else {
            self.references.insert(self.state_name.to_owned(), BTreeSet::from([name.to_owned()]));
        }
        self.variables.read(name, place, span);
    }
}

/// The span of a node in bytes.
fn range(node: &Node) -> Range<usize> {
    node.span.start..node.span.end
}
