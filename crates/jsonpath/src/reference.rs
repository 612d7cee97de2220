//! Reference paths: they name one place, which can be read and written

use crate::{Path, PathError, SyntaxError};
use std::fmt;
use stepwell_json::Value;
use stepwell_json::path_edit::{self, SetError, Step};

/// A path of names and non-negative indexes. A clone copies two pointers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReferencePath {
    path: Path,
    steps: std::sync::Arc<[Step]>,
}

impl ReferencePath {
    /// Compiles a reference path. `$$...` and `$variable...` are accepted: most fields that take a reference path take
    /// them, and the others can tell by [`Path::root`].
    ///
    /// # Errors
    /// Where the text is no path, or not a reference path (`Value is not a Reference Path`).
    pub fn parse(text: &str) -> Result<ReferencePath, SyntaxError> {
        ReferencePath::try_from(Path::parse(text)?)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path's text as it was written.
    pub fn text(&self) -> &str {
        self.path.text()
    }

    /// Names and indexes from the root on; empty for `$`.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The value at this place.
    ///
    /// # Errors
    /// Where the path leads nowhere.
    pub fn evaluate(&self, root: &Value) -> Result<Value, PathError> {
        self.path.evaluate(root)
    }

    /// A copy of `root` with `new` at this place; missing objects on the way are made. What is not on the way is shared.
    ///
    /// # Errors
    /// Where the path leads through something that is neither object nor array, or past the end of an array
    /// (`States.ResultPathMatchFailure`).
    pub fn set(&self, root: &Value, new: Value) -> Result<Value, SetError> {
        path_edit::set(root, &self.steps, new)
    }
}

impl TryFrom<Path> for ReferencePath {
    type Error = SyntaxError;

    fn try_from(path: Path) -> Result<ReferencePath, SyntaxError> {
        match path.steps() {
            Some(steps) if path.is_reference() => Ok(ReferencePath { path, steps: steps.into() }),
            _ => Err(SyntaxError::new("Value is not a Reference Path", 0)),
        }
    }
}

impl fmt::Debug for ReferencePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ReferencePath({})", self.text())
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}
