//! A server with three routes. Ctrl-C stops it in order: what was begun is finished.
//!
//! `--bind ADDR` (127.0.0.1:8080), `--max-connections N`, `--thread-per-connection`.

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use http_aio::http::StatusCode;
use http_aio::{Aio, Exchange, Server, ServerLimits, Threads, get};

/// Says hello, also by name (`/hello/{name}`), and after a while (`/sleep/{ms}`).
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Connections at a time.
    #[arg(long, default_value = "512")]
    max_connections: NonZeroUsize,
    /// Give each connection a thread, also while it waits.
    #[arg(long)]
    thread_per_connection: bool,
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
    let limits = ServerLimits::default().connections(arguments.max_connections.get());
    let threads = match arguments.thread_per_connection {
        true => Threads::PerConnection,
        false => Threads::Watched,
    };
    let server = Server::builder().limits(limits).threads(threads).build();
    server.route("/", get(|_| "Hello, world!"))?;
    server.route(
        "/hello/{name}",
        get(|x: &mut Exchange| format!("Hello, {}!", x.param("name"))),
    )?;
    server.route("/sleep/{ms}", get(sleep))?;

    println!("listening on {}", server.bind(arguments.bind)?);
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    Ok(())
}

/// As slow as a database.
fn sleep(exchange: &mut Exchange) -> (StatusCode, &'static str) {
    let Ok(time) = exchange.param("ms").parse() else {
        return (StatusCode::BAD_REQUEST, "Give a number of milliseconds.");
    };
    thread::sleep(Duration::from_millis(time));
    (StatusCode::OK, "That took its time.")
}
