//! Which proxy a request goes through. Scheme, host and port of its URI decide, nothing else:
//! requests to one origin take one way.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http::{HeaderValue, Uri};

use crate::error::{Error, ErrorKind};

/// The proxies of a client, and the hosts that are reached without them. None by default.
///
/// # Examples
///
/// ```
/// use http_aio::Proxies;
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let proxies = Proxies::all("http://user:secret@proxy.example:3128")?.except("localhost, .internal, 10.0.0.0/8");
/// assert!(!format!("{proxies:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// An HTTP proxy that is spoken to in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// An IPv6 address has no brackets here.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What `Proxy-Authorization` is to say, marked as sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

/// One entry of a list of exceptions.
#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// In lower case, and all names below it.
    Domain(String),
    /// One address, or all that share so many bits with it.
    Network(IpAddr, u32),
}

impl Proxies {
    /// No proxy: every connection is direct.
    ///
    /// ```
    /// let direct = http_aio::Proxies::none();
    /// # let _ = direct;
    /// ```
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for all requests: `http://[user:password@]host[:port]`. The scheme may be left out,
    /// and so may the port, which then is 80, as everywhere in HTTP (curl alone takes 1080).
    ///
    /// In user and password, whatever is not a letter or a digit is best percent-encoded; `/`, `?`,
    /// `#` and `%` have to be.
    ///
    /// # Errors
    ///
    /// `NotSupported` for proxies that speak TLS or SOCKS, `InvalidInput` for what is no proxy. Each
    /// with a detail, which does not repeat the credentials.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::ErrorKind;
    /// use http_aio::Proxies;
    ///
    /// assert!(Proxies::all("http://proxy.example:3128").is_ok());
    /// let error = Proxies::all("socks5://proxy.example").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotSupported);
    /// ```
    pub fn all(uri: &str) -> Result<Self, Error> {
        let proxy = Proxy::parse(uri)?;
        Ok(Self {
            http: Some(proxy.clone()),
            https: Some(proxy),
            exceptions: Vec::new(),
        })
    }

    /// Hosts to reach directly, besides those named before: a list as in the variable `no_proxy`,
    /// separated by commas or blanks.
    ///
    /// | entry | excepts |
    /// |---|---|
    /// | `*` | everything |
    /// | `example.com`, `.example.com`, `*.example.com` | the host, and all below it |
    /// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | the address, where a URI has it as its host |
    /// | `192.0.2.0/24`, `2001:db8::/32` | the addresses of the network, likewise |
    /// | any but the IPv6 forms without brackets, then `:8080` | the same, at this port alone |
    ///
    /// Names are not resolved for it. An entry that is none of these excepts nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::Proxies;
    ///
    /// # fn main() -> Result<(), http_aio::Error> {
    /// let proxies = Proxies::all("proxy.example:3128")?.except("localhost,127.0.0.0/8,[::1]");
    /// # let _ = proxies;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        self.exceptions.extend(entries.filter_map(Exception::parse));
        self
    }

    /// What the environment says, in the variables that curl and most others read:
    ///
    /// * `http_proxy`, for http. Never `HTTP_PROXY`: in a CGI program that is a header of the request
    ///   (CVE-2016-5385).
    /// * `https_proxy`, or else `HTTPS_PROXY`, for https.
    /// * `all_proxy`, or else `ALL_PROXY`, for what has none of its own.
    /// * `no_proxy`, or else `NO_PROXY`, as in [`except`](Self::except).
    ///
    /// An empty variable is as good as none. The environment is read once, here.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); the detail names the variable. Without the error, requests would pass
    /// by a proxy that somebody wanted them to use.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::Proxies;
    ///
    /// let proxies = Proxies::from_env().unwrap_or_else(|error| {
    ///     eprintln!("no proxy: {error}");
    ///     Proxies::none()
    /// });
    /// # let _ = proxies;
    /// ```
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let proxy = |names: &[&'static str]| match first(&get, names)? {
            Some((name, uri)) => Proxy::parse(&uri).map(Some).map_err(|e| blame(name, &e)),
            None => Ok(None),
        };
        let proxies = Self {
            http: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            exceptions: Vec::new(),
        };
        Ok(match first(&get, &["no_proxy", "NO_PROXY"])? {
            Some((_, list)) => proxies.except(&list),
            None => proxies,
        })
    }

    /// The proxy for an absolute URI. `None`: connect directly.
    pub(crate) fn of(&self, uri: &Uri) -> Option<&Proxy> {
        let (proxy, default_port) = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTP => (&self.http, 80),
            scheme if *scheme == Scheme::HTTPS => (&self.https, 443),
            _ => return None,
        };
        let proxy = proxy.as_ref()?;
        let host = normal(uri.host()?);
        let port = uri.port_u16().unwrap_or(default_port);
        let excepted = self.exceptions.iter().any(|e| e.covers(&host, port));
        (!excepted).then_some(proxy)
    }
}

