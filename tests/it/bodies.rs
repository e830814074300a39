//! Bodies: what is read is what was sent, whichever way it is framed and wherever it is cut, and a
//! message that is cut short or contradicts itself is never taken for a whole one. What is written is
//! what was declared, byte by byte.

use std::io::{self, Read};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, response,
};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Interim, Limits, Written};

use crate::support::*;

// ------------------------------------------------------------------------------- what can be read

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// With its head.
    None,
    Length,
    Chunked,
    /// With the stream.
    Stream,
}

/// A response as it should be, and what is to be made of it.
#[derive(Clone, Debug)]
struct Case {
    /// Of the request.
    method: &'static str,
    interim: Vec<u16>,
    status: u16,
    head: String,
    /// The body on the wire.
    raw: Vec<u8>,
    framing: Framing,
    body: Vec<u8>,
    trailers: Vec<(&'static str, &'static str)>,
    reusable: bool,
}

impl Case {
    fn new(head: &str, framing: Framing, raw: &[u8], body: &[u8]) -> Self {
        Self {
            method: "GET",
            interim: Vec::new(),
            status: 200,
            head: format!("{head}\r\n\r\n"),
            raw: raw.to_vec(),
            framing,
            body: body.to_vec(),
            trailers: Vec::new(),
            reusable: framing != Framing::Stream,
        }
    }

    /// `Content-Length` by itself.
    fn length(head: &str, body: &str) -> Self {
        let head = format!("{head}\r\nContent-Length: {}", body.len());
        Self::new(&head, Framing::Length, body.as_bytes(), body.as_bytes())
    }

    /// A 200 with this line among its headers, and these chunks.
    fn chunked(line: &str, raw: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\n{line}");
        Self::new(&head, Framing::Chunked, raw.as_bytes(), body.as_bytes())
    }

    fn bare(head: &str) -> Self {
        Self::new(head, Framing::None, b"", b"")
    }

    fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn interim(mut self, statuses: &[u16]) -> Self {
        self.interim = statuses.to_vec();
        self
    }

    fn trailers(mut self, trailers: &[(&'static str, &'static str)]) -> Self {
        self.trailers = trailers.to_vec();
        self
    }

    fn not_reusable(mut self) -> Self {
        self.reusable = false;
        self
    }

    /// All of it.
    fn wire(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.raw].concat()
    }

    /// Where all of the content is there, and known to be all.
    #[cfg(feature = "test-util")]
    fn content_end(&self) -> usize {
        let all = self.wire().len();
        match self.framing {
            Framing::Chunked => {
                let lines = 0..self.raw.len();
                let starts_line = |&at: &usize| at == 0 || self.raw[..at].ends_with(b"\r\n");
                let last = lines.filter(starts_line).rfind(|&at| self.raw[at] == b'0');
                let last = last.expect("a last chunk");
                let line = self.raw[last..].iter().position(|&b| b == b'\n').unwrap();
                self.head.len() + last + line + 1
            }
            _ => all,
        }
    }

    fn describe(&self) -> String {
        format!(
            "{} {:?}",
            self.method,
            String::from_utf8_lossy(&self.wire())
        )
    }

    fn request(&self) -> Request<Bytes> {
        let request = Request::builder().method(self.method);
        request.uri("http://h/").body(Bytes::new()).unwrap()
    }
}

/// Every way to frame a response that a client must understand: F1 to F15, and rows 1 to 19 and 43
/// to 45 of the checklist.
fn legal() -> Vec<Case> {
    use Framing::{None, Stream};
    const OK: &str = "HTTP/1.1 200 OK";
    const TE: &str = "Transfer-Encoding: chunked";
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    vec![
        // By length.
        Case::length(OK, "hello"),
        Case::length(OK, ""),
        Case::length("HTTP/1.1 404 Not Found", "nothing here").status(404),
        Case::length("HTTP/1.1 301 Moved\r\nLocation: /x", "moved").status(301), // F15
        Case::length("HTTP/1.1 200", "F10"),
        Case::length("HTTP/1.1 200 OK\r\nX: gr\u{fc}n", "F14"),
        Case::length("HTTP/1.1 200 OK\r\nConnection: Close", "last").not_reusable(),
        Case::length("HTTP/1.1 200 OK\r\nConnection: x, close", "last").not_reusable(),
        Case::length("HTTP/1.0 200 OK", "once").not_reusable(),
        Case::length("HTTP/1.0 200 OK\r\nConnection: Keep-Alive", "again"),
        // F1: by the end of the stream.
        Case::new(OK, Stream, b"to the end", b"to the end"),
        Case::new(OK, Stream, b"", b""),
        Case::new("HTTP/1.0 200 OK\r\nA: b", Stream, b"\r\n\r\n0", b"\r\n\r\n0"),
        Case::new(OK, Stream, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        // Chunks; F2: in any case.
        Case::chunked(TE, hello, "hello"),
        Case::chunked("transfer-encoding: Chunked", hello, "hello"),
        Case::chunked("TRANSFER-ENCODING:\t CHUNKED \t", hello, "hello"),
        Case::chunked(TE, "0\r\n\r\n", ""), // F3
        Case::chunked(TE, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        Case::chunked(TE, "A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        Case::chunked(TE, "0000000a\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n0\r\n"),
        Case::chunked(TE, "5;a=b;c=\"d;\te\";f\r\nhello\r\n0;g\r\n\r\n", "hello"),
        Case::chunked(TE, "5 ; a = b\r\nhello\r\n0\r\n\r\n", "hello"),
        Case::chunked(TE, "1\r\na\r\n0\r\nX-A: 1\r\nx-b:  two words \r\nX-A: 3\r\n\r\n", "a")
            .trailers(&[("x-a", "1"), ("x-a", "3"), ("x-b", "two words")]),
        // 18: what must not come in a trailer is not told.
        Case::chunked(
            TE,
            "1\r\na\r\n0\r\nContent-Length: 5\r\nX: y\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n",
            "a",
        )
        .trailers(&[("x", "y")]),
        Case::chunked("Transfer-Encoding: chunked\r\nConnection: close", hello, "hello")
            .not_reusable(),
        // F6, F7, 11: none, whatever the head declares.
        Case::bare("HTTP/1.1 200 OK\r\nContent-Length: 5").method("HEAD"),
        Case::bare("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").method("HEAD"),
        Case::bare("HTTP/1.1 200 OK").method("HEAD"),
        Case::bare("HTTP/1.1 204 No Content").status(204),
        Case::bare("HTTP/1.1 304 Not Modified").status(304),
        Case::bare("HTTP/1.1 304 Not Modified\r\nContent-Length: 5").status(304),
        Case::bare("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked").status(304),
        // F8, 43, 45: interim ones before it.
        Case::length(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK",
            "hello",
        )
        .interim(&[100, 103]),
        Case::chunked(TE, hello, "hello").after("HTTP/1.1 102 Processing\r\n\r\n", &[102]),
        Case::new(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9",
            None,
            b"",
            b"",
        )
        .method("HEAD")
        .interim(&[100]),
    ]
}

impl Case {
    fn after(mut self, before: &str, interim: &[u16]) -> Self {
        self.head.insert_str(0, before);
        self.interim(interim)
    }
}

/// The ways to read a body.
#[derive(Clone, Copy, Debug)]
enum How {
    /// `read`, at most so many bytes.
    Some(usize),
    /// `read_all`, of so many bytes each, and then of what there is.
    All(usize),
    Body,
    Std,
}

/// For reads that need not wait for anybody.
fn prompt<T>() -> Aio<T> {
    Aio::new().timeout(PATIENCE / 3)
}

const WAYS: [How; 6] = [
    How::Some(usize::MAX),
    How::Some(1),
    How::All(1),
    How::All(4),
    How::Body,
    How::Std,
];

/// What was had of a message.
#[derive(Debug, Default)]
struct Got {
    status: u16,
    interim: Vec<u16>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

/// Reads a response to its end. What was had before it failed comes too.
fn read_message(conn: &Conn, how: How) -> (Got, Result<(), Error>) {
    let mut got = Got::default();
    let result = read_parts(conn, how, &mut got);
    (got, result)
}

fn read_parts(conn: &Conn, how: How, got: &mut Got) -> Result<(), Error> {
    let head = settle(conn.read_response(prompt()))?;
    assert!(head.body().is_empty());
    (got.status, got.interim) = (head.status().as_u16(), interim(&head));
    read_body(conn, how, &mut got.body)?;
    got.trailers = listed(&settle(conn.read_trailers(prompt()))?);
    Ok(())
}

fn read_body(conn: &Conn, how: How, body: &mut Vec<u8>) -> Result<(), Error> {
    match how {
        How::Some(most) => loop {
            let part = settle(conn.read(prompt(), most))?;
            assert!(part.len() <= most);
            if part.is_empty() {
                return Ok(());
            }
            body.extend_from_slice(&part);
        },
        How::All(count) => loop {
            let there = match settle(conn.read_all(prompt(), count)) {
                Ok(part) => {
                    assert_eq!(part.len(), count);
                    body.extend_from_slice(&part);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::EndOfBody => error.count() as usize,
                Err(error) => return Err(error),
            };
            assert!(there < count);
            // They stay.
            let (kind, again) = failure(settle(conn.read_all(prompt(), count)));
            assert_eq!((kind, again), (ErrorKind::EndOfBody, there as u64));
            body.extend_from_slice(&settle(conn.read_all(prompt(), there))?);
            assert!(settle(conn.read(prompt(), 1))?.is_empty());
            return Ok(());
        },
        How::Body => {
            let mut reader = conn.body().timeout(PATIENCE / 3);
            let read = reader.read_to_end(body).map_err(Error::from);
            assert!(read.is_err() || matches!(reader.read(&mut [0; 8]), Ok(0)));
            read.map(drop)
        }
        How::Std => {
            let mut conn = conn;
            conn.read_to_end(body).map(drop).map_err(Error::from)
        }
    }
}

fn interim<B>(response: &Response<B>) -> Vec<u16> {
    let interim = response.extensions().get::<Interim>();
    interim.map_or_else(Vec::new, |interim| {
        let responses = interim.responses().iter();
        responses
            .map(|response| response.status().as_u16())
            .collect()
    })
}

/// Sorted by name; those of one name stay in order.
fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)));
    let mut listed: Vec<_> = headers.collect();
    listed.sort_by(|a, b| a.0.cmp(&b.0));
    listed
}

#[track_caller]
fn assert_whole(got: &Got, case: &Case, what: &str) {
    assert_eq!(got.status, case.status, "{what}");
    assert_eq!(got.interim, case.interim, "{what}");
    let (body, expected) = (
        String::from_utf8_lossy(&got.body),
        String::from_utf8_lossy(&case.body),
    );
    assert_eq!(body, expected, "{what}");
    let mut trailers: Vec<_> = case.trailers.clone();
    trailers.sort_by_key(|trailer| trailer.0);
    let trailers: Vec<_> = trailers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    assert_eq!(got.trailers, trailers, "{what}");
}

const NEXT: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nnext";

fn next() -> Case {
    Case::length("HTTP/1.1 202 Accepted", "next").status(202)
}

/// Waits until the whole request is out: no answer comes before that.
#[track_caller]
fn asked_for(peer: &mut Peer) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(peer.expect(1));
    }
}

