//! Which servers are trusted, if not those that the system trusts.

use std::path::Path;

use http_aio::ClientBuilder;

use super::failure::Failure;
use super::task::Task;

/// Those for which a certificate in this file vouches.
#[cfg(feature = "tls")]
pub(crate) fn only(
    builder: ClientBuilder,
    path: &Path,
    task: &Task,
) -> Result<ClientBuilder, Failure> {
    let path = path.to_owned();
    let config = super::background::wait_for("cacert", task, move || tls::trusting(&path))?;
    Ok(builder.tls(config))
}

/// All of them.
#[cfg(feature = "tls")]
pub(crate) fn everybody(builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
    Ok(builder.tls(tls::unchecked()?))
}

#[cfg(not(feature = "tls"))]
pub(crate) fn only(_: ClientBuilder, _: &Path, _: &Task) -> Result<ClientBuilder, Failure> {
    Err(Failure::no_tls())
}

#[cfg(not(feature = "tls"))]
pub(crate) fn everybody(_: ClientBuilder) -> Result<ClientBuilder, Failure> {
    Err(Failure::no_tls())
}

#[cfg(feature = "tls")]
mod tls {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use http_aio::rustls::client::danger::{
        HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
    };
    use http_aio::rustls::crypto::{
        CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
    };
    use http_aio::rustls::pki_types::pem::PemObject;
    use http_aio::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use http_aio::rustls::{
        ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        WantsVerifier,
    };

    use super::super::exit::Exit;
    use super::super::failure::Failure;

    pub(super) fn trusting(path: &Path) -> Result<Arc<ClientConfig>, Failure> {
        let roots = roots(path)?;
        let config = builder()?.with_root_certificates(roots);
        Ok(http(config.with_no_client_auth()))
    }

    pub(super) fn unchecked() -> Result<Arc<ClientConfig>, Failure> {
        let anybody = Arc::new(Anybody(ring::default_provider()));
        let config = builder()?
            .dangerous()
            .with_custom_certificate_verifier(anybody);
        Ok(http(config.with_no_client_auth()))
    }

    fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(Exit::Tls, error.to_string()))
    }

    fn http(mut config: ClientConfig) -> Arc<ClientConfig> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    fn roots(path: &Path) -> Result<RootCertStore, Failure> {
        let unusable = |why: String| Failure::new(Exit::Read, why);
        let pem = fs::read(path).map_err(|error| Failure::cannot_read(path, &error))?;
        let name = path.display();
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates
            .map_err(|_| unusable(format!("cannot read {name}: its PEM is damaged")))?;
        let mut roots = RootCertStore::empty();
        // A bundle may hold some that nobody can parse any more.
        match roots.add_parsable_certificates(certificates) {
            (0, _) => Err(unusable(format!(
                "there is no usable PEM certificate in {name}"
            ))),
            _ => Ok(roots),
        }
    }

    /// Takes every certificate; whoever shows it must have its key.
    #[derive(Debug)]
    struct Anybody(CryptoProvider);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
