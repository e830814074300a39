//! `transact` and `Client` against `ureq`, and the same server, which parses nothing but the end of a head.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::thread;

use http_aio::http::Request;
use http_aio::{Aio, Client, Conn};
use ureq::Agent;

use crate::peers::{DOWNLOAD, Peers, Role};
use crate::table::{Side, Table};

const FAMILY: &str = "exchange";
const PIECE: usize = 256 << 10;
const THREADS: usize = 8;

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    let peers = Peers::start()?;
    let address = peers.address();
    let connect = || Ok::<_, io::Error>(Conn::from(peers.connect(Role::Server)?));
    table.compare((FAMILY, "get"), || get(address, connect()?))?;
    table.compare((FAMILY, "shared"), || shared(address))?;
    table.compare((FAMILY, "download"), || download(address, connect()?))
}

/// Small GETs over one kept-alive connection.
fn get<'a>(address: SocketAddr, conn: Conn) -> io::Result<(Side<'a>, Side<'a>)> {
    let uri = format!("http://{address}/small");
    let (agent, their_uri) = (Agent::new_with_defaults(), uri.clone());
    let theirs = Side::new("ureq", move || get_with_ureq(&agent, &their_uri));
    let mut idle = Some(Aio::new());
    let ours = Side::new("transact", move || {
        let request = Request::get(&uri).body(()).map_err(io::Error::other)?;
        let aio = idle.take().unwrap_or_default();
        let (result, aio) = conn.transact(aio, request).reclaim();
        idle = Some(aio);
        check(result?.body().len(), 13)
    });
    Ok((theirs, ours))
}

pub(crate) fn get_with_ureq(agent: &Agent, uri: &str) -> io::Result<()> {
    let mut response = agent.get(uri).call().map_err(io::Error::other)?;
    let body = response.body_mut().read_to_vec();
    check(body.map_err(io::Error::other)?.len(), 13)
}

/// Small GETs by eight threads that share a client, which keeps eight idle connections.
fn shared<'a>(address: SocketAddr) -> io::Result<(Side<'a>, Side<'a>)> {
    let uri = format!("http://{address}/small");
    let agent: Agent = Agent::config_builder()
        .max_idle_connections_per_host(THREADS)
        .build()
        .into();
    let their_uri = uri.clone();
    let theirs = Side::many("ureq", move |count| {
        spread(count, || get_with_ureq(&agent, &their_uri))
    });
    let client = Client::builder().idle_per_authority(THREADS).build();
    let ours = Side::many("client", move |count| {
        spread(count, || {
            let response = client.get(Aio::new(), &uri).wait()?;
            check(response.body().len(), 13)
        })
    });
    Ok((theirs, ours))
}

/// Has eight threads do it, so often in all.
fn spread(count: usize, once: impl Fn() -> io::Result<()> + Sync) -> io::Result<usize> {
    let each = count.div_ceil(THREADS);
    let work = || (0..each).try_for_each(|_| once());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut results = threads.into_iter().map(|thread| thread.join());
        results.try_for_each(|joined| joined.unwrap_or_else(|_| Err(io::Error::other("a panic"))))
    })?;
    Ok(each * THREADS)
}

/// 256 MiB, discarded in pieces of 256 KiB.
fn download<'a>(address: SocketAddr, conn: Conn) -> io::Result<(Side<'a>, Side<'a>)> {
    let uri = format!("http://{address}/download");
    let (agent, their_uri) = (Agent::new_with_defaults(), uri.clone());
    let theirs = Side::new("ureq", move || download_with_ureq(&agent, &their_uri));
    let ours = Side::new("transact", move || download_with(&conn, &uri));
    Ok((theirs, ours))
}

pub(crate) fn download_with_ureq(agent: &Agent, uri: &str) -> io::Result<()> {
    let mut response = agent.get(uri).call().map_err(io::Error::other)?;
    let mut body = response.body_mut().as_reader();
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        match body.read(&mut piece)? {
            0 => return check(total, DOWNLOAD),
            count => total += count,
        }
    }
}

pub(crate) fn download_with(conn: &Conn, uri: &str) -> io::Result<()> {
    let request = Request::get(uri).body(()).map_err(io::Error::other)?;
    conn.transact_streaming(Aio::new(), request).wait()?;
    let mut aio = Aio::new();
    let mut total = 0;
    loop {
        let result;
        (result, aio) = conn.read(aio, PIECE).reclaim();
        match result?.len() {
            0 => return check(total, DOWNLOAD),
            count => total += count,
        }
    }
}

/// An answer of another size is no answer.
pub(crate) fn check(found: usize, expected: usize) -> io::Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(io::Error::other(format!("{found} bytes, not {expected}"))),
    }
}
