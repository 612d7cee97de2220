//! Reading the journal at start: what is valid, what is a torn tail, what is damage.
//!
//! The rule: every record names the last number that was known synced when it was written, and every opening of the store
//! syncs its own segment before it acts. Let K be the largest number so named. A record up to K that is not valid is damage.
//! Above K the first record that is not valid ends the log: power was lost, or a sync failed, before anybody was told of it.

use super::record::{self, ALIGNMENT, HEADER_LENGTH, Header, Kind};
use super::segment::{self, Checkpoint, Opening, RECORDS_AT, SegmentHeader};
use crate::disk::{Disk, DiskFile, read_full_at};
use crate::error::OpenError;
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const WINDOW_LENGTH: usize = 1 << 20;

/// A record of the log and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) sequence: u64,
    /// Index into [`Scan::segments`].
    pub(crate) segment: usize,
    pub(crate) offset: u64,
    pub(crate) body_length: u32,
    pub(crate) kind: Kind,
}

/// A segment file that belongs to the log.
pub(crate) struct SegmentFile {
    pub(crate) id: u64,
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    pub(crate) file: Box<dyn DiskFile>,
    /// Number of the first record in it that belongs to the log.
    pub(crate) first_sequence: Option<u64>,
}

/// What the journal holds.
pub(crate) struct Scan {
    /// The segments of the log, oldest first.
    pub(crate) segments: Vec<SegmentFile>,
    /// The records of the log, in order.
    pub(crate) records: Vec<Located>,
    /// The newest checkpoint.
    pub(crate) checkpoint: Checkpoint,
    /// Openings so far.
    pub(crate) epoch: u64,
    /// Whether the last opening allowed acknowledgements before the sync.
    pub(crate) relaxed: bool,
    /// The number of the last record that is known to be synced.
    pub(crate) synced: u64,
    /// The number of the last record.
    pub(crate) last: u64,
    /// The id for the next segment; a file of that name holds nothing.
    pub(crate) next_segment: u64,
    /// Files that are no longer needed.
    pub(crate) leftovers: Vec<PathBuf>,
}

/// One file as found.
struct Raw {
    id: u64,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    length: u64,
    header: Option<SegmentHeader>,
    /// Valid records from the start without a gap.
    records: Vec<(Header, u64)>,
    /// Where those end.
    end: u64,
    /// Whether valid records stand beyond a gap.
    beyond_gap: bool,
    /// The largest number that a valid record, in order or beyond a gap, names as synced.
    synced: u64,
}

impl Raw {
    fn is_blank(&self) -> bool {
        self.records.is_empty()
            && !self.beyond_gap
            && self.header.is_none_or(|header| header.opening.is_none())
    }
}

/// Scans the journal in `directory`. Changes nothing.
pub(crate) fn scan(disk: &dyn Disk, directory: &Path) -> Result<Scan, OpenError> {
    let mut leftovers = Vec::new();
    let mut ids = Vec::new();
    for name in disk.list(directory).map_err(OpenError::io("list", directory))? {
        match segment::parse_name(&name) {
            Some(id) => ids.push(id),
            None if name.ends_with(".tmp") => leftovers.push(directory.join(name)),
            None => {}
        }
    }
    ids.sort_unstable();
    let mut raws = Vec::with_capacity(ids.len());
    for id in ids {
        raws.push(read_segment(disk, segment::path(directory, id), id)?);
    }
    let checkpoint = newest_checkpoint(&raws)?;
    let (needed, obsolete): (Vec<Raw>, Vec<Raw>) =
        raws.into_iter().partition(|raw| raw.id >= checkpoint.oldest_segment);
    leftovers.extend(obsolete.into_iter().map(|raw| raw.path));
    check_files(directory, &needed, &checkpoint)?;
    assemble(needed, checkpoint, leftovers)
}

