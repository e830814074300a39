//! Connections and bodies through `std::io`: one deadline over all calls, ends that are ends, and nothing
//! held back from whoever comes next.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::http::{Request, Response};
use http_aio::{Aio, CancelToken, Conn, Error, ErrorKind};
use socket2::SockRef;

use crate::site::answer;
use crate::support::*;

const SHORT: Duration = Duration::from_millis(80);

/// For operations that need not wait for anybody.
fn prompt<T>() -> Aio<T> {
    Aio::new().timeout(PATIENCE / 3)
}

/// A client's connection behind the head of a response, and its peer, who has said so much of the body.
#[track_caller]
fn behind_head(family: Family, rest: &str) -> (Conn, Peer) {
    let (conn, mut peer) = pair(family);
    let get = Request::get("http://h/").body(()).unwrap();
    settle(conn.write_request(prompt(), get)).unwrap();
    peer.head();
    peer.say(format!("HTTP/1.1 200 OK\r\n{rest}"));
    settle(conn.read_response(prompt())).unwrap();
    (conn, peer)
}

/// Reads a connection until then, by `Io` or by `Body`.
type Open = fn(&Conn, Instant) -> Box<dyn Read>;

const READERS: [(&str, Open); 2] = [
    ("io", |conn, until| Box::new(conn.io().deadline(until))),
    ("body", |conn, until| Box::new(conn.body().deadline(until))),
];

/// For reads that need not wait for anybody.
fn soon() -> Instant {
    Instant::now() + PATIENCE / 3
}

#[track_caller]
fn io_failure<T: std::fmt::Debug>(result: io::Result<T>) -> (io::ErrorKind, Error) {
    let error = result.expect_err("it fails");
    (error.kind(), Error::from(error))
}

// ----------------------------------------------------------------------------------------- deadlines

/// A peer that says a byte at a time does not stretch it.
#[test]
fn a_deadline_is_over_all_reads() {
    for (what, open) in READERS {
        in_time(|| {
            let (conn, mut peer) = behind_head(Family::Tcp, "Content-Length: 1000000\r\n\r\n");
            let (stop, stopped) = gate();
            let dripping = thread::spawn(move || {
                while stopped.is_empty() {
                    peer.say("x");
                    thread::sleep(Duration::from_millis(5));
                }
                peer
            });
            let (mut read, start) = (Vec::new(), Instant::now());
            let mut reader = open(&conn, start + SHORT);
            let (kind, error) = io_failure(reader.read_to_end(&mut read));
            let took = start.elapsed();
            assert_eq!(
                (kind, error.kind()),
                (io::ErrorKind::TimedOut, ErrorKind::TimedOut)
            );
            assert!(took >= SHORT, "{what}: {took:?}");
            // Its time is up for good.
            let again = io_failure(reader.read(&mut [0; 8]));
            assert!(again.1.is_timeout(), "{what}");
            stop.send(()).unwrap();
            let mut peer = join(dripping);
            // What came is there for the next, byte by byte.
            peer.say("y");
            let mut reader = conn.body().timeout(PATIENCE / 3);
            let mut byte = [0];
            while byte != *b"y" {
                assert_eq!(reader.read(&mut byte).unwrap(), 1);
            }
            at_most("all reads", took, SHORT + Duration::from_millis(100))
        });
    }
}

/// A reader that gives up a silent peer, and one that somebody stops.
type Bounded = fn(&Conn, Duration, &CancelToken) -> Box<dyn Read + Send>;

const BOUNDED: [(&str, Bounded); 2] = [
    ("io", |conn, idle, token| {
        Box::new(conn.io().idle_timeout(idle).cancel_token(token))
    }),
    ("body", |conn, idle, token| {
        Box::new(conn.body().idle_timeout(idle).cancel_token(token))
    }),
];

/// A peer who drips for longer than that in all is heard to the end; one who is silent is not.
#[test]
fn an_idle_timeout_is_for_each_read() {
    for (what, open) in BOUNDED {
        let (conn, mut peer) = behind_head(Family::Tcp, "Content-Length: 100\r\n\r\n");
        let mut reader = open(&conn, 3 * SHORT, &CancelToken::new());
        let drips = thread::spawn(move || {
            for _ in 0..8 {
                thread::sleep(SHORT);
                peer.say("x");
            }
            peer
        });
        let start = Instant::now();
        reader.read_exact(&mut [0; 8]).expect("it drips");
        assert!(start.elapsed() > 5 * SHORT, "{what}");
        let peer = join(drips);
        let (kind, error) = io_failure(reader.read(&mut [0; 8]));
        assert_eq!(kind, io::ErrorKind::TimedOut, "{what}");
        assert!(error.is_timeout(), "{what}");
        drop(peer);
    }
}

