//! Proves that a connection over TLS keeps what one over a socket promises: both directions at once,
//! exact counts in plaintext bytes, deadlines and cancels that hold, and no end that is none.
//!
//! The other side is rustls itself, so that what a peer can decrypt is seen and not assumed.

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use http_aio::rustls::server::WebPkiClientVerifier;
use http_aio::rustls::version::{TLS12, TLS13};
use http_aio::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use socket2::SockRef;

use crate::support::*;

/// "At once", on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(crate) static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

// ------------------------------------------------------------------------------------ certificates

/// Signs certificates for the tests.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn sign(&self, name: &str, until: i32) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Identity {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let mut config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("it belongs to the key");
        // Where nobody reads, nobody takes them out of the way.
        config.send_tls13_tickets = 0;
        config
    }
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours"));
static LOCALHOST: LazyLock<Identity> = LazyLock::new(|| AUTHORITY.sign("localhost", 4000));

pub(crate) fn server_config(version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
    Arc::new(LOCALHOST.config(&[version]))
}

/// For peers that send session tickets, though nobody may read them.
pub(crate) fn server_config_with_tickets() -> Arc<ServerConfig> {
    let mut config = LOCALHOST.config(&[&TLS13]);
    config.send_tls13_tickets = 2;
    Arc::new(config)
}

pub(crate) fn client_config() -> Arc<ClientConfig> {
    trusting(&AUTHORITY)
}

fn trusting(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).expect("a root");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

pub(crate) fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

// ------------------------------------------------------------------------------------------- peers

/// rustls as it is, over a blocking stream.
pub(crate) type Raw<S> = StreamOwned<ServerConnection, S>;

/// How a stream that was drained ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With `close_notify`.
    InOrder,
    Cut,
}

pub(crate) fn raw<S: Read + Write>(stream: S, config: Arc<ServerConfig>) -> Raw<S> {
    let session = ServerConnection::new(config).expect("a session");
    let mut raw = StreamOwned::new(session, stream);
    while raw.conn.is_handshaking() || raw.conn.wants_write() {
        raw.conn.complete_io(&mut raw.sock).expect("a handshake");
    }
    raw
}

#[track_caller]
pub(crate) fn drain_raw<S: Read + Write>(raw: &mut Raw<S>) -> (Vec<u8>, Ending) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match raw.read(&mut buffer) {
            Ok(0) => return (bytes, Ending::InOrder),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return (bytes, Ending::Cut);
            }
            Err(error) => panic!("draining, after {} bytes: {error}", bytes.len()),
        }
    }
}

fn small_tcp_pair() -> (TcpStream, TcpStream) {
    let (near, far) = tcp_pair();
    for stream in [&near, &far] {
        let _ = SockRef::from(stream).set_send_buffer_size(128 << 10);
        let _ = SockRef::from(stream).set_recv_buffer_size(128 << 10);
        let _ = stream.set_read_timeout(Some(PATIENCE));
    }
    (near, far)
}

/// A client's connection, and rustls on the other side.
#[track_caller]
pub(crate) fn conn_and_raw(version: &'static SupportedProtocolVersion) -> (Conn, Raw<TcpStream>) {
    let (near, far) = small_tcp_pair();
    let config = server_config(version);
    let peer = thread::spawn(move || raw(far, config));
    let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    (settle(conn).expect("a handshake"), join(peer))
}

/// Connections on both sides.
#[track_caller]
fn secured(version: &'static SupportedProtocolVersion) -> (Conn, Conn) {
    let (near, far) = tcp_pair();
    let server = Conn::tls_server(Aio::new(), far, server_config(version));
    let client = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    (
        settle(client).expect("a handshake"),
        settle(server).expect("a handshake"),
    )
}

fn send(conn: &Conn, total: usize) -> Vec<Aio<http_aio::Written, InFlight>> {
    const STEP: usize = 4 << 20;
    (0..total.div_ceil(STEP))
        .map(|i| {
            write_pattern(
                conn,
                Aio::new(),
                (i * STEP) as u64,
                STEP.min(total - i * STEP),
            )
        })
        .collect()
}

#[track_caller]
fn expect_pattern(conn: &Conn, total: usize) {
    let mut aio = Aio::new().timeout(PATIENCE);
    let mut offset = 0;
    while offset < total {
        let result;
        (result, aio) = conn.read(aio, 1 << 20).reclaim();
        let bytes = result.expect("data");
        assert_pattern(offset as u64, &bytes);
        offset += bytes.len();
    }
    assert_eq!(offset, total);
}

// --------------------------------------------------------------------------------------- both ways

#[test]
fn both_directions_at_full_speed() {
    for (version, total) in [(&TLS13, 64 << 20), (&TLS12, 16 << 20)] {
        let (client, server) = secured(version);
        let up = send(&client, total);
        let down = send(&server, total);
        let reader = thread::spawn(move || {
            expect_pattern(&client, total);
            client
        });
        expect_pattern(&server, total);
        join(reader);
        for written in up.into_iter().chain(down) {
            settle(written).expect("it was read");
        }
    }
}