/// The first of these variables that is set and not empty.
fn first(
    get: impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<(&'static str, String)>, Error> {
    for name in names {
        match get(name).filter(|value| !value.is_empty()) {
            None => {}
            Some(value) => {
                let value = value.into_string();
                let value = value.map_err(|_| blame(name, &invalid("it is not UTF-8")))?;
                return Ok(Some((name, value)));
            }
        }
    }
    Ok(None)
}

fn blame(variable: &str, error: &Error) -> Error {
    let detail = error.detail().unwrap_or_default();
    Error::new(error.kind()).with_detail(format!("{variable}: {detail}"))
}

impl Proxy {
    fn parse(uri: &str) -> Result<Self, Error> {
        let (scheme, rest) = uri.split_once("://").unwrap_or(("http", uri));
        check_scheme(&scheme.to_ascii_lowercase())?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // Also what is left of a password with one of these in it, of which the rest is not a host.
        if authority.contains(['/', '?', '#']) {
            return Err(invalid("the URI of a proxy ends with the port"));
        }
        let (userinfo, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = host_and_port(place).ok_or_else(|| invalid("this is not a port"))?;
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
        "https" => missing("proxies that speak TLS"),
        socks if socks.starts_with("socks") => missing("proxies that speak SOCKS"),
        _ => Err(invalid("this is not the scheme of a proxy")),
    }
}

/// What a name or an IPv4 address is made of. No percent sign: nobody agrees on what it means there.
fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(allowed)
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

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let (host, port) = host_and_port(entry)?;
        let hosts = match host {
            "*" => Hosts::All,
            host => network(host).or_else(|| domain(host))?,
        };
        Some(Self { hosts, port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match (&self.hosts, host.parse::<IpAddr>()) {
            (Hosts::All, _) => true,
            (Hosts::Network(network, prefix), Ok(address)) => {
                // ::ffff:192.0.2.1 is reached at 192.0.2.1.
                is_in(address, *network, *prefix)
                    || is_in(address.to_canonical(), *network, *prefix)
            }
            // The end of an address is not the domain of anything.
            (Hosts::Network(..), Err(_)) | (Hosts::Domain(_), Ok(_)) => false,
            (Hosts::Domain(domain), Err(_)) => is_below(host, domain),
        }
    }
}

/// `address` or `address/prefix`.
fn network(host: &str) -> Option<Hosts> {
    let (address, prefix) = match host.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (host, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= all)?,
        None => all,
    };
    Some(Hosts::Network(address, prefix))
}

fn domain(host: &str) -> Option<Hosts> {
    let host = host.strip_prefix('*').unwrap_or(host);
    let host = normal(host.strip_prefix('.').unwrap_or(host));
    is_name(&host).then_some(Hosts::Domain(host))
}

fn is_in(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    let differing = bits(address) ^ bits(network);
    let beyond = 128_u32.saturating_sub(prefix);
    address.is_ipv4() == network.is_ipv4() && differing.checked_shr(beyond).unwrap_or(0) == 0
}

/// From the left, so that a prefix means the same in both families.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// In lower case, without the brackets of IPv6 and without the dot that ends an absolute name.
fn normal(host: &str) -> String {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6 address alone, and what follows it.
/// `None` if the brackets hold no address, or if the port is none.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            match port {
                "" => (address, None),
                port => (address, Some(port.strip_prefix(':')?)),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (place, None),
        },
    };
    match port {
        // `parse` alone would take a sign.
        Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => None,
        Some(port) => Some((host, Some(port.parse().ok()?))),
        None => Some((host, None)),
    }
}

