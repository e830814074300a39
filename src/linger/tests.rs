use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

/// How long anything may take that is not what is measured.
const PATIENCE: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

fn lingerer(bounds: Bounds) -> &'static Lingerer {
    Box::leak(Box::new(Lingerer::new(bounds)))
}

/// Nothing but the idle thread ends by itself.
const PATIENT: Bounds = Bounds {
    sockets: 100,
    sending: LONG,
    silence: LONG,
    total: LONG,
    idle: Duration::from_millis(20),
};

fn pair() -> (Arc<Socket>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("listening");
    let (far, _) = listener.accept().expect("it has connected");
    far.set_read_timeout(Some(PATIENCE)).expect("a socket");
    far.set_write_timeout(Some(PATIENCE)).expect("a socket");
    (Arc::new(near.into()), far)
}

fn leave(lingerer: &'static Lingerer) -> TcpStream {
    let (near, far) = pair();
    near.shutdown(std::net::Shutdown::Write).expect("connected");
    lingerer.see_off(&near);
    far
}

/// Sends until the other end is gone, which a reset tells.
fn is_cut_off(far: &mut TcpStream) -> bool {
    loop {
        match far.write_all(b"still there?") {
            Ok(()) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

fn is_open(far: &mut TcpStream) -> bool {
    (0..20).all(|_| {
        thread::sleep(Duration::from_millis(1)); // For a reset to come back.
        far.write_all(b"still there?").is_ok()
    })
}

fn has_thread(lingerer: &Lingerer) -> bool {
    lingerer.mailbox.lock().is_some()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn who_has_ended_needs_no_thread() {
    let lingerer = lingerer(PATIENT);
    let (near, far) = pair();
    drop(far);
    let mut end = [MaybeUninit::uninit(); 1];
    assert_eq!(near.recv(&mut end).expect("the end"), 0);
    near.shutdown(std::net::Shutdown::Write).expect("connected");
    lingerer.see_off(&near);
    assert!(!has_thread(lingerer));
}

#[test]
fn the_thread_ends_with_the_last_socket() {
    let lingerer = lingerer(PATIENT);
    for _ in 0..3 {
        let (one, other) = (leave(lingerer), leave(lingerer));
        assert!(has_thread(lingerer));
        drop(one);
        drop(other);
        wait_until("the thread ends", || !has_thread(lingerer));
    }
}

#[test]
fn who_sends_for_ever_is_cut_off() {
    let lingerer = lingerer(Bounds {
        total: Duration::from_millis(50),
        ..PATIENT
    });
    let begun = Instant::now();
    let mut far = leave(lingerer);
    assert!(is_cut_off(&mut far));
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[test]
fn who_is_silent_is_let_go() {
    let lingerer = lingerer(Bounds {
        silence: Duration::from_millis(50),
        ..PATIENT
    });
    let begun = Instant::now();
    let mut far = leave(lingerer);
    wait_until("it is let go", || !has_thread(lingerer));
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert!(is_cut_off(&mut far));
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let lingerer = lingerer(Bounds {
        sockets: 4,
        ..PATIENT
    });
    let mut peers: Vec<_> = (0..12).map(|_| leave(lingerer)).collect();
    let mut kept = peers.split_off(8);
    assert!(peers.iter_mut().all(is_cut_off));
    assert!(kept.iter_mut().all(is_open));
}

/// It says something before it reads, so that a reset would cost it what was to come.
#[test]
fn the_last_words_wait_for_room() {
    const LAST: usize = 1 << 20;
    for reads_elsewhere in [false, true] {
        let lingerer = lingerer(PATIENT);
        let (near, mut far) = pair();
        near.set_nonblocking(true).expect("a socket");
        let mut sent = 0;
        while let Ok(count) = near.send(&[1; 4096]) {
            sent += count;
        }
        near.set_nonblocking(false).expect("a socket");
        lingerer.end_after(&near, vec![2; LAST]);
        if !reads_elsewhere {
            lingerer.see_off(&near);
        }
        far.write_all(&[3; 10]).expect("there is room");
        let mut received = Vec::new();
        far.read_to_end(&mut received).expect("the end");
        assert_eq!(received.len(), sent + LAST);
        assert!(received[sent..].iter().all(|byte| *byte == 2));
        if reads_elsewhere {
            let mut there = [MaybeUninit::uninit(); 10];
            assert_eq!(near.recv(&mut there).expect("it was sent"), 10);
        }
        drop((near, far));
        wait_until("the thread ends", || !has_thread(lingerer));
    }
}

#[test]
fn who_does_not_read_gets_so_much_time() {
    let lingerer = lingerer(Bounds {
        sending: Duration::from_millis(50),
        silence: Duration::from_millis(1),
        ..PATIENT
    });
    let (near, mut far) = pair();
    lingerer.end_after(&near, vec![0; 64 << 20]);
    lingerer.see_off(&near);
    drop(near);
    wait_until("it is let go", || !has_thread(lingerer));
    let mut received = Vec::new();
    let _ = far.read_to_end(&mut received);
    assert!(received.len() < 64 << 20);
}

/// A fork has copied everything but the thread.
#[test]
fn another_process_has_a_thread_of_its_own() {
    let lingerer = lingerer(PATIENT);
    let (near, mut far) = pair();
    near.shutdown(std::net::Shutdown::Write).expect("connected");
    let departure = |socket: &Arc<Socket>| Departure::of_input(Arc::clone(socket), Instant::now());
    lingerer.enqueue(departure(&near), 1);
    let threads = |process| {
        lingerer
            .mailbox
            .lock()
            .as_ref()
            .is_some_and(|mailbox| mailbox.process == process)
    };
    assert!(threads(1));
    let (other, other_far) = pair();
    lingerer.enqueue(departure(&other), 2);
    assert!(threads(2));
    assert!(is_open(&mut far));
    drop((near, far, other, other_far));
    wait_until("the thread ends", || !has_thread(lingerer));
}
