//! What closures do with their connection.

use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, ErrorKind};

use super::{Body, Inside, OnDrop, SOON, assert_alive};
use crate::support::*;

#[test]
fn a_closure_may_use_the_whole_connection() {
    for (family, inside) in FAMILIES
        .into_iter()
        .flat_map(|f| Inside::ALL.map(|i| (f, i)))
    {
        let (conn, mut peer) = pair(family);
        let mine = conn.clone();
        let (written, canceled) = inside.call(&conn, &mut peer, move || {
            let _ = (
                mine.peer_addr(),
                mine.local_addr(),
                format!("{mine:?}"),
                mine.clone(),
            );
            let written = mine.write_all(Aio::new().iov(["from inside"]));
            let read = mine.read(Aio::new(), 100);
            let (told, canceler) = {
                let _ = (
                    read.is_done(),
                    read.count(),
                    format!("{read:?}"),
                    read.canceler(),
                );
                tell(read)
            };
            canceler.cancel();
            let _ = format!("{canceler:?}");
            (tell(written).0, told)
        });
        assert_eq!(once(&written).result.unwrap().count(), 11);
        assert_eq!(peer.expect(11), b"from inside");
        assert!(once(&canceled).result.unwrap_err().is_canceled());
        assert_alive(&conn, &mut peer);

        let mine = conn.clone();
        let later = inside.call(&conn, &mut peer, move || {
            mine.close();
            tell(mine.write_all(Aio::new().iov(["late"]))).0
        });
        assert_eq!(failure(once(&later).result).0, ErrorKind::Closed);
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

#[test]
fn a_closure_may_drop_the_last_handle() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let aio = Conn::clone(&conn).write_all(Aio::new().iov(["bye"]));
        aio.on_complete(move |_, _| drop(conn));
        let drained = peer.drain();
        assert_eq!(
            (&drained.bytes[..], drained.end),
            (&b"bye"[..], End::OfStream)
        );

        let (conn, mut peer) = pair(family);
        let aio = Conn::clone(&conn).read(Aio::new(), 3);
        aio.on_complete(move |_, _| drop(conn));
        peer.say("bye");
        assert_eq!(peer.drain().end, End::OfStream);

        // On a thread that stands in, while the other one waits: that read is nobody's any more
        // once it is canceled.
        let (conn, mut peer) = pair(family);
        let front = conn.read(Aio::new(), 1);
        let queued = Conn::clone(&conn).read(Aio::new(), 1);
        let canceler = queued.on_complete(move |_, _| drop(conn));
        canceler.cancel();
        front.cancel();
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

#[test]
fn what_a_closure_owns_may_submit_when_it_is_dropped() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let mine = conn.clone();
        let value = OnDrop(move || drop(mine.write_all(Aio::new().iov(["last words"]))));
        inside.call(&conn, &mut peer, move || drop(value));
        assert_eq!(peer.expect(10), b"last words");
        assert_alive(&conn, &mut peer);
    }
}

/// Wherever the library lets go of a buffer: the thread that wrote it, that canceled it, or that
/// found it expired.
#[test]
fn what_a_vector_owns_may_submit_when_it_is_dropped() {
    let body = |conn: &Conn| {
        let mine = conn.clone();
        let words = move || drop(mine.write_all(Aio::new().iov(["last words"])));
        Bytes::from_owner(Body(OnDrop(words)))
    };
    let (conn, mut peer) = pair(Family::Tcp);
    drop(conn.write_all(Aio::new().iov([body(&conn)])));
    assert_eq!(peer.expect(14), b"bodylast words");

    let stuck = jam(&conn, Aio::new());
    let canceled = conn.write_all(Aio::new().iov([body(&conn)]));
    let expired = conn.write_all(Aio::new().iov([body(&conn)]).timeout(SOON));
    canceled.cancel();
    assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
    peer.expect(MORE_THAN_FITS);
    settle(stuck).unwrap();
    assert_eq!(peer.expect(20), b"last wordslast words");
    assert_alive(&conn, &mut peer);
}
