//! `Client` against `ureq`'s `Agent`: eight threads that share one, on the same work, against the same
//! server, in the same process.
//!
//! ```text
//! cargo bench --bench client
//! ```
//!
//! Both keep eight idle connections. The sides alternate; printed are the medians, and the median of
//! the ratios pair by pair. A ratio above 1 says that `Client` does more in the same time.

mod compare;
mod server;

use std::io;
use std::net::SocketAddr;
use std::thread;

use http_aio::http::Request;
use http_aio::{Aio, Client};
use ureq::Agent;

use crate::compare::Work;

const THREADS: usize = 8;

fn main() -> io::Result<()> {
    let address = server::start()?;
    let agent: Agent = Agent::config_builder()
        .max_idle_connections_per_host(THREADS)
        .build()
        .into();
    let client = Client::builder().idle_per_authority(THREADS).build();
    let work = Work {
        title: "small: GETs of 13 bytes by eight threads",
        count: THREADS * 2_000,
        size: 13,
        rounds: 21,
    };
    let each = work.count / THREADS;
    work.compare(
        ("ureq", || spread(|| with_ureq(&agent, address, each))),
        ("client", || spread(|| with_client(&client, address, each))),
    )
}

fn spread(work: impl Fn() -> io::Result<()> + Sync) -> io::Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(&work)).collect();
        let results = threads.into_iter().map(|thread| {
            let joined = thread.join();
            joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        });
        results.collect()
    })
}

fn with_ureq(agent: &Agent, address: SocketAddr, count: usize) -> io::Result<()> {
    let uri = format!("http://{address}/small");
    for _ in 0..count {
        let mut response = agent.get(&uri).call().map_err(io::Error::other)?;
        let body = response
            .body_mut()
            .read_to_vec()
            .map_err(io::Error::other)?;
        compare::check(body.len(), 13)?;
    }
    Ok(())
}

fn with_client(client: &Client, address: SocketAddr, count: usize) -> io::Result<()> {
    let uri = format!("http://{address}/small");
    let mut aio = Aio::new();
    for _ in 0..count {
        let request = Request::get(&uri).body(());
        let request = request.map_err(io::Error::other)?;
        let result;
        (result, aio) = client.transact(aio, request).reclaim();
        compare::check(result?.body().len(), 13)?;
    }
    Ok(())
}
