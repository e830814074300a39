//! Proves that nothing that comes after a write destroys what was counted: not the end of the connection,
//! whatever the peer says to it, and whenever it reads.

use std::thread;
use std::time::{Duration, Instant};

use http_aio::http::Request;
use http_aio::{Aio, Conn, ErrorKind};
use socket2::SockRef;

use crate::support::*;

/// More than the peer's side holds: the rest waits on ours.
const LEN: usize = 524_288;

/// As `pair`, with room for `LEN` bytes.
fn roomy_pair(family: Family) -> (Conn, Peer) {
    const ROOM: usize = 2 << 20;
    match family {
        Family::Tcp => {
            let (near, far) = tcp_pair();
            let _ = SockRef::from(&near).set_send_buffer_size(ROOM);
            let _ = SockRef::from(&far).set_recv_buffer_size(128 << 10);
            (Conn::from(near), Peer::from(far))
        }
        Family::Unix => {
            let (near, far) = unix_pair();
            let _ = SockRef::from(&near).set_send_buffer_size(ROOM);
            (Conn::from(near), Peer::from(far))
        }
    }
}

/// A connection on which `LEN` bytes were written, and a peer that has not read any.
#[track_caller]
fn written(family: Family) -> (Conn, Peer) {
    let (conn, peer) = roomy_pair(family);
    let written = settle(write_pattern(&conn, Aio::new(), 0, LEN)).expect("there is room");
    assert_eq!(written.count(), LEN as u64);
    (conn, peer)
}

#[track_caller]
fn expect_all(what: &str, drained: &Drained) {
    let all = (LEN as u64, End::OfStream);
    assert_eq!((drained.count(), drained.end), all, "{what}");
    assert_pattern(0, &drained.bytes);
}

/// What its user does to a connection, and the handle that is left.
type Ending = fn(Conn) -> Option<Conn>;

const ENDS: [(&str, Ending); 3] = [
    ("closed", |conn| {
        conn.close();
        None
    }),
    ("closed, and kept", |conn| {
        conn.close();
        Some(conn)
    }),
    ("dropped", |_| None),
];

// ------------------------------------------------------------------------------ what comes later

#[test]
fn what_comes_after_the_end_costs_nothing() {
    for family in FAMILIES {
        for (what, end) in ENDS {
            let (conn, mut peer) = written(family);
            let kept = end(conn);
            peer.say("x");
            expect_all(what, &peer.drain());
            drop(kept);
        }
    }
}

#[test]
fn what_came_before_the_end_costs_nothing() {
    for family in FAMILIES {
        for (what, end) in ENDS {
            let (conn, mut peer) = written(family);
            peer.say("x");
            let kept = end(conn);
            peer.say("y");
            expect_all(what, &peer.drain());
            drop(kept);
        }
    }
}

/// It says something each time that it has read something.
#[test]
fn a_conversation_costs_nothing() {
    use std::io::Read;
    for (what, end) in ENDS {
        let (conn, mut peer) = written(Family::Tcp);
        let kept = end(conn);
        let (mut bytes, mut part) = (Vec::new(), [0; 10_000]);
        loop {
            peer.say("more?");
            match peer.read(&mut part).expect("it goes on to the end") {
                0 => break,
                count => bytes.extend_from_slice(&part[..count]),
            }
        }
        let end = End::OfStream;
        expect_all(what, &Drained { bytes, end });
        drop(kept);
    }
}

/// A peer that reads only when it has said all that it has to say does not wait for a handle that
/// somebody keeps.
#[test]
fn a_talkative_peer_is_heard_to_its_end() {
    for (what, end) in ENDS {
        let (conn, mut peer) = written(Family::Tcp);
        let kept = end(conn);
        peer.say(vec![0; 8 << 20]);
        expect_all(what, &peer.drain());
        drop(kept);
    }
}

// -------------------------------------------------------------------------------------- shutdown

#[track_caller]
fn assert_closed(conn: &Conn) {
    let closed = (ErrorKind::Closed, 0);
    let write = settle(conn.write_all(Aio::new().iov(["x"])));
    assert_eq!(failure(write), closed);
    assert_eq!(failure(settle(conn.read(Aio::new(), 1))), closed);
    let request = Request::get("http://h/").body(());
    let exchange = conn.transact(Aio::new(), request.expect("a request"));
    assert_eq!(failure(settle(exchange)), closed);
}

