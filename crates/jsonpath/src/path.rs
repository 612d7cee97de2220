//! A compiled path

use crate::evaluate::{self, Budget, WORK_MAX};
use crate::parse;
use crate::segment::{Segment, bracket_notation};
use crate::{PathError, SyntaxError};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use stepwell_json::path_edit::Step;
use stepwell_json::{DEPTH_MAX, Value};

/// What a path starts from
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// `$`: the state's input, its result, or whatever the field reads
    Input,
    /// `$$`: the context object
    Context,
    /// `$name`: a variable
    Variable(Arc<str>),
}

/// A compiled path. A clone copies a pointer; two paths are equal if their texts are.
#[derive(Clone)]
pub struct Path(Arc<Inner>);

struct Inner {
    text: Arc<str>,
    root: Root,
    segments: Box<[Segment]>,
    /// The leading segments that lead to one value.
    definite_count: usize,
    /// Dotted names hold no character that Step Functions refuses in reference paths.
    names_are_plain: bool,
}

impl Path {
    /// Compiles a path: `$...`, `$$...` or `$variable...`. White space behind it is ignored.
    ///
    /// # Errors
    /// Where the text is not a path of the dialect, or is absurdly long or nested.
    pub fn parse(text: &str) -> Result<Path, SyntaxError> {
        let parsed = parse::parse(text)?;
        let count = parsed.segments.len();
        let definite = |(at, segment): (usize, &Segment)| segment.is_definite(at + 1 == count);
        let definite_count = parsed.segments.iter().enumerate().take_while(|item| definite(*item)).count();
        Ok(Path(Arc::new(Inner {
            text: text.into(),
            root: parsed.root,
            segments: parsed.segments.into(),
            definite_count,
            names_are_plain: parsed.names_are_plain,
        })))
    }

    /// What the path starts from; [`Path::evaluate`] must be given that value.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// Whether the path leads to one value. Any other path answers an array, empty where nothing matches.
    pub fn is_definite(&self) -> bool {
        self.0.definite_count == self.0.segments.len()
    }

    /// Whether this is a reference path: names and non-negative indexes only, and none of the characters
    /// `@ , : ? * ( )` in dotted names unless escaped by a backslash. The root may be any.
    pub fn is_reference(&self) -> bool {
        self.0.names_are_plain && self.steps().is_some()
    }

    /// The path's text as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The path in bracket notation, as error messages show it: `$['a'][0]`. The root is always `$`.
    pub fn bracket_notation(&self) -> String {
        bracket_notation(&self.0.segments)
    }

    /// The steps of a path that consists of names and non-negative indexes.
    pub(crate) fn steps(&self) -> Option<Vec<Step>> {
        let step = |segment: &Segment| match segment {
            Segment::Name(name) => Some(Step::Name(name.clone())),
            Segment::Index(index) => usize::try_from(*index).ok().map(Step::Index),
            _ => None,
        };
        self.0.segments.iter().map(step).collect()
    }

    /// The value this path leads to in `root`; an array of all matches for an indefinite path, in document order.
    ///
    /// # Errors
    /// Where a definite path leads nowhere, or an indefinite one exceeds a limit. An indefinite path whose beginning
    /// leads nowhere answers an empty array (recorded on AWS), but a filter on a plain value is an error (the library's).
    pub fn evaluate(&self, root: &Value) -> Result<Value, PathError> {
        let mut visits = WORK_MAX;
        self.evaluate_within(root, &mut visits)
    }

    /// The same, with fewer values to be visited: for those who share a bound among several paths. What has been visited
    /// is taken off `visits`; a definite path visits none.
    ///
    /// # Errors
    /// As [`Path::evaluate`].
    pub fn evaluate_within(&self, root: &Value, visits: &mut u64) -> Result<Value, PathError> {
        if self.is_definite() {
            return evaluate::definite(&self.0.segments, root);
        }
        let most = WORK_MAX.min(*visits);
        let budget = Budget::new(most);
        let found = evaluate::indefinite(&self.0.segments, self.0.definite_count, root, root, &budget);
        *visits -= most - budget.left();
        let found = found?;
        let matches = Value::from(found.unwrap_or_default());
        // A filter keeps objects themselves, so the array can be one level deeper than the root.
        if matches.depth() > DEPTH_MAX { Err(PathError::TooDeep) } else { Ok(matches) }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Path({})", self.0.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Path {}

impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}