#[track_caller]
fn assert_next(conn: &Conn, what: &str) {
    let (got, result) = read_message(conn, How::Some(100));
    if let Err(error) = result {
        panic!("{what}: the next message: {error:?}");
    }
    assert_whole(&got, &next(), what);
}

/// On sockets, in every way, and with the next response right behind it.
#[test]
fn every_legal_body_is_delivered() {
    for case in legal() {
        for (n, how) in WAYS.into_iter().enumerate() {
            let what = format!("{how:?}: {}", case.describe());
            let (conn, mut peer) = pair(FAMILIES[n % 2]);
            settle(conn.write_request(Aio::new(), case.request())).unwrap();
            peer.say(case.wire());
            if case.framing == Framing::Stream {
                peer.shutdown(Shutdown::Write);
            } else {
                settle(conn.write_request(Aio::new(), next().request())).unwrap();
                peer.say(NEXT);
            }
            let (got, result) = read_message(&conn, how);
            if let Err(error) = result {
                panic!("{what}: {error:?}");
            }
            assert_whole(&got, &case, &what);
            if case.framing == Framing::Stream {
                let again = settle(conn.read_response(Aio::new()));
                assert!(again.unwrap_err().is_closed(), "{what}");
                assert!(!conn.is_reusable(), "{what}");
            } else if case.reusable {
                assert_next(&conn, &what);
                assert!(conn.is_reusable(), "{what}");
            }
        }
    }
}

#[test]
fn a_connection_is_reusable_if_the_messages_allow_it() {
    for case in legal() {
        let what = case.describe();
        let (conn, mut peer) = pair(Family::Unix);
        assert!(conn.is_reusable(), "nothing was asked: {what}");
        let answered = conn.transact(prompt(), case.request());
        asked_for(&mut peer);
        peer.say(case.wire());
        if case.framing == Framing::Stream {
            peer.shutdown(Shutdown::Write);
        }
        let response = match settle(answered) {
            Ok(response) => response,
            Err(error) => panic!("{what}: {error:?}"),
        };
        assert_eq!(response.status(), case.status, "{what}");
        assert_eq!(interim(&response), case.interim, "{what}");
        assert_eq!(response.body(), &case.body, "{what}");
        assert_eq!(conn.is_reusable(), case.reusable, "{what}");
    }
}

#[test]
fn a_connection_that_owes_an_answer_is_not_reusable() {
    // To us.
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    assert!(!conn.is_reusable());
    peer.say(NEXT);
    assert_next(&conn, "owed");
    assert!(conn.is_reusable());
    // From us.
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    assert!(!conn.is_reusable());
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("answer")))).unwrap();
    assert!(conn.is_reusable());
}

/// As a server reads them: no request ends with the stream.
#[test]
fn every_legal_request_is_delivered() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""),
        (
            "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n",
            "hello",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "",
        ),
    ];
    for how in WAYS {
        for (said, body) in cases {
            let (conn, mut peer) = pair(Family::Unix);
            peer.say(said);
            peer.say("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
            settle(conn.read_request(Aio::new())).unwrap();
            let mut read = Vec::new();
            read_body(&conn, how, &mut read).unwrap();
            assert_eq!(String::from_utf8_lossy(&read), body, "{how:?}: {said:?}");
            let next = settle(conn.read_request(Aio::new())).unwrap();
            assert_eq!(next.uri().path(), "/next", "{how:?}: {said:?}");
        }
    }
}

