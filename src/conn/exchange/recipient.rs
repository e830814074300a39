//! Who gets the answer of an exchange, and in which form.

use bytes::Bytes;
use http::Response;

use crate::aio::{Completer, Provider};
use crate::conn::Conn;
use crate::conn::read::{Body, Extent};
use crate::error::{Error, ErrorKind};

/// What the body of an answer can be.
pub(crate) trait AnswerBody: Send + Sized + 'static {
    const EXTENT: Extent;

    fn recipient(completer: Completer<Response<Self>>, conn: &Conn) -> Recipient;
}

/// The operation of the caller.
pub(crate) enum Recipient {
    Whole(Completer<Response<Bytes>>),
    /// The body will be read from the connection, which is kept for it while somebody can receive it.
    Head(Completer<Response<Body>>, Option<Conn>),
}

impl AnswerBody for Bytes {
    const EXTENT: Extent = Extent::Whole;

    fn recipient(completer: Completer<Response<Self>>, _: &Conn) -> Recipient {
        Recipient::Whole(completer)
    }
}

impl AnswerBody for Body {
    const EXTENT: Extent = Extent::Head;

    fn recipient(completer: Completer<Response<Self>>, conn: &Conn) -> Recipient {
        Recipient::Head(completer, Some(conn.clone()))
    }
}

impl Recipient {
    pub(super) fn progress(&self, count: u64) {
        match self {
            Self::Whole(completer) => completer.progress(count),
            Self::Head(completer, _) => completer.progress(count),
        }
    }

    pub(super) fn set_held(&self) {
        match self {
            Self::Whole(completer) => completer.set_held(true),
            Self::Head(completer, _) => completer.set_held(true),
        }
    }

    /// Nobody is left who could read the body. The connection is to be dropped outside of every lock.
    pub(super) fn take_conn(&mut self) -> Option<Conn> {
        match self {
            Self::Whole(_) => None,
            Self::Head(_, conn) => conn.take(),
        }
    }

    /// Tells the outcome. The closure of the caller runs here or is posted to `provider`.
    pub(super) fn finish(self, outcome: Result<Response<Bytes>, Error>, provider: &dyn Provider) {
        match self {
            Self::Whole(completer) => completer.finish_for_cause(outcome).run_or_post(provider),
            Self::Head(completer, conn) => {
                let outcome = outcome.and_then(|response| match &conn {
                    Some(conn) => Ok(response.map(|_| conn.body())),
                    None => Err(ErrorKind::Abandoned.into()), // Nobody sees this.
                });
                drop(conn);
                completer.finish_for_cause(outcome).run_or_post(provider);
            }
        }
    }
}
