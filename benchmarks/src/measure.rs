//! Medians, percentiles, and what the disk itself does.

use std::{
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;

/// What one commit of the null server writes: about what one pass10 execution costs Stepwell.
pub const COMMIT_BYTES: usize = 1_700;
/// Size of the file into which syncs are measured.
const PROBE_BYTES: usize = 8 * 1024 * 1024;

/// The value below which `fraction` of the values lie; 0 for no values.
#[must_use]
pub fn percentile(values: &[f64], fraction: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * fraction).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// The middle value; 0 for no values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// Measures fdatasync in the directory where the servers keep their data.
#[derive(Debug)]
pub struct SyncProbe {
    file: File,
    position: u64,
    samples_ms: Vec<f64>,
}

impl SyncProbe {
    /// Makes and preallocates the probe's file.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn new(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("sync-probe");
        Ok(Self { file: preallocated(&path, PROBE_BYTES)?, position: 0, samples_ms: Vec::new() })
    }

    /// Takes `count` samples: write as much as one commit, sync the data.
    ///
    /// # Errors
    /// When writing fails.
    pub fn sample(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            if self.position as usize + COMMIT_BYTES > PROBE_BYTES {
                self.position = 0;
            }
            self.file.write_all_at(&[0x5a; COMMIT_BYTES], self.position)?;
            self.position += COMMIT_BYTES as u64;
            let begun = Instant::now();
            self.file.sync_data()?;
            self.samples_ms.push(milliseconds(begun.elapsed()));
        }
        Ok(())
    }

    /// The median of all samples so far, in milliseconds.
    #[must_use]
    pub fn median_ms(&self) -> f64 {
        median(&self.samples_ms)
    }
}

/// A new file of zeros, written out and synced, so that later syncs have no metadata to write.
///
/// # Errors
/// When it can't be written.
pub fn preallocated(path: &Path, bytes: usize) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let zeros = vec![0; 1024 * 1024];
    let mut written = 0;
    while written < bytes {
        let piece = zeros.len().min(bytes - written);
        file.write_all_at(&zeros[..piece], written as u64)?;
        written += piece;
    }
    file.sync_all()?;
    Ok(file)
}

/// Bytes on disk of the files below a directory, those apart whose path (relative to it) `leave_out` accepts.
///
/// # Errors
/// When the directory can't be read.
pub fn disk_bytes(directory: &Path, leave_out: &dyn Fn(&Path) -> bool) -> anyhow::Result<u64> {
    let mut total = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            let metadata = std::fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                open.push(path);
            } else if !leave_out(path.strip_prefix(directory).unwrap_or(&path)) {
                // Blocks of 512 bytes, whatever the file system's own block size.
                total += metadata.blocks() * 512;
            }
        }
    }
    Ok(total)
}

/// A duration in milliseconds.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_list() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((percentile(&values, 0.0), median(&values), percentile(&values, 1.0)), (1.0, 3.0, 5.0));
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn syncs_are_measured() {
        let directory = tempfile::tempdir().unwrap();
        let mut probe = SyncProbe::new(directory.path()).unwrap();
        probe.sample(3).unwrap();
        assert!(probe.median_ms() > 0.0);
        assert!(disk_bytes(directory.path(), &|_| false).unwrap() >= PROBE_BYTES as u64);
        assert_eq!(disk_bytes(directory.path(), &|path| path == Path::new("sync-probe")).unwrap(), 0);
    }
}
