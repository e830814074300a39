//! Cancels a write that is queued, which does no harm, then one that is in flight.

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
    let (go_on, told) = mpsc::channel();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let _ = told.recv(); // Until then it reads nothing.
        io::copy(&mut stream, &mut io::sink())
    });

    // More than the kernel buffers: the first is in flight, the second waits behind it.
    let body = Bytes::from(vec![0; 64 << 20]);
    let first = conn.write_all(Aio::new().iov([body.clone()]));
    let second = conn.write_all(Aio::new().iov([body]));
    while first.count() == 0 {
        thread::yield_now();
    }

    let canceler = second.canceler(); // Cloneable, and good on any thread at any time.
    thread::spawn(move || canceler.cancel());
    match second.wait() {
        Ok(_) => return Err("nobody reads: it cannot have succeeded".into()),
        Err(error) => println!("queued: {error}, {} bytes written", error.count()),
    }
    println!("the first is undisturbed: done? {}", first.is_done());

    let canceler = first.canceler();
    thread::spawn(move || canceler.cancel());
    let written = match first.wait() {
        Ok(written) => written.count(),
        Err(error) => {
            println!("in flight: {error}");
            error.count()
        }
    };

    // The write side has ended, so the peer finds the end of the stream.
    go_on.send(())?;
    let received = peer.join().map_err(|_| "the peer panicked")??;
    println!("written {written}, received {received} bytes: the count is exact");
    Ok(())
}
