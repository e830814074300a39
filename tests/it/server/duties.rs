//! The duties of a server under RFC 9110 and 9112 (cases 287, 302, 303, 309 to 318).

use std::net::Shutdown;
use std::time::SystemTime;

use http_aio::http::{Response, StatusCode, header};
use http_aio::{Answer, Exchange, any, get, post};

use super::*;

fn plain() -> Host {
    Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
        let echo = |x: &mut Exchange| x.collect();
        server.route("/echo", post(echo)).unwrap();
        server
            .route("/unchanged", get(|_| StatusCode::NOT_MODIFIED))
            .unwrap();
        let fail = |_: &mut Exchange| Err::<(), _>("it broke");
        server.route("/fail", get(fail)).unwrap();
        let dated = |_: &mut Exchange| Response::builder().header("date", "mine").body("").unwrap();
        server.route("/dated", get(dated)).unwrap();
        let closing = |x: &mut Exchange| {
            let value = x.query().replace('+', " ");
            Response::builder()
                .header("connection", value)
                .body("")
                .unwrap()
        };
        server.route("/says", get(closing)).unwrap();
        let unknown = |_: &mut Exchange| Answer::reader(Response::new(()), &b"some"[..], None);
        server.route("/unknown", get(unknown)).unwrap();
        let empty = |_: &mut Exchange| StatusCode::OK;
        server.route("/empty", any(empty)).unwrap();
    })
}

#[test]
fn every_answer_has_the_date_once() {
    let host = plain();
    for (path, status) in [
        ("/", 200),
        ("/unchanged", 304),
        ("/none", 404),
        ("/fail", 500),
    ] {
        let reply = host.get(path);
        assert_eq!(reply.status, status);
        let date = reply.field("date").expect("a date");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        let date = httpdate::parse_http_date(date).expect("an IMF-fixdate");
        let age = SystemTime::now()
            .duration_since(date)
            .expect("not of the future");
        assert!(age < Duration::from_secs(5), "{age:?}");
    }
    assert_eq!(host.get("/dated").field("date"), Some("mine"));
    host.stop();
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_ends() {
    let host = plain();
    let head = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}\r\n\r\n");
    let coded = |coding: &str| {
        format!("POST / HTTP/1.1\r\nHost: h\r\n{coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    };
    let cases = [
        ("GET / HTTP/0.9\r\n\r\n".to_owned(), 505),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("GET /\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}".to_owned(), 400),
        (head("A: b"), 400),
        (head("Host: a\r\nHost: b"), 400),
        (head("Host: a b"), 400),
        (head("Host: a/b"), 400),
        (head("Host: [::1"), 400),
        (head("Host: h\r\nno colon"), 400),
        (head("Host: h\r\nspace : before"), 400),
        (head("Host: h\r\na: b\r\n folded"), 400),
        (coded("Transfer-Encoding: gzip, chunked"), 501),
        (coded("Transfer-Encoding: chunked, gzip"), 400),
        (
            coded("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            400,
        ),
        (coded("Content-Length: 5\r\nContent-Length: 6"), 400),
        (coded("Content-Length: -1"), 400),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            400,
        ),
    ];
    for family in FAMILIES {
        for (request, status) in &cases {
            let mut visitor = host.visit_over(family);
            // What is behind it is never looked at.
            visitor
                .say(request)
                .say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            let reply = visitor.reply();
            assert_eq!(
                (reply.status, reply.closes()),
                (*status, true),
                "{request:?}"
            );
            assert_eq!(
                reply.field("content-type"),
                Some("text/plain; charset=utf-8")
            );
            visitor.ends();
            visitor.leave();
        }
    }
    host.stop();
    let refused = host.told.count(|event| matches!(event, Event::Refused(..)));
    assert_eq!(refused, 2 * cases.len());
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::Answered(..))),
        0
    );
}

#[test]
fn what_is_no_request_is_not_waited_for() {
    let host = plain();
    for nonsense in ["\u{16}\u{3}\u{1}", "GET /\r\n", "PRI * HTTP/2.0\r\n\r\n"] {
        in_time(|| {
            let mut visitor = host.visit();
            let start = Instant::now();
            visitor.say(nonsense);
            // The other side stays open.
            assert!(visitor.reply().closes());
            at_most(nonsense, visitor.ends_after(start), Duration::from_secs(1))
        });
    }
    host.stop();
}

