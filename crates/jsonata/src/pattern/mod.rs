//! Regular expressions with JavaScript's syntax and results
//!
//! JavaScript's groups are unset by each round of a loop, look-behinds go backwards, and so on; no engine for Rust does
//! that. So patterns are matched by backtracking here, with a bound on the work. Where a pattern needs more and has
//! neither look-arounds nor back-references, an engine whose time is linear takes over.

mod matcher;
mod parse;
mod program;
mod set;
mod translate;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use self::matcher::{Exceeded, Matcher};
use self::parse::Node;
use self::program::Program;
use self::set::Set;
use crate::Error;

/// Steps before the linear engine takes over: some milliseconds
const STEPS_BEFORE_LINEAR: u64 = 500_000;
/// Steps where no other engine can help: about a tenth of a second
const MOST_STEPS: u64 = 10_000_000;
/// States of the linear engine times bytes of the text: its time where it can't work faster than it has to
const MOST_LINEAR_WORK: u64 = 50_000_000;
/// Bytes for the linear engine's program, and for its cache
const LINEAR_SIZE: usize = 1 << 20;
/// Longer patterns are refused (characters)
const LONGEST_SOURCE: usize = 20_000;

const TOO_LONG: &str = "Expression evaluation timeout: a regular expression takes too long";

/// A compiled pattern; a clone copies a pointer
#[derive(Clone)]
pub(crate) struct Pattern(Arc<Inner>);

struct Inner {
    source: String,
    ignore_case: bool,
    groups: usize,
    node: Node,
    program: Program,
    /// Is there nothing that the linear engine can't do?
    is_regular: bool,
    /// What a match can begin with; none where it could be anything, or nothing
    first: Option<Set>,
    /// Made when it's first needed
    linear: OnceLock<Option<Linear>>,
}

struct Linear {
    regex: fancy_regex::Regex,
    size: u64,
    has_boundaries: bool,
}

/// A match, in byte offsets
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The first byte
    pub(crate) start: usize,
    /// The byte behind the last
    pub(crate) end: usize,
    /// First byte and byte behind the last of each capturing group; none for one that took no part
    pub(crate) groups: Vec<Option<(usize, usize)>>,
}

impl Pattern {
    /// Compiles what is between the slashes, with the flags i and m.
    ///
    /// # Errors
    /// `S0301`, with a text of its own, where JavaScript would refuse the pattern, or it's too long or too deep.
    pub(crate) fn new(source: &str, ignore_case: bool, multiline: bool) -> Result<Pattern, Error> {
        let refuse = |reason: &str| {
            Error::with_message("S0301", &format!("Invalid regular expression: /{source}/: {reason}"))
        };
        if source.is_empty() {
            return Err(Error::new("S0301"));
        }
        if source.len() > LONGEST_SOURCE {
            return Err(Error::with_message("S0301", "Invalid regular expression: too long"));
        }
        let parsed = parse::parse(source, ignore_case, multiline).map_err(|reason| refuse(&reason))?;
        Ok(Pattern(Arc::new(Inner {
            source: source.to_owned(),
            ignore_case,
            groups: parsed.groups,
            program: Program::new(&parsed.node),
            is_regular: !has_irregular(&parsed.node),
            first: first_characters(&parsed.node),
            node: parsed.node,
            linear: OnceLock::new(),
        })))
    }

    /// The pattern as written, without slashes and flags.
    pub(crate) fn source(&self) -> &str {
        &self.0.source
    }

    /// The first match at or behind a byte offset. An offset inside a character counts as the next one's.
    ///
    /// # Errors
    /// The time limit's error where finding it out takes too much work.
    pub(crate) fn find_at(&self, text: &str, start_byte: usize) -> Result<Option<Found>, Error> {
        self.find_counting(text, start_byte, &mut 0)
    }

