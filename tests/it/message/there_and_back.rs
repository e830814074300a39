//! What is read and written again is the same.

use http_aio::bytes::Bytes;
use http_aio::http::{Method, Request, Response, StatusCode, Version};
use http_aio::{Aio, Conn};

use super::{Message, REQUESTS, RESPONSES, read_whole, request, response, with_content};
use crate::support::*;

/// Writes a message with its content, as one chunk if it says so.
#[track_caller]
fn write_whole<M: Message>(conn: &Conn, mut message: M) {
    if message.header("transfer-encoding").is_none() {
        settle(message.write(conn)).unwrap();
        return;
    }
    let content = std::mem::take(message.content());
    settle(message.write(conn)).unwrap();
    settle(conn.write_all(Aio::new().iov([content]))).unwrap();
    settle(conn.finish(Aio::new())).unwrap();
}

/// Serialising what was parsed gives the same bytes, and parsing these the same message.
#[test]
fn what_is_read_and_written_again_is_the_same() {
    #[track_caller]
    fn check<M: Message>(text: &str, read: impl Fn(&Conn) -> M) {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(text);
        let message = read(&conn);
        let seen = message.text();
        write_whole(&conn, message);
        let bytes = peer.expect(text.len());
        assert_eq!(String::from_utf8_lossy(&bytes), text);
        peer.say(bytes);
        assert_eq!(read(&conn).text(), seen);
        assert!(!peer.has_input());
    }
    for text in REQUESTS {
        check(text, read_whole::<Request<Bytes>>);
    }
    for text in RESPONSES {
        check(text, read_whole::<Response<Bytes>>);
    }
    check::<Response<Bytes>>("HTTP/1.1 100 Continue\r\n\r\n", |conn| {
        with_content(conn, settle(conn.read_any_response(Aio::new())).unwrap())
    });
}

#[test]
fn messages_go_from_one_connection_to_another() {
    for (near, far) in [
        {
            let (near, far) = tcp_pair();
            (Conn::from(near), Conn::from(far))
        },
        {
            let (near, far) = unix_pair();
            (Conn::from(near), Conn::from(far))
        },
    ] {
        for body in [&b""[..], b"x", &[0; 100_000]] {
            let body = Bytes::from_static(body);
            let asked = far.read_request(Aio::new());
            let answered = near.read_response(Aio::new());
            let request = request("POST", "http://user@h:80/p?q")
                .header("X-A", "b")
                .body(body.clone());
            let sent = near.write_request(Aio::new(), request.unwrap());
            let asked = settle(asked).unwrap();
            assert_eq!(
                (asked.method(), asked.version()),
                (&Method::POST, Version::HTTP_11)
            );
            assert_eq!(asked.uri(), "/p?q");
            assert_eq!(asked.headers().len(), 3);
            assert_eq!(asked.headers()["host"], "h:80");
            assert_eq!(asked.headers()["x-a"], "b");
            assert_eq!(asked.headers()["content-length"], &*body.len().to_string());
            assert_eq!(settle(far.read_all(Aio::new(), body.len())).unwrap(), body);
            settle(sent).unwrap();
            let response = response(200).body(body.clone()).unwrap();
            settle(far.write_response(Aio::new(), response)).unwrap();
            assert_eq!(settle(answered).unwrap().status(), StatusCode::OK);
            assert_eq!(settle(near.read_all(Aio::new(), body.len())).unwrap(), body);
        }
    }
}
