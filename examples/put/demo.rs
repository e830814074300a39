//! A receiving server on loopback, for those who have none, and what it saw.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use http_aio::http::{HeaderMap, Response, StatusCode, header};
use http_aio::{Aio, Client, Conn, Error};

use crate::arguments::Arguments;
use crate::attempts;
use crate::common::console::Console;
use crate::common::loopback;
use crate::common::pattern::Pattern;
use crate::common::target::Target;
use crate::common::task::Task;
use crate::context::Context;
use crate::outcome::Outcome;
use crate::source::Source;

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

pub(crate) fn run(arguments: &Arguments, task: &Task, console: &Console) -> Outcome {
    let (tell, seen) = bounded(1);
    let serving = loopback::serve("put:server", "/demo", move |conn| {
        let _ = tell.send(Seen::on(&conn)); // Nobody waits for it after a failure.
    });
    let target = match serving {
        Ok(target) => target,
        Err(failure) => return Outcome::none(Some(0), failure),
    };
    let source = Source::generated(LEN);
    let context = Context {
        client: &Client::new(),
        source: &source,
        options: &arguments.options(),
        task: &task.within(arguments.timeout),
        console,
        progress: &console.progress("", source.len),
    };
    upload(&context, target, &seen)
}

fn upload(context: &Context<'_>, target: Target, seen: &Receiver<Seen>) -> Outcome {
    let Context {
        console, options, ..
    } = context;
    console.note(&format!(
        "no FILE and URL: uploading {} MiB of generated data to a server in this process (see --help)",
        LEN >> 20
    ));
    console.note(&format!(
        "PUT {}, in pieces of {} bytes, {} of them in flight",
        target.uri, options.buffer, options.depth
    ));
    let start = Instant::now();
    let outcome = attempts::run(context, target, HeaderMap::new());
    let time = start.elapsed().as_secs_f64();
    console.note(&format!(
        "took {time:.3} s: {:.0} MiB/s",
        outcome.written as f64 / time / f64::from(1 << 20)
    ));
    match seen.recv_timeout(PATIENCE) {
        Ok(seen) => console.note(&seen.sentence()),
        Err(_) => console.note("the server saw no request"),
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
            conn.write_response(Aio::new(), empty(StatusCode::CONTINUE))
                .wait()?;
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
        let written = conn.write_response(Aio::new(), empty(StatusCode::CREATED));
        written.wait().map(drop)
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
            Err(error) => format!("then: {error}"),
        };
        format!("the server saw {request} with {body} bytes of body, {intact}; {end}")
    }
}

fn empty(status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    response
}
