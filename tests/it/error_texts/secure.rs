//! TLS.

use std::net::Shutdown;
use std::sync::Arc;

use http_aio::rustls::pki_types::ServerName;
use http_aio::rustls::{ClientConfig, RootCertStore};
use http_aio::{Aio, Client, Conn, ErrorKind};

use super::{error, said};
use crate::site::*;
use crate::support::*;
use crate::tls::{client_config, server_config};

/// A client that trusts nobody.
fn distrustful() -> Arc<ClientConfig> {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    Arc::new(config.with_no_client_auth())
}

#[test]
fn handshakes_name_the_server() {
    let (near, far) = tcp_pair();
    let port = near.peer_addr().unwrap().port();
    let version = crate::tls::VERSIONS[1];
    let server = Conn::tls_server(Aio::new(), far, server_config(version));
    let name = ServerName::try_from("localhost").unwrap();
    let untrusted = error(Conn::tls_client(
        Aio::new(),
        near,
        name.clone(),
        distrustful(),
    ));
    assert_eq!(untrusted.kind(), ErrorKind::Untrusted);
    assert_eq!(
        untrusted.to_string(),
        format!(
            "making the TLS handshake with localhost:{port}: \
             its certificate is signed by nobody we trust"
        )
    );
    let told = said(server);
    assert!(
        told.starts_with("making the TLS handshake with 127.0.0.1:"),
        "{told}"
    );

    let (near, far) = tcp_pair();
    let port = near.peer_addr().unwrap().port();
    let conn = Conn::tls_client(Aio::new(), near, name, client_config());
    let mut peer = Peer::from(far);
    peer.expect(5);
    peer.shutdown(Shutdown::Write);
    assert_eq!(
        said(conn),
        format!("making the TLS handshake with localhost:{port}: the peer ended its stream")
    );
}

#[test]
fn a_client_speaks_of_the_server() {
    let site = Site::listen(|visit| {
        let _ = visit.say("HTTP/1.1 400 Bad Request\r\n\r\n");
        visit.idle();
    });
    let client = Client::builder().tls(client_config()).build();
    let port = site.address.port();
    assert_eq!(
        said(client.get(Aio::new(), format!("https://localhost:{port}/"))),
        format!(
            "making the TLS handshake with localhost:{port}: \
             the peer speaks plain HTTP here, and no TLS"
        )
    );
}
