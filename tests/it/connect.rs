//! Connecting: to whatever names an address, in the time there is for all of them together, and
//! cancellable at every moment without leaving a thread or a socket behind.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::{Aio, Conn, ErrorKind, InFlight};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// An address where nobody listens. The port is kept, so that nobody else gets it meanwhile.
pub(crate) fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a port");
    let address = socket.local_addr().ok().and_then(|a| a.as_socket());
    (socket, address.expect("bound"))
}

/// An address that does not answer: its queue of connections is full, and nobody accepts.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    /// None where the system answers nevertheless.
    pub(crate) fn open() -> Option<Self> {
        let (listener, address) = refusing();
        listener.listen(0).ok()?;
        let mut queued = Vec::new();
        while queued.len() < 16 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
            let answered = socket.connect_timeout(&address.into(), SOON).is_ok();
            queued.push(socket);
            if !answered {
                return Some(Self {
                    address,
                    _listener: listener,
                    _queued: queued,
                });
            }
        }
        None
    }
}

/// Runs a test that needs one; says so where there is none to be had.
#[track_caller]
pub(crate) fn with_black_hole(test: impl FnOnce(SocketAddr)) {
    match BlackHole::open() {
        Some(hole) => test(hole.address),
        None => println!("skipped: a full backlog answers on this system"),
    }
}

/// Resolves to these addresses, in this order, after whatever `before` does; counts its calls.
#[derive(Clone)]
pub(crate) struct Name {
    addresses: Vec<SocketAddr>,
    pub(crate) calls: Arc<AtomicUsize>,
    before: Arc<dyn Fn() + Send + Sync>,
}

impl Name {
    pub(crate) fn of(addresses: &[SocketAddr]) -> Self {
        Self::after(addresses, || {})
    }

    pub(crate) fn after(
        addresses: &[SocketAddr],
        before: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            addresses: addresses.to_vec(),
            calls: Arc::default(),
            before: Arc::new(before),
        }
    }
}

impl ToSocketAddrs for Name {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        (self.before)();
        Ok(self.addresses.clone().into_iter())
    }
}

/// It is connected to `listener`, and works.
#[track_caller]
pub(crate) fn assert_connected(conn: &Conn, listener: &TcpListener) {
    let (stream, from) = listener.accept().expect("it has connected");
    assert_eq!(conn.local_addr().ip(), Some(from));
    assert_eq!(conn.peer_addr().ip(), listener.local_addr().ok());
    let mut peer = Peer::from(stream);
    settle(conn.write_all(Aio::new().iov(["ping"]))).unwrap();
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "pong");
}

/// The listener has been connected to by somebody who went away without a word.
#[track_caller]
fn assert_abandoned(listener: &TcpListener) {
    let (stream, _) = listener.accept().expect("it has connected");
    let drained = Peer::from(stream).drain();
    assert_eq!((drained.count(), drained.end), (0, End::OfStream));
}

// ------------------------------------------------------------------------------------------ where

#[test]
fn connects_to_whatever_names_an_address() {
    #[track_caller]
    fn check<A: ToSocketAddrs + Send + 'static>(address: impl FnOnce(u16) -> A) {
        let (listener, there) = listen();
        let conn = settle(Conn::connect(Aio::new(), address(there.port()))).unwrap();
        assert_connected(&conn, &listener);
    }
    check(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    check(|port| (Ipv4Addr::LOCALHOST, port));
    check(|port| format!("127.0.0.1:{port}"));
    check(|port| ("127.0.0.1", port));
    // May resolve to more than one address, of which only one listens.
    check(|port| (String::from("localhost"), port));
    check(|port| format!("localhost:{port}"));
    check(|port| Name::of(&[SocketAddr::from(([127, 0, 0, 1], port))]));
}

#[test]
fn connects_over_ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return println!("skipped: no IPv6 here");
    };
    let conn = settle(Conn::connect(Aio::new(), listener.local_addr().unwrap())).unwrap();
    assert_connected(&conn, &listener);
}