/// The details never quote the URI: it may hold a password.
fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn of<'a>(proxies: &'a Proxies, uri: &str) -> Option<&'a Proxy> {
        proxies.of(&uri.parse().unwrap())
    }

    /// Host, port, and what Basic encodes.
    #[test]
    fn uris_of_proxies() {
        for (uri, host, port, credentials) in [
            ("http://p", "p", 80, None),
            ("http://p/", "p", 80, None),
            ("HTTP://p.example:3128", "p.example", 3128, None),
            ("http://p:3128/", "p", 3128, None),
            ("p", "p", 80, None),
            ("p:3128", "p", 3128, None),
            ("u:w@p:3128", "p", 3128, Some("u:w")),
            ("http://192.0.2.1:3128", "192.0.2.1", 3128, None),
            ("http://[2001:db8::1]", "2001:db8::1", 80, None),
            ("http://[::1]:3128", "::1", 3128, None),
            ("http://u:w@[::1]:3128", "::1", 3128, Some("u:w")),
            ("http://u@p", "p", 80, Some("u:")),
            ("http://u:@p", "p", 80, Some("u:")),
            ("http://:w@p", "p", 80, Some(":w")),
            ("http://@p", "p", 80, None),
            ("http://u:w:x@p", "p", 80, Some("u:w:x")),
            ("http://u:w@x@p", "p", 80, Some("u:w@x")),
            ("http://u:%2F%3f%23%25%40@p", "p", 80, Some("u:/?#%@")),
            ("http://u:%C3%A4@p", "p", 80, Some("u:ä")),
            ("http://u:w+x y@p", "p", 80, Some("u:w+x y")),
            ("http://my_proxy", "my_proxy", 80, None),
        ] {
            let proxies = Proxies::all(uri).unwrap();
            for target in ["http://a/", "https://a/"] {
                let proxy = of(&proxies, target).unwrap();
                assert_eq!((proxy.host.as_str(), proxy.port), (host, port), "{uri}");
                let expected = credentials.map(|c| format!("Basic {}", STANDARD.encode(c)));
                let found = proxy.authorization.as_ref();
                assert!(found.is_none_or(HeaderValue::is_sensitive));
                let found = found.map(|value| value.to_str().unwrap().to_owned());
                assert_eq!(found, expected, "{uri}");
            }
        }
    }

    #[test]
    fn what_is_no_proxy() {
        use ErrorKind::{InvalidInput, NotSupported};
        for (uri, kind) in [
            ("https://p", NotSupported),
            ("HTTPS://p", NotSupported),
            ("socks://p", NotSupported),
            ("socks4a://p", NotSupported),
            ("socks5h://p:1080", NotSupported),
            ("ftp://p", InvalidInput),
            ("", InvalidInput),
            ("/", InvalidInput),
            ("://p", InvalidInput),
            ("http://", InvalidInput),
            ("http://:80", InvalidInput),
            ("http://u:w@", InvalidInput),
            ("http://p:", InvalidInput),
            ("http://p:x", InvalidInput),
            ("http://p:+1", InvalidInput),
            ("http://p:65536", InvalidInput),
            ("http://p:80/proxy.pac", InvalidInput),
            ("http://p?q", InvalidInput),
            ("http://p#f", InvalidInput),
            ("http://p//", InvalidInput),
            ("http://u:secret/w@p:80", InvalidInput),
            ("http://u:12/w@p:80", InvalidInput),
            ("http://p q", InvalidInput),
            (" http://p", InvalidInput),
            ("http://p\r\nx", InvalidInput),
            ("http://p%41", InvalidInput),
            ("http://ä.example", InvalidInput),
            ("http://::1", InvalidInput),
            ("http://[::1", InvalidInput),
            ("http://[p]", InvalidInput),
            ("http://[::1]80", InvalidInput),
            ("http://[fe80::1%25eth0]", InvalidInput),
            ("http://u:%zz@p", InvalidInput),
            ("http://u:secret%@p", InvalidInput),
            ("http://u:secret%4@p", InvalidInput),
            ("http://u:%+1@p", InvalidInput),
            ("http://u%3Av:secret@p", InvalidInput),
            ("http://u:secret%0D%0A@p", InvalidInput),
        ] {
            let error = Proxies::all(uri).unwrap_err();
            assert_eq!(error.kind(), kind, "{uri}");
            assert!(error.detail().is_some());
            assert!(!format!("{error} {error:?}").contains("secret"), "{uri}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let proxies = Proxies::all("http://user:secret@p").unwrap();
        let shown = format!("{proxies:?}");
        assert!(
            !shown.contains("user") && !shown.contains("secret"),
            "{shown}"
        );
        assert!(!shown.contains(&STANDARD.encode("user:secret")), "{shown}");
    }

    /// A list, a URI, and whether it is reached directly.
    #[test]
    fn exceptions() {
        for (list, uri, direct) in [
            ("", "http://a/", false),
            (",, ,", "http://a/", false),
            ("*", "http://a/", true),
            ("*", "https://[::1]:81/", true),
            ("b,*", "http://a/", true),
            ("*", "HTTPS://a/", true),
            ("*:81", "http://a:81/", true),
            ("*:81", "http://a/", false),
            // Domains.
            ("example.com", "http://example.com/", true),
            ("example.com", "https://example.com:8443/", true),
            ("example.com", "http://www.example.com/", true),
            ("example.com", "http://a.b.example.com/", true),
            ("example.com", "http://badexample.com/", false),
            ("example.com", "http://example.com.evil/", false),
            ("example.com", "http://com/", false),
            (".example.com", "http://example.com/", true),
            (".example.com", "http://www.example.com/", true),
            (".example.com", "http://badexample.com/", false),
            ("*.example.com", "http://www.example.com/", true),
            ("*.example.com", "http://badexample.com/", false),
            ("EXAMPLE.com", "http://www.Example.COM/", true),
            ("example.com.", "http://example.com/", true),
            ("example.com", "http://example.com./", true),
            ("localhost", "http://localhost:8080/", true),
            ("localhost", "http://127.0.0.1/", false),
            (".", "http://a/", false),
            ("..", "http://a/", false),
            ("*a", "http://b/", false),
            ("a/b", "http://a/", false),
            ("http://a", "http://a/", false),
            // Lists.
            ("a,b", "http://b/", true),
            (" a , b\tc ", "http://b/", true),
            ("a b", "http://b/", true),
            ("a,b", "http://c/", false),
            // Ports, the default ones too.
            ("a:81", "http://a:81/", true),
            ("a:81", "http://x.a:81/", true),
            ("a:81", "http://a/", false),
            ("a:80", "http://a/", true),
            ("a:80", "https://a/", false),
            ("a:443", "https://a/", true),
            ("a:x", "http://a/", false),
            ("a:65536", "http://a/", false),
            ("a:+80", "http://a/", false),
            ("a:", "http://a/", false),
            // Addresses.
            ("192.0.2.1", "http://192.0.2.1/", true),
            ("192.0.2.1", "http://192.0.2.10/", false),
            ("192.0.2.1", "http://1.192.0.2.1/", false),
            ("2.1", "http://192.0.2.1/", false),
            (".2.1", "http://192.0.2.1/", false),
            ("192.0.2.1:81", "http://192.0.2.1:81/", true),
            ("192.0.2.1:81", "http://192.0.2.1/", false),
            ("192.0.2.1", "http://[::ffff:192.0.2.1]/", true),
            ("::1", "http://[::1]/", true),
            ("[::1]", "http://[::1]/", true),
            ("[::1]:81", "http://[::1]:81/", true),
            ("[::1]:81", "http://[::1]/", false),
            ("[::1]81", "http://[::1]/", false),
            ("[a]", "http://a/", false),
            ("0:0:0:0:0:0:0:1", "http://[::1]/", true),
            ("2001:DB8::1", "http://[2001:db8:0::1]/", true),
            ("::1", "http://[::2]/", false),
            ("::ffff:192.0.2.1", "http://[::ffff:c000:201]/", true),
            // Networks.
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.9.9.9/8", "http://10.1.2.3:81/", true),
            ("10.0.0.0/8", "http://11.0.0.0/", false),
            ("10.0.0.0/8", "http://[::a00:0]/", false),
            ("10.0.0.0/8", "http://[a00::]/", false),
            ("10.0.0.0/8", "http://x.10.0.0.0.example/", false),
            ("10.0.0.0/8:81", "http://10.1.2.3:81/", true),
            ("10.0.0.0/8:81", "http://10.1.2.3/", false),
            ("192.0.2.128/25", "http://192.0.2.127/", false),
            ("192.0.2.128/25", "http://192.0.2.128/", true),
            ("192.0.2.1/32", "http://192.0.2.1/", true),
            ("192.0.2.1/32", "http://192.0.2.0/", false),
            ("0.0.0.0/0", "http://192.0.2.1/", true),
            ("0.0.0.0/0", "http://[2001:db8::1]/", false),
            ("0.0.0.0/0", "http://a/", false),
            ("10.0.0.0/33", "http://10.0.0.0/", false),
            ("10.0.0.0/", "http://10.0.0.0/", false),
            ("10.0.0.0/x", "http://10.0.0.0/", false),
            ("10.0.0.0/-1", "http://10.0.0.0/", false),
            ("10.0.0.0/8/8", "http://10.0.0.0/", false),
            ("10/8", "http://10.0.0.0/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://[fe00::1]/", false),
            ("2001:db8::/33", "http://[2001:db8:7fff::1]/", true),
            ("2001:db8::/33", "http://[2001:db8:8000::1]/", false),
            ("::1/128", "http://[::1]/", true),
            ("::/0", "http://[2001:db8::1]/", true),
            ("::/0", "http://192.0.2.1/", false),
            ("::/129", "http://[::1]/", false),
        ] {
            let proxies = Proxies::all("http://p").unwrap().except(list);
            let found = of(&proxies, uri).is_none();
            assert_eq!(found, direct, "{list:?} {uri}");
        }
    }

    #[test]
    fn exceptions_add_up() {
        let proxies = Proxies::all("p").unwrap().except("a").except("b");
        assert!(of(&proxies, "http://a/").is_none());
        assert!(of(&proxies, "http://b/").is_none());
        assert!(of(&proxies, "http://c/").is_some());
    }

    #[test]
    fn no_proxy_by_default_nor_for_other_uris() {
        assert!(of(&Proxies::none(), "http://a/").is_none());
        assert!(of(&Proxies::default().except("b"), "https://a/").is_none());
        let proxies = Proxies::all("p").unwrap();
        assert!(of(&proxies, "HTTPS://A/").is_some());
        for uri in ["/a", "*", "a:80", "ftp://a/"] {
            assert!(of(&proxies, uri).is_none(), "{uri}");
        }
    }

    fn environment(variables: &str) -> Result<Proxies, Error> {
        Proxies::from_variables(|name| {
            let mut pairs = variables.split_whitespace();
            let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map(OsString::from)
        })
    }

    /// Variables, and the proxies of http://a/ and https://a/.
    #[test]
    fn environments() {
        for (variables, http, https) in [
            ("", None, None),
            ("http_proxy=p", Some("p"), None),
            // CVE-2016-5385.
            ("HTTP_PROXY=p", None, None),
            ("HTTP_PROXY=p http_proxy=q", Some("q"), None),
            ("https_proxy=p", None, Some("p")),
            ("HTTPS_PROXY=p", None, Some("p")),
            ("https_proxy=p HTTPS_PROXY=q", None, Some("p")),
            ("all_proxy=p", Some("p"), Some("p")),
            ("ALL_PROXY=p", Some("p"), Some("p")),
            ("all_proxy=p ALL_PROXY=q", Some("p"), Some("p")),
            ("http_proxy=p all_proxy=q", Some("p"), Some("q")),
            ("HTTPS_PROXY=p all_proxy=q", Some("q"), Some("p")),
            (
                "http_proxy=p https_proxy=q ALL_PROXY=r",
                Some("p"),
                Some("q"),
            ),
            // Empty is unset.
            ("http_proxy=", None, None),
            ("http_proxy= all_proxy=p", Some("p"), Some("p")),
            ("https_proxy= HTTPS_PROXY=p", None, Some("p")),
            ("all_proxy= ALL_PROXY=p", Some("p"), Some("p")),
            // A proxy that nobody would go through is not looked at.
            (
                "http_proxy=p https_proxy=q all_proxy=socks5://r",
                Some("p"),
                Some("q"),
            ),
            ("all_proxy=p no_proxy=a", None, None),
            ("all_proxy=p NO_PROXY=a", None, None),
            ("all_proxy=p NO_PROXY=*", None, None),
            ("all_proxy=p NO_PROXY=a:443", Some("p"), None),
            ("all_proxy=p no_proxy=b NO_PROXY=a", Some("p"), Some("p")),
            ("all_proxy=p no_proxy= NO_PROXY=a", None, None),
            ("no_proxy=a", None, None),
        ] {
            let proxies = environment(variables).unwrap();
            let host = |uri| of(&proxies, uri).map(|proxy| proxy.host.as_str());
            assert_eq!(host("http://a/"), http, "{variables}");
            assert_eq!(host("https://a/"), https, "{variables}");
        }
    }

    #[test]
    fn an_error_names_the_variable() {
        for (variables, kind, sentence) in [
            (
                "all_proxy=socks5://u:secret@p",
                ErrorKind::NotSupported,
                "this is not supported: all_proxy: proxies that speak SOCKS",
            ),
            (
                "http_proxy=p HTTPS_PROXY=http://u:secret@p:x",
                ErrorKind::InvalidInput,
                "this cannot be done: HTTPS_PROXY: this is not a port",
            ),
        ] {
            let error = environment(variables).unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(error.to_string(), sentence);
        }
        let error = Proxies::from_variables(|_| Some(OsString::from_vec(vec![0xff])));
        let error = error.unwrap_err();
        assert_eq!(error.detail(), Some("http_proxy: it is not UTF-8"));
    }
}
