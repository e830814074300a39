//! The server over TLS (cases 252, 274, 275, 310): the handshake, its bound, and the ends of connections.

use bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::rustls::ProtocolVersion;
use http_aio::rustls::pki_types::CertificateDer;
use http_aio::tls::ServerConfigCell;
use http_aio::{Answered, Client, Directory, Endpoint, Error, Exchange, File, Uploads, get};

use super::files::Folder;
use super::*;
use crate::tls::{another_server_config, client_config, localhost, server_config_with_tickets};

/// Serves plain HTTP and, at the address that is returned, TLS.
fn secured(limits: ServerLimits, config: impl Into<ServerConfigCell>) -> (Host, SocketAddr) {
    let host = Host::with(limits, |server| {
        server.route("/", get(|_| "hello")).unwrap();
        server.route("/tls", get(describe)).unwrap();
    });
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap().tls(config);
    let address = host.server.listen(endpoint).unwrap().ip().unwrap();
    (host, address)
}

fn describe(exchange: &mut Exchange) -> String {
    let Some(tls) = exchange.tls() else {
        return "plain".into();
    };
    let alpn = tls.alpn().map(String::from_utf8_lossy);
    let version = tls.version() == Some(ProtocolVersion::TLSv1_3);
    assert!(tls.cipher_suite().is_some() && tls.peer_certificates().is_empty());
    let (name, resumed) = (tls.server_name(), tls.is_resumed());
    format!("{version} {name:?} {alpn:?} {resumed}")
}

#[track_caller]
fn connect(address: SocketAddr) -> Conn {
    let aio = Aio::new().timeout(PATIENCE);
    let conn = Conn::connect_tls(aio, address, localhost(), client_config());
    settle(conn).expect("a handshake")
}

#[track_caller]
fn ask(conn: &Conn, path: &str) -> Response<Bytes> {
    let request = Request::get(format!("https://localhost{path}"));
    let request = request.body(()).unwrap();
    settle(conn.transact(Aio::new().timeout(PATIENCE), request)).expect("an answer")
}

/// The stream ends with `close_notify`, behind nothing.
#[track_caller]
fn ends_in_order(conn: &Conn) {
    let error = settle(conn.read_response(Aio::new().timeout(PATIENCE))).unwrap_err();
    assert!(error.is_end_of_stream(), "{error}");
}

#[test]
fn plain_and_tls_are_side_by_side() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    assert_eq!(host.get("/tls").text(), "plain");
    let first = connect(address);
    assert_eq!(
        ask(&first, "/tls").body(),
        "true Some(\"localhost\") None false"
    );
    assert_eq!(ask(&first, "/").body(), "hello");
    assert_eq!(first.tls().unwrap().peer_certificates().len(), 1);
    host.stop();
    ends_in_order(&first);
}

#[test]
fn a_session_is_resumed() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let config = client_config();
    let said = (0..2).map(|_| {
        let client = Client::builder().tls(Arc::clone(&config)).build();
        let url = format!("https://localhost:{}/tls", address.port());
        let response = settle(client.get(Aio::new().timeout(PATIENCE), url)).unwrap();
        response.body().clone()
    });
    let said: Vec<_> = said.collect();
    assert_eq!(said[0], "true Some(\"localhost\") None false");
    assert_eq!(said[1], "true Some(\"localhost\") None true");
    host.stop();
}

#[test]
fn a_configuration_is_replaced_while_the_server_runs() {
    let cell = ServerConfigCell::new(server_config_with_tickets());
    let (host, address) = secured(ServerLimits::default(), cell.clone());
    let old = connect(address);
    assert_eq!(ask(&old, "/").body(), "hello");
    let certificate = |conn: &Conn| -> CertificateDer<'static> {
        conn.tls().unwrap().peer_certificates()[0].clone()
    };
    cell.replace(another_server_config());
    let new = connect(address);
    assert_eq!(ask(&new, "/").body(), "hello");
    assert_ne!(certificate(&old), certificate(&new));
    // What is there stays.
    assert_eq!(ask(&old, "/").body(), "hello");
    host.stop();
}

