//! Who gets the answer of an exchange, and in which form.

use bytes::Bytes;
use http::Response;

use crate::aio::{Completer, Provider};
use crate::conn::Conn;
use crate::conn::read::Extent;
use crate::error::{Error, ErrorKind};

/// What the body of an answer can be.
pub(crate) trait AnswerBody: Send + Sized + 'static {
    const EXTENT: Extent;

    /// What it is made of besides the content that was read. The default has nothing of a connection.
    type Source: Default + Send;

    fn source(conn: &Conn) -> Self::Source;

    /// `None` if the source was taken away.
    fn assemble(content: Bytes, source: Self::Source) -> Option<Self>;
}

/// The whole body, which is read with the head.
impl AnswerBody for Bytes {
    const EXTENT: Extent = Extent::Whole;

    type Source = ();

    fn source(_: &Conn) -> Self::Source {}

    fn assemble(content: Self, (): Self::Source) -> Option<Self> {
        Some(content)
    }
}

/// The operation of the caller.
pub(super) struct Recipient<B: AnswerBody> {
    completer: Completer<Response<B>>,
    source: B::Source,
}

impl<B: AnswerBody> Recipient<B> {
    pub(super) fn new(completer: Completer<Response<B>>, conn: &Conn) -> Self {
        Self {
            completer,
            source: B::source(conn),
        }
    }

    pub(super) fn progress(&self, count: u64) {
        self.completer.progress(count);
    }

    pub(super) fn set_held(&self) {
        self.completer.set_held(true);
    }

    /// Nobody is left who could read the body. The source is to be dropped outside of every lock.
    pub(super) fn take_source(&mut self) -> B::Source {
        std::mem::take(&mut self.source)
    }

    /// Tells the outcome. The closure of the caller runs here or is posted to `provider`.
    pub(super) fn finish(self, outcome: Result<Response<Bytes>, Error>, provider: &dyn Provider) {
        let Self { completer, source } = self;
        let outcome = outcome.and_then(|response| {
            let (head, content) = response.into_parts();
            let body = B::assemble(content, source).ok_or(ErrorKind::Abandoned)?; // Nobody sees this.
            Ok(Response::from_parts(head, body))
        });
        completer.finish_for_cause(outcome).run_or_post(provider);
    }
}
