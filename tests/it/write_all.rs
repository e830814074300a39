//! Proves what `write_all` promises when nothing goes wrong: it returns at once, success means all of
//! it, operations keep their order and never mix, and a vector may have any shape.

use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Error, ErrorKind, Limits, Written};
use parking_lot::Mutex;

use crate::support::*;

// ------------------------------------------------------------------------------------- the vector

#[test]
fn vector_of_5000_buffers_with_empty_ones_between() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let peer = peer.run([Step::Drain]);
        let buffers = (0..5000_u64).flat_map(|i| {
            let empty = std::iter::repeat_n(Bytes::new(), usize::from(i % 3 == 0));
            empty.chain([pattern(i, 1)]).chain([Bytes::new()])
        });
        let first = conn.write_all(Aio::new().iov(buffers));
        // Longer than one call can take, by slices and by bytes.
        let long = (0..3000_u64).map(|i| pattern(5000 + i * 1000, 1000));
        let second = conn.write_all(Aio::new().iov(long));
        assert_eq!(settle(first).expect("the peer reads").count(), 5000);
        assert_eq!(settle(second).expect("the peer reads").count(), 3_000_000);
        drop(conn);
        let (received, _) = join(peer);
        assert_eq!(received.len(), 3_005_000);
        assert_pattern(0, &received);
    }
}

/// It succeeds, in its turn.
#[test]
fn empty_vector_succeeds_with_0_in_order() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let alone = settle(conn.write_all(Aio::new().iov(Vec::<Bytes>::new())));
        assert_eq!(alone.expect("nothing to write").count(), 0);
        let hollow = settle(conn.write_all(Aio::new().iov(["", "", ""])));
        assert_eq!(hollow.expect("nothing to write").count(), 0);
        let some = settle(conn.write(Aio::new().iov([""])));
        assert_eq!(some.expect("nothing to write").count(), 0);

        let stuck = jam(&conn, Aio::new());
        let empty = conn.write_all(Aio::new().iov([""]));
        let empty = match empty.wait_timeout(Duration::from_millis(5)) {
            Ok(result) => panic!("out of its turn: {result:?}"),
            Err(aio) => aio,
        };
        peer.expect(MORE_THAN_FITS);
        settle(stuck).expect("the peer has read it");
        assert_eq!(settle(empty).expect("nothing to write").count(), 0);
        drop(conn);
        assert_eq!(peer.drain().count(), 0);
    }
}

#[test]
fn no_vector_is_invalid_input() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let never_set = settle(conn.write_all(Aio::new()));
        assert_eq!(failure(never_set), (ErrorKind::InvalidInput, 0));
        let never_set = settle(conn.write(Aio::new()));
        assert_eq!(failure(never_set), (ErrorKind::InvalidInput, 0));

        // The operation uses the vector up, whether it succeeds or fails.
        let (result, aio) = settle_and_reclaim(conn.write_all(Aio::new().iov(["once"])));
        assert_eq!(result.expect("there is room").count(), 4);
        let (result, aio) = settle_and_reclaim(conn.write_all(aio));
        assert_eq!(failure(result), (ErrorKind::InvalidInput, 0));
        let expired = aio.iov(["never"]).deadline(Instant::now());
        let (result, aio) = settle_and_reclaim(conn.write_all(expired));
        assert_eq!(failure(result), (ErrorKind::TimedOut, 0));
        let (result, _) = settle_and_reclaim(conn.write_all(aio));
        assert_eq!(failure(result), (ErrorKind::InvalidInput, 0));

        // Told like any other failure, and the connection is fine.
        let (told, _) = tell(conn.write_all(Aio::new()));
        let told = receive(&told);
        assert_eq!(failure(told.result), (ErrorKind::InvalidInput, 0));
        assert!(is_ours(&told.thread), "{}", told.thread);
        settle(conn.write_all(Aio::new().iov(["twice"]))).expect("there is room");
        drop(conn);
        assert_eq!(peer.drain().bytes, b"oncetwice");
    }
}

/// The last vector that was set counts.
#[test]
fn vector_can_be_replaced() {
    let (conn, mut peer) = pair(Family::Unix);
    let aio = Aio::new().iov(["first"]).iov(["second"]);
    settle(conn.write_all(aio)).expect("there is room");
    drop(conn);
    assert_eq!(peer.drain().bytes, b"second");
}

