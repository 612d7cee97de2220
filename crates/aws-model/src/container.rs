//! The bytes of `data/models.bin`:
//!
//! ```text
//! "STEPAWS"  format (1 byte)  packed length (u32 LE)  unpacked length (u32 LE)  header (deflate)  parts (deflate each)
//! ```
//!
//! The header is JSON: `botocore` (its version), `partitions` ([id, starts of its regions, DNS suffix]) and `services`
//! ([error prefix, name in botocore, offset of its part after the header, packed length, unpacked length]).

use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::Deserialize;

static BYTES: &[u8] = include_bytes!("../data/models.bin");
const MAGIC: &[u8] = b"STEPAWS\x01";

#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) botocore: Box<str>,
    pub(crate) partitions: Vec<PartitionEntry>,
    pub(crate) services: Vec<Entry>,
    #[serde(skip)]
    base: usize,
}

/// A part of AWS: its id, the starts of its regions (`us-gov`), its DNS suffix.
#[derive(Deserialize)]
pub(crate) struct PartitionEntry(pub(crate) Box<str>, pub(crate) Vec<Box<str>>, pub(crate) Box<str>);

/// Where a service's part is.
#[derive(Deserialize)]
pub(crate) struct Entry {
    pub(crate) prefix: Box<str>,
    pub(crate) botocore_name: Box<str>,
    offset: usize,
    packed_bytes: usize,
    unpacked_bytes: usize,
}

/// Reads the header. The data is a part of the program, so that one that does not fit is a bug that the tests of this
/// crate find; it is an empty catalogue then.
pub(crate) fn header() -> Option<Header> {
    let rest = BYTES.strip_prefix(MAGIC)?;
    let (lengths, rest) = rest.split_at_checked(8)?;
    let length = |at: usize| {
        let bytes: [u8; 4] = lengths.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let (packed, unpacked) = (length(0)?, length(4)?);
    let text = decompress_to_vec_with_limit(rest.get(..packed)?, unpacked).ok()?;
    let mut header: Header = serde_json::from_slice(&text).ok()?;
    header.base = MAGIC.len() + 8 + packed;
    Some(header)
}

/// The JSON text of a service's model.
pub(crate) fn unpack(header: &Header, entry: &Entry) -> Option<Vec<u8>> {
    let start = header.base.checked_add(entry.offset)?;
    let packed = BYTES.get(start..start.checked_add(entry.packed_bytes)?)?;
    decompress_to_vec_with_limit(packed, entry.unpacked_bytes).ok()
}
