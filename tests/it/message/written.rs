//! Heads as they are written, or refused.

use http_aio::bytes::Bytes;
use http_aio::http::header::{HeaderName, HeaderValue};
use http_aio::http::{Method, Request, Uri, Version};
use http_aio::{Aio, Reason};

use super::{refused, request, response, wire};
use crate::support::*;

#[test]
fn requests_on_the_wire() {
    #[track_caller]
    fn check(request: request::Builder, body: &'static str, expected: &str) {
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(
            wire(|conn| conn.write_request(Aio::new(), request)),
            expected
        );
    }
    // Targets.
    check(request("GET", "/"), "", "GET / HTTP/1.1\r\nhost: \r\n\r\n");
    check(
        request("GET", "/a/b?c=d&e"),
        "",
        "GET /a/b?c=d&e HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "//x/../y"),
        "",
        "GET //x/../y HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("OPTIONS", "*"),
        "",
        "OPTIONS * HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "http://example.com"),
        "",
        "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n",
    );
    check(
        request("GET", "http://example.com?q"),
        "",
        "GET /?q HTTP/1.1\r\nhost: example.com\r\n\r\n",
    );
    check(
        request("CONNECT", "example.com:443"),
        "",
        "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n",
    );
    // Host: from the authority, without credentials; a given one wins, wherever it leads.
    check(
        request("GET", "http://user:pass@example.com:8080/p"),
        "",
        "GET /p HTTP/1.1\r\nhost: example.com:8080\r\n\r\n",
    );
    check(
        request("GET", "http://[::1]:80/"),
        "",
        "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    );
    check(
        request("GET", "http://example.com/").header("Host", "other"),
        "",
        "GET / HTTP/1.1\r\nhost: other\r\n\r\n",
    );
    // An empty one says that there is none to say (RFC 9112 section 3.2); in 1.0 there need be none.
    check(
        request("GET", "/").header("Host", ""),
        "",
        "GET / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "http://h/").version(Version::HTTP_10),
        "",
        "GET / HTTP/1.0\r\nhost: h\r\n\r\n",
    );
    // Versions and methods.
    check(
        request("GET", "/").version(Version::HTTP_10),
        "",
        "GET / HTTP/1.0\r\n\r\n",
    );
    check(
        request("M-SEARCH", "/"),
        "",
        "M-SEARCH / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("!#$%&'*+-.^_`|~09azAZ", "/"),
        "",
        "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    // Lengths.
    check(
        request("PUT", "/"),
        "hello",
        "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
    );
    check(
        request("PUT", "/").header("Content-Length", "5"),
        "hello",
        "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
    );
    check(
        request("GET", "/"),
        "odd but legal",
        "GET / HTTP/1.1\r\nhost: \r\ncontent-length: 13\r\n\r\nodd but legal",
    );
    check(
        request("POST", "/"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n",
    );
    // Declared, to be written later; 5 GiB is more than 32 bits hold.
    check(
        request("POST", "/").header("Content-Length", "5368709120"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5368709120\r\n\r\n",
    );
    check(
        request("POST", "/").header("Transfer-Encoding", "chunked"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ntransfer-encoding: chunked\r\n\r\n",
    );
    // Values: tab and what is above ASCII are legal; two lines stay two.
    let odd = HeaderValue::from_bytes(b"a\tb \xe9\xff").unwrap();
    check(
        request("GET", "/").header("X", odd),
        "",
        "GET / HTTP/1.1\r\nhost: \r\nx: a\tb \u{e9}\u{ff}\r\n\r\n",
    );
    check(
        request("GET", "/")
            .header("A", "1")
            .header("a", "2")
            .header("B", ""),
        "",
        "GET / HTTP/1.1\r\nhost: \r\na: 1\r\na: 2\r\nb: \r\n\r\n",
    );
}

#[test]
fn responses_on_the_wire() {
    #[track_caller]
    fn check(response: response::Builder, body: &'static str, expected: &str) {
        let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(
            wire(|conn| conn.write_response(Aio::new(), response)),
            expected
        );
    }
    // A body of no length is declared: a peer would wait for the end of the connection otherwise.
    check(
        response(200),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(200).header("Content-Length", "0"),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(201).header("Location", "/x"),
        "made",
        "HTTP/1.1 201 Created\r\nlocation: /x\r\ncontent-length: 4\r\n\r\nmade",
    );
    check(
        response(200).version(Version::HTTP_10),
        "x",
        "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
    );
    check(
        response(200)
            .header("Set-Cookie", "a=1")
            .header("Set-Cookie", "b=2, c"),
        "",
        "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2, c\r\ncontent-length: 0\r\n\r\n",
    );
    // A phrase of one's own, none, and a status that has none.
    check(
        response(200).extension(Reason::from("So\tla la")),
        "",
        "HTTP/1.1 200 So\tla la\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(404).extension(Reason::from(String::from("\u{e9}"))),
        "",
        "HTTP/1.1 404 \u{c3}\u{a9}\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(200).extension(Reason::from("")),
        "",
        "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(599),
        "",
        "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n",
    );
    // Until the connection ends, and as chunks.
    check(
        response(200).header("Connection", "close"),
        "",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    );
    check(
        response(200).version(Version::HTTP_10),
        "",
        "HTTP/1.0 200 OK\r\n\r\n",
    );
    check(
        response(200).header("Transfer-Encoding", "chunked"),
        "",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    // Without a body by definition; what a 304 declares is that of the 200.
    check(response(100), "", "HTTP/1.1 100 Continue\r\n\r\n");
    check(response(204), "", "HTTP/1.1 204 No Content\r\n\r\n");
    check(response(304), "", "HTTP/1.1 304 Not Modified\r\n\r\n");
    check(
        response(304).header("Content-Length", "5"),
        "",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    );
    // To a HEAD.
    check(
        response(200).header("Content-Length", "5368709120"),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n",
    );
}

/// Credentials in a URI are not for the wire, and an authority-form has no place for them.
#[test]
fn the_target_of_a_connect_has_no_credentials() {
    let request = request("CONNECT", "user:pass@example.com:443").body(());
    let wire = wire(|conn| conn.write_request(Aio::new(), request.unwrap()));
    let expected = "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n";
    assert_eq!(wire, expected);
}

#[test]
fn a_head_that_must_not_be_written_is_refused_and_nothing_is_sent() {
    #[track_caller]
    fn check_request(request: request::Builder, body: &'static str) {
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let what = format!("{request:?}");
        refused(&what, |conn| conn.write_request(Aio::new(), request));
    }
    #[track_caller]
    fn check_response(response: response::Builder, body: &'static str) {
        let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
        let what = format!("{response:?}");
        refused(&what, |conn| conn.write_response(Aio::new(), response));
    }
    for version in [Version::HTTP_09, Version::HTTP_2, Version::HTTP_3] {
        check_request(request("GET", "/").version(version), "");
        check_response(response(200).version(version), "");
    }
    // A length that is not that of the body, or two that differ, or one beside a coding.
    check_request(request("PUT", "/").header("Content-Length", "4"), "hello");
    check_request(request("PUT", "/").header("Content-Length", "05"), "hello");
    check_request(request("PUT", "/").header("Content-Length", "0"), "hello");
    check_response(response(200).header("Content-Length", "6"), "hello");
    let two = request("PUT", "/").header("Content-Length", "5");
    check_request(two.header("Content-Length", "6"), "hello");
    let both = |body| {
        let both = request("PUT", "/").header("Content-Length", "5");
        check_request(both.header("Transfer-Encoding", "chunked"), body);
    };
    both("hello");
    both("");
    check_request(
        request("PUT", "/").header("Transfer-Encoding", "chunked"),
        "x",
    );
    check_response(response(200).header("Transfer-Encoding", "gzip"), "x");
    // Only OPTIONS asks about the server as a whole.
    check_request(request("GET", "*"), "");
    // A body that the peer would take for the next response.
    for status in [100, 101, 103, 199, 204, 304] {
        check_response(response(status), "x");
    }
    // What only a phrase or a target can smuggle past the types.
    for phrase in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\u{7f}", "\u{1b}[2J"] {
        check_response(response(200).extension(Reason::from(phrase)), "");
    }
    if let Ok(target) = Uri::try_from(&b"/a\x7fb"[..]) {
        check_request(Request::builder().uri(target), "");
    }
}

/// Without an attached body the declaration is the caller's, and the peer will act on it.
#[test]
fn a_length_that_is_none_is_refused_without_a_body_too() {
    let values: [&[&str]; 9] = [
        &["+5"],
        &["-1"],
        &["0x5"],
        &["5x"],
        &[""],
        &["5, 5"],
        &["5 5"],
        &["5", "6"],
        &["99999999999999999999"],
    ];
    for values in values {
        let (mut request, mut response) = (request("POST", "/"), response(200));
        for value in values {
            request = request.header("Content-Length", *value);
            response = response.header("Content-Length", *value);
        }
        let what = format!("Content-Length: {values:?}");
        let request = request.body(()).unwrap();
        refused(&what, |conn| conn.write_request(Aio::new(), request));
        let response = response.body(()).unwrap();
        refused(&what, |conn| conn.write_response(Aio::new(), response));
    }
}

/// The types keep CR, LF and NUL out of everything else (C2, cases 32 and 33). Should they cease to,
/// this is where to see it.
#[test]
fn the_types_let_nothing_through_that_splits_a_message() {
    for bytes in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderName::from_bytes(bytes.as_bytes()).is_err());
        assert!(HeaderValue::from_bytes(bytes.as_bytes()).is_err());
        assert!(Method::from_bytes(bytes.as_bytes()).is_err());
        assert!(format!("/{bytes}").parse::<Uri>().is_err());
        assert!(format!("http://{bytes}/").parse::<Uri>().is_err());
    }
    for method in ["", "GET /", "G(T", "G\u{e9}T"] {
        assert!(Method::from_bytes(method.as_bytes()).is_err());
    }
}

/// A message is written as it is when it is submitted, each time (C1).
#[test]
fn what_was_changed_is_sent_changed() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mut request = request("GET", "/first")
        .header("X-Old", "1")
        .body(())
        .unwrap();
    settle(conn.write_request(Aio::new(), request.clone())).unwrap();
    *request.method_mut() = Method::DELETE;
    *request.uri_mut() = Uri::from_static("/second");
    request.headers_mut().remove("x-old");
    request
        .headers_mut()
        .insert("x-new", HeaderValue::from_static("2"));
    settle(conn.write_request(Aio::new(), request.clone())).unwrap();
    let request = request.map(|()| "HELLO");
    settle(conn.write_request(Aio::new(), request)).unwrap();
    drop(conn);
    let expected = "GET /first HTTP/1.1\r\nhost: \r\nx-old: 1\r\n\r\n\
        DELETE /second HTTP/1.1\r\nhost: \r\nx-new: 2\r\n\r\n\
        DELETE /second HTTP/1.1\r\nhost: \r\nx-new: 2\r\ncontent-length: 5\r\n\r\nHELLO";
    assert_eq!(String::from_utf8(peer.drain().bytes).unwrap(), expected);
}

#[test]
fn a_large_body_goes_out_with_its_head() {
    const LEN: usize = 8 << 20;
    let (conn, mut peer) = pair(Family::Tcp);
    let request = request("PUT", "/").body(pattern(0, LEN)).unwrap();
    let aio = conn.write_request(Aio::new(), request);
    let head = b"PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 8388608\r\n\r\n";
    assert_eq!(peer.expect(head.len()), head);
    assert_pattern(0, &peer.expect(LEN));
    assert_eq!(settle(aio).unwrap().count() as usize, head.len() + LEN);
}
