//! Which heads are found, and which are refused.

use http::{Method, Request, Response};

use super::{Head, HeadSearch};
use crate::error::ErrorKind;
use crate::proto::Reason;
use crate::proto::limits::Limits;

/// Feeds `input` byte by byte and whole: both ways must give the same.
#[track_caller]
fn check<H: Head>(input: &[u8], limits: &Limits) -> Result<Option<(H, usize)>, ErrorKind> {
    let whole = HeadSearch::default()
        .parse::<H>(input, limits)
        .map_err(|e| e.kind());
    let mut search = HeadSearch::default();
    let mut stepped = Ok(None);
    for end in 0..=input.len() {
        stepped = search
            .parse::<H>(&input[..end], limits)
            .map_err(|e| e.kind());
        if !matches!(stepped, Ok(None)) {
            break;
        }
    }
    let size = |r: &Result<Option<(H, usize)>, ErrorKind>| {
        r.as_ref()
            .map(|head| head.as_ref().map(|(_, size)| *size))
            .map_err(|kind| *kind)
    };
    assert_eq!(
        size(&whole),
        size(&stepped),
        "{:?}",
        String::from_utf8_lossy(input)
    );
    whole
}

fn request(input: &str) -> Result<Option<(Request<()>, usize)>, ErrorKind> {
    check(input.as_bytes(), &Limits::default())
}

#[test]
fn a_request_head_has_its_parts() {
    let input = "POST /a?b HTTP/1.1\r\nHost: h\r\nX: \t1 \r\nX: 2\r\n\r\nrest";
    let (request, size) = request(input).unwrap().unwrap();
    assert_eq!(size, input.len() - 4);
    assert_eq!(
        (request.method(), request.uri().path()),
        (&Method::POST, "/a")
    );
    let values: Vec<_> = request.headers().get_all("x").iter().collect();
    assert_eq!(values, ["1", "2"]);
}

#[test]
fn targets_of_all_forms() {
    for (line, path) in [
        ("OPTIONS * HTTP/1.1", "*"),
        ("GET http://h/p HTTP/1.0", "/p"),
    ] {
        let (request, _) = request(&format!("{line}\r\n\r\n")).unwrap().unwrap();
        assert_eq!(request.uri().path(), path);
    }
    let (connect, _) = request("CONNECT h:1 HTTP/1.1\r\n\r\n").unwrap().unwrap();
    assert_eq!(connect.uri().authority().unwrap(), "h:1");
}

#[test]
fn blank_lines_before_a_head_are_skipped() {
    let (_, size) = request("\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap().unwrap();
    assert_eq!(size, 22);
}

#[test]
fn a_reason_is_kept_when_it_is_unusual() {
    let parse = |input: &[u8]| {
        check::<Response<()>>(input, &Limits::default())
            .unwrap()
            .unwrap()
            .0
    };
    assert!(
        parse(b"HTTP/1.1 200 OK\r\n\r\n")
            .extensions()
            .get::<Reason>()
            .is_none()
    );
    let reason = Reason::from("Fine");
    assert_eq!(
        parse(b"HTTP/1.1 200 Fine\r\n\r\n").extensions().get(),
        Some(&reason)
    );
    let reason = parse(b"\r\nHTTP/1.1 500 Oh \xfc!\r\n\r\n")
        .extensions()
        .get::<Reason>()
        .map(|reason| reason.as_bytes().to_vec());
    assert_eq!(reason.as_deref(), Some(&b"Oh \xfc!"[..]));
    // Without a reason, and even without the space before it (section 4).
    assert_eq!(parse(b"HTTP/1.1 404\r\n\r\n").status(), 404);
}

#[test]
fn what_is_not_http_is_refused() {
    for input in [
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.10\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}",
        "\0",
        "GET /\0 HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\n\r\n",
        "GET h:80 HTTP/1.1\r\n\r\n",
        "CONNECT /x HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
    ] {
        assert!(
            matches!(request(input), Err(ErrorKind::Protocol)),
            "{input:?}"
        );
    }
}

