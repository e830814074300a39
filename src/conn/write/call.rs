//! The system calls of writes, and how much goes into one.

use std::collections::VecDeque;
use std::io;

use super::draft::Draft;
use super::job::WriteJob;
use super::parcel::Parcel;
use crate::bufs::{SLICES, Slices};
use crate::error::Error;
use crate::transport::{Transport, Wait, moved_nothing};

/// Most bytes of a call. This bounds how stale a live `count()` is, and stays below what macOS refuses.
const CALL_BYTES: usize = 1 << 20;

/// What an operation that is content with some bytes blocks for. It fits wherever there is any room.
const FIRST_BYTES: usize = 512;

/// Writes up to this size are coalesced, up to `BATCH_BYTES` a call.
const SMALL: u64 = 16 << 10;
const BATCH_BYTES: u64 = 256 << 10;

/// A chunk has a slice before it and one behind it.
const FRAME_SLICES: usize = 2;

/// What a batch of small writes has taken of the room in one call.
#[derive(Default)]
pub(super) struct BatchRoom {
    slices: usize,
    bytes: u64,
}

impl BatchRoom {
    /// Whether there is room for this one, too. It is counted in any case.
    pub(super) fn takes(&mut self, parcel: &Parcel) -> bool {
        let (slices, bytes) = parcel.size();
        self.slices += slices + FRAME_SLICES;
        self.bytes += bytes;
        bytes <= SMALL && self.slices <= SLICES && self.bytes <= BATCH_BYTES
    }
}

/// Makes one call that does not block, for all of them, or for the first where two cannot share a call.
pub(super) fn offer(transport: &dyn Transport, batch: &VecDeque<WriteJob>) -> io::Result<usize> {
    let mut slices = Slices::new();
    if transport.record().is_some() {
        if let Some(job) = batch.front() {
            job.parcel
                .gather(&mut slices, budget(transport, &job.parcel));
        }
    } else {
        let mut room = CALL_BYTES;
        for job in batch {
            room -= job.parcel.gather(&mut slices, room);
        }
    }
    if slices.is_empty() {
        Ok(0)
    } else {
        transport.write(&slices, Wait::Never)
    }
}

/// How much of a parcel a call has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Whole,
    InPart,
}

/// Makes one call that does not block, for one parcel.
///
/// # Errors
///
/// The call has failed, and another would fail, too.
pub(super) fn offer_one(transport: &dyn Transport, parcel: &mut Parcel) -> Result<Offered, Error> {
    let mut slices = Slices::new();
    parcel.gather(&mut slices, CALL_BYTES);
    if !slices.is_empty() {
        let result = transport.write(&slices, Wait::Never);
        drop(slices);
        match result {
            Ok(count) => drop(parcel.accept(count)),
            Err(error) => failure(error).map_or(Ok(()), Err)?,
        }
    }
    match parcel.is_complete() {
        true => Ok(Offered::Whole),
        false => Ok(Offered::InPart),
    }
}

/// Makes one call that does not block, for what is no parcel yet; returns what it has taken.
///
/// # Errors
///
/// As of `offer_one`.
pub(super) fn offer_draft(transport: &dyn Transport, draft: &Draft<'_>) -> Result<usize, Error> {
    let [head, body] = &draft.slices(CALL_BYTES);
    let result = match body.is_empty() {
        true => transport.write(&[*head], Wait::Never),
        false => transport.write(&[*head, *body], Wait::Never),
    };
    match result {
        Ok(count) => Ok(count),
        Err(error) => failure(error).map_or(Ok(0), Err),
    }
}

/// Spreads what a call has accepted over the jobs that were offered, in their order.
pub(super) fn accept(batch: &mut VecDeque<WriteJob>, count: usize) {
    let mut left = count;
    for job in batch {
        if left == 0 {
            break;
        }
        left = job.accept(left);
    }
}

/// Makes one call that may block. It returns when all that it was given is accepted: an operation that
/// wants to write some is given little.
pub(super) fn write_blocking(
    transport: &dyn Transport,
    parcel: &Parcel,
    wait: Wait,
) -> io::Result<usize> {
    let mut slices = Slices::new();
    parcel.gather(&mut slices, budget(transport, parcel));
    transport.write(&slices, wait)
}

/// Writes what else goes without blocking, now that there is room; nothing where a part of it might stay
/// in a record.
pub(super) fn write_more(transport: &dyn Transport, job: &mut WriteJob) {
    if transport.record().is_some() {
        return;
    }
    let mut slices = Slices::new();
    job.parcel.gather(&mut slices, CALL_BYTES);
    if !slices.is_empty() {
        let result = transport.write(&slices, Wait::Never);
        drop(slices);
        // A failure is for the next operation to find: this one has what it wanted.
        job.accept(result.unwrap_or(0));
    }
}

/// Most bytes of a call for `parcel` alone. Of one that is content with some bytes, no more than one
/// record is made, so that no part of it stays in a record when it is complete.
fn budget(transport: &dyn Transport, parcel: &Parcel) -> usize {
    if parcel.wants_some() {
        transport.record().unwrap_or(FIRST_BYTES)
    } else {
        CALL_BYTES
    }
}

/// What the failure of a call means for the operation. `None`: nothing; the caller tries again, and the
/// deadline alone decides.
pub(super) fn failure(error: io::Error) -> Option<Error> {
    (!moved_nothing(&error)).then(|| Error::from(error))
}
