//! What a handshake has come to.

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion};

/// What both ends of a connection over TLS have agreed on, and know of each other; from
/// [`Conn::tls`](crate::Conn::tls).
#[derive(Clone, Debug)]
pub struct Negotiated {
    version: Option<ProtocolVersion>,
    cipher_suite: Option<CipherSuite>,
    alpn: Option<Vec<u8>>,
    server_name: Option<String>,
    certificates: Vec<CertificateDer<'static>>,
    kind: Option<HandshakeKind>,
}

impl Negotiated {
    pub(crate) fn of(connection: &Connection) -> Self {
        let server_name = match connection {
            Connection::Server(server) => server.server_name().map(Into::into),
            Connection::Client(_) => None,
        };
        let certificates = connection.peer_certificates().unwrap_or_default();
        let suite = connection.negotiated_cipher_suite();
        Self {
            version: connection.protocol_version(),
            cipher_suite: suite.map(|suite| suite.suite()),
            alpn: connection.alpn_protocol().map(Into::into),
            server_name,
            certificates: certificates.to_vec(),
            kind: connection.handshake_kind(),
        }
    }

    /// The version of TLS.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }

    /// How it is encrypted.
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.cipher_suite
    }

    /// The protocol that was chosen (ALPN, RFC 7301), if both sides have named some: `http/1.1`, for example.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// On a server: the name that the client wants to reach (SNI, RFC 6066 section 3), in lower case, if it has
    /// said one.
    #[doc(alias = "sni")]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// What the peer has proven itself with, its own certificate first. On a server there are none unless the
    /// configuration asks clients for some.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Whether the connection has taken up an earlier session of the two.
    pub fn is_resumed(&self) -> bool {
        self.kind == Some(HandshakeKind::Resumed)
    }
}
