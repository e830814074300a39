//! Records over a stream in memory: exact counts, faults, and writes that are cut.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::rustls::version::TLS13;
use http_aio::rustls::{ClientConfig, SupportedProtocolVersion};
use http_aio::testing::memory::{self, Fault, Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Addr, Aio, Conn, Error, ErrorKind, Written};

use super::{
    Ending, Raw, VERSIONS, client_config, drain_raw, expect_pattern, localhost, raw, send,
    server_config,
};
use crate::support::*;

/// Plaintext of one record.
const RECORD: u64 = 16 << 10;

/// A stream in memory, as std has them.
struct Blocking(MemoryStream);

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(&self.0, buffer, Wait::Forever)
    }
}

impl Write for Blocking {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Transport::write(&self.0, &[io::IoSlice::new(buffer)], Wait::Forever)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[track_caller]
fn memory_and_raw(
    capacity: usize,
    faults: Faults,
    version: &'static SupportedProtocolVersion,
) -> (Conn, Raw<Blocking>) {
    let (near, far) = memory::pair(capacity, faults);
    let config = server_config(version);
    let peer = thread::spawn(move || raw(Blocking(far), config));
    let conn = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
    (settle(conn).expect("a handshake"), join(peer))
}

/// Drains, bounded.
#[track_caller]
fn drain_bounded(mut peer: Raw<Blocking>) -> (Vec<u8>, Ending) {
    join(thread::spawn(move || drain_raw(&mut peer)))
}

#[test]
fn one_byte_a_call() {
    for version in VERSIONS {
        let (near, far) = memory::pair(1 << 16, faults(1, None));
        let server = Conn::tls_server_over(Aio::new(), far, server_config(version));
        let client = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
        let client = settle(client).expect("a handshake");
        let server = settle(server).expect("a handshake");
        let up = send(&client, 40_000);
        let down = send(&server, 40_000);
        expect_pattern(&server, 40_000);
        expect_pattern(&client, 40_000);
        for written in up.into_iter().chain(down) {
            settle(written).expect("it was read");
        }
    }
}

/// There is no room for `close_notify` when the connection goes, and nobody waits for it.
#[test]
fn the_end_waits_for_room() {
    const CAPACITY: usize = 4096;
    for closes in [false, true] {
        let (conn, peer) = memory_and_raw(CAPACITY, Faults::none(), &TLS13);
        // The record fills the pipe to the brim.
        let len = CAPACITY - 22;
        settle(write_pattern(&conn, Aio::new(), 0, len)).expect("there is room");
        let begun = Instant::now();
        if closes {
            conn.close();
        }
        drop(conn);
        assert!(begun.elapsed() < PATIENCE / 10);
        thread::sleep(Duration::from_millis(20)); // A peer that takes its time.
        let (received, ending) = drain_bounded(peer);
        assert_eq!((received.len(), ending), (len, Ending::InOrder));
    }
}

#[derive(Clone, Copy, Debug)]
enum Cause {
    Deadline,
    Cancel,
    Close,
}

const OPERATION: usize = 50_000;

/// Whatever ends a write, and wherever: what the peer can decrypt is what was counted.
#[test]
fn counts_are_what_the_peer_can_decrypt() {
    let levels = [
        10, 21, 22, 23, 24, 100, 16_383, 16_405, 16_406, 16_407, 20_000, 32_812, 40_000,
    ];
    for cause in [Cause::Deadline, Cause::Cancel, Cause::Close] {
        for capacity in levels {
            for call_bytes in [7, 1000, usize::MAX] {
                let version = VERSIONS[(capacity + call_bytes % 10) % 2];
                fill_level(cause, capacity, call_bytes, version);
            }
        }
    }
}

#[track_caller]
fn fill_level(
    cause: Cause,
    capacity: usize,
    call_bytes: usize,
    version: &'static SupportedProtocolVersion,
) {
    let what = format!("{cause:?} at {capacity} with calls of {call_bytes}, {version:?}");
    let (conn, peer) = memory_and_raw(capacity, faults(call_bytes, None), version);
    let aio = match cause {
        Cause::Deadline => Aio::new().timeout(Duration::from_millis(15)),
        Cause::Cancel | Cause::Close => Aio::new(),
    };
    let first = write_pattern(&conn, aio, 0, OPERATION);
    let second = write_pattern(&conn, Aio::new(), OPERATION as u64, 10);
    match cause {
        Cause::Deadline => {}
        Cause::Cancel | Cause::Close => {
            thread::sleep(Duration::from_millis(2)); // It is stuck by then, or not.
            match cause {
                Cause::Cancel => first.cancel(),
                _ => conn.close(),
            }
        }
    }
    let first = settle(first);
    conn.close(); // The second may have nothing before it, and be stuck itself.
    check(&what, &[first, settle(second)], drain_bounded(peer));
}

#[track_caller]
fn check(what: &str, results: &[Result<Written, Error>], (received, ending): (Vec<u8>, Ending)) {
    let sum: u64 = results.iter().map(count).sum();
    let received_bytes = received.len() as u64;
    assert!(sum <= received_bytes, "{what}: {sum}, {received_bytes}");
    assert!(
        received_bytes <= sum + RECORD,
        "{what}: {sum}, {received_bytes}"
    );
    // Promised is the above; as it is built, there is no difference at all.
    assert_eq!(sum, received_bytes, "{what}");
    // The first may have been canceled before it was begun.
    let offset = if count(&results[0]) == 0 {
        OPERATION
    } else {
        0
    };
    assert_pattern(offset as u64, &received);
    if sum > 0 && results.iter().any(Result::is_err) {
        assert_eq!(ending, Ending::Cut, "{what}");
    }
}

#[test]
fn counts_are_exact_when_a_call_fails() {
    for (error, kind) in [
        (io::ErrorKind::ConnectionReset, ErrorKind::Reset),
        (io::ErrorKind::Other, ErrorKind::Io),
    ] {
        for call_bytes in [9000, usize::MAX] {
            // The handshake has the first two or three calls.
            for n in 4..14 {
                let what = format!("{error:?} at call {n} of {call_bytes}");
                let faults = faults(call_bytes, Some((n, Fault::Error(error))));
                let (conn, peer) = memory_and_raw(1 << 20, faults, &TLS13);
                let results = [
                    settle(write_pattern(&conn, Aio::new(), 0, OPERATION)),
                    settle(write_pattern(&conn, Aio::new(), OPERATION as u64, 20_000)),
                ];
                let failed = results.iter().find_map(|result| result.as_ref().err());
                let failed = failed.map(Error::kind);
                match failed {
                    None => drop(conn),
                    failed => assert_eq!(failed, Some(kind), "{what}"),
                }
                check(&what, &results, drain_bounded(peer));
            }
        }
    }
}

#[test]
fn calls_that_move_nothing_are_made_again() {
    for error in [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted] {
        for n in 4..20 {
            let faults = faults(9000, Some((n, Fault::Error(error))));
            let (conn, peer) = memory_and_raw(1 << 20, faults, &TLS13);
            settle(write_pattern(&conn, Aio::new(), 0, OPERATION)).expect("there is room");
            drop(conn);
            let (received, ending) = drain_bounded(peer);
            assert_eq!((received.len(), ending), (OPERATION, Ending::InOrder));
            assert_pattern(0, &received);
        }
    }
}

#[track_caller]
fn assert_closed(conn: &Conn) {
    let later = settle(conn.write_all(Aio::new().iov(["later"])));
    assert_eq!(failure(later), (ErrorKind::Closed, 0));
}

/// A stream whose writes take their time before they begin.
#[derive(Debug)]
struct Slow(MemoryStream, Duration);

impl Transport for Slow {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.0.read(buffer, wait)
    }

