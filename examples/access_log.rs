//! An access log in the common log format, made from the events of a server; what goes wrong is on standard error,
//! and so are a few numbers at the end.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Parser;
use http_aio::{Aio, Exchange, Server, ServerEvent, get};

/// Says hello, and writes an access log to standard output.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let server = Server::builder()
        .slow_handlers(Duration::from_secs(5))
        .observe(|event| {
            // Where nobody reads the log, there is nobody to tell.
            let _ = log(event);
        })
        .build();
    server.route(
        "/hello/{name}",
        get(|x: &mut Exchange| format!("Hello, {}!\n", x.param("name"))),
    )?;
    server.route("/fail", get(|_| Err::<(), _>("on purpose")))?;

    let address = server.bind(arguments.bind)?;
    println!("listening on {address}");
    println!("try: curl {address}/hello/you {address}/fail {address}/nothing");
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    let stats = server.stats();
    eprintln!("{} requests, {} bytes", stats.requests, stats.written);
    Ok(())
}

fn log(event: &ServerEvent<'_>) -> io::Result<()> {
    match event {
        ServerEvent::Answered {
            peer,
            method,
            uri,
            version,
            status,
            written,
            ..
        } => {
            let host = peer
                .ip()
                .map_or("-".into(), |peer| peer.ip().to_canonical().to_string());
            let line = format!("{method} {uri} {version:?}");
            // It stands between quotes.
            let line = line.replace('\\', r"\\").replace('"', r#"\""#);
            let (status, now) = (status.as_u16(), now());
            // The bytes are those on the wire, the head's too.
            let entry = format!("{host} - - [{now}] \"{line}\" {status} {written}\n");
            io::stdout().write_all(entry.as_bytes()) // One call, so that entries do not mix.
        }
        ServerEvent::Refused { error, .. } | ServerEvent::HandshakeFailed { error, .. } => {
            writeln!(io::stderr(), "{error}") // It says with whom.
        }
        ServerEvent::HandlerFailed { uri, text, .. } => writeln!(io::stderr(), "{uri}: {text}"),
        ServerEvent::HandlerSlow { uri, after, .. } => writeln!(io::stderr(), "{uri}: {after:?}"),
        ServerEvent::AnswerFailed { uri, error, .. } => writeln!(io::stderr(), "{uri}: {error}"),
        ServerEvent::AcceptFailed { error, .. } => writeln!(io::stderr(), "accepting: {error}"),
        _ => Ok(()),
    }
}

/// `06/Nov/1994:08:49:37 +0000`, from `Sun, 06 Nov 1994 08:49:37 GMT`.
fn now() -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let date = date[5..25].replacen(' ', "/", 2).replacen(' ', ":", 1);
    format!("{date} +0000")
}
