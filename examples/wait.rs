//! Submit, do something else, wait.

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        io::copy(&mut stream, &mut io::sink())
    });

    // Buffers are owned or reference-counted: `body` can be used while it goes out.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n";
    let body = Bytes::from(vec![7; 32 << 20]);
    let aio = Aio::new()
        .iov([Bytes::from(head), body.clone()])
        .timeout(Duration::from_secs(10));

    let aio = conn.write_all(aio); // Returns at once.
    let sum: u64 = body.iter().map(|&byte| u64::from(byte)).sum();
    println!("meanwhile: the bytes of the body add up to {sum}");
    println!("so far: {} bytes written", aio.count());

    let written = aio.wait()?; // Everything, or an error that says how much.
    println!("done: {} bytes written", written.count());

    drop(conn); // The last handle: the peer sees the end.
    let received = peer.join().map_err(|_| "the peer panicked")??;
    println!("the peer received {received} bytes");
    Ok(())
}
