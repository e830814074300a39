//! Callers that work inline, in place of the reader's or the writer's thread: nothing is stranded, done
//! twice, or done by two.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::testing::memory::{Fault, Faults};
use http_aio::{Aio, Conn, ErrorKind, Limits};

use super::support::hooks::{Hooks, faulty, get, hooked_pair, say};
use super::support::*;

/// Longer than anything is held back, shorter than patience.
const SOON: Duration = Duration::from_millis(50);

// ------------------------------------------------------------------------- nobody to be had

#[test]
#[cfg(target_os = "linux")]
fn a_timer_that_was_not_to_be_had_once_is_asked_again() {
    if !alone_with_large_threads("inline::a_timer_that_was_not_to_be_had_once_is_asked_again") {
        return;
    }
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    no_threads();
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(read)), (ErrorKind::NoMemory, 0));
    threads_again();
    say(&peer, "ab");
    // Nobody waits for either.
    let read = conn.read(Aio::new(), 1);
    assert!(completes(&read, Duration::from_secs(2)), "stranded");
    let other = conn.read(Aio::new().timeout(SOON), 100);
    let late = conn.read(Aio::new().timeout(SOON), 100);
    assert!(completes(&other, Duration::from_secs(2)), "stranded");
    assert!(completes(&late, Duration::from_secs(2)), "no deadline");
}

#[test]
#[cfg(target_os = "linux")]
fn a_read_whose_deadline_nobody_can_watch_is_refused() {
    if !alone_with_large_threads("inline::a_read_whose_deadline_nobody_can_watch_is_refused") {
        return;
    }
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (go, wait) = gate();
    let mine = conn.clone();
    let waiter = thread::spawn(move || {
        receive(&wait);
        mine.read(Aio::new(), 1).wait()
    });
    no_threads();
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(read)), (ErrorKind::NoMemory, 0));
    go.send(()).unwrap();
    thread::sleep(SOON);
    if waiter.is_finished() {
        return; // No thread and no timer: refused, which is right.
    }
    // The first is served inline. This one is queued behind it.
    let read = conn.read(Aio::new().timeout(SOON), 1);
    assert!(completes(&read, Duration::from_secs(2)), "no deadline");
    say(&peer, "ab");
    let _ = join(waiter);
}

/// A caller that writes inline leaves a failure to a thread that is not to be had.
#[test]
#[cfg(target_os = "linux")]
fn an_exchange_whose_write_fails_without_a_thread_ends() {
    if !alone_with_large_threads("inline::an_exchange_whose_write_fails_without_a_thread_ends") {
        return;
    }
    let faults = faulty(|f| f.fail_write = Some((1, Fault::Error(io::ErrorKind::Other))));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    no_threads();
    let exchange = conn.transact(Aio::new(), get());
    let ended = completes(&exchange, Duration::from_secs(2));
    let again = exchange.wait_timeout(Duration::from_secs(2));
    threads_again();
    assert!(ended && again.is_ok(), "stranded: {again:?}");
}

/// The same for a caller that reads inline: what it reads is canceled.
#[test]
#[cfg(target_os = "linux")]
fn an_exchange_that_is_canceled_without_a_thread_ends() {
    if !alone_with_large_threads("inline::an_exchange_that_is_canceled_without_a_thread_ends") {
        return;
    }
    let (conn, _peer) = memory_pair(1 << 10, Faults::none());
    // The timer is there.
    let (other, _other_peer) = memory_pair(1 << 10, Faults::none());
    let read = other.read(Aio::new().timeout(SOON), 1);
    assert!(completes(&read, PATIENCE));
    let (go, wait) = gate();
    let (hand_over, handed) = gate_of();
    let waiter = thread::spawn(move || {
        receive(&wait);
        let exchange = conn.transact(Aio::new(), get());
        hand_over.send(exchange.canceler()).unwrap();
        exchange.wait().map(drop)
    });
    no_threads();
    go.send(()).unwrap();
    let canceler = receive(&handed);
    thread::sleep(SOON);
    canceler.cancel();
    let until = Instant::now() + Duration::from_secs(2);
    while !waiter.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    let finished = waiter.is_finished();
    threads_again();
    assert!(finished, "the waiter is stranded");
    println!("{:?}", waiter.join());
}

// ------------------------------------------------------------------------------ faulty transports

