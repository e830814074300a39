//! May another exchange begin? The one place that knows.
//!
//! | what | `transact` | `is_reusable` | the pool of a client |
//! |---|---|---|---|
//! | closed, or its write side has ended | refused: `Closed` | no | no |
//! | a message announced the close | refused: `Closed` | no | no |
//! | upgraded | refused: `InvalidInput` | no | no |
//! | operations are under way | allowed: it is queued | no | no |
//! | a message of ours is not complete | refused when it is written | no | no |
//! | a response is owed, or content was not read | refused: `InvalidInput` | no | no |
//! | something unsolicited came | refused: `Protocol` | no | no, as far as has been read |
//! | the peer's stream has ended | refused: `Reset` | no | no, as far as has been read |
//! | other handles exist | allowed | yes | no |

use std::io;
use std::sync::Arc;

use crate::conn::ledger::close_announced;
use crate::conn::queue::EndReason;
use crate::conn::read::unsolicited;
use crate::conn::{Conn, Handle};
use crate::error::{Error, ErrorKind};

/// Why an exchange must not begin. While others are under way that cannot be known, and what is found
/// may come from one that has begun meanwhile.
///
/// # Errors
///
/// See the table.
pub(super) fn expect_ready(conn: &Conn) -> Result<(), Error> {
    let exchanges = &conn.handle.link.exchanges;
    loop {
        let before = exchanges.begun();
        let checked = check_ready(conn);
        if checked.is_ok() || exchanges.begun() == before {
            return checked;
        }
    }
}

fn check_ready(conn: &Conn) -> Result<(), Error> {
    let Handle {
        link,
        writer,
        reader,
        ..
    } = &*conn.handle;
    if let Some(reason) = writer.queue.ended().or_else(|| reader.queue.ended()) {
        return Err(reason.into());
    }
    if link.ledger.shutting_down.is_set() {
        return Err(EndReason::ShutDown.into());
    }
    if link.ledger.is_closing() {
        return Err(close_announced());
    }
    if link.ledger.upgraded.is_set() {
        let detail = "the connection was upgraded, and carries no messages any more";
        return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
    }
    let at_rest =
        !link.exchanges.are_running() && writer.queue.is_quiet() && reader.queue.is_quiet();
    if at_rest { expect_idle(conn) } else { Ok(()) }
}

/// Whether a request is what comes next on a connection on which nothing is under way.
fn expect_idle(conn: &Conn) -> Result<(), Error> {
    let Handle { link, reader, .. } = &*conn.handle;
    if link.ledger.written.owe() {
        let detail = "the response to the request before it was not read: read it with `Conn::read_response`";
        return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
    }
    reader.expect_idle(&conn.limits)?;
    match link.transport.peek() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.into()),
        Ok(0) => Err(Error::end_of_stream()),
        // The end of a chunked body may be what is there.
        Ok(_) if !reader.is_between_messages(&conn.limits) => Ok(()),
        Ok(_) => Err(unsolicited()),
    }
}

/// What may follow.
impl Conn {
    /// Whether another exchange can follow: nothing is in flight, both directions are between two
    /// messages, none of which asked for the connection to close (RFC 9112 section 9.3) or, having no
    /// body, was unclear about that (a 204 with a length, for example), and nothing has come from the
    /// peer that was not asked for, its end of stream included.
    pub fn is_reusable(&self) -> bool {
        self.is_between_messages() && expect_idle(self).is_ok()
    }

    /// Whether another message may follow those that were read and written so far: none of them announced
    /// the close (`Connection: close`, HTTP/1.0 without `keep-alive`; RFC 9112 section 9.3) or upgraded
    /// the connection, and it has not ended on this side. It is the question of a server, after a response:
    /// unlike [`is_reusable`](Self::is_reusable), it does not mind a request that has arrived already.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::{Request, Response};
    /// use http_aio::{Aio, Conn};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    /// client.write_request(Aio::new(), Request::get("http://h/").body(())?);
    /// let last = Request::get("http://h/").header("connection", "close").body(())?;
    /// client.write_request(Aio::new(), last);
    ///
    /// let mut served = 0;
    /// while server.persists() {
    ///     server.read_request(Aio::new()).wait()?;
    ///     server.write_response(Aio::new(), Response::new("hello")).wait()?;
    ///     served += 1;
    /// }
    /// assert_eq!(served, 2);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "keep_alive")]
    pub fn persists(&self) -> bool {
        let Handle {
            link,
            writer,
            reader,
            ..
        } = &*self.handle;
        let has_ended = writer.queue.has_ended() || reader.queue.has_ended();
        !(has_ended || link.ledger.is_closing() || link.ledger.upgraded.is_set())
    }

    /// As `is_reusable`, without asking the socket, and only if there are no handles but these.
    pub(crate) fn is_poolable(&self, handles: usize) -> bool {
        let Handle { link, reader, .. } = &*self.handle;
        let unused = Arc::strong_count(&self.handle) == handles && self.is_between_messages();
        unused && !link.ledger.written.owe() && reader.expect_idle(&self.limits).is_ok()
    }

    /// Between two messages in both directions, nothing under way, and allowed to go on.
    fn is_between_messages(&self) -> bool {
        let Handle {
            link,
            writer,
            reader,
            ..
        } = &*self.handle;
        let ledger = &link.ledger;
        writer.queue.is_quiet()
            && reader.is_settled()
            && self.persists()
            && !(ledger.writing.is_set() || ledger.read.owe())
            && reader.is_between_messages(&self.limits)
    }
}
