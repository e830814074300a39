//! Reads that fail take nothing, and harm nothing.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::{Aio, Conn, Error, ErrorKind, InFlight};
use socket2::SockRef;

use super::{SOON, assert_alive, expect, let_it_block, pair_with, pair_with_unread};
use crate::support::*;

/// What ends a read early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Cancel,
    Deadline,
    EndOfStream,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Cancel, Self::Deadline, Self::EndOfStream];

    fn options<T>(self) -> Aio<T> {
        match self {
            Self::Deadline => Aio::new().timeout(SOON),
            Self::Cancel | Self::EndOfStream => Aio::new(),
        }
    }

    /// Lets it happen to a read that waits for more.
    #[track_caller]
    fn happen<T: Send + std::fmt::Debug + 'static>(
        self,
        aio: Aio<T, InFlight>,
        peer: &Peer,
    ) -> Error {
        match self {
            Self::Cancel => aio.cancel(),
            Self::Deadline => {}
            Self::EndOfStream => peer.shutdown(Shutdown::Write),
        }
        let error = settle(aio).unwrap_err();
        let kind = match self {
            Self::Cancel => ErrorKind::Canceled,
            Self::Deadline => ErrorKind::TimedOut,
            Self::EndOfStream => ErrorKind::Reset,
        };
        assert_eq!(error.kind(), kind);
        assert_eq!(error.is_end_of_stream(), self == Self::EndOfStream);
        error
    }

    #[track_caller]
    fn assert_unharmed(self, conn: &Conn, peer: &mut Peer) {
        if self == Self::EndOfStream {
            // Ours is still open.
            settle(conn.write_all(Aio::new().iov(["ping"]))).unwrap();
            assert_eq!(peer.expect(4), b"ping");
        } else {
            assert_alive(conn, peer);
        }
    }
}

#[test]
fn a_read_that_fails_takes_nothing_of_what_arrived_while_it_waited() {
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        said: &str,
        submit: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        for (family, cause) in FAMILIES
            .into_iter()
            .flat_map(|f| Cause::ALL.map(|c| (f, c)))
        {
            let (conn, mut peer) = pair(family);
            let aio = submit(&conn, cause.options());
            peer.say(said);
            let count = said.len() as u64;
            if cause != Cause::Deadline {
                let_it_block(&aio, count);
            }
            let error = cause.happen(aio, &peer);
            assert_eq!(error.count(), count, "{family:?}, {cause:?}");
            expect(&conn, said);
            cause.assert_unharmed(&conn, &mut peer);
        }
    }
    check("abc", |conn, aio| conn.read_all(aio, 10));
    check("GET / HTTP/1.1\r\nHo", |conn, aio| conn.read_request(aio));
    check("HTTP/1.1 200 O", |conn, aio| conn.read_response(aio));
}

#[test]
fn a_read_that_fails_counts_what_was_there_before_it() {
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        rest: &str,
        submit: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        for cause in Cause::ALL {
            let (conn, mut peer) = pair_with_unread(Family::Tcp, rest);
            let aio = submit(&conn, cause.options());
            let_it_block(&aio, rest.len() as u64);
            let error = cause.happen(aio, &peer);
            assert_eq!(error.count(), rest.len() as u64, "{cause:?}");
            expect(&conn, rest);
            cause.assert_unharmed(&conn, &mut peer);
        }
    }
    check("abc", |conn, aio| conn.read_all(aio, 10));
    check("GET / HTTP/1.1\r\n", |conn, aio| conn.read_request(aio));
}

/// A canceled read leaves its system call behind. What is in the buffer does not need the call.
#[test]
fn what_a_canceled_read_left_is_read_at_once_although_its_call_still_blocks() {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n";
    let (conn, mut peer) = pair_with_unread(Family::Tcp, &format!("{head}abc"));
    let stale = conn.read_all(Aio::new(), 1000);
    thread::sleep(Duration::from_millis(20));
    stale.cancel();
    assert_eq!(failure(settle(stale)).0, ErrorKind::Canceled);
    let aio = Aio::new().timeout(PATIENCE / 3);
    assert_eq!(settle(conn.read_request(aio)).unwrap().uri(), "/");
    assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ab");
    // And one that needs more gets it, the rest included.
    let more = conn.read_all(Aio::new(), 3);
    peer.say("de");
    assert_eq!(settle(more).unwrap(), "cde");
    // The last four bytes of the body are among what it asks for.
    assert_alive(&conn, &mut peer);
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "");
}

