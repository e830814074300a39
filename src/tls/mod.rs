//! TLS: configurations, for those who have none of their own.
//!
//! A connection over TLS is a [`Conn`](crate::Conn) like any other; it comes from
//! [`connect_tls`](crate::Conn::connect_tls), [`tls_client`](crate::Conn::tls_client) or
//! [`tls_server`](crate::Conn::tls_server). They take a configuration of `rustls`, which this crate
//! re-exports, with all that it can do: client certificates, roots of your own, resumption.
//!
//! # What is different over TLS
//!
//! * **Counts** are plaintext bytes. A write that fails counts the plaintext of the records, of up to
//!   16 KiB each, that were handed whole to the kernel; of one that was handed over in part the peer
//!   can decrypt nothing. So what the peer can decrypt is exactly what was counted.
//! * An operation is in flight as soon as its first record is encrypted, because a record cannot be
//!   taken back. One that is canceled in the queue, before that, leaves the connection untouched.
//! * **The end**: dropping the last handle, [`shutdown`](crate::Conn::shutdown), finishing a body
//!   that ends with the connection, and [`close`](crate::Conn::close) if it aborts no write, send
//!   `close_notify`. If there is no room for it because the peer does not read, it waits for some in
//!   the background, for up to 30 seconds. A write that fails in flight ends the stream without it, so
//!   that the peer knows that it was cut.
//! * The end of the peer's stream without `close_notify` is no end: reads that need more fail with
//!   [`Reset`](crate::ErrorKind::Reset), and [`is_end_of_stream`](crate::Error::is_end_of_stream) is
//!   false. A body that ends with the connection is then incomplete; one whose length is known, and
//!   that is all there, is not harmed.
//! * [`into_parts`](crate::Conn::into_parts) has no stream to give: it always fails.
//! * Early data (0-RTT) is never accepted: anybody can replay it.
//!
//! # Roots of your own
//!
//! ```no_run
//! use http_aio::Client;
//! use http_aio::rustls::pki_types::{CertificateDer, pem::PemObject};
//! use http_aio::rustls::{ClientConfig, RootCertStore};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut roots = RootCertStore::empty();
//! for certificate in CertificateDer::pem_file_iter("ca.pem")? {
//!     roots.add(certificate?)?;
//! }
//! let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
//! let client = Client::builder().tls(Arc::new(config)).build();
//! # Ok(())
//! # }
//! ```
//!
//! A server's side is `ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)`; [`ServerConfigCell`]
//! shows where chain and key come from, and how both are replaced while a server runs.

mod negotiated;
mod server_config_cell;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

pub use self::negotiated::Negotiated;
pub use self::server_config_cell::ServerConfigCell;
use crate::error::{Error, ErrorKind};

/// A configuration for clients: TLS 1.2 and 1.3, the roots that the system trusts, HTTP/1.1.
///
/// Reads the roots from the files of the system (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others):
/// make one, and use it for all connections.
///
/// # Errors
///
/// [`Untrusted`](ErrorKind::Untrusted) if there are none: on Debian, they are in the package
/// `ca-certificates`.
///
/// # Examples
///
/// ```no_run
/// use http_aio::rustls::pki_types::ServerName;
/// use http_aio::{Aio, Conn, tls};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = tls::default_config()?;
/// let name = ServerName::try_from("example.com")?;
/// let aio = Aio::new().timeout(Duration::from_secs(5));
/// let conn = Conn::connect_tls(aio, ("example.com", 443), name, config).wait()?;
/// # Ok(())
/// # }
/// ```
pub fn default_config() -> Result<Arc<ClientConfig>, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some files of some systems hold what nobody can parse; the others are good.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let error = Error::new(ErrorKind::Untrusted)
            .with_detail("no root certificates were found on this system");
        return Err(match found.errors.into_iter().next() {
            Some(why) => error.with_source(why),
            None => error,
        });
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Tls).with_cause(error))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