/// Reads and checks one file.
fn read_segment(disk: &dyn Disk, path: PathBuf, id: u64) -> Result<Raw, OpenError> {
    let file = disk.open(&path).map_err(OpenError::io("open", &path))?;
    let length = file.length().map_err(OpenError::io("measure", &path))?;
    let mut window = Window::new(file.as_ref(), length);
    let header = window.bytes(0, segment::HEADER_LENGTH).map_err(OpenError::io("read", &path))?;
    let header = header.and_then(SegmentHeader::decode);
    let mut records = Vec::new();
    let mut end = None;
    let mut beyond_gap = false;
    let mut synced = 0;
    let mut position = RECORDS_AT;
    while position < length {
        match window.record(position, id).map_err(OpenError::io("read", &path))? {
            Some(header) => {
                synced = synced.max(header.synced);
                match end {
                    None => records.push((header, position)),
                    Some(_) => beyond_gap = true,
                }
                position += header.span();
            }
            None => {
                end.get_or_insert(position);
                position += ALIGNMENT;
            }
        }
    }
    let end = end.unwrap_or(position.min(length));
    Ok(Raw { id, path, file, length, header, records, end, beyond_gap, synced })
}

/// The checkpoint that covers most, from the headers of openings and from checkpoint records.
fn newest_checkpoint(raws: &[Raw]) -> Result<Checkpoint, OpenError> {
    let mut newest = Checkpoint::default();
    for raw in raws {
        if let Some(opening) =
            raw.header.filter(|header| header.id == raw.id).and_then(|header| header.opening)
            && opening.checkpoint.applied >= newest.applied
        {
            newest = opening.checkpoint;
        }
        for (header, offset) in raw.records.iter().filter(|(header, _)| header.kind == Kind::Checkpoint) {
            let checkpoint = read_checkpoint(raw.file.as_ref(), &raw.path, *offset, header.body_length)?;
            if checkpoint.applied >= newest.applied {
                newest = checkpoint;
            }
        }
    }
    Ok(newest)
}

/// The body of a checkpoint record.
fn read_checkpoint(
    file: &dyn DiskFile,
    path: &Path,
    offset: u64,
    body_length: u32,
) -> Result<Checkpoint, OpenError> {
    let mut body = vec![0; body_length as usize];
    read_full_at(file, offset + HEADER_LENGTH as u64, &mut body).map_err(OpenError::io("read", path))?;
    minicbor::decode(&body).map_err(|error| {
        OpenError::damaged(path, offset, format!("the checkpoint there cannot be read: {error}"))
    })
}

/// No file of the log may be missing, cut short or in another's place.
fn check_files(directory: &Path, raws: &[Raw], checkpoint: &Checkpoint) -> Result<(), OpenError> {
    // Files that were made ahead and never used hold nothing to lose. Several can be left, and a crash may take any of them.
    let used = raws.iter().rposition(|raw| !raw.is_blank()).map_or(0, |last| last + 1);
    for (index, raw) in raws[..used].iter().enumerate() {
        let expected = match index {
            0 if checkpoint.oldest_segment == 0 => raw.id,
            0 => checkpoint.oldest_segment,
            _ => raws[index - 1].id + 1,
        };
        if raw.id != expected {
            return Err(OpenError::damaged(&segment::path(directory, expected), 0, "the file is missing"));
        }
        match raw.header {
            Some(header) if header.id != raw.id => {
                let what = format!("the file holds segment {:016x}, so files were exchanged", header.id);
                return Err(OpenError::damaged(&raw.path, 0, what));
            }
            Some(header) if raw.length < header.length => {
                let what = format!("the file ends there, and should have {} bytes", header.length);
                return Err(OpenError::damaged(&raw.path, raw.length, what));
            }
            Some(_) => {}
            None => return Err(OpenError::damaged(&raw.path, 0, "the header of the segment is not valid")),
        }
    }
    Ok(())
}

