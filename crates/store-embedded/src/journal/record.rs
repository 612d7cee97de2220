//! One record of the journal: a header of 48 bytes, a body, zeros up to the next sector.
//! `docs/formats/journal.md` describes the bytes.

/// Records begin at multiples of this, so that a torn sector never holds parts of two records.
pub(crate) const ALIGNMENT: u64 = 512;
pub(crate) const HEADER_LENGTH: usize = 48;
/// No body is longer; a length beyond it is not a record.
pub(crate) const BODY_LENGTH_MAX: usize = 256 << 20;

const MAGIC: [u8; 4] = *b"SWR1";
const CHECKSUM_AT: usize = 44;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Batches of shards.
    Batches = 1,
    /// The tables are durable up to a number.
    Checkpoint = 2,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) body_length: u32,
    /// The segment that the record was written for: a recycled segment's old records are not mistaken for new ones.
    pub(crate) segment: u64,
    pub(crate) sequence: u64,
    /// How many times the store had been opened.
    pub(crate) epoch: u64,
    /// The last number known to be synced when the record was written.
    pub(crate) synced: u64,
    pub(crate) kind: Kind,
    /// Whether the record may have been acknowledged before it was synced.
    pub(crate) relaxed: bool,
    checksum: u32,
}

impl Header {
    /// The header at the start of `bytes`, if it looks like one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER_LENGTH] = bytes.first_chunk()?;
        if bytes[..4] != MAGIC {
            return None;
        }
        let body_length = u32::from_le_bytes(field(bytes, 4));
        let kind = match bytes[40] {
            1 => Kind::Batches,
            2 => Kind::Checkpoint,
            _ => return None,
        };
        if body_length as usize > BODY_LENGTH_MAX || bytes[41] > 1 || bytes[42..CHECKSUM_AT] != [0; 2] {
            return None;
        }
        Some(Header {
            body_length,
            segment: u64::from_le_bytes(field(bytes, 8)),
            sequence: u64::from_le_bytes(field(bytes, 16)),
            epoch: u64::from_le_bytes(field(bytes, 24)),
            synced: u64::from_le_bytes(field(bytes, 32)),
            kind,
            relaxed: bytes[41] == 1,
            checksum: u32::from_le_bytes(field(bytes, CHECKSUM_AT)),
        })
    }

    /// The checksum of the header, to which the body's bytes are to be appended.
    pub(crate) fn checksum_start(header_bytes: &[u8; HEADER_LENGTH]) -> u32 {
        crc32c::crc32c(&header_bytes[..CHECKSUM_AT])
    }

    /// Whether `checksum`, of header and body, is the one in the header.
    pub(crate) fn matches(&self, checksum: u32) -> bool {
        self.checksum == checksum
    }

    /// Bytes from the start of this record to the start of the next.
    pub(crate) fn span(&self) -> u64 {
        padded(HEADER_LENGTH + self.body_length as usize)
    }
}

/// `length` rounded up to whole sectors.
pub(crate) fn padded(length: usize) -> u64 {
    (length as u64).next_multiple_of(ALIGNMENT)
}

/// What the header of a new record says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) kind: Kind,
    pub(crate) segment: u64,
    pub(crate) sequence: u64,
    pub(crate) epoch: u64,
    pub(crate) synced: u64,
    pub(crate) relaxed: bool,
}

/// Begins a record in an empty buffer: the header's place, to be filled by [`finish`] when the body stands behind it.
pub(crate) fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(HEADER_LENGTH, 0);
}

/// Completes the record in `buffer` that [`begin`] began: header, checksum, padding. Can be called again with another
/// stamp as long as `body_length` is passed unchanged.
pub(crate) fn finish(buffer: &mut Vec<u8>, body_length: usize, stamp: Stamp) {
    buffer.truncate(HEADER_LENGTH + body_length);
    buffer[..4].copy_from_slice(&MAGIC);
    buffer[4..8].copy_from_slice(&(body_length as u32).to_le_bytes());
    buffer[8..16].copy_from_slice(&stamp.segment.to_le_bytes());
    buffer[16..24].copy_from_slice(&stamp.sequence.to_le_bytes());
    buffer[24..32].copy_from_slice(&stamp.epoch.to_le_bytes());
    buffer[32..40].copy_from_slice(&stamp.synced.to_le_bytes());
    buffer[40] = stamp.kind as u8;
    buffer[41] = u8::from(stamp.relaxed);
    buffer[42..CHECKSUM_AT].fill(0);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&buffer[..CHECKSUM_AT]), &buffer[HEADER_LENGTH..]);
    buffer[CHECKSUM_AT..HEADER_LENGTH].copy_from_slice(&checksum.to_le_bytes());
    buffer.resize(padded(buffer.len()) as usize, 0);
}

/// The bytes of the field that begins at `start`.
fn field<const N: usize>(bytes: &[u8; HEADER_LENGTH], start: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[start..start + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_it_was_made_of_and_any_flip_is_seen() {
        let mut buffer = Vec::new();
        begin(&mut buffer);
        buffer.extend_from_slice(b"some body");
        let stamp =
            Stamp { kind: Kind::Batches, segment: 7, sequence: 1 << 40, epoch: 3, synced: 99, relaxed: true };
        finish(&mut buffer, 9, stamp);
        assert_eq!(buffer.len(), 512);
        let valid = |bytes: &[u8]| {
            let header = Header::decode(bytes)?;
            let end = HEADER_LENGTH + header.body_length as usize;
            let body = bytes.get(HEADER_LENGTH..end)?;
            let start = Header::checksum_start(bytes.first_chunk()?);
            header.matches(crc32c::crc32c_append(start, body)).then_some(header)
        };
        let header = valid(&buffer).unwrap();
        assert_eq!((header.segment, header.sequence, header.epoch, header.synced), (7, 1 << 40, 3, 99));
        assert_eq!((header.kind, header.body_length, header.span()), (Kind::Batches, 9, 512));
        for at in 0..HEADER_LENGTH + 9 {
            for bit in 0..8 {
                let mut flipped = buffer.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(valid(&flipped), None, "byte {at}, bit {bit}");
            }
        }
    }
}
