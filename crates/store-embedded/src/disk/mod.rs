//! The narrow door to the disk: all input and output of the journal goes through [`Disk`], so that tests can lose power,
//! tear sectors and fail syncs under the very code that ships.

mod real;
pub(crate) mod simulated;

pub use real::RealDisk;

use std::io;
use std::path::Path;

/// A place for files.
///
/// What is written is durable only after [`DiskFile::sync_data`]; names are durable only after [`Disk::sync_dir`].
pub trait Disk: Send + Sync + 'static {
    /// Makes a directory and its parents; fine if it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in no particular order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a file, which must not be there, and opens it.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, replacing the target if it is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;

    /// Free and total bytes of the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// Locks a file for the life of the returned guard and writes `content` into it; the file is made if needed.
    /// An error of kind [`io::ErrorKind::WouldBlock`] means that another process holds it.
    fn lock(&self, path: &Path, content: &str) -> io::Result<Box<dyn Send + Sync>>;
}

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Writes some of `bytes` at `offset`, the file growing as needed; returns how many were written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Reads up to `buffer.len()` bytes at `offset`; 0 means the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Makes the data of the file (and its length) durable. After an error nothing that was not durable before may be
    /// trusted, whatever a later call says.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space so that the first `length` bytes can be written.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`, however short single writes are.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; returns how many bytes were read.
pub(crate) fn read_full_at(file: &dyn DiskFile, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(offset, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => {
                filled += read;
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Puts a small file in place as a whole: temporary file, sync, rename, sync of the directory.
pub(crate) fn write_file(disk: &dyn Disk, directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.tmp"));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    write_all_at(file.as_ref(), 0, content)?;
    file.sync_data()?;
    disk.rename(&temporary, &directory.join(name))?;
    disk.sync_dir(directory)
}

/// The content of a small file; none if it is not there. Reads at most `limit` bytes.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = vec![0; limit];
    let length = read_full_at(file.as_ref(), 0, &mut content)?;
    content.truncate(length);
    Ok(Some(content))
}