#[test]
fn a_queued_read_that_fails_leaves_everything_as_it_was() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let first = conn.read_all(Aio::new(), 4);
        let canceled = conn.read(Aio::new(), 1);
        let expired = conn.read(Aio::new().timeout(SOON), 1);
        let last = conn.read_all(Aio::new(), 2);
        canceled.cancel();
        assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
        peer.say("abcdef");
        assert_eq!(settle(first).unwrap(), "abcd");
        assert_eq!(settle(last).unwrap(), "ef");
        assert_alive(&conn, &mut peer);
    }
}

/// The write that was in flight meanwhile notices nothing (B2).
#[test]
fn a_read_that_fails_leaves_a_write_in_flight_alone() {
    for (family, cause) in FAMILIES
        .into_iter()
        .flat_map(|f| Cause::ALL.map(|c| (f, c)))
    {
        let (conn, mut peer) = pair(family);
        let write = jam(&conn, Aio::new());
        let read = conn.read(cause.options(), 10);
        cause.happen(read, &peer);
        assert!(!write.is_done(), "{family:?}, {cause:?}");
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        assert_eq!(settle(write).unwrap().count(), MORE_THAN_FITS as u64);
        cause.assert_unharmed(&conn, &mut peer);
    }
}

#[test]
fn a_write_that_fails_leaves_a_read_in_flight_alone() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let read = conn.read_all(Aio::new(), 4);
        let write = jam(&conn, Aio::new());
        write.cancel();
        assert_eq!(failure(settle(write)).0, ErrorKind::Canceled);
        assert!(!read.is_done());
        // The early answer to an upload that was given up.
        peer.say("late");
        assert_eq!(settle(read).unwrap(), "late");
    }
}

#[test]
fn the_end_of_the_stream_is_told_to_every_read() {
    for family in FAMILIES {
        let (conn, peer) = pair_with(family, "abc");
        let first = conn.read_all(Aio::new(), 9);
        peer.shutdown(Shutdown::Write);
        let error = settle(first).unwrap_err();
        assert!(error.is_end_of_stream() && error.is_closed() && error.count() == 3);
        expect(&conn, "abc");
        for _ in 0..3 {
            let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
            assert!(error.is_end_of_stream() && error.count() == 0);
            let error = settle(conn.read_request(Aio::new())).unwrap_err();
            assert!(error.is_end_of_stream());
        }
    }
}

#[test]
fn a_reset_by_the_peer_is_not_an_end() {
    let (near, far) = tcp_pair();
    let conn = Conn::from(near);
    let aio = conn.read(Aio::new(), 1);
    let_it_block(&aio, 0);
    SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    for error in [settle(aio), settle(conn.read(Aio::new(), 1))].map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(!error.is_end_of_stream(), "{error:?}");
    }
}

/// Whoever has ended its own stream, before there was a connection, still hears the end of the other.
#[test]
fn a_stream_that_was_half_closed_before_ends_in_order() {
    let (near, far) = tcp_pair();
    near.shutdown(Shutdown::Write).unwrap();
    let conn = Conn::from(near);
    let mut peer = Peer::from(far);
    assert_eq!(peer.drain().end, End::OfStream);
    peer.say("abc");
    drop(peer);
    assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "abc");
    let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
    assert!(error.is_end_of_stream(), "{error:?}");
}

#[test]
fn close_ends_reads_in_flight_and_queued_and_later_ones() {
    for family in FAMILIES {
        let (conn, mut peer) = pair_with(family, "abc");
        let (flying, queued) = (conn.read_all(Aio::new(), 9), conn.read(Aio::new(), 1));
        let_it_block(&flying, 3);
        conn.close();
        assert_eq!(failure(settle(flying)), (ErrorKind::Closed, 3));
        assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
        let later = conn.read(Aio::new(), 1);
        assert_eq!(failure(settle(later)), (ErrorKind::Closed, 0));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}
