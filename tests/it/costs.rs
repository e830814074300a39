//! Proves that costs grow with what happens, not with what waits: what one
//! of 60,000 costs is compared with what one of 1,000 does, in the same process.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::http::Request;
use http_aio::{Aio, Canceler, Conn, ErrorKind, InFlight};

use crate::support::*;

/// Below the default of `Limits::queued`, which is 65,536.
const MANY: u32 = 60_000;
const FEW: u32 = 1_000;

/// Caches and allocators make many of them dearer than few, each; a scan of the queue, sixtyfold.
const FACTOR: u32 = 10;

/// What each costs at least, for the comparison: less is noise.
const LEAST: Duration = Duration::from_micros(1);

/// `run` does it so many times, and says how long that took.
#[track_caller]
fn costs_the_same_each(what: &str, run: impl Fn(u32) -> Duration) {
    in_time(|| {
        let few = median((0..5).map(|_| run(FEW)).collect()) / FEW;
        let most = FACTOR * few.max(LEAST);
        let many = run(MANY) / MANY;
        println!("{what}: {few:?} each of {FEW}, {many:?} each of {MANY}");
        at_most(
            &format!("each of {MANY}: {what}, {few:?} of {FEW},"),
            many,
            most,
        )
    });
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn shuffled<T>(mut list: Vec<T>) -> Vec<T> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for last in (1..list.len()).rev() {
        list.swap(last, dice.roll(last as u64 + 1) as usize);
    }
    list
}

#[test]
fn canceling_what_is_queued() {
    if !alone("costs::canceling_what_is_queued") {
        return;
    }
    costs_the_same_each("cancel of a queued write", |count| {
        let (conn, _peer) = pair(Family::Unix);
        let _stuck = jam(&conn, Aio::new());
        cancel_each_of(count, || conn.write_all(Aio::new().iov(["queued"])))
    });
    costs_the_same_each("cancel of a queued read", |count| {
        let (conn, _peer) = pair(Family::Unix);
        cancel_each_of(count, || conn.read(Aio::new(), 1))
    });
    costs_the_same_each("cancel of a pipelined exchange", |count| {
        let (conn, _peer) = pair(Family::Unix);
        let _stuck = jam(&conn, Aio::new());
        cancel_each_of(count, || conn.transact(Aio::new(), get()))
    });
}

/// Submits so many, cancels them in no order, and says how long the canceling took.
#[track_caller]
fn cancel_each_of<T: fmt::Debug + Send + 'static>(
    count: u32,
    submit: impl Fn() -> Aio<T, InFlight>,
) -> Duration {
    let queued: Vec<_> = (0..count).map(|_| submit()).collect();
    let cancelers = shuffled(queued.iter().map(Aio::canceler).collect());
    let took = timed(|| cancelers.iter().for_each(Canceler::cancel));
    for aio in queued {
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
    }
    took
}

fn get() -> Request<()> {
    Request::get("http://h/").body(()).expect("valid")
}

/// Reads `count` requests, then answers them all.
fn answer_all(mut stream: TcpStream, count: u32, go: &crossbeam_channel::Receiver<()>) {
    let mut reader = stream.try_clone().expect("a socket");
    let reading = thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        let (mut heads, mut matched) = (0, 0);
        while heads < count {
            let Ok(read @ 1..) = reader.read(&mut buffer) else {
                break;
            };
            for byte in &buffer[..read] {
                matched = match (matched, byte) {
                    (0 | 2, b'\r') => matched + 1,
                    (1, b'\n') => 2,
                    (3, b'\n') => {
                        heads += 1;
                        0
                    }
                    _ => 0,
                };
            }
        }
        heads
    });
    let _ = go.recv(); // Or whoever sends it has given up.
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for chunk in 0..count.div_ceil(1_000) {
        let some = answer.repeat((count - chunk * 1_000).min(1_000) as usize);
        stream.write_all(&some).expect("somebody reads");
    }
    assert_eq!(join(reading), count);
}

#[test]
fn exchanges_that_are_pipelined() {
    if !alone("costs::exchanges_that_are_pipelined") {
        return;
    }
    costs_the_same_each(
        "submission of a pipelined exchange with a closure",
        |count| pipeline(count).0,
    );
    costs_the_same_each("completion of a pipelined exchange", |count| {
        pipeline(count).1
    });
}

/// How long it took to submit so many, and from the first answer to the last closure.
fn pipeline(count: u32) -> (Duration, Duration) {
    let (near, far) = tcp_pair();
    let conn = Conn::from(near);
    let (go, wait) = gate();
    let server = thread::spawn(move || answer_all(far, count, &wait));
    let (tell, told) = unbounded();
    let submitting = timed(|| {
        for _ in 0..count {
            let tell = tell.clone();
            conn.transact(Aio::new(), get())
                .on_complete(move |result, _| {
                    let _ = tell.send(result.map(|response| response.into_body()));
                });
        }
    });
    let completing = timed(|| {
        go.send(()).expect("it waits");
        for _ in 0..count {
            assert_eq!(receive(&told).expect("an answer"), "ok");
        }
    });
    join(server);
    (submitting, completing)
}