#[test]
fn messages_of_every_size() {
    for version in VERSIONS {
        let (client, server) = secured(version);
        for size in [0, 1, 100, 16_383, 16_384, 16_385, 70_000, 1_000_000] {
            let asked = server.read_request(Aio::new());
            let request = Request::post("https://localhost/").body(pattern(0, size));
            let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
            settle(asked).expect("a request");
            let body = settle(server.read_all(Aio::new(), size)).expect("its body");
            assert_pattern(0, &body);
            settle(server.write_response(Aio::new(), Response::new(body))).expect("it is read");
            assert_pattern(0, settle(answer).expect("an answer").body());
        }
    }
}

#[test]
fn over_a_unix_socket() {
    let (near, far) = unix_pair();
    let server = Conn::tls_server(Aio::new(), far, server_config(&TLS13));
    let client = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    let (client, server) = (settle(client), settle(server));
    let (client, server) = (client.expect("a handshake"), server.expect("a handshake"));
    let up = send(&client, 1 << 20);
    expect_pattern(&server, 1 << 20);
    up.into_iter().for_each(|written| drop(settle(written)));
}

#[test]
fn a_vector_of_small_buffers_is_one_after_the_other() {
    let (client, server) = secured(&TLS13);
    let buffers: Vec<_> = (0..3000).map(|i| pattern(i * 7, 7)).collect();
    let written = settle(client.write_all(Aio::new().iov(buffers))).expect("there is room");
    assert_eq!(written.count(), 21_000);
    expect_pattern(&server, 21_000);
}

#[test]
fn many_small_writes_arrive_in_order() {
    let (client, server) = secured(&TLS13);
    let writes: Vec<_> = (0..2000)
        .map(|i| write_pattern(&client, Aio::new(), i * 10, 10))
        .collect();
    expect_pattern(&server, 20_000);
    for write in writes {
        assert_eq!(settle(write).expect("it was read").count(), 10);
    }
}

/// A server sends tickets after the handshake. They are nothing that was not asked for.
#[test]
fn session_tickets_do_not_disturb_an_exchange() {
    let (near, far) = tcp_pair();
    let mut config = LOCALHOST.config(&[&TLS13]);
    config.send_tls13_tickets = 4;
    let server = Conn::tls_server(Aio::new(), far, Arc::new(config));
    let client = settle(Conn::tls_client(
        Aio::new(),
        near,
        localhost(),
        client_config(),
    ))
    .expect("a handshake");
    let server = settle(server).expect("a handshake");
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(5)); // They are there by then.
        let request = Request::get("https://localhost/").body("".into());
        let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
        settle(server.read_request(Aio::new())).expect("a request");
        settle(server.write_response(Aio::new(), Response::new("x".into()))).expect("it is read");
        assert_eq!(settle(answer).expect("an answer").body(), "x");
        assert!(client.is_reusable());
    }
    drop(server);
    wait_until("the end is seen", || {
        let request = Request::get("https://localhost/").body("".into());
        let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
        settle(answer).is_err_and(|error| error.is_end_of_stream())
    });
}

// --------------------------------------------------------------------------------------- handshake

#[test]
fn connecting_and_the_handshake_have_one_deadline() {
    let stuck = Stuck::listen();
    in_time(|| {
        let begun = Instant::now();
        let aio = Aio::new().timeout(Duration::from_millis(100));
        let conn = Conn::connect_tls(aio, stuck.address, localhost(), client_config());
        assert_eq!(failure(settle(conn)), (ErrorKind::TimedOut, 0));
        at_most("the deadline", begun.elapsed(), Duration::from_millis(150))?;
        let mut peer = stuck.accepted();
        peer.drain(); // Closed, and not only given up.
        Ok(())
    });
}

#[test]
fn connect_tls_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let client = Conn::connect_tls(Aio::new(), address, localhost(), client_config());
    let (stream, _) = listener.accept().expect("it has connected");
    let server = settle(Conn::tls_server(Aio::new(), stream, server_config(&TLS13)));
    let client = settle(client).expect("a handshake");
    settle(client.write_all(Aio::new().iov(["ping"]))).expect("there is room");
    let server = server.expect("a handshake");
    assert_eq!(
        settle(server.read_all(Aio::new(), 4)).expect("it came"),
        "ping"
    );
    assert_eq!(client.peer_addr().ip(), Some(address));
    assert!(client.into_parts().is_err(), "there is no stream to have");
}

#[test]
fn a_stalled_handshake_is_cancelled_at_once() {
    for is_server in [false, true] {
        in_time(|| {
            let (near, far) = tcp_pair();
            let conn = if is_server {
                Conn::tls_server(Aio::new(), near, server_config(&TLS13))
            } else {
                Conn::tls_client(Aio::new(), near, localhost(), client_config())
            };
            let (told, canceller) = tell(conn);
            thread::sleep(Duration::from_millis(10)); // It waits for the peer by then, or not.
            let begun = Instant::now();
            canceller.cancel();
            let told = receive(&told);
            assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
            Peer::from(far).drain();
            at_most("the cancel", told.at - begun, AT_ONCE)?;
            at_most("closing", begun.elapsed(), AT_ONCE)
        });
    }
}