// ------------------------------------------------------------------------------------ large bodies

const GIB: u64 = 1 << 30;

/// One gibibyte; the live count grows, never shrinks, never runs ahead.
#[track_caller]
fn check_gibibyte(family: Family, body: Vec<Bytes>, mut expected: impl FnMut(u64, &[u8])) {
    let (conn, mut peer) = pair(family);
    let aio = conn.write_all(Aio::new().iov(body).timeout(2 * PATIENCE));
    let count = Arc::new(Mutex::new(aio));
    let live = Arc::clone(&count);
    let mut buffer = vec![0; 1 << 20];
    let (mut received, mut last) = (0_u64, 0);
    while received < GIB {
        let read = peer.read(&mut buffer).expect("more to come");
        expected(received, &buffer[..read]);
        received += read as u64;
        let now = live.lock().count();
        assert!(now >= last, "the count fell from {last} to {now}");
        // It is renewed after each call, and no call moves more than 1 MiB.
        assert!(now + (1 << 20) >= received, "{now} of {received} received");
        assert!(now <= GIB);
        last = now;
    }
    drop(live);
    let aio = Arc::into_inner(count).expect("the only one").into_inner();
    assert_eq!(settle(aio).expect("the peer has read it").count(), GIB);
    drop(conn);
    assert_eq!(peer.drain().count(), 0);
}

#[test]
fn body_of_1_gib_from_one_shared_buffer() {
    let shared = pattern(0, 1 << 20);
    let body = vec![shared.clone(); 1024];
    check_gibibyte(Family::Unix, body, |offset, bytes| {
        // A read may span two rounds of the shared buffer.
        let start = (offset % (1 << 20)) as usize;
        let first = bytes.len().min(shared.len() - start);
        assert!(bytes[..first] == shared[start..start + first]);
        assert!(bytes[first..] == shared[..bytes.len() - first]);
    });
}

/// One buffer that is longer than any call may be. Of zeros, which cost no memory.
#[test]
fn body_of_1_gib_in_one_buffer() {
    let zeros = Bytes::from(vec![0; GIB as usize]);
    let expected = vec![0; 1 << 20];
    check_gibibyte(Family::Tcp, vec![zeros], |_, bytes| {
        assert!(bytes == &expected[..bytes.len()]);
    });
}

// ------------------------------------------------------------------------------------------ order

/// 100,000 small writes, 64 in flight, each submitted by the closure of one before it.
#[test]
fn pipeline_of_100_000_small_writes() {
    const TOTAL: u64 = 100_000;

    struct Pipeline {
        next: Mutex<u64>,
        done: AtomicUsize,
    }

    fn submit(conn: &Conn, aio: Aio<Written>, pipeline: &Arc<Pipeline>) {
        let lent = {
            // Number and place in the queue are one step, should two closures run at once.
            let mut next = pipeline.next.lock();
            if *next == TOTAL {
                return;
            }
            let number = *next;
            *next += 1;
            conn.write_all(aio.iov([Bytes::copy_from_slice(&number.to_be_bytes())]))
        };
        let (clone, shared) = (conn.clone(), Arc::clone(pipeline));
        let _ = lent.on_complete(move |result, aio| {
            assert_eq!(result.expect("the peer reads").count(), 8);
            shared.done.fetch_add(1, Ordering::Relaxed);
            submit(&clone, aio, &shared);
        });
    }

    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let peer = peer.run([Step::Drain]);
        let pipeline = Arc::new(Pipeline {
            next: Mutex::new(0),
            done: AtomicUsize::new(0),
        });
        for _ in 0..64 {
            submit(&conn, Aio::new(), &pipeline);
        }
        drop(conn); // The last closure drops the last handle.
        let (received, _) = join(peer);
        assert_eq!(received.len() as u64, TOTAL * 8);
        for (i, number) in received.chunks(8).enumerate() {
            assert_eq!(number, (i as u64).to_be_bytes());
        }
        assert_eq!(pipeline.done.load(Ordering::Relaxed) as u64, TOTAL);
    }
}

