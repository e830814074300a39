//! Reads and writes on one TCP connection after another.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::{Conn, Error};
use socket2::SockRef;

use super::{Crew, End, WILD, Worker, end_by, storm};
use crate::support::{Dice, count, join, pattern, tcp_pair};

/// The peer has fallen silent, and all that it said has arrived, when the connection ends.
#[test]
fn reads_and_writes() {
    storm("storm::raw::reads_and_writes", |dice| round(dice, 30_000));
}

/// It goes on speaking to a connection that has ended.
#[test]
fn reads_and_writes_with_a_peer_that_talks_on() {
    storm(
        "storm::raw::reads_and_writes_with_a_peer_that_talks_on",
        |dice| {
            round(dice, usize::MAX);
        },
    );
}

/// The peer says so much, or goes on for ever.
fn round(dice: &mut Dice, most: usize) {
    let end = End::of(dice);
    let (near, far) = tcp_pair();
    for stream in [&near, &far] {
        let _ = SockRef::from(stream).set_send_buffer_size(64 << 10);
        let _ = SockRef::from(stream).set_recv_buffer_size(64 << 10);
    }
    let conn = Conn::from(near);
    let silent = Arc::new(AtomicBool::new(false));
    let theirs = Dice(dice.roll(u64::MAX) | 1);
    let talking = talk(&far, theirs, most, Arc::clone(&silent));
    let draining = drain(&far, Dice(dice.roll(u64::MAX) | 1));
    let mine = conn.clone();
    let crew = Crew::start(WILD, 3, dice, end, move |worker| submit(worker, &mine));
    let reset = || {
        let _ = SockRef::from(&far).set_linger(Some(Duration::ZERO));
        let _ = far.shutdown(Shutdown::Both);
    };
    let mut talking = Some(talking);
    // A reset is told once, to whoever asks first.
    let mut refused = None;
    let mut hush = || {
        silent.store(true, Ordering::SeqCst);
        refused = refused.or(talking.take().and_then(join));
    };
    let tally = crew.finish(dice, || {
        if most < usize::MAX {
            hush();
        }
        end_by(end, &conn, reset);
    });
    tally.assert_over();
    drop(conn);
    let (drained, how) = join(draining);
    hush();
    if end != End::Reset {
        tally.assert_drained(drained, &format!("{end:?}, {how}, {refused:?}"));
    }
}

pub(super) fn submit(worker: &mut Worker, conn: &Conn) {
    let dice = &mut worker.dice;
    let size = match dice.roll(8) {
        0 => 0,
        1 => 1 << 20,
        2 | 3 => 1 + dice.roll(64 << 10),
        _ => 1 + dice.roll(200),
    };
    let parts = [
        pattern(0, size as usize / 2),
        pattern(size / 2, size.div_ceil(2) as usize),
    ];
    let few = 1 + dice.roll(3_000) as usize;
    let none = |_: &Result<Bytes, Error>| 0;
    match dice.roll(4) {
        0 => {
            let aio = worker.aio().iov(parts);
            worker.end(conn.write(aio), size, count);
        }
        1 => {
            let read = conn.read(worker.aio(), few);
            worker.end(read, 0, none);
        }
        2 => {
            let read = conn.read_all(worker.aio(), few);
            worker.end(read, 0, none);
        }
        _ => {
            let aio = worker.aio().iov(parts);
            worker.end(conn.write_all(aio), size, count);
        }
    }
}

/// Says something now and then, until the peer is to be silent, or nobody listens: why, in that case.
fn talk(
    stream: &TcpStream,
    mut dice: Dice,
    most: usize,
    silent: Arc<AtomicBool>,
) -> JoinHandle<Option<ErrorKind>> {
    let mut stream = stream.try_clone().expect("a socket");
    let _ = stream.set_write_timeout(Some(Duration::from_millis(20)));
    thread::spawn(move || {
        let mut left = most;
        while !silent.load(Ordering::SeqCst) && left > 0 {
            let some = left.min(1 + dice.roll(5_000) as usize);
            let said = stream.write(&pattern(0, some));
            left -= said.as_ref().map_or(0, |count| *count);
            match said.map_err(|error| error.kind()) {
                Ok(_) | Err(ErrorKind::WouldBlock) => {}
                Err(kind) => return Some(kind),
            }
            if dice.roll(3) == 0 {
                thread::sleep(Duration::from_micros(dice.roll(500)));
            }
        }
        None
    })
}

/// Counts what comes until it ends, at no steady pace; and says how it does.
fn drain(stream: &TcpStream, mut dice: Dice) -> JoinHandle<(u64, String)> {
    let mut stream = stream.try_clone().expect("a socket");
    let _ = stream.set_read_timeout(Some(crate::support::PATIENCE));
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        let mut drained = 0;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return (drained, "the end of the stream".into()),
                Ok(count) => drained += count as u64,
                Err(error) => return (drained, error.to_string()),
            }
            if dice.roll(10) == 0 {
                thread::sleep(Duration::from_micros(dice.roll(2_000)));
            }
        }
    })
}
