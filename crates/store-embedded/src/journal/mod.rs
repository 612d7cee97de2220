//! The journal: an append-only log in segments, the only thing that is synced on the commit path.

pub(crate) mod prepare;
pub(crate) mod record;
pub(crate) mod scan;
pub(crate) mod segment;

use crate::disk::{Disk, write_all_at};
use crate::error::{FatalError, OpenError};
use prepare::{Preparer, Segment};
use record::{HEADER_LENGTH, Kind, Stamp};
use scan::Scan;
use segment::{Checkpoint, Opening, RECORDS_AT};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long segments are. Each is twice as long as the one before, from `first` to `largest`: a store that is hardly used
/// takes little space, and a busy one changes segments rarely.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentLengths {
    pub(crate) first: u64,
    pub(crate) largest: u64,
}

impl SegmentLengths {
    pub(crate) fn after(&self, length: u64) -> u64 {
        (length * 2).clamp(self.first, self.largest)
    }

    /// A length that holds `bytes` of records.
    fn holding(&self, wanted: u64, bytes: u64) -> u64 {
        wanted.max((RECORDS_AT + bytes).next_multiple_of(4096))
    }
}

/// The end of the journal, where records are appended. One record at a time: the next is not written before the sync of
/// the last has returned, unless the store is relaxed.
pub(crate) struct Journal {
    lengths: SegmentLengths,
    preparer: Arc<Preparer>,
    current: Segment,
    /// Where the next record goes.
    offset: u64,
    /// Segments of the log, the current one last: id, path, length, number of the first record if it has any.
    segments: VecDeque<(u64, PathBuf, u64, Option<u64>)>,
    next: u64,
    synced: u64,
    epoch: u64,
    relaxed: bool,
    checkpoint: Checkpoint,
    syncs: u64,
    bytes: u64,
}

/// What an opening of the journal needs beside the scan.
pub(crate) struct OpenJournal {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    pub(crate) lengths: SegmentLengths,
    pub(crate) relaxed: bool,
}

impl Journal {
    /// Opens the journal for appending. The records that are not known to be synced are first written again into a fresh
    /// segment and synced: after a failed sync they may sit in the page cache alone.
    pub(crate) fn open(open: OpenJournal, scan: &Scan) -> Result<Journal, OpenError> {
        let OpenJournal { disk, directory, lengths, relaxed } = open;
        let epoch = scan.epoch + 1;
        let id = scan.next_segment;
        let opening = Opening {
            epoch,
            relaxed,
            cut_after: scan.synced,
            tail_end: scan.last,
            checkpoint: scan.checkpoint,
        };
        let mut tail = Vec::new();
        let mut first_sequence = None;
        for located in scan.records.iter().filter(|located| located.sequence > scan.synced) {
            first_sequence.get_or_insert(located.sequence);
            let body = scan.read_body(located)?;
            let mut bytes = Vec::new();
            record::begin(&mut bytes);
            bytes.extend_from_slice(&body);
            let stamp = Stamp {
                kind: located.kind,
                segment: id,
                sequence: located.sequence,
                epoch,
                synced: scan.synced,
                relaxed,
            };
            record::finish(&mut bytes, body.len(), stamp);
            tail.extend_from_slice(&bytes);
        }
        let length = lengths.holding(lengths.first, tail.len() as u64);
        let current = prepare::make(disk.as_ref(), &directory, id, length, Some(opening), &tail)
            .map_err(|error| fatal_to_open(error, &directory))?;
        let mut segments: VecDeque<_> = scan
            .segments
            .iter()
            .map(|segment| (segment.id, segment.path.clone(), segment.length, segment.first_sequence))
            .collect();
        segments.push_back((id, current.path.clone(), length, first_sequence));
        Ok(Journal {
            preparer: Arc::new(Preparer::new(disk, directory)),
            lengths,
            current,
            offset: RECORDS_AT + tail.len() as u64,
            segments,
            next: scan.last + 1,
            synced: scan.last,
            epoch,
            relaxed,
            checkpoint: scan.checkpoint,
            syncs: 0,
            bytes: 0,
        })
    }

    pub(crate) fn preparer(&self) -> Arc<Preparer> {
        Arc::clone(&self.preparer)
    }

    /// Id and length of the segment to make ahead.
    pub(crate) fn next_segment(&self) -> (u64, u64) {
        (self.current.id + 1, self.lengths.after(self.current.length))
    }