/// Writes of several threads come whole, those of each thread in its order.
#[test]
fn several_threads_never_interleave() {
    const THREADS: u8 = 4;
    const EACH: u16 = 150;
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let peer = peer.run([Step::Drain]);
        let threads: Vec<_> = (0..THREADS)
            .map(|id| {
                let conn = conn.clone();
                thread::spawn(move || {
                    let mut aios = Vec::new();
                    for number in 0..EACH {
                        // Mostly small enough to share a call, some too large for the socket.
                        let len: u32 = match number % 16 {
                            7 => 300_000,
                            11 => 20_000,
                            n => u32::from(n) * 100,
                        };
                        let mut head = vec![id];
                        head.extend(number.to_be_bytes());
                        head.extend(len.to_be_bytes());
                        let body = vec![id ^ number as u8; len as usize];
                        aios.push(conn.write_all(Aio::new().iov([head, body])));
                    }
                    for aio in aios {
                        settle(aio).expect("the peer reads");
                    }
                })
            })
            .collect();
        drop(conn);
        for thread in threads {
            join(thread);
        }
        let (received, _) = join(peer);
        let mut rest = &received[..];
        let mut next = [0; THREADS as usize];
        while let Some((head, tail)) = rest.split_first_chunk::<7>() {
            let [id, n1, n2, l1, l2, l3, l4] = *head;
            let number = u16::from_be_bytes([n1, n2]);
            let expected = &mut next[usize::from(id)];
            assert_eq!(number, *expected, "out of order in thread {id}");
            *expected += 1;
            let (body, tail) = tail.split_at(u32::from_be_bytes([l1, l2, l3, l4]) as usize);
            assert!(body.iter().all(|byte| *byte == id ^ number as u8), "mixed");
            rest = tail;
        }
        assert_eq!(next, [EACH; THREADS as usize]);
    }
}

/// `is_done` and waiting out of order: a later write is never complete before an earlier one.
#[test]
fn completed_in_the_order_of_submission() {
    let (conn, peer) = pair(Family::Unix);
    let (sender, order) = unbounded();
    let mut offset = 0;
    for i in 0..500_usize {
        let len = if i % 50 == 49 { 400_000 } else { i };
        let sender = sender.clone();
        let lent = write_pattern(&conn, Aio::new(), offset, len);
        offset += len as u64;
        let _ = lent.on_complete(move |result, _| {
            let _ = sender.send((i, result));
        });
    }
    drop(sender);
    let peer = peer.run([Step::Drain]);
    for i in 0..500 {
        let (number, result) = receive(&order);
        result.expect("the peer reads");
        assert_eq!(number, i);
    }
    drop(conn);
    let (received, _) = join(peer);
    assert_eq!(received.len() as u64, offset);
    assert_pattern(0, &received);
}

// ----------------------------------------------------------------------------------- what is small

/// In memory where the calls can be counted: what was queued shares one call, and a call
/// that may block carries one operation only.
#[cfg(feature = "test-util")]
#[test]
fn small_writes_share_a_call_that_does_not_block() {
    use http_aio::testing::memory::Faults;
    // All fit; the kernel takes 25 of 100 bytes; it takes none.
    for room in [100, 25, 0] {
        let (conn, peer, gate) = gated_pair(1 + room, Faults::none());
        let head = write_pattern(&conn, Aio::new(), 0, 1);
        let first = gate.arrived();
        assert_eq!((first.may_block, first.offered), (false, 1));
        let aios: Vec<_> = (0..10)
            .map(|i| write_pattern(&conn, Aio::new(), 1 + i * 10, 10))
            .collect();
        gate.permit();
        let shared = gate.arrived();
        assert_eq!((shared.may_block, shared.offered), (false, 100));
        gate.permit();
        if room < 100 {
            let alone = gate.arrived();
            let rest = if room == 0 { 10 } else { 5 };
            assert_eq!((alone.may_block, alone.offered), (true, rest));
        }
        let calls = gate.open();
        let drained = drain_in_background(peer);
        settle(head).expect("there is room");
        for aio in aios {
            assert_eq!(settle(aio).expect("the peer reads").count(), 10);
        }
        drop(conn);
        let drained = receive(&drained);
        assert_eq!(drained.len(), 101);
        assert_pattern(0, &drained);
        for call in calls.try_iter().filter(|call| call.may_block) {
            assert!(call.offered <= 10, "{call:?}");
        }
    }
}

