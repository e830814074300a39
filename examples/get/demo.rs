//! A sending server on loopback, for those who have none, and a check of what it sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, Response, header};
use http_aio::{Aio, Client, Conn, Error};

use crate::cancel::CancelGroup;
use crate::download::{self, Options};
use crate::ending::Ending;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::pattern::Pattern;
use crate::wanted::Wanted;
use crate::{loopback, note};

const LEN: u64 = 256 << 20;
const PIECE: usize = 256 << 10;

/// Pieces that the server has in flight.
const DEPTH: usize = 4;

/// Compares what arrives with what was generated.
pub(crate) struct Check {
    pattern: Pattern,
    at: u64,
}

pub(crate) fn run(timeout: Option<Duration>, stop: &CancelGroup) -> Outcome {
    // The client says what became of it.
    let serving = loopback::serve("get:server", "/demo", |conn| drop(send(&conn)));
    let wanted =
        serving.and_then(|target| Wanted::new(target, None, HeaderMap::new(), None, stop.bell()));
    match wanted {
        Ok(wanted) => download(&wanted, timeout, stop),
        Err(reason) => Outcome::none(Ending::failed(reason)),
    }
}

fn download(wanted: &Wanted, timeout: Option<Duration>, stop: &CancelGroup) -> Outcome {
    note(&format!(
        "no URL: downloading {} MiB of generated data from a server in this process (see --help)",
        LEN >> 20
    ));
    note(&format!("GET {}", wanted.target.uri));
    let options = Options {
        timeout,
        resume: false,
        include: false,
        repeat: 1,
        follow: false,
    };
    let output = Output::check(Check {
        pattern: Pattern::new(PIECE),
        at: 0,
    });
    let client = Client::new();
    let start = Instant::now();
    let outcome = download::run(&client, wanted, output, &options, stop);
    let time = start.elapsed().as_secs_f64();
    note(&format!(
        "took {time:.3} s: {:.0} MiB/s, {} bytes as generated",
        outcome.read as f64 / time / f64::from(1 << 20),
        outcome.read // What was not would have ended it: see `Check::accept`.
    ));
    outcome
}

/// Answers one request.
fn send(conn: &Conn) -> Result<(), Error> {
    conn.read_request(Aio::new()).wait()?;
    let mut head = Response::new(Bytes::new());
    head.headers_mut()
        .insert(header::CONTENT_LENGTH, LEN.into());
    conn.write_response(Aio::new(), head).wait()?;
    let mut pattern = Pattern::new(PIECE);
    let mut in_flight = VecDeque::with_capacity(DEPTH);
    for at in (0..LEN).step_by(PIECE) {
        let piece = pattern.piece(at, PIECE);
        in_flight.push_back(conn.write_all(Aio::new().iov([piece])));
        while in_flight.len() >= DEPTH {
            in_flight.pop_front().map(Aio::wait).transpose()?;
        }
    }
    in_flight
        .into_iter()
        .try_for_each(|aio| aio.wait().map(drop))
}

impl Check {
    /// Takes all of it, or says where it is wrong.
    pub(crate) fn accept(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let expected = self.pattern.piece(self.at, bytes.len());
        if bytes != expected {
            let wrong = bytes.iter().zip(&expected).position(|(is, was)| is != was);
            let at = self.at + wrong.unwrap_or(0) as u64;
            return Err(format!("byte {at} is not as generated"));
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
