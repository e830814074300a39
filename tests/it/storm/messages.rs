//! Exchanges, one after another and pipelined, on one TCP connection after another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Conn, Error, Limits, Written};
use socket2::SockRef;

use super::{Crew, End, Weather, Worker, end_by, storm};
use crate::site::length;
use crate::support::{Dice, PATIENCE, join, pattern, tcp_pair};

/// The server has fallen silent when the connection ends.
#[test]
fn exchanges() {
    storm("storm::messages::exchanges", |dice| round(dice, false));
}

/// It goes on answering on a connection that has ended.
#[test]
fn exchanges_with_a_server_that_talks_on() {
    storm(
        "storm::messages::exchanges_with_a_server_that_talks_on",
        |dice| {
            round(dice, true);
        },
    );
}

/// What fails in flight ends the connection.
const CALM: Weather = Weather {
    odds: 30,
    patience: Duration::from_millis(200),
};

fn round(dice: &mut Dice, talks_on: bool) {
    let end = End::of(dice);
    let (near, far) = tcp_pair();
    let _ = far.set_read_timeout(Some(PATIENCE));
    let conn = Conn::from(near).limits(Limits::default().continue_wait(Duration::from_millis(2)));
    let peer = far.try_clone().expect("a socket");
    let mut theirs = Dice(dice.roll(u64::MAX) | 1);
    let silent = Arc::new(Mutex::new(false));
    let told = Arc::clone(&silent);
    let server = thread::spawn(move || serve(peer, &mut theirs, &told));
    let mine = conn.clone();
    let crew = Crew::start(CALM, 3, dice, end, move |worker| submit(worker, &mine));
    let reset = || {
        let _ = SockRef::from(&far).set_linger(Some(Duration::ZERO));
        let _ = far.shutdown(Shutdown::Both);
    };
    let tally = crew.finish(dice, || {
        *silent.lock().expect("no panic") = !talks_on;
        end_by(end, &conn, reset);
    });
    tally.assert_over();
    drop(conn);
    let drained = join(server);
    // An exchange that fails halfway closes its connection, while the server has still to answer.
    let ended_early = tally.cut.load(Ordering::SeqCst) && !talks_on;
    if end != End::Reset && !ended_early {
        tally.assert_drained(drained, &format!("{end:?}"));
    }
}

fn submit(worker: &mut Worker, conn: &Conn) {
    let dice = &mut worker.dice;
    let size = match dice.roll(4) {
        0 => 1 + dice.roll(100_000),
        1 => 1 + dice.roll(100),
        _ => 0,
    };
    let mut request = Request::builder().uri("http://h/");
    if size > 0 {
        request = request.method("PUT");
        if dice.roll(5) == 0 {
            request = request.header("expect", "100-continue");
        }
    }
    let request = request.body(pattern(0, size as usize)).expect("valid");
    let pipelined = 1 + dice.roll(4);
    for _ in 0..pipelined {
        let aio = worker.aio();
        let exchange = conn.transact(aio, request.clone());
        worker.end(exchange, size + 1_000, sent);
    }
}

/// What went out of the request, whatever became of it.
pub(super) fn sent(result: &Result<Response<Bytes>, Error>) -> u64 {
    match result {
        Ok(response) => response
            .extensions()
            .get::<Written>()
            .map_or(0, Written::count),
        Err(error) => error.count(),
    }
}

/// Answers in most cases as it should, and reads to the end in any case; says how much that was.
fn serve(stream: TcpStream, dice: &mut Dice, silent: &Mutex<bool>) -> u64 {
    let mut output = stream.try_clone().expect("a socket");
    let mut say = |answer: &str| {
        let silent = silent.lock().expect("no panic");
        !*silent && output.write_all(answer.as_bytes()).is_ok()
    };
    let mut input = BufReader::new(Counted { stream, bytes: 0 });
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match input.read_line(&mut head) {
                Ok(1..) => {}
                _ => return input.into_inner().bytes,
            }
        }
        if dice.roll(10) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(3_000)));
        }
        if head.contains("100-continue") && dice.roll(2) == 0 {
            say("HTTP/1.1 100 Continue\r\n\r\n");
        }
        let (status, close) = match dice.roll(20) {
            0 => ("413 Too Large", ""),
            1 => ("200 OK", "Connection: close\r\n"),
            _ => ("200 OK", ""),
        };
        // An answer that is no success comes before the body.
        let early = status.starts_with('4');
        let mut body = (&mut input).take(length(&head) as u64);
        if !early && std::io::copy(&mut body, &mut std::io::sink()).is_err() {
            return input.into_inner().bytes;
        }
        let answer = format!("HTTP/1.1 {status}\r\n{close}Content-Length: 2\r\n\r\nok");
        let answered = say(&answer);
        if early || !close.is_empty() || !answered {
            let _ = std::io::copy(&mut input, &mut std::io::sink());
            return input.into_inner().bytes;
        }
    }
}

/// Counts what is read.
struct Counted {
    stream: TcpStream,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
