//! `write_all` against blocking `writev`, on the same work in the same process.
//!
//! ```text
//! cargo bench --bench write_all            # all three
//! cargo bench --bench write_all -- wait    # one: wait, pipe or bulk
//! ```
//!
//! Each side writes to a sink of its own over loopback TCP, which discards without copying. The
//! sides alternate; printed are the medians, and the median of the ratios pair by pair. A ratio
//! above 1 says that `write_all` moves more than `writev` in the same time.

mod compare;

use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Written};

use crate::compare::{Work, is_wanted};

const KIB: usize = 1 << 10;
const DEPTH: usize = 64;
const ROUNDS: usize = 41;

fn main() -> io::Result<()> {
    if is_wanted("wait") {
        let work = Work {
            title: "wait: 1 KiB, submit and wait",
            count: 20_000,
            size: KIB,
            rounds: ROUNDS,
        };
        let bench = Bench::new()?;
        work.compare(
            ("writev", || bench.writev(KIB, work.count, 1)),
            ("write_all", || bench.submit_and_wait(KIB, work.count)),
        )?;
    }
    if is_wanted("pipe") {
        let work = Work {
            title: "pipe: 1 KiB, 64 in flight, resubmitted from closures (writev: 64 buffers a call)",
            count: 200 * 1000,
            size: KIB,
            rounds: ROUNDS,
        };
        let bench = Bench::new()?;
        work.compare(
            ("writev", || bench.writev(KIB, work.count, DEPTH)),
            ("write_all", || bench.pipeline(KIB, work.count)),
        )?;
    }
    if is_wanted("bulk") {
        let work = Work {
            title: "bulk: 64 MiB a body",
            count: 2,
            size: 64 << 20,
            rounds: ROUNDS,
        };
        let bench = Bench::new()?;
        work.compare(
            ("writev", || bench.writev(work.size, work.count, 1)),
            ("write_all", || bench.submit_and_wait(work.size, work.count)),
        )?;
    }
    Ok(())
}

/// One connection for each side.
struct Bench {
    stream: TcpStream,
    conn: Conn,
}

impl Bench {
    fn new() -> io::Result<Self> {
        Ok(Self {
            stream: sink()?,
            conn: Conn::from(sink()?),
        })
    }

    fn writev(&self, size: usize, count: usize, batch: usize) -> io::Result<()> {
        let buffer = vec![b'x'; size];
        let mut stream = &self.stream;
        for _ in 0..count / batch {
            let mut slices = vec![IoSlice::new(&buffer); batch];
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                let written = stream.write_vectored(rest)?;
                IoSlice::advance_slices(&mut rest, written);
            }
        }
        Ok(())
    }

    fn submit_and_wait(&self, size: usize, count: usize) -> io::Result<()> {
        let buffer = Bytes::from(vec![b'x'; size]);
        let mut aio = Aio::new();
        for _ in 0..count {
            let result;
            (result, aio) = self.conn.write_all(aio.iov([buffer.clone()])).reclaim();
            result?;
        }
        Ok(())
    }

    fn pipeline(&self, size: usize, count: usize) -> io::Result<()> {
        let (done, finished) = std::sync::mpsc::channel();
        let pipeline = Arc::new(Pipeline {
            conn: self.conn.clone(),
            buffer: Bytes::from(vec![b'x'; size]),
            left: AtomicUsize::new(count - DEPTH),
            unfinished: AtomicUsize::new(count),
        });
        for _ in 0..DEPTH {
            submit(Arc::clone(&pipeline), Aio::new(), done.clone());
        }
        drop(done);
        finished
            .recv()
            .map_err(|_| io::Error::other("a write failed"))
    }
}

struct Pipeline {
    conn: Conn,
    buffer: Bytes,
    left: AtomicUsize,
    unfinished: AtomicUsize,
}

fn submit(pipeline: Arc<Pipeline>, aio: Aio<Written>, done: std::sync::mpsc::Sender<()>) {
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

/// A connected stream whose other end discards.
fn sink() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (peer, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let peer = socket2::Socket::from(peer);
    std::thread::spawn(move || {
        let mut scrap = [MaybeUninit::uninit(); 256 * KIB];
        while let Ok(1..) = peer.recv_with_flags(&mut scrap, libc::MSG_TRUNC) {}
    });
    Ok(stream)
}