/// Slowly enough, a handshake never ends by itself.
#[test]
fn a_dripping_handshake_ends_at_the_deadline() {
    in_time(|| {
        let (near, mut far) = tcp_pair();
        let begun = Instant::now();
        let aio = Aio::new().timeout(Duration::from_millis(100));
        let conn = Conn::tls_server(aio, near, server_config(&TLS13));
        let dripping = thread::spawn(move || {
            // The head of a record that is never whole.
            for byte in [22, 3, 1, 64, 0].into_iter().chain([0; 1000]) {
                if far.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        assert_eq!(failure(settle(conn)), (ErrorKind::TimedOut, 0));
        let took = begun.elapsed();
        join(dripping);
        at_most("the deadline", took, Duration::from_millis(150))
    });
}

/// The other side is told by an alert.
#[track_caller]
fn refused(identity: &Identity, name: &str, client: Arc<ClientConfig>) -> Error {
    let mut told = None;
    for version in VERSIONS {
        let (near, far) = tcp_pair();
        let config = Arc::new(identity.config(&[version]));
        let server = Conn::tls_server(Aio::new().timeout(PATIENCE), far, config);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let conn = Conn::tls_client(Aio::new(), near, name, Arc::clone(&client));
        let error = settle(conn).expect_err("it must be refused");
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        let source = error.source().and_then(|source| source.downcast_ref());
        assert!(matches!(source, Some(rustls::Error::InvalidCertificate(_))));
        let alert = settle(server)
            .map(drop)
            .expect_err("the client has refused");
        assert_eq!(alert.kind(), ErrorKind::Tls, "{alert}");
        assert!(
            alert.to_string().contains("does not accept our cert"),
            "{alert}"
        );
        told = Some(error);
    }
    told.expect("there are versions")
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let error = refused(&LOCALHOST, "example.com", client_config());
    assert_eq!(
        error.to_string(),
        "the peer could not be authenticated: its certificate is for another name than example.com"
    );
    assert_eq!(error.kind().nng_code(), Some(27));
}

#[test]
fn an_expired_certificate_is_refused() {
    let expired = AUTHORITY.sign("localhost", 2001);
    assert_eq!(
        refused(&expired, "localhost", client_config()).to_string(),
        "the peer could not be authenticated: its certificate has expired"
    );
}

#[test]
fn an_unknown_authority_is_refused() {
    let other = Authority::new("other");
    assert_eq!(
        refused(&LOCALHOST, "localhost", trusting(&other)).to_string(),
        "the peer could not be authenticated: its certificate is signed by nobody we trust"
    );
}

#[test]
fn plain_http_is_told_by_both_sides() {
    const SENTENCE: &str = "the TLS session failed: the peer speaks plain HTTP here, and no TLS";
    let (near, far) = tcp_pair();
    let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    Peer::from(far).say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let error = settle(conn).expect_err("that was no TLS");
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::Tls, SENTENCE)
    );
    assert_eq!(error.kind().nng_code(), Some(26));
    assert!(
        error
            .source()
            .is_some_and(|source| source.is::<rustls::Error>())
    );

    let (near, far) = tcp_pair();
    let conn = Conn::tls_server(Aio::new(), near, server_config(&TLS13));
    Peer::from(far).say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let error = settle(conn).expect_err("that was no TLS");
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::Tls, SENTENCE)
    );
}

/// In TLS 1.3 the client has ended the handshake by then: its first read tells.
#[test]
fn a_client_without_a_certificate_is_told() {
    let mut roots = RootCertStore::empty();
    roots.add(AUTHORITY.certificate.clone()).expect("a root");
    let asks = WebPkiClientVerifier::builder(Arc::new(roots));
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(LOCALHOST.key.clone()));
    let config = ServerConfig::builder()
        .with_client_cert_verifier(asks.build().expect("roots"))
        .with_single_cert(vec![LOCALHOST.certificate.clone()], key)
        .expect("it belongs to the key");
    let (near, far) = tcp_pair();
    let server = Conn::tls_server(Aio::new(), far, Arc::new(config));
    let client = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    let client = settle(client).expect("as far as it knows");
    let error = settle(server).map(drop).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    let error = settle(client.read(Aio::new(), 1)).expect_err("it was refused");
    assert_eq!(
        error.to_string(),
        "the TLS session failed: the peer asks for a certificate of ours"
    );
}

#[test]
fn a_peer_that_goes_away_in_the_handshake_is_a_reset() {
    let (near, far) = tcp_pair();
    let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    let mut peer = Peer::from(far);
    peer.expect(5);
    peer.shutdown(Shutdown::Write);
    let error = settle(conn).expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Reset);
    assert_eq!(error.detail(), Some("in the middle of the TLS handshake"));
}

