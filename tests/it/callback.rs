//! Completion closures: each runs once, on a thread of its connection, outside every lock, and
//! whatever it does there (submit, wait, block, panic, drop everything) harms nobody else.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Written};

use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// The thread of one direction, or the one that stands in for it.
fn thread_of(conn: &Conn, role: &str) -> String {
    match conn.peer_addr().ip() {
        Some(peer) => format!("{role}:{} {}", peer.port(), peer.ip()),
        None => format!("{role}:{}", conn.peer_addr()),
    }
}

/// The closure was called, and will not be called again: it is gone.
#[track_caller]
fn once<T>(told: &Receiver<Told<T>>) -> Told<T> {
    let first = receive(told);
    match told.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Disconnected) => first,
        Err(RecvTimeoutError::Timeout) => panic!("the closure was not dropped"),
        Ok(_) => panic!("the closure was called twice"),
    }
}

/// Runs `f` in a closure that nobody waits for, and returns what it returns.
#[derive(Clone, Copy, Debug)]
enum Inside {
    Write,
    Read,
    /// The thread is busy, so another one stands in for it.
    StandIn,
}

impl Inside {
    const ALL: [Self; 3] = [Self::Write, Self::Read, Self::StandIn];

    #[track_caller]
    fn call<R: Send + 'static>(
        self,
        conn: &Conn,
        peer: &mut Peer,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        let (sender, returned) = unbounded();
        let call = move || drop(sender.send(f()));
        match self {
            Self::Write => {
                let aio = conn.write_all(Aio::new().iov(["w"]));
                aio.on_complete(|result, _| {
                    result.unwrap();
                    call();
                });
                assert_eq!(peer.expect(1), b"w");
            }
            Self::Read => {
                let aio = conn.read(Aio::new(), 1);
                aio.on_complete(|result, _| {
                    assert_eq!(result.unwrap(), "r");
                    call();
                });
                peer.say("r");
            }
            Self::StandIn => {
                let front = conn.read(Aio::new(), 1);
                let queued = conn.read(Aio::new(), 1);
                let canceller = queued.on_complete(|result, _| {
                    assert!(result.unwrap_err().is_canceled());
                    call();
                });
                canceller.cancel();
                let returned = receive(&returned);
                // Unless `f` has closed the connection.
                let _ = peer.write_all(b"f");
                match settle(front) {
                    Ok(bytes) => assert_eq!(bytes, "f"),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
                }
                return returned;
            }
        }
        receive(&returned)
    }
}

#[track_caller]
fn assert_alive(conn: &Conn, peer: &mut Peer) {
    let told = tell(conn.write_all(Aio::new().iov(["ping"]))).0;
    assert_eq!(once(&told).result.unwrap().count(), 4);
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    let told = tell(conn.read_all(Aio::new(), 4)).0;
    assert_eq!(once(&told).result.unwrap(), "pong");
}

