//! Heads over streams in memory.

use std::io::IoSlice;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::testing::memory::Faults;
use http_aio::transport::{Transport, Wait};
use http_aio::{Aio, Limits};

use super::{REQUESTS, read_whole};
use crate::support::*;

#[test]
fn calls_of_any_size_read_the_same_messages() {
    let longest = REQUESTS.iter().map(|text| text.len()).max().unwrap();
    for call_bytes in 1..=longest {
        let mut faults = Faults::none();
        faults.call_bytes = call_bytes;
        let (conn, peer) = memory_pair(1 << 20, faults);
        for text in REQUESTS {
            peer.write(&[IoSlice::new(text.as_bytes())], Wait::Forever)
                .unwrap();
        }
        for text in REQUESTS {
            let request: Request<Bytes> = read_whole(&conn);
            assert!(text.starts_with(request.method().as_str()));
            let (head, rest) = text.split_once("\r\n\r\n").unwrap();
            let content = match head.contains("chunked") {
                true if rest.starts_with('0') => "",
                true => "hello, chunk",
                false => rest,
            };
            assert_eq!(request.body(), content);
        }
    }
}

/// One byte a call: what has been looked at is not looked at again for each.
#[test]
fn a_long_head_in_short_calls_takes_no_time_to_speak_of() {
    const LEN: usize = 65_536;
    let end = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let shapes = [
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
            "x".repeat(LEN - 32)
        ),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(LEN - 29)),
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            format!("A: {}\r\n", "x".repeat(1000)).repeat(65)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "A:\r\n".repeat(LEN / 4 - 8)
        ),
        format!("{}{end}", "\r\n".repeat((LEN - end.len()) / 2)),
        format!("{}{end}", "\n".repeat(LEN - end.len())),
    ];
    for text in shapes {
        assert!((60_000..=LEN).contains(&text.len()), "{}", text.len());
        in_time(|| {
            let mut faults = Faults::none();
            faults.call_bytes = 1;
            let (conn, peer) = memory_pair(512, faults);
            let conn = conn.limits(Limits::default().headers(LEN));
            let said = text.clone();
            let saying = thread::spawn(move || {
                // Fails when the other end has gone before it has read all.
                let _ = peer.write(&[IoSlice::new(said.as_bytes())], Wait::Forever);
            });
            let start = Instant::now();
            let read = settle(conn.read_request(Aio::new()));
            let took = start.elapsed();
            read.unwrap();
            drop(conn);
            join(saying);
            at_most(
                &format!("{:?}...", &text[..20]),
                took,
                Duration::from_secs(3),
            )
        });
    }
}