#[test]
fn a_head_does_not_come_before_the_end_of_the_body() {
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let (conn, mut peer) = pair(Family::Tcp);
        for _ in 0..2 {
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
        }
        peer.say(format!("HTTP/1.1 200 OK\r\n{body}{NEXT}"));
        settle(conn.read_response(Aio::new())).unwrap();
        for taken in ["he", "llo"] {
            let error = settle(conn.read_response(Aio::new())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            let error = settle(conn.read_request(Aio::new())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            let read = settle(conn.read_all(Aio::new(), taken.len())).unwrap();
            assert_eq!(read, taken);
        }
        // All of it was read, if not its end.
        assert_next(&conn, body);
        assert!(conn.is_reusable());
    }
}

#[test]
fn trailers_come_after_the_content() {
    let (conn, mut peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    settle(conn.read_response(Aio::new())).unwrap();
    let error = settle(conn.read_trailers(Aio::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "hello");
    // They are on their way; a read of them that is given up takes nothing.
    peer.say("0\r\nA: b\r\n");
    let given_up = settle(conn.read_trailers(Aio::new().timeout(Duration::from_millis(20))));
    assert_eq!(failure(given_up).0, ErrorKind::TimedOut);
    peer.say("\r\n");
    let trailers = settle(conn.read_trailers(Aio::new())).unwrap();
    assert_eq!(trailers["a"], "b");
    assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
}

/// They cost framing, not copies of all that was before.
#[test]
fn a_body_of_tiny_chunks_takes_no_time_to_speak_of() {
    const LEN: usize = 1 << 20;
    let wire = {
        let chunks: String = (0..LEN).map(|n| format!("1\r\n{}\r\n", n % 10)).collect();
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    let wire = Bytes::from(wire);
    in_time(|| {
        for whole in [true, false] {
            let (conn, mut peer) = pair(Family::Unix);
            let said = wire.clone();
            let saying = thread::spawn(move || {
                asked_for(&mut peer);
                peer.say(said);
            });
            let start = Instant::now();
            let mut body = Vec::new();
            if whole {
                let answered = settle(conn.transact(Aio::new(), next().request()));
                body.extend_from_slice(answered.unwrap().body());
            } else {
                settle(conn.transact_streaming(Aio::new(), next().request())).unwrap();
                read_body(&conn, How::Some(usize::MAX), &mut body).unwrap();
            }
            let took = start.elapsed();
            join(saying);
            assert_eq!(body.len(), LEN);
            assert!(
                body.iter()
                    .zip(0..)
                    .all(|(&byte, n)| byte == b'0' + (n % 10) as u8)
            );
            at_most("the body", took, Duration::from_secs(5))?;
        }
        Ok(())
    });
}

/// The end of a raw stream is one for `std` too, and a message that is cut short is none.
#[test]
fn the_end_as_std_sees_it() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("raw");
    peer.shutdown(Shutdown::Write);
    let mut read = String::new();
    (&conn).read_to_string(&mut read).unwrap();
    assert_eq!(read, "raw");
    let (conn, mut peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    peer.shutdown(Shutdown::Write);
    settle(conn.read_response(Aio::new())).unwrap();
    let mut read = String::new();
    let error = (&conn).read_to_string(&mut read).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(Error::from(error).is_incomplete_message());
}

// ------------------------------------------------------------------------- what must not be taken

/// A 200 with these lines, and these bytes after it. The peer stays: a refusal must not wait for it.
fn illegal() -> Vec<(String, String, &'static [ErrorKind])> {
    const PROTOCOL: &[ErrorKind] = &[ErrorKind::Protocol];
    const TOO_LARGE: &[ErrorKind] = &[ErrorKind::TooLarge];
    const EITHER: &[ErrorKind] = &[ErrorKind::Protocol, ErrorKind::TooLarge];
    let mut cases = Vec::new();
    // 1, 2, F9: lengths.
    for value in [
        "+5", "-1", "0x5", "5x", "10abc", "5, 6", "", "5 5", ",5", "5;", "\u{665}",
    ] {
        cases.push((format!("Content-Length: {value}"), "hello".into(), PROTOCOL));
    }
    let two = "Content-Length: 5\r\nContent-Length: 6";
    cases.push((two.into(), "hello".into(), PROTOCOL));
    let two = "Content-Length: 6\r\nContent-Length: 5";
    cases.push((two.into(), "hello".into(), PROTOCOL));
    for value in ["18446744073709551616", "99999999999999999999"] {
        cases.push((format!("Content-Length: {value}"), "hello".into(), EITHER));
    }
    // 6: what is no header line.
    for line in [
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Content-Length : 5",
        "Transfer\tEncoding: chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \x0bchunked",
    ] {
        cases.push((line.into(), "5\r\nhello\r\n0\r\n\r\n".into(), PROTOCOL));
    }
    let chunked = "Transfer-Encoding: chunked";
    // 12, F4, F5, and 77, 78 of nng's: sizes that are none.
    for size in [
        "10000000000000000",
        "10000000000000005",
        "ffffffffffffffff0",
        "FFFFFFFFFFFFFFFFFFFFFFFF",
    ] {
        cases.push((chunked.into(), format!("{size}\r\nhello\r\n"), EITHER));
    }
    // 13 to 15, and 81 to 89 of nng's.
    for raw in [
        "-2\r\nhi\r\n",
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "\t5\r\nhello\r\n",
        "5,\r\nhello\r\n",
        "5 5\r\nhello\r\n",
        "g\r\nhello\r\n",
        "5g\r\nhello\r\n",
        ";a\r\n\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\rhello\r\n",
        "5;a\nhello\r\n",
        "5;a\rb\r\nhello\r\n",
        "5;a\0\r\nhello\r\n",
        "5;\x01\r\nhello\r\n",
        "5;\x7f\r\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rx",
        "5\r\nhello!\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n-0\r\n\r\n",
        "5\r\nhello\r\n0\n",
        "5\r\nhello\r\n0\r\rx",
        "5\r\nhello\r\n0\r\nA\x01: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\x01\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\rc\r\n\r\n",
        "5\r\nhello\r\n0\r\n\rx",
    ] {
        cases.push((chunked.into(), raw.into(), PROTOCOL));
    }
    // 16, 18, 20: what does not end.
    let endless = "x".repeat(5000);
    cases.push((chunked.into(), format!("5;{endless}"), TOO_LARGE));
    cases.push((chunked.into(), "0".repeat(5000), EITHER));
    let line = format!("A: {endless}\r\n");
    cases.push((
        chunked.into(),
        format!("1\r\na\r\n0\r\n{}", line.repeat(4)),
        TOO_LARGE,
    ));
    let lines = "A:\r\n".repeat(10_000);
    cases.push((chunked.into(), format!("1\r\na\r\n0\r\n{lines}"), TOO_LARGE));
    cases
}

#[test]
fn what_contradicts_itself_is_refused_promptly_and_for_good() {
    for (lines, raw, kinds) in illegal() {
        let shown: String = raw.chars().take(60).collect();
        let what = format!("{lines:?} {shown:?}");
        let said = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{raw}");
        for how in WAYS {
            let (conn, mut peer) = pair(Family::Unix);
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
            peer.say(&said);
            let (got, result) = read_message(&conn, how);
            let Err(error) = result else {
                panic!("{how:?}: {what}: taken for {got:?}");
            };
            assert!(kinds.contains(&error.kind()), "{how:?}: {what}: {error:?}");
            assert!(
                b"hello".starts_with(&got.body) || b"a".starts_with(&got.body[..]),
                "{what}"
            );
            assert!(!conn.is_reusable(), "{how:?}: {what}");
            // Nothing behind it is taken for a body, or for a message.
            peer.say(NEXT);
            let again = settle(conn.read_response(Aio::new()));
            assert!(again.is_err(), "{how:?}: {what}: then {again:?}");
        }
        let (conn, mut peer) = pair(Family::Tcp);
        let answered = conn.transact(prompt(), next().request());
        asked_for(&mut peer);
        peer.say(&said);
        let error = settle(answered).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        assert!(!conn.is_reusable(), "{what}");
        let error = settle(conn.transact(prompt(), next().request())).unwrap_err();
        assert_eq!(
            (error.kind(), error.count()),
            (ErrorKind::Closed, 0),
            "{what}"
        );
    }
}

/// 4, 5, 7: a client may understand these, one way, and must not go on afterwards; or refuse them.
#[test]
fn ambiguous_responses_do_not_desynchronise() {
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    let cases = [
        (
            "HTTP/1.1",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            hello,
            "hello",
        ),
        ("HTTP/1.0", "Transfer-Encoding: chunked", hello, "hello"),
        (
            "HTTP/1.0",
            "Connection: keep-alive\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: gzip, chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        // `chunked` is not the last: to the end of the stream.
        ("HTTP/1.1", "Transfer-Encoding: gzip", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: identity", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: xchunked", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: chunkedx", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: chunked, gzip", hello, hello),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            hello,
            hello,
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked, chunked",
            hello,
            hello,
        ),
        ("HTTP/1.1", "Transfer-Encoding: \"chunked\"", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding:", hello, hello),
    ];
    for (version, lines, raw, body) in cases {
        for how in WAYS {
            let what = format!("{how:?}: {version} {lines:?}");
            let (conn, mut peer) = pair(Family::Unix);
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
            peer.say(format!("{version} 200 OK\r\n{lines}\r\n\r\n{raw}"));
            peer.shutdown(Shutdown::Write);
            match read_message(&conn, how) {
                (got, Ok(())) => assert_eq!(String::from_utf8_lossy(&got.body), body, "{what}"),
                (_, Err(error)) => assert!(
                    matches!(error.kind(), ErrorKind::Protocol | ErrorKind::NotSupported),
                    "{what}: {error:?}"
                ),
            }
            assert!(
                !conn.is_reusable() || lines.starts_with("Transfer-Encoding: gzip"),
                "{what}"
            );
        }
    }
}

/// A server refuses them: what it takes for a body, a proxy before it may have taken for a request.
#[test]
fn ambiguous_requests_are_refused() {
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    let cases = [
        ("HTTP/1.1", "Transfer-Encoding: gzip"),
        ("HTTP/1.1", "Transfer-Encoding: identity"),
        ("HTTP/1.1", "Transfer-Encoding: xchunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, gzip"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, identity"),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        ("HTTP/1.1", "Transfer-Encoding: chunked, chunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked;a=b"),
        ("HTTP/1.1", "Transfer-Encoding:"),
        ("HTTP/1.1", "Content-Length: 5, 6"),
        ("HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6"),
        ("HTTP/1.1", "Content-Length: +5"),
        ("HTTP/1.1", "Content-Length: 5x"),
        ("HTTP/1.1", "Content-Length:"),
        ("HTTP/1.1", "Content-Length: -1"),
        ("HTTP/1.1", "Content-Length: 99999999999999999999"),
        ("HTTP/1.0", "Transfer-Encoding: chunked"),
        (
            "HTTP/1.1",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ),
    ];
    for (version, lines) in cases {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(format!(
            "POST / {version}\r\nHost: h\r\n{lines}\r\n\r\n{hello}"
        ));
        let error = match settle(conn.read_request(Aio::new())) {
            Err(error) => error,
            Ok(request) => panic!("{version} {lines:?}: taken for {request:?}"),
        };
        let kind = error.kind();
        let right = matches!(kind, ErrorKind::Protocol | ErrorKind::NotSupported)
            || (kind == ErrorKind::TooLarge && lines.contains("999"));
        assert!(right, "{version} {lines:?}: {error:?}");
        assert!(!conn.is_reusable(), "{version} {lines:?}");
    }
}

/// 3, F13: memory grows with what arrives, not with what is announced.
#[test]
fn an_announced_size_is_not_believed() {
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
    ];
    for head in heads {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!("{head}hello"));
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "hello");
        let read = conn.read_all(Aio::new(), usize::MAX / 2);
        peer.say("more");
        peer.shutdown(Shutdown::Write);
        let error = settle(read).unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");
        assert_eq!(error.count(), 4);
        assert_eq!(settle(conn.read(Aio::new(), 100)).unwrap(), "more");
        let error = settle(conn.read(Aio::new(), 100)).unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");

        // Whole, it is beyond the limit; of a length, that is known before it comes.
        if !head.contains("Length") {
            continue;
        }
        let (conn, mut peer) = pair(Family::Unix);
        let answered = conn.transact(prompt(), next().request());
        asked_for(&mut peer);
        peer.say(head);
        assert_eq!(failure(settle(answered)).0, ErrorKind::TooLarge, "{head:?}");
    }
}

#[test]
fn limits_hold_at_the_edge() {
    #[track_caller]
    fn check(limits: Limits, said: &str, ok: bool) {
        let (conn, mut peer) = pair(Family::Unix);
        let conn = conn.limits(limits);
        let answered = conn.transact(prompt(), next().request());
        asked_for(&mut peer);
        peer.say(said);
        if said.contains("\r\nend") {
            peer.shutdown(Shutdown::Write);
        }
        match settle(answered) {
            Ok(_) => assert!(ok, "{said:?} was taken"),
            Err(error) => {
                assert!(!ok, "{said:?}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{said:?}");
                assert!(!conn.is_reusable());
            }
        }
    }
    let default = Limits::default();
    let body = |limit| default.body_bytes(limit);
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    check(body(5), length, true);
    check(body(4), length, false);
    let stream = "HTTP/1.1 200 OK\r\n\r\nend of 11 b";
    check(body(11), stream, true);
    check(body(10), stream, false);
    // 80 of nng's: the second chunk is too much.
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n";
    check(body(3), chunks, true);
    check(body(2), chunks, false);
    check(body(1), chunks, false);
    check(
        body(0),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        true,
    );
    // Lines of chunks, trailers.
    let extended = |len| {
        let extension = "x".repeat(len);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{extension}\r\na\r\n0\r\n\r\n"
        )
    };
    check(default, &extended(4000), true);
    check(default, &extended(4200), false);
    check(default.chunk_line(100), &extended(90), true);
    check(default.chunk_line(100), &extended(110), false);
    let trailed = |len| {
        let value = "x".repeat(len);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: {value}\r\n\r\n"
        )
    };
    check(default, &trailed(16_000), true);
    check(default, &trailed(17_000), false);
    check(default.trailer_bytes(100), &trailed(80), true);
    check(default.trailer_bytes(100), &trailed(110), false);
    // 45: interim responses.
    let hinted = |count| format!("{}{length}", "HTTP/1.1 103 Hints\r\n\r\n".repeat(count));
    check(default, &hinted(32), true);
    check(default, &hinted(33), false);
    check(default.interim(1), &hinted(1), true);
    check(default.interim(1), &hinted(2), false);
    check(default.interim(0), &hinted(0), true);
    check(default.interim(0), &hinted(1), false);
}

/// 16: each line is within its limit, and still there is far more of them than of content.
#[test]
fn much_ado_about_little_content_is_refused() {
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    settle(conn.read_response(Aio::new())).unwrap();
    let saying = thread::spawn(move || {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(4000));
        let mut said = 0;
        // Ends when the other end has gone, or has taken 64 MiB for 16 KiB of content.
        while said < 64 << 20 && io::Write::write_all(&mut peer, chunk.as_bytes()).is_ok() {
            said += chunk.len();
        }
    });
    let mut taken = 0;
    let kind = loop {
        match settle(conn.read(Aio::new(), 1000)) {
            Ok(part) => taken += part.len(),
            Err(error) => break error.kind(),
        }
        assert!(taken < 16 << 10, "16 KiB of content out of 64 MiB");
    };
    assert!(
        matches!(kind, ErrorKind::TooLarge | ErrorKind::Protocol),
        "{kind:?}"
    );
    conn.close();
    join(saying);
}