#[test]
fn a_new_connection_sends_at_once_and_blocks() {
    let (listener, there) = listen();
    for aio in [Aio::new(), Aio::new().timeout(PATIENCE)] {
        let conn = settle(Conn::connect(aio, there)).unwrap();
        let _peer = listener.accept().unwrap();
        let stream = conn.into_parts().unwrap().stream.into_tcp().unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(!socket.nonblocking().unwrap());
    }
}

#[test]
fn what_cannot_be_connected_to_says_why() {
    #[track_caller]
    fn check(address: impl ToSocketAddrs + Send + Clone + 'static, kind: ErrorKind) {
        for aio in [Aio::new(), Aio::new().timeout(PATIENCE)] {
            let error = settle(Conn::connect(aio, address.clone())).unwrap_err();
            assert_eq!((error.kind(), error.count()), (kind, 0), "{error:?}");
        }
    }
    let (_port, nobody) = refusing();
    check(nobody, ErrorKind::Refused);
    check(nobody.to_string(), ErrorKind::Refused);
    check("127.0.0.1", ErrorKind::InvalidInput);
    check("localhost:", ErrorKind::InvalidInput);
    check("localhost:http", ErrorKind::InvalidInput);
    check("localhost:65536", ErrorKind::InvalidInput);
    check("http://localhost/", ErrorKind::InvalidInput);
    check("", ErrorKind::InvalidInput);
    check(Name::of(&[]), ErrorKind::Resolve);
    // Reserved so that it never resolves (RFC 6761).
    check("name.invalid:80", ErrorKind::Resolve);
    check(("name.invalid", 80), ErrorKind::Resolve);
}