    fn write(&self, buffers: &[io::IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        if wait != Wait::Never {
            thread::sleep(self.1);
        }
        Transport::write(&self.0, buffers, wait)
    }

    fn wake_reader(&self) {
        self.0.wake_reader();
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    fn peer_addr(&self) -> Addr {
        self.0.peer_addr()
    }

    fn local_addr(&self) -> Addr {
        self.0.local_addr()
    }
}

/// All records that were begun are out, but not all of the operation.
#[test]
fn what_is_cut_between_two_records_has_no_close_notify() {
    let (near, far) = memory::pair(20_000, Faults::none());
    let config = server_config(&TLS13);
    let peer = thread::spawn(move || drain_raw(&mut raw(Blocking(far), config)));
    let near = Slow(near, Duration::from_millis(100));
    let conn = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
    let conn = settle(conn).expect("a handshake");
    // The call that blocks brings out what was begun, and then the time is up.
    let aio = Aio::new().timeout(Duration::from_millis(80));
    let (kind, count) = failure(settle(write_pattern(&conn, aio, 0, MORE_THAN_FITS)));
    assert_eq!((kind, count % RECORD), (ErrorKind::TimedOut, 0));
    drop(conn);
    let (received, ending) = join(peer);
    assert_eq!((received.len() as u64, ending), (count, Ending::Cut));
    assert_pattern(0, &received);
}

/// What is queued is aborted, although nothing is in flight.
#[test]
fn closing_with_something_queued_has_no_close_notify() {
    let (conn, peer) = memory_and_raw(1 << 16, Faults::none(), &TLS13);
    let ((there, is_there), (go, waits)) = (gate(), gate());
    let first = conn.write_all(Aio::new().iov(["first"]));
    let _ = first.on_complete(move |_, _| {
        let _ = there.send(());
        receive(&waits);
    });
    receive(&is_there);
    let queued = conn.write_all(Aio::new().iov(["queued"]));
    conn.close();
    let _ = go.send(());
    assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
    assert_eq!(drain_bounded(peer), (b"first".to_vec(), Ending::Cut));
}

/// A part of its record is out: nothing can follow it.
#[test]
fn canceling_in_the_middle_of_a_record_ends_the_write_side() {
    let (conn, peer) = memory_and_raw(50, Faults::none(), &TLS13);
    let stuck = write_pattern(&conn, Aio::new(), 0, 100);
    let behind = write_pattern(&conn, Aio::new(), 100, 100);
    wait_until("a part of the record fills the stream", || {
        peer.sock.0.peek().is_ok_and(|there| there == 50)
    });
    stuck.cancel();
    assert_eq!(failure(settle(stuck)), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(behind)), (ErrorKind::Closed, 0));
    assert_closed(&conn);
    assert_eq!(drain_bounded(peer), (Vec::new(), Ending::Cut));
}

/// The same while it is back in the queue, because a closure is due before it goes on.
#[test]
fn canceling_a_record_in_the_queue_ends_the_write_side() {
    for expires in [false, true] {
        let (conn, peer) = memory_and_raw(100, Faults::none(), &TLS13);
        let ((go, waits), (done, is_done)) = (gate(), gate());
        let (go_on, waits_on) = gate();
        // Holds the thread, so that the next two are taken together.
        let first = conn.write_all(Aio::new().iov(["0"]));
        let (there, is_there) = gate();
        let _ = first.on_complete(move |_, _| {
            let _ = there.send(());
            receive(&waits);
        });
        receive(&is_there);
        let second = conn.write_all(Aio::new().iov(["1"]));
        let _ = second.on_complete(move |_, _| {
            let _ = done.send(());
            receive(&waits_on);
        });
        let aio = match expires {
            true => Aio::new().timeout(Duration::from_millis(50)),
            false => Aio::new(),
        };
        let held = write_pattern(&conn, aio, 0, 100);
        let _ = go.send(());
        receive(&is_done);
        // "0" and "1" are 46 bytes of ciphertext; of the third, 54 are out.
        if !expires {
            held.cancel();
        }
        let kind = if expires {
            ErrorKind::TimedOut
        } else {
            ErrorKind::Canceled
        };
        assert_eq!(failure(settle(held)), (kind, 0));
        assert_closed(&conn);
        let _ = go_on.send(());
        assert_eq!(drain_bounded(peer), (b"01".to_vec(), Ending::Cut));
    }
}

/// What was not encrypted yet is gone without a trace.
#[test]
fn canceling_in_the_queue_harms_nothing() {
    let (conn, peer) = memory_and_raw(50, Faults::none(), &TLS13);
    let stuck = write_pattern(&conn, Aio::new(), 0, 100);
    let queued = conn.write_all(Aio::new().iov(["never"]));
    let expired = Aio::new().timeout(Duration::from_millis(5)).iov(["never"]);
    let expired = conn.write_all(expired);
    let behind = write_pattern(&conn, Aio::new(), 100, 50);
    queued.cancel();
    assert_eq!(failure(settle(queued)), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
    let draining = thread::spawn(move || drain_bounded(peer));
    settle(stuck).expect("it is read");
    settle(behind).expect("it is read");
    settle(write_pattern(&conn, Aio::new(), 150, 50)).expect("it is read");
    drop(conn);
    let (received, ending) = join(draining);
    assert_eq!((received.len(), ending), (200, Ending::InOrder));
    assert_pattern(0, &received);
}

/// A write that is content with some of its bytes is complete between two records only.
#[test]
fn a_partial_write_ends_with_a_record() {
    let (conn, mut peer) = memory_and_raw(20_000, Faults::none(), &TLS13);
    let written = settle(conn.write(Aio::new().iov([pattern(0, OPERATION)])));
    assert_eq!(written.expect("there is room").count(), RECORD);
    // 3594 bytes are free: less than the next record.
    let next = conn.write(Aio::new().iov([pattern(RECORD, OPERATION)]));
    thread::sleep(Duration::from_millis(5));
    assert!(!next.is_done());
    let mut received = vec![0; RECORD as usize];
    peer.read_exact(&mut received).expect("it came");
    assert_pattern(0, &received);
    assert_eq!(settle(next).expect("there is room").count(), RECORD);
    drop(conn);
    let (received, ending) = drain_bounded(peer);
    assert_eq!((received.len() as u64, ending), (RECORD, Ending::InOrder));
    assert_pattern(RECORD, &received);
}

/// Smaller records, if the configuration says so; counted as they are.
#[test]
fn the_configuration_decides_how_large_a_record_is() {
    let (near, far) = memory::pair(1000, Faults::none());
    let server = server_config(&TLS13);
    let peer = thread::spawn(move || raw(Blocking(far), server));
    let mut config = ClientConfig::clone(&client_config());
    config.max_fragment_size = Some(105);
    let conn = Conn::tls_client_over(Aio::new(), near, localhost(), Arc::new(config));
    let conn = settle(conn).expect("a handshake");
    let peer = join(peer);
    let stuck = write_pattern(&conn, Aio::new(), 0, OPERATION);
    // Eight records of 122 bytes, and a part of the next.
    wait_until("the stream is full", || {
        peer.sock.0.peek().is_ok_and(|there| there == 1000)
    });
    stuck.cancel();
    assert_eq!(failure(settle(stuck)), (ErrorKind::Canceled, 800));
    let (received, ending) = drain_bounded(peer);
    assert_eq!((received.len(), ending), (800, Ending::Cut));
}