#[test]
fn a_transport_that_panics_inline_hurts_no_caller() {
    let faults = faulty(|f| f.fail_read = Some((1, Fault::Panic)));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(read.wait()).0, ErrorKind::Abandoned);
    let next = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(next)).0, ErrorKind::Closed);

    let (conn, _peer) = memory_pair(1 << 10, faults);
    let exchange = conn.transact(Aio::new(), get());
    let error = exchange.wait().unwrap_err();
    assert!(error.count() > 0, "{error:?}");

    let faults = faulty(|f| f.fail_write = Some((1, Fault::Panic)));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    let exchange = conn.transact(Aio::new(), get());
    assert_eq!(failure(settle(exchange)).1, 0);
}

#[test]
fn queued_operations_end_when_a_transport_panics_inline() {
    // The transport panics when it is told to.
    let (go, wait) = crossbeam_channel::bounded::<()>(0);
    let (tell_in, in_read) = gate();
    let hooks = Hooks {
        before_read: Some(Box::new(move || {
            let _ = tell_in.try_send(());
            let _ = wait.recv();
            panic!("a fault in the transport");
        })),
        ..Hooks::default()
    };
    let (conn, _peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let first = conn.read(Aio::new(), 1);
    let waiter = thread::spawn(move || first.wait());
    receive(&in_read);
    let second = conn.read(Aio::new(), 1);
    let (told, _) = tell(conn.read(Aio::new(), 1));
    drop(go);
    assert_eq!(failure(join(waiter)).0, ErrorKind::Abandoned);
    assert_eq!(failure(settle(second)).0, ErrorKind::Closed);
    assert_eq!(failure(receive(&told).result).0, ErrorKind::Closed);
}

/// The transport panics in a read, and again when the direction is ended.
#[test]
fn a_transport_that_panics_twice_inline_hurts_no_caller() {
    let twice = AtomicBool::new(false);
    let hooks = Hooks {
        before_read: Some(Box::new(|| panic!("once"))),
        before_shutdown: Some(Box::new(move || {
            assert!(
                thread_name() != "caller" || twice.swap(true, Ordering::SeqCst),
                "twice"
            );
        })),
        ..Hooks::default()
    };
    let (conn, _peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let caller = thread::Builder::new().name("caller".into());
    let kind = caller.spawn(move || {
        let kind = failure(conn.read(Aio::new(), 1).wait()).0;
        std::mem::forget(conn);
        kind
    });
    let kind = kind.unwrap().join();
    assert_eq!(kind.expect("a caller must not panic"), ErrorKind::Abandoned);
}

// ------------------------------------------------------------------------------ nobody waits

#[test]
fn a_held_read_that_nobody_waits_for_is_served() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    // Forgotten, looked at, in an executor, on another thread, for a while: each takes one byte. One that is
    // dropped takes none.
    say(&peer, "bcdefgh");
    drop(conn.read(Aio::new(), 1));
    thread::sleep(SOON);
    std::mem::forget(conn.read(Aio::new(), 1));
    let read = conn.read(Aio::new(), 1);
    assert!(completes(&read, PATIENCE));
    assert_eq!(read.wait().unwrap(), "c");
    let read = conn.read(Aio::new(), 1);
    assert_eq!(block_on(read).unwrap(), "d");
    let read = conn.read(Aio::new(), 1);
    assert_eq!(join(thread::spawn(move || read.wait())).unwrap(), "e");
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "f");
    let (told, _) = tell(conn.read(Aio::new(), 1));
    assert_eq!(receive(&told).result.unwrap(), "g");
    let read = conn.read(Aio::new(), 1);
    drop(conn);
    assert_eq!(read.wait().unwrap(), "h");
}

#[test]
fn the_last_handle_dropped_over_a_held_read_lets_it_finish() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let read = conn.read(Aio::new(), 1);
    drop(conn);
    say(&peer, "a");
    assert!(completes(&read, PATIENCE));
    assert_eq!(peer.drain(), b""); // Closed behind it.

    // The same while a caller reads inline.
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let read = conn.read(Aio::new(), 1);
    let waiter = thread::spawn(move || read.wait());
    thread::sleep(SOON);
    drop(conn);
    say(&peer, "a");
    assert_eq!(join(waiter).unwrap(), "a");
    assert_eq!(receive(&drain_in_background(peer)), b"");
}

