//! Reads over streams in memory: every split, every fault.

use std::error::Error as _;
use std::io;
use std::net::Shutdown;

use http_aio::testing::memory::Fault;
use http_aio::transport::Transport;
use http_aio::{Aio, Error, ErrorKind};

use crate::support::hooks::say;
use crate::support::*;

#[test]
fn every_size_of_call_and_of_read_yields_the_same_bytes() {
    const LEN: usize = 23;
    let data = pattern(0, LEN);
    for call_bytes in 1..=LEN {
        for size in 1..=LEN {
            let (conn, peer) = memory_pair(LEN, faults(call_bytes, None));
            say(&peer, &data);
            peer.shutdown(Shutdown::Write).unwrap();
            let mut got = Vec::new();
            let mut exact = true;
            let end = loop {
                let left = LEN - got.len();
                // By turns; `read_all` only where there is enough.
                exact = !exact && left >= size;
                let result = if exact {
                    settle(conn.read_all(Aio::new(), size))
                } else {
                    settle(conn.read(Aio::new(), size))
                };
                match result {
                    Ok(bytes) if exact => {
                        assert_eq!(bytes.len(), size);
                        got.extend_from_slice(&bytes);
                    }
                    Ok(bytes) => {
                        assert!((1..=size).contains(&bytes.len()));
                        got.extend_from_slice(&bytes);
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(got, data, "calls of {call_bytes}, reads of {size}");
            assert!(end.is_end_of_stream());
        }
    }
}

#[test]
fn the_nth_call_fails_and_nothing_that_came_before_is_lost() {
    const LEN: usize = 10;
    let data = pattern(0, LEN);
    for call_bytes in 1..=LEN {
        for nth in 1..=LEN.div_ceil(call_bytes) + 1 {
            for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::StorageFull] {
                let mut faults = faults(call_bytes, None);
                faults.fail_read = Some((nth, Fault::Error(kind)));
                let (conn, peer) = memory_pair(LEN, faults);
                say(&peer, &data);
                let arrived = ((nth - 1) * call_bytes).min(LEN);
                let error = settle(conn.read_all(Aio::new(), LEN + 1)).unwrap_err();
                let expected = Error::from(io::Error::from(kind)).kind();
                assert_eq!((error.kind(), error.count()), (expected, arrived as u64));
                assert!(error.source().is_some(), "{error:?} has lost its cause");
                let left = settle(conn.read_all(Aio::new(), arrived));
                assert_eq!(left.unwrap(), data[..arrived]);
                let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
                assert_eq!((error.kind(), error.count()), (expected, 0));
                // The other direction has its own fate.
                settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
            }
        }
    }
}

#[test]
fn a_call_that_was_interrupted_is_made_again() {
    for kind in [
        io::ErrorKind::Interrupted,
        io::ErrorKind::WouldBlock,
        io::ErrorKind::TimedOut,
    ] {
        for nth in 1..=4 {
            let mut faults = faults(1, None);
            faults.fail_read = Some((nth, Fault::Error(kind)));
            let (conn, peer) = memory_pair(9, faults);
            say(&peer, b"abc");
            assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "abc");
        }
    }
}

#[test]
fn a_transport_that_panics_ends_its_direction_and_strands_nobody() {
    let mut faults = faults(1, None);
    faults.fail_read = Some((3, Fault::Panic));
    let (conn, peer) = memory_pair(9, faults);
    say(&peer, b"abc");
    let (first, second) = (conn.read_all(Aio::new(), 3), conn.read(Aio::new(), 1));
    assert_eq!(failure(settle(first)).0, ErrorKind::Abandoned);
    assert_eq!(failure(settle(second)).0, ErrorKind::Closed);
    let later = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(later)).0, ErrorKind::Closed);
    settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
}
