//! `write_all` against blocking system calls, each to a sink of its own over loopback TCP.

use std::io::{self, IoSlice, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Written};

use crate::peers::{Peers, Role};
use crate::table::{Side, Table};

const FAMILY: &str = "write";
const KIB: usize = 1 << 10;
const BODY: usize = 64 << 20;
/// How many are in flight at once.
const DEPTH: usize = 64;

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    let peers = Peers::start()?;
    let sink = || peers.connect(Role::Sink);
    for (name, size) in [("write-1B", 1), ("write-1K", KIB), ("write-64M", BODY)] {
        table.compare((FAMILY, name), || waited(sink()?, sink()?, size))?;
    }
    table.compare((FAMILY, "paced"), || paced(sink()?, sink()?))?;
    table.compare((FAMILY, "pipe"), || pipe(sink()?, sink()?))
}

/// A write that is waited for, and then the next.
fn waited<'a>(theirs: TcpStream, ours: TcpStream, size: usize) -> io::Result<(Side<'a>, Side<'a>)> {
    let buffer = vec![b'x'; size];
    let write = Side::new("write", move || (&theirs).write_all(&buffer));
    let (conn, buffer) = (Conn::from(ours), Bytes::from(vec![b'x'; size]));
    let mut idle = Some(Aio::new());
    let write_all = Side::new("write_all", move || {
        let aio = idle.take().unwrap_or_default();
        let (result, aio) = conn.write_all(aio.iov([buffer.clone()])).reclaim();
        idle = Some(aio);
        result.map(drop).map_err(io::Error::from)
    });
    Ok((write, write_all))
}

/// A byte each millisecond, which nobody waits for: what counts is the processor's time.
fn paced<'a>(theirs: TcpStream, ours: TcpStream) -> io::Result<(Side<'a>, Side<'a>)> {
    const PACE: Duration = Duration::from_millis(1);
    let write = Side::new("write", move || {
        thread::sleep(PACE);
        (&theirs).write_all(b"x")
    });
    let conn = Conn::from(ours);
    let write_all = Side::new("write_all", move || {
        thread::sleep(PACE);
        drop(conn.write_all(Aio::new().iov([Bytes::from_static(b"x")])));
        Ok(())
    });
    Ok((write, write_all))
}

/// Writes of 1 KiB, 64 of which are in flight, each submitted from the closure of another. By hand: 64 buffers a call.
fn pipe<'a>(theirs: TcpStream, ours: TcpStream) -> io::Result<(Side<'a>, Side<'a>)> {
    let buffer = vec![b'x'; KIB];
    let by_hand = Side::many("writev", move |count| {
        let calls = count.div_ceil(DEPTH);
        for _ in 0..calls {
            writev(&theirs, &[&buffer[..]; DEPTH])?;
        }
        Ok(calls * DEPTH)
    });
    let (conn, buffer) = (Conn::from(ours), Bytes::from(vec![b'x'; KIB]));
    let write_all = Side::many("write_all", move |count| {
        let count = count.max(DEPTH);
        pipeline(&conn, &buffer, count).map(|()| count)
    });
    Ok((by_hand, write_all))
}

fn writev(mut stream: &TcpStream, buffers: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<_> = buffers.iter().map(|buffer| IoSlice::new(buffer)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        let written = stream.write_vectored(rest)?;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

struct Pipeline {
    conn: Conn,
    buffer: Bytes,
    left: AtomicUsize,
    unfinished: AtomicUsize,
}

fn pipeline(conn: &Conn, buffer: &Bytes, count: usize) -> io::Result<()> {
    let (done, finished) = mpsc::channel();
    let pipeline = Arc::new(Pipeline {
        conn: conn.clone(),
        buffer: buffer.clone(),
        left: AtomicUsize::new(count - DEPTH),
        unfinished: AtomicUsize::new(count),
    });
    for _ in 0..DEPTH {
        submit(Arc::clone(&pipeline), Aio::new(), done.clone());
    }
    drop(done);
    let failed = |_| io::Error::other("a write failed");
    finished.recv().map_err(failed)
}

fn submit(pipeline: Arc<Pipeline>, aio: Aio<Written>, done: mpsc::Sender<()>) {
    let aio = pipeline.conn.write_all(aio.iov([pipeline.buffer.clone()]));
    aio.on_complete(move |result, aio| {
        if result.is_err() {
            return;
        }
        if pipeline.unfinished.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = done.send(());
        }
        let again = pipeline
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if again.is_ok() {
            submit(pipeline, aio, done);
        }
    });
}
