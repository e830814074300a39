//! The server's answer, read while the body goes out.

use crossbeam_channel::{Receiver, bounded};
use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::{Aio, Conn, Error, ErrorKind};

use crate::control::Control;
use crate::ending::Status;

/// Size of the reads that throw the answer's body away.
const DISCARD: usize = 64 << 10;

pub(crate) type Answer = Result<Status, Error>;

/// Starts reading. An answer that makes the rest of the body pointless ends the body.
pub(crate) fn read(conn: &Conn, aio: Aio<Response<()>>, control: &Control) -> Receiver<Answer> {
    let (tell, answer) = bounded(1);
    let reading = conn.read_response(aio);
    // Before the closure is attached: after that, the answer may already have come.
    control.exchange.add(reading.canceller());
    let (conn, body) = (conn.clone(), control.body.clone());
    reading.on_complete(move |result, _| {
        let answer = result.map(|response| {
            // A server that waits for us to read what it says would not read what we send.
            discard(conn, Aio::new());
            Status::from(&response)
        });
        let ends_body = ends_body(&answer);
        let _ = tell.send(answer); // Nobody waits for it after the deadline.
        if ends_body {
            body.cancel();
        }
    });
    answer
}

fn ends_body(answer: &Answer) -> bool {
    match answer {
        // RFC 9112 section 9.5: stop at an error. A server that is content still wants the rest.
        Ok(status) => !status.is_success(),
        // The write that fails as well says it better, and with its count.
        Err(error) => error.kind() != ErrorKind::Reset,
    }
}

/// Reads the body to its end.
fn discard(conn: Conn, aio: Aio<Bytes>) {
    let aio = conn.read(aio, DISCARD);
    aio.on_complete(move |result, aio| {
        if result.is_ok_and(|bytes| !bytes.is_empty()) {
            discard(conn, aio);
        }
    });
}
