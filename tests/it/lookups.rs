//! Lookups of names: shared, bounded in number, and never worth a thread to those who wait for them.
//!
//! The resolver is one for the whole process, so a test that puts another in its place is alone.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use http_aio::http::Request;
use http_aio::{Aio, Client, Conn, ErrorKind};

use crate::connect::{Name, listen, refusing};
use crate::support::*;

/// Lookups at a time, and those that may wait for their turn.
const AT_ONCE: usize = 64;
const QUEUED: usize = 4096;

const ONE_MS: Duration = Duration::from_millis(1);

/// What the resolver was asked, how often, and by how many at a time.
#[derive(Default)]
struct Asked {
    hosts: Mutex<BTreeMap<String, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Asked {
    fn count(&self, host: &str) -> usize {
        self.hosts.lock().unwrap().get(host).copied().unwrap_or(0)
    }

    fn all(&self) -> usize {
        self.hosts.lock().unwrap().values().sum()
    }
}

/// Names resolve to loopback once the gate is open; those that begin with "no" do not resolve.
fn fake() -> (Arc<Asked>, Sender<()>) {
    let (let_go, gate) = unbounded::<()>();
    let asked = Arc::<Asked>::default();
    let theirs = Arc::clone(&asked);
    Conn::resolve_by(move |host| {
        let now = theirs.now.fetch_add(1, Ordering::SeqCst) + 1;
        theirs.most.fetch_max(now, Ordering::SeqCst);
        *theirs.hosts.lock().unwrap().entry(host.into()).or_default() += 1;
        wait_for(&gate);
        theirs.now.fetch_sub(1, Ordering::SeqCst);
        match host.starts_with("no") {
            true => Err(io::Error::other("no such name")),
            false => Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))]),
        }
    });
    (asked, let_go)
}

/// Until the other side is dropped.
fn wait_for(gate: &Receiver<()>) {
    let _ = gate.recv_timeout(PATIENCE);
}

#[cfg(target_os = "linux")]
#[test]
fn connects_that_time_out_leave_no_more_threads_than_lookups_are_allowed() {
    if !alone("lookups::connects_that_time_out_leave_no_more_threads_than_lookups_are_allowed") {
        return;
    }
    let (_port, nobody) = refusing();
    let (let_go, gate) = unbounded::<()>();
    let name = Name::after(&[nobody], move || wait_for(&gate));
    let calls = Arc::clone(&name.calls);
    let aios: Vec<_> = (0..2000)
        .map(|_| Conn::connect(Aio::new().timeout(ONE_MS), name.clone()))
        .collect();
    for aio in aios {
        assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
    }
    let lookups = || threads("http-aio:lookup").len();
    assert!(lookups() <= AT_ONCE, "{}", lookups());
    wait_until("the other threads end", || {
        threads_of_ours().len() == lookups()
    });
    assert!(calls.load(Ordering::SeqCst) <= AT_ONCE);
    drop(let_go);
    wait_until("the threads end", || threads_of_ours().is_empty());
    // What nobody waited for any more was not looked up.
    assert!(calls.load(Ordering::SeqCst) <= AT_ONCE);
}

#[cfg(target_os = "linux")]
#[test]
fn all_who_ask_for_a_host_share_its_lookup() {
    if !alone("lookups::all_who_ask_for_a_host_share_its_lookup") {
        return;
    }
    let (asked, let_go) = fake();
    let (listener, there) = listen();
    let (_port, nobody) = refusing();
    let port = there.port();
    let connects = [
        Conn::connect(Aio::new(), ("slow.test", port)),
        Conn::connect(
            Aio::new().timeout(PATIENCE),
            (String::from("slow.test"), port),
        ),
        Conn::connect(Aio::new(), format!("slow.test:{port}")),
        Conn::connect(Aio::new(), ("slow.test", nobody.port())),
    ];
    let late: Vec<_> = (0..2000)
        .map(|_| Conn::connect(Aio::new().timeout(ONE_MS), ("slow.test", port)))
        .collect();
    for aio in late {
        assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
    }
    let canceled: Vec<_> = (0..2000)
        .map(|_| Conn::connect(Aio::new(), ("slow.test", port)))
        .collect();
    // One looks up; the timer looks after the deadlines.
    wait_until("the others need no thread", || threads_of_ours().len() <= 1);
    canceled.iter().for_each(Aio::cancel);
    for aio in canceled {
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
    }
    assert!(connects.iter().all(|aio| !aio.is_done()));
    drop(let_go);
    let [one, two, three, refused] = connects;
    for aio in [one, two, three] {
        let conn = settle(aio).unwrap();
        assert_eq!(conn.peer_addr().ip(), Some(there));
        drop(listener.accept().unwrap());
    }
    assert_eq!(failure(settle(refused)).0, ErrorKind::Refused);
    assert_eq!((asked.count("slow.test"), asked.all()), (1, 1));
    // It is not remembered.
    drop(settle(Conn::connect(Aio::new(), ("slow.test", port))).unwrap());
    assert_eq!(asked.count("slow.test"), 2);
    wait_until("the threads end", || threads_of_ours().is_empty());
}