// ---------------------------------------------------------------------------------- wherever cut

/// A peer whose words arrive in these pieces and no others, whatever the machine is busy with.
#[cfg(feature = "test-util")]
mod cut {
    use std::collections::VecDeque;
    use std::io::IoSlice;
    use std::sync::{Arc, Condvar, Mutex};

    use http_aio::Addr;
    use http_aio::transport::{Transport, Wait};

    use super::*;

    /// After the last piece: the end of the stream, or nothing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Then {
        End,
        Silence,
    }

    #[derive(Clone, Debug)]
    struct Script(Arc<Inner>);

    #[derive(Debug)]
    struct Inner {
        state: Mutex<State>,
        changed: Condvar,
        then: Then,
    }

    #[derive(Debug)]
    struct State {
        /// Something was written: before that nothing comes.
        asked: bool,
        pieces: VecDeque<Bytes>,
        woken: bool,
        shut: bool,
    }

    fn scripted(pieces: &[&[u8]], then: Then) -> Conn {
        let pieces = pieces.iter().filter(|piece| !piece.is_empty());
        let state = State {
            asked: false,
            pieces: pieces.map(|piece| Bytes::copy_from_slice(piece)).collect(),
            woken: false,
            shut: false,
        };
        Conn::from_transport(Script(Arc::new(Inner {
            state: Mutex::new(state),
            changed: Condvar::new(),
            then,
        })))
    }

    impl Transport for Script {
        fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
            let mut state = self.0.state.lock().unwrap();
            loop {
                if let (true, Some(piece)) = (state.asked, state.pieces.front_mut()) {
                    let count = piece.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&piece.split_to(count));
                    if piece.is_empty() {
                        state.pieces.pop_front();
                    }
                    return Ok(count);
                }
                if state.shut || (state.asked && self.0.then == Then::End) {
                    return Ok(0);
                }
                if std::mem::take(&mut state.woken) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                let time = match wait {
                    Wait::Never => return Err(io::ErrorKind::WouldBlock.into()),
                    Wait::For(time) => time,
                    Wait::Forever => PATIENCE,
                };
                let (back, timed_out) = self.0.changed.wait_timeout(state, time).unwrap();
                state = back;
                if timed_out.timed_out() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }

        fn write(&self, buffers: &[IoSlice<'_>], _: Wait) -> io::Result<usize> {
            self.0.state.lock().unwrap().asked = true;
            self.0.changed.notify_all();
            Ok(buffers.iter().map(|buffer| buffer.len()).sum())
        }

        fn wake_reader(&self) {
            self.0.state.lock().unwrap().woken = true;
            self.0.changed.notify_all();
        }

        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            if how != Shutdown::Write {
                self.0.state.lock().unwrap().shut = true;
                self.0.changed.notify_all();
            }
            Ok(())
        }

        fn peer_addr(&self) -> Addr {
            Addr::Unknown
        }

        fn local_addr(&self) -> Addr {
            Addr::Unknown
        }
    }

    /// As a server, that nobody has to ask.
    fn unasked(pieces: &[&[u8]], then: Then) -> Conn {
        let conn = scripted(pieces, then);
        settle(conn.write_all(Aio::new().iov(["anything"]))).unwrap();
        conn
    }

    /// As a client does.
    fn asked(conn: &Conn, case: &Case) {
        settle(conn.write_request(Aio::new(), case.request())).unwrap();
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
    }

    #[test]
    fn a_response_is_the_same_wherever_it_is_cut() {
        for (n, case) in legal().into_iter().enumerate() {
            let ends = case.framing == Framing::Stream;
            let then = if ends { Then::End } else { Then::Silence };
            let rest = if ends { &b""[..] } else { NEXT.as_bytes() };
            let wire = [&case.wire()[..], rest].concat();
            for cut in 0..=case.wire().len() {
                let how = WAYS[(n + cut) % WAYS.len()];
                let what = format!("{how:?}, cut at {cut}: {}", case.describe());
                let (first, second) = wire.split_at(cut);
                let conn = scripted(&[first, second], then);
                asked(&conn, &case);
                let (got, result) = read_message(&conn, how);
                if let Err(error) = result {
                    panic!("{what}: {error:?}");
                }
                assert_whole(&got, &case, &what);
                if case.reusable {
                    assert_next(&conn, &what);
                }
            }
            // And everywhere at once.
            for how in WAYS {
                let what = format!("{how:?}, byte by byte: {}", case.describe());
                let pieces: Vec<&[u8]> = wire.chunks(1).collect();
                let conn = scripted(&pieces, then);
                asked(&conn, &case);
                let (got, result) = read_message(&conn, how);
                if let Err(error) = result {
                    panic!("{what}: {error:?}");
                }
                assert_whole(&got, &case, &what);
                if case.reusable {
                    assert_next(&conn, &what);
                }
            }
        }
    }

    #[test]
    fn a_response_that_is_cut_short_is_never_a_whole_one() {
        for (n, case) in legal().into_iter().enumerate() {
            let wire = case.wire();
            for cut in 0..wire.len() {
                let how = WAYS[(n + cut) % WAYS.len()];
                let what = format!("{how:?}, closed after {cut}: {}", case.describe());
                let conn = scripted(&[&wire[..cut]], Then::End);
                asked(&conn, &case);
                let (got, result) = read_message(&conn, how);
                assert!(case.body.starts_with(&got.body), "{what}: {got:?}");
                if case.framing == Framing::Stream && cut >= case.head.len() {
                    result.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    assert_eq!(got.body, &wire[case.head.len()..cut], "{what}");
                    continue;
                }
                let Err(error) = result else {
                    panic!("{what}: taken for {got:?}");
                };
                assert!(error.is_closed(), "{what}: {error:?}");
                if cut > 0 && case.interim.is_empty() {
                    assert!(error.is_incomplete_message(), "{what}: {error:?}");
                }
                assert!(!conn.is_reusable(), "{what}");
                // All of the content is an end only where its end was seen.
                let mut rest = Vec::new();
                if cut >= case.head.len() && cut < case.content_end() {
                    let end = read_body(&conn, How::Some(10), &mut rest);
                    assert!(end.is_err(), "{what}: an end after {rest:?}");
                }
            }
        }
    }

    #[test]
    fn a_transaction_that_is_cut_short_fails() {
        for case in legal() {
            let wire = case.wire();
            for cut in 0..=wire.len() {
                let what = format!("closed after {cut}: {}", case.describe());
                let conn = scripted(&[&wire[..cut]], Then::End);
                let result = settle(conn.transact(prompt(), case.request()));
                let complete = match case.framing {
                    Framing::Stream => cut >= case.head.len(),
                    _ => cut == wire.len(),
                };
                match result {
                    Ok(response) => {
                        assert!(complete, "{what}: taken for {response:?}");
                        let body = match case.framing {
                            Framing::Stream => &wire[case.head.len()..cut],
                            _ => &case.body[..],
                        };
                        assert_eq!(response.body(), body, "{what}");
                    }
                    Err(error) => {
                        assert!(!complete, "{what}: {error:?}");
                        assert!(error.is_closed(), "{what}: {error:?}");
                    }
                }
            }
        }
    }

    /// As it is whole.
    #[test]
    fn what_contradicts_itself_is_refused_wherever_it_is_cut() {
        for (lines, raw, kinds) in illegal() {
            let said = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{raw}");
            if said.len() > 1000 {
                continue;
            }
            for cut in 0..said.len() {
                let what = format!("cut at {cut}: {lines:?} {raw:?}");
                let (first, second) = said.as_bytes().split_at(cut);
                let conn = scripted(&[first, second], Then::Silence);
                settle(conn.write_request(Aio::new(), next().request())).unwrap();
                let (got, result) = read_message(&conn, WAYS[cut % WAYS.len()]);
                match result {
                    Ok(()) => panic!("{what}: taken for {got:?}"),
                    Err(error) => assert!(kinds.contains(&error.kind()), "{what}: {error:?}"),
                }
                assert!(b"hello".starts_with(&got.body), "{what}: {got:?}");
            }
        }
    }

    /// And with the end of the stream wherever it is, nothing becomes legal.
    #[test]
    fn what_contradicts_itself_is_refused_wherever_it_ends() {
        for (lines, raw, _) in illegal() {
            let said = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{raw}");
            if said.len() > 1000 {
                continue;
            }
            for cut in 0..=said.len() {
                let conn = scripted(&[&said.as_bytes()[..cut]], Then::End);
                let result = settle(conn.transact(prompt(), next().request()));
                assert!(
                    result.is_err(),
                    "closed after {cut}: {lines:?} {raw:?}: {result:?}"
                );
            }
        }
    }

    /// Requests, as a server reads them.
    #[test]
    fn a_request_is_the_same_wherever_it_is_cut() {
        let said = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n\
                    PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ndefGET /c HTTP/1.1\r\nHost: h\r\n\r\n";
        for cut in 0..=said.len() {
            let (first, second) = said.as_bytes().split_at(cut);
            for then in [Then::End, Then::Silence] {
                let conn = unasked(&[first, second], then);
                for (path, body) in [("/a", "abc"), ("/b", "def"), ("/c", "")] {
                    let request = settle(conn.read_request(Aio::new())).unwrap();
                    assert_eq!(request.uri().path(), path, "cut at {cut}");
                    let mut read = Vec::new();
                    read_body(&conn, WAYS[cut % WAYS.len()], &mut read).unwrap();
                    assert_eq!(String::from_utf8_lossy(&read), body, "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_request_that_is_cut_short_is_never_a_whole_one() {
        let requests = [
            "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
            "PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        ];
        for said in requests {
            let head = said.find("\r\n\r\n").unwrap() + 4;
            for cut in 0..said.len() {
                let how = WAYS[cut % WAYS.len()];
                let conn = unasked(&[&said.as_bytes()[..cut]], Then::End);
                let request = settle(conn.read_request(Aio::new()));
                assert_eq!(
                    request.is_ok(),
                    cut >= head,
                    "closed after {cut}: {request:?}"
                );
                if request.is_ok() {
                    let mut body = Vec::new();
                    let end = read_body(&conn, how, &mut body)
                        .and_then(|()| settle(conn.read_trailers(Aio::new())).map(drop));
                    assert!(b"abc".starts_with(&body[..]), "{body:?}");
                    let error = end.unwrap_err();
                    assert!(
                        error.is_incomplete_message(),
                        "closed after {cut}: {error:?}"
                    );
                }
            }
        }
    }
}

// ------------------------------------------------------------------------------- reads, given up

#[test]
fn a_body_is_whole_however_often_its_reading_was_given_up() {
    let whole = pattern(0, 200_000);
    for chunked in [false, true] {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let framing = if chunked {
            "Transfer-Encoding: chunked"
        } else {
            "Content-Length: 200000"
        };
        peer.say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        settle(conn.read_response(Aio::new())).unwrap();
        let mut had = 0;
        for part in whole.chunks(10_007) {
            let reading = conn.read_all(Aio::new(), whole.len());
            if chunked {
                peer.say(format!("{:x}\r\n", part.len()));
            }
            peer.say(part);
            had += part.len();
            if had == whole.len() {
                assert_pattern(0, &settle(reading).unwrap());
                break;
            }
            wait_until("the part has arrived", || reading.count() >= had as u64);
            reading.cancel();
            let (kind, count) = failure(settle(reading));
            assert_eq!((kind, count), (ErrorKind::Canceled, had as u64));
            if chunked {
                peer.say("\r\n");
            }
        }
        if chunked {
            peer.say("\r\n0\r\n\r\n");
        }
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
        assert!(conn.is_reusable());
    }
}

/// The deadline of a body reader is one for all its reads, which a slow peer cannot stretch.
#[test]
fn a_body_reader_has_one_deadline() {
    let (conn, peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    let dripping = thread::spawn(move || {
        let mut peer = peer;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while io::Write::write_all(&mut peer, b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    settle(conn.read_response(Aio::new())).unwrap();
    let timeout = Duration::from_millis(100);
    let start = Instant::now();
    let mut body = Vec::new();
    let error = conn
        .body()
        .timeout(timeout)
        .read_to_end(&mut body)
        .unwrap_err();
    let took = start.elapsed();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(Error::from(error).kind(), ErrorKind::TimedOut);
    assert!(took >= timeout && took < PATIENCE, "{took:?}");
    assert!(!body.is_empty());
    // A deadline that has passed reads nothing; the connection is none the worse.
    let past = Instant::now();
    let error = conn.body().deadline(past).read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "x");
    conn.close();
    join(dripping);
}

#[test]
fn a_connection_is_taken_apart_after_a_body() {
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ];
    for body in bodies {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!("HTTP/1.1 200 OK\r\n{body}{NEXT}"));
        peer.shutdown(Shutdown::Write);
        let (got, result) = read_message(&conn, How::Some(3));
        result.unwrap();
        assert_eq!(got.body, b"hello");
        let parts = conn.into_parts().expect("nothing is in flight");
        let mut stream = parts.stream.into_unix().expect("it was one");
        let mut rest = parts.unread.to_vec();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), NEXT, "{body:?}");
    }
}

/// What has arrived comes back as it arrived; what is decoded cannot, so there it does not come apart.
#[test]
fn a_connection_is_taken_apart_in_the_middle_of_a_body() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world{NEXT}"
        ));
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 6)).unwrap(), "hello ");
        let parts = conn.into_parts().expect("nothing is in flight");
        assert!(format!("world{NEXT}").as_bytes().starts_with(&parts.unread));

        let (conn, mut peer) = pair(family);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "he");
        let conn = conn.into_parts().expect_err("in the middle of a chunk");
        peer.say("0\r\n\r\n");
        assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "llo");
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
        assert!(conn.into_parts().is_ok());
    }
}

