//! Where a server listens: several listeners, and giving them back (case 297).

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(feature = "test-util")]
use http_aio::http::Request;
#[cfg(feature = "test-util")]
use http_aio::testing::memory::Faults;
use http_aio::{Answered, Endpoint, Error, Exchange, get};

use super::*;

#[test]
fn a_server_listens_at_several_places() {
    let host = Host::new(|server| {
        let tell = |exchange: &mut Exchange| exchange.conn().local_addr().to_string();
        server.route("/", get(tell)).unwrap();
    });
    let second = host.server.bind("127.0.0.1:0").unwrap();
    let third = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0"));
    let third = host.server.listen(third.unwrap()).unwrap();
    let folder = std::env::temp_dir().join(format!("http-aio-listeners-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let unix = host
        .server
        .listen(UnixListener::bind(&path).unwrap())
        .unwrap();
    assert_eq!(unix, Addr::Unix(Some(path.clone())));
    let first = Addr::Ip(host.address);
    assert_eq!(
        host.server.local_addrs(),
        [first.clone(), second.clone(), third.clone(), unix]
    );
    for address in [first, second, third] {
        let stream = TcpStream::connect(address.ip().unwrap()).unwrap();
        let mut visitor = Visitor {
            peer: Peer::from(stream),
            serving: None,
        };
        assert_eq!(visitor.get("/").text(), address.to_string());
    }
    let mut visitor = Visitor {
        peer: Peer::from(UnixStream::connect(&path).unwrap()),
        serving: None,
    };
    assert_eq!(visitor.get("/").text(), format!("unix:{}", path.display()));
    host.stop();
    assert!(UnixStream::connect(&path).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

/// Asks again and again, each time over a connection of its own, until it is done. Returns how often it was
/// answered. One that was accepted just before its server stopped, and had not asked yet, ends without a word.
fn keep_asking(address: SocketAddr, done: &AtomicBool) -> usize {
    let mut count = 0;
    while !done.load(Ordering::SeqCst) {
        let mut visitor = Visitor {
            peer: Peer::from(TcpStream::connect(address).expect("somebody listens")),
            serving: None,
        };
        visitor.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let got = String::from_utf8(visitor.peer.drain().bytes).unwrap();
        let is_whole = got.starts_with("HTTP/1.1 200 ") && got.ends_with("\r\n\r\nhello");
        assert!(got.is_empty() || is_whole, "{got}");
        count += usize::from(is_whole);
    }
    count
}

#[test]
fn listeners_change_hands_without_a_gap() {
    let served = Arc::new(AtomicUsize::new(0));
    let open = || {
        let (server, served) = (Server::new(), Arc::clone(&served));
        let count = move |_: &mut Exchange| {
            served.fetch_add(1, Ordering::SeqCst);
            "hello"
        };
        server.route("/", get(count)).unwrap();
        server
    };
    let mut server = open();
    let address = server.bind("127.0.0.1:0").unwrap().ip().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let done = Arc::clone(&done);
            thread::spawn(move || keep_asking(address, &done))
        })
        .collect();
    for _ in 0..10 {
        let before = served.load(Ordering::SeqCst);
        wait_until("it serves", || served.load(Ordering::SeqCst) >= before + 20);
        let next = open();
        let endpoints = server.release_listeners().unwrap();
        assert_eq!(endpoints.len(), 1);
        for endpoint in endpoints {
            next.listen(endpoint).unwrap();
        }
        settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
        assert!(server.release_listeners().unwrap().is_empty());
        server = next;
    }
    done.store(true, Ordering::SeqCst);
    let asked: usize = clients.into_iter().map(join).sum();
    assert_eq!(asked, served.load(Ordering::SeqCst));
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
}

#[test]
fn those_in_the_queue_wait_for_the_next_server() {
    let host = Host::with(ServerLimits::default().connections(1), |server| {
        server.route("/", get(|_| "the old one")).unwrap();
    });
    let mut old = host.visit();
    assert_eq!(old.get("/").text(), "the old one");
    let endpoint = host.server.release_listeners().unwrap().remove(0);
    let mut waits = host.visit();
    waits.ask("GET", "/");
    // What it has is served.
    assert_eq!(old.get("/").text(), "the old one");
    let listener = endpoint.into_tcp().expect("it is one of TCP");
    // Blocking, as it was before.
    let (accepted, _) = listener.accept().unwrap();
    let next = Server::new();
    next.route("/", get(|_| "the new one")).unwrap();
    next.listen(listener).unwrap();
    let server = next.clone();
    let serving = thread::spawn(move || server.serve(Conn::from(accepted)));
    assert_eq!(waits.reply().text(), "the new one");
    waits.leave();
    join(serving);
    assert_eq!(host.get("/").text(), "the new one");
    settle(next.drain(Aio::new().timeout(PATIENCE))).unwrap();
    host.stop();
    old.ends();
}

#[test]
fn a_thread_that_accepts_does_not_wait_for_itself() {
    let (say, said) = gate_of();
    let itself = Arc::new(Mutex::new(None::<Server>));
    let theirs = Arc::clone(&itself);
    let server = Server::builder()
        .observe(move |event| {
            if let ServerEvent::Accepted { .. } = event {
                let server = theirs.lock().unwrap().take();
                let released = server.unwrap().release_listeners();
                say.send(failure(released)).unwrap();
            }
        })
        .build();
    *itself.lock().unwrap() = Some(server.clone());
    let address = server.bind("127.0.0.1:0").unwrap().ip().unwrap();
    let mut visitor = Peer::from(TcpStream::connect(address).unwrap());
    assert_eq!(receive(&said), (ErrorKind::WouldDeadlock, 0));
    visitor
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    assert!(visitor.head().starts_with("HTTP/1.1 404"));
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
}

#[test]
fn a_peer_that_has_gone_silently_is_found_out() {
    let (tell, told) = gate_of();
    let host = Host::new(|server| {
        let hijack = move |exchange: &mut Exchange| -> Result<Answered, Error> {
            let (conn, answered) = exchange.hijack()?;
            tell.send(conn).unwrap();
            Ok(answered)
        };
        server.route("/", get(hijack)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    let mut conn = Some(receive(&told));
    host.stop();
    let mut parts = None;
    // The other handles go with the handler, which the server does not wait for.
    wait_until("it is the only handle", || {
        match conn.take().expect("it comes back").into_parts() {
            Ok(whole) => parts = Some(whole),
            Err(refused) => conn = Some(refused),
        }
        parts.is_some()
    });
    let parts = parts.expect("it was taken apart");
    let stream = parts.stream.into_tcp().unwrap();
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    assert_eq!(
        socket.tcp_keepalive_time().unwrap(),
        Duration::from_secs(60)
    );
}

#[test]
fn a_server_shows_its_state() {
    let (go, goes) = gate();
    let (entered, enters) = gate();
    let host = Host::new(|server| {
        let held = move |_: &mut Exchange| {
            entered.send(()).unwrap();
            receive(&goes);
            "done"
        };
        server.route("/held", get(held)).unwrap();
    });
    let shows = |what: [usize; 5]| {
        let names = ["listeners", "connections", "waiting", "threads", "spare"];
        // How many threads hold watches, or wait to, depends on the machine.
        let (names, what) = match chosen_threads() {
            Threads::Watched => (&names[..3], &what[..3]),
            _ => (&names[..], &what[..]),
        };
        wait_until("it shows that", || {
            let shown: Vec<_> = names.iter().map(|name| host.shows(name)).collect();
            shown == what
        });
    };
    shows([1, 0, 0, 0, 0]);
    let mut busy = host.visit();
    busy.ask("GET", "/held");
    receive(&enters);
    let mut idle = host.visit();
    assert_eq!(idle.get("/").status, 404);
    shows([1, 2, 1, 2, 0]);
    idle.leave();
    shows([1, 1, 0, 2, 1]);
    assert!(format!("{:?}", host.server).contains("phase: Open"));
    go.send(()).unwrap();
    assert_eq!(busy.reply().text(), "done");
    host.stop();
    shows([0, 0, 0, 0, 0]);
}

#[cfg(feature = "test-util")]
#[test]
fn a_connection_in_memory_is_served() {
    let host = Host::new(|server| {
        let tell = |x: &mut Exchange| format!("{} {} {:?}", x.client_addr(), x.scheme(), x.host());
        server.route("/", get(tell)).unwrap();
    });
    let (conn, peer) = memory_pair(1 << 20, Faults::none());
    let server = host.server.clone();
    let serving = thread::spawn(move || server.serve(conn));
    let client = Conn::from_transport(peer);
    let request = Request::get("http://own.example/").body(()).unwrap();
    let answer = settle(client.transact(Aio::new().timeout(PATIENCE), request)).unwrap();
    assert_eq!(answer.body(), "unknown http Some(\"own.example\")");
    drop(client);
    join(serving);
    host.stop();
}

#[test]
fn an_endpoint_holds_its_port_before_a_server_has_it() {
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let address = endpoint.local_addr().unwrap().ip().unwrap();
    assert!(TcpListener::bind(address).is_err());
    let mut early = Visitor {
        peer: Peer::from(TcpStream::connect(address).unwrap()),
        serving: None,
    };
    let server = Server::new();
    server.route("/", get(|_| "hello")).unwrap();
    server.listen(endpoint).unwrap();
    assert_eq!(early.get("/").text(), "hello");
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
}