#[test]
fn an_idle_timeout_is_for_each_write() {
    let (conn, _peer) = pair(Family::Tcp);
    let mut writer = conn.io().idle_timeout(SHORT);
    let error = writer.write_all(&pattern(0, MORE_THAN_FITS)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

/// What has arrived stays for whoever comes next.
#[test]
fn a_token_ends_reads_and_writes() {
    for (what, open) in BOUNDED {
        let (conn, mut peer) = behind_head(Family::Unix, "Content-Length: 10\r\n\r\n01234");
        let token = CancelToken::new();
        let mut reader = open(&conn, PATIENCE, &token);
        reader.read_exact(&mut [0; 5]).expect("it is there");
        let reads = thread::spawn(move || {
            let failed = io_failure(reader.read(&mut [0; 5]));
            (reader, failed)
        });
        thread::sleep(SHORT);
        token.cancel();
        let (mut reader, (_, error)) = join(reads);
        assert!(error.is_canceled(), "{what}");
        assert!(io_failure(reader.read(&mut [0; 5])).1.is_canceled());
        peer.say("56789");
        assert_eq!(settle(conn.read_body(prompt())).unwrap(), "56789", "{what}");
    }
    let (conn, _peer) = pair(Family::Unix);
    let token = CancelToken::new();
    let mut writer = conn.io().cancel_token(&token);
    let writes = thread::spawn(move || writer.write_all(&pattern(0, MORE_THAN_FITS)));
    thread::sleep(SHORT);
    token.cancel();
    assert!(io_failure(join(writes)).1.is_canceled());
}

/// And not over the operations of a body, which have deadlines of their own.
#[test]
fn a_deadline_of_a_body_is_for_std_io_alone() {
    let (conn, _peer) = behind_head(Family::Unix, "Content-Length: 10\r\n\r\nhello");
    let mut body = conn.body().timeout(Duration::ZERO);
    assert!(io_failure(body.read(&mut [0; 8])).1.is_timeout());
    assert_eq!(settle(body.read_some(prompt(), 2)).unwrap(), "he");
    // A later one counts from then on.
    let mut body = body.timeout(PATIENCE);
    let mut rest = [0; 3];
    body.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"llo");
    let aio = Aio::new().timeout(Duration::from_millis(10));
    assert_eq!(failure(settle(body.collect(aio))), (ErrorKind::TimedOut, 0));
}

#[test]
fn a_deadline_is_over_all_writes() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, peer) = pair(family);
            let dripping = peer.run([Step::Drip {
                bytes: 2_000,
                every: Duration::from_millis(5),
            }]);
            let start = Instant::now();
            let mut writer = conn.io().timeout(SHORT);
            let mut written = 0;
            let error = loop {
                match writer.write(&pattern(written, 50_000)) {
                    Ok(count) => written += count as u64,
                    Err(error) => break Error::from(error),
                }
            };
            let took = start.elapsed();
            assert!(error.is_timeout(), "{error:?}");
            assert!(took >= SHORT, "{took:?}");
            let total = written + error.count();
            drop((writer, conn));
            let (received, mut peer) = join(dripping);
            let received = [received, peer.drain().bytes].concat();
            assert_eq!(received.len() as u64, total);
            assert_pattern(0, &received);
            at_most("all writes", took, SHORT + Duration::from_millis(150))
        });
    }
}

/// What has expired before it begins moves nothing, and harms nothing.
#[test]
fn a_deadline_in_the_past_moves_nothing() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        peer.say("here");
        let mut past = conn.io().deadline(Instant::now());
        assert!(io_failure(past.read(&mut [0; 8])).1.is_timeout());
        let (kind, error) = io_failure(past.write(b"x"));
        assert_eq!((kind, error.count()), (io::ErrorKind::TimedOut, 0));
        past.flush().unwrap();
        let mut conn = conn.io().timeout(PATIENCE);
        let mut there = [0; 4];
        conn.read_exact(&mut there).unwrap();
        assert_eq!(&there, b"here");
        conn.write_all(b"y").unwrap();
        assert_eq!(peer.expect(1), b"y");
        assert!(!peer.has_input());
    }
}

// ---------------------------------------------------------------------------------------------- ends

#[test]
fn the_end_of_a_body_is_an_end() {
    for (what, open) in READERS {
        for rest in [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n",
        ] {
            for family in FAMILIES {
                let (conn, _peer) = behind_head(family, rest);
                let mut reader = open(&conn, soon());
                let mut body = String::new();
                reader.read_to_string(&mut body).unwrap();
                assert_eq!(body, "hello", "{what}: {rest:?}");
                for _ in 0..2 {
                    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
                }
                let trailers = settle(conn.body().read_trailers(prompt()));
                assert_eq!(trailers.unwrap().len(), usize::from(rest.contains("A: b")));
                assert!(conn.is_reusable());
            }
        }
    }
}