// ------------------------------------------------------------------------------------ raw streams

/// Before the first head, and after the connection has become something else.
#[test]
fn a_raw_connection_frames_nothing() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let written = settle(conn.write_all(Aio::new().iov(["any", "", " bytes"]))).unwrap();
        assert_eq!(written.count(), 9);
        assert_eq!(peer.expect(9), b"any bytes");
        peer.say("5\r\nhello\r\n0\r\n\r\n");
        let read = settle(conn.read_all(Aio::new(), 15)).unwrap();
        assert_eq!(read, "5\r\nhello\r\n0\r\n\r\n");
        peer.say("tail");
        peer.shutdown(Shutdown::Write);
        let error = settle(conn.read_all(Aio::new(), 5)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
        assert_eq!(error.count(), 4);
        assert_eq!(settle(conn.read(Aio::new(), 10)).unwrap(), "tail");
        let error = settle(conn.read(Aio::new(), 10)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
        assert!(!error.is_incomplete_message(), "{error:?}");
    }
}

#[test]
fn a_connection_that_was_upgraded_is_raw_at_both_ends() {
    let upgrade = || {
        let request = Request::get("http://h/").header("Upgrade", "x");
        let request = request.header("Connection", "upgrade").body(Bytes::new());
        let response = Response::builder().status(101).header("Upgrade", "x");
        (
            request.unwrap(),
            response
                .header("Connection", "upgrade")
                .body(Bytes::new())
                .unwrap(),
        )
    };
    let connect = || {
        let request = Request::connect("example.com:443")
            .body(Bytes::new())
            .unwrap();
        // A length here means nothing (RFC 9110 section 9.3.6).
        (request, Response::new(Bytes::new()))
    };
    for exchange in [
        upgrade as fn() -> (Request<Bytes>, Response<Bytes>),
        connect,
    ] {
        let (near, far) = unix_pair();
        let (client, server) = (Conn::from(near), Conn::from(far));
        let (request, response) = exchange();
        let status = response.status();
        settle(client.write_request(Aio::new(), request)).unwrap();
        settle(server.read_request(Aio::new())).unwrap();
        // Together with the head, so that it arrives together.
        let head = server.write_response(Aio::new(), response);
        let first = server.write_all(Aio::new().iov(["first"]));
        settle(head).unwrap();
        assert_eq!(settle(first).unwrap().count(), 5);
        assert_eq!(
            settle(client.read_response(Aio::new())).unwrap().status(),
            status
        );
        assert_eq!(settle(client.read_all(Aio::new(), 5)).unwrap(), "first");
        for (from, to) in [(&client, &server), (&server, &client)] {
            let text = "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
            settle(from.write_all(Aio::new().iov([text]))).unwrap();
            assert_eq!(settle(to.read_all(Aio::new(), text.len())).unwrap(), text);
        }
        assert!(!client.is_reusable() && !server.is_reusable());
        drop(client);
        let error = settle(server.read(Aio::new(), 1)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
    }
}

/// A CONNECT that is refused is an exchange like any other.
#[test]
fn a_connection_that_was_not_upgraded_goes_on() {
    let (conn, mut peer) = pair(Family::Tcp);
    let request = Request::connect("example.com:443")
        .body(Bytes::new())
        .unwrap();
    let answered = conn.transact(prompt(), request);
    asked_for(&mut peer);
    peer.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let response = settle(answered).unwrap();
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::FORBIDDEN, &b"no"[..])
    );
    assert!(conn.is_reusable());
}

