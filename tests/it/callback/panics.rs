//! Closures, wakers and buffers that panic.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, unbounded};
use http_aio::bytes::Bytes;
use http_aio::{Aio, ErrorKind};

use super::{Inside, SOON, assert_alive, panic_quietly};
use crate::support::*;

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
        let cancelers: Vec<_> = aios
            .into_iter()
            .map(|aio| aio.on_complete(move |_, _| panics()))
            .collect();
        let (told, canceler) = tell(conn.read(Aio::new(), 1));
        cancelers.iter().for_each(http_aio::Canceler::cancel);
        canceler.cancel();
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
    let mut read = pin!(conn.read(Aio::new(), 1));
    let queued = conn.read(Aio::new(), 1);
    let canceler = queued.canceler();
    let mut queued = pin!(queued);
    assert!(read.as_mut().poll(&mut context).is_pending());
    assert!(queued.as_mut().poll(&mut context).is_pending());
    canceler.cancel();
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
    if !alone("callback::panics::a_vector_that_panics_when_it_is_dropped_stops_no_timer") {
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
