//! The bodies of the fake engine's answers: whole ones, ones that come bit by bit, and ones that break off.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// What happens to a body after a number of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    Drop,
    Hang,
}

/// The body of an answer.
pub(super) struct FakeBody {
    ready: VecDeque<Bytes>,
    /// The pieces to come.
    more: Option<mpsc::Receiver<Bytes>>,
    cut: Option<(usize, Cut)>,
    /// Whether hyper has had the occasion to send what is before the cut.
    is_flushed: bool,
}

impl FakeBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let ready = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self { ready, more: None, cut: None, is_flushed: false }
    }

    pub(super) fn pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self { ready: pieces.into_iter().collect(), more: None, cut: None, is_flushed: false }
    }

    pub(super) fn stream(more: mpsc::Receiver<Bytes>) -> Self {
        Self { ready: VecDeque::new(), more: Some(more), cut: None, is_flushed: false }
    }

    pub(super) fn cut_after(mut self, bytes: usize, cut: Cut) -> Self {
        self.cut = Some((bytes, cut));
        self
    }
}

impl Body for FakeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.cut {
            Some((0, Cut::Drop)) if self.is_flushed => {
                return Poll::Ready(Some(Err(io::Error::other("told to break off"))));
            }
            Some((0, Cut::Drop)) => {
                self.is_flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some((0, Cut::Hang)) => return Poll::Pending,
            _ => {}
        }
        let next = match self.ready.pop_front() {
            Some(piece) => Some(piece),
            None => match &mut self.more {
                Some(more) => match more.poll_recv(context) {
                    Poll::Ready(piece) => piece,
                    Poll::Pending => return Poll::Pending,
                },
                None => None,
            },
        };
        let Some(mut piece) = next else { return Poll::Ready(None) };
        if let Some((left, _)) = &mut self.cut {
            piece.truncate(*left);
            *left -= piece.len();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.more.is_none() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.more.is_none() && self.cut.is_none() {
            SizeHint::with_exact(self.ready.iter().map(|piece| piece.len() as u64).sum())
        } else {
            SizeHint::default()
        }
    }
}