// ---------------------------------------------------------------------------------------- writing

/// A PUT with these headers and no attached body.
fn put(name: &str, value: &str) -> Request<Bytes> {
    let request = Request::put("/").header(name, value);
    request.body(Bytes::new()).unwrap()
}

fn text(conn: &Conn, text: &'static str) -> Aio<Written, InFlight> {
    conn.write_all(Aio::new().iov([text]))
}

fn trailers(listed: &[(&str, &str)]) -> HeaderMap {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
    let value = |value: &str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
    listed.iter().map(|(n, v)| (name(n), value(v))).collect()
}

/// The result of an operation that is refused: nothing was sent.
#[track_caller]
fn refused(aio: Aio<Written, InFlight>) -> Error {
    let error = settle(aio).unwrap_err();
    assert_eq!(
        (error.kind(), error.count()),
        (ErrorKind::InvalidInput, 0),
        "{error:?}"
    );
    error
}

#[track_caller]
fn assert_wire(conn: Conn, mut peer: Peer, expected: &str) {
    drop(conn);
    assert_eq!(String::from_utf8_lossy(&peer.drain().bytes), expected);
}

const LENGTH_11: &str = "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 11\r\n\r\n";
const CHUNKED: &str = "PUT / HTTP/1.1\r\nhost: \r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn more_than_was_declared_is_refused_whole() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        settle(conn.write_request(Aio::new(), put("Content-Length", "11"))).unwrap();
        refused(text(&conn, "hello world!"));
        assert_eq!(settle(text(&conn, "hello")).unwrap().count(), 5);
        // Seven where six are left: both numbers, or the difference, help to find the mistake.
        let told = refused(text(&conn, " world!")).to_string();
        assert!(told.contains(|c: char| c.is_ascii_digit()), "{told}");
        refused(conn.write(Aio::new().iov([" world!"])));
        settle(conn.write_all(Aio::new().iov([" ", "", "world"]))).unwrap();
        refused(text(&conn, "!"));
        assert_eq!(settle(text(&conn, "")).unwrap().count(), 0);
        // As good as before.
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let expected = format!("{LENGTH_11}hello worldGET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_wire(conn, peer, &expected);
    }
}

/// Without a declaration there is no body, and what follows would be the next request.
#[test]
fn a_body_that_was_not_declared_is_refused() {
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    refused(text(&conn, "GET /smuggled HTTP/1.1\r\n\r\n"));
    let attached = Request::put("/").body(Bytes::from("attached")).unwrap();
    settle(conn.write_request(Aio::new(), attached)).unwrap();
    refused(text(&conn, "more"));
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    let get = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    let expected =
        format!("{get}PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 8\r\n\r\nattached{get}");
    assert_wire(conn, peer, &expected);
}

