//! How a request has come: over what, from whom.

use super::exchange::Exchange;

impl Exchange {
    /// What the TLS handshake has come to, if the request came over TLS: its version, the name that the client has
    /// asked for, the protocol that was chosen.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<crate::tls::Negotiated> {
        self.conn.tls()
    }
}
