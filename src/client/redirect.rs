//! Redirections (RFC 9110 section 15.4, the Fetch standard): the request that comes next.
//!
//! Nothing is remembered from hop to hop. Each request is made from the one before it, so a
//! credential that was left behind once does not come back, not even at the server that it was for.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, COOKIE, EXPECT, HOST, HeaderName, LAST_MODIFIED, LOCATION, PROXY_AUTHORIZATION,
    TRAILER, TRANSFER_ENCODING,
};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use iri_string::types::{UriAbsoluteStr, UriReferenceStr};

use crate::error::{Error, ErrorKind};

/// The request that a redirection asks for. `None`: the response is none, or says nothing that can
/// be followed (no `Location`).
///
/// `request` is the one that was answered, with an absolute URI. Its version and its extensions are
/// kept, and its body, shared, unless the method changes.
///
/// # Errors
///
/// `Protocol`, with a detail, if `Location` leads nowhere that a client of HTTP could go;
/// `InvalidInput` if the URI of the request is not absolute.
pub(crate) fn follow<B>(
    request: &Request<Bytes>,
    response: &Response<B>,
) -> Result<Option<Request<Bytes>>, Error> {
    // Whoever answers CONNECT is a proxy, which has no say in where a tunnel goes.
    if !is_redirection(response.status()) || request.method() == Method::CONNECT {
        return Ok(None);
    }
    let Some(location) = location(response.headers())? else {
        return Ok(None);
    };
    let (old, new) = (request.uri(), resolve(request.uri(), location)?);
    let mut next = request.clone();
    if becomes_get(request.method(), response.status()) {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        remove(next.headers_mut(), |name, _| is_about_the_body(name));
    }
    if !same_authority(old, &new) {
        next.headers_mut().remove(HOST);
    }
    if !same_origin(old, &new) {
        remove(next.headers_mut(), is_credential);
    }
    *next.uri_mut() = new;
    Ok(Some(next))
}

fn is_redirection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The table of the Fetch standard ("HTTP-redirect fetch", step 12).
fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

/// What describes a body or announces it: a request that lost its body must not keep any of it.
fn is_about_the_body(name: &HeaderName) -> bool {
    name.as_str().starts_with("content-")
        || matches!(name.as_str(), "digest" | "repr-digest")
        || [EXPECT, LAST_MODIFIED, TRAILER, TRANSFER_ENCODING].contains(name)
}

/// What one origin may know and another may not. A caller who marks the value of any other header as
/// sensitive has said the same of it.
///
/// `Proxy-Authorization` is among them and not removed always: which proxy a request goes through
/// depends on its origin alone, so within one origin the same proxy gets it again.
fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
}

fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let names = headers.iter().filter(|(name, value)| unwanted(name, value));
    let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

fn same_origin(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && same_authority(one, other)
}

/// Whether `Host` would say the same of both.
fn same_authority(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let port = |uri: &Uri| {
        uri.port_u16()
            .filter(|port| !is_default(*port, uri.scheme()))
    };
    host(one) == host(other) && port(one) == port(other)
}

fn is_default(port: u16, scheme: Option<&Scheme>) -> bool {
    let https = scheme == Some(&Scheme::HTTPS);
    port == if https { 443 } else { 80 }
}

/// An empty `Location` leads nowhere: to follow it would be to ask the same again.
fn location(headers: &HeaderMap) -> Result<Option<&[u8]>, Error> {
    let lines = headers.get_all(LOCATION).into_iter();
    let mut lines = lines
        .map(|line| line.as_bytes().trim_ascii())
        .filter(|line| !line.is_empty());
    let first = lines.next();
    // One of them may be injected.
    if lines.any(|line| Some(line) != first) {
        return Err(refused("there are two values of Location"));
    }
    Ok(first)
}

