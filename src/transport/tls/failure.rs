//! What a failure of TLS is called here: a kind, a plain sentence, and the cause behind it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as Cause, InvalidMessage};

use crate::error::{Error, ErrorKind};

/// The error for something that rustls has found. `input` is what the peer sent first, as far as that is
/// known.
pub(super) fn failure(error: Cause, input: &[u8]) -> Error {
    describe(&error, input).with_source(error)
}

/// The error for the end of the stream below a session that was not ended: something may be missing.
pub(super) fn truncated() -> io::Error {
    Error::truncated().into()
}

/// The error for keys that so many records were written with that they must not be used any longer, and
/// that cannot be renewed.
pub(super) fn used_up() -> io::Error {
    let detail = "the keys of this session are used up";
    Error::new(ErrorKind::Tls).with_detail(detail).into()
}

fn describe(error: &Cause, input: &[u8]) -> Error {
    let tls = |detail| Error::new(ErrorKind::Tls).with_detail(detail);
    match error {
        Cause::InvalidCertificate(error) => of_certificate(error),
        Cause::NoCertificatesPresented => {
            Error::new(ErrorKind::Untrusted).with_detail("it has shown no certificate")
        }
        Cause::InvalidMessage(InvalidMessage::InvalidContentType) if is_http(input) => {
            tls("the peer speaks plain HTTP here, and no TLS")
        }
        Cause::InvalidMessage(InvalidMessage::InvalidContentType) => {
            tls("the peer speaks something else than TLS")
        }
        Cause::AlertReceived(alert) => of_alert(*alert),
        Cause::PeerIncompatible(_) => {
            tls("the peer has no version, cipher or the like in common with us")
        }
        Cause::NoApplicationProtocol => {
            tls("the peer has no application protocol in common with us")
        }
        Cause::DecryptError => tls("what the peer sent is damaged"),
        Cause::BadMaxFragmentSize => Error::new(ErrorKind::InvalidInput)
            .with_detail("max_fragment_size is too small or too large"),
        other => {
            let other = other.clone();
            Error::new(ErrorKind::Tls).with_words(move |f| write!(f, "{}: {other}", ErrorKind::Tls))
        }
    }
}

fn of_certificate(error: &CertificateError) -> Error {
    use CertificateError::*;
    let untrusted = Error::new(ErrorKind::Untrusted);
    let detail = match error {
        NotValidForName => "its certificate is for another name",
        NotValidForNameContext { expected, .. } => {
            let expected = expected.to_owned();
            return untrusted.with_words(move |f| {
                let expected = expected.to_str();
                write!(f, "its certificate is for another name than {expected}")
            });
        }
        Expired | ExpiredContext { .. } => "its certificate has expired",
        NotValidYet | NotValidYetContext { .. } => "its certificate is not valid yet",
        UnknownIssuer => "its certificate is signed by nobody we trust",
        Revoked => "its certificate has been revoked",
        other => {
            let other = other.clone();
            return untrusted
                .with_words(move |f| write!(f, "its certificate is not accepted: {other}"));
        }
    };
    untrusted.with_detail(detail)
}

fn of_alert(alert: AlertDescription) -> Error {
    let tls = Error::new(ErrorKind::Tls);
    let detail = match alert {
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => {
            "the peer says that it has no version, cipher or the like in common with us"
        }
        AlertDescription::NoApplicationProtocol => {
            "the peer says that it has no application protocol in common with us"
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            return tls.with_words(move |f| {
                write!(f, "the peer does not accept our certificate ({alert:?})")
            });
        }
        AlertDescription::CertificateRequired => "the peer asks for a certificate of ours",
        AlertDescription::UnrecognisedName => "the peer does not know the name we asked for",
        other => {
            return tls
                .with_words(move |f| write!(f, "the peer ended it with the alert {other:?}"));
        }
    };
    tls.with_detail(detail)
}

/// Whether this is the beginning of a status line or of a request line.
fn is_http(input: &[u8]) -> bool {
    let word = input.split(|byte| matches!(byte, b' ' | b'/')).next();
    let word = word.unwrap_or_default();
    word.len() < input.len() && word.len() >= 3 && word.iter().all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_known_by_its_first_word() {
        for http in [
            "HTTP/1.1 400 Bad Request\r\n",
            "GET / HTTP/1.1\r\n",
            "OPTIONS *",
        ] {
            assert!(is_http(http.as_bytes()), "{http}");
        }
        for other in ["", "GET", "SSH-2.0-x\r\n", "220 smtp", "\x16\x03\x01", " /"] {
            assert!(!is_http(other.as_bytes()), "{other}");
        }
    }
}
