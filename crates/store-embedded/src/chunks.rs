//! Event chunks as they stand in journal and tables: large ones compressed.
//!
//! The history of a Map over a thousand items is more than a hundred kilobytes, most of them alike, and each byte is written
//! three times: into our journal, into that of the tables, and into a table. What is compressed begins with [`PACKED`], the
//! length that it had and an LZ4 block. No chunk of the engine begins with that byte, for each begins as a CBOR array; one that
//! did would be compressed whatever its size.

use bytes::Bytes;
use stepwell_store::{Batch, StoreError};

/// The first byte of a compressed chunk: no CBOR item begins with it.
const PACKED: u8 = 0xff;
/// Before the block: [`PACKED`] and the length, little-endian.
const HEAD_BYTES: usize = 5;
/// Shorter chunks cost more time to compress than to write.
const PACKED_FROM_BYTES: usize = 16 << 10;
/// No chunk is longer: that of a journal's record is the limit.
const UNPACKED_BYTES_MAX: usize = 256 << 20;

/// Compresses the large chunks of a batch.
pub(crate) fn pack(batch: &mut Batch) {
    for chunk in &mut batch.chunks {
        let is_ambiguous = chunk.bytes.first() == Some(&PACKED);
        if chunk.bytes.len() < PACKED_FROM_BYTES && !is_ambiguous {
            continue;
        }
        let Ok(length) = u32::try_from(chunk.bytes.len()) else { continue };
        let mut packed = vec![0; HEAD_BYTES + lz4_flex::block::get_maximum_output_size(chunk.bytes.len())];
        let Some(block) = packed.get_mut(HEAD_BYTES..) else { continue };
        let Ok(block_length) = lz4_flex::block::compress_into(&chunk.bytes, block) else { continue };
        packed.truncate(HEAD_BYTES + block_length);
        if packed.len() < chunk.bytes.len() || is_ambiguous {
            let (first, rest) = packed.split_at_mut(1);
            first.copy_from_slice(&[PACKED]);
            rest[..4].copy_from_slice(&length.to_le_bytes());
            packed.shrink_to_fit();
            chunk.bytes = packed.into();
        }
    }
}

/// The chunk that these bytes of a table stand for.
///
/// # Errors
/// [`StoreError::Damaged`] when they were compressed and can't be expanded.
pub(crate) fn unpack(stored: &[u8]) -> Result<Bytes, StoreError> {
    if stored.first() != Some(&PACKED) {
        return Ok(Bytes::copy_from_slice(stored));
    }
    let damaged = || StoreError::damaged("an event chunk that was compressed can't be expanded");
    let (head, block) = stored.split_at_checked(HEAD_BYTES).ok_or_else(damaged)?;
    let length: [u8; 4] = head[1..].try_into().map_err(|_| damaged())?;
    let length = u32::from_le_bytes(length) as usize;
    if length > UNPACKED_BYTES_MAX {
        return Err(damaged());
    }
    let unpacked = lz4_flex::block::decompress(block, length).map_err(|_| damaged())?;
    if unpacked.len() == length { Ok(unpacked.into()) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepwell_store::{EventChunk, ExecutionKey};

    fn packed(bytes: &[u8]) -> Bytes {
        let key = ExecutionKey::new(1, "arn");
        let chunk = EventChunk { key, first_event: 0, bytes: Bytes::copy_from_slice(bytes) };
        let mut batch = Batch { chunks: vec![chunk], ..Batch::default() };
        pack(&mut batch);
        batch.chunks[0].bytes.clone()
    }

    #[test]
    fn chunks_come_back_as_they_were_and_long_even_ones_are_shorter_meanwhile() {
        let even = b"StateEntered StateExited ".repeat(4_000);
        let mut state = 1u64;
        let uneven: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(40_000)
        .collect();
        let marked = [[PACKED].as_slice(), b"short"].concat();
        for (bytes, is_shorter) in [
            (Vec::new(), false),
            (b"short".to_vec(), false),
            (even, true),
            (uneven, false),
            (marked, false),
            (vec![PACKED; 100_000], true),
        ] {
            let stored = packed(&bytes);
            assert_eq!(stored.len() < bytes.len() / 4, is_shorter && !bytes.is_empty());
            assert_eq!(unpack(&stored).unwrap(), bytes);
        }
    }

    #[test]
    fn damaged_chunks_are_errors() {
        let stored = packed(&b"StateEntered StateExited ".repeat(4_000));
        for length in 1..stored.len() {
            assert!(unpack(&stored[..length]).is_err(), "cut at {length}");
        }
        for at in 1..stored.len() {
            let mut changed = stored.to_vec();
            changed[at] ^= 0x55;
            // Some changes of the text itself can only be seen by the checksums of the tables.
            let _ = unpack(&changed);
        }
        assert!(unpack(&[PACKED, 0xff, 0xff, 0xff, 0xff, 0]).is_err());
    }
}