/// Joins the records of all files to one log.
fn assemble(raws: Vec<Raw>, checkpoint: Checkpoint, leftovers: Vec<PathBuf>) -> Result<Scan, OpenError> {
    let openings: Vec<Option<Opening>> =
        raws.iter().map(|raw| raw.header.and_then(|header| header.opening)).collect();
    let synced = raws
        .iter()
        .map(|raw| raw.synced)
        .chain(openings.iter().flatten().map(|opening| opening.tail_end))
        .max()
        .unwrap_or(0);
    let mut log = Log { records: Vec::new(), last: None };
    let mut broken_at: Option<(usize, u64)> = None;
    for (index, raw) in raws.iter().enumerate() {
        if let Some(opening) = openings[index] {
            log.check_reaches(opening.cut_after, &raws, index, broken_at, &checkpoint)?;
            log.cut(opening);
            broken_at = None;
        }
        if broken_at.is_some() {
            continue;
        }
        for (header, offset) in &raw.records {
            let expected = log.expected().unwrap_or(header.sequence);
            if header.sequence < expected {
                let what = format!("record {} stands where record {expected} belongs", header.sequence);
                return Err(OpenError::damaged(&raw.path, *offset, what));
            }
            if header.sequence > expected {
                // The record that belongs here is not valid where it was written: in the file before.
                let before = index.saturating_sub(1);
                broken_at = Some((before, raws[before].end));
                break;
            }
            log.push(index, header, *offset);
        }
        if raw.beyond_gap && broken_at.is_none() {
            broken_at = Some((index, raw.end));
        }
    }
    log.check_reaches(synced, &raws, raws.len(), broken_at, &checkpoint)?;
    if let Some(first) = log.records.first()
        && openings[first.segment].is_none()
        && first.sequence > checkpoint.applied + 1
    {
        let what = format!("records {} to {} are missing", checkpoint.applied + 1, first.sequence - 1);
        return Err(OpenError::damaged(&raws[first.segment].path, first.offset, what));
    }
    Ok(log.into_scan(raws, &openings, checkpoint, synced, leftovers))
}

/// The log while it is being joined.
struct Log {
    records: Vec<Located>,
    /// Number of the last record, counting those that an opening cut off or a checkpoint made needless.
    last: Option<u64>,
}

impl Log {
    fn expected(&self) -> Option<u64> {
        self.last.map(|last| last + 1)
    }

    fn push(&mut self, segment: usize, header: &Header, offset: u64) {
        self.last = Some(header.sequence);
        self.records.push(Located {
            sequence: header.sequence,
            segment,
            offset,
            body_length: header.body_length,
            kind: header.kind,
        });
    }

    fn cut(&mut self, opening: Opening) {
        let keep = self.records.partition_point(|record| record.sequence <= opening.cut_after);
        self.records.truncate(keep);
        self.last = Some(opening.cut_after);
    }

    /// The log must hold every record up to `number`, or it is damaged where it breaks off.
    fn check_reaches(
        &self,
        number: u64,
        raws: &[Raw],
        before: usize,
        broken_at: Option<(usize, u64)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), OpenError> {
        let last = self.last.unwrap_or(checkpoint.applied);
        if last >= number {
            return Ok(());
        }
        let (index, offset) = match broken_at {
            Some(place) => place,
            None => match raws[..before].iter().rposition(|raw| !raw.is_blank()) {
                Some(index) => (index, raws[index].end),
                None => (before.min(raws.len().saturating_sub(1)), 0),
            },
        };
        let what = format!("record {} is not valid, although record {number} was synced after it", last + 1);
        let what = if last + 1 == number {
            format!("record {number} is not valid, although it was synced")
        } else {
            what
        };
        let path = raws.get(index).map(|raw| raw.path.clone()).unwrap_or_default();
        Err(OpenError::damaged(&path, offset, what))
    }

    fn into_scan(
        self,
        raws: Vec<Raw>,
        openings: &[Option<Opening>],
        checkpoint: Checkpoint,
        synced: u64,
        mut leftovers: Vec<PathBuf>,
    ) -> Scan {
        let last = self.last.unwrap_or(checkpoint.applied);
        let newest_opening = openings.iter().flatten().next_back();
        let newest_record = raws.iter().rev().find_map(|raw| raw.records.last()).map(|(header, _)| header);
        let opened_later =
            newest_opening.map(|opening| opening.epoch) > newest_record.map(|header| header.epoch);
        let relaxed = match (newest_opening, newest_record) {
            (Some(opening), _) if opened_later => opening.relaxed,
            (_, Some(header)) => header.relaxed,
            (opening, None) => opening.is_some_and(|opening| opening.relaxed),
        };
        let epoch = newest_opening
            .map(|opening| opening.epoch)
            .max(newest_record.map(|header| header.epoch))
            .unwrap_or(0);
        let used = raws.iter().rposition(|raw| !raw.is_blank()).map_or(0, |index| index + 1);
        let next_segment = match used {
            0 => checkpoint.oldest_segment.max(1),
            _ => raws[used - 1].id + 1,
        };
        let mut segments = Vec::with_capacity(used);
        for (index, raw) in raws.into_iter().enumerate() {
            if index < used {
                let first = self.records.partition_point(|record| record.segment < index);
                let first_sequence = self
                    .records
                    .get(first)
                    .filter(|record| record.segment == index)
                    .map(|record| record.sequence);
                segments.push(SegmentFile {
                    id: raw.id,
                    path: raw.path,
                    length: raw.length,
                    file: raw.file,
                    first_sequence,
                });
            } else if raw.id != next_segment {
                leftovers.push(raw.path);
            }
        }
        Scan {
            segments,
            records: self.records,
            checkpoint,
            epoch,
            relaxed,
            // Not the checkpoint's number: it was written before its own sync, which may have failed.
            synced: synced.min(last),
            last,
            next_segment,
            leftovers,
        }
    }
}