    /// As [`Pattern::find_at`]; adds the steps that it took to `work`. A step takes some nanoseconds.
    pub(crate) fn find_counting(
        &self,
        text: &str,
        start_byte: usize,
        work: &mut u64,
    ) -> Result<Option<Found>, Error> {
        let mut start = start_byte;
        while start <= text.len() && !text.is_char_boundary(start) {
            start += 1;
        }
        let Some(rest) = text.get(start..) else { return Ok(None) };
        let inner = &*self.0;
        let fuel = if inner.is_regular { STEPS_BEFORE_LINEAR + 20 * text.len() as u64 } else { MOST_STEPS };
        let mut matcher = Matcher::new(&inner.program, inner.groups, text, inner.ignore_case, fuel);
        let mut found = Ok(None);
        let offsets = rest.char_indices().map(|(offset, character)| (offset, Some(character)));
        for (offset, character) in offsets.chain([(rest.len(), None)]) {
            if inner
                .first
                .as_ref()
                .is_some_and(|first| !character.is_some_and(|character| first.contains(character)))
            {
                continue;
            }
            match matcher.match_at(start + offset) {
                Ok(None) => {}
                Ok(Some(end)) => {
                    let groups = (1..=inner.groups).map(|number| matcher.group(number)).collect();
                    found = Ok(Some(Found { start: start + offset, end, groups }));
                    break;
                }
                Err(Exceeded) => {
                    *work += fuel;
                    return self.find_linear(text, start, work);
                }
            }
        }
        let passed = match &found {
            Ok(Some(found)) => found.end - start,
            _ => rest.len(),
        };
        *work += fuel - matcher.fuel_left() + passed as u64 / 8;
        found
    }

    /// As [`Pattern::find_at`], with the linear engine.
    fn find_linear(&self, text: &str, start: usize, total: &mut u64) -> Result<Option<Found>, Error> {
        let too_long = || Error::limit(TOO_LONG);
        let linear = self.0.linear.get_or_init(|| Linear::new(&self.0.node)).as_ref().ok_or_else(too_long)?;
        let work = linear.size.saturating_mul((text.len() - start) as u64);
        if work > MOST_LINEAR_WORK || (linear.has_boundaries && !text.is_ascii()) {
            return Err(too_long());
        }
        *total += work / 8;
        let Some(captures) = linear.regex.captures_from_pos(text, start).map_err(|_| too_long())? else {
            return Ok(None);
        };
        let span = |number| captures.get(number).map(|found| (found.start(), found.end()));
        let Some((start, end)) = span(0) else { return Ok(None) };
        Ok(Some(Found { start, end, groups: (1..=self.0.groups).map(span).collect() }))
    }
}

impl Linear {
    fn new(node: &Node) -> Option<Linear> {
        let translated = translate::translate(node)?;
        if translated.size > LINEAR_SIZE as u64 {
            return None;
        }
        let regex = fancy_regex::RegexBuilder::new(&translated.source)
            .delegate_size_limit(LINEAR_SIZE)
            .delegate_dfa_size_limit(LINEAR_SIZE)
            .build()
            .ok()?;
        Some(Linear { regex, size: translated.size, has_boundaries: translated.has_boundaries })
    }
}

/// Are there parts that the linear engine can't do?
fn has_irregular(node: &Node) -> bool {
    match node {
        Node::LineStart | Node::LineEnd | Node::Look { .. } | Node::Backreference(_) => true,
        Node::Group(_, node) | Node::Repeat { node, .. } => has_irregular(node),
        Node::Sequence(nodes) | Node::Choice(nodes) => nodes.iter().any(has_irregular),
        _ => false,
    }
}

/// The characters that a match can begin with; none where it could match nothing, or isn't known.
fn first_characters(node: &Node) -> Option<Set> {
    match node {
        Node::Set(set) => Some(Set::clone(set)),
        Node::Group(_, node) => first_characters(node),
        Node::Repeat { node, least, .. } if *least > 0 => first_characters(node),
        Node::Sequence(nodes) => {
            // Marks at the start take no characters
            let is_mark = |node: &&Node| {
                matches!(node, Node::Start | Node::LineStart | Node::WordBoundary | Node::NoWordBoundary)
            };
            nodes.iter().find(|node| !is_mark(node)).and_then(first_characters)
        }
        Node::Choice(nodes) => {
            let mut ranges = Vec::new();
            for node in nodes {
                ranges.extend_from_slice(first_characters(node)?.ranges());
            }
            Some(Set::new(ranges))
        }
        _ => None,
    }
}
