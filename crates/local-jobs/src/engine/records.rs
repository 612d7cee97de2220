//! Jobs on disk: a folder for each, with its record and, for each launch of each container, a log, a lock and an exit.
//!
//! ```text
//! jobs/ID/job.json                  what was asked for, and how far it has come
//! jobs/ID/1/default.log             what the container `default` printed when it was launched first
//! jobs/ID/array/7/job.json          how far the child with index 7 has come, once it was launched
//! jobs/ID/array/7/1/default.log
//! ```
//!
//! The path of a log from `jobs/` on is the name of the log stream that the APIs show.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::job::{JobId, Progress, Spec};
use crate::shim::{Files, write_whole};

/// The version of the records' form.
const VERSION: u32 = 1;
const RECORD: &str = "job.json";
const CHILDREN: &str = "array";

/// A record as it is on disk. Children have no `spec`: it is their parent's.
#[derive(Serialize, Deserialize)]
struct Record<S> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    spec: Option<S>,
    progress: Progress,
}

fn none<S>() -> Option<S> {
    None
}

/// A job that was found on disk.
pub(crate) struct Found {
    pub(crate) spec: Spec,
    pub(crate) progress: Progress,
    /// Those that were launched, by index.
    pub(crate) children: BTreeMap<u32, Progress>,
}

/// Where records and logs are.
#[derive(Debug)]
pub(crate) struct Records {
    root: PathBuf,
    is_durable: bool,
}

impl Records {
    /// In a directory; or, without one, logs alone in a folder of the system's temporary directory.
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Records> {
        let root = match directory {
            Some(directory) => std::path::absolute(directory)?,
            None => std::env::temp_dir().join(format!("stepwell-jobs-{}", uuid::Uuid::new_v4().simple())),
        };
        let records = Records { root, is_durable: directory.is_some() };
        if records.is_durable {
            make_folder(&records.root)?;
        }
        Ok(records)
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.is_durable
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the log stream of a launch: the log's path within the root.
    pub(crate) fn log_stream(id: &JobId, launch: u32, container: &str) -> String {
        match id.index {
            Some(index) => format!("{}/{CHILDREN}/{index}/{launch}/{container}.log", id.id),
            None => format!("{}/{launch}/{container}.log", id.id),
        }
    }

    /// The files of a launch.
    pub(crate) fn files(&self, id: &JobId, launch: u32, container: &str) -> Files {
        let folder = self.folder(id).join(launch.to_string());
        let file = |ending: &str| folder.join(format!("{container}.{ending}"));
        Files { log: file("log"), lock: file("lock"), exit: file("exit") }
    }

    /// Makes the folder for the files of a launch.
    pub(crate) fn prepare(&self, id: &JobId, launch: u32) -> io::Result<()> {
        make_folder(&self.folder(id).join(launch.to_string()))
    }

    fn folder(&self, id: &JobId) -> PathBuf {
        let whole = self.root.join(&*id.id);
        match id.index {
            Some(index) => whole.join(CHILDREN).join(index.to_string()),
            None => whole,
        }
    }

    /// Writes a job's record durably.
    pub(crate) fn write(&self, id: &JobId, spec: &Spec, progress: &Progress) -> io::Result<()> {
        if !self.is_durable {
            return Ok(());
        }
        let spec = id.index.is_none().then_some(spec);
        let record = Record { version: VERSION, spec, progress: progress.clone() };
        let folder = self.folder(id);
        let path = folder.join(RECORD);
        if !path.exists() {
            make_folder(&folder)?;
            // The new folders' names have to be there after a loss of power too.
            for parent in folder.ancestors().skip(1).take_while(|parent| parent.starts_with(&self.root)) {
                File::open(parent)?.sync_all()?;
            }
        }
        write_whole(&path, &serde_json::to_vec(&record)?)
    }

    pub(crate) fn remove(&self, id: &JobId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.folder(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All jobs on disk. One whose record can't be read is left alone and reported.
    pub(crate) fn read_all(&self) -> io::Result<Vec<Found>> {
        if !self.is_durable {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.root)? {
            let folder = entry?.path();
            match read_job(&folder) {
                Ok(Some(found)) => all.push(found),
                // The server ended before it had written the record, and before it had answered.
                Ok(None) => drop(std::fs::remove_dir_all(&folder)),
                Err(error) => tracing::error!(
                    target: "stepwell::jobs",
                    folder = %folder.display(),
                    %error,
                    "a job's record can't be read; the job is not known any more"
                ),
            }
        }
        Ok(all)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    // Logs and records have what jobs were given, which may be secret.
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn read_job(folder: &Path) -> io::Result<Option<Found>> {
    let Some(record) = read::<Spec>(&folder.join(RECORD))? else { return Ok(None) };
    let Some(spec) = record.spec else { return Err(io::Error::other("it does not say what was asked for")) };
    let mut children = BTreeMap::new();
    if spec.array_size.is_some()
        && let Ok(entries) = std::fs::read_dir(folder.join(CHILDREN))
    {
        for entry in entries {
            let entry = entry?;
            let index = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let record = read::<Spec>(&entry.path().join(RECORD))?;
            if let (Some(index), Some(record)) = (index, record) {
                children.insert(index, record.progress);
            }
        }
    }
    Ok(Some(Found { spec, progress: record.progress, children }))
}

fn read<S: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<Record<S>>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let record: Record<S> = serde_json::from_slice(&text)?;
    if record.version != VERSION {
        return Err(io::Error::other(format!(
            "its form is {}, but this version reads {VERSION}",
            record.version
        )));
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::spec;

    #[test]
    fn records_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::open(Some(directory.path())).unwrap();
        let id = JobId::whole("job");
        let spec = Spec { array_size: Some(3), ..spec("job") };
        let mut progress = Progress::new();
        records.write(&id, &spec, &progress).unwrap();
        progress.launches = 2;
        records.write(&id.child(1), &spec, &progress).unwrap();
        std::fs::create_dir(directory.path().join("unfinished")).unwrap();
        let bad = directory.path().join("bad");
        std::fs::create_dir(&bad).unwrap();
        std::fs::write(bad.join(RECORD), "{").unwrap();

        let all = records.read_all().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].spec.array_size, Some(3));
        assert_eq!(all[0].progress.launches, 0);
        assert_eq!(all[0].children[&1].launches, 2);
        assert!(!directory.path().join("unfinished").exists() && bad.exists());
        records.remove(&id).unwrap();
        assert!(records.read_all().unwrap().is_empty());
    }
}
