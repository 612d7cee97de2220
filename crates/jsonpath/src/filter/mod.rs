//! Filters: `[?(@.price < 10 && @.kind in ['a','b'])]`

mod compare;
mod parse;

use crate::PathError;
use crate::evaluate::{self, Budget};
use crate::segment::Segment;
use compare::Operand;
use regex::Regex;
use std::borrow::Cow;
use stepwell_json::Value;

pub(crate) use parse::parse;

/// A condition on a value
#[derive(Debug)]
pub(crate) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// `@.a`, or `!@.a` where the path must not exist
    Exists {
        path: FilterPath,
        expected: bool,
    },
    Compare {
        left: Term,
        operator: Operator,
        right: Term,
    },
}

/// One side of a comparison
#[derive(Debug)]
pub(crate) enum Term {
    Literal(Value),
    Path(FilterPath),
    Pattern(Regex),
}

/// A path within a filter
#[derive(Debug)]
pub(crate) struct FilterPath {
    /// `$`, the whole document, rather than `@`, the value that is asked about
    pub(crate) from_document: bool,
    pub(crate) segments: Vec<Segment>,
    pub(crate) definite_count: usize,
}

/// The operators of the library
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    SameTypeEqual,
    SameTypeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    All,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

impl Filter {
    /// Whether the filter keeps `item`, found somewhere in `document`.
    pub(crate) fn accepts(&self, item: &Value, document: &Value, budget: &Budget) -> Result<bool, PathError> {
        budget.spend(1)?;
        match self {
            Filter::Any(filters) => {
                for filter in filters {
                    if filter.accepts(item, document, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::All(filters) => {
                for filter in filters {
                    if !filter.accepts(item, document, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!filter.accepts(item, document, budget)?),
            Filter::Exists { path, expected } => Ok(path.exists(item, document, budget)? == *expected),
            Filter::Compare { left, operator, right } => {
                let left = left.resolve(item, document, budget)?;
                let right = right.resolve(item, document, budget)?;
                compare::compare(&left, *operator, &right, budget)
            }
        }
    }
}

impl Term {
    fn resolve<'a>(
        &'a self,
        item: &'a Value,
        document: &'a Value,
        budget: &Budget,
    ) -> Result<Operand<'a>, PathError> {
        match self {
            Term::Literal(value) => Ok(Operand::Value(Cow::Borrowed(value))),
            Term::Pattern(regex) => Ok(Operand::Pattern(regex)),
            Term::Path(path) => path.value(item, document, budget),
        }
    }
}

impl FilterPath {
    fn is_definite(&self) -> bool {
        self.definite_count == self.segments.len()
    }

    fn value<'a>(
        &'a self,
        item: &'a Value,
        document: &'a Value,
        budget: &Budget,
    ) -> Result<Operand<'a>, PathError> {
        let root = if self.from_document { document } else { item };
        if self.segments.is_empty() {
            return Ok(Operand::Value(Cow::Borrowed(root)));
        }
        budget.spend(self.definite_count)?;
        if self.is_definite() {
            return Ok(evaluate::find(&self.segments, root).map_or(Operand::Undefined, Operand::Value));
        }
        let found = match evaluate::indefinite(&self.segments, self.definite_count, root, document, budget) {
            Err(PathError::FilterOnPrimitive { .. }) => None,
            found => found?,
        };
        Ok(found.map_or(Operand::Undefined, |values| Operand::Value(Cow::Owned(values.into()))))
    }

    fn exists(&self, item: &Value, document: &Value, budget: &Budget) -> Result<bool, PathError> {
        let root = if self.from_document { document } else { item };
        budget.spend(self.definite_count)?;
        if self.is_definite() {
            return Ok(evaluate::definite_exists(&self.segments, root));
        }
        match evaluate::exists(&self.segments, self.definite_count, root, document, budget) {
            Err(PathError::FilterOnPrimitive { .. }) => Ok(false),
            exists => exists,
        }
    }
}
