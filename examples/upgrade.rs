//! Another protocol after an upgrade, on both sides: the server says back every byte that comes after its 101.
//! Ctrl-C stops the server; those who talk to it go on until they have said everything.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Answer, Conn, Exchange, IntoAnswer, Server, get};

/// Serves the protocol `echo` after an upgrade, or speaks it.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Talk to such a server, instead of being one.
    #[arg(long, value_name = "ADDR", conflicts_with = "bind")]
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
    if let Some(to) = arguments.to {
        return talk(to);
    }
    let server = Server::new();
    server.route("/echo", get(accept))?;
    let address = server.bind(arguments.bind)?;
    println!("listening on {address}");
    println!("try: cargo run --example upgrade -- --to {address}");
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    Ok(())
}

/// The server's side, as far as HTTP goes. The rest has a thread of its own, which the server does not wait for.
fn accept(exchange: &mut Exchange) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let offered = exchange.headers().get("upgrade");
    if offered.is_none_or(|protocol| protocol != "echo") {
        let required = Response::builder().status(StatusCode::UPGRADE_REQUIRED);
        let required = required
            .header("connection", "upgrade")
            .header("upgrade", "echo");
        let required = required.body("this place speaks the protocol `echo` alone\n")?;
        return Ok(required.into_answer());
    }
    let head = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let head = head
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let (conn, answered) = exchange.upgrade(head.body(())?)?;
    thread::Builder::new().spawn(move || echo(&conn))?;
    Ok(answered.into_answer())
}

fn echo(conn: &Conn) -> Result<(), http_aio::Error> {
    let options = Aio::options().timeout(Duration::from_secs(60)); // For each operation.
    loop {
        match conn.read(options.another(), 16 << 10).wait() {
            Ok(said) => drop(conn.write_all(options.another().bytes(said)).wait()?),
            Err(error) if error.is_end_of_stream() => return conn.shutdown(options).wait(),
            Err(error) => return Err(error),
        }
    }
}

/// The client's side.
fn talk(to: SocketAddr) -> Result<(), Box<dyn Error>> {
    let options = Aio::options().timeout(Duration::from_secs(10));
    let conn = Conn::connect(options.another(), to).wait()?;
    let request = Request::get(format!("http://{to}/echo"))
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let response = conn.transact(options.another(), request.body(())?).wait()?;
    println!("{}", response.status());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err("the server does not speak the protocol `echo` at /echo".into());
    }
    for word in ["what", "comes", "after", "is", "no", "HTTP"] {
        conn.write_all(options.another().bytes(word)).wait()?;
        let echo = conn.read_all(options.another(), word.len()).wait()?;
        println!("{}", String::from_utf8_lossy(&echo));
    }
    conn.shutdown(options).wait()?;
    Ok(())
}
