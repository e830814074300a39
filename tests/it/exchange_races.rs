//! Exchanges against cancels, deadlines, early answers, closing, and each other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::testing::memory::{Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Aio, Canceler, Conn, ErrorKind, InFlight, Limits, Written};

use super::support::hooks::{Hooks, get, head, hooked_pair, say};
use super::support::*;

const SOON: Duration = Duration::from_millis(50);

fn put(len: usize) -> Request<Bytes> {
    Request::put("http://h/")
        .body(pattern(0, len))
        .expect("valid")
}

fn expecting(body: Bytes) -> Request<Bytes> {
    let request = Request::put("http://h/").header("expect", "100-continue");
    request.body(body).expect("valid")
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[track_caller]
fn take(peer: &MemoryStream, count: usize) {
    let mut left = vec![0; count];
    let mut left = &mut left[..];
    while !left.is_empty() {
        let count = peer.read(left, Wait::For(PATIENCE)).expect("it is sent");
        left = &mut left[count..];
    }
}

/// One thread is about to look whether the connection is idle when another begins an exchange: what
/// it then finds is that one's, and no reason to fail.
#[test]
fn an_exchange_is_not_refused_for_what_another_does_at_the_same_moment() {
    let (tell_peeked, peeked) = gate();
    let (go, wait) = gate();
    let (read_on, may_read) = gate();
    let first = AtomicBool::new(true);
    let first_read = AtomicBool::new(true);
    let hooks = Hooks {
        // Of the first that looks: it is slow, and finds the answer to the second.
        peek: Some(Box::new(move || {
            if first.swap(false, Ordering::SeqCst) {
                let _ = tell_peeked.send(());
                receive(&wait);
                return Ok(1);
            }
            Err(io::ErrorKind::WouldBlock.into())
        })),
        before_read: Some(Box::new(move || {
            if first_read.swap(false, Ordering::SeqCst) {
                receive(&may_read);
            }
        })),
        ..Hooks::default()
    };
    let (conn, peer, clashes) = hooked_pair(1 << 16, Faults::none(), hooks);
    let mine = conn.clone();
    let slow = thread::spawn(move || settle(mine.transact(Aio::new(), get())));
    receive(&peeked);
    let other = conn.transact(Aio::new(), get());
    head(&peer);
    say(&peer, OK); // It is there, and not read yet.
    go.send(()).unwrap();
    thread::sleep(SOON);
    read_on.send(()).unwrap();
    assert_eq!(settle(other).unwrap().body(), "ok");
    if !slow.is_finished() {
        say(&peer, OK);
    }
    assert_eq!(join(slow).unwrap().body(), "ok");
    assert_eq!(clashes.load(Ordering::SeqCst), 0);
}

/// A destructor of the user's that panics strands nobody.
#[test]
fn a_held_body_that_panics_when_dropped_strands_nobody() {
    struct Bomb;
    impl AsRef<[u8]> for Bomb {
        fn as_ref(&self) -> &[u8] {
            b"bomb"
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a body that panics when it is dropped");
        }
    }
    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let conn = conn.limits(Limits::default().continue_wait(PATIENCE));
    let request = expecting(Bytes::from_owner(Bomb));
    let exchange = conn.transact(Aio::new().timeout(SOON), request);
    head(&peer);
    assert!(
        completes(&exchange, Duration::from_secs(2)),
        "stranded by its deadline"
    );

    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let conn = conn.limits(Limits::default().continue_wait(PATIENCE));
    let exchange = conn.transact(Aio::new(), expecting(Bytes::from_owner(Bomb)));
    head(&peer);
    let canceler = exchange.canceler();
    let cancels = thread::spawn(move || canceler.cancel());
    assert!(cancels.join().is_ok(), "a panic in the thread that cancels");
    assert!(
        completes(&exchange, Duration::from_secs(2)),
        "stranded by a cancel"
    );

    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let conn = conn.limits(Limits::default().continue_wait(PATIENCE));
    let exchange = conn.transact(Aio::new(), expecting(Bytes::from_owner(Bomb)));
    head(&peer);
    say(&peer, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(settle(exchange).expect("it was answered").status(), 417);
}

/// The count moves while the body goes out, held back before or not.
#[test]
fn the_count_moves_with_a_body_that_was_held() {
    for held in [false, true] {
        let (conn, peer) = memory_pair(1 << 10, Faults::none());
        let body = pattern(0, 1 << 14);
        let request = if held { expecting(body) } else { put(1 << 14) };
        let exchange = conn.transact(Aio::new(), request);
        let sent = head(&peer).len();
        if held {
            say(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        take(&peer, 8 << 10);
        wait_until("its first half is counted", || {
            exchange.count() >= sent as u64 || exchange.is_done()
        });
        let mut far = false;
        for _ in 0..200 {
            far |= exchange.count() > sent as u64;
            thread::sleep(Duration::from_millis(1));
        }
        take(&peer, 8 << 10);
        say(&peer, OK);
        settle(exchange).unwrap();
        assert!(far, "held: {held}");
    }
}

/// Ready for the next as soon as it is told, whoever did the work, and alone with the connection.
#[test]
fn what_has_been_told_is_over() {
    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let mut conn = conn.limits(Limits::default().continue_wait(Duration::from_millis(1)));
    for round in 0..300 {
        let request = match round % 3 {
            0 => get(),
            1 => put(100),
            _ => expecting(pattern(0, 100)),
        };
        let exchange = conn.transact(Aio::new(), request);
        let told = head(&peer);
        if told.starts_with("PUT") {
            take(&peer, 100);
        }
        say(&peer, OK);
        match round % 4 {
            0 => drop(exchange.wait().unwrap()),
            1 => drop(settle(exchange).unwrap()),
            2 => drop(block_on(exchange).unwrap()),
            _ => drop(receive(&tell(exchange).0).result.unwrap()),
        }
        assert!(conn.is_reusable(), "round {round}");
        conn = match conn.into_parts() {
            // There is no stream in memory to be had: it comes back, but only that is the reason.
            Ok(_) => unreachable!("no stream"),
            Err(conn) => conn,
        };
    }
}

/// On real sockets, where `into_parts` can succeed.
#[test]
fn the_stream_can_be_had_as_soon_as_an_exchange_is_over() {
    use std::io::{Read, Write};
    for round in 0..200 {
        let (near, mut far) = unix_pair();
        let conn =
            Conn::from(near).limits(Limits::default().continue_wait(Duration::from_micros(300)));
        let server = thread::spawn(move || {
            let mut bytes = [0; 4096];
            let mut seen = Vec::new();
            while !seen.ends_with(b"body") {
                let count = far.read(&mut bytes).expect("sent");
                seen.extend_from_slice(&bytes[..count]);
            }
            far.write_all(OK.as_bytes()).expect("read");
            far
        });
        let exchange = conn.transact(Aio::new(), expecting("body".into()));
        if round % 2 == 0 {
            exchange.wait().unwrap();
        } else {
            settle(exchange).unwrap();
        }
        assert!(conn.into_parts().is_ok(), "round {round}");
        join(server);
    }
}

/// The answer before the end of the request, in both orders, with the caller waiting or not.
#[test]
fn an_early_answer_is_delivered_once() {
    for (status, kept) in [("200 OK", true), ("413 No", false)] {
        for waits in [true, false] {
            let (conn, peer) = memory_pair(1 << 10, Faults::none());
            let exchange = conn.transact(Aio::new(), put(1 << 14));
            head(&peer);
            say(
                &peer,
                format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok"),
            );
            let waiter = thread::spawn(move || {
                if waits {
                    exchange.wait()
                } else {
                    settle(exchange)
                }
            });
            if kept {
                thread::sleep(SOON);
                take(&peer, 1 << 14);
            }
            let response = join(waiter).unwrap();
            let sent = response.extensions().get::<Written>().unwrap().count();
            assert_eq!(sent >= 1 << 14, kept, "{status}: {sent}");
            assert_eq!(conn.is_reusable(), kept, "{status}");
        }
    }
}

/// A cancel at every phase of an exchange with a held body.
#[test]
fn a_cancel_ends_an_exchange_at_once_whatever_it_waits_for() {
    for phase in 0..4 {
        for waits in [true, false] {
            let (conn, peer) = memory_pair(1 << 10, Faults::none());
            let conn = conn.limits(Limits::default().continue_wait(PATIENCE));
            // In phase 0 it is queued behind a write that is stuck.
            let stuck = (phase == 0).then(|| conn.write_all(Aio::new().iov([pattern(0, 1 << 12)])));
            let exchange = conn.transact(Aio::new(), expecting(pattern(0, 1 << 14)));
            let canceler = exchange.canceler();
            let waiter = thread::spawn(move || {
                if waits {
                    exchange.wait()
                } else {
                    settle(exchange)
                }
            });
            if phase > 0 {
                head(&peer);
            }
            if phase > 1 {
                say(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
                take(&peer, 1 << 11);
            }
            if phase > 2 {
                say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
            }
            thread::sleep(SOON / 5);
            canceler.cancel();
            let (kind, count) = failure(join(waiter));
            assert_eq!(kind, ErrorKind::Canceled, "phase {phase}");
            assert_eq!(count > 0, phase > 0, "phase {phase}");
            if let Some(stuck) = stuck {
                take(&peer, 1 << 12);
                settle(stuck).unwrap();
            }
        }
    }
}

// ----------------------------------------------------------------------------------------- stress

/// A server in memory that answers, in pieces and with pauses, until it is told to end.
fn answering(peer: MemoryStream, mut dice: Dice, ends_at: u64) {
    let mut seen = Vec::new();
    let mut answers = 0;
    let mut buffer = [0; 700];
    loop {
        match peer.read(&mut buffer, Wait::For(PATIENCE)) {
            Ok(count @ 1..) => seen.extend_from_slice(&buffer[..count]),
            _ => return,
        }
        while let Some(at) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..at]).to_lowercase();
            let (get, expects) = (head.starts_with("get"), head.contains("expect:"));
            let length = if get { 0 } else { 300 };
            if expects && seen.len() == at + 4 && dice.roll(3) > 0 {
                let _ = peer.write(
                    &[io::IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")],
                    Wait::For(SOON),
                );
            }
            if seen.len() < at + 4 + length {
                break;
            }
            seen.drain(..at + 4 + length);
            answers += 1;
            if answers == ends_at {
                return;
            }
            for part in OK.as_bytes().chunks(1 + dice.roll(40) as usize) {
                if dice.roll(8) == 0 {
                    thread::sleep(Duration::from_micros(dice.roll(1500)));
                }
                if peer
                    .write(&[io::IoSlice::new(part)], Wait::For(PATIENCE))
                    .is_err()
                {
                    return;
                }
            }
        }
    }
}

#[test]
fn every_operation_of_a_mixture_ends_once() {
    let seed = seed();
    let until = Instant::now() + Duration::from_secs(3);
    let mut round = 0_u64;
    while Instant::now() < until {
        mixture(
            seed.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1,
            round,
        );
        round += 1;
    }
    println!("{round} rounds");
}

fn mixture(seed: u64, round: u64) {
    let mut dice = Dice(seed);
    dice.roll(2);
    let (conn, peer, clashes) = hooked_pair(512, Faults::none(), Hooks::default());
    let conn = conn.limits(Limits::default().continue_wait(Duration::from_millis(1)));
    let ends_at = if dice.roll(4) == 0 {
        dice.roll(10)
    } else {
        u64::MAX
    };
    let server_dice = Dice(seed ^ 0xabcd_ef01 | 1);
    let server = thread::spawn(move || answering(peer, server_dice, ends_at));
    let ended = Arc::new(AtomicUsize::new(0));
    let mut submitted = 0;
    let mut threads = Vec::new();
    for number in 0..3_u64 {
        let mut dice = Dice(seed.rotate_left(7 * number as u32 + 3) | 1);
        let (conn, ended) = (conn.clone(), Arc::clone(&ended));
        submitted += 8;
        threads.push(thread::spawn(move || {
            let mut waits = Vec::new();
            for _ in 0..8 {
                let request = match dice.roll(5) {
                    0..3 => get(),
                    3 => put(300),
                    _ => expecting(pattern(0, 300)),
                };
                let canceler = if dice.roll(6) == 0 {
                    let aio = conn.read_response(bounded(&mut dice));
                    learn_of_the_end(aio, &mut dice, &ended, &mut waits)
                } else {
                    let aio = conn.transact(bounded(&mut dice), request);
                    learn_of_the_end(aio, &mut dice, &ended, &mut waits)
                };
                match dice.roll(30) {
                    0..5 => canceler.cancel(),
                    5 => conn.close(),
                    6 => thread::sleep(Duration::from_micros(dice.roll(2000))),
                    _ => {}
                }
            }
            // Those that nobody answers any more.
            drop(conn);
            waits
        }));
    }
    let watch = conn.clone();
    drop(conn);
    // Reads that no answer is left for end when it is closed.
    thread::sleep(Duration::from_millis(dice.roll(12)));
    if dice.roll(2) == 0 {
        for _ in 0..100 {
            let _ = watch.is_reusable();
        }
    }
    thread::sleep(Duration::from_millis(20));
    watch.close();
    let patience = Instant::now() + Duration::from_secs(10);
    while ended.load(Ordering::SeqCst) < submitted {
        assert!(
            Instant::now() < patience,
            "round {round}, seed {seed}: {} of {submitted}",
            ended.load(Ordering::SeqCst)
        );
        thread::sleep(Duration::from_micros(200));
    }
    for thread in threads {
        for wait in join(thread) {
            join(wait);
        }
    }
    assert_eq!(
        ended.load(Ordering::SeqCst),
        submitted,
        "twice, seed {seed}"
    );
    assert_eq!(
        clashes.load(Ordering::SeqCst),
        0,
        "two at work, seed {seed}"
    );
    // Nothing holds it any more: the server sees the end.
    drop(watch);
    join(server);
}

/// One in four has a deadline.
fn bounded<T>(dice: &mut Dice) -> Aio<T> {
    match dice.roll(4) {
        0 => Aio::new().timeout(Duration::from_micros(dice.roll(3000))),
        _ => Aio::new(),
    }
}

/// Learns of the end of `aio` in one of the ways, here or on a thread, and counts it among the `ended`.
fn learn_of_the_end<T: Send + 'static>(
    aio: Aio<T, InFlight>,
    dice: &mut Dice,
    ended: &Arc<AtomicUsize>,
    waits: &mut Vec<thread::JoinHandle<()>>,
) -> Canceler {
    let canceler = aio.canceler();
    let me = thread::current().id();
    let ended = Arc::clone(ended);
    let count = move || {
        ended.fetch_add(1, Ordering::SeqCst);
    };
    match dice.roll(5) {
        0 => {
            let _ = aio.wait();
            count();
        }
        1 => waits.push(thread::spawn(move || {
            let _ = aio.wait();
            count();
        })),
        2 => {
            let _ = aio.on_complete(move |_, _| {
                assert_ne!(thread::current().id(), me);
                count();
            });
        }
        3 => waits.push(thread::spawn(move || {
            let _ = block_on(aio);
            count();
        })),
        _ => {
            let patience = Duration::from_micros(dice.roll(2000));
            if let Err(aio) = aio.wait_timeout(patience) {
                drop(aio.wait());
            }
            count();
        }
    }
    canceler
}

// ------------------------------------------------------------------------- numbers across directions

/// A response that goes back to the queue is admitted anew, and is still the answer to its request.
#[test]
fn an_answer_to_head_that_was_put_off_is_still_a_head() {
    let (conn, peer) = memory_pair(256, Faults::none());
    say(
        &peer,
        "GET /0 HTTP/1.1\r\nHost: h\r\n\r\nGET /1 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    say(
        &peer,
        "HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    for _ in 0..4 {
        settle(conn.read_request(Aio::new())).unwrap();
    }
    let respond = |body: &'static str| {
        let response = Response::new(Bytes::from_static(body.as_bytes()));
        conn.write_response(Aio::new(), response)
    };
    static LONG: &str = match std::str::from_utf8(&[b'a'; 1000]) {
        Ok(long) => long,
        Err(_) => "",
    };
    let first = respond(LONG);
    wait_until("it blocks", || first.count() > 0);
    let others = [respond(LONG), respond("of a HEAD"), respond("last")];
    let drained = drain_in_background(peer);
    settle(first).unwrap();
    for other in others {
        settle(other).unwrap();
    }
    drop(conn);
    let sent = String::from_utf8(receive(&drained)).unwrap();
    assert!(sent.ends_with("last"));
    assert!(
        !sent.contains("of a HEAD"),
        "a body behind the answer to HEAD"
    );
}

/// Content that is left unread is refused before anything is sent, whoever has read what was before it.
#[test]
fn unread_content_refuses_an_exchange_whoever_was_the_reader() {
    for round in 0..500 {
        let (conn, peer) = memory_pair(1 << 12, Faults::none());
        let first = conn.transact_streaming(Aio::new(), get());
        say(&peer, OK);
        settle(first).unwrap();
        let read = conn.read(Aio::new(), 1);
        // It must not be served inline.
        assert_eq!(settle(read).unwrap(), "o");
        let refused = conn.transact(Aio::new(), get()).wait();
        assert_eq!(
            failure(refused),
            (ErrorKind::InvalidInput, 0),
            "round {round}"
        );
        assert_eq!(settle(conn.read(Aio::new(), 9)).unwrap(), "k");
    }
}

/// The refusal comes while the writer is in a call that does not block: he looks afterwards, and ends what is
/// left to be written, if anything is.
#[test]
fn a_refusal_that_comes_while_a_piece_is_offered() {
    for is_last in [true, false] {
        let (entered, inside) = gate();
        let (go, wait) = gate();
        let calls = AtomicUsize::new(0);
        let hooks = Hooks {
            // The head, the first piece, and this one.
            before_write: Some(Box::new(move || {
                if calls.fetch_add(1, Ordering::SeqCst) == 2 {
                    let _ = entered.send(());
                    receive(&wait);
                }
            })),
            ..Hooks::default()
        };
        let (conn, peer, _) = hooked_pair(1 << 16, Faults::none(), hooks);
        let length = if is_last { 10 } else { 20 };
        let request = Request::put("/").header("content-length", length);
        let exchange = conn.transact(Aio::new(), request.body(()).expect("valid"));
        settle(write_pattern(&conn, Aio::new(), 0, 5)).expect("there is room");
        let (second, _) = tell(write_pattern(&conn, Aio::new(), 5, 5));
        receive(&inside);
        say(&peer, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(settle(exchange).expect("it was answered").status(), 413);
        go.send(()).expect("it waits");
        receive(&second).result.expect("it was on its way");
        if is_last {
            wait_until("it is at rest", || conn.is_reusable());
            settle(conn.write_request(Aio::new(), get())).expect("nothing has ended");
        } else {
            wait_until("its write side ends", || !conn.persists());
            let third = settle(write_pattern(&conn, Aio::new(), 10, 5));
            assert_eq!(failure(third), (ErrorKind::Closed, 0));
            let received = drain_memory(peer);
            assert!(received.ends_with(&pattern(0, 10)));
        }
    }
}

/// It is refused before the writer comes to its next call, which must not block then.
#[test]
fn a_refusal_that_comes_before_a_piece_blocks() {
    let (entered, inside) = gate();
    let (go, wait) = gate();
    let calls = AtomicUsize::new(0);
    let hooks = Hooks {
        // The head, and the offer of what does not fit.
        before_write: Some(Box::new(move || {
            if calls.fetch_add(1, Ordering::SeqCst) == 1 {
                let _ = entered.send(());
                receive(&wait);
            }
        })),
        ..Hooks::default()
    };
    let (conn, peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let request = Request::put("/").header("content-length", 1 << 20);
    let exchange = conn.transact(Aio::new(), request.body(()).expect("valid"));
    let (piece, _) = tell(write_pattern(&conn, Aio::new(), 0, 1 << 14));
    receive(&inside);
    say(&peer, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(settle(exchange).expect("it was answered").status(), 413);
    go.send(()).expect("it waits");
    let (kind, count) = failure(receive(&piece).result);
    assert_eq!(kind, ErrorKind::Closed);
    let received = drain_memory(peer);
    let body = received.len() as u64 - count;
    assert_pattern(0, &received[usize::try_from(body).expect("a head")..]);
}
