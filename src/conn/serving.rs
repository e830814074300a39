//! What a server does with its connection on the thread that it has for it: it reads and writes there, without
//! a queue in between, where nobody else does.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;

use super::Conn;
use super::queue::EndReason;
use super::read::{Arrival, HeadClock, ReadJob, RequestSearch, Want, Watch};
use super::write::{Begin, Draft, Parcel, WriteJob};
use crate::aio::habit::{Hold, Kind};
use crate::aio::{Aio, Canceler, InFlight, Interruption, Options, Written};
use crate::bufs::Bufs;
use crate::error::{Action, Error, ErrorKind};
use crate::meter::Meter;
use crate::proto::encode::{self, Additions};
use crate::scratch;
use crate::transport::Departure;
use crate::transport::Wait;
use crate::unwind::guard;

impl Conn {
    /// A request that is there, or that comes whole in one call, which nothing ends before its time.
    pub(crate) fn read_request_at_once(
        &self,
        request: &mut Request<()>,
        search: &mut RequestSearch,
        wait: Wait,
    ) -> Arrival {
        let reader = &self.handle.reader;
        reader.read_request_at_once(request, &self.limits, search, wait)
    }

    /// What can be polled for input.
    pub(crate) fn descriptor(&self) -> Option<Arc<dyn AsFd + Send + Sync>> {
        self.handle.link.transport.descriptor()
    }

    /// Content of a body that has arrived, into `buffer`, if that can be had without waiting or copying.
    pub(crate) fn read_content_at_once(&self, buffer: &mut [u8]) -> Option<usize> {
        self.handle.reader.read_content_at_once(buffer)
    }

    /// Reads a request. Whoever is told of `begun` may cancel the wait for it.
    pub(crate) fn read_request_inline(
        &self,
        aio: Aio<Request<()>>,
        clock: HeadClock,
        begun: impl FnOnce(Canceler),
    ) -> (Result<Request<()>, Error>, Aio<Request<()>>) {
        let (aio, completer, deadline) = aio.start(
            &self.handle.reads,
            Interruption::Finishes,
            Action::ReadRequest,
        );
        let job = ReadJob {
            want: Want::Request(completer, clock),
            limits: self.limits,
            deadline,
        };
        begun(aio.canceler());
        self.handle.reader.serve_or_submit(job, self.limits.queued);
        aio.reclaim()
    }

    /// Waits until the peer has gone. Whoever is told of `begun` may cancel that.
    pub(crate) fn await_departure_inline(
        &self,
        aio: Aio<()>,
        what: Departure,
        begun: impl FnOnce(Canceler),
    ) -> (Result<(), Error>, Aio<()>) {
        let (aio, completer, deadline) = aio.start(
            &self.handle.reads,
            Interruption::Finishes,
            Action::AwaitDeparture,
        );
        let job = ReadJob {
            want: Want::Departure(Watch::new(what), completer),
            limits: self.limits,
            deadline,
        };
        begun(aio.canceler());
        self.handle.reader.serve_or_submit(job, self.limits.queued);
        aio.reclaim()
    }

    /// Writes a response with the body that is attached to it, which is taken.
    pub(crate) fn write_response_inline(
        &self,
        response: &mut Response<Bytes>,
        additions: &Additions,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
    ) -> Result<Written, Error> {
        let mut head = scratch::take();
        let announced = encode::put_response(&mut head, response, additions);
        let mut body = std::mem::take(response.body_mut());
        let action = Action::WriteResponse;
        let result = self.write_inline(action, announced, options, meter, |announced, begin| {
            let draft = Draft::response(response.status(), announced, &head, &mut body);
            let writer = &self.handle.writer;
            let size = writer.write_draft_at_once(draft, self.limits.queued, begin)? as u64;
            meter.lock().passed(size);
            Some(Written::new(size))
        });
        scratch::put_back(head);
        guard(|| drop(body)); // It may be of a type of the user's.
        result
    }

    /// Writes the head of a response with the beginning of its body, whose length it declares.
    pub(crate) fn begin_response_inline(
        &self,
        head: Response<Bytes>,
        beginning: Bytes,
        additions: &Additions,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
    ) -> Result<Written, Error> {
        let parcel = Parcel::response(head, additions);
        let parcel = parcel.map(|parcel| parcel.with_beginning(beginning));
        self.write_parcel_inline(Action::WriteResponse, parcel, options, meter)
    }

    /// Writes content of a body.
    pub(crate) fn write_content_inline(
        &self,
        content: Bufs,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
    ) -> Result<Written, Error> {
        let parcel = Ok(Parcel::vector(content));
        self.write_parcel_inline(Action::Write, parcel, options, meter)
    }

