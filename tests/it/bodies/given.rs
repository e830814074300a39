//! Bodies as they are given, of every type that is one: they are sent as they are, and declared.

use std::borrow::Cow;

use http_aio::bytes::{Bytes, BytesMut};
use http_aio::http::{Request, Response};
use http_aio::{Aio, Client, Conn, IntoBody, ResponseExt};

use crate::site::Site;
use crate::support::*;

/// Sends `body` with each operation that takes one.
#[track_caller]
fn check<B: IntoBody + Clone>(what: &str, body: B, expected: &str) {
    let length = expected.len();
    let (conn, mut peer) = pair(Family::Unix);
    let request = || Request::put("/").body(body.clone()).unwrap();
    let declared = match length {
        0 => "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n".to_owned(),
        _ => format!("PUT / HTTP/1.1\r\nhost: \r\ncontent-length: {length}\r\n\r\n{expected}"),
    };
    let written = settle(conn.write_request(Aio::new(), request())).unwrap();
    assert_eq!(written.count(), declared.len() as u64, "{what}");
    assert_sent(&mut peer, &declared, what);
    peer.say("HTTP/1.1 204 No Content\r\n\r\n");
    settle(conn.read_response(Aio::new())).unwrap();

    let whole = conn.transact(Aio::new(), request());
    assert_sent(&mut peer, &declared, what);
    peer.say("HTTP/1.1 204 No Content\r\n\r\n");
    let answered = settle(whole).unwrap();
    assert_eq!(answered.written().unwrap().count(), declared.len() as u64);

    let streaming = conn.transact_streaming(Aio::new(), request());
    assert_sent(&mut peer, &declared, what);
    peer.say("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(settle(streaming).unwrap().status(), 204, "{what}");

    let (conn, mut peer) = pair(Family::Unix);
    let declared = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{expected}");
    let response = Response::new(body.clone());
    let written = settle(conn.write_response(Aio::new(), response)).unwrap();
    assert_eq!(written.count(), declared.len() as u64, "{what}");
    assert_sent(&mut peer, &declared, what);

    let site = Site::serving();
    let client = Client::new();
    let request = || Request::post(site.url("/echo")).body(body.clone()).unwrap();
    let answered = settle(client.transact(Aio::new(), request())).unwrap();
    assert_eq!(answered.body(), expected, "{what}");
    let answered = settle(client.transact_streaming(Aio::new(), request())).unwrap();
    let content = settle(answered.body().collect(Aio::new())).unwrap();
    assert_eq!(content, expected, "{what}");
    let answered = settle(client.put(Aio::new(), site.url("/echo"), body.clone())).unwrap();
    assert_eq!(answered.body(), expected, "{what}");
    let answered = settle(client.post(Aio::new(), site.url("/echo"), body)).unwrap();
    assert_eq!(answered.body(), expected, "{what}");
}

#[track_caller]
fn assert_sent(peer: &mut Peer, expected: &str, what: &str) {
    let sent = peer.expect(expected.len());
    assert_eq!(String::from_utf8_lossy(&sent), expected, "{what}");
    assert!(!peer.has_input(), "{what}");
}

#[test]
fn every_kind_of_body_is_sent_as_it_is() {
    check("()", (), "");
    check("&str", "text", "text");
    check("an empty &str", "", "");
    check("&[u8]", &b"bytes"[..], "bytes");
    check("&[u8; N]", b"array", "array");
    check("String", String::from("owned"), "owned");
    check("Box<str>", Box::<str>::from("boxed"), "boxed");
    check("Vec<u8>", b"vector".to_vec(), "vector");
    check("an empty Vec", Vec::<u8>::new(), "");
    check("Box<[u8]>", Box::<[u8]>::from(*b"boxed"), "boxed");
    check("Bytes", Bytes::from_static(b"shared"), "shared");
    check("BytesMut", BytesMut::from("mutable"), "mutable");
    check("Cow<str>", Cow::Borrowed("borrowed"), "borrowed");
    check("Cow<str>", Cow::<str>::Owned("own".into()), "own");
    check("Cow<[u8]>", Cow::Borrowed(&b"borrowed"[..]), "borrowed");
    check("Cow<[u8]>", Cow::<[u8]>::Owned(b"own".to_vec()), "own");
    check("Some", Some("some"), "some");
    check("None", None::<Vec<u8>>, "");
}

/// A body is not copied: what the user has given is let go once it is written, and not before.
#[test]
fn a_body_is_shared_until_it_is_written() {
    struct Owned(Vec<u8>, crossbeam_channel::Sender<()>);
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Owned {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }
    let (conn, mut peer) = pair(Family::Tcp);
    let (let_go, is_let_go) = gate();
    let body = Bytes::from_owner(Owned(pattern(0, MORE_THAN_FITS).to_vec(), let_go));
    let at = body.as_ptr();
    let request = Request::put("/").body(body.clone()).unwrap();
    assert_eq!(request.body().as_ptr(), at);
    drop(body);
    let written = conn.write_request(Aio::new(), request);
    peer.head();
    assert!(is_let_go.is_empty(), "there is more of it to be written");
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    settle(written).unwrap();
    receive(&is_let_go);
}

/// A body that is attached to a head which declares another length, or chunks, is refused, whatever its
/// type; no body leaves the declaration to what is written later.
#[test]
fn a_given_body_must_be_what_the_head_declares() {
    #[track_caller]
    fn check<B: IntoBody>(name: &str, value: &str, body: B, is_sent: bool) {
        let (conn, _peer) = pair(Family::Unix);
        let head = Request::put("/").header(name, value);
        let result = settle(conn.write_request(Aio::new(), head.body(body).unwrap()));
        assert_eq!(result.is_ok(), is_sent, "{name}: {value}: {result:?}");
        if let Err(error) = result {
            let failed = (error.kind(), error.count());
            assert_eq!(failed, (http_aio::ErrorKind::InvalidInput, 0));
        }
    }
    check("content-length", "4", "text", true);
    check("content-length", "4", Some(b"text".to_vec()), true);
    check("content-length", "5", "text", false);
    check("content-length", "0", "text", false);
    check("transfer-encoding", "chunked", "text", false);
    for (name, value) in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        check(name, value, (), true);
        check(name, value, "", true);
        check(name, value, None::<String>, true);
    }
}

/// What was read can be sent on: heads carry no body, so that one is given to them.
#[test]
fn a_message_is_passed_on_with_the_body_that_was_read() {
    let ((client, front), (back, server)) = (unix_pair(), unix_pair());
    let (client, front) = (Conn::from(client), Conn::from(front));
    let (back, server) = (Conn::from(back), Conn::from(server));
    let asked = client.transact(Aio::new(), Request::put("http://h/").body("up").unwrap());

    let head = settle(front.read_request(Aio::new())).unwrap();
    let body = settle(front.read_body(Aio::new())).unwrap();
    let passed_on = back.transact(Aio::new(), head.map(|()| body));
    let head = settle(server.read_request(Aio::new())).unwrap();
    assert_eq!(head.headers()["content-length"], "2");
    assert_eq!(settle(server.read_body(Aio::new())).unwrap(), "up");
    settle(server.write_response(Aio::new(), Response::new("down"))).unwrap();
    let answer = settle(passed_on).unwrap();
    settle(front.write_response(Aio::new(), answer)).unwrap();
    assert_eq!(settle(asked).unwrap().body(), "down");
}
