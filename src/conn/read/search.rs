//! Finding a head among what has arrived.

use http::Response;

use crate::error::{Error, Limit};
use crate::proto::framing::{self, Framing};
use crate::proto::limits::Limits;
use crate::proto::mentioned::Mentioned;
use crate::proto::parse::HeadSearch;

/// How far one read has got in finding its head.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) head: HeadSearch,
    /// Interim responses before the head, and their bytes.
    pub(super) interim: Vec<Response<()>>,
    pub(super) skipped: usize,
    /// One of them was ambiguous.
    pub(super) skipped_ambiguous: bool,
}

impl Search {
    pub(super) fn skip(
        &mut self,
        found: Found<Response<()>>,
        limits: &Limits,
    ) -> Result<(), Error> {
        if self.interim.len() >= limits.interim {
            return Err(Limit::InterimResponses(limits.interim).into());
        }
        self.head = HeadSearch::default();
        self.skipped = found.extent.size;
        self.skipped_ambiguous = found.is_ambiguous;
        self.interim.push(found.head);
        Ok(())
    }
}

/// Where the message ends whose head is there.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Of the head, and what is before it.
    pub(super) size: usize,
    pub(super) framing: Framing,
    /// Among the headers.
    pub(super) mentioned: Mentioned,
}

/// A head that is there and was not taken yet.
pub(super) struct Found<H> {
    pub(super) head: H,
    pub(super) extent: Extent,
    /// The message has no body, but contradicts itself about that, or one before it did: what follows
    /// could be the next message or such a body.
    pub(super) is_ambiguous: bool,
}

impl<H> Found<H> {
    pub(super) fn new(head: H, extent: Extent) -> Self {
        Self {
            head,
            extent,
            is_ambiguous: false,
        }
    }
}

impl Found<Response<()>> {
    pub(super) fn is_interim(&self) -> bool {
        framing::is_interim(self.head.status())
    }
}
