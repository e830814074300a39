//! `transact` against `ureq`, on the same work, against the same server, in the same process.
//!
//! ```text
//! cargo bench --bench transact              # all
//! cargo bench --bench transact -- small     # one: small, or download
//! ```
//!
//! The server is a thread a connection that parses nothing but the end of a head. Each side keeps
//! one connection. The sides alternate; printed are the medians, and the median of the ratios pair
//! by pair. A ratio above 1 says that `transact` does more than `ureq` in the same time.

mod compare;
mod server;

use std::io::{self, Read};
use std::net::SocketAddr;

use http_aio::http::Request;
use http_aio::{Aio, Conn};
use ureq::Agent;

use crate::compare::{Work, is_wanted};
use crate::server::DOWNLOAD;

const PIECE: usize = 256 << 10;

fn main() -> io::Result<()> {
    let address = server::start()?;
    if is_wanted("small") {
        let work = Work {
            title: "small: GETs of 13 bytes over one kept-alive connection",
            count: 5_000,
            size: 13,
            rounds: 41,
        };
        let sides = Sides::new(address)?;
        work.compare(
            ("ureq", || sides.small_with_ureq(work.count)),
            ("transact", || sides.small(work.count)),
        )?;
    }
    if is_wanted("download") {
        let work = Work {
            title: "download: 256 MiB, discarded in pieces of 256 KiB",
            count: 1,
            size: DOWNLOAD,
            rounds: 21,
        };
        let sides = Sides::new(address)?;
        work.compare(
            ("ureq", || sides.download_with_ureq()),
            ("transact", || sides.download()),
        )?;
    }
    Ok(())
}

struct Sides {
    agent: Agent,
    conn: Conn,
    address: SocketAddr,
}

impl Sides {
    fn new(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            agent: Agent::new_with_defaults(),
            conn: Conn::connect(Aio::new(), address).wait()?,
            address,
        })
    }

    fn small_with_ureq(&self, count: usize) -> io::Result<()> {
        let uri = format!("http://{}/small", self.address);
        for _ in 0..count {
            let mut response = self.agent.get(&uri).call().map_err(io::Error::other)?;
            let body = response
                .body_mut()
                .read_to_vec()
                .map_err(io::Error::other)?;
            compare::check(body.len(), 13)?;
        }
        Ok(())
    }

    fn small(&self, count: usize) -> io::Result<()> {
        let uri = format!("http://{}/small", self.address);
        let mut aio = Aio::new();
        for _ in 0..count {
            let request = Request::get(&uri).body(());
            let request = request.map_err(io::Error::other)?;
            let result;
            (result, aio) = self.conn.transact(aio, request).reclaim();
            compare::check(result?.body().len(), 13)?;
        }
        Ok(())
    }

    fn download_with_ureq(&self) -> io::Result<()> {
        let uri = format!("http://{}/download", self.address);
        let mut response = self.agent.get(&uri).call().map_err(io::Error::other)?;
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        let mut total = 0;
        loop {
            match body.read(&mut piece)? {
                0 => return compare::check(total, DOWNLOAD),
                count => total += count,
            }
        }
    }

    fn download(&self) -> io::Result<()> {
        let uri = format!("http://{}/download", self.address);
        let request = Request::get(uri).body(()).map_err(io::Error::other)?;
        self.conn.transact_streaming(Aio::new(), request).wait()?;
        let mut aio = Aio::new();
        let mut total = 0;
        loop {
            let result;
            (result, aio) = self.conn.read(aio, PIECE).reclaim();
            match result?.len() {
                0 => return compare::check(total, DOWNLOAD),
                count => total += count,
            }
        }
    }
}
