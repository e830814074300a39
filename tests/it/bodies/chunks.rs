//! Bodies that are written in chunks: on the wire, and in the counts.

use std::thread;
use std::time::Duration;

use http_aio::{Aio, ErrorKind};

use super::{CHUNKED, assert_wire, decoded, put, refused, text};
use crate::support::*;

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
