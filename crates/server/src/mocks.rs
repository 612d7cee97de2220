//! The mock file of the server: read at the start, and again when it has changed.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use stepwell_mock::{Fault, MockFile};

/// Bytes that a mock file may have.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Faults that an answer to StartExecution tells.
const FAULTS_SHOWN_MAX: usize = 10;

/// Why there are no mocks.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The server has no mock file.
    #[error(
        "the ARN names a test case, but the server was started without a mock file (--mock-config or SFN_MOCK_CONFIG)"
    )]
    None,
    /// The file can't be read.
    #[error("the mock file {path} can't be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file has faults.
    #[error("the mock file {path} can't be used: {}", shown(faults))]
    Faulty {
        /// The file.
        path: PathBuf,
        /// All of them.
        faults: Vec<Fault>,
    },
}

fn shown(faults: &[Fault]) -> String {
    let mut text = String::new();
    for (position, fault) in faults.iter().take(FAULTS_SHOWN_MAX).enumerate() {
        let _ = write!(text, "{}{fault}", if position > 0 { "; " } else { "" });
    }
    if faults.len() > FAULTS_SHOWN_MAX {
        let _ = write!(text, "; and {} more", faults.len() - FAULTS_SHOWN_MAX);
    }
    text
}

/// When a file was changed, and its size: another one is another file.
type Version = (Option<SystemTime>, u64);

/// The mock file, if the server has one.
#[derive(Debug)]
pub(crate) struct Mocks {
    path: Option<PathBuf>,
    current: RwLock<(Version, Arc<MockFile>)>,
}

impl Mocks {
    /// Reads the file.
    pub(crate) async fn open(path: Option<PathBuf>) -> Result<Self, MockError> {
        let current = match path.clone() {
            Some(path) => apart(path, read).await?,
            None => Default::default(),
        };
        Ok(Self { path, current: RwLock::new(current) })
    }

    /// What was read last.
    pub(crate) fn current(&self) -> Arc<MockFile> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// The file as it is now: read again if it has changed.
    pub(crate) async fn reloaded(&self) -> Result<Arc<MockFile>, MockError> {
        let Some(path) = self.path.clone() else { return Err(MockError::None) };
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).0;
        let changed =
            apart(path, move |path| if version(path)? == known { Ok(None) } else { read(path).map(Some) });
        if let Some(changed) = changed.await? {
            tracing::info!("the mock file has changed and was read again");
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = changed;
        }
        Ok(self.current())
    }
}

/// Does something with a file on a thread that requests do not need.
async fn apart<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> Result<T, MockError> + Send + 'static,
) -> Result<T, MockError> {
    let shown = path.clone();
    let result = tokio::task::spawn_blocking(move || work(&path)).await;
    result.unwrap_or_else(|error| Err(unreadable(&shown, error)))
}

fn version(path: &Path) -> Result<Version, MockError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
    Ok((metadata.modified().ok(), metadata.len()))
}

fn read(path: &Path) -> Result<(Version, Arc<MockFile>), MockError> {
    // The version is asked first: a change in between is seen the next time.
    let version = version(path)?;
    if version.1 > FILE_BYTES_MAX {
        return Err(unreadable(path, format_args!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    // Editors on Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match MockFile::parse(text) {
        Ok(file) => Ok((version, Arc::new(file))),
        Err(faults) => Err(MockError::Faulty { path: path.to_owned(), faults }),
    }
}

fn unreadable(path: &Path, reason: impl std::fmt::Display) -> MockError {
    MockError::Unreadable { path: path.to_owned(), reason: reason.to_string() }
}