#[test]
fn an_exchange_that_nobody_waits_for_leaks_no_connection() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    std::mem::forget(conn.transact(Aio::new(), get()));
    drop(conn);
    say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let sent = receive(&drain_in_background(peer)); // To the end of the stream.
    assert!(sent.starts_with(b"GET / HTTP/1.1\r\n"));
}

// ------------------------------------------------------------------------------ interrupted callers

fn caller_at_work(
    conn: &Conn,
    aio: Aio<Bytes>,
) -> (
    http_aio::Canceler,
    thread::JoinHandle<Result<Bytes, http_aio::Error>>,
) {
    let read = conn.read(aio, 1);
    let canceler = read.canceler();
    let waiter = thread::spawn(move || read.wait());
    thread::sleep(SOON / 5);
    (canceler, waiter)
}

#[test]
fn a_caller_that_is_interrupted_ends_and_the_next_goes_on() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (canceler, waiter) = caller_at_work(&conn, Aio::new());
    let (told, _) = tell(conn.read(Aio::new(), 1));
    canceler.cancel();
    assert_eq!(failure(join(waiter)), (ErrorKind::Canceled, 0));
    let (_, waiter) = caller_at_work(&conn, Aio::new().timeout(SOON));
    say(&peer, "a");
    assert_eq!(receive(&told).result.unwrap(), "a");
    assert_eq!(failure(join(waiter)), (ErrorKind::TimedOut, 0));
    let (_, waiter) = caller_at_work(&conn, Aio::new());
    conn.close();
    assert_eq!(failure(join(waiter)), (ErrorKind::Closed, 0));
}

/// What expires or is canceled behind it ends at once, and is told on a thread of the connection.
#[test]
fn what_is_queued_behind_a_caller_ends_in_time() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (_, waiter) = caller_at_work(&conn, Aio::new());
    let (expired, _) = tell(conn.read(Aio::new().timeout(SOON), 1));
    let (canceled, canceler) = tell(conn.read(Aio::new(), 1));
    canceler.cancel();
    let told = receive(&canceled);
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    assert!(is_ours(&told.thread), "{}", told.thread);
    let told = receive(&expired);
    assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
    assert!(is_ours(&told.thread), "{}", told.thread);
    say(&peer, "a");
    assert_eq!(join(waiter).unwrap(), "a");
}

#[test]
fn waiters_of_queued_reads_are_served_in_order() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let waiters: Vec<_> = (0..8)
        .map(|_| conn.read(Aio::new(), 1))
        .map(|read| thread::spawn(move || read.wait()))
        .collect();
    say(&peer, "abcdefgh");
    let read: Vec<u8> = waiters
        .into_iter()
        .flat_map(|waiter| join(waiter).unwrap().to_vec())
        .collect();
    assert_eq!(read, b"abcdefgh");
}

/// A full queue of reads refuses an exchange, and nothing is sent: nothing else is harmed.
#[test]
fn an_exchange_for_which_there_is_no_room_sends_nothing() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let conn = conn.limits(Limits::default().queued(1));
    let (_, waiter) = caller_at_work(&conn, Aio::new());
    let queued = conn.read(Aio::new(), 1);
    let exchange = conn.transact(Aio::new(), get());
    let refused = failure(settle(exchange));
    say(&peer, "ab");
    let others = (join(waiter), settle(queued));
    assert_eq!(refused, (ErrorKind::NoMemory, 0), "the others: {others:?}");
    assert_eq!(others.0.unwrap(), "a");
    assert_eq!(others.1.unwrap(), "b");
}

/// The answer comes to whoever asked, on a connection whose reader is lost: nothing is sent.
#[test]
fn an_exchange_whose_answer_cannot_be_read_sends_nothing() {
    let faults = faulty(|f| f.fail_read = Some((1, Fault::Panic)));
    let (conn, peer) = memory_pair(1 << 10, faults);
    assert_eq!(
        failure(conn.read(Aio::new(), 1).wait()).0,
        ErrorKind::Abandoned
    );
    let exchange = conn.transact(Aio::new(), get());
    assert_eq!(failure(settle(exchange)), (ErrorKind::Closed, 0));
    drop(conn);
    assert_eq!(drain_memory(peer), b"");
}

