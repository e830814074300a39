//! Bytes, and the chunks of bodies.

use std::io;

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::{Aio, Conn};

use crate::Piece;
use crate::script::Script;

pub(crate) const PIECES: &[Piece] = &[
    Piece {
        name: "read-100",
        run: read,
    },
    Piece {
        name: "write-1K",
        run: write,
    },
    Piece {
        name: "read-small-chunks",
        run: |times| read_chunks(16, times),
    },
    Piece {
        name: "read-large-chunks",
        run: |times| read_chunks(1024, times),
    },
    Piece {
        name: "write-chunk-1K",
        run: write_chunks,
    },
];

/// Bytes of a body that is read in chunks.
const BODY: usize = 4 << 10;
const KILOBYTE: Bytes = Bytes::from_static(&[b'x'; 1024]);

/// Of bytes that are there.
fn read(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::repeating([b'x'; 64 << 10], usize::MAX));
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.read_all(aio, 100).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}

fn write(times: usize) -> io::Result<()> {
    write_kilobytes(&Conn::from_transport(Script::silent()), times)
}

/// The content of a chunked body.
fn write_chunks(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::silent());
    let request = Request::post("http://example.com/").header("transfer-encoding", "chunked");
    let request = request.body(()).map_err(io::Error::other)?;
    conn.write_request(Aio::new(), request).wait()?;
    write_kilobytes(&conn, times)
}

fn write_kilobytes(conn: &Conn, times: usize) -> io::Result<()> {
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.write_all(aio.bytes(KILOBYTE)).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}

/// A response and all of its body, in chunks of one size.
fn read_chunks(size: usize, times: usize) -> io::Result<()> {
    let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..BODY / size {
        text.extend(format!("{size:x}\r\n{}\r\n", "x".repeat(size)).bytes());
    }
    text.extend(b"0\r\n\r\n");
    let conn = Conn::from_transport(Script::repeating(text, times));
    let (mut heads, mut bodies) = (Aio::new(), Aio::new());
    for _ in 0..times {
        let (head, idle) = conn.read_response(heads).reclaim();
        head?;
        heads = idle;
        let (body, idle) = conn.read_body(bodies).reclaim();
        assert_eq!(body?.len(), BODY);
        bodies = idle;
    }
    Ok(())
}