/// RFC 3986 section 5, strictly: what names the scheme is not relative.
fn resolve(base: &Uri, location: &[u8]) -> Result<Uri, Error> {
    let unusable = || {
        Error::new(ErrorKind::InvalidInput).with_detail("the URI of the request is not absolute")
    };
    let base = base.scheme().and(escape(base.to_string().as_bytes()).ok());
    let base = base.ok_or_else(unusable)?;
    let base = UriAbsoluteStr::new(&base).map_err(|_| unusable())?;
    let reference = escape(location)?;
    let reference = UriReferenceStr::new(&reference).map_err(|_| malformed())?;
    let target = reference.resolve_against(base).to_string();
    let target = UriAbsoluteStr::new(&target).map_err(|_| malformed())?;
    let scheme = scheme(target)?;
    let authority = authority(target, &scheme)?;
    let uri = Uri::builder().scheme(scheme).authority(authority);
    let uri = uri.path_and_query(path_and_query(target)).build();
    uri.map_err(|e| malformed().with_source(e))
}

fn scheme(target: &UriAbsoluteStr) -> Result<Scheme, Error> {
    match target.scheme_str() {
        http if http.eq_ignore_ascii_case("http") => Ok(Scheme::HTTP),
        https if https.eq_ignore_ascii_case("https") => Ok(Scheme::HTTPS),
        _ => Err(refused("Location is neither http nor https")),
    }
}

/// Host and port, the port if it is not the default one. Userinfo is left out: a server must not
/// choose who the client says it is.
fn authority(target: &UriAbsoluteStr, scheme: &Scheme) -> Result<String, Error> {
    let no_host = || refused("Location has no host");
    let parts = target.authority_components().ok_or_else(no_host)?;
    let host = match parts.host() {
        "" => return Err(no_host()),
        host if host.contains('%') => return Err(refused("the host in Location is not a name")),
        host => host,
    };
    let port = match parts.port() {
        None | Some("") => return Ok(host.to_owned()),
        Some(port) => port.parse().map_err(|_| malformed())?,
    };
    Ok(match is_default(port, Some(scheme)) {
        true => host.to_owned(),
        false => format!("{host}:{port}"),
    })
}