/// Where no message was read, the end is that of the stream.
#[test]
fn the_end_of_a_raw_stream_is_an_end() {
    for (what, open) in READERS {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            peer.say("raw\r\n\r\n");
            peer.shutdown(Shutdown::Write);
            let mut reader = open(&conn, soon());
            let mut read = Vec::new();
            assert_eq!(reader.read_to_end(&mut read).unwrap(), 7, "{what}");
            assert_eq!(read, b"raw\r\n\r\n");
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
            // What was written meanwhile still goes out.
            conn.io().write_all(b"answer").unwrap();
            assert_eq!(peer.expect(6), b"answer");
        }
    }
}

#[test]
fn a_body_that_is_cut_has_no_end() {
    for (what, open) in READERS {
        for rest in [
            "Content-Length: 6\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ] {
            for family in FAMILIES {
                let (conn, peer) = behind_head(family, rest);
                peer.shutdown(Shutdown::Write);
                let mut reader = open(&conn, soon());
                let mut read = Vec::new();
                for _ in 0..2 {
                    let (kind, error) = io_failure(reader.read_to_end(&mut read));
                    assert_eq!(kind, io::ErrorKind::UnexpectedEof, "{what}: {rest:?}");
                    assert!(error.is_incomplete_message(), "{what}: {error:?}");
                    assert!(error.is_end_of_stream(), "{what}: {error:?}");
                    assert_eq!(read, b"hello");
                }
            }
        }
    }
}

#[test]
fn a_raw_stream_is_read_to_its_end() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let sender = thread::spawn(move || {
            peer.say("first line\nsecond ");
            peer.say("line\n");
            peer.say(pattern(0, 1 << 20));
            peer.shutdown(Shutdown::Write);
            peer
        });
        let mut reader = BufReader::new(conn.io());
        let mut line = String::new();
        for expected in ["first line\n", "second line\n"] {
            line.clear();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, expected);
        }
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest).unwrap(), 1 << 20);
        assert_pattern(0, &rest);
        // The end stays.
        assert_eq!(conn.io().read(&mut [0; 9]).unwrap(), 0);
        join(sender);
    }
}

#[test]
fn a_reset_is_no_end() {
    let (near, far) = tcp_pair();
    let conn = Conn::from(near);
    SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    let error = conn.io().read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(Error::from(error).kind(), ErrorKind::Reset);

    let (conn, _peer) = pair(Family::Tcp);
    conn.close();
    let error = conn.io().read(&mut [0; 9]).unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Closed);
}

// ---------------------------------------------------------------------------------------- std's tools

#[test]
fn what_is_written_is_framed_as_declared() {
    let (conn, mut peer) = pair(Family::Unix);
    let head = Request::put("http://h/").header("transfer-encoding", "chunked");
    settle(conn.write_request(prompt(), head.body(()).unwrap())).unwrap();
    let mut writer = conn.io();
    write!(writer, "{}", 1).unwrap();
    assert_eq!(writer.write(b"").unwrap(), 0);
    assert_eq!(writer.write(b"chunk").unwrap(), 5);
    // All that is buffered makes one chunk.
    let mut buffered = BufWriter::new(conn.io());
    write!(buffered, "{} {}", 2, 3).unwrap();
    buffered.into_inner().unwrap();
    settle(conn.finish(prompt())).unwrap();
    peer.head();
    let wire = "1\r\n1\r\n5\r\nchunk\r\n3\r\n2 3\r\n0\r\n\r\n";
    assert_eq!(String::from_utf8(peer.expect(wire.len())).unwrap(), wire);

    let head = Request::put("http://h/").header("content-length", "4");
    settle(conn.write_request(prompt(), head.body(()).unwrap())).unwrap();
    let (kind, error) = io_failure(writer.write(b"too much"));
    assert_eq!(kind, io::ErrorKind::InvalidInput);
    assert_eq!((error.kind(), error.count()), (ErrorKind::InvalidInput, 0));
    writer.write_all(b"good").unwrap();
    assert!(writer.write(b"!").is_err());
    peer.head();
    assert_eq!(peer.expect(4), b"good");
}

