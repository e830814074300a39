use super::target;

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
