//! A server that says back what it is told: what conformance suites and clients are tried with. `/echo` answers
//! with the lines of the request's head, any other path with the request's body, or `OK` if there is none.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use http_aio::{Aio, Exchange, Server, ServerLimits, any};

/// Answers with the body of the request, or with `OK` if there is none; at `/echo`, with its header lines.
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
    let limits = ServerLimits::default().collect(64 << 20);
    let server = Server::builder().limits(limits).build();
    server.route("/echo", any(|x: &mut Exchange| head(x)))?;
    server.tree("/", any(body))?;

    println!("listening on {}", server.bind(arguments.bind)?);
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    Ok(())
}

fn head(exchange: &Exchange) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in exchange.headers() {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

fn body(exchange: &mut Exchange) -> Result<Vec<u8>, http_aio::Error> {
    let body = exchange.collect()?;
    Ok(if body.is_empty() {
        b"OK".to_vec()
    } else {
        body.into()
    })
}