#[test]
fn another_version_is_505_however_it_is_cut() {
    let host = plain();
    let (mut whole, mut cut) = (host.visit(), host.visit());
    assert_eq!(
        whole
            .say("GET / HTTP/2.0\r\nHost: h\r\n\r\n")
            .reply()
            .status,
        505
    );
    // What is wrong has come, and the rest of the line has not.
    assert_eq!(cut.say("GET / HTTP/2").reply().status, 505);
    cut.ends();
    host.stop();
}

#[test]
fn blank_lines_before_a_request_are_nothing() {
    let host = plain();
    let mut visitor = host.visit();
    visitor.say("\r\n\r\n");
    assert_eq!(visitor.get("/").text(), "hello");
    visitor.say("\r\n");
    assert_eq!(visitor.get("/").text(), "hello");
    host.stop();
}

#[test]
fn heads_have_bounds() {
    let host = plain();
    const MOST: usize = 64 << 10;
    let sized = |size: usize| {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
        let end = "\r\n\r\n";
        format!("{start}{}{end}", "a".repeat(size - start.len() - end.len()))
    };
    let lines = |count: usize| {
        let lines = "a: b\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
    };
    for request in [sized(MOST), lines(128)] {
        let mut visitor = host.visit();
        assert_eq!(visitor.say(request).reply().status, 200);
        visitor.goes_on();
    }
    let endless = format!("GET /{}", "a".repeat(MOST));
    for (request, status) in [(sized(MOST + 1), 431), (lines(129), 431), (endless, 414)] {
        let mut visitor = host.visit();
        let reply = visitor.say(request).reply();
        assert_eq!((reply.status, reply.closes()), (status, true));
        visitor.ends();
    }
    host.stop();
}

