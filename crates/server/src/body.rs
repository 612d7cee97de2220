//! The bytes of a request's body, as they arrive.

use std::io;

use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;

/// A body. Most come in one piece, which is not copied.
#[derive(Debug)]
pub(crate) struct Body {
    /// Where the body is put together when it comes in more than one piece.
    place: Place,
    /// The first piece, until there is a second.
    first: Bytes,
    pieces: Pieces,
}

/// Where a body that comes in pieces is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the heap. The number is what the whole body is said to have.
    Heap(usize),
    /// In pages of their own, of so many bytes at most, for long bodies and those that another thread reads. They go back
    /// to the system with the body, whoever has it last; the allocator would keep them for the thread that took them.
    Pages(usize),
}

#[derive(Debug)]
enum Pieces {
    None,
    Heap(BytesMut),
    Pages(Pages),
}

/// The first `length` bytes of some pages. Those that were never written take no memory.
#[derive(Debug)]
struct Pages {
    pages: MmapMut,
    length: usize,
}

impl Body {
    /// A body of which nothing has arrived yet.
    pub(crate) fn new(place: Place) -> Body {
        Body { place, first: Bytes::new(), pieces: Pieces::None }
    }

    /// Adds a piece that has arrived.
    ///
    /// # Errors
    /// The system has no pages left, or the body is longer than it may be.
    pub(crate) fn push(&mut self, piece: Bytes) -> io::Result<()> {
        if self.len() == 0 {
            self.first = piece;
            return Ok(());
        }
        let first = std::mem::take(&mut self.first);
        if let Pieces::None = self.pieces {
            self.pieces = match self.place {
                // Growing bit by bit would take twice the room.
                Place::Heap(announced) => {
                    Pieces::Heap(BytesMut::with_capacity(announced.max(first.len() + piece.len())))
                }
                Place::Pages(bytes_max) => {
                    Pieces::Pages(Pages { pages: MmapMut::map_anon(bytes_max)?, length: 0 })
                }
            };
        }
        self.pieces.extend(&first)?;
        self.pieces.extend(&piece)
    }

    /// Bytes that have arrived.
    pub(crate) fn len(&self) -> usize {
        match &self.pieces {
            Pieces::None => self.first.len(),
            Pieces::Heap(bytes) => bytes.len(),
            Pieces::Pages(pages) => pages.length,
        }
    }

    /// All of them together.
    pub(crate) fn whole(self) -> Bytes {
        match self.pieces {
            Pieces::None => self.first,
            Pieces::Heap(bytes) => bytes.freeze(),
            Pieces::Pages(pages) => Bytes::from_owner(pages),
        }
    }
}

impl Pieces {
    fn extend(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Pieces::None => {}
            Pieces::Heap(bytes) => bytes.extend_from_slice(piece),
            Pieces::Pages(Pages { pages, length }) => {
                let end = *length + piece.len();
                let room = pages.get_mut(*length..end).ok_or(io::ErrorKind::FileTooLarge)?;
                room.copy_from_slice(piece);
                *length = end;
            }
        }
        Ok(())
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        &self.pages[..self.length]
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { first: bytes, ..Body::new(Place::Heap(0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_body_whatever_their_sizes_and_wherever_it_is_put_together() {
        let text: Vec<u8> = (0..(1 << 20) + 1).map(|number| (number % 251) as u8).collect();
        for length in [0, 1, 4096, 4097, text.len()] {
            for piece_bytes in [1 << 10, 64 << 10, (1 << 20) - 1, text.len()] {
                let announced = [0, 1, length, 2 * text.len()].map(Place::Heap);
                for place in announced.into_iter().chain([Place::Pages(text.len())]) {
                    let mut body = Body::new(place);
                    for piece in text[..length].chunks(piece_bytes) {
                        body.push(Bytes::copy_from_slice(piece)).unwrap();
                    }
                    let case = format!("{length} bytes by {piece_bytes}, {place:?}");
                    assert_eq!(body.len(), length, "{case}");
                    assert!(body.whole() == text[..length], "{case}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_is_longer_than_its_pages_is_an_error() {
        let mut body = Body::new(Place::Pages(3));
        body.push(Bytes::from_static(b"ab")).unwrap();
        body.push(Bytes::from_static(b"c")).unwrap();
        assert_eq!(body.push(Bytes::from_static(b"d")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
