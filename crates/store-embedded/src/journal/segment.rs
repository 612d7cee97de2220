//! The header of a segment file: its first sector. `docs/formats/journal.md` describes the bytes.

use super::record::ALIGNMENT;
use minicbor::{Decode, Encode};
use std::path::{Path, PathBuf};

/// Where records begin.
pub(crate) const RECORDS_AT: u64 = ALIGNMENT;
pub(crate) const HEADER_LENGTH: usize = ALIGNMENT as usize;

const MAGIC: [u8; 8] = *b"SWSEGMT1";
const SUFFIX: &str = ".journal";
const CHECKSUM_AT: usize = 124;

/// Up to where the tables are durable. Also the body of a checkpoint record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Checkpoint {
    /// The number of the last record of batches that the tables hold durably.
    #[n(0)]
    pub(crate) applied: u64,
    /// Entries in the running index after that record.
    #[n(1)]
    pub(crate) open: u64,
    /// The oldest segment that may hold a later record.
    #[n(2)]
    pub(crate) oldest_segment: u64,
}

/// What an opening of the store found and decided. It stands in the header of the segment that the opening made, whose
/// first records are copies of those that were not known to be synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    /// How many times the store was opened, this time included.
    pub(crate) epoch: u64,
    /// Whether records may be acknowledged before they are synced.
    pub(crate) relaxed: bool,
    /// Records above this number in earlier segments are void.
    pub(crate) cut_after: u64,
    /// The number of the last copy in this segment; `cut_after` if there is none.
    pub(crate) tail_end: u64,
    /// The last checkpoint before the opening.
    pub(crate) checkpoint: Checkpoint,
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: u64,
    /// Length of the file in bytes.
    pub(crate) length: u64,
    /// Set in the segments that an opening made, not in those made ahead for later.
    pub(crate) opening: Option<Opening>,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        let opening = self.opening.unwrap_or_default();
        let fields = [
            self.id,
            self.length,
            u64::from(self.opening.is_some()) | u64::from(opening.relaxed) << 1,
            opening.epoch,
            opening.cut_after,
            opening.tail_end,
            opening.checkpoint.applied,
            opening.checkpoint.open,
            opening.checkpoint.oldest_segment,
        ];
        for (place, field) in bytes[8..].chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<SegmentHeader> {
        let bytes: &[u8; HEADER_LENGTH] = bytes.first_chunk()?;
        let mut checksum = [0; 4];
        checksum.copy_from_slice(&bytes[CHECKSUM_AT..CHECKSUM_AT + 4]);
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CHECKSUM_AT]) != u32::from_le_bytes(checksum) {
            return None;
        }
        let mut fields = [0; 9];
        for (field, place) in fields.iter_mut().zip(bytes[8..].chunks_exact(8)) {
            *field = u64::from_le_bytes(place.try_into().ok()?);
        }
        let [id, length, flags, epoch, cut_after, tail_end, applied, open, oldest_segment] = fields;
        let checkpoint = Checkpoint { applied, open, oldest_segment };
        let opening = (flags & 1 == 1).then_some(Opening {
            epoch,
            relaxed: flags & 2 == 2,
            cut_after,
            tail_end,
            checkpoint,
        });
        Some(SegmentHeader { id, length, opening })
    }
}

/// The file of segment `id`.
pub(crate) fn path(directory: &Path, id: u64) -> PathBuf {
    directory.join(format!("{id:016x}{SUFFIX}"))
}

/// The segment that a file name stands for.
pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_gives_back_what_it_was_made_of_and_any_flip_is_seen() {
        let checkpoint = Checkpoint { applied: 5, open: 6, oldest_segment: 7 };
        let opening = Opening { epoch: 1, relaxed: true, cut_after: 2, tail_end: 3, checkpoint };
        for opening in [None, Some(opening)] {
            let header = SegmentHeader { id: 9, length: 1 << 20, opening };
            let bytes = header.encode();
            assert_eq!(SegmentHeader::decode(&bytes), Some(header));
            for at in 0..CHECKSUM_AT + 4 {
                let mut flipped = bytes;
                flipped[at] ^= 0x10;
                assert_eq!(SegmentHeader::decode(&flipped), None, "byte {at}");
            }
        }
        assert_eq!(parse_name("000000000000001f.journal"), Some(31));
        assert_eq!(parse_name("1f.journal"), None);
        assert_eq!(path(Path::new("/d"), 31), Path::new("/d/000000000000001f.journal"));
    }
}