// ----------------------------------------------------------------------------------- where, when

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
        conn.write_request(Aio::new(), Request::new("a".into()))
    });
    check("wr", "", |conn| {
        conn.write_response(Aio::new(), Response::new("a".into()))
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

// ---------------------------------------------------------------------------------- what they do

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
            let (told, canceller) = {
                let _ = (
                    read.is_done(),
                    read.count(),
                    format!("{read:?}"),
                    read.canceller(),
                );
                tell(read)
            };
            canceller.cancel();
            let _ = format!("{canceller:?}");
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
        // once it is cancelled.
        let (conn, mut peer) = pair(family);
        let front = conn.read(Aio::new(), 1);
        let queued = Conn::clone(&conn).read(Aio::new(), 1);
        let canceller = queued.on_complete(move |_, _| drop(conn));
        canceller.cancel();
        front.cancel();
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

/// For values that do something when they go away.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A buffer whose owner does something when it goes away.
struct Body<F: FnMut()>(OnDrop<F>);

impl<F: FnMut()> AsRef<[u8]> for Body<F> {
    fn as_ref(&self) -> &[u8] {
        b"body"
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

/// Wherever the library lets go of a buffer: the thread that wrote it, that cancelled it, or that
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

// --------------------------------------------------------------------------------------- resubmit

/// What a chain of closures has seen of itself.
struct Chain {
    left: usize,
    /// The lowest and the highest address of a local variable, for each thread.
    stacks: HashMap<ThreadId, (usize, usize)>,
}

impl Chain {
    const LINKS: usize = 10_000;

    fn new() -> Self {
        Self {
            left: Self::LINKS,
            stacks: HashMap::new(),
        }
    }

    /// Whether to go on.
    fn link(&mut self) -> bool {
        let local = 0_u8;
        let here = std::ptr::from_ref(&local).addr();
        let stack = self.stacks.entry(thread::current().id());
        let (lowest, highest) = stack.or_insert((here, here));
        (*lowest, *highest) = (here.min(*lowest), here.max(*highest));
        self.left -= 1;
        self.left > 0
    }

    #[track_caller]
    fn assert_flat(&self) {
        assert_eq!(self.left, 0);
        for (lowest, highest) in self.stacks.values() {
            let grown = highest - lowest;
            assert!(grown < 16 << 10, "{grown} bytes of stack");
        }
    }
}

#[test]
fn a_closure_may_resubmit_the_aio_it_was_handed_for_ever() {
    fn write(
        conn: Conn,
        aio: Aio<Written>,
        mut chain: Chain,
        end: crossbeam_channel::Sender<Chain>,
    ) {
        let aio = conn.write_all(aio.iov(["x"]));
        aio.on_complete(move |result, aio| {
            assert_eq!(result.unwrap().count(), 1);
            if chain.link() {
                write(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    fn read(conn: Conn, aio: Aio<Bytes>, mut chain: Chain, end: crossbeam_channel::Sender<Chain>) {
        let aio = conn.read(aio, 1);
        aio.on_complete(move |result, aio| {
            assert_eq!(result.unwrap(), "x");
            if chain.link() {
                read(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    /// Each completes before it has a closure, so the closure is always attached late.
    fn fail(
        conn: Conn,
        aio: Aio<Written>,
        mut chain: Chain,
        end: crossbeam_channel::Sender<Chain>,
    ) {
        let aio = conn.write_all(aio);
        aio.on_complete(move |result, aio| {
            assert!(result.is_err());
            if chain.link() {
                fail(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (end, ended) = unbounded();
        write(conn.clone(), Aio::new(), Chain::new(), end);
        assert_eq!(peer.expect(Chain::LINKS), vec![b'x'; Chain::LINKS]);
        let chain = receive(&ended);
        chain.assert_flat();
        assert_eq!(chain.stacks.len(), 1);

        let (end, ended) = unbounded();
        read(conn.clone(), Aio::new(), Chain::new(), end);
        peer.say(vec![b'x'; Chain::LINKS]);
        let chain = receive(&ended);
        chain.assert_flat();
        assert_eq!(chain.stacks.len(), 1);

        // Threads that stand in come and go; none is kept waiting for the one after it.
        let (end, ended) = unbounded();
        fail(conn.clone(), Aio::new(), Chain::new(), end);
        receive(&ended).assert_flat();
        conn.close();
        let (end, ended) = unbounded();
        fail(conn, Aio::new(), Chain::new(), end);
        receive(&ended).assert_flat();
    }
}

/// The aio comes back with its options; its old canceller has nothing to do with the new operation.
#[test]
fn a_resubmitted_aio_is_a_new_operation_with_the_old_options() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, second) = unbounded();
    let mine = conn.clone();
    let start = Instant::now();
    let first = conn.read(Aio::new().timeout(SOON), 1);
    let stale = first.on_complete(move |result, aio| {
        assert!(result.unwrap_err().is_timeout());
        let _ = sender.send(tell(mine.read(aio, 1)).0);
    });
    let second = receive(&second);
    stale.cancel();
    let told = once(&second);
    assert!(told.result.unwrap_err().is_timeout());
    assert!(told.at - start >= 2 * SOON);
    assert_alive(&conn, &mut peer);
}

// ------------------------------------------------------------------------------------------ panic

/// A panic without a message on the terminal.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("quiet"))
}

#[test]
fn a_closure_that_panics_hurts_nobody_else() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic_quietly();
            }
        }
    }
    let panics: [fn(); 3] = [
        || panic_quietly(),
        // Whoever drops the payload panics again.
        || resume_unwind(Box::new(Payload)),
        // Not the closure itself but what it owns.
        || drop(Payload),
    ];
    for (inside, panics) in Inside::ALL.into_iter().flat_map(|i| panics.map(|p| (i, p))) {
        let (conn, mut peer) = pair(Family::Tcp);
        let (sender, gone) = unbounded::<()>();
        let (first, second) = (sender.clone(), sender);
        inside.call(&conn, &mut peer, || {});
        // `call` returns what the closure returns, which this one does not.
        let aio = conn.write_all(Aio::new().iov(["w"]));
        aio.on_complete(move |_, _| {
            let _owned = first;
            panics();
        });
        let aio = conn.read(Aio::new(), 1);
        aio.on_complete(move |_, _| {
            let _owned = second;
            panics();
        });
        assert_eq!(peer.expect(1), b"w");
        peer.say("r");
        let disconnected = gone.recv_timeout(PATIENCE);
        assert_eq!(disconnected, Err(RecvTimeoutError::Disconnected));
        assert_alive(&conn, &mut peer);

        // Of operations that end one after the other, those behind the panic are told as well.
        let front = conn.read(Aio::new(), 1);
        let aios: Vec<_> = (0..10).map(|_| conn.read(Aio::new(), 1)).collect();
        let cancellers: Vec<_> = aios
            .into_iter()
            .map(|aio| aio.on_complete(move |_, _| panics()))
            .collect();
        let (told, canceller) = tell(conn.read(Aio::new(), 1));
        cancellers.iter().for_each(http_aio::Canceller::cancel);
        canceller.cancel();
        assert!(once(&told).result.unwrap_err().is_canceled());
        peer.say("f");
        settle(front).unwrap();
        assert_alive(&conn, &mut peer);
    }
}

#[test]
fn a_waker_that_panics_hurts_nobody_else() {
    struct Panics(AtomicUsize);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic_quietly();
        }
    }
    let (conn, mut peer) = pair(Family::Tcp);
    let woken = Arc::new(Panics(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    // On the reader's thread, and on one that stands in for it.
    let mut read = pin!(conn.read(Aio::new(), 1).into_future());
    let queued = conn.read(Aio::new(), 1);
    let canceller = queued.canceller();
    let mut queued = pin!(queued.into_future());
    assert!(read.as_mut().poll(&mut context).is_pending());
    assert!(queued.as_mut().poll(&mut context).is_pending());
    canceller.cancel();
    wait_until("the waker is called", || {
        woken.0.load(Ordering::Relaxed) == 1
    });
    peer.say("x");
    wait_until("the waker is called", || {
        woken.0.load(Ordering::Relaxed) == 2
    });
    let Poll::Ready(Ok(bytes)) = read.as_mut().poll(&mut context) else {
        panic!("it has completed");
    };
    assert_eq!(bytes, "x");
    assert!(
        matches!(queued.as_mut().poll(&mut context), Poll::Ready(Err(error)) if error.is_canceled())
    );
    // Ready once; then it stays pending, and is not woken.
    assert!(read.poll(&mut context).is_pending());
    assert_alive(&conn, &mut peer);
}

#[test]
fn an_aio_can_be_awaited() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        block_on(async {
            let read = conn.read_all(Aio::new(), 4);
            let written = conn.write_all(Aio::new().iov(["ping"])).await.unwrap();
            assert_eq!(written.count(), 4);
            peer.say("pong");
            assert_eq!(read.await.unwrap(), "pong");
            let late = conn.read(Aio::new().timeout(Duration::from_millis(10)), 1);
            assert!(late.await.unwrap_err().is_timeout());
        });
    }
}

/// Lent to a vector, it panics when the library lets go of it.
struct Bomb(&'static [u8]);

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic_quietly();
        }
    }
}

/// Its owner is user code as a closure is. On the writer's thread, and on the timer's.
#[test]
fn a_vector_that_panics_when_it_is_dropped_hurts_nobody_else() {
    let bomb = || Bytes::from_owner(Bomb(b"bomb"));
    let (conn, mut peer) = pair(Family::Tcp);
    let told = tell(conn.write_all(Aio::new().iov([bomb(), bomb()]))).0;
    assert_eq!(once(&told).result.unwrap().count(), 8);
    assert_eq!(peer.expect(8), b"bombbomb");
    assert_alive(&conn, &mut peer);

    let stuck = jam(&conn, Aio::new());
    let aio = Aio::new().iov([bomb(), bomb()]).timeout(SOON);
    let told = tell(conn.write_all(aio)).0;
    assert_eq!(failure(once(&told).result), (ErrorKind::TimedOut, 0));
    assert!(!stuck.is_done());
    peer.expect(MORE_THAN_FITS);
    settle(stuck).unwrap();
    assert_alive(&conn, &mut peer);
}

#[test]
fn a_vector_that_panics_when_it_is_dropped_stops_no_timer() {
    if !alone("callback::a_vector_that_panics_when_it_is_dropped_stops_no_timer") {
        return;
    }
    let (other, _silent) = pair(Family::Tcp);
    let _front = other.read(Aio::new(), 1);
    let (told, _) = tell(other.read(Aio::new().timeout(3 * SOON), 1));
    let (conn, _stuck) = pair(Family::Tcp);
    let _front = jam(&conn, Aio::new());
    let body = Bytes::from_owner(Bomb(b"bomb"));
    let aio = conn.write_all(Aio::new().iov([body]).timeout(SOON));
    assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
    assert!(receive(&told).result.unwrap_err().is_timeout());
}

// ------------------------------------------------------------------------------------------- wait

#[test]
fn waiting_in_a_closure_for_the_same_connection_is_answered() {
    /// `wait` is one way to wait for a read or a write.
    #[track_caller]
    fn check(wait: impl Fn(&Conn) -> Option<ErrorKind> + Copy + Send + 'static) {
        for inside in Inside::ALL {
            let (conn, mut peer) = pair(Family::Tcp);
            // So that a write does not complete by itself meanwhile; but for the closure of one.
            let stuck = (!matches!(inside, Inside::Write)).then(|| jam(&conn, Aio::new()));
            let mine = conn.clone();
            let kind = inside.call(&conn, &mut peer, move || wait(&mine));
            assert_eq!(kind, Some(ErrorKind::WouldDeadlock), "{inside:?}");
            if let Some(stuck) = stuck {
                assert_pattern(0, &peer.expect(MORE_THAN_FITS));
                settle(stuck).unwrap();
            }
        }
    }
    fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }
    fn io_kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
        let error = result.err()?;
        assert_eq!(error.kind(), io::ErrorKind::Deadlock);
        Some(Error::from(error).kind())
    }
    let write = |conn: &Conn| conn.write_all(Aio::new().iov(["x"]));
    let read = |conn: &Conn| conn.read(Aio::new(), 1);
    check(move |conn| kind(write(conn).wait()));
    check(move |conn| kind(write(conn).reclaim().0));
    check(move |conn| kind(write(conn).wait_timeout(PATIENCE).unwrap()));
    check(move |conn| kind(read(conn).wait()));
    check(move |conn| kind(read(conn).reclaim().0));
    check(move |conn| kind(read(conn).wait_timeout(PATIENCE).unwrap()));
    check(move |mut conn| io_kind(Write::write(&mut conn, b"x")));
    check(move |mut conn| io_kind(conn.write_all_blocking(b"x")));
    check(move |mut conn| io_kind(Read::read(&mut conn, &mut [0; 9])));

    trait WriteAllBlocking {
        fn write_all_blocking(&mut self, bytes: &[u8]) -> io::Result<()>;
    }
    impl WriteAllBlocking for &Conn {
        fn write_all_blocking(&mut self, bytes: &[u8]) -> io::Result<()> {
            Write::write_all(self, bytes)
        }
    }
}

/// The aio that comes back is a good one.
#[test]
fn an_aio_that_was_not_waited_for_can_be_submitted_again() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mine = conn.clone();
    let again = Inside::Write.call(&conn, &mut peer, move || {
        let (result, aio) = mine.write_all(Aio::new().iov(["detached "])).reclaim();
        assert_eq!(failure(result).0, ErrorKind::WouldDeadlock);
        mine.write_all(aio.iov(["again"]))
    });
    assert_eq!(settle(again).unwrap().count(), 5);
    assert_eq!(peer.expect(14), b"detached again");
}

/// A read has its bytes to itself, so one that nobody waits for would lose them.
#[test]
fn a_read_that_was_not_waited_for_takes_nothing() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let mine = conn.clone();
        let (result, aio) = inside.call(&conn, &mut peer, move || {
            mine.read(Aio::new().timeout(SOON), 9).reclaim()
        });
        assert_eq!(failure(result), (ErrorKind::WouldDeadlock, 0));
        peer.say("kept");
        assert_eq!(settle(conn.read_all(aio, 4)).unwrap(), "kept");
        assert_alive(&conn, &mut peer);
    }
}

/// `std::io` has no handle left that the bytes could go to, so nothing may be under way after it.
#[test]
fn std_io_that_would_deadlock_has_moved_nothing() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let mine = conn.clone();
        inside.call(&conn, &mut peer, move || {
            let error = Write::write(&mut &mine, b"lost?").unwrap_err();
            assert_eq!(Error::from(error).count(), 0);
            let error = Read::read(&mut &mine, &mut [0; 9]).unwrap_err();
            assert_eq!(Error::from(error).count(), 0);
        });
        peer.say("for whoever asks");
        assert_eq!(
            settle(conn.read(Aio::new().timeout(PATIENCE / 3), 99)).unwrap(),
            "for whoever asks"
        );
        settle(conn.write_all(Aio::new().iov(["next"]))).unwrap();
        drop(conn);
        assert_eq!(peer.drain().bytes, b"next");
    }
}

