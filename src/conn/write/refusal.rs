//! The end of a body whose request was answered, and not with a success, while the caller writes it.

use std::net::Shutdown;

use bytes::Bytes;

use super::job::WriteJob;
use super::parcel::Parcel;
use super::writer::Writer;
use crate::aio::{Aio, Interruption, Operation, Written};
use crate::conn::queue::Half;
use crate::error::Action;

impl Half<Writer> {
    /// Ends the write side in the body of this request, if that is not out yet.
    pub(crate) fn refuse_body(&self, number: u64) {
        let requests = &self.link.ledger.written;
        requests.refuse(number);
        if requests.is_out(number) {
            return;
        }
        // Who is in a call that blocks is woken. If it is still the same call after the look at the ledger,
        // nothing has moved on meanwhile.
        if let Some(operation) = self.queue.blocked_operation() {
            if requests.is_in_body(number) {
                self.interrupt_call(&*operation);
            }
        }
        // Who is between two calls looks by itself. If nobody is there, a write of nothing does.
        let aio = Aio::<Written>::new();
        let (_, completer, deadline) =
            aio.start(&self.provider(), Interruption::Recorded, Action::Write);
        let look = WriteJob::new(Parcel::content(Bytes::new()), deadline, completer);
        self.submit_some(look, usize::MAX);
    }

    /// Ends the write side if this operation is in a call.
    pub(super) fn interrupt_call(&self, operation: &dyn Operation) {
        if self.queue.end_if_blocked_in(operation.id()) {
            let _ = self.link.transport.abort(Shutdown::Write);
        }
    }
}
