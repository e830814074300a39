//! Wherever the bytes are cut the message is the same, and one that is cut short is never a whole one.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex};

use http_aio::bytes::Bytes;
use http_aio::transport::{Transport, Wait};
use http_aio::{Addr, Aio, Conn};

use super::cases::{Case, Framing, NEXT, illegal, legal, next};
use super::{How, WAYS, assert_next, assert_whole, prompt, read_body, read_message};
use crate::support::*;

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
                Wait::For(time) | Wait::Briefly(time) => time,
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