// ----------------------------------------------------------------------------------------- at once

/// Whatever the connection is busy with.
#[test]
fn submitting_returns_at_once() {
    in_time(|| {
        let (conn, mut peer) = pair(Family::Tcp);
        let stuck = jam(&conn, Aio::new());
        let body = pattern(0, 1 << 20);
        let mut longest = Duration::ZERO;
        let mut aios = Vec::new();
        for _ in 0..1000 {
            let aio = Aio::new().iov([body.clone()]).timeout(PATIENCE);
            let start = Instant::now();
            aios.push(conn.write_all(aio));
            longest = longest.max(start.elapsed());
        }
        assert!(!stuck.is_done());
        conn.close();
        let (_, count) = failure(settle(stuck));
        for aio in aios {
            assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
        }
        assert_eq!(peer.drain().count(), count);
        at_most("submitting", longest, Duration::from_millis(20))
    });
}

#[test]
fn queue_limit_is_no_memory_for_that_one_only() {
    let (conn, mut peer) = pair(Family::Tcp);
    let conn = conn.limits(Limits::default().queued(3));
    let stuck = jam(&conn, Aio::new());
    let size = MORE_THAN_FITS as u64;
    let queued: Vec<_> = (0..3)
        .map(|i| write_pattern(&conn, Aio::new(), size + i * 10, 10))
        .collect();
    for _ in 0..2 {
        let (told, _) = tell(write_pattern(&conn, Aio::new(), 0, 10));
        let told = receive(&told);
        assert_eq!(failure(told.result), (ErrorKind::NoMemory, 0));
        let refused = settle(write_pattern(&conn, Aio::new(), 0, 10));
        assert_eq!(failure(refused), (ErrorKind::NoMemory, 0));
    }
    // One leaves, one may come.
    queued[1].cancel();
    let last = write_pattern(&conn, Aio::new(), size + 20, 10);
    let refused = settle(write_pattern(&conn, Aio::new(), 0, 10));
    assert_eq!(failure(refused), (ErrorKind::NoMemory, 0));

    let received = peer.expect(MORE_THAN_FITS + 30);
    assert_pattern(0, &received[..MORE_THAN_FITS + 10]);
    assert_pattern(size + 20, &received[MORE_THAN_FITS + 10..][..10]);
    assert_pattern(size + 20, &received[MORE_THAN_FITS + 20..]);
    settle(stuck).expect("the peer has read it");
    for (i, aio) in queued.into_iter().enumerate() {
        match settle(aio) {
            Ok(written) => assert_eq!(written.count(), 10),
            Err(error) => assert_eq!((i, error.kind()), (1, ErrorKind::Canceled)),
        }
    }
    settle(last).expect("there was a place");
    settle(write_pattern(&conn, Aio::new(), 0, 10)).expect("there is room");
}

// ------------------------------------------------------------------------------------- write (some)

#[test]
fn write_some_completes_with_a_short_count() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        // All of it, where there is room for all.
        let small = settle(conn.write(Aio::new().iov(["ab", "", "c"])));
        assert_eq!(small.expect("there is room").count(), 3);
        assert_eq!(peer.expect(3), b"abc");
        let part = settle(conn.write(Aio::new().iov([pattern(0, MORE_THAN_FITS)])));
        let part = part.expect("there is room for some").count();
        assert!((1..MORE_THAN_FITS as u64).contains(&part), "{part}");
        // The caller goes on from there.
        let rest = MORE_THAN_FITS - usize::try_from(part).expect("small");
        let rest = write_pattern(&conn, Aio::new(), part, rest);
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        settle(rest).expect("the peer has read it");
    }
}

/// It waits for the first byte as long as it takes, or its deadline allows.
#[test]
fn write_some_waits_for_the_first_byte() {
    let (conn, mut peer) = pair(Family::Unix);
    let mut sum = 0;
    let full = loop {
        let aio = Aio::new().timeout(Duration::from_millis(50));
        match settle(conn.write(aio.iov([pattern(sum, 1 << 20)]))) {
            Ok(written) => sum += written.count(),
            Err(error) => break error,
        }
    };
    assert_eq!((full.kind(), full.count()), (ErrorKind::TimedOut, 0));
    drop(conn);
    let drained = peer.drain();
    assert_eq!(drained.count(), sum);
    assert_pattern(0, &drained.bytes);
}

