//! Certificates: from files, or made for the occasion.

use std::path::Path;
use std::sync::Arc;

use http_aio::rustls::ServerConfig;
use http_aio::rustls::pki_types::pem::{self, PemObject};
use http_aio::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::common::exit::Exit;
use crate::common::failure::Failure;

/// A configuration with the certificate chain and the key in these files.
pub(crate) fn read(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let unreadable = |path: &Path, why: String| {
        Failure::new(Exit::Read, format!("cannot use {}: {why}", path.display()))
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(chain, "it has no certificate".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => unreadable(key, "it has no key that can be read".into()),
        error => unreadable(key, error.to_string()),
    })?;
    configure(certificates, private).map_err(|error| unreadable(chain, error.to_string()))
}

/// A configuration with a certificate for this machine that was never seen before.
pub(crate) fn make() -> Result<Arc<ServerConfig>, Failure> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let cannot = |why: String| {
        let text = format!("cannot make a certificate: {why}");
        Failure::new(Exit::Other, text)
    };
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.map_err(|error| cannot(error.to_string()))?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let key = key.map_err(|error| cannot(error.to_owned()))?;
    configure(vec![made.cert.der().clone()], key).map_err(|error| cannot(error.to_string()))
}

fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
