//! Regular expressions, and functions that stand in for them
//!
//! In JSONata a regular expression is a function: given a text it returns its first match, an object with the members
//! `match`, `start`, `end`, `groups` and `next`, a function for the match behind it. Any function that returns such
//! objects can be used in the same places.

use std::rc::Rc;
use std::sync::Arc;

use crate::Error;
use crate::item::{Arguments, Function, Item, Key, NextMatch, Record, utf16_length};
use crate::pattern::Pattern;

use super::Evaluator;

/// One match
pub(crate) struct Found {
    pub(crate) text: Arc<str>,
    /// Where it starts and ends in bytes, when that is known
    bytes: Option<(usize, usize)>,
    /// Where it starts and ends, in UTF-16 units
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What the groups matched; none for a group that took no part
    pub(crate) groups: Vec<Option<Arc<str>>>,
}

impl Found {
    /// Where the match starts and ends in a text, in bytes.
    pub(crate) fn bytes(&self, text: &str) -> (usize, usize) {
        self.bytes.unwrap_or_else(|| {
            let place = |units: usize| {
                let mut passed = 0;
                let at = text.char_indices().find(|(_, character)| {
                    let reached = passed >= units;
                    passed += character.len_utf16();
                    reached
                });
                at.map_or(text.len(), |(at, _)| at)
            };
            (place(self.start), place(self.end))
        })
    }
}

/// A walk over the matches of a text
pub(crate) enum Matcher<'i, 't> {
    /// By a regular expression
    Pattern { pattern: &'i Pattern, text: &'t str, from: usize, units: usize },
    /// By a function; holds what gives the next match
    Function { next: Item<'i>, arguments: Arguments<'i> },
}

impl<'i> Evaluator<'i> {
    /// Begins a walk over the matches that a function (mostly a regular expression) finds in a text.
    pub(crate) fn matcher<'t>(&self, matcher: &Item<'i>, text: &'t str, item: &Item<'i>) -> Matcher<'i, 't> {
        match matcher.as_function().map(|function| &**function) {
            Some(Function::Regex(pattern)) => Matcher::Pattern { pattern, text, from: 0, units: 0 },
            _ => Matcher::Function { next: matcher.clone(), arguments: smallvec::smallvec![item.clone()] },
        }
    }

    /// The next match.
    pub(crate) fn next_match(&self, matcher: &mut Matcher<'i, '_>) -> Result<Option<Found>, Error> {
        self.step(1)?;
        match matcher {
            Matcher::Pattern { pattern, text, from, units } => {
                if *from > text.len() {
                    return Ok(None);
                }
                let Some(found) = self.find(pattern, text, *from)? else { return Ok(None) };
                let slice = |range: (usize, usize)| text.get(range.0..range.1).unwrap_or_default();
                let matched = slice((found.start, found.end));
                let start = *units + utf16_length(slice((*from, found.start)));
                let end = start + utf16_length(matched);
                let result = Found {
                    text: matched.into(),
                    bytes: Some((found.start, found.end)),
                    start,
                    end,
                    groups: found.groups.iter().map(|group| group.map(|range| slice(range).into())).collect(),
                };
                // At the end of the text there is nothing more to find.
                *from = if found.end >= text.len() { text.len() + 1 } else { found.end };
                *units = end;
                Ok(Some(result))
            }
            Matcher::Function { next, arguments } => {
                if next.is_undefined() {
                    return Ok(None);
                }
                let arguments = std::mem::take(arguments);
                let found = self.apply(next.clone(), arguments, &Item::Null)?;
                if found.is_undefined() || found.as_number() == Some(0.0) || matches!(found, Item::Null) {
                    *next = Item::Undefined;
                    return Ok(None);
                }
                let member = |name: &str| found.member(name).unwrap_or(Item::Undefined);
                let place = |name: &str| member(name).as_number().map(|number| number.max(0.0) as usize);
                let is_match = place("start").is_some()
                    || place("end").is_some()
                    || member("groups").is_array()
                    || member("next").is_function();
                if !is_match {
                    return Err(Error::new("T1010"));
                }
                let groups = member("groups");
                let result = Found {
                    text: member("match").as_str().unwrap_or_default().into(),
                    bytes: None,
                    start: place("start").unwrap_or(0),
                    end: place("end").unwrap_or(0),
                    groups: groups.elements().map(|group| group.as_str().map(Arc::from)).collect(),
                };
                *next = member("next");
                Ok(Some(result))
            }
        }
    }

    fn find(
        &self,
        pattern: &Pattern,
        text: &str,
        from: usize,
    ) -> Result<Option<crate::pattern::Found>, Error> {
        let mut work = 0;
        let found = pattern.find_counting(text, from, &mut work);
        self.step(usize::try_from(work).unwrap_or(usize::MAX))?;
        let Some(found) = found? else { return Ok(None) };
        if found.start == found.end {
            return Err(Error::new("D1004").string_value(pattern.source()));
        }
        Ok(Some(found))
    }

    /// What a regular expression returns when it is called as a function.
    pub(super) fn match_record(
        &self,
        pattern: &'i Pattern,
        text: Option<Arc<str>>,
        from: usize,
    ) -> Result<Item<'i>, Error> {
        let Some(text) = text else { return Ok(Item::Undefined) };
        if from > text.len() {
            return Ok(Item::Undefined);
        }
        let Some(found) = self.find(pattern, &text, from)? else { return Ok(Item::Undefined) };
        let slice = |range: (usize, usize)| text.get(range.0..range.1).unwrap_or_default();
        let start = utf16_length(slice((0, found.start)));
        let matched = slice((found.start, found.end));
        let mut groups = self.list()?;
        for group in &found.groups {
            groups.push(match group {
                Some(range) => self.text(slice(*range))?,
                None => Item::Undefined,
            })?;
        }
        let next = NextMatch {
            pattern,
            text: text.clone(),
            from: if found.end >= text.len() { text.len() + 1 } else { found.end },
        };
        let mut record = Record::new(self.meter)?;
        record.push(self.key_of("match")?, self.text(matched)?)?;
        record.push(self.key_of("start")?, Item::Number(start as f64))?;
        record.push(self.key_of("end")?, Item::Number((start + utf16_length(matched)) as f64))?;
        record.push(self.key_of("groups")?, groups.into_item())?;
        record.push(self.key_of("next")?, Item::Function(Rc::new(Function::NextMatch(next))))?;
        Ok(record.into_item())
    }

    /// The name of a member that is made.
    pub(crate) fn key_of(&self, name: &str) -> Result<Key<'i>, Error> {
        let text = self.text(name)?;
        Key::try_from(&text).map_err(|()| Error::new("T1003"))
    }
}
