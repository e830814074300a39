//! Where closures run, and when.

use std::time::Duration;

use crossbeam_channel::Receiver;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, ErrorKind, InFlight};

use super::{SOON, assert_alive, thread_of};
use crate::support::*;

#[test]
fn closures_run_on_the_thread_of_their_direction() {
    #[track_caller]
    fn check<T: Send + 'static>(
        role: &str,
        said: &str,
        submit: impl Fn(&Conn) -> Aio<T, InFlight>,
    ) {
        for family in FAMILIES {
            // Attached before it can complete, if it waits for the peer; and surely after.
            let (conn, mut peer) = pair(family);
            let early = tell(submit(&conn)).0;
            peer.say(said);
            let early = once(&early);
            let late = submit(&conn);
            peer.say(said);
            wait_until("it completes", || late.is_done());
            let late = once(&tell(late).0);
            for told in [early, late] {
                assert_eq!(told.thread, thread_of(&conn, role));
                assert!(told.result.is_ok());
            }
        }
    }
    check("wr", "", |conn| conn.write(Aio::new().iov(["a"])));
    check("wr", "", |conn| conn.write_all(Aio::new().iov(["a"])));
    check("wr", "", |conn| {
        conn.write_request(Aio::new(), Request::new("a"))
    });
    check("wr", "", |conn| {
        conn.write_response(Aio::new(), Response::new("a"))
    });
    check("rd", "a", |conn| conn.read(Aio::new(), 1));
    check("rd", "ab", |conn| conn.read_all(Aio::new(), 2));
    check("rd", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", |conn| {
        conn.read_request(Aio::new())
    });
    check(
        "rd",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        |conn| conn.read_response(Aio::new()),
    );
}

/// When the thread is stuck, another one of the connection stands in.
#[test]
fn a_closure_that_is_attached_late_need_not_wait_for_a_stuck_thread() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let call = thread_of(&conn, "cb");

        let done = conn.write_all(Aio::new().iov(["a"]));
        wait_until("it is written", || done.is_done());
        assert_eq!(peer.expect(1), b"a");
        let stuck = jam(&conn, Aio::new());
        assert_eq!(once(&tell(done).0).thread, call);
        peer.expect(MORE_THAN_FITS);
        settle(stuck).unwrap();

        peer.say("a");
        let done = conn.read(Aio::new(), 1);
        wait_until("it is read", || done.is_done());
        let stuck = conn.read_all(Aio::new(), 2);
        peer.say("b");
        wait_until("half of it is there", || stuck.count() == 1);
        assert_eq!(once(&tell(done).0).thread, call);
        peer.say("c");
        settle(stuck).unwrap();
        assert_alive(&conn, &mut peer);
    }
}

#[test]
fn a_closure_that_is_attached_late_runs_although_there_is_no_thread_any_more() {
    for family in FAMILIES {
        // No thread yet: it was refused before it needed one.
        let (conn, _peer) = pair(family);
        let refused = once(&tell(conn.write_all(Aio::new())).0);
        assert_eq!(failure(refused.result).0, ErrorKind::InvalidInput);
        assert_eq!(refused.thread, thread_of(&conn, "cb"));
        let expired = once(&tell(conn.read(Aio::new().timeout(Duration::ZERO), 1)).0);
        assert_eq!(failure(expired.result).0, ErrorKind::TimedOut);
        assert_eq!(expired.thread, thread_of(&conn, "cb"));

        // Closed, and then the last handle gone, with everything behind it.
        let (conn, mut peer) = pair_ready(family);
        let aios = [
            conn.write_all(Aio::new().iov(["a"])),
            conn.write_all(Aio::new().iov(["b"])),
        ];
        let reads = [conn.read_all(Aio::new(), 2), conn.read_all(Aio::new(), 2)];
        for (done, read) in aios.iter().zip(&reads) {
            wait_until("both complete", || done.is_done() && read.is_done());
        }
        let ([write, write_later], [read, read_later]) = (aios, reads);
        conn.close();
        let later = conn.write_all(Aio::new().iov(["c"]));
        let threads = [
            once(&tell(write).0).thread,
            once(&tell(read).0).thread,
            once(&tell(later).0).thread,
        ];
        for thread in threads {
            assert!(is_ours(&thread), "{thread}");
        }
        drop(conn);
        assert_eq!(peer.drain().bytes, b"ab");
        let (write, read) = (once(&tell(write_later).0), once(&tell(read_later).0));
        assert_eq!(
            (write.result.unwrap().count(), read.result.unwrap()),
            (1, "cd".into())
        );
        for thread in [write.thread, read.thread] {
            assert!(is_ours(&thread), "{thread}");
        }
    }

    fn pair_ready(family: Family) -> (Conn, Peer) {
        let (conn, mut peer) = pair(family);
        peer.say("abcd");
        (conn, peer)
    }
}

/// Neither on the thread that cancels, nor on the timer's.
#[test]
fn the_closure_of_an_interrupted_operation_runs_on_a_thread_of_the_connection() {
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(told: &Receiver<Told<T>>, conn: &Conn) {
        let told = once(told);
        let kind = failure(told.result).0;
        assert!(
            matches!(kind, ErrorKind::Canceled | ErrorKind::TimedOut),
            "{kind:?}"
        );
        let of_conn = ["rd", "wr", "cb"].map(|role| thread_of(conn, role));
        assert!(of_conn.contains(&told.thread), "{}", told.thread);
    }
    for family in FAMILIES {
        let (conn, _peer) = pair(family);
        let (flying, cancel_flying) = tell(conn.read(Aio::new(), 1));
        let (queued, cancel_queued) = tell(conn.read(Aio::new(), 1));
        let (expires, _) = tell(conn.read(Aio::new().timeout(SOON), 1));
        cancel_queued.cancel();
        check(&queued, &conn);
        cancel_flying.cancel();
        check(&flying, &conn);
        check(&expires, &conn);

        let (flying, cancel_flying) = tell(jam(&conn, Aio::new()));
        let (queued, cancel_queued) = tell(conn.write_all(Aio::new().iov(["a"])));
        let (expires, _) = tell(conn.write_all(Aio::new().iov(["a"]).timeout(SOON)));
        cancel_queued.cancel();
        check(&queued, &conn);
        check(&expires, &conn);
        cancel_flying.cancel();
        check(&flying, &conn);
    }
}
