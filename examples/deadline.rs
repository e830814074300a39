//! A peer that stops reading: what the error says, and what can still be read.

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::http::Request;
use http_aio::{Aio, Conn};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
    let (go_on, told) = mpsc::channel();
    let peer = thread::spawn(move || refuse(&listener, &told));

    let request = Request::put("http://localhost/large").body(vec![0; 64 << 20])?;
    let start = Instant::now();
    let aio = Aio::new().timeout(Duration::from_millis(300)); // In total, however many calls it takes.
    let Err(error) = conn.write_request(aio, request).wait() else {
        return Err("the peer read everything".into());
    };
    println!("after {} ms: {error}", start.elapsed().as_millis());
    println!("is it a timeout? {}", error.is_timeout());

    // The write side has ended, because the request is cut. The read side has not.
    let aio = Aio::new().timeout(Duration::from_secs(5));
    let response = conn.read_response(aio).wait()?;
    println!("the peer had answered {}", response.status());

    go_on.send(())?;
    let received = peer.join().map_err(|_| "the peer panicked")??;
    println!(
        "written {}, received {received} bytes: the count is exact",
        error.count()
    );
    Ok(())
}

/// Answers without having read, reads nothing until it is told to, then all there is.
fn refuse(listener: &TcpListener, told: &Receiver<()>) -> io::Result<u64> {
    let (mut stream, _) = listener.accept()?;
    stream.write_all(b"HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n")?;
    let _ = told.recv(); // Fails if main has failed, which is as good a reason to go on.
    io::copy(&mut stream, &mut io::sink())
}