/// The peer reads only when it has said what it has to say.
#[test]
fn shutting_down_waits_for_the_peer() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let stuck = jam(&conn, Aio::new());
        let behind = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10);
        let shutdown = conn.shutdown(Aio::new());
        assert_closed(&conn);
        peer.say(vec![0; 8 << 20]);
        assert!(!shutdown.is_done());
        let drained = peer.drain();
        let all = (MORE_THAN_FITS as u64 + 10, End::OfStream);
        assert_eq!((drained.count(), drained.end), all);
        assert!(!shutdown.is_done());
        peer.say("that was all?");
        drop(peer);
        settle(shutdown).expect("the peer has ended");
        settle(stuck).expect("it was read");
        settle(behind).expect("it was read");
        assert_closed(&conn);
        assert_eq!(
            failure(settle(conn.shutdown(Aio::new()))).0,
            ErrorKind::Closed
        );
    }
}

/// Reads that were submitted before get what comes.
#[test]
fn shutting_down_comes_after_reads() {
    let (conn, mut peer) = pair(Family::Tcp);
    let read = conn.read_all(Aio::new(), 5);
    let (told, _) = tell(conn.shutdown(Aio::new()));
    peer.say("reply, and more");
    assert_eq!(settle(read).expect("it was sent"), "reply");
    assert_eq!(peer.drain().count(), 0);
    drop(peer);
    let told = receive(&told);
    told.result.expect("the peer has ended");
    assert!(is_ours(&told.thread), "{}", told.thread);
}

