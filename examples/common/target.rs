//! The URL: what of it is understood, and what is said about the rest.

use std::net::Ipv6Addr;
use std::path::Path;

use http_aio::http::Uri;
use http_aio::http::uri::Scheme;

use super::failure::Failure;

const FORM: &str = "give [http[s]://]HOST[:PORT][/PATH]";

/// The other end of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
}

impl Target {
    /// The value of URL. Without a scheme it is one of `http:`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("percent-encode spaces, controls and what is not ASCII".to_owned());
        }
        let uri: Result<Uri, _> = match scheme(url) {
            Some(_) => url.parse(),
            None => format!("http://{url}").parse(),
        };
        let uri = uri.map_err(|_| FORM.to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(FORM.to_owned());
        };
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return Err(format!("{scheme}: is neither http: nor https:"));
        }
        if authority.as_str().contains('@') {
            return Err("give user and password with -u USER:PASSWORD".to_owned());
        }
        check_place(authority.as_str(), authority.host())?;
        Ok(Self { uri })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// # Errors
    ///
    /// It needs TLS, and this build has none.
    pub(crate) fn check_scheme(&self) -> Result<(), Failure> {
        if self.is_https() && !cfg!(feature = "tls") {
            return Err(Failure::no_tls());
        }
        Ok(())
    }

    /// The last part of its path, as a file may be called.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let name = self.uri.path().rsplit('/').next()?;
        (!matches!(name, "" | "." | "..")).then_some(name)
    }

    /// With the name of this file at the end, where its path ends in a slash.
    pub(crate) fn for_file(&self, file: &Path) -> Self {
        let name = file.file_name().filter(|_| self.uri.path().ends_with('/'));
        let Some(name) = name else {
            return self.clone();
        };
        let name = encode(name.as_encoded_bytes());
        let query = self
            .uri
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        let target = format!("{}{name}{query}", self.uri.path());
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = target.parse().ok();
        // What was parsed, and percent-encoded, can be put together.
        Uri::from_parts(parts).map_or_else(|_| self.clone(), |uri| Self { uri })
    }
}

/// What is before `://`, or before the colon where nothing else can be meant.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    let is_one = scheme
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (is_one && (rest.starts_with("//") || is_http)).then_some(scheme)
}

/// Host and port.
fn check_place(place: &str, host: &str) -> Result<(), String> {
    let port = place[host.len()..].strip_prefix(':');
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        let number: Result<u16, _> = port.parse();
        number.map_err(|_| format!("{port} is not a port number"))?;
    }
    match host.strip_prefix('[') {
        None if host.is_empty() => Err(format!("it has no host: {FORM}")),
        None => Ok(()),
        Some(literal) => {
            let literal = literal.trim_end_matches(']');
            let address: Result<Ipv6Addr, _> = literal.parse();
            let address = address.map(drop);
            address.map_err(|_| format!("{literal} is not an IPv6 address"))
        }
    }
}

/// RFC 3986 section 2.3: all but the unreserved.
fn encode(name: &[u8]) -> String {
    let encoded = name.iter().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}