#[test]
fn waiting_in_a_closure_for_what_is_done_or_for_another_connection_works() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let done = conn.write_all(Aio::new().iov(["done"]));
        assert_eq!(peer.expect(4), b"done");
        wait_until("it is done", || done.is_done());
        let (other, mut others) = pair(Family::Unix);
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = address.local_addr().unwrap();
        others.say("there");
        inside.call(&conn, &mut peer, move || {
            assert_eq!(done.wait().unwrap().count(), 4);
            other.write_all(Aio::new().iov(["x"])).wait().unwrap();
            assert_eq!(other.read_all(Aio::new(), 5).wait().unwrap(), "there");
            let expired = other.read(Aio::new().timeout(Duration::from_millis(10)), 1);
            assert!(expired.wait().unwrap_err().is_timeout());
            let third = Conn::connect(Aio::new(), there).wait().unwrap();
            third.write_all(Aio::new().iov(["x"])).wait().unwrap();
        });
        assert_alive(&conn, &mut peer);
    }
}

// ------------------------------------------------------------------------------------------ block

#[test]
fn a_closure_that_blocks_delays_its_own_direction_only() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (let_go, gate) = gate();
        let aio = conn.write_all(Aio::new().iov(["a"]));
        aio.on_complete(move |_, _| receive(&gate));
        assert_eq!(peer.expect(1), b"a");
        let behind = conn.write_all(Aio::new().iov(["b"]));
        peer.say("xy");
        assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "x");
        let told = once(&tell(conn.read(Aio::new(), 1)).0);
        assert_eq!(told.thread, thread_of(&conn, "rd"));
        assert!(!behind.is_done());
        let_go.send(()).unwrap();
        settle(behind).unwrap();
        assert_eq!(peer.expect(1), b"b");

        let (let_go, gate) = self::gate();
        let aio = conn.read(Aio::new(), 1);
        aio.on_complete(move |_, _| receive(&gate));
        peer.say("z");
        settle(conn.write_all(Aio::new().iov(["c"]))).unwrap();
        assert_eq!(peer.expect(1), b"c");
        let_go.send(()).unwrap();
        assert_alive(&conn, &mut peer);
    }
}