    /// The number of the last record.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the next record, if of `length` bytes, begins another segment.
    pub(crate) fn will_roll(&self, length: usize) -> bool {
        self.offset + record::padded(length) > self.current.length
    }

    /// Goes on to the next segment if a record of `length` bytes does not fit into this one. If the disk is full nothing
    /// has changed, and it may be tried again.
    pub(crate) fn make_room(&mut self, length: usize) -> Result<(), FatalError> {
        if self.will_roll(length) {
            self.roll(record::padded(length))?;
        }
        Ok(())
    }

    /// Appends a record whose body stands in `buffer` behind the place that [`record::begin`] left for the header.
    /// Not synced yet. Returns its number.
    pub(crate) fn append(&mut self, kind: Kind, buffer: &mut Vec<u8>) -> Result<u64, FatalError> {
        let body_length = buffer.len() - HEADER_LENGTH;
        if body_length > record::BODY_LENGTH_MAX {
            return Err(FatalError::Bug { what: format!("a record of {body_length} bytes is too long") });
        }
        self.make_room(buffer.len())?;
        let sequence = self.next;
        let stamp = Stamp {
            kind,
            segment: self.current.id,
            sequence,
            epoch: self.epoch,
            synced: self.synced,
            relaxed: self.relaxed,
        };
        record::finish(buffer, body_length, stamp);
        write_all_at(self.current.file.as_ref(), self.offset, buffer)
            .map_err(FatalError::io("write", &self.current.path))?;
        self.offset += buffer.len() as u64;
        self.bytes += buffer.len() as u64;
        self.next += 1;
        if let Some((_, _, _, first_sequence)) = self.segments.back_mut() {
            first_sequence.get_or_insert(sequence);
        }
        Ok(sequence)
    }

    /// Makes all records durable.
    pub(crate) fn sync(&mut self) -> Result<(), FatalError> {
        if self.synced == self.last() {
            return Ok(());
        }
        self.current.file.sync_data().map_err(FatalError::io("sync", &self.current.path))?;
        self.syncs += 1;
        self.synced = self.last();
        Ok(())
    }

    /// Goes on to the next segment.
    fn roll(&mut self, needed: u64) -> Result<(), FatalError> {
        // A record in a later segment says by its place that all before it are durable.
        self.sync()?;
        let (id, length) = self.next_segment();
        let length = self.lengths.holding(length, needed);
        let minimum = self.lengths.holding(RECORDS_AT, needed);
        let segment = self.preparer.take(id, minimum, length)?;
        self.segments.push_back((id, segment.path.clone(), segment.length, None));
        self.current = segment;
        self.offset = RECORDS_AT;
        Ok(())
    }

    /// Notes that the tables are durable up to record `applied`, with `open` entries in the running index. Synced.
    pub(crate) fn write_checkpoint(
        &mut self,
        applied: u64,
        open: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), FatalError> {
        let oldest = self
            .segments
            .iter()
            .rev()
            .find(|(_, _, _, first)| first.is_some_and(|first| first <= applied + 1));
        let oldest_segment = oldest.or(self.segments.front()).map_or(0, |(id, _, _, _)| *id);
        let checkpoint = Checkpoint { applied, open, oldest_segment };
        record::begin(buffer);
        if let Err(error) = minicbor::encode(checkpoint, &mut *buffer) {
            return Err(FatalError::Bug { what: format!("a checkpoint cannot be encoded: {error}") });
        }
        self.append(Kind::Checkpoint, buffer)?;
        self.sync()?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Segments that no restart needs any more, oldest first; they leave the log.
    pub(crate) fn take_obsolete(&mut self) -> Vec<(PathBuf, u64)> {
        let mut obsolete = Vec::new();
        while self.segments.len() > 1
            && let Some((id, path, length, _)) = self.segments.front()
            && *id < self.checkpoint.oldest_segment
        {
            obsolete.push((path.clone(), *length));
            self.segments.pop_front();
        }
        obsolete
    }
}

/// The same failure, met while opening.
fn fatal_to_open(error: FatalError, directory: &Path) -> OpenError {
    match error {
        FatalError::Io { action, path, reason, kind } => {
            OpenError::Io { action, path, source: std::io::Error::new(kind, reason) }
        }
        other => OpenError::tables(directory, other),
    }
}
