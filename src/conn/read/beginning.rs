//! The beginning of a body that is passed on: what of it goes with its head, and comes back if that does not go.

use bytes::Bytes;

use super::incoming_body::{Available, IncomingBody, invalid_input};
use crate::error::Error;
use crate::proto::body::{BodyFraming, BodyState};
use crate::proto::limits::Limits;

/// The beginning of a body, which was taken.
pub(crate) struct Beginning {
    /// How the whole is delimited, as it is known by now.
    pub(crate) framing: BodyFraming,
    pub(crate) content: Bytes,
}

impl Beginning {
    pub(super) fn none(framing: BodyFraming) -> Self {
        Self {
            framing,
            content: Bytes::new(),
        }
    }
}

impl IncomingBody {
    /// Takes the beginning of a body that was declared so: as much as is there, up to `most`, where a head can
    /// say how long the whole is. That is so for chunks, too, if all of them are there.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is not the beginning any more.
    pub(super) fn take_beginning(
        &mut self,
        declared: BodyFraming,
        most: usize,
        limits: &Limits,
    ) -> Result<Beginning, Error> {
        if self.taken > 0 {
            return Err(invalid_input("content of the body has been read already"));
        }
        // What is wrong with it is for a read to say.
        let Ok(Available { count, ended }) = self.available_now(most, limits) else {
            return Ok(Beginning::none(declared));
        };
        let is_whole = ended && count <= most;
        let framing = match &self.state {
            BodyState::Length(length) => BodyFraming::Exact(*length),
            BodyState::Chunked(decoder) if is_whole && decoder.is_complete_without_trailers() => {
                BodyFraming::Exact(count as u64)
            }
            BodyState::Complete if self.trailers.is_empty() && declared != BodyFraming::None => {
                BodyFraming::Exact(0)
            }
            BodyState::UntilEnd if is_whole => BodyFraming::Exact(count as u64),
            _ => return Ok(Beginning::none(declared)),
        };
        let content = match is_whole {
            true => self.take_last(count),
            false => self.take(count.min(most)),
        };
        Ok(Beginning { framing, content })
    }

    /// Puts back what was handed out last, of a beginning or of what is no body; a body is declared as this
    /// says from then on.
    pub(super) fn put_back(&mut self, content: &[u8]) -> Option<BodyFraming> {
        let count = content.len() as u64;
        let length = match &self.state {
            BodyState::Raw => None,
            BodyState::Complete => Some(count),
            BodyState::Length(left) => Some(left + count),
            BodyState::Chunked(_) | BodyState::UntilEnd => return None, // Nothing was taken of these.
        };
        self.input.put_back(content);
        self.taken = self.taken.saturating_sub(count);
        let length = length?;
        self.state = BodyState::Length(length);
        Some(BodyFraming::Exact(length))
    }
}
