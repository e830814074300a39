//! Proves what threads a connection has, that whoever waits needs none of them, and that one can see
//! whose they are.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::{Aio, Conn};

use crate::support::*;

// ------------------------------------------------------------------------------------------- names

/// The kernel keeps 15 bytes of a name. The port tells most, so it comes whole, and before the host.
fn is_named(name: &str, role: &str, port: u16, host: &str) -> bool {
    let mut words = name.split([':', ' ']);
    words.next() == Some(role)
        && words.next() == Some(&port.to_string())
        && name
            .split_once(' ')
            .is_some_and(|(_, shown)| shown.len() >= 4.min(host.len()) && host.starts_with(shown))
}

fn names_are_seen(listener: &TcpListener, host: &str) {
    let address = listener.local_addr().expect("bound");
    let conn = Conn::from(TcpStream::connect(address).expect("it listens"));
    let (_peer, _) = listener.accept().expect("it has connected");
    let _reading = tell(conn.read(Aio::new(), 1));
    let _writing = jam(&conn, Aio::new());
    for role in ["rd", "wr"] {
        let found = || {
            let mut tasks = tasks().into_iter();
            tasks.any(|(_, name)| is_named(&name, role, address.port(), host))
        };
        let until = std::time::Instant::now() + Duration::from_secs(2);
        while !found() {
            let late = std::time::Instant::now() > until;
            let port = address.port();
            assert!(!late, "no {role}:{port} {host} among {:?}", tasks());
            thread::sleep(Duration::from_millis(1));
        }
    }
    conn.close();
}

#[test]
fn the_name_of_a_thread_tells_its_role_and_its_peer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    names_are_seen(&listener, "127.0.0.1");
    match TcpListener::bind("[::1]:0") {
        Ok(listener) => names_are_seen(&listener, "::1"),
        Err(error) => println!("skipped: no IPv6 here: {error}"),
    }
}

// ------------------------------------------------------------------------------------------ number

/// Times that other threads than ours, and those in `before`, have been woken.
fn wake_ups(tasks: &[(String, String)]) -> u64 {
    let switches = |id: &str| -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/self/task/{id}/status")).ok()?;
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    tasks.iter().filter_map(|(id, _)| switches(id)).sum()
}

fn timer() -> Vec<(String, String)> {
    let mut tasks = tasks();
    tasks.retain(|(_, name)| name == TIMER);
    tasks
}

/// Runs `work` so many times: no thread starts, and the timer, if it is there, sleeps nearly always.
/// Not so if this thread was kept for a millisecond between a submission and its wait: then its hand-over
/// was due.
fn costs_no_thread(
    times: u64,
    before: &[(String, String)],
    mut work: impl FnMut(),
) -> Result<(), String> {
    work();
    let woken = wake_ups(&timer());
    for _ in 1..times {
        work();
    }
    let woken = wake_ups(&timer()) - woken;
    let started = tasks_since(before);
    if !started.is_empty() {
        return Err(format!("threads were started: {started:?}"));
    }
    if woken >= times / 2 {
        return Err(format!("{woken} wake-ups in {times} rounds"));
    }
    Ok(())
}

#[test]
fn a_loop_that_waits_for_its_writes_needs_no_thread() {
    if !alone("threads::a_loop_that_waits_for_its_writes_needs_no_thread") {
        return;
    }
    for family in FAMILIES {
        once_of(20, || {
            let (conn, mut peer) = pair(family);
            let peer = thread::spawn(move || peer.drain().count());
            let (before, mut aio, mut written) = (tasks(), Some(Aio::new()), 0);
            let cost = costs_no_thread(2_000, &before, || {
                let idle = aio.take().expect("it came back");
                let (result, back) = conn.write_all(idle.iov(["hello"])).reclaim();
                written += result.expect("the peer reads").count();
                aio = Some(back);
            });
            drop(conn);
            assert_eq!(join(peer), written);
            cost
        });
    }
}

/// Reads a request, answers it, and so on, on the caller's thread.
#[test]
fn a_server_that_waits_needs_no_thread() {
    if !alone("threads::a_server_that_waits_needs_no_thread") {
        return;
    }
    once_of(20, || {
        let (near, mut far) = tcp_pair();
        let conn = Conn::from(near);
        let client = thread::spawn(move || {
            let mut scrap = [0; 4096];
            let mut answers = 0;
            while far.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").is_ok() {
                match far.read(&mut scrap) {
                    Ok(1..) => answers += 1,
                    _ => break,
                }
            }
            answers
        });
        let (before, mut answered) = (tasks(), 0);
        let cost = costs_no_thread(1_000, &before, || {
            let request = conn.read_request(Aio::new()).wait();
            assert_eq!(request.expect("one comes").uri(), "/");
            let response = Response::new(Bytes::from_static(b"hello"));
            let written = conn.write_response(Aio::new(), response).wait();
            written.expect("the client reads");
            answered += 1;
        });
        drop(conn);
        assert_eq!(join(client), answered);
        cost
    });
}

/// As before a process exits.
#[test]
fn a_shutdown_that_is_waited_for_needs_no_thread() {
    if !alone("threads::a_shutdown_that_is_waited_for_needs_no_thread") {
        return;
    }
    for family in FAMILIES {
        once_of(20, || {
            let (conn, mut peer) = pair(family);
            let peer = thread::spawn(move || peer.drain().count());
            let before = tasks();
            let written = conn.write_all(Aio::new().iov(["last words"])).wait();
            let shutdown = conn.shutdown(Aio::new().timeout(PATIENCE));
            shutdown.wait().expect("the peer ends");
            let started = tasks_since(&before);
            assert_eq!(written.expect("the peer reads").count(), join(peer));
            match started.is_empty() {
                true => Ok(()),
                false => Err(format!("threads were started: {started:?}")),
            }
        });
    }
}
