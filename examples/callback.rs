//! A chain of completions: each closure submits the aio that it is handed.

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Written};

const PIECE: Bytes = Bytes::from_static(&[42; 16 << 10]);

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        io::copy(&mut stream, &mut io::sink())
    });

    let (done, outcome) = mpsc::channel();
    let aio = Aio::new().timeout(Duration::from_secs(10)); // For each operation of the chain.
    write_pieces(conn, aio, 1000, 0, done);
    println!("this thread is free");

    let written = outcome.recv()??;
    println!("1000 pieces, {written} bytes written");
    let received = peer.join().map_err(|_| "the peer panicked")??;
    println!("the peer received {received} bytes");
    Ok(())
}

/// Writes `left` pieces, one after the other, then tells `done`. The chain owns the connection; its
/// end closes it.
fn write_pieces(
    conn: Conn,
    aio: Aio<Written>,
    left: u32,
    sum: u64,
    done: Sender<Result<u64, http_aio::Error>>,
) {
    if left == 0 {
        let _ = done.send(Ok(sum)); // Fails if nobody waits, and then nobody cares.
        return;
    }
    let aio = conn.write_all(aio.iov([PIECE]));
    // Runs on the connection's thread. `aio` comes back idle, with its slot and its timeout.
    aio.on_complete(move |result, aio| match result {
        Ok(written) => write_pieces(conn, aio, left - 1, sum + written.count(), done),
        Err(error) => drop(done.send(Err(error))),
    });
}
