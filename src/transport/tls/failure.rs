//! What a failure of TLS is called here: a kind, a plain sentence, and the cause behind it.

use std::borrow::Cow;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as Cause, InvalidMessage};

use crate::error::{Error, ErrorKind};

/// The error for something that rustls has found. `input` is what the peer sent first, as far as that is
/// known.
pub(super) fn failure(error: Cause, input: &[u8]) -> Error {
    let (kind, detail) = describe(&error, input);
    Error::new(kind).with_detail(detail).with_source(error)
}

/// The error for the end of the stream below a session that was not ended: something may be missing.
pub(super) fn truncated() -> io::Error {
    let detail = "the stream ended without a TLS close_notify, so it may have been cut";
    Error::new(ErrorKind::Reset).with_detail(detail).into()
}

/// The error for keys that so many records were written with that they must not be used any longer, and
/// that cannot be renewed.
pub(super) fn used_up() -> io::Error {
    let detail = "the keys of this session are used up";
    Error::new(ErrorKind::Tls).with_detail(detail).into()
}

fn describe(error: &Cause, input: &[u8]) -> (ErrorKind, Cow<'static, str>) {
    let detail: Cow<'static, str> = match error {
        Cause::InvalidCertificate(error) => return (ErrorKind::Untrusted, of_certificate(error)),
        Cause::NoCertificatesPresented => {
            return (ErrorKind::Untrusted, "it has shown no certificate".into());
        }
        Cause::InvalidMessage(InvalidMessage::InvalidContentType) if is_http(input) => {
            "the peer speaks plain HTTP here, and no TLS".into()
        }
        Cause::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer speaks something else than TLS".into()
        }
        Cause::AlertReceived(alert) => of_alert(*alert),
        Cause::PeerIncompatible(_) => {
            "the peer has no version, cipher or the like in common with us".into()
        }
        Cause::NoApplicationProtocol => {
            "the peer has no application protocol in common with us".into()
        }
        Cause::DecryptError => "what the peer sent is damaged".into(),
        Cause::BadMaxFragmentSize => {
            let detail = "max_fragment_size is too small or too large";
            return (ErrorKind::InvalidInput, detail.into());
        }
        other => other.to_string().into(),
    };
    (ErrorKind::Tls, detail)
}

fn of_certificate(error: &CertificateError) -> Cow<'static, str> {
    use CertificateError::*;
    match error {
        NotValidForName => "its certificate is for another name".into(),
        NotValidForNameContext { expected, .. } => {
            let expected = expected.to_str();
            format!("its certificate is for another name than {expected}").into()
        }
        Expired | ExpiredContext { .. } => "its certificate has expired".into(),
        NotValidYet | NotValidYetContext { .. } => "its certificate is not valid yet".into(),
        UnknownIssuer => "its certificate is signed by nobody we trust".into(),
        Revoked => "its certificate has been revoked".into(),
        other => format!("its certificate is not accepted: {other}").into(),
    }
}

fn of_alert(alert: AlertDescription) -> Cow<'static, str> {
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => {
            "the peer says that it has no version, cipher or the like in common with us".into()
        }
        AlertDescription::NoApplicationProtocol => {
            "the peer says that it has no application protocol in common with us".into()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            format!("the peer does not accept our certificate ({alert:?})").into()
        }
        AlertDescription::CertificateRequired => "the peer asks for a certificate of ours".into(),
        AlertDescription::UnrecognisedName => "the peer does not know the name we asked for".into(),
        other => format!("the peer ended it with the alert {other:?}").into(),
    }
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