impl Scan {
    /// Goes on after record `applied`, which the tables hold durably with all before it, while the journal lost records:
    /// nothing in it is needed any more.
    pub(crate) fn restart_after(&mut self, applied: u64, open: u64) {
        self.leftovers.extend(self.segments.drain(..).map(|segment| segment.path));
        self.records.clear();
        self.checkpoint = Checkpoint { applied, open, oldest_segment: self.next_segment };
        self.synced = applied;
        self.last = applied;
    }

    /// The body of a record of the log. Its checksum was checked by the scan and is checked again, since the disk may give
    /// another answer the second time.
    pub(crate) fn read_body(&self, record: &Located) -> Result<Vec<u8>, OpenError> {
        let segment = &self.segments[record.segment];
        let mut bytes = vec![0; HEADER_LENGTH + record.body_length as usize];
        let length = read_full_at(segment.file.as_ref(), record.offset, &mut bytes)
            .map_err(OpenError::io("read", &segment.path))?;
        let is_valid = length == bytes.len()
            && Header::decode(&bytes).zip(bytes.first_chunk()).is_some_and(|(header, start)| {
                header.matches(crc32c::crc32c_append(Header::checksum_start(start), &bytes[HEADER_LENGTH..]))
                    && header.sequence == record.sequence
            });
        if !is_valid {
            let what = format!("record {} can no longer be read as it was a moment ago", record.sequence);
            return Err(OpenError::damaged(&segment.path, record.offset, what));
        }
        bytes.drain(..HEADER_LENGTH);
        Ok(bytes)
    }
}

/// Reads a file in large pieces.
struct Window<'a> {
    file: &'a dyn DiskFile,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn DiskFile, length: u64) -> Window<'a> {
        Window { file, length, start: 0, bytes: Vec::new() }
    }

    /// `count` bytes at `offset`, or none if the file ends before.
    fn bytes(&mut self, offset: u64, count: usize) -> std::io::Result<Option<&[u8]>> {
        if offset + count as u64 > self.length {
            return Ok(None);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + count as u64 > end {
            let wanted = (count.max(WINDOW_LENGTH) as u64).min(self.length - offset) as usize;
            self.bytes.resize(wanted, 0);
            let read = read_full_at(self.file, offset, &mut self.bytes)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let at = (offset - self.start) as usize;
        Ok(self.bytes.get(at..at + count))
    }

    /// The record at `offset`, if there is a valid one of this segment.
    fn record(&mut self, offset: u64, segment: u64) -> std::io::Result<Option<Header>> {
        let Some(header) = self.bytes(offset, HEADER_LENGTH)?.and_then(Header::decode) else {
            return Ok(None);
        };
        if header.segment != segment {
            return Ok(None);
        }
        let whole = HEADER_LENGTH + header.body_length as usize;
        if offset + record::padded(whole) > self.length {
            return Ok(None);
        }
        let Some(bytes) = self.bytes(offset, whole)? else { return Ok(None) };
        let Some(start) = bytes.first_chunk() else { return Ok(None) };
        let checksum = crc32c::crc32c_append(Header::checksum_start(start), &bytes[HEADER_LENGTH..]);
        Ok(header.matches(checksum).then_some(header))
    }
}
