//! Handshakes: deadlines, cancels, and certificates that are refused.

use std::error::Error as _;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use http_aio::rustls::server::WebPkiClientVerifier;
use http_aio::rustls::version::TLS13;
use http_aio::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use http_aio::{Aio, Conn, Error, ErrorKind, tls};

use super::{
    AT_ONCE, AUTHORITY, Authority, Identity, LOCALHOST, VERSIONS, client_config, localhost,
    server_config, trusting,
};
use crate::support::*;

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
fn a_stalled_handshake_is_canceled_at_once() {
    for is_server in [false, true] {
        in_time(|| {
            let (near, far) = tcp_pair();
            let conn = if is_server {
                Conn::tls_server(Aio::new(), near, server_config(&TLS13))
            } else {
                Conn::tls_client(Aio::new(), near, localhost(), client_config())
            };
            let (told, canceler) = tell(conn);
            thread::sleep(Duration::from_millis(10)); // It waits for the peer by then, or not.
            let begun = Instant::now();
            canceler.cancel();
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
        error.detail().as_deref(),
        Some("its certificate is for another name than example.com")
    );
    assert_eq!(error.kind().nng_code(), Some(27));
}

#[test]
fn an_expired_certificate_is_refused() {
    let expired = AUTHORITY.sign("localhost", 2001);
    let error = refused(&expired, "localhost", client_config());
    assert_eq!(
        error.detail().as_deref(),
        Some("its certificate has expired")
    );
}

#[test]
fn an_unknown_authority_is_refused() {
    let other = Authority::new("other");
    let error = refused(&LOCALHOST, "localhost", trusting(&other));
    assert_eq!(
        error.detail().as_deref(),
        Some("its certificate is signed by nobody we trust")
    );
}

#[test]
fn plain_http_is_told_by_both_sides() {
    const DETAIL: Option<&str> = Some("the peer speaks plain HTTP here, and no TLS");
    let (near, far) = tcp_pair();
    let conn = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    Peer::from(far).say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let error = settle(conn).expect_err("that was no TLS");
    assert_eq!(
        (error.kind(), error.detail().as_deref()),
        (ErrorKind::Tls, DETAIL)
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
        (error.kind(), error.detail().as_deref()),
        (ErrorKind::Tls, DETAIL)
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
        (error.kind(), error.detail().as_deref()),
        (
            ErrorKind::Tls,
            Some("the peer asks for a certificate of ours")
        )
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
    assert!(error.is_end_of_stream(), "{error:?}");
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
