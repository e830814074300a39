//! A receiving server on loopback, for those who have none, and what it saw.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use http_aio::bytes::Bytes;
use http_aio::http::{Response, StatusCode, header};
use http_aio::{Aio, Client, Conn, Error};

use crate::control::Control;
use crate::ending::Ending;
use crate::outcome::Outcome;
use crate::pattern::Pattern;
use crate::sentence::sentence;
use crate::source::Source;
use crate::target::Target;
use crate::upload::{self, Options};
use crate::{loopback, note};

const LEN: u64 = 256 << 20;
const READ: usize = 256 << 10;

/// How long the server may take to say what it saw, after the upload.
const PATIENCE: Duration = Duration::from_secs(1);

struct Seen {
    request: String,
    body: u64,
    intact: bool,
    end: Result<(), Error>,
}

pub(crate) fn run(options: &Options, control: &Control) -> Outcome {
    let (tell, seen) = bounded(1);
    let serving = loopback::serve("put:server", "/demo", move |conn| {
        let _ = tell.send(Seen::on(&conn)); // Nobody waits for it after a failure.
    });
    match serving {
        Ok(target) => upload_to(&target, &seen, options, control),
        Err(reason) => Outcome::none(Some(0), Ending::failed(reason)),
    }
}

fn upload_to(
    target: &Target,
    seen: &Receiver<Seen>,
    options: &Options,
    control: &Control,
) -> Outcome {
    note(&format!(
        "no FILE and URL: uploading {} MiB of generated data to a server in this process (see --help)",
        LEN >> 20
    ));
    note(&format!(
        "PUT {}, in pieces of {} bytes, {} of them in flight",
        target.uri, options.buffer, options.depth
    ));
    let client = Client::new();
    let start = Instant::now();
    let outcome = upload::run(&client, target, Source::generated(LEN), options, control);
    let time = start.elapsed().as_secs_f64();
    note(&format!(
        "took {time:.3} s: {:.0} MiB/s",
        outcome.written as f64 / time / f64::from(1 << 20)
    ));
    match seen.recv_timeout(PATIENCE) {
        Ok(seen) => note(&seen.sentence()),
        Err(_) => note("the server saw no request"),
    }
    outcome
}

impl Seen {
    fn on(conn: &Conn) -> Self {
        let mut seen = Self {
            request: "nothing".to_owned(),
            body: 0,
            intact: true,
            end: Ok(()),
        };
        seen.end = seen.receive(conn);
        seen
    }

    fn receive(&mut self, conn: &Conn) -> Result<(), Error> {
        let request = conn.read_request(Aio::new()).wait()?;
        self.request = format!("{} {}", request.method(), request.uri());
        if request.headers().contains_key(header::EXPECT) {
            let mut permission = Response::new(Bytes::new());
            *permission.status_mut() = StatusCode::CONTINUE;
            conn.write_response(Aio::new(), permission).wait()?;
        }
        let mut pattern = Pattern::new(READ);
        let mut aio = Aio::new();
        loop {
            let (bytes, idle) = conn.read(aio, READ).reclaim();
            let bytes = bytes?;
            if bytes.is_empty() {
                break; // The body has ended, chunked or not.
            }
            self.intact &= bytes == pattern.piece(self.body, bytes.len());
            self.body += bytes.len() as u64;
            aio = idle;
        }
        let mut response = Response::new(Bytes::from_static(b"received\n"));
        *response.status_mut() = StatusCode::CREATED;
        conn.write_response(Aio::new(), response).wait().map(drop)
    }

    fn sentence(&self) -> String {
        let Self {
            request,
            body,
            intact,
            end,
        } = self;
        let intact = if *intact {
            "all as generated"
        } else {
            "and they are damaged"
        };
        let end = match end {
            Ok(()) => "it answered 201 Created".to_owned(),
            Err(error) => format!("then: {}", sentence(error)),
        };
        format!("the server saw {request} with {body} bytes of body, {intact}; {end}")
    }
}