/// The first that listens is taken.
#[test]
fn of_several_addresses_each_is_tried() {
    let (_port, nobody) = refusing();
    let (listener, there) = listen();
    for aio in [|| Aio::new(), || Aio::new().timeout(PATIENCE)] {
        let conn = settle(Conn::connect(
            aio(),
            Name::of(&[nobody, nobody, there, nobody]),
        ));
        assert_connected(&conn.unwrap(), &listener);
        let all = Name::of(&[nobody, nobody]);
        let error = settle(Conn::connect(aio(), all)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

// ------------------------------------------------------------------------------------------- time

#[test]
fn the_deadline_is_that_of_all_addresses_together() {
    with_black_hole(|hole| {
        for count in 1..=3 {
            in_time(|| {
                let total = 3 * SOON;
                let start = Instant::now();
                let name = Name::of(&vec![hole; count]);
                let aio = Conn::connect(Aio::new().timeout(total), name);
                let (kind, counted) = failure(settle(aio));
                let took = start.elapsed();
                assert_eq!((kind, counted), (ErrorKind::TimedOut, 0));
                assert!(took >= total, "{took:?}");
                at_most("the deadline", took, total + Duration::from_millis(50))
            });
        }
    });
}

/// Where there is less time than the race would take, all are tried nevertheless.
#[test]
fn each_address_has_an_equal_share_of_little_time() {
    with_black_hole(|hole| {
        let (listener, there) = listen();
        in_time(|| {
            let total = 8 * SOON;
            let start = Instant::now();
            let aio = Aio::new().timeout(total);
            let conn = settle(Conn::connect(aio, Name::of(&[hole, hole, there, there])));
            let took = start.elapsed();
            // Twice a quarter of the time; whatever resolving took counts for all.
            assert!(took >= total / 2, "{took:?}");
            let Ok(conn) = conn else {
                return Err(format!("{:?} after {took:?}", conn.unwrap_err()));
            };
            assert_connected(&conn, &listener);
            at_most("two shares", took, total / 2 + SOON)
        });
        // One that is refused uses up nothing of its share. What is under way may answer yet, so the
        // refusal is not the end, in whichever order.
        let (_port, nobody) = refusing();
        for name in [[nobody, hole], [hole, nobody]] {
            let aio = Conn::connect(Aio::new().timeout(2 * SOON), Name::of(&name));
            assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
        }
    });
}

#[test]
fn nothing_is_tried_when_there_is_no_time() {
    let (listener, there) = listen();
    listener.set_nonblocking(true).unwrap();
    for aio in [
        Aio::new().timeout(Duration::ZERO),
        Aio::new().deadline(Instant::now()),
    ] {
        let name = Name::of(&[there]);
        let calls = Arc::clone(&name.calls);
        let aio = Conn::connect(aio, name);
        assert!(aio.is_done());
        assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    }
    let accepted = listener.accept().unwrap_err();
    assert_eq!(accepted.kind(), io::ErrorKind::WouldBlock);
}

/// A resolver that hangs hangs alone: the operation ends in time, and the result is nobody's.
#[test]
fn a_resolver_that_hangs_delays_nobody() {
    in_time(|| {
        let (listener, there) = listen();
        listener.set_nonblocking(true).unwrap();
        let (let_go, gate) = unbounded::<()>();
        let name = Name::after(&[there], move || {
            let _ = gate.recv_timeout(PATIENCE);
        });
        let calls = Arc::clone(&name.calls);
        let start = Instant::now();
        let expired = Conn::connect(Aio::new().timeout(SOON), name.clone());
        let canceled = Conn::connect(Aio::new(), name);
        wait_until("both resolve", || calls.load(Ordering::Relaxed) == 2);
        let canceling = Instant::now();
        canceled.cancel();
        assert_eq!(failure(settle(canceled)).0, ErrorKind::Canceled);
        let cancel_took = canceling.elapsed();
        assert_eq!(failure(settle(expired)).0, ErrorKind::TimedOut);
        let took = start.elapsed();
        assert!(took >= SOON);
        drop(let_go);
        // Both resolvers have returned when this is through, and neither has connected.
        thread::sleep(Duration::from_millis(20));
        let accepted = listener.accept().map(drop).unwrap_err();
        assert_eq!(accepted.kind(), io::ErrorKind::WouldBlock);
        at_most("the cancel", cancel_took, Duration::from_millis(50))?;
        at_most("the deadline", took, SOON + Duration::from_millis(50))
    });
}

// ----------------------------------------------------------------------------------------- cancel

#[test]
fn a_cancel_takes_effect_at_once() {
    with_black_hole(|hole| {
        for aio in [|| Aio::new(), || Aio::new().timeout(PATIENCE)] {
            in_time(|| {
                let aio = Conn::connect(aio(), hole);
                // Canceled at once, and when the thread is surely connecting.
                let early = Conn::connect(Aio::new(), hole);
                early.cancel();
                assert_eq!(failure(settle(early)), (ErrorKind::Canceled, 0));
                thread::sleep(Duration::from_millis(20));
                assert!(!aio.is_done());
                let start = Instant::now();
                aio.cancel();
                assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
                at_most("the cancel", start.elapsed(), Duration::from_millis(50))
            });
        }
    });
}

/// Neither a cancel nor a deadline leaves the thread to the kernel's patience, which is minutes.
#[test]
#[cfg(target_os = "linux")]
fn the_thread_of_a_connect_that_was_given_up_ends() {
    if !alone("connect::the_thread_of_a_connect_that_was_given_up_ends") {
        return;
    }
    fn threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        };
        // The kernel keeps 15 bytes of a name.
        tasks
            .map(name)
            .filter(|name| name.starts_with("http-aio:connec"))
            .count()
    }
    with_black_hole(|hole| {
        let aios = [
            Conn::connect(Aio::new(), hole),
            Conn::connect(Aio::new().timeout(10 * PATIENCE), hole),
            Conn::connect(Aio::new(), Name::of(&[hole, hole])),
            Conn::connect(Aio::new().timeout(SOON), hole),
        ];
        wait_until("they connect", || threads() == 4);
        thread::sleep(Duration::from_millis(20));
        aios[..3].iter().for_each(Aio::cancel);
        wait_until("the threads end", || threads() == 0);
        for (aio, kind) in aios.into_iter().zip([
            ErrorKind::Canceled,
            ErrorKind::Canceled,
            ErrorKind::Canceled,
            ErrorKind::TimedOut,
        ]) {
            assert_eq!(failure(settle(aio)).0, kind);
        }
        // Wherever the thread is: starting, resolving, about to connect, connecting.
        for round in 0..8000 {
            let aio = Conn::connect(Aio::new(), hole);
            for _ in 0..round % 200 * 50 {
                std::hint::spin_loop();
            }
            aio.cancel();
            assert_eq!(failure(settle(aio)).0, ErrorKind::Canceled);
        }
        wait_until("the threads end", || threads() == 0);
    });
    let (listener, there) = listen();
    let conn = settle(Conn::connect(Aio::new(), there)).unwrap();
    assert_connected(&conn, &listener);
    wait_until("the thread ends", || threads() == 0);
}

/// Either there is a connection, and it works, or there is none on either side.
#[test]
fn a_cancel_that_races_with_success_leaves_nothing_half_done() {
    let (listener, there) = listen();
    for round in 0..300 {
        let aio = Conn::connect(Aio::new(), there);
        for _ in 0..round * 50 {
            std::hint::spin_loop();
        }
        aio.cancel();
        match settle(aio) {
            Ok(conn) => {
                // Those that were given up may be in the queue before it.
                let mine = conn.local_addr().ip();
                let mut peer = loop {
                    let (stream, from) = listener.accept().unwrap();
                    let mut peer = Peer::from(stream);
                    if Some(from) == mine {
                        break peer;
                    }
                    assert_eq!(peer.drain().count(), 0);
                };
                settle(conn.write_all(Aio::new().iov(["x"]))).unwrap();
                drop(conn);
                assert_eq!(peer.drain().bytes, b"x");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Canceled),
        }
    }
    listener.set_nonblocking(true).unwrap();
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(false).unwrap();
        assert_eq!(Peer::from(stream).drain().count(), 0);
    }
}

