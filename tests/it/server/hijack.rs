//! Connections that their handler takes over (cases 268 to 273).

use std::io::{ErrorKind as IoErrorKind, Write};
use std::net::Shutdown;

use http_aio::http::{Method, Response, StatusCode};
use http_aio::{Answered, Error, Exchange, get, on};

use super::*;

const OFFER: &str = "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

fn switching() -> Response<()> {
    let head = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let head = head
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    head.body(()).unwrap()
}

/// Says back what comes, to its end, and passes that on.
fn echo(conn: &Conn) {
    loop {
        match conn.read(Aio::new(), 1000).wait() {
            Ok(piece) => drop(conn.write_all(Aio::new().iov([piece])).wait()),
            Err(error) if error.is_end_of_stream() => {
                let _ = conn.close_write(Aio::new()).wait();
                return;
            }
            Err(_) => return,
        }
    }
}

/// `/up` upgrades, if that was offered, and gives the connection away.
fn switchboard() -> (Host, crossbeam_channel::Receiver<Conn>) {
    let (give, take) = crossbeam_channel::unbounded();
    let host = Host::new(|server| {
        let up = move |x: &mut Exchange| -> Result<Answered, Error> {
            let (conn, answered) = x.upgrade(switching())?;
            give.send(conn).unwrap();
            Ok(answered)
        };
        server.route("/up", get(up)).unwrap();
        let offered = |x: &mut Exchange| format!("{:?}", x.headers().get("upgrade"));
        server.route("/offered", get(offered)).unwrap();
        let here = |x: &mut Exchange| -> Result<Answered, Error> {
            let (conn, answered) = x.upgrade(switching())?;
            echo(&conn);
            Ok(answered)
        };
        server.route("/here", get(here)).unwrap();
    });
    (host, take)
}

#[test]
fn what_is_behind_the_head_is_read_first_and_the_server_is_out_of_it() {
    let (host, take) = switchboard();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.say(format!("{OFFER}hello"));
        let reply = visitor.head();
        assert_eq!((reply.status, reply.field("upgrade")), (101, Some("echo")));
        assert_eq!(reply.field("connection"), Some("upgrade"));
        assert_eq!(
            (reply.field("content-length"), reply.field("date")),
            (None, None)
        );
        let conn = receive(&take);
        host.wait_for_connections(0);
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "hello");
        // What looks like a request is none.
        visitor.ask("GET", "/offered");
        let raw = settle(conn.read_all(Aio::new(), 12)).unwrap();
        assert_eq!(raw, "GET /offered");
        settle(conn.write_all(Aio::new().iov(["bare"]))).unwrap();
        assert_eq!(visitor.peer.expect(4), b"bare");
        settle(conn.close_write(Aio::new())).unwrap();
        visitor.ends();
        visitor.leave();
    }
    host.stop();
    let answered =
        |event: &Event| matches!(event, Event::Answered(what, 101, 1..) if what == "GET /up");
    wait_until("it is told", || host.told.count(answered) == 2);
}