#[test]
fn an_unknown_expectation_is_417() {
    let host = plain();
    let mut visitor = host.visit();
    visitor.say("GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n");
    assert_eq!(visitor.reply().status, 417);
    visitor.goes_on();
    visitor.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: x\r\n\r\n");
    assert_eq!(visitor.reply().status, 200);
    // Whether this body comes nobody knows.
    visitor.say("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 5\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.closes()), (417, true));
    visitor.ends();
    host.stop();
}

#[test]
fn clients_of_1_0_keep_the_connection_if_they_ask_for_it() {
    let host = plain();
    let mut visitor = host.visit();
    for _ in 0..2 {
        visitor.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let reply = visitor.reply();
        assert_eq!(reply.text(), "hello");
        assert_eq!(reply.field("connection"), Some("keep-alive"));
    }
    visitor.say("GET /says?close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(visitor.reply().field("connection"), Some("close"));
    visitor.ends();

    // Of unknown length: it ends with the connection.
    let mut visitor = host.visit();
    visitor.say("GET /unknown HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), ("some", true));
    assert_eq!(reply.field("transfer-encoding"), None);

    let mut visitor = host.visit();
    visitor.say("GET / HTTP/1.0\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), ("hello", true));
    visitor.ends();
    host.stop();
}

#[test]
fn a_close_is_heard_and_said_wherever_it_stands() {
    let host = plain();
    for said in ["Close", "x, close", "close, x", "CLOSE"] {
        let mut visitor = host.visit();
        visitor.say(format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: {said}\r\n\r\n"
        ));
        let reply = visitor.reply();
        assert_eq!((reply.status, reply.closes()), (200, true), "{said}");
        visitor.ends();

        let mut visitor = host.visit();
        let reply = visitor.get(&format!("/says?{}", said.replace(' ', "+")));
        assert_eq!(reply.field("connection"), Some(said));
        visitor.ends();
    }
    host.stop();
}

#[test]
fn the_last_answer_declares_its_length_even_if_that_is_nothing() {
    let host = plain();
    for method in ["GET", "POST", "HEAD"] {
        let mut visitor = host.visit();
        visitor.say(format!(
            "{method} /empty HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        ));
        let reply = visitor.reply_to_head();
        assert_eq!(reply.field("content-length"), Some("0"), "{method}");
        visitor.ends();
    }
    host.stop();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let host = Host::new(|server| {
        let show = |x: &mut Exchange| x.param("n").to_owned();
        server.route("/{n}", get(show)).unwrap();
        server
            .route("/echo", post(|x: &mut Exchange| x.collect()))
            .unwrap();
    });
    for family in FAMILIES {
        let mut requests = String::new();
        for n in 0..200 {
            requests += &format!("GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n");
            if n == 99 {
                requests += "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
            }
        }
        let mut visitor = host.visit_over(family);
        visitor.say(requests);
        for n in 0..200 {
            let reply = visitor.reply();
            assert_eq!((reply.status, reply.text()), (200, &*n.to_string()));
            if n == 99 {
                assert_eq!(visitor.reply().text(), "hello");
            }
        }
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let host = plain();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/");
        visitor.peer.shutdown(Shutdown::Write);
        assert_eq!(visitor.reply().text(), "hello");
        visitor.ends();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn heads_of_answers_to_head_are_those_to_get() {
    let host = plain();
    let mut visitor = host.visit();
    for path in ["/", "/none", "/unchanged", "/unknown"] {
        let get = visitor.get(path);
        let head = visitor.ask("HEAD", path).reply_to_head();
        assert_eq!(head.status, get.status);
        for field in [
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
        ] {
            assert_eq!(head.field(field), get.field(field), "{field} of {path}");
        }
        visitor.goes_on();
    }
    let reply = visitor.ask("HEAD", "/fail").reply_to_head();
    assert_eq!((reply.status, reply.closes()), (500, true));
    assert!(reply.field("content-length").is_some());
    visitor.ends();
    host.stop();
}

#[test]
fn a_status_without_a_body_has_none() {
    let host = Host::new(|server| {
        let show = |x: &mut Exchange| {
            let status: u16 = x.param("status").parse().unwrap();
            (
                StatusCode::from_u16(status).unwrap(),
                "a body that must not be sent",
            )
        };
        server.route("/whole/{status}", get(show)).unwrap();
        let read = |x: &mut Exchange| {
            let mut head = Response::new(());
            *head.status_mut() = x.param("status").parse().unwrap();
            Answer::reader(head, &b"a body that must not be sent"[..], None)
        };
        server.route("/reader/{status}", get(read)).unwrap();
    });
    let mut visitor = host.visit();
    for how in ["whole", "reader"] {
        for status in [204, 304, 205] {
            let reply = visitor.get(&format!("/{how}/{status}"));
            assert_eq!((reply.status, reply.text()), (status, ""), "{how}");
            let length = (status == 205).then_some("0");
            assert_eq!(reply.field("content-length"), length, "{how} {status}");
            assert_eq!(reply.field("transfer-encoding"), None);
            visitor.goes_on();
        }
    }
    let complained = |path: &str| {
        let path = path.to_owned();
        host.told
            .count(move |event| matches!(event, Event::HandlerFailed(uri, _) if *uri == path))
    };
    assert_eq!(complained("/whole/204"), 1);
    assert_eq!(complained("/whole/304"), 1);
    assert_eq!(complained("/whole/205"), 1);
    // An interim status is no answer.
    let reply = visitor.get("/whole/103");
    assert_eq!((reply.status, reply.closes()), (500, true));
    visitor.ends();
    host.stop();
}

#[test]
fn a_head_that_promises_what_is_not_there_is_a_500() {
    let host = Host::new(|server| {
        let promise = |x: &mut Exchange| {
            let (name, value) = x.query().split_once('=').unwrap();
            Response::builder().header(name, value).body("").unwrap()
        };
        server.route("/", get(promise)).unwrap();
        let wrong = |_: &mut Exchange| {
            Response::builder()
                .header(header::CONTENT_LENGTH, "3")
                .body("four")
                .unwrap()
        };
        server.route("/wrong", get(wrong)).unwrap();
    });
    for path in [
        "/?content-length=10",
        "/?transfer-encoding=chunked",
        "/wrong",
    ] {
        let mut visitor = host.visit();
        let reply = visitor.get(path);
        assert_eq!((reply.status, reply.closes()), (500, true), "{path}");
        visitor.ends();
    }
    // To HEAD it says what GET would have.
    let mut visitor = host.visit();
    let reply = visitor.ask("HEAD", "/?content-length=10").reply_to_head();
    assert_eq!(
        (reply.status, reply.field("content-length")),
        (200, Some("10"))
    );
    visitor.goes_on();
    host.stop();
}