#[test]
fn a_cancel_after_success_changes_nothing() {
    let (listener, there) = listen();
    let aio = Conn::connect(Aio::new(), there);
    wait_until("it connects", || aio.is_done());
    let canceler = aio.canceler();
    aio.cancel();
    let conn = settle(aio).unwrap();
    canceler.cancel();
    assert_connected(&conn, &listener);
}

/// Two connects have nothing to do with one another (case 118).
#[test]
fn connects_do_not_touch_one_another() {
    with_black_hole(|hole| {
        let (listener, there) = listen();
        let stuck = Conn::connect(Aio::new(), hole);
        let canceled = Conn::connect(Aio::new(), hole);
        let expired = Conn::connect(Aio::new().timeout(SOON), hole);
        let conn = settle(Conn::connect(Aio::new(), there)).unwrap();
        assert_connected(&conn, &listener);
        canceled.cancel();
        assert_eq!(failure(settle(canceled)).0, ErrorKind::Canceled);
        assert_eq!(failure(settle(expired)).0, ErrorKind::TimedOut);
        let Err(stuck) = stuck.wait_timeout(SOON) else {
            panic!("ended with the others");
        };
        stuck.cancel();
    });
}

// ---------------------------------------------------------------------------------------- closures

/// Opens the gate for a name that waits for it, so that the closure is attached before.
fn connect_when_told(there: SocketAddr) -> (Aio<Conn, InFlight>, crossbeam_channel::Sender<()>) {
    let (let_go, gate) = gate();
    let name = Name::after(&[there], move || receive(&gate));
    (Conn::connect(Aio::new(), name), let_go)
}