#[test]
fn a_silent_client_is_given_up_in_the_handshake() {
    let bound = Duration::from_millis(300);
    let limits = ServerLimits::default().handshake(bound);
    let (host, address) = secured(limits, server_config_with_tickets());
    let start = Instant::now();
    let silent = Peer::from(TcpStream::connect(address).unwrap());
    let mut begun = Peer::from(TcpStream::connect(address).unwrap());
    begun.say(b"\x16\x03\x01\x02\x00");
    // Others are served meanwhile.
    assert_eq!(ask(&connect(address), "/").body(), "hello");
    for mut peer in [silent, begun] {
        let drained = peer.drain();
        assert_eq!((drained.bytes, drained.end), (vec![], End::OfStream));
        assert!(start.elapsed() >= bound);
    }
    wait_until("both are told of", || {
        let failed = Event::HandshakeFailed(ErrorKind::TimedOut);
        host.told.count(|event| *event == failed) == 2
    });
    host.stop();
}

#[test]
fn plain_http_where_tls_is_expected_ends_at_once() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    in_time(|| {
        let start = Instant::now();
        let mut plain = Peer::from(TcpStream::connect(address).unwrap());
        plain.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let drained = plain.drain();
        // An alert at most, and no answer.
        assert!(drained.bytes.len() <= 7, "{:?}", drained.bytes);
        at_most("its end", start.elapsed(), Duration::from_secs(1))
    });
    host.told.wait_for("it is told", |event| {
        *event == Event::HandshakeFailed(ErrorKind::Tls)
    });
    host.stop();
}

#[test]
fn a_close_ends_handshakes() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let mut silent = Peer::from(TcpStream::connect(address).unwrap());
    host.wait_for_connections(1);
    host.server.close();
    assert_eq!(silent.drain().bytes, b"");
    settle(host.server.join(Aio::new().timeout(PATIENCE))).unwrap();
}

#[test]
fn a_drain_does_not_wait_long_for_handshakes() {
    let limits = ServerLimits::default().handshake(10 * PATIENCE);
    let (host, address) = secured(limits, server_config_with_tickets());
    let mut silent = Peer::from(TcpStream::connect(address).unwrap());
    host.wait_for_connections(1);
    host.stop();
    assert_eq!(silent.drain().bytes, b"");
}

#[test]
fn a_hijacked_connection_carries_plaintext() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let (give, given) = gate_of();
    let hijack = move |exchange: &mut Exchange| -> Result<Answered, Error> {
        let (conn, answered) = exchange.hijack()?;
        give.send(conn).unwrap();
        Ok(answered)
    };
    host.server.route("/raw", get(hijack)).unwrap();
    let client = connect(address);
    let head = "GET /raw HTTP/1.1\r\nHost: h\r\n\r\nhello";
    settle(client.write_all(Aio::new().iov([head]))).unwrap();
    let theirs = receive(&given);
    let read = settle(theirs.read_all(Aio::new().timeout(PATIENCE), 5)).unwrap();
    assert_eq!(read, "hello");
    settle(theirs.write_all(Aio::new().iov(["good bye"]))).unwrap();
    let read = settle(client.read_all(Aio::new().timeout(PATIENCE), 8)).unwrap();
    assert_eq!(read, "good bye");
    // The server is out of it.
    host.stop();
    drop(theirs);
    ends_in_order(&client);
}

#[test]
fn an_answer_that_is_cut_off_has_no_close_notify() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let cut = |exchange: &mut Exchange| -> Result<Answered, Error> {
        let mut writer = exchange.stream(Response::new(()))?;
        writer.write_all(["begun"])?;
        panic!("in the middle");
    };
    host.server.route("/cut", get(cut)).unwrap();
    let client = connect(address);
    let head = "GET /cut HTTP/1.0\r\nHost: h\r\n\r\n";
    settle(client.write_all(Aio::new().iov([head]))).unwrap();
    let mut got = Vec::new();
    let error = loop {
        match settle(client.read(Aio::new().timeout(PATIENCE), 1024)) {
            Ok(bytes) => got.extend_from_slice(&bytes),
            Err(error) => break error,
        }
    };
    let got = String::from_utf8(got).unwrap();
    assert!(got.ends_with("begun"), "{got}");
    assert_eq!(
        (error.kind(), error.is_end_of_stream()),
        (ErrorKind::Reset, false)
    );
    host.stop();
}

