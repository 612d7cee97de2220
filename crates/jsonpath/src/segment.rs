//! The segments of a path, and how they are written

use crate::filter::Filter;
use std::fmt::Write as _;
use std::sync::Arc;

/// One segment: what stands between two dots, or in brackets
#[derive(Debug)]
pub(crate) enum Segment {
    /// `.a`, `['a']`
    Name(Arc<str>),
    /// `['a','b']`
    Names(Vec<Arc<str>>),
    /// `[0]`, `[-1]`
    Index(i32),
    /// `[0,2]`
    Indexes(Vec<i32>),
    /// `[1:3]`, `[1:]`, `[:3]`; at least one bound is there
    Slice { from: Option<i32>, to: Option<i32> },
    /// `.*`, `[*]`
    Wildcard,
    /// `..`; the segment behind is applied to every object and array below
    Scan,
    /// `[?(...)]`
    Filter(Box<Filter>),
}

impl Segment {
    /// Whether at most one value comes of it. Several names at the end of a path make one object.
    pub(crate) fn is_definite(&self, is_last: bool) -> bool {
        match self {
            Segment::Name(_) | Segment::Index(_) => true,
            Segment::Names(_) => is_last,
            _ => false,
        }
    }

    /// In bracket notation, as in the library's messages.
    pub(crate) fn write(&self, text: &mut String) {
        let _ = match self {
            Segment::Name(name) => write!(text, "['{name}']"),
            Segment::Names(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                write!(text, "[{}]", names.join(","))
            }
            Segment::Index(index) => write!(text, "[{index}]"),
            Segment::Indexes(indexes) => {
                let indexes: Vec<String> = indexes.iter().map(i32::to_string).collect();
                write!(text, "[{}]", indexes.join(","))
            }
            Segment::Slice { from, to } => {
                let bound = |bound: &Option<i32>| bound.map_or(String::new(), |bound| bound.to_string());
                write!(text, "[{}:{}]", bound(from), bound(to))
            }
            Segment::Wildcard => write!(text, "[*]"),
            Segment::Scan => write!(text, ".."),
            Segment::Filter(_) => write!(text, "[?]"),
        };
    }
}

/// A path in bracket notation from the root on.
pub(crate) fn bracket_notation(segments: &[Segment]) -> String {
    let mut text = String::from("$");
    for segment in segments {
        segment.write(&mut text);
    }
    text
}