/// The first bytes complete it, although the call that blocked for them was offered more.
#[test]
fn write_some_completes_with_the_first_bytes() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let first = settle(conn.write(Aio::new().iov([pattern(0, MORE_THAN_FITS)])));
        let first = first.expect("there is room for some").count();
        let second = conn.write(Aio::new().iov([pattern(first, MORE_THAN_FITS)]));
        let second = match second.wait_timeout(Duration::from_millis(5)) {
            Ok(result) => {
                // The kernel has found room for more in between: that is the first byte, too.
                assert!(result.expect("there was room").count() > 0);
                continue;
            }
            Err(aio) => aio,
        };
        // The peer makes room for some of it, and then reads no more.
        assert_pattern(0, &peer.expect(usize::try_from(first).expect("small")));
        let written = settle(second).expect("there is room for some").count();
        assert!((1..MORE_THAN_FITS as u64).contains(&written), "{written}");
        drop(conn);
        let drained = peer.drain();
        assert_eq!(drained.count(), written, "{family:?}");
        assert_pattern(first, &drained.bytes);
    }
}

/// Each operation carries its own mode; one of another mode behind it changes nothing.
#[test]
fn modes_do_not_mix() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let size = MORE_THAN_FITS as u64;
        let all = jam(&conn, Aio::new());
        let some = conn.write(Aio::new().iov([pattern(size, MORE_THAN_FITS)]));
        let behind = conn.write_all(Aio::new().iov([pattern(0, MORE_THAN_FITS)]));
        let peer = peer.run([Step::Drain]);
        assert_eq!(settle(all).expect("the peer reads").count(), size);
        let part = settle(some).expect("the peer reads").count();
        assert!((1..=size).contains(&part));
        assert_eq!(settle(behind).expect("the peer reads").count(), size);
        drop(conn);
        let (received, _) = join(peer);
        let border = usize::try_from(size + part).expect("megabytes");
        assert_eq!(received.len(), border + MORE_THAN_FITS);
        assert_pattern(0, &received[..border]);
        assert_pattern(0, &received[border..]);
    }
}

// -------------------------------------------------------------------------------------- half-close

/// A peer that has nothing more to say may have a lot to hear.
#[test]
fn half_closed_peer_receives_everything() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let answer = conn.read(Aio::new(), 10);
        let upload = jam(&conn, Aio::new());
        peer.shutdown(std::net::Shutdown::Write);
        let end = settle(answer).expect_err("nothing was sent");
        assert!(end.is_end_of_stream(), "{end:?}");
        assert!(!upload.is_done());
        let behind = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10);
        assert_pattern(0, &peer.expect(MORE_THAN_FITS + 10));
        settle(upload).expect("the peer has read it");
        settle(behind).expect("the peer has read it");
    }
}

// ------------------------------------------------------------------------------------------ detach

#[test]
fn dropping_an_aio_in_flight_detaches_it() {
    let (conn, mut peer) = pair(Family::Tcp);
    drop(jam(&conn, Aio::new()));
    drop(write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10));
    let last = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64 + 10, 10);
    assert_pattern(0, &peer.expect(MORE_THAN_FITS + 20));
    settle(last).expect("the peer has read it");
}

// ------------------------------------------------------------------------------------------- await

#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn awaited_in_a_tiny_executor() {
    let (conn, mut peer) = pair(Family::Unix);
    let sum = block_on(async {
        let mut sum = 0;
        for i in 0..100 {
            sum += write_pattern(&conn, Aio::new(), i * 10, 10).await?.count();
        }
        Ok::<_, Error>(sum)
    });
    assert_eq!(sum.expect("there is room"), 1000);
    assert_pattern(0, &peer.expect(1000));
    // Complete before the first poll.
    let aio = conn.write_all(Aio::new().iov(["x"]));
    wait_until("it is written", || aio.is_done());
    block_on(aio).expect("there is room");
    // And a failure.
    let aio = write_pattern(
        &conn,
        Aio::new().timeout(Duration::from_millis(30)),
        0,
        MORE_THAN_FITS,
    );
    let error = block_on(aio).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(conn);
    assert_eq!(peer.drain().count(), 1 + error.count());
}