#[test]
fn user_code_never_runs_on_a_caller() {
    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let mine = thread::current().id();
    for round in 0..50 {
        let (exchange, pipelined) = (
            conn.transact(Aio::new(), get()),
            conn.transact(Aio::new(), get()),
        );
        let (sender, receiver) = gate_of();
        let _ = pipelined.on_complete(move |result, _| {
            let _ = sender.send((result, thread::current().id()));
        });
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        say(&peer, [answer, answer].concat());
        let response: Response<Bytes> = exchange.wait().expect("it was sent");
        assert_eq!(response.body(), "x");
        let (result, thread) = receive(&receiver);
        assert_eq!(result.unwrap().body(), "x", "round {round}");
        assert_ne!(thread, mine);
    }
}

// ----------------------------------------------------------------------------------------- stress

/// Reads of all kinds from several threads: each ends once, no two at work, no byte is lost or told twice.
#[test]
fn reads_of_a_mixture_end_once_and_lose_nothing() {
    let mut dice = Dice(seed() | 1);
    let until = Instant::now() + Duration::from_secs(2);
    let mut rounds = 0;
    while Instant::now() < until {
        round_of_reads(&mut dice);
        rounds += 1;
    }
    println!("{rounds} rounds");
}

fn round_of_reads(dice: &mut Dice) {
    const BYTES: usize = 3000;
    let (conn, peer, clashes) = hooked_pair(64, Faults::none(), Hooks::default());
    let mut theirs = Dice(dice.roll(u64::MAX) | 1);
    let server = thread::spawn(move || {
        let mut at = 0;
        while at < BYTES {
            let count = (1 + theirs.roll(100) as usize).min(BYTES - at);
            say(&peer, pattern(at as u64, count));
            at += count;
            match theirs.roll(20) {
                0 => thread::sleep(Duration::from_micros(theirs.roll(3000))),
                1..5 => thread::yield_now(),
                _ => {}
            }
        }
        peer // Ends the stream when it is dropped.
    });
    let ended = Arc::new(AtomicUsize::new(0));
    let got = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let mut dice = Dice(dice.roll(u64::MAX) | 1);
            let (conn, ended, got) = (conn.clone(), Arc::clone(&ended), Arc::clone(&got));
            thread::spawn(move || {
                let mut submitted = 0;
                while got.load(Ordering::SeqCst) < BYTES {
                    let mut aio = Aio::new();
                    if dice.roll(4) == 0 {
                        aio = aio.timeout(Duration::from_micros(1 + dice.roll(2000)));
                    }
                    let read = conn.read(aio, 1 + dice.roll(40) as usize);
                    let canceler = read.canceler();
                    submitted += 1;
                    let (ended, got) = (Arc::clone(&ended), Arc::clone(&got));
                    let ends = move |result: Result<Bytes, http_aio::Error>| {
                        got.fetch_add(result.map_or(0, |bytes| bytes.len()), Ordering::SeqCst);
                        ended.fetch_add(1, Ordering::SeqCst);
                    };
                    let cancels = (dice.roll(4) == 0).then(|| {
                        let pause = dice.roll(300);
                        thread::spawn(move || {
                            thread::sleep(Duration::from_micros(pause));
                            canceler.cancel();
                        })
                    });
                    let me = thread::current().id();
                    match dice.roll(6) {
                        0 => {
                            read.on_complete(move |result, _| {
                                assert_ne!(thread::current().id(), me);
                                ends(result);
                            });
                        }
                        1 => ends(block_on(read)),
                        2 => match read.wait_timeout(Duration::from_micros(dice.roll(300))) {
                            Ok(result) => ends(result),
                            Err(read) => ends(read.wait()),
                        },
                        3 => ends(join_soon(thread::spawn(move || read.wait()))),
                        _ => ends(read.wait()),
                    }
                    if let Some(cancels) = cancels {
                        join_soon(cancels);
                    }
                }
                submitted
            })
        })
        .collect();
    // The end of the stream is the end of those that are left.
    drop(join(server));
    let submitted: usize = readers.into_iter().map(join).sum();
    wait_until("all have ended", || {
        ended.load(Ordering::SeqCst) >= submitted
    });
    thread::yield_now();
    assert_eq!(ended.load(Ordering::SeqCst), submitted);
    assert_eq!(got.load(Ordering::SeqCst), BYTES);
    assert_eq!(clashes.load(Ordering::SeqCst), 0, "two at work");
    assert_eq!(
        failure(settle(conn.read(Aio::new(), 1))).0,
        ErrorKind::Reset
    );
}

fn join_soon<T>(handle: thread::JoinHandle<T>) -> T {
    handle.join().expect("no panic")
}
