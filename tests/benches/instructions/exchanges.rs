//! Whole exchanges, from either side.

use std::io;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Client, Conn};

use crate::Piece;
use crate::heads::SMALL;
use crate::peers::Peers;
use crate::script::Script;

pub(crate) const PIECES: &[Piece] = &[
    Piece {
        name: "transact",
        run: transact,
    },
    Piece {
        name: "answer",
        run: answer,
    },
    Piece {
        name: "client",
        run: client,
    },
];

const HELLO: Bytes = Bytes::from_static(b"Hello, world!");

/// A small GET.
fn transact(times: usize) -> io::Result<()> {
    let answer = "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";
    let conn = Conn::from_transport(Script::answering(answer));
    let request = Request::get("http://example.com/small").body(());
    let request = request.map_err(io::Error::other)?;
    let mut aio = Aio::new();
    for _ in 0..times {
        let (response, idle) = conn.transact(aio, request.clone()).reclaim();
        assert_eq!(response?.body(), &HELLO);
        aio = idle;
    }
    Ok(())
}

/// A small request that is read, and then the response.
fn answer(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::repeating(SMALL, times));
    let (mut requests, mut responses) = (Aio::new(), Aio::new());
    for _ in 0..times {
        let (request, idle) = conn.read_request(requests).reclaim();
        request?;
        requests = idle;
        let response = Response::new(HELLO);
        let (written, idle) = conn.write_response(responses, response).reclaim();
        written?;
        responses = idle;
    }
    Ok(())
}

/// A small GET, over a socket: a client connects by itself.
fn client(times: usize) -> io::Result<()> {
    let peers = Peers::start()?;
    let uri = format!("http://{}/small", peers.address());
    let client = Client::new();
    let mut aio = Aio::new();
    for _ in 0..times {
        let (response, idle) = client.get(aio, &uri).reclaim();
        assert_eq!(response?.body(), &HELLO);
        aio = idle;
    }
    Ok(())
}
