//! Writing without an operation, what goes out in a single call that does not block.
//!
//! A thread that serves a connection writes an answer at a time, and mostly the kernel takes it whole: then
//! neither a job nor an aio is needed. In every other case the write becomes an operation, before anybody else
//! can write.

use super::call::{self, Offered};
use super::draft::Draft;
use super::job::WriteJob;
use super::parcel::Parcel;
use super::writer::Writer;
use crate::aio::habit::Hold;
use crate::aio::{Notice, Written};
use crate::conn::queue::Half;
use crate::error::Error;

/// Makes an operation of what does not go out at once.
pub(crate) type Begin<'a> = &'a mut dyn FnMut(Parcel) -> WriteJob;

impl Half<Writer> {
    /// Writes a parcel, and returns it, if it goes out whole at once. Otherwise `begin` makes
    /// an operation of it, whose outcome has the count, and which is complete on return unless others are
    /// before it. Its closure, if there is one, is one of the library's own.
    pub(crate) fn write_at_once(
        &self,
        parcel: Parcel,
        limit: usize,
        begin: Begin<'_>,
    ) -> Option<Parcel> {
        if !self.queue.claim_idle() {
            self.submit(begin(parcel), limit, Hold::Never);
            return None;
        }
        self.write_claimed(|notices| self.write_whole(parcel, begin, notices))
    }

    /// As `write_at_once`, for what becomes a parcel only if it does not go out whole. Returns its size.
    pub(crate) fn write_draft_at_once(
        &self,
        draft: Draft<'_>,
        limit: usize,
        begin: Begin<'_>,
    ) -> Option<usize> {
        if !self.queue.claim_idle() {
            self.submit(begin(draft.into_parcel()), limit, Hold::Never);
            return None;
        }
        self.write_claimed(|notices| self.write_whole_draft(draft, begin, notices))
    }

    fn write_claimed<T>(
        &self,
        write: impl FnOnce(&mut Vec<Notice<Written>>) -> Option<T>,
    ) -> Option<T> {
        let mut notices = Vec::new();
        let written = self.run_inline(|| write(&mut notices));
        notices.into_iter().for_each(Notice::run);
        written.flatten()
    }

    fn write_whole(
        &self,
        mut parcel: Parcel,
        begin: Begin<'_>,
        notices: &mut Vec<Notice<Written>>,
    ) -> Option<Parcel> {
        match self.offer_alone(&mut parcel) {
            Ok(Offered::Whole) => Some(parcel),
            Ok(Offered::InPart) => {
                self.write(&mut [begin(parcel)].into(), notices);
                None
            }
            Err(error) => {
                self.end_with(begin(parcel), error);
                None
            }
        }
    }

    fn write_whole_draft(
        &self,
        mut draft: Draft<'_>,
        begin: Begin<'_>,
        notices: &mut Vec<Notice<Written>>,
    ) -> Option<usize> {
        let size = draft.len();
        match self.offer_draft(&mut draft) {
            Ok(count) if count == size => Some(size),
            Ok(count) => {
                let mut parcel = draft.into_parcel();
                parcel.accept(count);
                self.write(&mut [begin(parcel)].into(), notices);
                None
            }
            Err(error) => {
                self.end_with(begin(draft.into_parcel()), error);
                None
            }
        }
    }

    /// Offers a parcel that may be offered as it is, in one call.
    fn offer_alone(&self, parcel: &mut Parcel) -> Result<Offered, Error> {
        let transport = &*self.link.transport;
        let mut outgoing = *self.direction.outgoing.lock();
        // Each try is made from the same state. What must not be written is refused when it is an operation.
        let may_offer = transport.record().is_none()
            && matches!({ outgoing }.admit(parcel, &self.link.ledger), Ok(None));
        if !may_offer {
            return Ok(Offered::InPart);
        }
        let offered = call::offer_one(transport, parcel)?;
        if let Offered::Whole = offered {
            self.advance(parcel, &mut outgoing);
            *self.direction.outgoing.lock() = outgoing;
        }
        Ok(offered)
    }

    /// As `offer_alone`; returns how much of it is out.
    fn offer_draft(&self, draft: &mut Draft<'_>) -> Result<usize, Error> {
        let transport = &*self.link.transport;
        let mut outgoing = *self.direction.outgoing.lock();
        let may_offer = transport.record().is_none()
            && outgoing.admit_as_it_is(&mut draft.message, &self.link.ledger);
        if !may_offer {
            return Ok(0);
        }
        let count = call::offer_draft(transport, draft)?;
        if count == draft.len() {
            self.move_on(|ledger| outgoing.complete_message(&draft.message, ledger));
            *self.direction.outgoing.lock() = outgoing;
        }
        Ok(count)
    }
}