#[test]
fn operations_behind_a_closure_that_blocks_still_end_in_time() {
    /// `block` occupies a direction until the gate opens, `queue` submits to it.
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        block: impl Fn(&Conn, &mut Peer, Receiver<()>),
        queue: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        in_time(|| {
            let (conn, mut peer) = pair(Family::Tcp);
            let (let_go, gate) = gate();
            block(&conn, &mut peer, gate);
            let start = Instant::now();
            let (expires, _) = tell(queue(&conn, Aio::new().timeout(SOON)));
            let (canceled, canceller) = tell(queue(&conn, Aio::new()));
            let last = queue(&conn, Aio::new());
            canceller.cancel();
            let canceled = once(&canceled);
            assert_eq!(failure(canceled.result), (ErrorKind::Canceled, 0));
            let expires = once(&expires);
            assert_eq!(failure(expires.result), (ErrorKind::TimedOut, 0));
            assert!(expires.at - start >= SOON);
            for thread in [canceled.thread, expires.thread] {
                assert_eq!(thread, thread_of(&conn, "cb"));
            }
            assert!(!last.is_done());
            let_go.send(()).unwrap();
            peer.say("x");
            settle(last).unwrap();
            let most = Duration::from_millis(50);
            at_most("the cancel", canceled.at - start, most)?;
            at_most("the deadline", expires.at - start, SOON + most)
        });
    }
    check(
        |conn, peer, gate| {
            let (sender, started) = unbounded();
            let aio = conn.write_all(Aio::new().iov(["a"]));
            aio.on_complete(move |_, _| {
                let _ = sender.send(());
                receive(&gate);
            });
            peer.expect(1);
            receive(&started);
        },
        |conn, aio| conn.write_all(aio.iov(["b"])),
    );
    check(
        |conn, peer, gate| {
            let (sender, started) = unbounded();
            let aio = conn.read(Aio::new(), 1);
            aio.on_complete(move |_, _| {
                let _ = sender.send(());
                receive(&gate);
            });
            peer.say("a");
            receive(&started);
        },
        |conn, aio| conn.read(aio, 1),
    );
}