#[test]
fn a_head_does_not_go_out_before_the_body_is_complete() {
    let cases = [
        (
            put("Content-Length", "11"),
            LENGTH_11,
            "hello",
            " world",
            "hello world",
        ),
        (
            put("Transfer-Encoding", "chunked"),
            CHUNKED,
            "hello",
            "",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ];
    for (request, head, first, second, body) in cases {
        let (conn, peer) = pair(Family::Tcp);
        settle(conn.write_request(Aio::new(), request)).unwrap();
        refused(conn.write_request(Aio::new(), next().request()));
        settle(text(&conn, first)).unwrap();
        refused(conn.write_request(Aio::new(), next().request()));
        refused(conn.write_response(Aio::new(), Response::new(Bytes::new())));
        if second.is_empty() {
            assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
        } else {
            refused(conn.finish(Aio::new()));
            settle(text(&conn, second)).unwrap();
            assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
        }
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let expected = format!("{head}{body}GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_wire(conn, peer, &expected);
    }
}

#[test]
fn chunks_on_the_wire() {
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    assert_eq!(peer.expect(CHUNKED.len()), CHUNKED.as_bytes());
    for (pieces, expected) in [
        (&["hello"][..], "5\r\nhello\r\n"),
        (&["", "hello", "", " ", "world"], "b\r\nhello world\r\n"),
        (&["0123456789abcdef"], "10\r\n0123456789abcdef\r\n"),
        (&["0\r\n\r\n"], "5\r\n0\r\n\r\n\r\n"),
        // Would end the body.
        (&[""], ""),
        (&["", ""], ""),
        (&[], ""),
        (&["!"], "1\r\n!\r\n"),
    ] {
        let aio = Aio::new().iov(pieces.iter().copied());
        let written = settle(conn.write_all(aio)).unwrap();
        assert_eq!(written.count(), pieces.concat().len() as u64);
        assert_eq!(peer.expect(expected.len()), expected.as_bytes());
        assert!(!peer.has_input());
    }
    let sender = conn.clone();
    let writing = thread::spawn(move || settle(write_pattern(&sender, Aio::new(), 7, 1 << 20)));
    assert_eq!(peer.expect(8), b"100000\r\n");
    assert_pattern(7, &peer.expect(1 << 20));
    assert_eq!(peer.expect(2), b"\r\n");
    assert_eq!(join(writing).unwrap().count(), 1 << 20);
    assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
    assert_eq!(peer.expect(5), b"0\r\n\r\n");
    // It has ended.
    refused(text(&conn, "more"));
    assert_wire(conn, peer, "");
}

/// As many slices as a system call takes, and more.
#[test]
fn a_chunk_of_many_pieces_is_one_chunk() {
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    let pieces = (0..3000).map(|n| pattern(n, 1));
    assert_eq!(
        settle(conn.write_all(Aio::new().iov(pieces)))
            .unwrap()
            .count(),
        3000
    );
    settle(conn.finish(Aio::new())).unwrap();
    drop(conn);
    let mut peer = peer;
    let wire = peer.drain().bytes;
    let (payload, whole) = decoded(&wire[CHUNKED.len()..]);
    assert!(whole);
    assert!(wire[CHUNKED.len()..].starts_with(b"bb8\r\n"));
    assert_pattern(0, &payload);
    assert_eq!(payload.len(), 3000);
}

#[test]
fn some_of_a_vector_can_be_written_of_a_body_too() {
    // By length.
    let (conn, mut peer) = pair(Family::Unix);
    let len = MORE_THAN_FITS.to_string();
    settle(conn.write_request(Aio::new(), put("Content-Length", &len))).unwrap();
    let some = conn.write(Aio::new().iov([pattern(0, MORE_THAN_FITS)]));
    let count = settle(some).unwrap().count();
    assert!(count > 0 && count < MORE_THAN_FITS as u64, "{count}");
    // What was not taken is still owed.
    let left = MORE_THAN_FITS - count as usize;
    refused(write_pattern(&conn, Aio::new(), count, left + 1));
    let rest = write_pattern(&conn, Aio::new(), count, left);
    let head = format!("PUT / HTTP/1.1\r\nhost: \r\ncontent-length: {len}\r\n\r\n");
    assert_eq!(peer.expect(head.len()), head.as_bytes());
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    settle(rest).unwrap();
    // In chunks: what was taken is a chunk, or becomes one.
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    let draining = thread::spawn(move || peer.drain());
    let mut counted = 0;
    while counted < MORE_THAN_FITS as u64 {
        let left = MORE_THAN_FITS - counted as usize;
        let some = conn.write(Aio::new().iov([pattern(counted, left)]));
        let count = settle(some).unwrap().count();
        assert!(count > 0);
        counted += count;
    }
    settle(conn.finish(Aio::new())).unwrap();
    drop(conn);
    let wire = join(draining).bytes;
    let (payload, whole) = decoded(&wire[CHUNKED.len()..]);
    assert!(whole);
    assert_eq!(payload.len() as u64, counted);
    assert_pattern(0, &payload);
}

/// The payload of what has come of a chunked body, and whether it was whole.
#[track_caller]
fn decoded(mut wire: &[u8]) -> (Vec<u8>, bool) {
    let mut payload = Vec::new();
    loop {
        let Some(end) = wire.windows(2).position(|end| end == b"\r\n") else {
            return (payload, false);
        };
        let size = std::str::from_utf8(&wire[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        wire = &wire[end + 2..];
        if size == 0 {
            return (payload, wire == b"\r\n");
        }
        let part = size.min(wire.len());
        payload.extend_from_slice(&wire[..part]);
        wire = &wire[part..];
        if wire.len() < 2 {
            assert!(b"\r\n".starts_with(wire));
            return (payload, false);
        }
        assert_eq!(&wire[..2], b"\r\n");
        wire = &wire[2..];
    }
}

/// The sum of the counts is what the peer can decode, to the byte.
#[test]
fn counts_of_chunks_are_those_of_the_payload() {
    for family in FAMILIES {
        for cancel in [false, true] {
            let (conn, mut peer) = pair(family);
            settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
            let mut sum = 0;
            for size in [1, 15, 16, 4096, 10_000] {
                sum += settle(write_pattern(&conn, Aio::new(), sum, size))
                    .unwrap()
                    .count();
            }
            let aio = match cancel {
                true => Aio::new(),
                false => Aio::new().timeout(Duration::from_millis(100)),
            };
            let jammed = write_pattern(&conn, aio, sum, MORE_THAN_FITS);
            wait_until("the first bytes go out", || jammed.count() > 0);
            let queued = write_pattern(&conn, Aio::new(), sum, 100);
            if cancel {
                let _ = peer.expect(0);
                jammed.cancel();
            }
            let (kind, count) = failure(settle(jammed));
            let expected = if cancel {
                ErrorKind::Canceled
            } else {
                ErrorKind::TimedOut
            };
            assert_eq!(kind, expected);
            sum += count;
            assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
            let (kind, count) = failure(settle(conn.finish(Aio::new())));
            assert_eq!((kind, count), (ErrorKind::Closed, 0));
            assert!(!conn.is_reusable());
            let wire = peer.drain().bytes;
            let (payload, whole) = decoded(&wire[CHUNKED.len()..]);
            assert!(!whole);
            assert_eq!(payload.len() as u64, sum, "{family:?}");
            assert_pattern(0, &payload);
        }
    }
}

/// Where the size line itself does not fit, or the end of the line after the content: the count is
/// that of the content all the same.
#[cfg(feature = "test-util")]
#[test]
fn counts_of_chunks_are_exact_at_every_byte() {
    use http_aio::testing::memory::Faults;

    let payload = pattern(0, 20);
    let wire = CHUNKED.len() + "14\r\n".len() + 20 + "\r\n".len();
    for capacity in CHUNKED.len()..=wire {
        let (conn, peer) = memory_pair(capacity, Faults::none());
        settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
        let writing = conn.write_all(Aio::new().iov([payload.slice(..7), payload.slice(7..)]));
        let full = capacity - CHUNKED.len();
        let expected = full.saturating_sub(4).min(20) as u64;
        wait_until("all that fits has gone", || {
            writing.is_done() || writing.count() == expected
        });
        if expected == 0 {
            // No count tells how much of the size line has gone.
            thread::sleep(Duration::from_millis(2));
        }
        writing.cancel();
        let result = settle(writing);
        if capacity == wire {
            assert_eq!(result.unwrap().count(), 20);
        } else {
            let (kind, count) = failure(result);
            assert_eq!(
                (kind, count),
                (ErrorKind::Canceled, expected),
                "room for {full}"
            );
        }
        drop(conn);
        let drained = drain_memory(peer);
        assert_eq!(
            decoded(&drained[CHUNKED.len()..]).0.len() as u64,
            expected,
            "room for {full}"
        );
    }
}

#[test]
fn trailers_on_the_wire() {
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    settle(text(&conn, "a")).unwrap();
    // 18: these would frame, route or authorise a message whose head has gone (RFC 9110 6.5.1).
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Trailer",
        "Connection",
        "Content-Encoding",
        "Content-Type",
        "Content-Range",
        "Authorization",
        "Set-Cookie",
        "Expect",
        "Cache-Control",
        "TE",
    ] {
        let forbidden = trailers(&[("x-sum", "1"), (name, "5")]);
        let error = settle(conn.finish_with_trailers(Aio::new(), forbidden));
        let (kind, count) = match error {
            Ok(_) => panic!("{name} went out as a trailer"),
            Err(error) => (error.kind(), error.count()),
        };
        assert_eq!((kind, count), (ErrorKind::InvalidInput, 0), "{name}");
    }
    let two = trailers(&[("x-sum", "1"), ("x-more", "a b")]);
    assert_eq!(
        settle(conn.finish_with_trailers(Aio::new(), two))
            .unwrap()
            .count(),
        0
    );
    // Ended, and there is nothing left to do.
    assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
    let expected = format!("{CHUNKED}1\r\na\r\n0\r\nx-sum: 1\r\nx-more: a b\r\n\r\n");
    assert_wire(conn, peer, &expected);
    // None is as good as `finish`; where there are no chunks there is no place for any.
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    settle(conn.finish_with_trailers(Aio::new(), HeaderMap::new())).unwrap();
    settle(conn.write_request(Aio::new(), put("Content-Length", "1"))).unwrap();
    settle(text(&conn, "x")).unwrap();
    let nowhere = conn.finish_with_trailers(Aio::new(), trailers(&[("a", "b")]));
    assert_eq!(failure(settle(nowhere)), (ErrorKind::InvalidInput, 0));
    assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
    let expected =
        format!("{CHUNKED}0\r\n\r\nPUT / HTTP/1.1\r\nhost: \r\ncontent-length: 1\r\n\r\nx");
    assert_wire(conn, peer, &expected);
}

/// 11, 124 of nng's.
#[test]
fn a_response_to_a_head_request_has_no_body_on_the_wire() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\nHEAD /c HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n");
    // Attached.
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::new(Bytes::from("hello"));
    let written = settle(conn.write_response(Aio::new(), response)).unwrap();
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(written.count(), first.len() as u64);
    // Declared.
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::builder().header("Content-Length", "7");
    settle(conn.write_response(Aio::new(), response.body(Bytes::new()).unwrap())).unwrap();
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::builder()
        .status(404)
        .header("Transfer-Encoding", "chunked");
    settle(conn.write_response(Aio::new(), response.body(Bytes::new()).unwrap())).unwrap();
    // And it goes on.
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("body")))).unwrap();
    assert!(conn.is_reusable());
    let expected = format!(
        "{first}HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\
         HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"
    );
    assert_wire(conn, peer, &expected);
}

