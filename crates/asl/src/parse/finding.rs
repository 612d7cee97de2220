//! Findings while they are collected: what they are about is a number, and becomes a location once it is known which
//! of them are told.

use std::num::NonZeroU32;

use stepwell_json::document::{Member, Node};
use stepwell_json::spanned::Span;

use super::{FINDINGS_MAX, Purpose};
use crate::analysis::LONE_STATE_NAME;
use crate::diagnostic::{Code, Diagnostic, Severity};

/// Bytes of the texts and locations of all findings together; of those that go beyond, only the first is told. A thousand
/// findings of a definition that somebody wrote have a fifth of it. Names without end, each in many locations, would fill
/// all memory.
const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Bytes of one text or location; more is cut. A location forty machines deep, all states with the longest names, has less.
const ONE_TEXT_BYTES_MAX: usize = 16 * 1024;

/// A place in the document: a value, or a name inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The first byte of the value.
    value: u32,
    /// The first byte of a key that the location has behind that of the value; it may stand anywhere in the value.
    key: Option<NonZeroU32>,
}

impl Place {
    /// Under the name of a member.
    pub(super) fn named(self, member: &Member<'_>) -> Place {
        let key = u32::try_from(member.key_span.start).ok().and_then(NonZeroU32::new);
        Place { key, ..self }
    }
}

impl From<Node<'_>> for Place {
    fn from(node: Node<'_>) -> Place {
        Place { value: node.start(), key: None }
    }
}

/// What a finding is about: a place for its location, and bytes to be marked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) place: Option<Place>,
    pub(super) span: Span,
}

impl Spot {
    pub(super) fn new(place: impl Into<Place>, span: Span) -> Spot {
        Spot { place: Some(place.into()), span }
    }

    /// A member, its key to be marked.
    pub(super) fn key_of(member: &Member<'_>) -> Spot {
        Spot::new(member.value, member.key_span)
    }

    /// Bytes of no place that AWS would name.
    pub(super) fn nowhere(span: Span) -> Spot {
        Spot { place: None, span }
    }
}

impl From<Node<'_>> for Spot {
    fn from(node: Node<'_>) -> Spot {
        Spot::new(node, node.span())
    }
}

/// A finding without its location.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) spot: Spot,
    pub(super) suggestion: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

impl Findings {
    /// Keeps a finding, unless there are too many of its severity.
    pub(super) fn add(&mut self, finding: Finding) {
        let list = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < FINDINGS_MAX {
            list.push(finding);
        }
    }

    /// All of them, errors first, with their locations.
    pub(super) fn into_diagnostics(mut self, root: Node<'_>, purpose: Purpose) -> Vec<Diagnostic> {
        let mut findings = self.errors;
        findings.append(&mut self.warnings);
        for finding in &mut findings {
            shorten(&mut finding.message);
        }
        let path = match purpose {
            // A lone state is read as the only one of a machine.
            Purpose::LoneState => vec![Segment::Key("States"), Segment::Key(LONE_STATE_NAME)],
            Purpose::Run | Purpose::Test => Vec::new(),
        };
        let mut lengths = vec![0; findings.len()];
        visit(root, path.clone(), &findings, |number, path| {
            lengths[number] = path.iter().map(Segment::length).sum::<usize>().min(ONE_TEXT_BYTES_MAX);
        });
        let mut room = TEXT_BYTES_MAX;
        let fits = |(finding, length): (&Finding, &usize)| {
            let fits = room > 0;
            room = room.saturating_sub(finding.message.len() + length);
            fits
        };
        let count = findings.iter().zip(&lengths).map(fits).take_while(|fits| *fits).count();
        findings.truncate(count);
        let mut locations = vec![None; count];
        visit(root, path, &findings, |number, path| locations[number] = Some(location(path)));
        let diagnostic = |(finding, location): (Finding, Option<String>)| Diagnostic {
            severity: finding.severity,
            code: finding.code,
            message: finding.message,
            location,
            span: Some(finding.spot.span.start..finding.spot.span.end),
            suggestion: finding.suggestion,
        };
        findings.into_iter().zip(locations).map(diagnostic).collect()
    }
}

/// One step of a location.
#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl Segment<'_> {
    /// Bytes that it takes in a location.
    fn length(&self) -> usize {
        match self {
            Segment::Key(key) => key.len() + 1,
            Segment::Index(index) => index.checked_ilog10().unwrap_or(0) as usize + 3,
        }
    }
}

/// In the notation of AWS: `/States/A/Choices[0]/Next`; `/` for the document.
fn location(path: &[Segment<'_>]) -> String {
    let length: usize = path.iter().map(Segment::length).sum();
    let mut text = String::with_capacity(length.clamp(1, ONE_TEXT_BYTES_MAX * 2));
    for segment in path {
        match segment {
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
        shorten(&mut text);
    }
    if text.is_empty() {
        text.push('/');
    }
    text
}

/// Cuts a text that is too long.
fn shorten(text: &mut String) {
    if text.len() <= ONE_TEXT_BYTES_MAX {
        return;
    }
    let end = (0..=ONE_TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text.push('…');
    text.shrink_to_fit();
}

/// Goes through the document once and calls `visit` with the path to the place of each finding that has one.
fn visit<'a>(
    root: Node<'a>,
    path: Vec<Segment<'a>>,
    findings: &[Finding],
    visit: impl FnMut(usize, &[Segment<'a>]),
) {
    let mut wanted: Vec<(Place, usize)> = findings
        .iter()
        .enumerate()
        .filter_map(|(number, finding)| finding.spot.place.map(|place| (place, number)))
        .collect();
    wanted.sort_by_key(|(place, _)| place.value);
    Visitor { wanted: &wanted, path, visit }.value(root);
}

struct Visitor<'a, 'w, F> {
    /// The places that are still to come, in the order of the document.
    wanted: &'w [(Place, usize)],
    /// From the root to the present value.
    path: Vec<Segment<'a>>,
    visit: F,
}

impl<'a, F: FnMut(usize, &[Segment<'a>])> Visitor<'a, '_, F> {
    fn value(&mut self, node: Node<'a>) {
        while let Some(((place, number), later)) = self.wanted.split_first()
            && place.value <= node.start()
        {
            self.wanted = later;
            let key =
                place.key.map(|key| Segment::Key(node.document().at(key.get()).as_str().unwrap_or_default()));
            self.path.extend(key);
            (self.visit)(*number, &self.path);
            self.path.truncate(self.path.len() - usize::from(key.is_some()));
        }
        // What comes behind the last place need not be gone through.
        for member in node.members().into_iter().flatten() {
            if self.wanted.is_empty() {
                return;
            }
            self.inside(Segment::Key(member.key), member.value);
        }
        for (index, item) in node.items().into_iter().flatten().enumerate() {
            if self.wanted.is_empty() {
                return;
            }
            self.inside(Segment::Index(index), item);
        }
    }

    /// A value inside the present one, if something is wanted of it.
    fn inside(&mut self, segment: Segment<'a>, node: Node<'a>) {
        let is_wanted = |(place, _): &(Place, usize)| (place.value as usize) < node.span().end;
        if self.wanted.first().is_some_and(is_wanted) {
            self.path.push(segment);
            self.value(node);
            self.path.pop();
        }
    }
}