#[test]
fn a_file_is_the_same_over_tls_and_its_cut_is_told() {
    let length = 64 << 20;
    let folder = Folder::new();
    let path = folder.write("large", pattern(0, length));
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    host.server.route("/file", File::new(&path)).unwrap();
    let client = connect(address);
    let head = "GET /file HTTP/1.1\r\nHost: h\r\n\r\n";
    let ask = || settle(client.write_all(Aio::new().iov([head]))).unwrap();
    let read_head = || settle(client.read_response(Aio::new().timeout(PATIENCE))).unwrap();
    ask();
    assert_eq!(read_head().headers()["content-length"], "67108864");
    let body = settle(client.read_all(Aio::new().timeout(PATIENCE), length)).unwrap();
    assert_pattern(0, &body);

    ask();
    read_head();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(length as u64 / 2).unwrap();
    let mut got = 0;
    let error = loop {
        match settle(client.read(Aio::new().timeout(PATIENCE), 1 << 20)) {
            Ok(bytes) => {
                assert_pattern(got, &bytes);
                got += bytes.len() as u64;
            }
            Err(error) => break error,
        }
    };
    assert!(got <= length as u64 / 2, "{got}");
    assert_eq!(
        (error.kind(), error.is_end_of_stream()),
        (ErrorKind::Reset, false)
    );
    host.stop();
}

#[test]
fn a_connection_that_is_over_tls_already_is_served() {
    let (host, _) = secured(ServerLimits::default(), server_config_with_tickets());
    let (near, far) = unix_pair();
    let server = host.server.clone();
    let serving = thread::spawn(move || {
        let aio = Aio::new().timeout(PATIENCE);
        let conn = Conn::tls_server(aio, near, server_config_with_tickets()).wait();
        server.serve(conn.unwrap());
    });
    let aio = Aio::new().timeout(PATIENCE);
    let client = settle(Conn::tls_client(aio, far, localhost(), client_config())).unwrap();
    assert_eq!(
        ask(&client, "/tls").body(),
        "true Some(\"localhost\") None false"
    );
    drop(client);
    join(serving);
    host.stop();
}

#[test]
fn a_late_answer_is_whole_and_a_client_that_leaves_is_noticed() {
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let (give, take) = crossbeam_channel::unbounded();
    let later = move |x: &mut Exchange| -> Result<Answered, Error> {
        let (responder, answered) = x.respond_later()?;
        give.send(responder).unwrap();
        Ok(answered)
    };
    host.server.route("/later", get(later)).unwrap();
    let conn = connect(address);
    let request = || Request::get("https://localhost/later").body(()).unwrap();
    let asking = conn.transact(Aio::new().timeout(PATIENCE), request());
    let answering = receive(&take).respond(Aio::new(), "late");
    assert_eq!(settle(asking).expect("an answer").body(), "late");
    assert!(settle(answering).expect("it is written").count() > 4);

    drop(conn.transact(Aio::new(), request()));
    let responder = receive(&take);
    let gone = responder.disconnected(Aio::new());
    assert!(!gone.is_done());
    conn.close();
    settle(gone).expect("it has gone");
    drop(responder);
    host.wait_for_connections(0);
    host.stop();
}

#[test]
fn an_upload_that_was_cut_goes_on() {
    const SIZE: usize = 2 << 20;
    let (host, address) = secured(ServerLimits::default(), server_config_with_tickets());
    let folder = Folder::new();
    let directory = Directory::open(folder.path("")).unwrap();
    let uploads = directory.uploads(Uploads::new());
    host.server.tree("/docs", uploads).unwrap();
    let request = |method: &str| {
        let request = Request::builder().method(method);
        let request = request.uri("https://localhost/docs/large");
        request.header("upload-tag", "t")
    };
    let cut = connect(address);
    let head = request("PUT")
        .header("content-length", SIZE)
        .body(())
        .unwrap();
    settle(cut.write_request(Aio::new(), head)).unwrap();
    settle(cut.write_all(Aio::new().iov([pattern(0, 1 << 20)]))).unwrap();
    cut.close(); // Without `close_notify`.

    let part = folder.path(".http-aio-part.t.large");
    wait_until("it has come", || {
        part.metadata().is_ok_and(|it| it.len() > 0)
    });
    let client = connect(address);
    let question = request("HEAD").body(()).unwrap();
    let told = settle(client.transact(Aio::new().timeout(PATIENCE), question)).unwrap();
    let count: usize = told.headers()["upload-offset"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=1 << 20).contains(&count), "{count}");
    assert_pattern(0, &std::fs::read(part).unwrap());
    let range = format!("bytes {count}-{}/{SIZE}", SIZE - 1);
    let rest = request("PUT").header("content-range", range);
    let rest = rest.body(pattern(count as u64, SIZE - count)).unwrap();
    let done = settle(client.transact(Aio::new().timeout(PATIENCE), rest)).unwrap();
    assert_eq!(done.status(), 201);
    let whole = std::fs::read(folder.path("large")).unwrap();
    assert_eq!(whole.len(), SIZE);
    assert_pattern(0, &whole);
    drop(client);
    host.stop();
}
