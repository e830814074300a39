use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::of;
use crate::client::proxies::Proxies;
use crate::error::ErrorKind;

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
