//! Bodies: what is read is what was sent, whichever way it is framed and wherever it is cut, and a
//! message that is cut short or contradicts itself is never taken for a whole one. What is written is
//! what was declared, byte by byte.

mod canceled;
mod cases;
mod chunks;
#[cfg(feature = "test-util")]
mod cut;
mod declared;
mod delivered;
mod given;
mod given_up;
mod raw;
mod refused;
mod whole;

use std::io::Read;

use http_aio::http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Written};

use self::cases::{Case, next};
use crate::support::*;

/// The ways to read a body.
#[derive(Clone, Copy, Debug)]
enum How {
    /// `read`, at most so many bytes.
    Some(usize),
    /// `read_all`, of so many bytes each, and then of what there is.
    All(usize),
    Body,
    Io,
    /// `read_body`, which takes all or nothing.
    Whole,
}

/// For reads that need not wait for anybody.
fn prompt<T>() -> Aio<T> {
    Aio::new().timeout(PATIENCE / 3)
}

const WAYS: [How; 7] = [
    How::Some(usize::MAX),
    How::Some(1),
    How::All(1),
    How::All(4),
    How::Body,
    How::Io,
    How::Whole,
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
        How::Io => {
            let mut reader = conn.io().timeout(PATIENCE / 3);
            reader.read_to_end(body).map(drop).map_err(Error::from)
        }
        How::Whole => {
            body.extend_from_slice(&settle(conn.read_body(prompt()))?);
            // It has been read, to its end.
            assert!(settle(conn.read_body(prompt()))?.is_empty());
            assert!(settle(conn.read(prompt(), 1))?.is_empty());
            Ok(())
        }
    }
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

#[track_caller]
fn assert_next(conn: &Conn, what: &str) {
    let (got, result) = read_message(conn, How::Some(100));
    if let Err(error) = result {
        panic!("{what}: the next message: {error:?}");
    }
    assert_whole(&got, &next(), what);
}

/// A PUT with these headers and no attached body.
fn put(name: &str, value: &str) -> Request<()> {
    let request = Request::put("/").header(name, value);
    request.body(()).unwrap()
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