/// What falls due while one runs comes after it, unless that takes its time: on a busy machine it may
/// seem to, so one time in many will do.
#[test]
fn what_falls_due_in_a_closure_is_told_after_it() {
    for family in FAMILIES {
        let (conn, _peer) = pair(family);
        let in_order = (0..20).any(|_| {
            let (sender, order) = unbounded();
            let (theirs, behind) = (sender.clone(), conn.clone());
            let _ = write_pattern(&conn, Aio::new(), 0, 1).on_complete(move |_, _| {
                let write = write_pattern(&behind, Aio::new(), 0, 1);
                let canceller = write.on_complete(move |_, _| {
                    let _ = sender.send(2);
                });
                canceller.cancel();
                thread::sleep(Duration::from_millis(3));
                let _ = theirs.send(1);
            });
            [receive(&order), receive(&order)] == [1, 2]
        });
        assert!(in_order, "{family:?}");
    }
}

/// Cancelled while the thread is on its way from the completion of one operation to its closure,
/// which then blocks: what fell due in that moment must not be left waiting.
#[test]
fn a_closure_that_falls_due_just_before_another_blocks_does_not_wait_for_it() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, canceller) = unbounded::<http_aio::Canceller>();
    // The thread lets go of the buffer when it is written, and that is the moment.
    let cancel = OnDrop(move || receive(&canceller).cancel());
    let (let_go, gate) = gate();
    let first = conn.write_all(Aio::new().iov([Bytes::from_owner(Body(cancel))]));
    first.on_complete(move |_, _| receive(&gate));
    // Too long to go out together with the first.
    let (told, canceller) = tell(write_pattern(&conn, Aio::new(), 0, 20 << 10));
    sender.send(canceller).unwrap();
    assert_eq!(peer.expect(4), b"body");
    // The gate is closed all the while; only a closure that waits for it takes so long.
    let told = told.recv_timeout(PATIENCE / 6).expect("it does not wait");
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    let_go.send(()).unwrap();
    assert_alive(&conn, &mut peer);
}