    /// Submits content of a body, as [`write_all`](Self::write_all).
    pub(crate) fn submit_content(
        &self,
        mut aio: Aio<Written>,
        meter: &Arc<Mutex<Meter>>,
    ) -> Aio<Written, InFlight> {
        let Some(content) = aio.take_iov() else {
            return self.write_all(aio); // Which refuses it.
        };
        let (aio, completer, deadline) = aio.start(
            &self.handle.writes,
            Interruption::Recorded,
            Action::WriteResponse,
        );
        let job = WriteJob::new(Parcel::vector(content), deadline, completer);
        let job = job.observed_by(Arc::<Mutex<Meter>>::clone(meter));
        let handling = self
            .handle
            .writer
            .submit(job, self.limits.queued, Hold::Never);
        aio.submitted(Kind::Write, handling)
    }

    /// Ends a body.
    pub(crate) fn finish_inline(
        &self,
        trailers: &HeaderMap,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
    ) -> Result<Written, Error> {
        let parcel = Parcel::finish(trailers);
        self.write_parcel_inline(Action::FinishBody, parcel, options, meter)
    }

    fn write_parcel_inline(
        &self,
        action: Action,
        parcel: Result<Parcel, Error>,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
    ) -> Result<Written, Error> {
        self.write_inline(action, parcel, options, meter, |parcel, begin| {
            let writer = &self.handle.writer;
            let parcel = writer.write_at_once(parcel, self.limits.queued, begin)?;
            meter.lock().passed(parcel.moved());
            Some(Written::new(parcel.counted()))
        })
    }

    /// Has `what` written at once, if it may be written at all, or made an operation of.
    fn write_inline<T>(
        &self,
        action: Action,
        what: Result<T, Error>,
        options: &Options,
        meter: &Arc<Mutex<Meter>>,
        write: impl FnOnce(T, Begin<'_>) -> Option<Written>,
    ) -> Result<Written, Error> {
        let start = || {
            let writes = &self.handle.writes;
            let aio = Aio::<Written>::with(options.clone());
            aio.start(writes, Interruption::Recorded, action)
        };
        let what = match what {
            Ok(what) if !options.are_over() => what,
            what => {
                let (aio, completer, _) = start();
                let error = what.err().unwrap_or_else(|| ErrorKind::TimedOut.into());
                drop(completer.finish_for_cause(Err(error))); // Nobody can listen yet.
                return aio.reclaim().0;
            }
        };
        let mut operation = None;
        let written = write(what, &mut |parcel| {
            let (aio, completer, deadline) = start();
            operation = Some(aio.registered());
            let job = WriteJob::new(parcel, deadline, completer);
            job.metered_by(Arc::clone(meter))
        });
        match (written, operation) {
            (Some(written), _) => Ok(written),
            (None, Some(aio)) => aio.reclaim().0,
            (None, None) => Err(ErrorKind::Abandoned.into()), // The transport has panicked.
        }
    }

    /// Shows what has arrived and was not read, for as long as nobody reads.
    pub(crate) fn with_unread<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        self.handle.reader.with_unread(look)
    }

    /// Whether input may lie in the transport, where nothing that is polled tells of it.
    pub(crate) fn may_hold_input(&self) -> bool {
        self.has_read_ahead() || self.handle.link.transport.record().is_some()
    }

    /// Whether something was read ahead, and belongs to nobody yet.
    pub(crate) fn has_read_ahead(&self) -> bool {
        self.with_unread(|unread| !unread.is_empty())
    }

    /// Whether something has come that was not read yet; not the end of the stream.
    pub(crate) fn has_input(&self) -> bool {
        self.has_read_ahead() || self.has_arrivals()
    }

    /// As `has_input`, without what was read ahead.
    pub(crate) fn has_arrivals(&self) -> bool {
        matches!(self.handle.link.transport.peek(), Ok(1..))
    }

    /// Whether the peer is gone, as far as that can be told without reading: its stream has ended behind
    /// what has arrived, or was reset.
    pub(crate) fn has_lost_peer(&self) -> bool {
        match self.handle.link.transport.peek() {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// No message follows on the connection: it carries bytes as they are.
    pub(crate) fn release_from_http(&self) {
        self.handle.link.ledger.upgraded.set(true);
    }

    /// Has the kernel throw away what it has not delivered yet, once the last handle goes.
    pub(crate) fn reset(&self) {
        self.handle.link.transport.reset();
    }

    /// Ends the connection in the middle of a message.
    pub(crate) fn abort(&self) {
        self.handle.writer.cut(EndReason::AnswerCutOff);
    }
}
