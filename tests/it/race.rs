//! The addresses of one host against each other: how long dead ones cost, what all failures together
//! are called, and that nothing is left of those that did not win.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use http_aio::{Aio, Conn, ErrorKind};

use crate::connect::{Name, assert_connected, listen, refusing, with_black_hole};
use crate::support::*;

/// How long one address has before the next is tried.
const DELAY: Duration = Duration::from_millis(250);
const LATE: Duration = Duration::from_millis(100);

/// There is no way to it from anywhere: TCP does not do multicast.
fn unreachable() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(224, 0, 0, 1), 80))
}

/// Connects past the dead, in this many delays.
#[track_caller]
fn wins_after(delays: u32, dead: &[SocketAddr]) {
    let (listener, there) = listen();
    let addresses: Vec<_> = dead.iter().copied().chain([there, there]).collect();
    for aio in [|| Aio::new(), || Aio::new().timeout(6 * PATIENCE)] {
        in_time(|| {
            let start = Instant::now();
            let conn = settle(Conn::connect(aio(), Name::of(&addresses)));
            let took = start.elapsed();
            assert_connected(&conn.unwrap(), &listener);
            assert!(took >= delays * DELAY, "{took:?}");
            at_most("the race", took, delays * DELAY + LATE)
        });
    }
}

#[test]
fn dead_addresses_cost_a_quarter_of_a_second_each() {
    let (_port, nobody) = refusing();
    wins_after(0, &[]);
    wins_after(0, &[nobody, unreachable(), nobody]);
    with_black_hole(|hole| {
        wins_after(1, &[hole]);
        wins_after(3, &[hole, hole, hole]);
        // One that fails makes room for the next at once, while the first is still under way.
        wins_after(1, &[hole, nobody, unreachable()]);
        wins_after(1, &[nobody, hole]);
    });
}

#[test]
fn of_all_failures_the_most_telling_one_is_told() {
    let (_port, nobody) = refusing();
    let (dead, none) = (unreachable(), ErrorKind::Unreachable);
    for (addresses, kind) in [
        (vec![dead], none),
        (vec![dead, dead], none),
        (vec![nobody, dead], ErrorKind::Refused),
        (vec![dead, nobody], ErrorKind::Refused),
        (vec![dead, nobody, dead], ErrorKind::Refused),
    ] {
        for aio in [Aio::new(), Aio::new().timeout(PATIENCE)] {
            let aio = Conn::connect(aio, Name::of(&addresses));
            assert_eq!(failure(settle(aio)), (kind, 0), "{addresses:?}");
        }
    }
}

#[test]
fn what_is_under_way_at_the_deadline_has_timed_out() {
    let (_port, nobody) = refusing();
    with_black_hole(|hole| {
        for addresses in [vec![hole; 5], vec![nobody, hole, nobody, hole]] {
            in_time(|| {
                let total = 3 * LATE;
                let start = Instant::now();
                let aio = Conn::connect(Aio::new().timeout(total), Name::of(&addresses));
                assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
                let took = start.elapsed();
                assert!(took >= total, "{took:?}");
                at_most("the deadline", took, total + LATE / 2)
            });
        }
    });
}

/// A race, a lookup and a handshake keep their deadlines by themselves.
#[test]
#[cfg(target_os = "linux")]
fn connecting_leaves_nothing_behind() {
    if !alone("race::connecting_leaves_nothing_behind") {
        return;
    }
    with_black_hole(|hole| {
        let (listener, there) = listen();
        let (_port, nobody) = refusing();
        let before = sockets();
        let aio = || Aio::new().timeout(10 * PATIENCE);
        for _ in 0..20 {
            // The one that wins, with losers under way; one after a lookup.
            for name in [Name::of(&[hole, hole, there, hole]), Name::of(&[there])] {
                let conn = settle(Conn::connect(aio(), name)).unwrap();
                let (mut peer, _) = listener.accept().unwrap();
                drop(conn);
                assert_eq!(std::io::Read::read(&mut peer, &mut [0]).unwrap(), 0);
            }
            let failed = Conn::connect(aio(), Name::of(&[nobody, nobody]));
            assert_eq!(failure(settle(failed)).0, ErrorKind::Refused);
            if sockets() > before + 8 {
                break; // It is told below.
            }
        }
        let canceled: Vec<_> = (0..8)
            .map(|_| Conn::connect(aio(), Name::of(&[hole, hole, hole])))
            .collect();
        let late: Vec<_> = (0..8)
            .map(|_| Conn::connect(Aio::new().timeout(2 * DELAY), Name::of(&[hole; 3])))
            .collect();
        // Each has two sockets at least, of which one lost nothing yet, and a waker.
        wait_until("they race", || sockets() >= before + 16 * 3);
        canceled.iter().for_each(Aio::cancel);
        for aio in canceled {
            assert_eq!(failure(settle(aio)).0, ErrorKind::Canceled);
        }
        for aio in late {
            assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
        }
        wait_until("the sockets close", || sockets() == before);
        wait_until("the threads end", || threads_of_ours().is_empty());
    });
}

/// As for a connect: the deadline of a handshake is that of its calls.
#[test]
#[cfg(all(target_os = "linux", feature = "tls"))]
fn a_handshake_leaves_nothing_behind() {
    use http_aio::rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use std::sync::Arc;
    if !alone("race::a_handshake_leaves_nothing_behind") {
        return;
    }
    let roots = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let config = Arc::new(roots.with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let before = sockets();
    for _ in 0..4 {
        in_time(|| {
            let (near, far) = tcp_pair();
            let start = Instant::now();
            let aio = Aio::new().timeout(LATE);
            let late = Conn::tls_client(aio, near, name.clone(), Arc::clone(&config));
            assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
            let took = start.elapsed();
            assert!(took >= LATE, "{took:?}");
            let (near, _far) = (tcp_pair().0, far);
            let aio = Aio::new().timeout(10 * PATIENCE);
            let gone = Conn::tls_client(aio, near, name.clone(), Arc::clone(&config));
            assert_eq!(failure(settle(gone)).0, ErrorKind::Reset);
            at_most("the deadline", took, LATE + LATE / 2)
        });
    }
    wait_until("the sockets close", || sockets() == before);
    wait_until("the threads end", || threads_of_ours().is_empty());
}