/// The waker of the last poll is the one that is woken, once; polled after that it stays pending.
#[test]
fn awaited_by_another_waker_than_at_first() {
    let (conn, mut peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    let mut future = pin!(stuck);
    let wakers = [Arc::new(Counting::default()), Arc::new(Counting::default())];
    let [first, last] = wakers.clone().map(Waker::from);
    let mut poll = |waker: &Waker| future.as_mut().poll(&mut Context::from_waker(waker));
    assert!(poll(&first).is_pending());
    assert!(poll(&first).is_pending());
    assert!(poll(&last).is_pending());
    peer.expect(MORE_THAN_FITS);
    wait_until("the last waker is woken", || wakers[1].wakes() > 0);
    assert_eq!(wakers[0].wakes(), 0);
    match poll(&first) {
        Poll::Ready(result) => {
            let written = result.expect("the peer has read it");
            assert_eq!(written.count(), MORE_THAN_FITS as u64);
        }
        Poll::Pending => panic!("woken for nothing"),
    }
    assert!(poll(&first).is_pending());
    assert_eq!(wakers.map(|waker| waker.wakes()), [0, 1]);
}

/// Whoever polls an operation to its end and asks again gets an answer, in whatever way.
#[test]
fn awaited_to_the_end_and_asked_again() {
    let (conn, _peer) = pair(Family::Unix);
    let polled = || {
        let mut aio = conn.write_all(Aio::new().iov(["x"]));
        block_on(&mut aio).expect("there is room");
        aio
    };
    assert_eq!(failure(polled().wait()), (ErrorKind::InvalidInput, 0));
    let result = polled().wait_timeout(PATIENCE).expect("it is over");
    assert_eq!(failure(result), (ErrorKind::InvalidInput, 0));
    let (told, _) = tell(polled());
    assert_eq!(failure(receive(&told).result), (ErrorKind::InvalidInput, 0));
    // The aio itself is as good as before.
    let (_, aio) = polled().reclaim();
    settle(conn.write_all(aio.iov(["y"]))).expect("there is room");
}

/// A lost `select!` must not cut the stream.
#[test]
fn awaited_and_dropped_is_detached() {
    let (conn, mut peer) = pair(Family::Unix);
    let waker = Arc::new(Counting::default());
    {
        let mut future = pin!(jam(&conn, Aio::new()));
        let here = Waker::from(Arc::clone(&waker));
        let polled = future.as_mut().poll(&mut Context::from_waker(&here));
        assert!(polled.is_pending());
    }
    let next = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10);
    assert_pattern(0, &peer.expect(MORE_THAN_FITS + 10));
    settle(next).expect("the connection is as before");
}

// ----------------------------------------------------------------------------------------- std::io

#[test]
fn std_io_write() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let peer = peer.run([Step::Drain]);
        let writer = &mut conn.io();
        write!(writer, "formatted-{}", 7).expect("there is room");
        writer.flush().expect("nothing to do");
        assert_eq!(writer.write(b"").expect("nothing to write"), 0);
        let slices = [IoSlice::new(b"a"), IoSlice::new(b""), IoSlice::new(b"bc")];
        let count = writer.write_vectored(&slices).expect("there is room");
        assert_eq!(count, 3);
        // More than one call copies.
        writer
            .write_all(&pattern(0, 3_000_000))
            .expect("the peer reads");
        let mut source = io::Cursor::new(pattern(3_000_000, 1_000_000));
        let copied = io::copy(&mut source, writer).expect("the peer reads");
        assert_eq!(copied, 1_000_000);
        conn.close();
        let error = writer.write_all(b"x").expect_err("closed");
        assert_ne!(error.kind(), io::ErrorKind::Interrupted);
        assert_eq!(Error::from(error).kind(), ErrorKind::Closed);
        let (received, _) = join(peer);
        assert_eq!(&received[..14], b"formatted-7abc");
        assert_eq!(received.len(), 14 + 4_000_000);
        assert_pattern(0, &received[14..]);
    }
}
