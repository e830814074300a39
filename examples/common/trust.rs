//! Which servers are trusted, if not those that the system trusts.

use std::convert::Infallible;
use std::path::Path;

use crossbeam_channel::Receiver;
use http_aio::ClientBuilder;

/// Those for which a certificate in this file vouches. The bell ends the waiting for it.
#[cfg(feature = "tls")]
pub(crate) fn only(
    builder: ClientBuilder,
    path: &Path,
    bell: &Receiver<Infallible>,
) -> Result<ClientBuilder, String> {
    let path = path.to_owned();
    let config = crate::common::background::wait_for("cacert", bell, move || tls::trusting(&path))?;
    Ok(builder.tls(config))
}

#[cfg(not(feature = "tls"))]
pub(crate) fn only(
    _: ClientBuilder,
    _: &Path,
    _: &Receiver<Infallible>,
) -> Result<ClientBuilder, String> {
    Err(crate::common::sentence::NO_TLS.to_owned())
}

#[cfg(feature = "tls")]
mod tls {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use http_aio::rustls::crypto::ring;
    use http_aio::rustls::pki_types::CertificateDer;
    use http_aio::rustls::pki_types::pem::PemObject;
    use http_aio::rustls::{ClientConfig, RootCertStore};

    use crate::common::sentence::cannot_read;

    pub(super) fn trusting(path: &Path) -> Result<Arc<ClientConfig>, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = builder
            .with_root_certificates(roots(path)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(path: &Path) -> Result<RootCertStore, String> {
        let pem = fs::read(path).map_err(|error| cannot_read(path, &error))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates
            .map_err(|_| format!("cannot read {}: its PEM is damaged", path.display()))?;
        let mut roots = RootCertStore::empty();
        // A bundle may hold some that nobody can parse any more.
        match roots.add_parsable_certificates(certificates) {
            (0, _) => Err(format!(
                "there is no usable PEM certificate in {}",
                path.display()
            )),
            _ => Ok(roots),
        }
    }
}
