//! Bodies in both directions: what is read, asked for, thrown away; and answers in pieces (cases 222, 223,
//! 288, 304, 305, 313, 319).

use std::io::{self, Write};

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, Response, StatusCode};
use http_aio::{Answer, Answered, Error, Exchange, get, post};

use super::*;

const WITH_EXPECTATION: &str =
    "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

fn echo(exchange: &mut Exchange) -> Result<Bytes, Error> {
    exchange.collect()
}

#[test]
fn a_body_that_nobody_reads_is_thrown_away() {
    let host = Host::new(|server| {
        server
            .route("/", get(|_| "hello").post(|_| "posted"))
            .unwrap();
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.say("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcdeGET / HTTP/1.1\r\nHost: h\r\n\r\n");
        for _ in 0..2 {
            let reply = visitor.reply();
            assert_eq!((reply.text(), reply.closes()), ("hello", false));
        }
        let large = "a".repeat(256 << 10);
        assert!(!visitor.post("/", &large).closes());
        let chunks = "10000\r\n".to_owned() + &large[..64 << 10] + "\r\n0\r\nA: b\r\n\r\n";
        visitor.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        let reply = visitor.reply(); // It does not wait for the body.
        assert_eq!((reply.text(), reply.closes()), ("posted", false));
        visitor.say(chunks).goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_long_body_that_nobody_reads_costs_the_connection() {
    let host = Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.say("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
        // All of it is sent before anything is read.
        visitor.say(vec![b'a'; 1 << 20]);
        let reply = visitor.reply();
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        visitor.ends();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn what_is_left_of_a_body_decides_about_the_connection() {
    let host = Host::new(|server| {
        let most = |x: &mut Exchange| {
            io::copy(&mut x.body().take(900 << 10), &mut io::sink()).map(|count| count.to_string())
        };
        server.route("/most", post(most)).unwrap();
        let all = |x: &mut Exchange| {
            let length = x.content_length().unwrap();
            let count = io::copy(&mut x.body().take(length), &mut io::sink());
            count.map(|count| count.to_string())
        };
        server.route("/all", post(all)).unwrap();
    });
    let mut visitor = host.visit();
    let megabyte = "a".repeat(1 << 20);
    for (path, count) in [("/most", 900 << 10), ("/all", 1 << 20)] {
        let reply = visitor.post(path, &megabyte);
        assert_eq!((reply.text(), reply.closes()), (&*count.to_string(), false));
    }
    visitor.goes_on();
    host.stop();
}

#[test]
fn a_413_that_a_client_reads_only_when_it_has_sent_everything() {
    let host = Host::new(|server| {
        server.route("/", post(echo)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 41943040\r\n\r\n");
    for _ in 0..40 {
        visitor.say(vec![b'a'; 1 << 20]);
    }
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.closes()), (413, true));
    visitor.ends();
    host.stop();
}

/// Its answer was written at once, and it is read for some seconds more, but not for ever.
#[test]
fn a_client_that_never_stops_sending_is_cut_off() {
    const LONGEST: Duration = Duration::from_secs(5);
    let host = Host::new(|server| {
        server.route("/", post(echo)).unwrap();
    });
    in_time(|| {
        let mut visitor = host.visit();
        visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n");
        let reply = visitor.reply();
        assert_eq!((reply.status, reply.closes()), (413, true));
        let start = Instant::now();
        let until = start + PATIENCE;
        while visitor.peer.write_all(&[b'a'; 1 << 10]).is_ok() {
            assert!(Instant::now() < until, "it is still read");
            thread::sleep(Duration::from_millis(5)); // The pace of the client.
        }
        at_most("the end", start.elapsed(), LONGEST + Duration::from_secs(2))
    });
    host.stop();
}

#[test]
fn what_is_collected_has_a_bound() {
    let limits = ServerLimits::default().collect(1000);
    let host = Host::with(limits, |server| {
        server.route("/", post(echo)).unwrap();
    });
    let mut visitor = host.visit();
    let body = "a".repeat(1001);
    assert_eq!(visitor.post("/", &body[1..]).text(), &body[1..]);
    // Declared: it is refused before it comes; it comes nevertheless, and the connection goes on.
    let reply = visitor.post("/", &body);
    assert_eq!((reply.status, reply.closes()), (413, false));
    visitor.goes_on();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    let reply = visitor.say(format!("3e9\r\n{body}\r\n0\r\n\r\n")).reply();
    assert_eq!(reply.status, 413);
    visitor.goes_on();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("190\r\n{}\r\n", &body[..400]);
    let reply = visitor
        .say(format!("{chunk}{chunk}{chunk}0\r\n\r\n"))
        .reply();
    assert_eq!(reply.status, 413);
    visitor.goes_on();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.closes()), (413, true));
    visitor.ends();
    // The client was wrong, not the handler.
    host.stop();
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::HandlerFailed(..))),
        0
    );
}

#[test]
fn a_body_that_is_none_is_400() {
    let host = Host::new(|server| {
        server.route("/", post(echo)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.closes()), (400, true));
    visitor.ends();
    host.stop();
}

#[test]
fn a_100_comes_when_the_handler_reads() {
    let (go, goes) = gate();
    let host = Host::new(|server| {
        let slow = move |x: &mut Exchange| {
            receive(&goes);
            echo(x)
        };
        server.route("/echo", post(slow)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.say(WITH_EXPECTATION);
    host.wait_for_connections(1);
    assert!(visitor.is_quiet());
    go.send(()).unwrap();
    assert_eq!(visitor.reply().status, 100);
    assert_eq!(visitor.say("hello").reply().text(), "hello");
    visitor.goes_on();

    // The body is there already, or a part of it.
    visitor.say(format!("{WITH_EXPECTATION}he"));
    go.send(()).unwrap();
    visitor.say("llo");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.text()), (200, "hello"));

    // A client of 1.0 knows no 100.
    let old = WITH_EXPECTATION.replace("HTTP/1.1", "HTTP/1.0");
    visitor.say(old);
    go.send(()).unwrap();
    assert_eq!(visitor.say("hello").reply().text(), "hello");
    visitor.ends();
    host.stop();
}

#[test]
fn no_100_comes_if_the_body_is_not_wanted() {
    let host = Host::new(|server| {
        server
            .route("/echo", post(|_| StatusCode::FORBIDDEN))
            .unwrap();
        server.route("/empty", post(echo)).unwrap();
    });
    for path in ["/echo", "/none"] {
        let mut visitor = host.visit();
        visitor.say(WITH_EXPECTATION.replace("/echo", path));
        let reply = visitor.reply();
        let status = if path == "/echo" { 403 } else { 404 };
        assert_eq!((reply.status, reply.closes()), (status, true));
        visitor.ends();
    }
    // There is no body to ask for.
    let mut visitor = host.visit();
    visitor.say(
        "POST /empty HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(visitor.reply().status, 200);
    visitor.goes_on();
    host.stop();
}

/// Declares `?declared` bytes, or none, writes `{sizes}`, and may finish.
fn pieces(exchange: &mut Exchange) -> Result<Answered, Error> {
    let mut head = Response::builder();
    if !exchange.query().is_empty() {
        head = head.header("content-length", exchange.query());
    }
    let sizes: Vec<usize> = exchange.rest().map(|size| size.parse().unwrap()).collect();
    let mut writer = exchange.stream(head.body(()).unwrap())?;
    for size in sizes {
        writer.write_all(["a".repeat(size)])?;
    }
    writer.finish()
}

#[test]
fn answers_in_pieces_are_chunked_or_as_long_as_declared() {
    let host = Host::new(|server| {
        server.tree("/pieces", get(pieces)).unwrap();
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/pieces/5/0/100000");
        assert_eq!(reply.field("transfer-encoding"), Some("chunked"));
        assert_eq!(reply.body.len(), 100_005);
        let reply = visitor.get("/pieces/5/0/5?10");
        assert_eq!((reply.text(), reply.closes()), ("aaaaaaaaaa", false));
        assert_eq!(visitor.get("/pieces").text(), "");
        assert_eq!(visitor.get("/pieces?0").text(), "");
        let reply = visitor.ask("HEAD", "/pieces/5/5?10").reply_to_head();
        assert_eq!(reply.field("content-length"), Some("10"));
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn too_little_is_cut_off_and_too_much_is_refused() {
    let host = Host::new(|server| {
        server.tree("/pieces", get(pieces)).unwrap();
        let stubborn = |x: &mut Exchange| {
            let head = Response::builder()
                .header("content-length", "10")
                .body(())
                .unwrap();
            let mut writer = x.stream(head)?;
            writer.write_all(["0123456789"])?;
            let error = writer.write_all(["a"]).unwrap_err();
            assert_eq!((error.kind(), error.count()), (ErrorKind::InvalidInput, 0));
            writer.finish()
        };
        server.route("/stubborn", get(stubborn)).unwrap();
        let dropped = |x: &mut Exchange| {
            let mut writer = x.stream(Response::new(()))?;
            writer.write_all(["some"])?;
            Err::<Answered, Error>(io::Error::other("gave up").into())
        };
        server.route("/dropped", get(dropped)).unwrap();
    });
    let cut = |path: &str, sent: usize| {
        let mut visitor = host.visit();
        // The next request gets no answer, and none that is taken for the rest of this one.
        visitor.ask("GET", path).ask("GET", "/pieces");
        let head = visitor.head();
        let rest = visitor.peer.drain();
        assert_eq!(
            (rest.bytes.len(), rest.end),
            (sent, End::OfStream),
            "{path}"
        );
        let written = (head.head.len() + sent) as u64;
        let failed = host.told.wait_for(
            path,
            |event| matches!(event, Event::AnswerFailed(uri, ..) if uri == path),
        );
        let Event::AnswerFailed(_, kind, count) = failed else {
            unreachable!()
        };
        assert_eq!(count, written, "{path}");
        let answered = Event::Answered(format!("GET {path}"), 200, written);
        host.told.wait_for("it is told", |event| *event == answered);
        kind
    };
    assert_eq!(cut("/pieces/5?10", 5), ErrorKind::Abandoned);
    assert_eq!(cut("/pieces/10/1?10", 10), ErrorKind::Abandoned);
    assert_eq!(cut("/dropped", "4\r\nsome\r\n".len()), ErrorKind::Abandoned);
    let mut visitor = host.visit();
    assert_eq!(visitor.get("/stubborn").text(), "0123456789");
    visitor.goes_on();
    host.stop();
}

#[test]
fn trailers_and_overlapped_pieces() {
    let host = Host::new(|server| {
        let trailing = |x: &mut Exchange| {
            let mut writer = x.stream(Response::new(()))?;
            let first = writer.submit(Aio::new().iov(["one ", "two "]));
            let second = writer.submit(Aio::new().iov(["three"]));
            first.wait()?;
            second.wait()?;
            write!(writer, "!")?;
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "42".parse().unwrap());
            writer.finish_with_trailers(&trailers)
        };
        server.route("/", get(trailing)).unwrap();
        let read = |x: &mut Exchange| {
            let content = x.collect()?;
            let trailers = x.trailers()?;
            Ok::<_, Error>(format!("{content:?} {:?}", trailers["x-end"]))
        };
        server.route("/read", post(read)).unwrap();
    });
    let mut visitor = host.visit();
    let reply = visitor.get("/");
    assert_eq!(reply.text(), "one two three!x-sum: 42");
    let wire = reply.head.len() as u64 + 13 + 10 + 6 + "0\r\nx-sum: 42\r\n\r\n".len() as u64;
    host.told.wait_for("it is told", |event| {
        *event == Event::Answered("GET /".into(), 200, wire)
    });
    let reply = visitor.ask("HEAD", "/").reply_to_head();
    assert_eq!(reply.status, 200);
    visitor.goes_on();
    visitor.say("POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: yes\r\n\r\n");
    assert_eq!(visitor.reply().text(), "b\"hello\" \"yes\"");
    host.stop();
}

/// Gives `{size}` bytes in all and then ends, fails or panics.
struct Source(usize, &'static str);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return match self.1 {
                "fail" => Err(io::Error::other("the disk is gone")),
                "panic" => panic!("the reader panics"),
                _ => Ok(0),
            };
        }
        let count = self.0.min(buffer.len()).min(1000);
        buffer[..count].fill(b'a');
        self.0 -= count;
        Ok(count)
    }
}

#[test]
fn readers_are_answers() {
    let host = Host::new(|server| {
        for how in ["end", "fail", "panic"] {
            let read = move |x: &mut Exchange| {
                let length: Option<u64> = x.query().parse().ok();
                Answer::reader(Response::new(()), Source(2500, how), length)
            };
            server.route(&format!("/{how}"), get(read)).unwrap();
        }
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/end");
        assert_eq!(reply.field("transfer-encoding"), Some("chunked"));
        assert_eq!(reply.body.len(), 2500);
        let reply = visitor.get("/end?2500");
        assert_eq!(reply.field("content-length"), Some("2500"));
        visitor.goes_on();
        // Too long, too short.
        for (path, sent) in [("/end?2400", 2000), ("/end?2600", 2500)] {
            let mut visitor = host.visit_over(family);
            visitor.ask("GET", path).head();
            let rest = visitor.peer.drain();
            assert_eq!(
                (rest.bytes.len(), rest.end),
                (sent, End::OfStream),
                "{path}"
            );
            visitor.leave();
        }
        for path in ["/fail", "/panic"] {
            let mut visitor = host.visit_over(family);
            visitor.ask("GET", path).head();
            let rest = visitor.peer.drain();
            assert_eq!(rest.end, End::OfStream);
            let text = String::from_utf8(rest.bytes).unwrap();
            assert!(
                text.ends_with("a\r\n") && !text.contains("\r\n0\r\n"),
                "{path}: {text}"
            );
            visitor.leave();
        }
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
    let failed = |path: &str| {
        let path = path.to_owned();
        host.told
            .count(move |event| matches!(event, Event::AnswerFailed(uri, ..) if *uri == path))
    };
    assert_eq!(
        (failed("/fail"), failed("/panic"), failed("/end?2400")),
        (2, 2, 2)
    );
}

#[test]
fn values_are_answers() {
    let host = Host::new(|server| {
        server.route("/text", get(|_| "text")).unwrap();
        server
            .route("/bytes", get(|_| Bytes::from_static(b"bytes")))
            .unwrap();
        server.route("/nothing", get(|_| ())).unwrap();
        server
            .route("/pair", get(|_| (StatusCode::CREATED, "made")))
            .unwrap();
        server.route("/some", get(|_| Some("some"))).unwrap();
        server.route("/none", get(|_| None::<&str>)).unwrap();
        let error = |_: &mut Exchange| "x".parse::<u8>().map(|_| "a number");
        server.route("/error", get(error)).unwrap();
        let own = |_: &mut Exchange| {
            Response::builder()
                .status(418)
                .header("x", "y")
                .body("pot")
                .unwrap()
        };
        server.route("/own", get(own)).unwrap();
    });
    let mut visitor = host.visit();
    let mut get = |path: &str| {
        let reply = visitor.get(path);
        let kind = reply.field("content-type").unwrap_or("none").to_owned();
        (reply.status, reply.text().to_owned(), kind)
    };
    let text = "text/plain; charset=utf-8";
    let said = |status, body: &str, kind: &str| (status, body.to_owned(), kind.to_owned());
    assert_eq!(get("/text"), said(200, "text", text));
    assert_eq!(get("/bytes"), said(200, "bytes", "none"));
    assert_eq!(get("/nothing"), said(204, "", "none"));
    assert_eq!(get("/pair"), said(201, "made", text));
    assert_eq!(get("/some"), said(200, "some", text));
    assert_eq!(get("/none"), said(404, "", "none"));
    assert_eq!(get("/own"), said(418, "pot", "none"));
    let (status, body, _) = get("/error");
    assert_eq!((status, body.contains("invalid digit")), (500, false));
    visitor.ends();
    let failed = Event::HandlerFailed("/error".into(), "invalid digit found in string".into());
    host.told
        .wait_for("the error is told", |event| *event == failed);
    host.stop();
}
