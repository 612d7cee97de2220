//! The embedded bootstraps, written to a private folder when the first worker needs one.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::config::Runtime;

const PYTHON: (&str, &str) = ("stepwell_bootstrap.py", include_str!("../bootstrap/python.py"));
const NODE: (&str, &str) = ("stepwell_bootstrap.mjs", include_str!("../bootstrap/node.mjs"));

/// The folder with the bootstraps; removed with the value.
#[derive(Default)]
pub(super) struct Bootstraps {
    folder: Mutex<Option<PathBuf>>,
}

impl Bootstraps {
    /// The file to run for this runtime; `None` for executables.
    ///
    /// # Errors
    /// The folder or a file can't be written.
    pub(super) fn file(&self, runtime: Runtime) -> io::Result<Option<PathBuf>> {
        let (name, _) = match runtime {
            Runtime::Python => PYTHON,
            Runtime::Node => NODE,
            Runtime::Executable => return Ok(None),
        };
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folder.as_ref() {
            let file = folder.join(name);
            // Long-running servers lose files to cleaners of temporary folders; then they are written anew.
            if file.is_file() {
                return Ok(Some(file));
            }
        }
        // A fresh name and no access for others: nobody else can have put a file there.
        let fresh =
            std::env::temp_dir().join(format!("stepwell-bootstrap-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&fresh)?;
        for (name, text) in [PYTHON, NODE] {
            fs::write(fresh.join(name), text)?;
        }
        if let Some(old) = folder.replace(fresh.clone()) {
            let _ = fs::remove_dir_all(old);
        }
        Ok(Some(fresh.join(name)))
    }
}

impl Drop for Bootstraps {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