#[test]
fn a_closure_gets_the_connection() {
    let (near, far) = tcp_pair();
    let (server, _) = tell(Conn::tls_server(Aio::new(), far, server_config(&TLS13)));
    let client = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    settle(client).expect("a handshake");
    let told = receive(&server);
    told.result.expect("a handshake");
    assert!(told.thread.starts_with("hs:"), "{}", told.thread);
}

#[test]
fn the_system_has_roots() {
    match tls::default_config() {
        Ok(config) => assert_eq!(config.alpn_protocols, [b"http/1.1"]),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}"),
    }
}

// ----------------------------------------------------------------------------------------- the end

/// nng contract B5: there, up to a record is lost, behind a clean end.
#[test]
fn case_117_write_all_then_close_loses_nothing() {
    for version in VERSIONS {
        for closes in [true, false] {
            for size in [1, 16_384, 100_000, 3_499_264] {
                let (conn, mut peer) = conn_and_raw(version);
                let draining = thread::spawn(move || drain_raw(&mut peer));
                let written = settle(write_pattern(&conn, Aio::new(), 0, size));
                assert_eq!(written.expect("it is read").count(), size as u64);
                if closes {
                    conn.close();
                }
                drop(conn);
                let (received, ending) = join(draining);
                assert_eq!((received.len(), ending), (size, Ending::InOrder));
                assert_pattern(0, &received);
            }
        }
    }
}

/// What is submitted when the last handle goes is still written, and the end behind it.
#[test]
fn dropping_finishes_what_is_queued() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    for i in 0..3 {
        drop(write_pattern(&conn, Aio::new(), i * 1_000_000, 1_000_000));
    }
    drop(conn);
    let (received, ending) = drain_raw(&mut peer);
    assert_eq!((received.len(), ending), (3_000_000, Ending::InOrder));
    assert_pattern(0, &received);
}

/// A body that ends with the connection: only `close_notify` says that it is whole.
#[test]
fn truncation_is_an_error() {
    for (head, whole) in [
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", false),
    ] {
        for in_order in [true, false] {
            let (conn, mut peer) = conn_and_raw(&TLS13);
            let request = Request::get("https://localhost/").body("".into());
            let answer = conn.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
            peer.write_all(format!("{head}hello").as_bytes())
                .expect("room");
            if in_order {
                peer.conn.send_close_notify();
            }
            peer.flush().expect("room");
            peer.sock.shutdown(Shutdown::Write).expect("connected");
            let what = format!("{head:?}, {in_order}");
            let is_whole = whole || (in_order && !head.contains("Length"));
            match settle(answer) {
                Ok(response) => {
                    assert!(is_whole, "{what}");
                    assert_eq!(response.body(), "hello", "{what}");
                }
                Err(error) => {
                    assert!(!is_whole, "{what}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Reset, "{what}");
                    assert!(error.is_incomplete_message(), "{what}");
                    assert_eq!(error.is_end_of_stream(), in_order, "{what}");
                }
            }
        }
    }
}

/// Read bit by bit, too: the content is had, the end is not.
#[test]
fn a_raw_stream_that_is_cut_has_no_end() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.write_all(b"some").expect("room");
    peer.sock.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 4)).expect("it came"),
        "some"
    );
    for _ in 0..2 {
        let error = settle(conn.read(Aio::new(), 1)).expect_err("it is cut");
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(!error.is_end_of_stream());
        let detail = error.detail().unwrap_or_default();
        assert!(detail.contains("close_notify"), "{detail}");
    }
}

#[test]
fn each_direction_ends_by_itself() {
    for version in VERSIONS {
        // The peer's first: what we write still arrives.
        let (conn, mut peer) = conn_and_raw(version);
        peer.write_all(b"last words").expect("room");
        peer.conn.send_close_notify();
        peer.flush().expect("room");
        assert_eq!(
            settle(conn.read_all(Aio::new(), 10)).expect("they came"),
            "last words"
        );
        let error = settle(conn.read(Aio::new(), 1)).expect_err("the end");
        assert!(error.is_end_of_stream(), "{error}");
        settle(write_pattern(&conn, Aio::new(), 0, 50_000)).expect("there is room");
        drop(conn);
        let (received, ending) = drain_raw(&mut peer);
        assert_eq!((received.len(), ending), (50_000, Ending::InOrder));

        // Ours first: what the peer writes still arrives.
        let (conn, mut peer) = conn_and_raw(version);
        let head = Response::builder().header("connection", "close");
        let head = head.body(Bytes::new()).expect("a head");
        settle(conn.write_response(Aio::new(), head)).expect("there is room");
        settle(write_pattern(&conn, Aio::new(), 0, 50_000)).expect("there is room");
        settle(conn.finish(Aio::new())).expect("there is room");
        let (received, ending) = drain_raw(&mut peer);
        assert_pattern(0, &received[received.len() - 50_000..]);
        assert_eq!(ending, Ending::InOrder);
        peer.write_all(b"thanks").expect("room");
        peer.flush().expect("room");
        assert_eq!(
            settle(conn.read_all(Aio::new(), 6)).expect("it came"),
            "thanks"
        );
    }
}

