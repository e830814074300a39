//! What is asked of a response besides its head and its body.

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Client, Conn, ErrorKind, Interim, ResponseExt, Written};

use crate::site::*;
use crate::support::*;

#[test]
fn a_body_is_text_if_it_is_utf_8() {
    #[track_caller]
    fn check(body: impl AsRef<[u8]>, expected: Option<&str>) {
        let response = Response::new(body);
        match (response.text(), expected) {
            (Ok(text), Some(expected)) => assert_eq!(text, expected),
            (Err(error), None) => {
                assert_eq!((error.kind(), error.count()), (ErrorKind::Protocol, 0));
                assert!(error.to_string().contains("UTF-8"), "{error}");
                let source = std::error::Error::source(&error).expect("it says where");
                assert!(source.is::<std::str::Utf8Error>());
            }
            (result, _) => panic!("{result:?}, expected {expected:?}"),
        }
    }
    check(Bytes::from_static(b"hello"), Some("hello"));
    check(Bytes::new(), Some(""));
    check(
        "gr\u{fc}n \u{1f980}".as_bytes(),
        Some("gr\u{fc}n \u{1f980}"),
    );
    check(vec![0], Some("\0"));
    check(String::from("text"), Some("text"));
    check(vec![b'a', 0xff], None);
    check(&b"gr\xfcn"[..], None);
    check(&"\u{1f980}".as_bytes()[..3], None);
    check(&[0xed, 0xa0, 0x80][..], None); // Half of a pair of surrogates.
}

/// A response that nobody has read knows nothing of a connection.
#[test]
fn a_response_that_was_made_has_no_past() {
    let response = Response::new("made");
    assert!(response.written().is_none());
    assert!(response.interim().is_empty());
    assert!(response.redirected_to().is_none());
}

/// What was written is there after an exchange, and the interim responses after any read of the final one.
#[test]
fn a_response_that_was_read_knows_what_was_before_it() {
    const INTERIM: &str =
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";

    #[track_caller]
    fn check<B>(response: &Response<B>, written: Option<u64>, interim: &[u16]) {
        assert_eq!(response.written().as_ref().map(Written::count), written);
        let statuses = response.interim().iter().map(|head| head.status().as_u16());
        assert_eq!(statuses.collect::<Vec<_>>(), interim);
        // They are the extensions that they have always been.
        let extension = response.extensions().get::<Written>();
        assert_eq!(response.written(), extension.copied());
        let extension = response.extensions().get::<Interim>();
        let heads = extension.map_or(&[][..], Interim::responses);
        assert_eq!(heads.len(), response.interim().len());
        if let Some(hints) = response.interim().get(1) {
            assert_eq!(hints.headers()["link"], "x");
        }
        assert!(response.redirected_to().is_none());
    }
    for (before, interim) in [("", &[][..]), (INTERIM, &[102, 103])] {
        let (conn, mut peer) = pair(Family::Tcp);
        let said = format!("{before}{}", answer("hello"));
        let put = || Request::put("http://h/").body("body").unwrap();
        let sent = |peer: &mut Peer| (peer.head().len() + peer.expect(4).len()) as u64;

        let whole = conn.transact(Aio::new(), put());
        let count = sent(&mut peer);
        peer.say(&said);
        let response = settle(whole).unwrap();
        check(&response, Some(count), interim);
        assert_eq!(response.text().unwrap(), "hello");

        let streaming = conn.transact_streaming(Aio::new(), put());
        let count = sent(&mut peer);
        peer.say(&said);
        let response = settle(streaming).unwrap();
        check(&response, Some(count), interim);
        settle(response.body().collect(Aio::new())).unwrap();

        settle(conn.write_request(Aio::new(), put())).unwrap();
        peer.say(&said);
        check(
            &settle(conn.read_response(Aio::new())).unwrap(),
            None,
            interim,
        );
        settle(conn.read_body(Aio::new())).unwrap();

        settle(conn.write_request(Aio::new(), put())).unwrap();
        peer.say(&said);
        for _ in interim {
            check(
                &settle(conn.read_any_response(Aio::new())).unwrap(),
                None,
                &[],
            );
        }
        check(
            &settle(conn.read_any_response(Aio::new())).unwrap(),
            None,
            &[],
        );
    }
}

/// An early answer: less than all of it.
#[test]
fn an_early_answer_says_how_much_was_written() {
    let (conn, mut peer) = pair(Family::Tcp);
    let request = Request::put("http://h/").body(pattern(0, 4 * MORE_THAN_FITS));
    let answered = conn.transact(Aio::new(), request.unwrap());
    let head = peer.head().len();
    peer.say("HTTP/1.1 413 No\r\nContent-Length: 9\r\n\r\ntoo large");
    let response = settle(answered).unwrap();
    assert_eq!(response.text().unwrap(), "too large");
    let written = response.written().unwrap().count();
    assert_eq!(written, head as u64 + peer.drain().count());
    assert!(written < 4 * MORE_THAN_FITS as u64);
}

/// A client's response knows the last that went out, and where it was redirected to.
#[test]
fn a_redirected_response_knows_who_answered() {
    let site = Site::listen(|visit| {
        while let Some((head, _)) = visit.request() {
            match path(&head) {
                "/moved" => visit.say(moved(307, "/here?a=b")),
                path => visit.say(answer(path)),
            };
        }
    });
    let client = Client::builder().max_redirects(1).build();
    for way in WAYS {
        let response = way(client.get(Aio::new(), site.url("/moved"))).unwrap();
        let there = response.redirected_to().expect("it was redirected");
        assert_eq!(there.to_string(), site.url("/here?a=b"));
        let last = site.heads().pop().unwrap();
        assert_eq!(response.written().unwrap().count(), last.len() as u64);
        let response = way(client.get(Aio::new(), site.url("/here"))).unwrap();
        assert!(response.redirected_to().is_none());
    }
    let response = stream(&client, site.get("/moved"));
    assert_eq!(response.redirected_to().unwrap().path(), "/here");
    // Not followed, it says where to, and nobody went there.
    let response = fetch(&Client::new(), site.get("/moved"));
    assert!(response.redirected_to().is_none());
}

/// A server may use it as well, on what it passes on.
#[test]
fn the_past_of_a_response_is_not_sent() {
    let ((near, far), (conn, mut peer)) = (unix_pair(), pair(Family::Unix));
    let (near, far) = (Conn::from(near), Conn::from(far));
    let asked = near.transact(Aio::new(), Request::get("http://h/").body(()).unwrap());
    settle(far.read_request(Aio::new())).unwrap();
    let hints = Response::builder().status(103).body(()).unwrap();
    settle(far.write_response(Aio::new(), hints)).unwrap();
    settle(far.write_response(Aio::new(), Response::new("hello"))).unwrap();
    let response = settle(asked).unwrap();
    assert_eq!(response.interim().len(), 1);
    settle(conn.write_response(Aio::new(), response)).unwrap();
    drop(conn);
    let sent = String::from_utf8(peer.drain().bytes).unwrap();
    assert_eq!(sent, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}