// ------------------------------------------------------------------------------------- everything

/// Submits, cancels, expires, closes, drops and goes away at random, from several threads at once.
/// Every closure runs, once, and in the end nothing is left: no thread, no socket.
#[test]
#[cfg(target_os = "linux")]
fn whatever_happens_every_closure_runs_once_and_nothing_is_left() {
    if !alone("callback::whatever_happens_every_closure_runs_once_and_nothing_is_left") {
        return;
    }
    fn threads() -> Vec<String> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| {
            // Gone already, if there is none.
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        });
        names
            .filter(|name| is_ours(name) && !name.starts_with("http-aio:timer"))
            .collect()
    }
    fn sockets() -> usize {
        let files = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        links
            .filter(|link| link.to_string_lossy().starts_with("socket:"))
            .count()
    }
    for seed in 0..150 {
        storm(seed);
    }
    wait_until("the threads end", || threads().is_empty());
    wait_until("the sockets close", || sockets() == 0);
}

/// Marsaglia's xorshift: the same storm for the same seed, as far as the threads allow.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[track_caller]
fn storm(seed: u64) {
    const THREADS: u64 = 3;
    let (conn, mut peer) = pair(FAMILIES[seed as usize % 2]);
    let (sender, told) = unbounded();
    let submitters: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (conn, told) = (conn.clone(), sender.clone());
            let dice = Dice::new(seed * THREADS + thread);
            thread::spawn(move || submit_at_random(conn, dice, &told))
        })
        .collect();
    drop((conn, sender));
    // The peer reads and says something at random, and then goes away.
    let mut dice = Dice::new(!seed);
    let patience = Duration::from_micros(300);
    match &peer {
        Peer::Tcp(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
        Peer::Unix(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
    }
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..dice.roll(60) {
        if dice.roll(2) == 0 {
            let most = 1 + dice.roll(64 << 10) as usize;
            let _ = peer.read(&mut buffer[..most]);
        } else {
            let _ = peer.write(&buffer[..dice.roll(9) as usize]);
        }
    }
    drop(peer);
    let mut submitted: Vec<u64> = submitters.into_iter().flat_map(join).collect();
    let mut called = Vec::new();
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(ticket) => called.push(ticket),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!(
                "seed {seed}: {} of {} closures were called",
                called.len(),
                submitted.len()
            ),
        }
    }
    submitted.sort_unstable();
    called.sort_unstable();
    assert_eq!(called, submitted, "seed {seed}");
}