/// A write that fails on its way must not look like the end of a whole body.
#[test]
fn what_is_cut_has_no_close_notify() {
    for ends in ["deadline", "cancel", "close"] {
        let (conn, mut peer) = conn_and_raw(&TLS13);
        let aio = match ends {
            "deadline" => Aio::new().timeout(Duration::from_millis(100)),
            _ => Aio::new(),
        };
        let stuck = jam(&conn, aio);
        match ends {
            "cancel" => stuck.cancel(),
            "close" => conn.close(),
            _ => {}
        }
        let (_, count) = failure(settle(stuck));
        drop(conn);
        let (received, ending) = drain_raw(&mut peer);
        assert_eq!(ending, Ending::Cut, "{ends}");
        assert_eq!(received.len() as u64, count, "{ends}");
        assert_pattern(0, &received);
    }
}

/// The answer to an interrupted upload can still be read.
#[test]
fn reading_goes_on_behind_a_cut() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let stuck = jam(&conn, Aio::new());
    stuck.cancel();
    assert_eq!(failure(settle(stuck)).0, ErrorKind::Canceled);
    peer.write_all(b"too large").expect("room");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 9)).expect("it came"),
        "too large"
    );
    let later = settle(conn.write_all(Aio::new().iov(["later"])));
    assert_eq!(failure(later), (ErrorKind::Closed, 0));
}

#[test]
fn garbage_ends_the_session() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.write_all(b"good").expect("room");
    peer.sock
        .write_all(&[
            23, 3, 3, 0, 20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ])
        .expect("room");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 4)).expect("it came"),
        "good"
    );
    for _ in 0..2 {
        let error = settle(conn.read(Aio::new(), 1)).expect_err("that was no record");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(
            error.to_string(),
            "the TLS session failed: what the peer sent is damaged"
        );
    }
    let error = settle(conn.write_all(Aio::new().iov(["x"]))).expect_err("it is broken");
    assert_eq!((error.kind(), error.count()), (ErrorKind::Tls, 0));
    drop(conn);
    let said = peer.read(&mut [0; 10]).expect_err("an alert");
    assert!(said.to_string().contains("BadRecordMac"), "{said}");
}

// -------------------------------------------------------------------------------------- key updates

/// The peer renews its keys, and asks us to renew ours, while both directions are in use.
#[test]
fn keys_are_updated_under_traffic() {
    const TOTAL: usize = 4 << 20;
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let echo = thread::spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        let mut left = TOTAL;
        while left > 0 {
            let count = peer.read(&mut buffer).expect("data");
            peer.conn.refresh_traffic_keys().expect("TLS 1.3");
            peer.write_all(&buffer[..count]).expect("it is read");
            left -= count;
        }
        peer
    });
    let up = send(&conn, TOTAL);
    expect_pattern(&conn, TOTAL);
    for written in up {
        settle(written).expect("it was read");
    }
    join(echo);
}

/// What reading brings about, answers to key updates, must not get between the pieces of a record
/// that a write is stuck in.
#[test]
fn reading_does_not_disturb_a_write_that_is_stuck() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let stuck = jam(&conn, Aio::new());
    for round in 0..20 {
        peer.conn.refresh_traffic_keys().expect("TLS 1.3");
        peer.write_all(&pattern(round * 1000, 1000)).expect("room");
    }
    expect_pattern(&conn, 20_000);
    assert!(!stuck.is_done());
    let draining = thread::spawn(move || {
        let mut received = vec![0; MORE_THAN_FITS];
        peer.read_exact(&mut received).expect("all of it");
        assert_pattern(0, &received);
        peer
    });
    settle(stuck).expect("it is read");
    let mut peer = join(draining);
    drop(conn);
    assert_eq!(drain_raw(&mut peer), (Vec::new(), Ending::InOrder));
}

/// Answers that nobody has taken along go out with the end.
#[test]
fn a_key_update_without_a_write_is_answered_at_the_end() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.conn.refresh_traffic_keys().expect("TLS 1.3");
    peer.write_all(b"x").expect("room");
    assert_eq!(settle(conn.read_all(Aio::new(), 1)).expect("it came"), "x");
    drop(conn);
    assert_eq!(drain_raw(&mut peer), (Vec::new(), Ending::InOrder));
}

// ------------------------------------------------------------------------------------------- memory

#[cfg(feature = "test-util")]
mod memory {
    use super::*;
    use http_aio::testing::memory::{self, Fault, Faults, MemoryStream};
    use http_aio::transport::{Transport, Wait};
    use http_aio::{Addr, Written};

    /// Plaintext of one record.
    const RECORD: u64 = 16 << 10;

    /// A stream in memory, as std has them.
    struct Blocking(MemoryStream);