#[test]
fn targets_that_are_read_differently_are_refused() {
    for (line, is_taken) in [
        ("GET /a%23b?c", true),
        ("GET //h/x", true),
        ("GET /a#b", false),
        ("GET http://h/#b", false),
        ("GET /#", false),
        ("GET /\u{e9}", false),
        ("GET http://\u{e9}/", false),
        ("GET ?x", false),
        ("GET x", false),
        ("GET HTTPS://h/", true),
        ("GET http://h:80", true),
        ("GET http://[::1]:80/", true),
        ("OPTIONS http://h", true),
        ("GET ftp://h/", false),
        ("GET file:///x", false),
        ("GET http:/x", false),
        ("GET http://", false),
        ("GET http:///x", false),
        ("GET http://:80/", false),
        ("GET http://h:0/", false),
        ("GET http://h:65536/", false),
        ("GET http://u@h/", false),
        ("GET http://u:p@h/", false),
        ("GET http://a,b/", false),
        ("CONNECT h:443", true),
        ("CONNECT [::1]:443", true),
        ("CONNECT h", false),
        ("CONNECT h:", false),
        ("CONNECT h:0", false),
        ("CONNECT h:65536", false),
        ("CONNECT u@h:443", false),
        ("CONNECT u:p@h:443", false),
        ("CONNECT :443", false),
        ("CONNECT http://h:443", false),
        ("CONNECT *", false),
        ("OPTIONS *", true),
        ("OPTIONS **", false),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
        let found = request(&head).map(|head| head.is_some());
        let expected = if is_taken {
            Ok(true)
        } else {
            Err(ErrorKind::Protocol)
        };
        assert_eq!(found, expected, "{line:?}");
    }
}

/// Blank lines before a request are no part of it.
#[test]
fn a_line_of_a_request_ends_in_cr_and_lf() {
    for (input, is_taken) in [
        ("GET / HTTP/1.1\r\nA: 1\r\n\r\n", true),
        ("\n\r\n\nGET / HTTP/1.1\r\nA: 1\r\n\r\n", true),
        ("GET / HTTP/1.1\nA: 1\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nA: 1\n\r\n", false),
        ("GET / HTTP/1.1\r\nA: 1\r\n\n", false),
        ("GET / HTTP/1.1\n\n", false),
        ("GET / HTTP/1.1\r\n\r\nwith\nLF", true),
    ] {
        let found = request(input).map(|head| head.is_some());
        let expected = if is_taken {
            Ok(true)
        } else {
            Err(ErrorKind::Protocol)
        };
        assert_eq!(found, expected, "{input:?}");
    }
    let response = b"HTTP/1.1 200 OK\nA: 1\n\n";
    let found = check::<Response<()>>(response, &Limits::default());
    assert!(matches!(found, Ok(Some(_))));
}

#[test]
fn limits_hold_at_the_byte_and_at_the_line() {
    let input = b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n";
    let limits = Limits::default();
    let parse = |limits| check::<Request<()>>(input, &limits).map(|head| head.is_some());
    assert_eq!(parse(limits.head_bytes(input.len())), Ok(true));
    assert_eq!(
        parse(limits.head_bytes(input.len() - 1)),
        Err(ErrorKind::TooLarge)
    );
    assert_eq!(parse(limits.headers(2)), Ok(true));
    assert_eq!(parse(limits.headers(1)), Err(ErrorKind::TooLarge));
    assert_eq!(parse(limits.headers(usize::MAX)), Ok(true));
    // An endless line, and endless blank lines, without an end of the head in sight.
    for fill in [b'a', b'\n'] {
        let endless = vec![fill; 100];
        let parsed = check::<Request<()>>(&endless, &limits.head_bytes(99));
        assert_eq!(parsed.map(|_| ()), Err(ErrorKind::TooLarge));
    }
}
