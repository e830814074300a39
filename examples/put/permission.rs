//! `Expect: 100-continue`: the server may refuse before the body goes out.

use std::time::{Duration, Instant};

use http_aio::Conn;
use http_aio::http::StatusCode;

use crate::answer::Answer;
use crate::common::deadline::Deadline;
use crate::common::ending::Status;
use crate::control::Control;

/// How long the server may take to say it. Many never do (RFC 9110 section 10.1.1).
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for `100 Continue`, but not for long: a server that says nothing gets the body too.
///
/// # Errors
///
/// The answer that came instead of it.
pub(crate) fn wait(conn: &Conn, deadline: Deadline, control: &Control) -> Result<(), Answer> {
    let start = Instant::now();
    loop {
        let aio = conn.read_any_response(deadline.aio());
        control.exchange.add(aio.canceller());
        let result = match aio.wait_timeout(PATIENCE.saturating_sub(start.elapsed())) {
            Ok(result) => result,
            Err(aio) => {
                // A read that is cancelled loses nothing: a late word is for the next one.
                aio.cancel();
                match aio.wait() {
                    Err(error) if error.is_canceled() && !control.is_interrupted() => return Ok(()),
                    result => result,
                }
            }
        };
        match result {
            Ok(response) if response.status() == StatusCode::CONTINUE => return Ok(()),
            Ok(response) if is_interim(response.status()) => {}
            Ok(response) => return Err(Ok(Status::from(&response))),
            Err(error) => return Err(Err(error)),
        }
    }
}

/// After 101 the connection speaks something else: that is an answer, not an interim one.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