/// What is not read stays with the connection: nothing is read ahead of what is asked for.
#[test]
fn nothing_is_held_back() {
    let (conn, mut peer) = behind_head(Family::Tcp, "Content-Length: 10\r\n\r\n0123456789");
    let mut two = [0; 2];
    conn.body().read_exact(&mut two).unwrap();
    assert_eq!(&two, b"01");
    conn.io().read_exact(&mut two).unwrap();
    assert_eq!(&two, b"23");
    assert_eq!(settle(conn.read(prompt(), 2)).unwrap(), "45");
    assert_eq!(settle(conn.body().read_some(prompt(), 2)).unwrap(), "67");
    assert_eq!(settle(conn.body().collect(prompt())).unwrap(), "89");
    let next = conn.transact(prompt(), Request::get("http://h/").body(()).unwrap());
    peer.head();
    peer.say(answer("next"));
    assert_eq!(settle(next).unwrap().body(), "next");
}

/// A server that is written with `std::io` alone, in both directions at once.
#[test]
fn both_directions_go_on_at_once() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (mut reader, mut writer) = (BufReader::new(conn.io()), conn.io());
        let writing = thread::spawn(move || {
            for n in 0..100_u64 {
                writer.write_all(&pattern(n * 10_000, 10_000)).unwrap();
            }
        });
        for n in 0..100 {
            peer.say(format!("line {n}\n"));
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, format!("line {n}\n"));
        }
        assert_pattern(0, &peer.expect(1_000_000));
        join(writing);
    }
}

#[test]
fn io_copy_goes_through() {
    const LEN: usize = 1 << 20;
    let (near, far) = tcp_pair();
    let (client, server) = (Conn::from(near), Conn::from(far));
    let echoing = thread::spawn(move || {
        let head = server.read_request(prompt()).wait().unwrap();
        let length = head.headers()["content-length"].clone();
        let response = Response::builder().header("content-length", length);
        settle(server.write_response(prompt(), response.body(()).unwrap())).unwrap();
        let count = io::copy(&mut server.body(), &mut server.io()).unwrap();
        settle(server.finish(prompt())).unwrap();
        count
    });
    let request = Request::put("http://h/").body(pattern(0, LEN)).unwrap();
    let asking = client.transact_streaming(Aio::new(), request);
    let mut body = settle(asking).unwrap().into_body();
    let mut echoed = Vec::new();
    assert_eq!(io::copy(&mut body, &mut echoed).unwrap(), LEN as u64);
    assert_pattern(0, &echoed);
    assert_eq!(join(echoing), LEN as u64);
}

/// Buffers that are larger than what one call copies, and as many as there are.
#[test]
fn a_write_takes_what_it_copies() {
    let (conn, peer) = pair(Family::Unix);
    let draining = peer.run([Step::Drain]);
    let large = pattern(0, 1 << 20);
    let mut writer = conn.io();
    let count = writer.write(&large).unwrap();
    assert!(count > 0 && count < large.len(), "{count}");
    let slices: Vec<_> = large[count..].chunks(1_000).map(io::IoSlice::new).collect();
    let more = writer.write_vectored(&slices).unwrap();
    assert!(more > 1_000, "{more}");
    writer.write_all(&large[count + more..]).unwrap();
    drop((conn, writer));
    assert_pattern(0, &join(draining).0);
}

// ------------------------------------------------------------------------------------------ closures

/// In a closure of the same connection there is nobody to wait for; of another one there is. What would
/// deadlock has moved nothing, whichever way it was asked for.
#[test]
fn std_io_in_closures() {
    let (conn, mut peer) = behind_head(Family::Tcp, "Content-Length: 5\r\n\r\nhello");
    let (other, mut others) = behind_head(Family::Unix, "Content-Length: 5\r\n\r\nthere");
    let ((tell, told), mine) = (gate_of(), conn.clone());
    let _ = conn
        .write_all(Aio::new().iov([""]))
        .on_complete(move |_, _| {
            let mut read = [0; 5];
            let deadlocks = [
                io_failure(mine.io().read(&mut read)),
                io_failure(mine.io().timeout(PATIENCE).read(&mut read)),
                io_failure(mine.io().write(b"x")),
                io_failure(mine.io().write_vectored(&[])),
                io_failure(mine.body().read(&mut read)),
                io_failure(mine.body().timeout(PATIENCE).read(&mut read)),
            ];
            other.body().read_exact(&mut read).unwrap();
            other.io().read_exact(&mut []).unwrap();
            assert!(other.io().write(b"no body is declared").is_err());
            drop(other);
            let _ = tell.send((deadlocks, read));
        });
    let (deadlocks, read) = receive(&told);
    for (kind, error) in deadlocks {
        assert_eq!(
            (kind, error.kind()),
            (io::ErrorKind::Deadlock, ErrorKind::WouldDeadlock)
        );
        assert_eq!(error.count(), 0);
    }
    assert_eq!(&read, b"there");
    assert_eq!(others.drain().count(), 0);
    assert_eq!(settle(conn.read_body(prompt())).unwrap(), "hello");
    assert!(!peer.has_input());
    drop(conn);
    assert_eq!(peer.drain().count(), 0);
}
