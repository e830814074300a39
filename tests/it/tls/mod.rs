//! Proves that a connection over TLS keeps what one over a socket promises: both directions at once,
//! exact counts in plaintext bytes, deadlines and cancels that hold, and no end that is none.
//!
//! The other side is rustls itself, so that what a peer can decrypt is seen and not assumed.

mod both_ways;
mod ends;
mod handshake;
mod key_updates;
#[cfg(feature = "test-util")]
mod memory;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use http_aio::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use http_aio::rustls::version::{TLS12, TLS13};
use http_aio::rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};
use http_aio::{Aio, Conn, InFlight};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use socket2::SockRef;

use crate::support::*;

/// "At once", on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(crate) static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

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

/// With another certificate, which is as good.
pub(crate) fn another_server_config() -> Arc<ServerConfig> {
    Arc::new(AUTHORITY.sign("localhost", 4001).config(&[&TLS13]))
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
pub(crate) fn secured(version: &'static SupportedProtocolVersion) -> (Conn, Conn) {
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