    impl Read for Blocking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Transport::read(&self.0, buffer, Wait::Forever)
        }
    }

    impl Write for Blocking {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Transport::write(&self.0, &[io::IoSlice::new(buffer)], Wait::Forever)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn memory_and_raw(
        capacity: usize,
        faults: Faults,
        version: &'static SupportedProtocolVersion,
    ) -> (Conn, Raw<Blocking>) {
        let (near, far) = memory::pair(capacity, faults);
        let config = server_config(version);
        let peer = thread::spawn(move || raw(Blocking(far), config));
        let conn = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
        (settle(conn).expect("a handshake"), join(peer))
    }

    /// Drains, bounded.
    #[track_caller]
    fn drain_bounded(mut peer: Raw<Blocking>) -> (Vec<u8>, Ending) {
        join(thread::spawn(move || drain_raw(&mut peer)))
    }

    fn faults(call_bytes: usize, fail_write: Option<(usize, Fault)>) -> Faults {
        let mut faults = Faults::none();
        faults.call_bytes = call_bytes;
        faults.fail_write = fail_write;
        faults
    }

    #[test]
    fn one_byte_a_call() {
        for version in VERSIONS {
            let (near, far) = memory::pair(1 << 16, faults(1, None));
            let server = Conn::tls_server_over(Aio::new(), far, server_config(version));
            let client = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
            let client = settle(client).expect("a handshake");
            let server = settle(server).expect("a handshake");
            let up = send(&client, 40_000);
            let down = send(&server, 40_000);
            expect_pattern(&server, 40_000);
            expect_pattern(&client, 40_000);
            for written in up.into_iter().chain(down) {
                settle(written).expect("it was read");
            }
        }
    }

    /// There is no room for `close_notify` when the connection goes, and nobody waits for it.
    #[test]
    fn the_end_waits_for_room() {
        const CAPACITY: usize = 4096;
        for closes in [false, true] {
            let (conn, peer) = memory_and_raw(CAPACITY, Faults::none(), &TLS13);
            // The record fills the pipe to the brim.
            let len = CAPACITY - 22;
            settle(write_pattern(&conn, Aio::new(), 0, len)).expect("there is room");
            let begun = Instant::now();
            if closes {
                conn.close();
            }
            drop(conn);
            assert!(begun.elapsed() < PATIENCE / 10);
            thread::sleep(Duration::from_millis(20)); // A peer that takes its time.
            let (received, ending) = drain_bounded(peer);
            assert_eq!((received.len(), ending), (len, Ending::InOrder));
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Cause {
        Deadline,
        Cancel,
        Close,
    }

    const OPERATION: usize = 50_000;

    /// Whatever ends a write, and wherever: what the peer can decrypt is what was counted.
    #[test]
    fn counts_are_what_the_peer_can_decrypt() {
        let levels = [
            10, 21, 22, 23, 24, 100, 16_383, 16_405, 16_406, 16_407, 20_000, 32_812, 40_000,
        ];
        for cause in [Cause::Deadline, Cause::Cancel, Cause::Close] {
            for capacity in levels {
                for call_bytes in [7, 1000, usize::MAX] {
                    let version = VERSIONS[(capacity + call_bytes % 10) % 2];
                    fill_level(cause, capacity, call_bytes, version);
                }
            }
        }
    }

    #[track_caller]
    fn fill_level(
        cause: Cause,
        capacity: usize,
        call_bytes: usize,
        version: &'static SupportedProtocolVersion,
    ) {
        let what = format!("{cause:?} at {capacity} with calls of {call_bytes}, {version:?}");
        let (conn, peer) = memory_and_raw(capacity, faults(call_bytes, None), version);
        let aio = match cause {
            Cause::Deadline => Aio::new().timeout(Duration::from_millis(15)),
            Cause::Cancel | Cause::Close => Aio::new(),
        };
        let first = write_pattern(&conn, aio, 0, OPERATION);
        let second = write_pattern(&conn, Aio::new(), OPERATION as u64, 10);
        match cause {
            Cause::Deadline => {}
            Cause::Cancel | Cause::Close => {
                thread::sleep(Duration::from_millis(2)); // It is stuck by then, or not.
                match cause {
                    Cause::Cancel => first.cancel(),
                    _ => conn.close(),
                }
            }
        }
        let first = settle(first);
        conn.close(); // The second may have nothing before it, and be stuck itself.
        check(&what, &[first, settle(second)], drain_bounded(peer));
    }

    #[track_caller]
    fn check(
        what: &str,
        results: &[Result<Written, Error>],
        (received, ending): (Vec<u8>, Ending),
    ) {
        let sum: u64 = results.iter().map(count).sum();
        let received_bytes = received.len() as u64;
        assert!(sum <= received_bytes, "{what}: {sum}, {received_bytes}");
        assert!(
            received_bytes <= sum + RECORD,
            "{what}: {sum}, {received_bytes}"
        );
        // Promised is the above; as it is built, there is no difference at all.
        assert_eq!(sum, received_bytes, "{what}");
        assert_pattern(0, &received);
        if sum > 0 && results.iter().any(Result::is_err) {
            assert_eq!(ending, Ending::Cut, "{what}");
        }
    }

    #[test]
    fn counts_are_exact_when_a_call_fails() {
        for (error, kind) in [
            (io::ErrorKind::ConnectionReset, ErrorKind::Reset),
            (io::ErrorKind::Other, ErrorKind::Io),
        ] {
            for call_bytes in [9000, usize::MAX] {
                // The handshake has the first two or three calls.
                for n in 4..14 {
                    let what = format!("{error:?} at call {n} of {call_bytes}");
                    let faults = faults(call_bytes, Some((n, Fault::Error(error))));
                    let (conn, peer) = memory_and_raw(1 << 20, faults, &TLS13);
                    let results = [
                        settle(write_pattern(&conn, Aio::new(), 0, OPERATION)),
                        settle(write_pattern(&conn, Aio::new(), OPERATION as u64, 20_000)),
                    ];
                    let failed = results.iter().find_map(|result| result.as_ref().err());
                    let failed = failed.map(Error::kind);
                    match failed {
                        None => drop(conn),
                        failed => assert_eq!(failed, Some(kind), "{what}"),
                    }
                    check(&what, &results, drain_bounded(peer));
                }
            }
        }
    }

    #[test]
    fn calls_that_move_nothing_are_made_again() {
        for error in [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted] {
            for n in 4..20 {
                let faults = faults(9000, Some((n, Fault::Error(error))));
                let (conn, peer) = memory_and_raw(1 << 20, faults, &TLS13);
                settle(write_pattern(&conn, Aio::new(), 0, OPERATION)).expect("there is room");
                drop(conn);
                let (received, ending) = drain_bounded(peer);
                assert_eq!((received.len(), ending), (OPERATION, Ending::InOrder));
                assert_pattern(0, &received);
            }
        }
    }

    #[track_caller]
    fn assert_closed(conn: &Conn) {
        let later = settle(conn.write_all(Aio::new().iov(["later"])));
        assert_eq!(failure(later), (ErrorKind::Closed, 0));
    }

    /// A stream whose writes take their time before they begin.
    #[derive(Debug)]
    struct Slow(MemoryStream, Duration);

    impl Transport for Slow {
        fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
            self.0.read(buffer, wait)
        }

        fn write(&self, buffers: &[io::IoSlice<'_>], wait: Wait) -> io::Result<usize> {
            if wait != Wait::Never {
                thread::sleep(self.1);
            }
            Transport::write(&self.0, buffers, wait)
        }

        fn wake_reader(&self) {
            self.0.wake_reader();
        }

        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            self.0.shutdown(how)
        }

        fn peer_addr(&self) -> Addr {
            self.0.peer_addr()
        }

        fn local_addr(&self) -> Addr {
            self.0.local_addr()
        }
    }

    /// All records that were begun are out, but not all of the operation.
    #[test]
    fn what_is_cut_between_two_records_has_no_close_notify() {
        let (near, far) = memory::pair(20_000, Faults::none());
        let config = server_config(&TLS13);
        let peer = thread::spawn(move || drain_raw(&mut raw(Blocking(far), config)));
        let near = Slow(near, Duration::from_millis(100));
        let conn = Conn::tls_client_over(Aio::new(), near, localhost(), client_config());
        let conn = settle(conn).expect("a handshake");
        // The call that blocks brings out what was begun, and then the time is up.
        let aio = Aio::new().timeout(Duration::from_millis(80));
        let (kind, count) = failure(settle(write_pattern(&conn, aio, 0, MORE_THAN_FITS)));
        assert_eq!((kind, count % RECORD), (ErrorKind::TimedOut, 0));
        drop(conn);
        let (received, ending) = join(peer);
        assert_eq!((received.len() as u64, ending), (count, Ending::Cut));
        assert_pattern(0, &received);
    }

    /// What is queued is aborted, although nothing is in flight.
    #[test]
    fn closing_with_something_queued_has_no_close_notify() {
        let (conn, peer) = memory_and_raw(1 << 16, Faults::none(), &TLS13);
        let ((there, is_there), (go, waits)) = (gate(), gate());
        let first = conn.write_all(Aio::new().iov(["first"]));
        let _ = first.on_complete(move |_, _| {
            let _ = there.send(());
            receive(&waits);
        });
        receive(&is_there);
        let queued = conn.write_all(Aio::new().iov(["queued"]));
        conn.close();
        let _ = go.send(());
        assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
        assert_eq!(drain_bounded(peer), (b"first".to_vec(), Ending::Cut));
    }

    /// A part of its record is out: nothing can follow it.
    #[test]
    fn cancelling_in_the_middle_of_a_record_ends_the_write_side() {
        let (conn, peer) = memory_and_raw(50, Faults::none(), &TLS13);
        let stuck = write_pattern(&conn, Aio::new(), 0, 100);
        let behind = write_pattern(&conn, Aio::new(), 100, 100);
        wait_until("a part of the record fills the stream", || {
            peer.sock.0.peek().is_ok_and(|there| there == 50)
        });
        stuck.cancel();
        assert_eq!(failure(settle(stuck)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(behind)), (ErrorKind::Closed, 0));
        assert_closed(&conn);
        assert_eq!(drain_bounded(peer), (Vec::new(), Ending::Cut));
    }

    /// The same while it is back in the queue, because a closure is due before it goes on.
    #[test]
    fn cancelling_a_record_in_the_queue_ends_the_write_side() {
        for expires in [false, true] {
            let (conn, peer) = memory_and_raw(100, Faults::none(), &TLS13);
            let ((go, waits), (done, is_done)) = (gate(), gate());
            let (go_on, waits_on) = gate();
            // Holds the thread, so that the next two are taken together.
            let first = conn.write_all(Aio::new().iov(["0"]));
            let (there, is_there) = gate();
            let _ = first.on_complete(move |_, _| {
                let _ = there.send(());
                receive(&waits);
            });
            receive(&is_there);
            let second = conn.write_all(Aio::new().iov(["1"]));
            let _ = second.on_complete(move |_, _| {
                let _ = done.send(());
                receive(&waits_on);
            });
            let aio = match expires {
                true => Aio::new().timeout(Duration::from_millis(50)),
                false => Aio::new(),
            };
            let held = write_pattern(&conn, aio, 0, 100);
            let _ = go.send(());
            receive(&is_done);
            // "0" and "1" are 46 bytes of ciphertext; of the third, 54 are out.
            if !expires {
                held.cancel();
            }
            let kind = if expires {
                ErrorKind::TimedOut
            } else {
                ErrorKind::Canceled
            };
            assert_eq!(failure(settle(held)), (kind, 0));
            assert_closed(&conn);
            let _ = go_on.send(());
            assert_eq!(drain_bounded(peer), (b"01".to_vec(), Ending::Cut));
        }
    }

    /// What was not encrypted yet is gone without a trace.
    #[test]
    fn cancelling_in_the_queue_harms_nothing() {
        let (conn, peer) = memory_and_raw(50, Faults::none(), &TLS13);
        let stuck = write_pattern(&conn, Aio::new(), 0, 100);
        let queued = conn.write_all(Aio::new().iov(["never"]));
        let expired = Aio::new().timeout(Duration::from_millis(5)).iov(["never"]);
        let expired = conn.write_all(expired);
        let behind = write_pattern(&conn, Aio::new(), 100, 50);
        queued.cancel();
        assert_eq!(failure(settle(queued)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
        let draining = thread::spawn(move || drain_bounded(peer));
        settle(stuck).expect("it is read");
        settle(behind).expect("it is read");
        settle(write_pattern(&conn, Aio::new(), 150, 50)).expect("it is read");
        drop(conn);
        let (received, ending) = join(draining);
        assert_eq!((received.len(), ending), (200, Ending::InOrder));
        assert_pattern(0, &received);
    }

    /// A write that is content with some of its bytes is complete between two records only.
    #[test]
    fn a_partial_write_ends_with_a_record() {
        let (conn, mut peer) = memory_and_raw(20_000, Faults::none(), &TLS13);
        let written = settle(conn.write(Aio::new().iov([pattern(0, OPERATION)])));
        assert_eq!(written.expect("there is room").count(), RECORD);
        // 3594 bytes are free: less than the next record.
        let next = conn.write(Aio::new().iov([pattern(RECORD, OPERATION)]));
        thread::sleep(Duration::from_millis(5));
        assert!(!next.is_done());
        let mut received = vec![0; RECORD as usize];
        peer.read_exact(&mut received).expect("it came");
        assert_pattern(0, &received);
        assert_eq!(settle(next).expect("there is room").count(), RECORD);
        drop(conn);
        let (received, ending) = drain_bounded(peer);
        assert_eq!((received.len() as u64, ending), (RECORD, Ending::InOrder));
        assert_pattern(RECORD, &received);
    }

    /// Smaller records, if the configuration says so; counted as they are.
    #[test]
    fn the_configuration_decides_how_large_a_record_is() {
        let (near, far) = memory::pair(1000, Faults::none());
        let server = server_config(&TLS13);
        let peer = thread::spawn(move || raw(Blocking(far), server));
        let mut config = ClientConfig::clone(&client_config());
        config.max_fragment_size = Some(105);
        let conn = Conn::tls_client_over(Aio::new(), near, localhost(), Arc::new(config));
        let conn = settle(conn).expect("a handshake");
        let peer = join(peer);
        let stuck = write_pattern(&conn, Aio::new(), 0, OPERATION);
        // Eight records of 122 bytes, and a part of the next.
        wait_until("the stream is full", || {
            peer.sock.0.peek().is_ok_and(|there| there == 1000)
        });
        stuck.cancel();
        assert_eq!(failure(settle(stuck)), (ErrorKind::Canceled, 800));
        let (received, ending) = drain_bounded(peer);
        assert_eq!((received.len(), ending), (800, Ending::Cut));
    }
}
