//! The pages of errors that the server answers with by itself (case 224), and that nothing in them does harm.

use http_aio::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_aio::{Error, Exchange, StaticContent, get, post};

use super::*;

/// A page that says for what it is.
fn page(status: StatusCode, request: Option<&Request<()>>) -> Response<String> {
    let path = request.map_or("nothing", |request| request.uri().path());
    let mut page = Response::new(format!("<p>{} for {path}", status.as_u16()));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    page.headers_mut().insert(header::CONTENT_TYPE, html);
    page
}

fn routes(server: &Server) {
    server.route("/", get(|_| "hello")).unwrap();
    let limited = ServerLimits::default().collect(3);
    let collect = move |x: &mut Exchange| -> Result<String, Error> {
        x.set_limits(limited);
        x.collect().map(|body| format!("{} bytes", body.len()))
    };
    server.route("/collect", post(collect)).unwrap();
    server
        .route("/fails", get(|_| Err::<(), _>("it broke")))
        .unwrap();
    server
        .route("/mine", get(|_| (StatusCode::NOT_FOUND, "mine")))
        .unwrap();
    let asked = |x: &mut Exchange| x.error_response(StatusCode::GONE);
    server.route("/asked", get(asked)).unwrap();
    server
        .route("/digits", StaticContent::new("0123456789"))
        .unwrap();
    let interim = |_: &mut Exchange| StatusCode::EARLY_HINTS;
    server.route("/interim", get(interim)).unwrap();
}

#[test]
fn each_error_of_the_server_has_its_page() {
    let host = Host::new(|server| {
        routes(server);
        server.on_error(page);
    });
    let request = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let cases = [
        (request("GET /none", ""), 404, "/none"),
        (request("POST /", "Content-Length: 0\r\n"), 405, "/"),
        (request("GET /%zz", ""), 400, "/%zz"),
        (request("FOO /", ""), 501, "/"),
        (request("GET /", "Expect: x\r\n"), 417, "/"),
        (request("GET /fails", ""), 500, "/fails"),
        (request("GET /interim", ""), 500, "/interim"),
        (
            request("POST /collect", "Content-Length: 4\r\n") + "1234",
            413,
            "/collect",
        ),
        (
            request("GET /digits", "If-Match: \"x\"\r\n"),
            412,
            "/digits",
        ),
        (
            request("GET /digits", "Range: bytes=10-\r\n"),
            416,
            "/digits",
        ),
        (request("GET /asked", ""), 410, "/asked"),
        ("GET / HTTP/2.0\r\n\r\n".into(), 505, "nothing"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".into(), 400, "nothing"),
        (
            request("GET /", &format!("a: {}\r\n", "x".repeat(70_000))),
            431,
            "nothing",
        ),
        (format!("GET /{} ", "x".repeat(70_000)), 414, "nothing"),
        (
            request("POST /", "Transfer-Encoding: gzip, chunked\r\n"),
            501,
            "nothing",
        ),
    ];
    for (request, status, about) in cases {
        let mut visitor = host.visit();
        let reply = visitor.say(request).reply();
        assert_eq!(reply.status, status);
        assert_eq!(reply.text(), format!("<p>{status} for {about}"));
        assert_eq!(
            reply.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(reply.field("date").is_some());
        match status {
            405 => assert_eq!(reply.field("allow"), Some("GET, HEAD, OPTIONS")),
            416 => assert_eq!(reply.field("content-range"), Some("bytes */10")),
            _ => {}
        }
    }
    let mut visitor = host.visit();
    let head = visitor.ask("HEAD", "/none").reply_to_head();
    assert_eq!(
        (head.status, head.field("content-length")),
        (404, Some("16"))
    );
    // What handlers say is theirs.
    assert_eq!(visitor.get("/mine").text(), "mine");
    let reply = visitor.ask("OPTIONS", "/").reply();
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(
        host.server.error_response(StatusCode::NOT_FOUND).body(),
        "<p>404 for nothing"
    );
    drop(visitor);
    host.stop();
}

#[test]
fn a_head_that_is_late_has_its_page() {
    let limits = ServerLimits::default().head(Duration::from_millis(50));
    let host = Host::with(limits, |server| {
        server.on_error(page);
    });
    let mut visitor = host.visit();
    let reply = visitor.say("GET / HT").reply();
    assert_eq!((reply.status, reply.text()), (408, "<p>408 for nothing"));
    host.stop();
}

#[test]
fn a_page_that_panics_is_replaced_by_the_plain_one() {
    let host = Host::new(|server| {
        routes(server);
        server.on_error(|status, _| -> Response<()> {
            match status {
                StatusCode::NOT_FOUND => panic!("no page"),
                _ => std::panic::panic_any(Dropped),
            }
        });
    });
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let mut visitor = host.visit();
    let reply = visitor.get("/none");
    assert_eq!((reply.status, reply.text()), (404, "404 Not Found\n"));
    visitor.goes_on();
    let reply = visitor.get("/fails");
    assert_eq!(
        (reply.status, reply.text()),
        (500, "500 Internal Server Error\n")
    );
    let mut visitor = host.visit();
    assert_eq!(visitor.say("GET / HTTP/2.0\r\n\r\n").reply().status, 505);
    host.stop();
}

#[test]
fn what_a_page_says_about_the_connection_does_not_count() {
    let host = Host::new(|server| {
        server.on_error(|_, _| {
            let page = Response::builder().status(101).version(Version::HTTP_2);
            let page = page
                .header("connection", "x, upgrade")
                .header("upgrade", "x");
            let page = page
                .header("content-length", "1000")
                .header("x-kept", "yes");
            page.header("transfer-encoding", "gzip")
                .body("page")
                .unwrap()
        });
    });
    let mut visitor = host.visit();
    for _ in 0..2 {
        let reply = visitor.get("/none");
        assert_eq!(
            (reply.status, reply.text(), reply.field("x-kept")),
            (404, "page", Some("yes"))
        );
        assert_eq!(
            (reply.all("connection").len(), reply.field("upgrade")),
            (0, None)
        );
        assert!(!reply.closes());
    }
    drop(visitor);
    host.stop();
}

#[test]
fn a_page_that_is_replaced_under_load_is_always_whole() {
    const PAGES: [&str; 2] = [
        "short",
        "a page that is quite a bit longer than the other one",
    ];
    let host = Host::new(|server| {
        server.on_error(|_, _| Response::new(PAGES[0]));
    });
    let visitors: Vec<_> = (0..4)
        .map(|_| {
            let mut visitor = host.visit();
            thread::spawn(move || {
                for _ in 0..250 {
                    let reply = visitor.get("/none");
                    assert!(PAGES.contains(&reply.text()), "{}", reply.text());
                }
            })
        })
        .collect();
    let mut turn = 0;
    while !visitors.iter().all(JoinHandle::is_finished) {
        turn += 1;
        host.server
            .on_error(move |_, _| Response::new(PAGES[turn % 2]));
    }
    visitors.into_iter().for_each(join);
    host.stop();
}

#[test]
fn what_is_no_error_has_no_page() {
    let host = Host::new(|server| {
        server.on_error(page);
        routes(server);
    });
    let mut visitor = host.visit();
    for (target, status) in [("/", 204), ("*", 200)] {
        let reply = visitor.ask("OPTIONS", target).reply();
        assert_eq!((reply.status, reply.text()), (status, ""));
        assert_eq!(reply.field("content-type"), None);
    }
    host.stop();
}
