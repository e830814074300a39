//! Content that never changes (cases 220 to 223), and which part of it is asked for.

use http_aio::http::header::{CACHE_CONTROL, HeaderValue};
use http_aio::{Exchange, StaticContent, get};

use super::*;

const DIGITS: &str = "0123456789";

fn shelf() -> Host {
    Host::new(|server| {
        let digits = StaticContent::new(DIGITS)
            .content_type("text/plain; charset=utf-8")
            .unwrap()
            .header(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        server.route("/digits", digits.clone()).unwrap();
        server
            .route("/other", StaticContent::new("9876543210"))
            .unwrap();
        server.route("/empty", StaticContent::new(())).unwrap();
        server.tree("/tree", digits.clone()).unwrap();
        let chosen = move |x: &mut Exchange| (x.query() == "yes").then(|| digits.clone());
        server.route("/chosen", get(chosen)).unwrap();
    })
}

#[test]
fn it_is_whole_has_a_tag_and_is_not_sent_twice() {
    let host = shelf();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/digits");
        assert_eq!((reply.status, reply.text()), (200, DIGITS));
        assert_eq!(
            reply.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(reply.field("content-length"), Some("10"));
        assert_eq!(reply.field("accept-ranges"), Some("bytes"));
        assert_eq!(reply.field("cache-control"), Some("max-age=60"));
        let tag = reply.field("etag").expect("a tag").to_owned();
        assert!(
            tag.starts_with('"') && tag.len() > 3 && tag.ends_with('"'),
            "{tag}"
        );
        for path in ["/digits", "/tree/x", "/chosen?yes"] {
            assert_eq!(visitor.get(path).field("etag"), Some(&*tag));
        }
        assert_ne!(visitor.get("/other").field("etag"), Some(&*tag));
        assert_eq!(visitor.get("/chosen").status, 404);
        for method in ["GET", "HEAD"] {
            let fields = format!("If-None-Match: \"x\", W/{tag}\r\n");
            let reply = visitor.with(method, "/digits", &fields).reply();
            assert_eq!(reply.status, 304);
            assert_eq!(reply.field("etag"), Some(&*tag));
            assert_eq!(reply.field("cache-control"), Some("max-age=60"));
            assert!(reply.field("date").is_some());
            for absent in [
                "content-length",
                "content-type",
                "transfer-encoding",
                "accept-ranges",
            ] {
                assert_eq!(reply.field(absent), None);
            }
        }
        let head = visitor.ask("HEAD", "/digits").reply_to_head();
        assert_eq!(
            (head.status, head.field("content-length")),
            (200, Some("10"))
        );
        let reply = visitor
            .with("GET", "/digits", "If-Match: \"x\"\r\n")
            .reply();
        assert_eq!((reply.status, reply.field("etag")), (412, None));
        let reply = visitor
            .with("GET", "/digits", &format!("If-Match: {tag}\r\n"))
            .reply();
        assert_eq!(reply.status, 200);
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn without_a_type_it_is_bytes_and_without_content_it_is_empty() {
    let host = shelf();
    let mut visitor = host.visit();
    let reply = visitor.get("/empty");
    assert_eq!(
        (reply.status, reply.field("content-length")),
        (200, Some("0"))
    );
    assert_eq!(
        reply.field("content-type"),
        Some("application/octet-stream")
    );
    let reply = visitor.with("GET", "/empty", "Range: bytes=0-\r\n").reply();
    assert_eq!(
        (reply.status, reply.field("content-range")),
        (416, Some("bytes */0"))
    );
    visitor.goes_on();
    assert!(StaticContent::new("").content_type("a\r\nb: c").is_err());
    drop(visitor);
    host.stop();
}

#[test]
fn a_range_is_a_part_of_it() {
    let host = shelf();
    let mut visitor = host.visit();
    let tag = visitor
        .get("/digits")
        .field("etag")
        .expect("a tag")
        .to_owned();
    for (range, text, content_range) in [
        ("0-4", "01234", "bytes 0-4/10"),
        ("-3", "789", "bytes 7-9/10"),
        ("8-99", "89", "bytes 8-9/10"),
        ("0-4,3-6", "0123456", "bytes 0-6/10"),
    ] {
        let reply = visitor
            .with("GET", "/digits", &format!("Range: bytes={range}\r\n"))
            .reply();
        assert_eq!((reply.status, reply.text()), (206, text));
        assert_eq!(reply.field("content-range"), Some(content_range));
        assert_eq!(
            reply.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(reply.field("etag"), Some(&*tag));
    }
    // Several parts are all of it, and so is what makes no sense.
    for range in ["bytes=0-1,8-9", "bytes=4-2", "items=0-1"] {
        let reply = visitor
            .with("GET", "/digits", &format!("Range: {range}\r\n"))
            .reply();
        assert_eq!((reply.status, reply.text()), (200, DIGITS));
        assert_eq!(reply.field("content-range"), None);
    }
    let reply = visitor
        .with("GET", "/digits", "Range: bytes=10-\r\n")
        .reply();
    assert_eq!(
        (reply.status, reply.field("content-range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(
        (reply.field("etag"), reply.field("cache-control")),
        (None, None)
    );
    let head = visitor
        .with("HEAD", "/digits", "Range: bytes=0-4\r\n")
        .reply_to_head();
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("10"))
    );

    let mut when = |condition: &str| {
        let fields = format!("Range: bytes=5-\r\nIf-Range: {condition}\r\n");
        visitor.with("GET", "/digits", &fields).reply()
    };
    let reply = when(&tag);
    assert_eq!((reply.status, reply.text()), (206, "56789"));
    // It has what describes the whole.
    assert_eq!(
        (reply.field("content-type"), reply.field("etag")),
        (None, Some(&*tag))
    );
    for condition in [
        format!("W/{tag}"),
        "\"x\"".into(),
        "Sun, 06 Nov 1994 08:49:37 GMT".into(),
    ] {
        assert_eq!(when(&condition).status, 200);
    }
    visitor.goes_on();
    drop(visitor);
    host.stop();
}

#[test]
fn a_body_is_thrown_away_and_other_methods_are_refused() {
    let host = shelf();
    let mut visitor = host.visit();
    visitor
        .with("GET", "/digits", "Content-Length: 5\r\n")
        .say("hello")
        .ask("GET", "/other");
    assert_eq!(visitor.reply().text(), DIGITS);
    assert_eq!(visitor.reply().text(), "9876543210");
    let reply = visitor.post("/digits", "hello");
    assert_eq!(reply.status, 405);
    visitor.goes_on();

    let mut visitor = host.visit();
    visitor.with("GET", "/digits", "Content-Length: 1048576\r\n");
    visitor.say(vec![b'x'; 1 << 20]);
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), (DIGITS, true));
    visitor.ends();
    host.stop();
}