#[test]
fn the_closure_runs_on_the_thread_that_has_connected() {
    let (listener, there) = listen();
    let (_port, nobody) = refusing();
    let (aio, let_go) = connect_when_told(there);
    let told = tell(aio).0;
    let_go.send(()).unwrap();
    let told = once(&told);
    assert_eq!(told.thread, "http-aio:connect");
    assert_connected(&told.result.unwrap(), &listener);

    let (aio, let_go) = connect_when_told(nobody);
    let told = tell(aio).0;
    let_go.send(()).unwrap();
    let told = once(&told);
    assert_eq!(told.thread, "http-aio:connect");
    assert_eq!(failure(told.result).0, ErrorKind::Refused);

    // No thread has it yet when it is canceled, and that thread is gone when it is asked late.
    let (aio, let_go) = connect_when_told(there);
    let (told, canceler) = tell(aio);
    canceler.cancel();
    let told = once(&told);
    assert!(is_ours(&told.thread), "{}", told.thread);
    assert_eq!(failure(told.result).0, ErrorKind::Canceled);
    drop(let_go);
    for aio in [
        Conn::connect(Aio::new(), there),
        Conn::connect(Aio::new(), nobody),
        Conn::connect(Aio::new().timeout(Duration::ZERO), there),
        Conn::connect(Aio::new(), ""),
    ] {
        wait_until("it has an outcome", || aio.is_done());
        let told = once(&tell(aio).0);
        assert!(is_ours(&told.thread), "{}", told.thread);
    }
}

#[test]
fn the_closure_may_use_the_new_connection() {
    let (listener, there) = listen();
    let (sender, exchanged) = unbounded();
    let (aio, let_go) = connect_when_told(there);
    aio.on_complete(move |conn, aio| {
        let conn = conn.unwrap();
        conn.write_all(Aio::new().iov(["ping"])).wait().unwrap();
        let pong = conn.read_all(Aio::new(), 4).wait().unwrap();
        // And connect again, with the same aio, and wait for it here.
        let again = Conn::connect(aio, there).wait().unwrap();
        let _ = sender.send((pong, conn, again));
    });
    let_go.send(()).unwrap();
    let mut peer = Peer::from(listener.accept().unwrap().0);
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    let (pong, conn, again) = receive(&exchanged);
    assert_eq!(pong, "pong");
    assert_connected(&again, &listener);
    drop(conn);
    assert_eq!(peer.drain().end, End::OfStream);
}

#[test]
fn the_closure_may_drop_the_connection_or_panic() {
    let (listener, there) = listen();
    let (aio, let_go) = connect_when_told(there);
    aio.on_complete(|conn, _| drop(conn));
    let_go.send(()).unwrap();
    assert_abandoned(&listener);

    let (aio, let_go) = connect_when_told(there);
    aio.on_complete(|_, _| std::panic::resume_unwind(Box::new("quiet")));
    let_go.send(()).unwrap();
    assert_abandoned(&listener);
}

/// Detached, it connects to nobody's use, and closes.
#[test]
fn a_connect_that_is_dropped_closes_what_it_has_connected() {
    let (listener, there) = listen();
    let (aio, let_go) = connect_when_told(there);
    drop(aio);
    let_go.send(()).unwrap();
    assert_abandoned(&listener);
    // Also when it is dropped afterwards.
    let aio = Conn::connect(Aio::new(), there);
    wait_until("it connects", || aio.is_done());
    drop(aio);
    assert_abandoned(&listener);
}

/// The resolver is the caller's code, so it may do anything.
#[test]
fn a_resolver_that_panics_strands_nobody() {
    let panics = Name::after(&[], || std::panic::resume_unwind(Box::new("quiet")));
    let aio = Conn::connect(Aio::new(), panics.clone());
    assert_eq!(failure(settle(aio)).0, ErrorKind::Abandoned);
    let told = once(&tell(Conn::connect(Aio::new(), panics)).0);
    assert_eq!(failure(told.result).0, ErrorKind::Abandoned);
}

#[test]
fn an_aio_connects_again_and_again() {
    let (listener, there) = listen();
    let (_port, nobody) = refusing();
    let mut aio = Aio::new().timeout(PATIENCE);
    for _ in 0..20 {
        let (conn, back) = settle_and_reclaim(Conn::connect(aio, there));
        assert_connected(&conn.unwrap(), &listener);
        let (refused, back) = settle_and_reclaim(Conn::connect(back, nobody));
        assert_eq!(failure(refused).0, ErrorKind::Refused);
        aio = back;
    }
}

#[test]
fn a_connect_can_be_awaited() {
    let (listener, there) = listen();
    let conn = block_on(async { Conn::connect(Aio::new(), there).await });
    assert_connected(&conn.unwrap(), &listener);
}