// --------------------------------------------------------------------------------------- deadlines

/// Writes that expire one after another behind one that is stuck, on so many connections: how late the
/// latest of their closures is.
fn expire(count: u32, connections: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(1_500);
    const SPREAD: Duration = Duration::from_secs(4);
    let pairs: Vec<_> = (0..connections).map(|_| pair(Family::Unix)).collect();
    let stuck = pairs.iter().map(|(conn, _)| jam(conn, Aio::new()));
    let stuck: Vec<_> = stuck.collect();
    let (tell, told) = unbounded();
    let first = Instant::now() + FIRST;
    // In no order, as deadlines come.
    for nth in shuffled((0..count).collect()) {
        let at = first + SPREAD * nth / count;
        let conn = &pairs[(nth % connections) as usize].0;
        let aio = conn.write_all(Aio::new().iov(["late"]).deadline(at));
        let tell = tell.clone();
        aio.on_complete(move |result, _| {
            let _ = tell.send((result, at.elapsed()));
        });
    }
    let mut latest = Duration::ZERO;
    for _ in 0..count {
        let (result, late) = receive(&told);
        assert_eq!(failure(result), (ErrorKind::TimedOut, 0));
        latest = latest.max(late);
    }
    drop(stuck);
    latest
}

/// The contract says 50 ms; the machine may have other things to do.
const LATE: Duration = Duration::from_millis(150);

#[test]
fn deadlines_that_are_all_different_are_told_in_time() {
    if !alone("costs::deadlines_that_are_all_different_are_told_in_time") {
        return;
    }
    for connections in [1, 8] {
        in_time(|| {
            let latest = expire(MANY, connections);
            println!("{connections}: the latest is {latest:?} late");
            let what = format!("the latest of {MANY} deadlines on {connections} connections");
            at_most(&what, latest, LATE)
        });
    }
}

/// What this process has used of its processors.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("procfs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = |nth: usize| -> u64 {
        let field = fields.split_whitespace().nth(nth);
        field
            .and_then(|ticks| ticks.parse().ok())
            .expect("a number")
    };
    // User and system, of 10 ms each.
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// Some hundred writes expire within a second, while so many others with later deadlines wait, and as
/// many are submitted: the processor's time, and what a submission takes, but for a tenth of them.
fn expire_among(waiting: u32) -> (Duration, Duration) {
    const EACH: Duration = Duration::from_millis(3);
    const EXPIRING: u32 = 300;
    let (conn, _peer) = pair(Family::Unix);
    let _stuck = jam(&conn, Aio::new());
    let write = |at| conn.write_all(Aio::new().iov(["late"]).deadline(at));
    let much_later = Instant::now() + 4 * PATIENCE;
    let later = shuffled((0..waiting).collect());
    let later: Vec<_> = later
        .iter()
        .map(|nth| write(much_later + EACH * *nth))
        .collect();
    let first = Instant::now() + 100 * EACH;
    let expiring = shuffled((0..EXPIRING).collect());
    let expiring: Vec<_> = expiring
        .iter()
        .map(|nth| write(first + EACH * *nth))
        .collect();
    let used = processor_time();
    let mut submitting = Vec::new();
    let mut submitted = Vec::new();
    while Instant::now() < first + EXPIRING * EACH {
        thread::sleep(EACH); // The pace of this scenario.
        let start = Instant::now();
        submitted.push(conn.write_all(Aio::new().iov(["now"])));
        submitting.push(start.elapsed());
    }
    for aio in expiring {
        assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
    }
    let used = processor_time() - used;
    submitting.sort();
    conn.close();
    drop((later, submitted));
    (used, submitting[submitting.len() * 9 / 10])
}

#[test]
fn deadlines_that_wait_cost_nothing() {
    if !alone("costs::deadlines_that_wait_cost_nothing") {
        return;
    }
    in_time(|| {
        let (few, submitting_few) = expire_among(0);
        let (many, submitting) = expire_among(MANY);
        println!("processor {few:?}, {many:?}; submitting {submitting_few:?}, {submitting:?}");
        let most = 3 * few.max(Duration::from_millis(100));
        at_most(
            "the processor's time for some hundred deadlines",
            many,
            most,
        )?;
        let most = 10 * submitting_few.max(Duration::from_micros(100));
        at_most("submitting while deadlines pass", submitting, most)
    });
}