/// The stream has been cut already; the peer's end is waited for all the same.
#[test]
fn shutting_down_behind_a_write_that_failed() {
    let (conn, mut peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    stuck.cancel();
    let (_, count) = failure(settle(stuck));
    let shutdown = conn.shutdown(Aio::new());
    peer.say("too large");
    assert_eq!(peer.drain().count(), count);
    assert!(!shutdown.is_done());
    drop(peer);
    settle(shutdown).expect("the peer has ended");
}

#[test]
fn shutting_down_has_a_deadline_and_can_be_canceled() {
    for (cancels, kind) in [(false, ErrorKind::TimedOut), (true, ErrorKind::Canceled)] {
        let (conn, mut peer) = written(Family::Tcp);
        let aio = match cancels {
            true => Aio::new(),
            false => Aio::new().timeout(Duration::from_millis(20)),
        };
        let shutdown = conn.shutdown(aio);
        if cancels {
            shutdown.cancel();
        }
        assert_eq!(failure(settle(shutdown)), (kind, 0));
        assert_closed(&conn);
        drop(conn);
        peer.say("x");
        expect_all("given up", &peer.drain());
    }
}

/// Another one is allowed to go on where the first has given up.
#[test]
fn shutting_down_again() {
    let (conn, mut peer) = pair(Family::Unix);
    let first = conn.shutdown(Aio::new().timeout(Duration::from_millis(20)));
    assert_eq!(failure(settle(first)), (ErrorKind::TimedOut, 0));
    let second = conn.shutdown(Aio::new());
    assert_eq!(peer.drain().count(), 0);
    drop(peer);
    settle(second).expect("the peer has ended");
}

#[test]
fn shutting_down_what_is_closed() {
    for before in [true, false] {
        let (conn, mut peer) = pair(Family::Tcp);
        let shutdown = if before {
            conn.close();
            conn.shutdown(Aio::new())
        } else {
            let shutdown = conn.shutdown(Aio::new());
            conn.close();
            shutdown
        };
        assert_eq!(failure(settle(shutdown)), (ErrorKind::Closed, 0));
        assert_eq!(peer.drain().count(), 0);
    }
}

#[test]
fn shutting_down_what_the_peer_resets() {
    let (conn, peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    let shutdown = conn.shutdown(Aio::new());
    drop(peer); // With input that it has not read.
    assert_eq!(failure(settle(stuck)).0, ErrorKind::Reset);
    assert_eq!(failure(settle(shutdown)), (ErrorKind::Reset, 0));
}

/// The last handle and the aio are dropped: it goes on, and ends with the peer.
#[test]
fn shutting_down_needs_no_handle() {
    let (conn, mut peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    drop(conn.shutdown(Aio::new()));
    drop(conn);
    let drained = peer.drain();
    let all = (MORE_THAN_FITS as u64, End::OfStream);
    assert_eq!((drained.count(), drained.end), all);
    settle(stuck).expect("it was read");
}

#[cfg(feature = "test-util")]
#[test]
fn shutting_down_in_memory() {
    use http_aio::testing::memory::Faults;
    let (conn, peer) = memory_pair(100, Faults::none());
    let write = write_pattern(&conn, Aio::new(), 0, 1000);
    let shutdown = conn.shutdown(Aio::new());
    let back = Conn::from_transport(peer);
    settle(back.write_all(Aio::new().iov(["x"; 1000]))).expect("it is read");
    assert_eq!(
        settle(back.read_all(Aio::new(), 1000))
            .expect("it was sent")
            .len(),
        1000
    );
    assert!(settle(back.read(Aio::new(), 1)).is_err_and(|error| error.is_end_of_stream()));
    assert!(!shutdown.is_done());
    drop(back);
    settle(shutdown).expect("the peer has ended");
    settle(write).expect("it was read");
}

// ---------------------------------------------------------------------------------- what it costs

/// In the middle of downloads from a peer that sends as fast as it can.
#[test]
fn dropping_does_not_wait() {
    use std::io::Write;
    const DOWNLOADS: usize = 16;
    let download = || {
        let (near, far) = tcp_pair();
        let _ = SockRef::from(&near).set_recv_buffer_size(4 << 20);
        let look = near.try_clone().expect("a descriptor");
        let conn = Conn::from(near);
        let sender = thread::spawn(move || {
            let _ = (&far).write_all(&vec![0; 32 << 20]);
        });
        // By this thread, so that nobody else has the connection.
        let read = conn.read_all(Aio::new().timeout(PATIENCE), 1 << 20);
        read.wait().expect("there is more");
        let mut last = 0;
        wait_until("no more fits", || {
            let unread = rustix::io::ioctl_fionread(&look).expect("a socket");
            std::mem::replace(&mut last, unread) == unread
        });
        (conn, sender)
    };
    in_time(|| {
        let (conns, senders): (Vec<_>, Vec<_>) = (0..DOWNLOADS).map(|_| download()).unzip();
        // One by one: the senders go on as soon as somebody reads, and there are few processors.
        let drops = conns.into_iter().map(|conn| {
            let start = Instant::now();
            drop(conn);
            start.elapsed()
        });
        let took = median(drops.collect());
        senders.into_iter().for_each(join);
        at_most("a drop", took, Duration::from_millis(1))
    });
}

#[cfg(feature = "tls")]
mod secure {
    use std::io::Write;
    use std::net::Shutdown;

    use http_aio::rustls::{ServerConnection, StreamOwned};

    use super::*;
    use crate::tls::{client_config, drain_raw, localhost, server_config_with_tickets};

    /// The server's last step of the handshake, with its session tickets, comes when the client is
    /// gone, and its application says nothing at all.
    #[test]
    fn session_tickets_cost_nothing() {
        for (what, end) in ENDS {
            let (near, far) = tcp_pair();
            let _ = SockRef::from(&near).set_send_buffer_size(2 << 20);
            let _ = SockRef::from(&far).set_recv_buffer_size(128 << 10);
            let _ = far.set_read_timeout(Some(PATIENCE));
            let (go_on, told) = gate();
            let peer = thread::spawn(move || {
                let session = ServerConnection::new(server_config_with_tickets());
                let (mut session, mut far) = (session.expect("a session"), far);
                while !session.wants_write() {
                    session.read_tls(&mut far).expect("a hello");
                    session.process_new_packets().expect("a hello");
                }
                while session.wants_write() {
                    session.write_tls(&mut far).expect("room");
                }
                receive(&told);
                let mut raw = StreamOwned::new(session, far);
                while raw.conn.is_handshaking() || raw.conn.wants_write() {
                    raw.conn.complete_io(&mut raw.sock).expect("a handshake");
                }
                drain_raw(&mut raw).0
            });
            let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
            let conn = settle(conn).expect("a handshake");
            let written = settle(write_pattern(&conn, Aio::new(), 0, LEN));
            assert_eq!(written.expect("there is room").count(), LEN as u64);
            let kept = end(conn);
            let _ = go_on.send(());
            let received = join(peer);
            assert_eq!(received.len(), LEN, "{what}");
            assert_pattern(0, &received);
            drop(kept);
        }
    }

    /// With the peer's `close_notify`, or with the end of the stream below it.
    #[test]
    fn shutting_down() {
        for in_order in [true, false] {
            let (near, far) = tcp_pair();
            let config = server_config_with_tickets();
            let peer = thread::spawn(move || crate::tls::raw(far, config));
            let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
            let (conn, mut peer) = (settle(conn).expect("a handshake"), join(peer));
            let draining = thread::spawn(move || {
                let drained = drain_raw(&mut peer);
                (drained, peer)
            });
            let written = write_pattern(&conn, Aio::new(), 0, MORE_THAN_FITS);
            let shutdown = conn.shutdown(Aio::new());
            let ((received, ending), mut peer) = join(draining);
            assert_eq!(
                (received.len(), ending),
                (MORE_THAN_FITS, crate::tls::Ending::InOrder)
            );
            peer.write_all(b"that was all?").expect("it is read");
            assert!(!shutdown.is_done());
            if in_order {
                peer.conn.send_close_notify();
                peer.flush().expect("room");
            } else {
                peer.sock.shutdown(Shutdown::Write).expect("connected");
            }
            settle(shutdown).expect("the peer has ended");
            settle(written).expect("it was read");
            assert_closed(&conn);
        }
    }

    /// The alert that tells the peer why arrives, though it says more.
    #[test]
    fn a_failed_handshake_is_told() {
        let (near, far) = tcp_pair();
        let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
        let mut peer = Peer::from(far);
        peer.expect(5);
        peer.say("HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(failure(settle(conn)).0, ErrorKind::Tls);
        wait_until("the hello and the alert are there", || peer.has_input());
        peer.say("and more");
        let drained = peer.drain();
        assert_eq!(drained.end, End::OfStream);
        let alert = drained.bytes.len() - 7;
        assert_eq!(drained.bytes[alert], 21, "{:?}", &drained.bytes[alert..]);
    }

    /// Peers that leave no room for `close_notify` have one thread between them.
    #[test]
    fn many_that_do_not_read_share_a_thread() {
        const CONNECTIONS: usize = 200;
        const PIECE: usize = 10_000;
        let name = "linger::secure::many_that_do_not_read_share_a_thread";
        if !cfg!(target_os = "linux") || !alone(name) {
            return;
        }
        let connect = || {
            let (near, far) = unix_pair();
            let _ = far.set_read_timeout(Some(PATIENCE));
            let config = server_config_with_tickets();
            let peer = thread::spawn(move || crate::tls::raw(far, config));
            let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
            (settle(conn).expect("a handshake"), join(peer))
        };
        // How many pieces go in until one does not: the same for all, on this kind of socket.
        let (conn, _peer) = connect();
        let mut fits = 0;
        let stuck = loop {
            let piece = write_pattern(&conn, Aio::new(), (fits * PIECE) as u64, PIECE);
            match piece.wait_timeout(Duration::from_millis(200)) {
                Ok(result) => assert_eq!(result.expect("room").count(), PIECE as u64),
                Err(stuck) => break stuck,
            }
            fits += 1;
        };
        stuck.cancel();
        assert!(fits > 0);

        let mut peers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (conn, peer) = connect();
            for i in 0..fits {
                let piece = write_pattern(&conn, Aio::new(), (i * PIECE) as u64, PIECE);
                settle(piece).expect("as many as before fit");
            }
            peers.push(peer);
        }
        wait_until("the other threads end", || {
            threads_of_ours() == ["http-aio:linger"]
        });
        for mut peer in peers {
            let (received, ending) = drain_raw(&mut peer);
            assert_eq!(received.len(), fits * PIECE);
            assert_eq!(ending, crate::tls::Ending::InOrder);
            assert_pattern(0, &received);
            let _ = peer.sock.flush();
            let _ = peer.sock.shutdown(Shutdown::Both);
        }
        wait_until("the last thread ends", || threads_of_ours().is_empty());
    }
}
