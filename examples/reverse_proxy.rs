//! A reverse proxy: passes every request on to another server, and its answers back, over connections that it
//! keeps. Without `--to`, it starts a server of its own to pass them on to.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use http_aio::http::{HeaderValue, StatusCode};
use http_aio::{Aio, Answer, Conn, Exchange, IntoAnswer, Server, any, get};

/// Passes every request on to another server, and its answers back.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// The server that gets the requests. Default: one that says hello.
    #[arg(long)]
    to: Option<SocketAddr>,
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
    let hello = Server::new();
    hello.route("/", get(|_| "Hello from behind the proxy!"))?;
    let to = match arguments.to {
        Some(to) => to,
        None => hello.bind("127.0.0.1:0")?.ip().ok_or("no address")?,
    };

    let upstreams = Upstreams {
        to,
        idle: Arc::default(),
    };
    let server = Server::new();
    server.tree(
        "/",
        any(move |exchange: &mut Exchange| upstreams.pass_on(exchange)),
    )?;
    println!("listening on {}", server.bind(arguments.bind)?);
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    Ok(())
}

/// Connections to the other server, of which those that nobody uses are kept.
struct Upstreams {
    to: SocketAddr,
    idle: Arc<Mutex<Vec<Conn>>>,
}

impl Upstreams {
    fn pass_on(&self, exchange: &mut Exchange) -> Answer {
        match self.try_to_pass_on(exchange) {
            Ok(answer) => answer,
            Err(error) => {
                eprintln!("{} {}: {error}", exchange.method(), exchange.uri());
                let status = match error.is_timeout() {
                    true => StatusCode::GATEWAY_TIMEOUT,
                    false => StatusCode::BAD_GATEWAY,
                };
                status.into_answer() // Unless the answer has begun: then it is cut off.
            }
        }
    }

    fn try_to_pass_on(&self, exchange: &mut Exchange) -> Result<Answer, http_aio::Error> {
        let options = Aio::options().timeout(Duration::from_secs(60));
        let upstream = match self.take() {
            Some(upstream) => upstream,
            None => Conn::connect(options.another(), self.to).wait()?,
        };
        let mut request = exchange.request().clone();
        let headers = request.headers_mut();
        headers.append("via", HeaderValue::from_static("1.1 http-aio"));
        if let Some(client) = exchange.peer_addr().ip() {
            headers.append("x-forwarded-for", client.ip().to_string().parse()?);
        }
        let answered = exchange.forward(options.another(), request, &upstream)?;
        self.idle.lock().expect("nobody panics").push(upstream);
        Ok(answered.into_answer())
    }

    fn take(&self) -> Option<Conn> {
        let mut idle = self.idle.lock().expect("nobody panics");
        while let Some(upstream) = idle.pop() {
            if upstream.is_reusable() {
                return Some(upstream);
            }
        }
        None
    }
}
