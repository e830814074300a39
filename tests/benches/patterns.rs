//! What the usual patterns of use cost, for comparing one build of this crate with another: time for an
//! operation, and what the processors spend on it.
//!
//! ```text
//! cargo bench --bench patterns              # all, in less than a minute
//! cargo bench --bench patterns -- echo      # those that are named: the first word of a line
//! ```
//!
//! Keep the binary of the old build, and run the two in turn. The peers are in a process of their own,
//! so that the processor's time is that of this crate's side alone, system calls included. Printed are
//! medians of several rounds; the processor's time is that of all rounds, because its grain is 10 ms.

mod common;
mod peers;
mod process;

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Canceler, Conn, InFlight, Written};

use crate::common::{check, is_wanted};
use crate::peers::{Peers, Role};

/// How long a round lasts, about.
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 7;

/// How many wait in the queue to be canceled.
const QUEUED: usize = 4_000;

fn main() -> io::Result<()> {
    if process::role().is_some() {
        return Peers::be();
    }
    let peers = Peers::start()?;
    println!("{:<44} {:>10} {:>14}", "", "us/op", "cpu us/op");
    write(&peers)?;
    read(&peers)?;
    messages(&peers)?;
    cancels(&peers)
}

fn write(peers: &Peers) -> io::Result<()> {
    for (name, size) in [
        ("kilobyte: write 1 KiB, wait", 1024),
        ("byte: write 1 B, wait", 1),
    ] {
        let (conn, bytes) = (connect(peers, Role::Sink)?, Bytes::from(vec![b'x'; size]));
        pattern(name, 1, || finish(submit(&conn, &bytes)))?;
    }
    let bytes = Bytes::from(vec![b'x'; 1024]);
    let conn = connect(peers, Role::Sink)?;
    let mut in_flight = VecDeque::new();
    pattern("pipe: write 1 KiB, 64 in flight", 1, || {
        in_flight.push_back(submit(&conn, &bytes));
        match in_flight.len() {
            64.. => in_flight.pop_front().map_or(Ok(()), finish),
            _ => Ok(()),
        }
    })?;
    let (one, other) = (connect(peers, Role::Sink)?, connect(peers, Role::Sink)?);
    pattern("two: write on two connections, wait for both", 2, || {
        let both = (submit(&one, &bytes), submit(&other, &bytes));
        finish(both.0)?;
        finish(both.1)
    })?;
    let conn = connect(peers, Role::Sink)?;
    pattern("held: write 1 KiB, poll", 1, || {
        let held = submit(&conn, &bytes);
        poll(&held);
        finish(held)
    })
}

fn read(peers: &Peers) -> io::Result<()> {
    let (conn, bytes) = (connect(peers, Role::Echo)?, Bytes::from_static(b"ping"));
    pattern("echo: write, wait for the read of the echo", 1, || {
        let ping = submit(&conn, &bytes);
        conn.read_all(Aio::new(), 4).wait()?;
        finish(ping)
    })?;
    let conn = connect(peers, Role::Source)?;
    pattern("read: 100 B that are there, wait", 1, || {
        conn.read_all(Aio::new(), 100).wait().map(drop)?;
        Ok(())
    })?;
    let conn = connect(peers, Role::Source)?;
    pattern("polled: read 100 B that are there, poll", 1, || {
        let read = conn.read_all(Aio::new(), 100);
        poll(&read);
        read.wait().map(drop)?;
        Ok(())
    })
}

fn messages(peers: &Peers) -> io::Result<()> {
    let conn = connect(peers, Role::Server)?;
    let request = Request::get("http://h/small").body(());
    let request = request.map_err(io::Error::other)?;
    pattern("get: small GET, wait", 1, || {
        let response = conn.transact(Aio::new(), request.clone()).wait()?;
        check(response.body().len(), 13)
    })?;
    let conn = connect(peers, Role::Client)?;
    pattern("serve: read a request, write the response", 1, || {
        conn.read_request(Aio::new()).wait()?;
        let response = Response::new(Bytes::from_static(b"Hello, world!"));
        finish(conn.write_response(Aio::new(), response))
    })
}

fn cancels(peers: &Peers) -> io::Result<()> {
    if !is_wanted("cancel") {
        return Ok(());
    }
    let conn = connect(peers, Role::Stuck)?;
    let bytes = Bytes::from(vec![b'x'; 64 << 20]);
    let stuck = submit(&conn, &bytes);
    while stuck.count() == 0 {
        thread::yield_now();
    }
    let bytes = bytes.slice(..100);
    let mut luck = 1_u64;
    let (mut rounds, cpu) = (Vec::new(), processor_time()?);
    for _ in 0..ROUNDS {
        let mut queued: Vec<_> = (0..QUEUED).map(|_| submit(&conn, &bytes)).collect();
        for last in (1..QUEUED).rev() {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            queued.swap(last, (luck >> 33) as usize % (last + 1));
        }
        let cancelers: Vec<Canceler> = queued.iter().map(|aio| aio.canceler()).collect();
        let start = Instant::now();
        cancelers.iter().for_each(Canceler::cancel);
        rounds.push(start.elapsed().as_secs_f64() / QUEUED as f64);
        for aio in queued {
            if aio.wait().is_ok() {
                return Err(io::Error::other("the peer was to read nothing"));
            }
        }
    }
    let each = (processor_time()? - cpu).as_secs_f64() / (ROUNDS * QUEUED) as f64;
    print("cancel: 4,000 in the queue, in no order (*)", rounds, each);
    println!("(*) the processor's time is that of submitting and waiting, too");
    conn.close();
    Ok(())
}

// --------------------------------------------------------------------------------------- measuring

fn connect(peers: &Peers, role: Role) -> io::Result<Conn> {
    peers.connect(role).map(Conn::from)
}

fn submit(conn: &Conn, bytes: &Bytes) -> Aio<Written, InFlight> {
    conn.write_all(Aio::new().iov([bytes.clone()]))
}

fn finish(aio: Aio<Written, InFlight>) -> io::Result<()> {
    aio.wait().map(drop)?;
    Ok(())
}

fn poll<T: Send + 'static>(aio: &Aio<T, InFlight>) {
    while !aio.is_done() {
        thread::yield_now();
    }
}

/// Does it again and again, and prints what one of its `operations` costs, if it is wanted.
fn pattern(
    name: &str,
    operations: usize,
    mut once: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    if !is_wanted(name.split(':').next().unwrap_or_default()) {
        return Ok(());
    }
    let mut round = || -> io::Result<(f64, usize)> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                once()?;
            }
            count += 16 * operations;
        }
        Ok((start.elapsed().as_secs_f64() / count as f64, count))
    };
    round()?; // Warms up.
    let (mut rounds, mut total, cpu) = (Vec::new(), 0, processor_time()?);
    for _ in 0..ROUNDS {
        let (each, count) = round()?;
        rounds.push(each);
        total += count;
    }
    let each = (processor_time()? - cpu).as_secs_f64() / total as f64;
    print(name, rounds, each);
    Ok(())
}

fn print(name: &str, mut rounds: Vec<f64>, cpu: f64) {
    rounds.sort_by(f64::total_cmp);
    let each = rounds[rounds.len() / 2];
    println!("{name:<44} {:>10.2} {:>14.2}", each * 1e6, cpu * 1e6);
}

/// What this process has used of its processors, for itself and in the kernel.
fn processor_time() -> io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}
