//! The server's answer, read while the body goes out.

use crossbeam_channel::{Receiver, Sender, bounded};
use http_aio::bytes::Bytes;
use http_aio::http::{Response, StatusCode};
use http_aio::{Aio, Conn, Error, ErrorKind};

use crate::cancel::Control;
use crate::outcome::Status;

/// Interim responses that a server may send before its answer.
const MOST_INTERIM: usize = 100;

/// Size of the reads that throw the answer's body away.
const DISCARD: usize = 64 << 10;

pub(crate) type Answer = Result<Status, Error>;

/// A chain of completions: each interim response submits the read of the next one.
struct AnswerReader {
    conn: Conn,
    control: Control,
    answer: Sender<Answer>,
    interim: usize,
}

/// Starts reading. An answer that makes the rest of the body pointless ends the body.
pub(crate) fn read(conn: &Conn, aio: Aio<Response<Bytes>>, control: &Control) -> Receiver<Answer> {
    let (answer, answers) = bounded(1);
    let reader = AnswerReader {
        conn: conn.clone(),
        control: control.clone(),
        answer,
        interim: 0,
    };
    reader.read(aio);
    answers
}

impl AnswerReader {
    fn read(self, aio: Aio<Response<Bytes>>) {
        let aio = self.conn.read_response(aio);
        // Before the closure is attached: after that, the next read may already have come.
        self.control.exchange.add(aio.canceller());
        aio.on_complete(move |result, aio| self.received(result, aio));
    }

    fn received(mut self, result: Result<Response<Bytes>, Error>, aio: Aio<Response<Bytes>>) {
        match result {
            Ok(response) if is_interim(response.status()) => {
                self.interim += 1;
                if self.interim > MOST_INTERIM {
                    return self.finish(Err(ErrorKind::Protocol.into()));
                }
                self.read(aio);
            }
            Ok(response) => {
                // A server that waits for us to read what it says would not read what we send.
                discard(self.conn.clone(), Aio::new());
                self.finish(Ok(Status::from(&response)));
            }
            Err(error) => self.finish(Err(error)),
        }
    }

    fn finish(self, answer: Answer) {
        let ends_body = match &answer {
            // RFC 9112 section 9.5: stop at an error. A server that is content still wants the rest.
            Ok(status) => !status.is_success(),
            // The write that fails as well says it better, and with its count.
            Err(error) => error.kind() != ErrorKind::Reset,
        };
        let _ = self.answer.send(answer); // Nobody waits for it after the deadline.
        if ends_body {
            self.control.body.cancel();
        }
    }
}

/// After 101 the connection speaks something else: that is an answer, not an interim one.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

fn discard(conn: Conn, aio: Aio<Bytes>) {
    let aio = conn.read(aio, DISCARD);
    aio.on_complete(move |result, aio| {
        if result.is_ok() {
            discard(conn, aio);
        }
    });
}
