//! Whether a text is JSON, without making anything of it

use crate::grammar::{self, Maker, Text};
use crate::{Number, ParseError};

/// Checks JSON text as [`crate::parse`] does, which accepts the same texts.
///
/// # Errors
/// Those of [`crate::parse`].
pub fn check(text: &str) -> Result<(), ParseError> {
    grammar::read(text, Checker).map(|_| ())
}

struct Checker;

impl Maker for Checker {
    type Made = ();
    type Key = ();
    type Open = ();

    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn number(&mut self, _: Number) {}
    fn string(&mut self, _: Text<'_>) {}
    fn key(&mut self, _: Text<'_>) {}
    fn open(&mut self, _: usize) {}
    fn element(&mut self, (): &mut (), (): ()) {}
    fn member(&mut self, (): &mut (), (): (), (): ()) {}
    fn array(&mut self, (): (), _: usize) {}
    fn object(&mut self, (): (), _: usize) {}
}
