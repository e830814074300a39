mod environment;
mod exceptions;
mod uris;

use super::Proxies;
use super::proxy::Proxy;

fn of<'a>(proxies: &'a Proxies, uri: &str) -> Option<&'a Proxy> {
    proxies.of(&uri.parse().unwrap())
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