/// Returns the tickets of the closures that were attached.
fn submit_at_random(conn: Conn, mut dice: Dice, told: &crossbeam_channel::Sender<u64>) -> Vec<u64> {
    /// By turns with a time limit, and with the closure attached at once or a little later.
    fn submit<T: Send + 'static>(
        dice: &mut Dice,
        ticket: u64,
        told: &crossbeam_channel::Sender<u64>,
        start: impl FnOnce(Aio<T>) -> Aio<T, InFlight>,
    ) -> http_aio::Canceller {
        let aio = match dice.roll(4) {
            0 => Aio::new().timeout(Duration::from_micros(dice.roll(3000))),
            _ => Aio::new(),
        };
        let aio = start(aio);
        if dice.roll(3) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(200)));
        }
        let told = told.clone();
        let panics = dice.roll(20) == 0;
        aio.on_complete(move |_, _| {
            let _ = told.send(ticket);
            if panics {
                panic_quietly();
            }
        })
    }
    let mut tickets = Vec::new();
    let mut cancellers = Vec::new();
    let closes = dice.roll(3) == 0;
    for turn in 0..40 {
        let ticket = dice.roll(u64::MAX);
        tickets.push(ticket);
        let len = [0, 5, 9_000, 200_000][dice.roll(4) as usize];
        let offset = dice.roll(1000);
        cancellers.push(match dice.roll(6) {
            0 | 1 => submit(&mut dice, ticket, told, |aio| {
                conn.write_all(aio.iov([pattern(offset, len)]))
            }),
            2 => submit(&mut dice, ticket, told, |aio| {
                conn.write(aio.iov([pattern(offset, len)]))
            }),
            3 => submit(&mut dice, ticket, told, |aio| conn.read(aio, 3)),
            4 => submit(&mut dice, ticket, told, |aio| conn.read_all(aio, 7)),
            _ => submit(&mut dice, ticket, told, |aio| conn.read_request(aio)),
        });
        if dice.roll(2) == 0 {
            let which = dice.roll(cancellers.len() as u64) as usize;
            cancellers[which].cancel();
        }
        if closes && turn == 30 {
            conn.close();
        }
    }
    tickets
}

