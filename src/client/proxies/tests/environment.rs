use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::of;
use crate::client::proxies::Proxies;
use crate::error::{Error, ErrorKind};

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
            "all_proxy: proxies that speak SOCKS are not supported",
        ),
        (
            "http_proxy=p HTTPS_PROXY=http://u:secret@p:x",
            ErrorKind::InvalidInput,
            "HTTPS_PROXY: the port of the proxy is not a number",
        ),
    ] {
        let error = environment(variables).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string(), sentence);
    }
    let error = Proxies::from_variables(|_| Some(OsString::from_vec(vec![0xff])));
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "http_proxy: it is not UTF-8");
}