fn path_and_query(target: &UriAbsoluteStr) -> String {
    let path = match target.path_str() {
        "" => "/",
        path => path,
    };
    match target.query_str() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// The reference without its fragment, and with everything percent-encoded that must not stand in a
/// path or a query but does in practice: UTF-8, blanks, brackets, a percent sign that stands for itself.
///
/// The authority stays as it is. What is wrong there is never repaired: it decides whom to trust.
fn escape(reference: &[u8]) -> Result<String, Error> {
    let mut parts = reference.split(|byte| *byte == b'#');
    let reference = parts.next().unwrap_or_default();
    let (authority, rest) = reference.split_at(end_of_authority(reference));
    let authority = std::str::from_utf8(authority).ok().filter(|a| a.is_ascii());
    let authority = authority.ok_or_else(|| refused("the host in Location is not ASCII"))?;
    let mut escaped = String::with_capacity(reference.len());
    escaped.push_str(authority);
    for (at, byte) in rest.iter().enumerate() {
        let stays = match byte {
            b'%' => is_escape(&rest[at..]),
            byte => may_stand(*byte),
        };
        if stays {
            escaped.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    Ok(escaped)
}

/// Where path and query begin: after `scheme://authority` or `//authority`, or at once.
fn end_of_authority(reference: &[u8]) -> usize {
    let delimiter = |byte: &u8| matches!(byte, b':' | b'/' | b'?');
    let slashes = match reference.iter().position(delimiter) {
        Some(at) if reference[at] == b':' => at + 1,
        _ => 0,
    };
    if !reference[slashes..].starts_with(b"//") {
        return 0;
    }
    let authority = &reference[slashes + 2..];
    let end = authority
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'));
    slashes + 2 + end.unwrap_or(authority.len())
}

fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// RFC 3986 appendix A: `pchar`, slash and question mark.
fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte)
}

fn malformed() -> Error {
    refused("Location is not a URI")
}

/// The details never quote the value: it may hold a password.
fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(uri);
        let request = headers
            .iter()
            .fold(request, |r, (name, value)| r.header(*name, *value));
        request.body(Bytes::from_static(b"body")).unwrap()
    }

    fn response(status: u16, location: &[u8]) -> Response<()> {
        let response = Response::builder().status(status);
        response.header(LOCATION, location).body(()).unwrap()
    }

    #[track_caller]
    fn next(request: &Request<Bytes>, status: u16, location: &str) -> Request<Bytes> {
        follow(request, &response(status, location.as_bytes()))
            .unwrap()
            .unwrap()
    }

    /// Where `location` leads from `base`, or what is said against it.
    fn target(base: &str, location: impl AsRef<[u8]>) -> Result<String, String> {
        let response = response(302, location.as_ref());
        match follow(&request("GET", base, &[]), &response) {
            Ok(next) => Ok(next.unwrap().uri().to_string()),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Protocol);
                Err(e.detail().unwrap().to_owned())
            }
        }
    }

    /// The table of browsers: a method, and what it becomes at 301, 302, 303, 307, 308.
    #[test]
    fn methods() {
        for (method, becomes) in [
            ("GET", ["GET", "GET", "GET", "GET", "GET"]),
            ("HEAD", ["HEAD", "HEAD", "HEAD", "HEAD", "HEAD"]),
            ("POST", ["GET", "GET", "GET", "POST", "POST"]),
            ("PUT", ["PUT", "PUT", "GET", "PUT", "PUT"]),
            ("PATCH", ["PATCH", "PATCH", "GET", "PATCH", "PATCH"]),
            ("DELETE", ["DELETE", "DELETE", "GET", "DELETE", "DELETE"]),
            (
                "OPTIONS",
                ["OPTIONS", "OPTIONS", "GET", "OPTIONS", "OPTIONS"],
            ),
            ("QUERY", ["QUERY", "QUERY", "GET", "QUERY", "QUERY"]),
            // Methods are case-sensitive.
            ("post", ["post", "post", "GET", "post", "post"]),
        ] {
            for (status, expected) in [301, 302, 303, 307, 308].into_iter().zip(becomes) {
                let asked = request(method, "http://a/", &[("content-type", "text/plain")]);
                let next = next(&asked, status, "/b");
                assert_eq!(next.method(), expected, "{method} {status}");
                let kept = method == expected;
                assert_eq!(next.body().is_empty(), !kept, "{method} {status}");
                let described = next.headers().contains_key("content-type");
                assert_eq!(described, kept, "{method} {status}");
            }
        }
    }

    #[test]
    fn other_statuses_and_no_location_are_not_followed() {
        let asked = request("GET", "http://a/", &[]);
        for status in [200, 201, 300, 304, 305, 306, 400, 503] {
            let answer = response(status, b"/b");
            assert!(follow(&asked, &answer).unwrap().is_none(), "{status}");
        }
        for answer in [response(302, b""), response(302, b" \t")] {
            assert!(follow(&asked, &answer).unwrap().is_none());
        }
        let answer = Response::builder().status(302).body(()).unwrap();
        assert!(follow(&asked, &answer).unwrap().is_none());
        let tunnel = request("CONNECT", "http://a/", &[]);
        assert!(follow(&tunnel, &response(302, b"/b")).unwrap().is_none());
    }

    #[test]
    fn several_locations_have_to_agree() {
        let mut answer = response(302, b"/b");
        answer
            .headers_mut()
            .append(LOCATION, HeaderValue::from_static("/b"));
        let asked = request("GET", "http://a/", &[]);
        let next = follow(&asked, &answer).unwrap().unwrap();
        assert_eq!(next.uri(), "http://a/b");
        answer
            .headers_mut()
            .append(LOCATION, HeaderValue::from_static("/c"));
        let error = follow(&asked, &answer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn headers_of_a_body_go_with_it() {
        let about = [
            "content-digest",
            "content-disposition",
            "content-encoding",
            "content-language",
            "content-length",
            "content-location",
            "content-md5",
            "content-range",
            "content-type",
            "digest",
            "expect",
            "last-modified",
            "repr-digest",
            "trailer",
            "transfer-encoding",
        ];
        let others = ["accept", "accept-encoding", "te", "user-agent", "x-content"];
        let lines: Vec<_> = about.iter().chain(&others).map(|n| (*n, "x")).collect();
        let asked = request("POST", "http://a/", &lines);
        let lost = next(&asked, 303, "/b");
        let names: Vec<_> = lost.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names.len(), others.len(), "{names:?}");
        assert!(others.iter().all(|name| names.contains(name)), "{names:?}");
        assert_eq!(next(&asked, 307, "/b").headers(), asked.headers());
    }

    /// From, to, whether Host is kept, whether the credentials are.
    #[test]
    fn origins() {
        for (from, to, host, credentials) in [
            ("http://a/", "/b", true, true),
            ("http://a/", "http://a/b", true, true),
            ("http://a/", "HTTP://A/b", true, true),
            ("http://A/", "http://a/b", true, true),
            ("HTTPS://a/", "/b", true, true),
            ("http://a/", "http://a:80/b", true, true),
            ("http://a/", "http://a:/b", true, true),
            ("http://a:080/", "http://a/b", true, true),
            ("https://a:443/", "//a", true, true),
            ("http://a:81/", "http://a:0081/", true, true),
            ("http://u:p@a/", "http://a/b", true, true),
            ("http://[::1]/", "http://[::1]:80/", true, true),
            // The scheme changes.
            ("http://a/", "https://a/", true, false),
            ("https://a/", "http://a/", true, false),
            ("http://a:8080/", "https://a:8080/", true, false),
            ("http://a:443/", "https://a/", false, false),
            ("https://a/", "http://a:443/", false, false),
            // The host changes: a subdomain is another host.
            ("http://a/", "http://b/", false, false),
            ("http://a/", "//b/", false, false),
            ("http://a.example/", "http://x.a.example/", false, false),
            ("http://x.a.example/", "http://a.example/", false, false),
            ("http://a/", "http://a./", false, false),
            ("http://a/", "http://a@b/", false, false),
            // The port changes.
            ("http://a/", "http://a:81/", false, false),
            ("http://a:81/", "http://a/", false, false),
            ("http://a:81/", "http://a:82/", false, false),
        ] {
            let lines = [
                ("host", "virtual"),
                ("authorization", "Basic x"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("proxy-authorization", "Basic y"),
                ("x-api-key", "secret"),
                ("accept", "*/*"),
            ];
            let mut asked = request("GET", from, &lines);
            let key = asked.headers_mut().get_mut("x-api-key").unwrap();
            key.set_sensitive(true);
            let next = next(&asked, 302, to);
            for (name, kept) in [
                ("host", host),
                ("authorization", credentials),
                ("cookie", credentials),
                ("proxy-authorization", credentials),
                ("x-api-key", credentials),
                ("accept", true),
            ] {
                let found = next.headers().get_all(name).iter().count();
                let asked = asked.headers().get_all(name).iter().count();
                let expected = if kept { asked } else { 0 };
                assert_eq!(found, expected, "{from} -> {to}: {name}");
            }
        }
    }

    /// Go CVE-2024-45336.
    #[test]
    fn credentials_do_not_come_back() {
        let lines = [
            ("authorization", "Basic x"),
            ("cookie", "a=1"),
            ("host", "v"),
        ];
        let mut hop = request("GET", "http://a/", &lines);
        for to in ["/b", "http://b/", "/c", "http://a/d", "/e"] {
            hop = next(&hop, 302, to);
        }
        assert_eq!(hop.uri(), "http://a/e");
        assert!(hop.headers().is_empty(), "{:?}", hop.headers());
    }

    #[test]
    fn extensions_and_version_are_kept() {
        let mut asked = request("POST", "http://a/", &[]);
        asked.extensions_mut().insert(7_u32);
        *asked.version_mut() = http::Version::HTTP_10;
        let next = next(&asked, 303, "http://b/");
        assert_eq!(next.extensions().get(), Some(&7_u32));
        assert_eq!(next.version(), http::Version::HTTP_10);
    }

    /// RFC 3986 sections 5.4.1 and 5.4.2. `None` where the target is no http URI with a host.
    #[test]
    fn examples_of_rfc_3986() {
        for (reference, expected) in [
            ("g:h", None),
            ("g", Some("http://a/b/c/g")),
            ("./g", Some("http://a/b/c/g")),
            ("g/", Some("http://a/b/c/g/")),
            ("/g", Some("http://a/g")),
            ("//g", Some("http://g/")),
            ("?y", Some("http://a/b/c/d;p?y")),
            ("g?y", Some("http://a/b/c/g?y")),
            ("#s", Some("http://a/b/c/d;p?q")),
            ("g#s", Some("http://a/b/c/g")),
            ("g?y#s", Some("http://a/b/c/g?y")),
            (";x", Some("http://a/b/c/;x")),
            ("g;x", Some("http://a/b/c/g;x")),
            ("g;x?y#s", Some("http://a/b/c/g;x?y")),
            (".", Some("http://a/b/c/")),
            ("./", Some("http://a/b/c/")),
            ("..", Some("http://a/b/")),
            ("../", Some("http://a/b/")),
            ("../g", Some("http://a/b/g")),
            ("../..", Some("http://a/")),
            ("../../", Some("http://a/")),
            ("../../g", Some("http://a/g")),
            ("../../../g", Some("http://a/g")),
            ("../../../../g", Some("http://a/g")),
            ("/./g", Some("http://a/g")),
            ("/../g", Some("http://a/g")),
            ("g.", Some("http://a/b/c/g.")),
            (".g", Some("http://a/b/c/.g")),
            ("g..", Some("http://a/b/c/g..")),
            ("..g", Some("http://a/b/c/..g")),
            ("./../g", Some("http://a/b/g")),
            ("./g/.", Some("http://a/b/c/g/")),
            ("g/./h", Some("http://a/b/c/g/h")),
            ("g/../h", Some("http://a/b/c/h")),
            ("g;x=1/./y", Some("http://a/b/c/g;x=1/y")),
            ("g;x=1/../y", Some("http://a/b/c/y")),
            ("g?y/./x", Some("http://a/b/c/g?y/./x")),
            ("g?y/../x", Some("http://a/b/c/g?y/../x")),
            ("g#s/./x", Some("http://a/b/c/g")),
            ("g#s/../x", Some("http://a/b/c/g")),
            // Strictly: neither relative, nor with a host.
            ("http:g", None),
        ] {
            let found = target("http://a/b/c/d;p?q", reference).ok();
            assert_eq!(found.as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn targets() {
        for (base, location, expected) in [
            ("http://a", "b", "http://a/b"),
            ("http://a", "?b", "http://a/?b"),
            ("http://a:81/b", "c", "http://a:81/c"),
            ("https://[::1]:8443/", "/b", "https://[::1]:8443/b"),
            ("http://a/", " /b\t", "http://a/b"),
            ("http://a/", "http://b?c", "http://b/?c"),
            ("http://a/", "http://b#c", "http://b/"),
            ("http://a/", "http://b/c/../d", "http://b/d"),
            ("http://a/", "/b//c", "http://a/b//c"),
            ("http://a/", "/b?u=http://c:x/", "http://a/b?u=http://c:x/"),
            ("http://a/", "/b:c", "http://a/b:c"),
            ("http://a/", "./b:c", "http://a/b:c"),
            // The port, without what it need not say.
            ("http://a/", "http://b:80/", "http://b/"),
            ("http://a/", "https://b:443/", "https://b/"),
            ("http://a/", "https://b:80/", "https://b:80/"),
            ("http://a/", "http://b:/", "http://b/"),
            ("http://a/", "http://b:65535/", "http://b:65535/"),
            // Userinfo.
            ("http://a/", "http://u:p@b/c", "http://b/c"),
            ("http://a/", "//u@b:81/c", "http://b:81/c"),
            ("http://u:p@a/", "/c", "http://a/c"),
            // What must not stand there, and does.
            ("http://a/", "/ä?ü#ö", "http://a/%C3%A4?%C3%BC"),
            ("http://a/é/b", "c", "http://a/%C3%A9/c"),
            ("http://a/", "/b c", "http://a/b%20c"),
            ("http://a/", "/b\tc", "http://a/b%09c"),
            ("http://a/", "/l?f[x]=1", "http://a/l?f%5Bx%5D=1"),
            (
                "http://a/",
                "/<\">^`{|}",
                "http://a/%3C%22%3E%5E%60%7B%7C%7D",
            ),
            ("http://a/", "/100%?b=%zz%4", "http://a/100%25?b=%25zz%254"),
            ("http://a/", "/%c3%a4%2F%2e", "http://a/%c3%a4%2F%2e"),
            // Not the slash that a browser makes of it: never another host.
            ("http://a/", "/\\b", "http://a/%5Cb"),
            ("http://a/", "\\\\b", "http://a/%5C%5Cb"),
            ("http://a/", "http:/b?c//d", "Location has no host"),
            ("http://a/", "http:b", "Location has no host"),
            ("http://a/", "http://", "Location has no host"),
            ("http://a/", "http:///b", "Location has no host"),
            ("http://a/", "///b", "Location has no host"),
            ("http://a/", "http://u@/b", "Location has no host"),
            ("http://a/", "http://:80/b", "Location has no host"),
            (
                "http://a/",
                "ftp://b/",
                "Location is neither http nor https",
            ),
            (
                "http://a/",
                "file:///etc/passwd",
                "Location is neither http nor https",
            ),
            (
                "http://a/",
                "javascript:alert(1)",
                "Location is neither http nor https",
            ),
            ("http://a/", "data:,x", "Location is neither http nor https"),
            ("http://a/", "b:81/c", "Location is neither http nor https"),
            (
                "http://a/",
                "httpx://b/",
                "Location is neither http nor https",
            ),
            ("http://a/", "://b/", "Location is not a URI"),
            ("http://a/", "1:2", "Location is not a URI"),
            ("http://a/", "http://b:65536/", "Location is not a URI"),
            ("http://a/", "http://b:-1/", "Location is not a URI"),
            ("http://a/", "http://b:x/", "Location is not a URI"),
            ("http://a/", "http://b c/", "Location is not a URI"),
            ("http://a/", "http://b\\@c/", "Location is not a URI"),
            ("http://a/", "http://b\\c/", "Location is not a URI"),
            ("http://a/", "http://[::1/", "Location is not a URI"),
            ("http://a/", "http://[x]/", "Location is not a URI"),
            ("http://a/", "http://a@b@c/", "Location is not a URI"),
            (
                "http://a/",
                "http://b%2Fc/",
                "the host in Location is not a name",
            ),
            ("http://a/", "http://b%zz/", "Location is not a URI"),
            (
                "http://a/",
                "http://ä.example/",
                "the host in Location is not ASCII",
            ),
            (
                "http://a/",
                "//ä.example/",
                "the host in Location is not ASCII",
            ),
        ] {
            let found = target(base, location).unwrap_or_else(|detail| detail);
            assert_eq!(found, expected, "{base} {location:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert_eq!(
            target("http://a/", b"/\xe4?\xff").unwrap(),
            "http://a/%E4?%FF"
        );
        assert!(target("http://a/", b"http://\xe4/").is_err());
        let long = format!("/{}", "x".repeat(70_000));
        assert_eq!(
            target("http://a/", long).unwrap_err(),
            "Location is not a URI"
        );
    }

    #[test]
    fn the_request_needs_an_absolute_uri() {
        for uri in ["/b", "*", "a:80"] {
            let asked = request("GET", uri, &[]);
            let error = follow(&asked, &response(302, b"/c")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{uri}");
        }
    }
}