#[test]
fn a_response_says_where_its_body_ends() {
    let ask = |peer: &mut Peer| peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let empty = |response: response::Builder| response.body(Bytes::new()).unwrap();
    // Nothing declared: nothing follows.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), empty(Response::builder()))).unwrap();
    refused(text(&conn, "body"));
    assert!(conn.is_reusable());
    assert_wire(conn, peer, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    // Statuses that have none.
    for (status, expected) in [
        (204, "HTTP/1.1 204 No Content\r\n\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        ask(&mut peer);
        settle(conn.read_request(Aio::new())).unwrap();
        settle(conn.write_response(Aio::new(), empty(Response::builder().status(status)))).unwrap();
        refused(text(&conn, "body"));
        assert_wire(conn, peer, expected);
    }
    // Announced to end with the connection.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().header("Connection", "close"));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "to the ")).unwrap();
    settle(text(&conn, "end")).unwrap();
    settle(conn.finish(Aio::new())).unwrap();
    assert!(!conn.is_reusable());
    let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end";
    // While the connection is still ours.
    assert_eq!(String::from_utf8_lossy(&peer.drain().bytes), expected);
    assert!(settle(text(&conn, "more")).is_err());
    assert_wire(conn, peer, "");
    // Of a version that keeps no connection by itself.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().version(Version::HTTP_10));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "old")).unwrap();
    assert_wire(conn, peer, "HTTP/1.0 200 OK\r\n\r\nold");
    // In pieces.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().header("Transfer-Encoding", "chunked"));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "piece")).unwrap();
    assert!(!conn.is_reusable());
    settle(conn.finish(Aio::new())).unwrap();
    assert!(conn.is_reusable());
    let expected = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\npiece\r\n0\r\n\r\n";
    assert_wire(conn, peer, expected);
}

/// An interim response is no answer: the final one follows.
#[test]
fn interim_responses_are_written_before_the_final_one() {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    for status in [103, 100] {
        let response = Response::builder().status(status).body(Bytes::new());
        settle(conn.write_response(Aio::new(), response.unwrap())).unwrap();
    }
    peer.say("ok");
    assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ok");
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("done")))).unwrap();
    assert!(conn.is_reusable());
    let expected = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
    assert_wire(conn, peer, expected);
}

/// What a version does not have is not written with it (RFC 9112 section 6.1).
#[test]
fn http_1_0_has_no_chunks_and_keeps_no_connection_by_itself() {
    let (conn, peer) = pair(Family::Unix);
    let mut chunked = put("Transfer-Encoding", "chunked");
    *chunked.version_mut() = Version::HTTP_10;
    refused(conn.write_request(Aio::new(), chunked));
    let chunked = Response::builder().version(Version::HTTP_10);
    let chunked = chunked
        .header("Transfer-Encoding", "chunked")
        .body(Bytes::new());
    refused(conn.write_response(Aio::new(), chunked.unwrap()));
    assert_wire(conn, peer, "");
    for (head, reusable) in [
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\n\r\n", true),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(head);
        settle(conn.read_request(Aio::new())).unwrap();
        let response = Response::new(Bytes::from("body"));
        settle(conn.write_response(Aio::new(), response)).unwrap();
        assert_eq!(conn.is_reusable(), reusable, "{head:?}");
    }
}

// ------------------------------------------------------------------------- queues with gaps in them

#[test]
fn cancelling_what_is_queued_leaves_the_framing_alone() {
    for chunked in [false, true] {
        let (conn, mut peer) = pair(Family::Tcp);
        let length = MORE_THAN_FITS + 15;
        let head = match chunked {
            true => put("Transfer-Encoding", "chunked"),
            false => put("Content-Length", &length.to_string()),
        };
        settle(conn.write_request(Aio::new(), head)).unwrap();
        let jammed = jam(&conn, Aio::new());
        let a = text(&conn, "aaaaa");
        let b = text(&conn, "bbbbb");
        let c = text(&conn, "ccccc");
        let late = conn.write_all(Aio::new().timeout(Duration::from_millis(1)).iov(["lllll"]));
        b.cancel();
        assert_eq!(failure(settle(b)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
        let d = text(&conn, "ddddd");
        let over = (!chunked).then(|| text(&conn, "e"));
        let end = conn.finish(Aio::new());
        let next = conn.write_request(Aio::new(), next().request());
        let sender = conn.clone();
        let reading = thread::spawn(move || peer.drain());
        assert_eq!(settle(jammed).unwrap().count(), MORE_THAN_FITS as u64);
        for part in [a, c, d] {
            assert_eq!(settle(part).unwrap().count(), 5);
        }
        if let Some(over) = over {
            refused(over);
        }
        settle(end).unwrap();
        settle(next).unwrap();
        drop((conn, sender));
        let wire = join(reading).bytes;
        let start = wire.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let get = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
        assert!(wire.ends_with(get));
        let body = &wire[start..wire.len() - get.len()];
        let payload = if chunked {
            let (payload, whole) = decoded(body);
            assert!(whole);
            payload
        } else {
            body.to_vec()
        };
        assert_pattern(0, &payload[..MORE_THAN_FITS]);
        assert_eq!(&payload[MORE_THAN_FITS..], b"aaaaacccccddddd");
    }
}

/// The head behind it must not go out then: the peer would take it for the rest of the body.
#[test]
fn cancelling_a_part_of_a_body_holds_back_the_next_head() {
    let (conn, mut peer) = pair(Family::Unix);
    let length = (MORE_THAN_FITS + 10).to_string();
    settle(conn.write_request(Aio::new(), put("Content-Length", &length))).unwrap();
    let jammed = jam(&conn, Aio::new());
    let a = text(&conn, "aaaaa");
    let b = text(&conn, "bbbbb");
    let head = conn.write_request(Aio::new(), put("Content-Length", "5"));
    let body = text(&conn, "ccccccccccc");
    b.cancel();
    assert_eq!(failure(settle(b)), (ErrorKind::Canceled, 0));
    let sender = conn.clone();
    let reading = thread::spawn(move || peer.drain());
    settle(jammed).unwrap();
    settle(a).unwrap();
    refused(head);
    // It was meant for the other, and is too much for this one.
    refused(body);
    settle(text(&sender, "BBBBB")).unwrap();
    drop((conn, sender));
    let wire = join(reading).bytes;
    assert!(wire.ends_with(b"aaaaaBBBBB"), "{}", wire.len());
    let head = format!("PUT / HTTP/1.1\r\nhost: \r\ncontent-length: {length}\r\n\r\n").len();
    assert_eq!(wire.len(), head + MORE_THAN_FITS + 10);
}

/// A head that never went out declares nothing.
#[test]
fn cancelling_a_queued_head_leaves_no_declaration_behind() {
    let (conn, mut peer) = pair(Family::Tcp);
    let length = MORE_THAN_FITS.to_string();
    settle(conn.write_request(Aio::new(), put("Content-Length", &length))).unwrap();
    let jammed = jam(&conn, Aio::new());
    let head = conn.write_request(Aio::new(), put("Content-Length", "5"));
    let body = text(&conn, "hello");
    let next = conn.write_request(Aio::new(), next().request());
    head.cancel();
    assert_eq!(failure(settle(head)), (ErrorKind::Canceled, 0));
    let sender = conn.clone();
    let reading = thread::spawn(move || peer.drain());
    settle(jammed).unwrap();
    refused(body);
    settle(next).unwrap();
    drop((conn, sender));
    let wire = join(reading).bytes;
    let get = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    assert!(wire.ends_with(get.as_bytes()));
    let head = format!("PUT / HTTP/1.1\r\nhost: \r\ncontent-length: {length}\r\n\r\n").len();
    assert_eq!(wire.len(), head + MORE_THAN_FITS + get.len());
}

/// Both ends are ours: everything at once, in both directions, in every framing.
#[test]
fn bodies_go_both_ways() {
    let parts = [0, 1, 9, 4096, 70_000, 300_000];
    let whole: usize = parts.iter().sum();
    for family in FAMILIES {
        for chunked in [false, true] {
            let (client, server) = match family {
                Family::Tcp => {
                    let (near, far) = tcp_pair();
                    (Conn::from(near), Conn::from(far))
                }
                Family::Unix => {
                    let (near, far) = unix_pair();
                    (Conn::from(near), Conn::from(far))
                }
            };
            let declared = if chunked {
                ("Transfer-Encoding", "chunked".to_owned())
            } else {
                ("Content-Length", whole.to_string())
            };
            for _ in 0..3 {
                let asked = server.read_request(Aio::new());
                let answered = client.read_response(Aio::new());
                let mut writes = Vec::new();
                let mut request = put(declared.0, &declared.1);
                *request.uri_mut() = "http://h/".parse().unwrap();
                writes.push(client.write_request(Aio::new(), request));
                let response = Response::builder().header(declared.0, &declared.1);
                let response = response.body(Bytes::new()).unwrap();
                writes.push(server.write_response(Aio::new(), response));
                for conn in [&client, &server] {
                    let mut offset = 0;
                    for part in parts {
                        writes.push(write_pattern(conn, Aio::new(), offset, part));
                        offset += part as u64;
                    }
                    writes.push(conn.finish(Aio::new()));
                }
                assert_eq!(settle(asked).unwrap().method(), "PUT");
                assert_eq!(settle(answered).unwrap().status(), StatusCode::OK);
                let reading = client.read_all(Aio::new(), whole);
                assert_pattern(0, &settle(server.read_all(Aio::new(), whole)).unwrap());
                assert_pattern(0, &settle(reading).unwrap());
                for write in writes {
                    settle(write).unwrap();
                }
                for conn in [&client, &server] {
                    assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
                    assert!(conn.is_reusable());
                }
            }
        }
    }
}
