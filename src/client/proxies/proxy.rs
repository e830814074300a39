//! One proxy: its URI, and the credentials in that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::place::{host_and_port, is_name};
use crate::error::{Error, ErrorKind};

/// An HTTP proxy that is spoken to in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// An IPv6 address has no brackets here.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What `Proxy-Authorization` is to say, marked as sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    pub(super) fn parse(uri: &str) -> Result<Self, Error> {
        let (scheme, rest) = uri.split_once("://").unwrap_or(("http", uri));
        check_scheme(&scheme.to_ascii_lowercase())?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // Also what is left of a password with one of these in it, of which the rest is not a host.
        if authority.contains(['/', '?', '#']) {
            return Err(invalid("the URI of a proxy ends with the port"));
        }
        let (userinfo, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) =
            host_and_port(place).ok_or_else(|| invalid("the port of the proxy is not a number"))?;
        if !place.starts_with('[') && !is_name(host) {
            return Err(invalid("the host of the proxy is not a name"));
        }
        let authorization = match userinfo {
            "" => None,
            userinfo => Some(basic(userinfo)?),
        };
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(80),
            authorization,
        })
    }
}

fn check_scheme(scheme: &str) -> Result<(), Error> {
    let missing = |detail| Err(Error::new(ErrorKind::NotSupported).with_detail(detail));
    match scheme {
        "http" => Ok(()),
        "https" => missing("proxies that speak TLS are not supported"),
        socks if socks.starts_with("socks") => {
            missing("proxies that speak SOCKS are not supported")
        }
        _ => Err(invalid("the scheme of the proxy is not http")),
    }
}

/// RFC 7617. A colon in the user, or a control character anywhere, would be read as something else.
fn basic(userinfo: &str) -> Result<HeaderValue, Error> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let wrong = || invalid("the credentials of the proxy cannot be sent");
    let mut credentials = decode(user).ok_or_else(wrong)?;
    if credentials.contains(&b':') {
        return Err(wrong());
    }
    credentials.push(b':');
    credentials.extend(decode(password).ok_or_else(wrong)?);
    if credentials.iter().any(u8::is_ascii_control) {
        return Err(wrong());
    }
    let value = format!("Basic {}", STANDARD.encode(credentials));
    let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Undoes percent-encoding. `None` if a percent sign begins none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// The details never quote the URI: it may hold a password.
pub(super) fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}
