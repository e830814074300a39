//! Writes of a body that are canceled in the queue, and bodies in both directions at once.

use std::thread;
use std::time::Duration;

use http_aio::http::{Response, StatusCode};
use http_aio::{Aio, Conn, ErrorKind};

use super::cases::next;
use super::{decoded, put, refused, text};
use crate::support::*;

#[test]
fn canceling_what_is_queued_leaves_the_framing_alone() {
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
fn canceling_a_part_of_a_body_holds_back_the_next_head() {
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
fn canceling_a_queued_head_leaves_no_declaration_behind() {
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
                let response = response.body(()).unwrap();
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