#[test]
fn a_failure_is_told_to_all_and_addresses_need_no_lookup() {
    if !alone("lookups::a_failure_is_told_to_all_and_addresses_need_no_lookup") {
        return;
    }
    let (asked, let_go) = fake();
    let aios: Vec<_> = (0..5)
        .map(|_| Conn::connect(Aio::new(), ("no.test", 80)))
        .collect();
    let (_listener, there) = listen();
    for aio in [
        Conn::connect(Aio::new(), ("127.0.0.1", there.port())),
        Conn::connect(Aio::new(), there.to_string()),
        Conn::connect(Aio::new(), there),
    ] {
        let conn = settle(aio).unwrap();
        assert_eq!(conn.peer_addr().ip(), Some(there));
    }
    drop(let_go);
    for aio in aios {
        let error = settle(aio).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resolve);
        let source = std::error::Error::source(&error).unwrap();
        let source = source.downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.to_string(), "no such name");
    }
    assert_eq!(asked.all(), 1);
}

#[test]
fn a_burst_of_hosts_is_slowed_down_and_not_refused() {
    if !alone("lookups::a_burst_of_hosts_is_slowed_down_and_not_refused") {
        return;
    }
    let (asked, let_go) = fake();
    let (listener, there) = listen();
    let connects: Vec<_> = (0..100)
        .map(|n| Conn::connect(Aio::new(), (format!("h{n}.test"), there.port())))
        .collect();
    let late = Conn::connect(Aio::new().timeout(ONE_MS), ("late.test", there.port()));
    let canceled = Conn::connect(Aio::new(), ("canceled.test", there.port()));
    wait_until("some are looked up", || asked.all() == AT_ONCE);
    assert_eq!(failure(settle(late)).0, ErrorKind::TimedOut);
    // It is told before it leaves its lookup. The timer looks at one after the other, so it has left
    // when the timer has come to another, which joins a lookup that is under way.
    let fence = Conn::connect(Aio::new().timeout(ONE_MS), ("h0.test", there.port()));
    assert_eq!(failure(settle(fence)).0, ErrorKind::TimedOut);
    canceled.cancel();
    assert_eq!(failure(settle(canceled)).0, ErrorKind::Canceled);
    drop(let_go);
    for aio in connects {
        let conn = settle(aio).unwrap();
        drop((conn, listener.accept().unwrap()));
    }
    assert_eq!(asked.most.load(Ordering::SeqCst), AT_ONCE);
    assert_eq!(asked.all(), 100, "what nobody waits for is not looked up");
}

#[test]
fn a_queue_that_is_full_is_a_clear_error() {
    if !alone("lookups::a_queue_that_is_full_is_a_clear_error") {
        return;
    }
    let (asked, let_go) = fake();
    let connect = |n: usize| Conn::connect(Aio::new(), (format!("no{n}.test"), 80));
    let first: Vec<_> = (0..AT_ONCE).map(connect).collect();
    wait_until("they are looked up", || asked.all() == AT_ONCE);
    let queued: Vec<_> = (AT_ONCE..AT_ONCE + QUEUED).map(connect).collect();
    let error = settle(connect(usize::MAX)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMemory);
    let name = format!("no{}.test", usize::MAX);
    assert_eq!(
        error.to_string(),
        format!("connecting to {name}:80: 4096 lookups of host names wait already")
    );
    // A host that is looked up already has its place.
    let joined = [connect(0), connect(AT_ONCE)];
    assert!(joined.iter().all(|aio| !aio.is_done()));
    // And so has the next when one leaves.
    queued[7].cancel();
    let next = connect(usize::MAX);
    assert!(!next.is_done());
    drop(let_go);
    for aio in first.into_iter().chain(joined).chain([next]) {
        assert_eq!(failure(settle(aio)).0, ErrorKind::Resolve);
    }
    for (n, aio) in queued.into_iter().enumerate() {
        let kind = if n == 7 {
            ErrorKind::Canceled
        } else {
            ErrorKind::Resolve
        };
        assert_eq!(failure(settle(aio)).0, kind);
    }
}

/// Each at its own time, in whatever order they came.
#[test]
fn who_waits_for_a_lookup_has_his_own_deadline() {
    if !alone("lookups::who_waits_for_a_lookup_has_his_own_deadline") {
        return;
    }
    let (_asked, _gate) = fake();
    in_time(|| {
        let start = Instant::now();
        let waits = [300, 100, 500, 200, 100, 400].map(Duration::from_millis);
        let told = waits.map(|after| {
            let aio = Aio::new().timeout(after);
            (after, tell(Conn::connect(aio, ("slow.test", 80))).0)
        });
        let mut late = Ok(());
        for (after, told) in told {
            let told = receive(&told);
            assert_eq!(failure(told.result).0, ErrorKind::TimedOut);
            assert!(is_ours(&told.thread), "{}", told.thread);
            let took = told.at - start;
            assert!(took >= after, "{took:?}");
            late = late.and(at_most(
                "the deadline",
                took,
                after + Duration::from_millis(100),
            ));
        }
        late
    });
}

#[test]
fn the_calls_of_a_client_share_their_lookups() {
    if !alone("lookups::the_calls_of_a_client_share_their_lookups") {
        return;
    }
    let (asked, let_go) = fake();
    let client = Client::new();
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let url = format!("http://no.test:{}/", 80 + n);
            let request = Request::get(url).body(()).unwrap();
            client.transact(Aio::new(), request)
        })
        .collect();
    drop(let_go);
    for (n, call) in calls.into_iter().enumerate() {
        let error = settle(call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resolve);
        let whom = error.peer().unwrap();
        let port = u16::try_from(80 + n).ok();
        assert_eq!((whom.host(), whom.port()), (Some("no.test"), port));
    }
    assert!(asked.all() <= 20);
}
