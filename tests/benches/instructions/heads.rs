//! Heads of messages, one operation each.

use std::io;

use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn};

use crate::Piece;
use crate::script::Script;

pub(crate) const PIECES: &[Piece] = &[
    Piece {
        name: "read-request",
        run: |times| read_requests(SMALL, times),
    },
    Piece {
        name: "read-request-browser",
        run: |times| read_requests(BROWSER, times),
    },
    Piece {
        name: "read-response",
        run: read_responses,
    },
    Piece {
        name: "write-request",
        run: write_requests,
    },
    Piece {
        name: "write-response",
        run: write_responses,
    },
];

pub(crate) const SMALL: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

pub(crate) const BROWSER: &str = "GET /articles/2024/overlapped?page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/articles/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: session=6f1c2a9be07d4c55; theme=dark\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\n\
    Server: nginx/1.26.0\r\n\
    Date: Tue, 15 Oct 2024 08:12:31 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 0\r\n\
    Last-Modified: Mon, 14 Oct 2024 17:02:11 GMT\r\n\
    ETag: \"670d4c53-1f4\"\r\n\
    Cache-Control: max-age=600\r\n\
    Accept-Ranges: bytes\r\n\r\n";

fn read_requests(head: &'static str, times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::repeating(head, times));
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.read_request(aio).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}

fn read_responses(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::repeating(RESPONSE, times));
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.read_response(aio).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}

/// What is counted has the copy of a head in it, because a head is given away.
fn write_requests(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::silent());
    let request = Request::get("http://example.com/articles/overlapped?page=2")
        .header("user-agent", "bench/1.0")
        .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("accept-encoding", "gzip")
        .header("if-none-match", "\"670d4c53-1f4\"");
    let request = request.body(()).map_err(io::Error::other)?;
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.write_request(aio, request.clone()).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}

fn write_responses(times: usize) -> io::Result<()> {
    let conn = Conn::from_transport(Script::silent());
    let response = Response::builder()
        .header("server", "bench/1.0")
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "max-age=600")
        .header("etag", "\"670d4c53-1f4\"");
    let response = response.body("").map_err(io::Error::other)?;
    let mut aio = Aio::new();
    for _ in 0..times {
        let (result, idle) = conn.write_response(aio, response.clone()).reclaim();
        result?;
        aio = idle;
    }
    Ok(())
}