#[test]
fn a_hijack_without_a_response_writes_what_the_handler_writes() {
    let host = Host::new(|server| {
        let bare = |x: &mut Exchange| -> Result<Answered, Error> {
            let (conn, answered) = x.hijack()?;
            conn.write_all(Aio::new().iov(["exactly ", "this"]))
                .wait()?;
            assert_eq!(x.hijack().unwrap_err().kind(), ErrorKind::InvalidInput);
            Ok(answered)
        };
        server.route("/", get(bare)).unwrap();
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/");
        assert_eq!(visitor.peer.drain().bytes, b"exactly this");
        visitor.leave();
    }
    host.stop();
}

#[test]
fn it_survives_the_server() {
    let (host, take) = switchboard();
    let mut visitors: Vec<_> = FAMILIES.map(|family| host.visit_over(family)).into();
    for visitor in &mut visitors {
        assert_eq!(visitor.say(OFFER).head().status, 101);
    }
    let conns = [receive(&take), receive(&take)];
    host.wait_for_connections(0);
    // In a handler that goes on, too.
    let mut third = host.visit();
    third.say(OFFER.replace("/up", "/here"));
    assert_eq!(third.head().status, 101);
    host.wait_for_connections(0);
    host.stop();
    host.server.close();
    drop(host);
    for conn in &conns {
        settle(conn.write_all(Aio::new().iov(["alive"]))).unwrap();
    }
    for visitor in &mut visitors {
        assert_eq!(visitor.peer.expect(5), b"alive");
    }
    third.say("echo");
    assert_eq!(third.peer.expect(4), b"echo");
    third.peer.shutdown(Shutdown::Write);
    third.ends();
}

#[test]
fn an_upgrade_that_is_not_meant_for_us_is_not_offered() {
    let (host, _take) = switchboard();
    let fields = "Host: h\r\nUpgrade: echo\r\n";
    for request in [
        format!("GET /offered HTTP/1.1\r\n{fields}\r\n"),
        format!("GET /offered HTTP/1.0\r\n{fields}Connection: keep-alive, upgrade\r\n\r\n"),
    ] {
        let mut visitor = host.visit();
        assert_eq!(visitor.say(request).reply().text(), "None");
    }
    let mut visitor = host.visit();
    visitor.say(
        OFFER
            .replace("/up", "/offered")
            .replace("Upgrade\r\n", "x, upgrade\r\n"),
    );
    assert_eq!(visitor.reply().text(), "Some(\"echo\")");
    // Nobody switches by himself.
    assert_eq!(visitor.get("/up").status, 500);
    visitor.ends();
    host.stop();
}

#[test]
fn an_upgrade_with_an_expectation_is_100_and_then_101() {
    let host = Host::new(|server| {
        let up = |x: &mut Exchange| -> Result<Answered, Error> {
            let content = x.collect()?;
            let (conn, answered) = x.upgrade(switching())?;
            conn.write_all(Aio::new().iov([content])).wait()?;
            Ok(answered)
        };
        server.route("/up", on(Method::POST, up)).unwrap();
    });
    let mut visitor = host.visit();
    let offer = OFFER
        .replace("GET", "POST")
        .replace("Host", "Content-Length: 5\r\nExpect: 100-continue\r\nHost");
    visitor.say(offer);
    assert_eq!(visitor.head().status, 100);
    visitor.say("hello");
    assert_eq!(visitor.head().status, 101);
    assert_eq!(visitor.peer.drain().bytes, b"hello");
    host.stop();
}

#[test]
fn connect_needs_a_handler_of_its_own() {
    let connect = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    let host = Host::new(|server| {
        server.route("/", http_aio::any(|_| "any")).unwrap();
    });
    let mut visitor = host.visit();
    let reply = visitor.say(connect).reply();
    assert_eq!(reply.status, 501);
    assert!(!reply.closes());
    assert_eq!(visitor.get("/").text(), "any");

    let tunnel = |x: &mut Exchange| -> Result<Answered, Error> {
        assert_eq!(x.uri().authority().unwrap(), "example.com:443");
        let (conn, answered) = x.upgrade(Response::new(()))?;
        echo(&conn);
        Ok(answered)
    };
    host.server.route("/", on(Method::CONNECT, tunnel)).unwrap();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.say(format!("{connect}early"));
        let reply = visitor.head();
        assert_eq!(reply.status, 200);
        for field in ["content-length", "transfer-encoding", "connection"] {
            assert_eq!(reply.field(field), None);
        }
        assert_eq!(visitor.peer.expect(5), b"early");
        visitor.say("more");
        assert_eq!(visitor.peer.expect(4), b"more");
        visitor.say("last").peer.shutdown(Shutdown::Write);
        assert_eq!(visitor.peer.drain().bytes, b"last");
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_hijacked_connection_ends_with_its_last_handle() {
    let (host, take) = switchboard();
    let mut visitor = host.visit();
    assert_eq!(visitor.say(OFFER).head().status, 101);
    drop(receive(&take));
    visitor.ends();
    host.wait_for_connections(0);
    let sent = visitor.peer.write_all(b"x");
    assert!(sent.is_ok() || sent.unwrap_err().kind() != IoErrorKind::WouldBlock);
    host.stop();
}
