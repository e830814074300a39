//! Four connections with a quick handler beside 60 whose handler sleeps: who holds up whom.
//!
//! ```text
//! cargo bench --bench beside                # both: handlers that sleep 5 ms, and 100 ms
//! cargo bench --bench beside -- sleep-5     # one
//! ```
//!
//! Watched connections and a thread for each connection take turns, in one process. Printed are medians of the rounds,
//! of three seconds each after a first one that does not count: how long the quick ones take, and how many
//! requests a second the slow ones get answered, of which there can be 12,000 and 600.

mod common;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::{Aio, Exchange, Server, Threads, get};

use crate::common::{is_wanted, median};

const ROUNDS: usize = 5;
const SLOW: usize = 60;
const QUICK: usize = 4;

fn main() -> io::Result<()> {
    for (name, millis) in [("sleep-5", 5), ("sleep-100", 100)] {
        if is_wanted(name) {
            beside(Duration::from_millis(millis))?;
        }
    }
    Ok(())
}

fn beside(nap: Duration) -> io::Result<()> {
    let sides = [
        ("watched", Threads::Watched),
        ("threads", Threads::PerConnection),
    ];
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            let side = (round + turn) % sides.len(); // Whoever goes second finds another machine.
            rounds[side].push(one_round(sides[side].1, nap)?);
        }
    }
    println!("{QUICK} quick connections beside {SLOW} that sleep {nap:?}");
    let rate = |rounds: &[Round]| median(rounds.iter().map(|round| round.slow));
    for ((name, _), rounds) in sides.iter().zip(&rounds) {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        println!(
            "  {name:<10} quick: p50 {:>4.0} us  p99 {:>5.0} us  p99.9 {:>6.0} us  {:>7.0} req/s   slow: {:>6.0} req/s",
            of(|round| round.latency(0.5)),
            of(|round| round.latency(0.99)),
            of(|round| round.latency(0.999)),
            of(|round| round.quick),
            rate(rounds),
        );
    }
    let [watched, threads] = rounds.map(|rounds| rate(&rounds));
    println!(
        "  ratio of the slow ones {:>10.2}   ({ROUNDS} rounds, medians)",
        watched / threads
    );
    Ok(())
}

struct Round {
    /// In order, in microseconds.
    latencies: Vec<f64>,
    /// Requests a second.
    quick: f64,
    slow: f64,
}

impl Round {
    fn latency(&self, share: f64) -> f64 {
        self.latencies[((self.latencies.len() - 1) as f64 * share) as usize]
    }
}

fn one_round(threads: Threads, nap: Duration) -> io::Result<Round> {
    let server = Server::builder().threads(threads).build();
    server.route("/quick", get(|_| "done"))?;
    let sleep = move |_: &mut Exchange| {
        thread::sleep(nap);
        "done"
    };
    server.route("/slow", get(sleep))?;
    let address = server.bind("127.0.0.1:0")?;
    let address = address.ip().ok_or(io::ErrorKind::Unsupported)?;
    let (stop, slow) = (AtomicBool::new(false), AtomicU64::new(0));
    let goes_on = || !stop.load(Ordering::Relaxed);
    let round = thread::scope(|scope| {
        for _ in 0..SLOW {
            scope.spawn(|| {
                let mut client = Client::connect(address)?;
                while goes_on() {
                    client.ask("/slow")?;
                    slow.fetch_add(1, Ordering::Relaxed);
                }
                io::Result::Ok(())
            });
        }
        thread::sleep(Duration::from_secs(1));
        let (start, slow_before) = (Instant::now(), slow.load(Ordering::Relaxed));
        let quick = || {
            let (mut client, mut latencies) = (Client::connect(address)?, Vec::new());
            while goes_on() {
                let asked = Instant::now();
                client.ask("/quick")?;
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            io::Result::Ok(latencies)
        };
        let quick: Vec<_> = (0..QUICK).map(|_| scope.spawn(quick)).collect();
        thread::sleep(Duration::from_secs(3));
        let slow = slow.load(Ordering::Relaxed) - slow_before;
        let seconds = start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for thread in quick {
            latencies.extend(thread.join().expect("it does not panic")?);
        }
        latencies.sort_by(f64::total_cmp);
        let quick = latencies.len() as f64 / seconds;
        io::Result::Ok(Round {
            latencies,
            quick,
            slow: slow as f64 / seconds,
        })
    })?;
    server.drain(Aio::new()).wait()?;
    Ok(round)
}

struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    fn ask(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n");
        self.0.write_all(request.as_bytes())?;
        let mut answer = [0; 512];
        let mut filled = 0;
        while !answer[..filled].ends_with(b"done") {
            match self.0.read(&mut answer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    }
}
