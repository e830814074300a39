use super::of;
use crate::client::proxies::Proxies;

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
