//! A receiving server on loopback, for those who have none, and what it saw.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use http_aio::bytes::Bytes;
use http_aio::http::{Response, StatusCode, header};
use http_aio::{Aio, Conn, Error};

use crate::cancel::Control;
use crate::outcome::{Outcome, sentence};
use crate::source::{PERIOD, Source, pattern, plain};
use crate::upload::{self, Options};
use crate::{note, target::Target};

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
    match serve().and_then(|(address, seen)| {
        let target: Target = format!("http://{address}/demo").parse()?;
        Ok((target, seen))
    }) {
        Ok((target, seen)) => upload_to(&target, &seen, options, control),
        Err(reason) => Outcome::failed(reason),
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
    let start = Instant::now();
    let outcome = upload::run(target, Source::generated(LEN), options, control);
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

/// Accepts one connection, on a thread of its own.
fn serve() -> Result<(SocketAddr, Receiver<Seen>), String> {
    let cannot = |error| format!("cannot serve on loopback: {}", plain(&error));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let (tell, seen) = bounded(1);
    thread::Builder::new()
        .name("put:server".into())
        .spawn(move || {
            if let Ok((stream, _)) = listener.accept() {
                let _ = tell.send(Seen::on(&Conn::from(stream)));
            }
        })
        .map_err(cannot)?;
    Ok((address, seen))
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
        let len = request.headers().get(header::CONTENT_LENGTH);
        let len = len.and_then(|len| len.to_str().ok()?.parse().ok());
        let expected = pattern(READ + PERIOD as usize);
        let mut aio = Aio::new();
        while self.body < len.unwrap_or(0) {
            let (bytes, idle) = conn.read(aio, READ).reclaim();
            let bytes = bytes?;
            let from = (self.body % PERIOD) as usize;
            self.intact &= bytes == expected[from..from + bytes.len()];
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
