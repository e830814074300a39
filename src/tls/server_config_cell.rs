//! The configuration of a server that runs.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;

/// A configuration for servers that can be replaced while they run: a new certificate, without a restart.
///
/// Cheap to clone; clones are the same cell. Handshakes that begin after [`replace`](Self::replace) use the new
/// configuration; connections that are there keep what they have agreed on.
///
/// # Examples
///
/// ```no_run
/// use http_aio::rustls::ServerConfig;
/// use http_aio::rustls::pki_types::pem::PemObject;
/// use http_aio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
/// use http_aio::tls::ServerConfigCell;
/// use http_aio::{Endpoint, Server};
/// use std::sync::Arc;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn load() -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
///     let chain = CertificateDer::pem_file_iter("chain.pem")?.collect::<Result<_, _>>()?;
///     let key = PrivateKeyDer::from_pem_file("key.pem")?;
///     let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
///     config.alpn_protocols = vec![b"http/1.1".to_vec()];
///     Ok(Arc::new(config))
/// }
///
/// let config = ServerConfigCell::new(load()?);
/// let server = Server::new();
/// server.listen(Endpoint::bind("0.0.0.0:443")?.tls(config.clone()))?;
/// // Later, when the files have changed:
/// config.replace(load()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerConfigCell(Arc<RwLock<Arc<ServerConfig>>>);

impl ServerConfigCell {
    /// A cell with this configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Has later handshakes use `config`.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        let last = std::mem::replace(&mut *self.0.write(), config);
        drop(last); // It may hold code of the user's, and no lock is held here.
    }

    /// What the next handshake uses.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read())
    }
}

impl From<Arc<ServerConfig>> for ServerConfigCell {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::new(config)
    }
}

impl From<ServerConfig> for ServerConfigCell {
    fn from(config: ServerConfig) -> Self {
        Self::new(Arc::new(config))
    }
}

impl fmt::Debug for ServerConfigCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerConfigCell")
    }
}
