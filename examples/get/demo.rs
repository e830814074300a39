//! A sending server on loopback, for those who have none, and a check of what it sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Response, header};
use http_aio::{Aio, Client, Conn, Error};

use crate::common::console::Console;
use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::loopback;
use crate::common::output::Output;
use crate::common::pattern::Pattern;
use crate::common::target::Target;
use crate::common::task::Task;
use crate::context::{Context, Options, Then};
use crate::download;
use crate::outcome::Outcome;
use crate::template::Template;

const LEN: u64 = 256 << 20;
const PIECE: usize = 256 << 10;

/// Pieces that the server has in flight.
const DEPTH: usize = 4;

/// Compares what arrives with what was generated.
struct Check {
    pattern: Pattern,
    at: u64,
}

pub(crate) fn run(timeout: Option<Duration>, task: &Task, console: &Console) -> Outcome {
    // The client says what became of it.
    match loopback::serve("get:server", "/demo", |conn| drop(send(&conn))) {
        Ok(target) => download(&target, &task.within(timeout), console),
        Err(failure) => Outcome::none(failure),
    }
}

fn download(target: &Target, task: &Task, console: &Console) -> Outcome {
    console.note(&format!(
        "no URL: downloading {} MiB of generated data from a server in this process (see --help)",
        LEN >> 20
    ));
    console.note(&format!("GET {}", target.uri));
    let mut check = Check {
        pattern: Pattern::new(PIECE),
        at: 0,
    };
    let context = Context {
        client: &Client::new(),
        template: &Template::plain(),
        options: &Options::default(),
        task,
        console,
    };
    let start = Instant::now();
    let output = Output::function(move |bytes| check.accept(bytes));
    let outcome = download::run(&context, target, output, Then::Nothing);
    let time = start.elapsed().as_secs_f64();
    console.note(&format!(
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
    fn accept(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let expected = self.pattern.piece(self.at, bytes.len());
        if bytes != expected {
            let wrong = bytes.iter().zip(&expected).position(|(is, was)| is != was);
            let at = self.at + wrong.unwrap_or(0) as u64;
            return Err(Failure::new(
                Exit::Other,
                format!("byte {at} is not as generated"),
            ));
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