// --------------------------------------------------------------------------------------- in memory

#[cfg(feature = "test-util")]
mod in_memory {
    use http_aio::testing::memory::{Fault, Faults};

    use super::*;

    /// Several small writes go out in one call, and the closure of the first may block while the
    /// next of that call, which the peer had only so much room for, is still to be written.
    #[track_caller]
    fn check_second_of_a_call(room: usize) {
        in_time(|| {
            let (conn, peer) = memory_pair(room, Faults::none());
            let (let_go, gate) = gate();
            let (opened, open) = super::gate();
            // Both are queued while the thread is in this closure, so it takes them together.
            let aio = conn.write_all(Aio::new().iov(Vec::<Bytes>::new()));
            aio.on_complete(move |_, _| receive(&open));
            let first = conn.write_all(Aio::new().iov(["0123456789"]));
            let start = Instant::now();
            let aio = Aio::new().iov(["0123456789"]).timeout(SOON);
            let (second, _) = tell(conn.write_all(aio));
            first.on_complete(move |result, _| {
                result.unwrap();
                receive(&gate);
            });
            opened.send(()).unwrap();
            // It is told before the gate opens, or late.
            let told = second.recv_timeout(10 * SOON);
            let_go.send(()).unwrap();
            let told = told.unwrap_or_else(|_| receive(&second));
            let (kind, count) = failure(told.result);
            assert_eq!((kind, count), (ErrorKind::TimedOut, room as u64 - 10));
            assert!(told.at - start >= SOON);
            drop(conn);
            assert_eq!(drain_memory(peer), b"0123456789012"[..room]);
            let most = SOON + Duration::from_millis(50);
            at_most("the deadline of the second", told.at - start, most)
        });
    }

    #[test]
    fn an_untouched_operation_of_the_same_call_as_a_closure_that_blocks_ends_in_time() {
        check_second_of_a_call(10);
    }

    /// Three bytes of it have gone out.
    #[test]
    fn an_operation_in_flight_behind_a_closure_that_blocks_ends_in_time() {
        check_second_of_a_call(13);
    }

    /// Its thread is gone, and with it the one that would have run what is due.
    #[test]
    fn a_transport_that_panics_strands_no_closure() {
        /// The nth call panics; one operation goes out before, `behind` it wait others.
        #[track_caller]
        fn check(nth: usize, behind: usize) {
            let mut faults = Faults::none();
            faults.call_bytes = 4;
            faults.fail_write = Some((nth, Fault::Panic));
            let (conn, peer) = memory_pair(100, faults);
            let (sender, told) = unbounded();
            let mine = conn.clone();
            // From inside a closure, so that all have theirs before the thread comes back.
            conn.write_all(Aio::new().iov(["1"]))
                .on_complete(move |_, _| {
                    // Too long to go out together with others.
                    let first = tell(mine.write_all(Aio::new().iov([pattern(1, 20 << 10)]))).0;
                    let others = (0..behind).map(|_| tell(mine.write_all(Aio::new().iov(["x"]))).0);
                    let _ = sender.send((first, others.collect::<Vec<_>>()));
                });
            let (first, others) = receive(&told);
            let (kind, count) = failure(once(&first).result);
            assert_eq!(kind, ErrorKind::Abandoned);
            for told in others {
                assert_eq!(failure(once(&told).result), (ErrorKind::Closed, 0));
            }
            drop(conn);
            assert_eq!(drain_memory(peer).len() as u64, 1 + count);
        }
        // In the call that does not block, and in later ones.
        for nth in 2..=4 {
            check(nth, 0);
            check(nth, 2);
        }
    }
}
