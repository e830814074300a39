//! Writing without an operation, what goes out in a single call that does not block.
//!
//! A thread that serves a connection writes an answer at a time, and mostly the kernel takes it whole: then
//! neither a job nor an aio is needed. In every other case the write becomes an operation, before anybody else
//! can write.

use super::call::{self, Offered};
use super::job::WriteJob;
use super::parcel::Parcel;
use super::writer::Writer;
use crate::aio::habit::Hold;
use crate::aio::{Notice, Written};
use crate::conn::queue::Half;
use crate::error::Error;

impl Half<Writer> {
    /// Writes a parcel, and returns it, if it goes out whole at once. Otherwise `begin` makes
    /// an operation of it, whose outcome has the count, and which is complete on return unless others are
    /// before it. Its closure, if there is one, is one of the library's own.
    pub(crate) fn write_at_once(
        &self,
        parcel: Parcel,
        limit: usize,
        begin: impl FnOnce(Parcel) -> WriteJob,
    ) -> Option<Parcel> {
        if !self.queue.claim_idle() {
            self.submit(begin(parcel), limit, Hold::Never);
            return None;
        }
        let mut notices = Vec::new();
        let written = self.run_inline(|| self.write_claimed(parcel, begin, &mut notices));
        notices.into_iter().for_each(Notice::run);
        written.flatten()
    }

    fn write_claimed(
        &self,
        mut parcel: Parcel,
        begin: impl FnOnce(Parcel) -> WriteJob,
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
}
