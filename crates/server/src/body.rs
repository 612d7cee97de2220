//! The bytes of a request's body, as they arrive.

use bytes::Bytes;

/// Bytes of a block of a body that another thread will put together.
const BLOCK_BYTES: usize = 384 * 1024;
/// Bytes of a block at least, as bodies that don't say how long they are may come in very small pieces.
const BLOCK_BYTES_MIN: usize = 32 * 1024;

/// A body. What is as large as the longest ones is to be given back by the thread that took it: if another one does, the
/// allocator keeps it for the first until that one cleans up. So a body that is read elsewhere than it arrives comes in
/// blocks, which are put together there.
#[derive(Debug)]
pub(crate) struct Body {
    /// Most bodies come in one piece, which is not copied.
    first: Bytes,
    blocks: Vec<Vec<u8>>,
    block_bytes: usize,
    length: usize,
}

impl Body {
    /// A body of which nothing has arrived yet.
    pub(crate) fn new(is_read_elsewhere: bool) -> Body {
        let block_bytes = if is_read_elsewhere { BLOCK_BYTES } else { usize::MAX };
        Body { first: Bytes::new(), blocks: Vec::new(), block_bytes, length: 0 }
    }

    /// Adds a piece that has arrived. `announced` is what the whole body is said to have, 0 for nothing; no more than a
    /// body may have.
    pub(crate) fn push(&mut self, piece: Bytes, announced: usize) {
        if self.length == 0 {
            self.first = piece;
            self.length = self.first.len();
            return;
        }
        // Counted anew for what is copied here.
        let first = std::mem::take(&mut self.first);
        self.length -= first.len();
        self.copy(&first, announced);
        self.copy(&piece, announced);
    }

    fn copy(&mut self, mut piece: &[u8], announced: usize) {
        while !piece.is_empty() {
            let block = match self.blocks.last_mut() {
                Some(block) if block.len() < block.capacity() => block,
                _ => {
                    // Growing bit by bit would take twice the room. Pages that are never written cost nothing.
                    let rest = announced.saturating_sub(self.length).max(piece.len()).max(BLOCK_BYTES_MIN);
                    self.blocks.push(Vec::with_capacity(rest.min(self.block_bytes)));
                    continue;
                }
            };
            let (fits, later) = piece.split_at(piece.len().min(block.capacity() - block.len()));
            block.extend_from_slice(fits);
            self.length += fits.len();
            piece = later;
        }
    }

    /// Bytes that have arrived.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All of them together.
    pub(crate) fn whole(mut self) -> Bytes {
        match self.blocks.len() {
            0 => self.first,
            1 => self.blocks.swap_remove(0).into(),
            _ => {
                let mut whole = Vec::with_capacity(self.length);
                // Each block is given back once it is copied.
                self.blocks.into_iter().for_each(|block| whole.extend_from_slice(&block));
                whole.into()
            }
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { length: bytes.len(), first: bytes, ..Body::new(true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_body_whatever_their_sizes_and_whatever_was_announced() {
        let text: Vec<u8> = (0..2 * BLOCK_BYTES + 1).map(|number| (number % 251) as u8).collect();
        for length in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, text.len()] {
            for piece_bytes in [1 << 10, 64 << 10, BLOCK_BYTES - 1, text.len()] {
                for announced in [0, 1, length, 2 * text.len()] {
                    for is_read_elsewhere in [true, false] {
                        let mut body = Body::new(is_read_elsewhere);
                        for piece in text[..length].chunks(piece_bytes) {
                            body.push(Bytes::copy_from_slice(piece), announced);
                        }
                        let case = format!("{length} bytes by {piece_bytes}, announced as {announced}");
                        assert_eq!(body.len(), length, "{case}");
                        assert!(body.whole() == text[..length], "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn very_small_pieces_take_hardly_more_than_their_bytes() {
        let mut body = Body::new(true);
        for _ in 0..BLOCK_BYTES {
            body.push(Bytes::from_static(b"x"), 0);
        }
        assert!(body.blocks.iter().map(Vec::capacity).sum::<usize>() <= BLOCK_BYTES + BLOCK_BYTES_MIN);
    }
}
