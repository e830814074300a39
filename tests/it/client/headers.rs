//! What a client says of itself with every request, unless the request says otherwise.

use http_aio::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_aio::{Aio, Client, ClientBuilder, Proxies};

use super::{proxy, redirecting};
use crate::site::*;
use crate::support::*;

const USER_AGENT: &str = concat!("http-aio/", env!("CARGO_PKG_VERSION"));

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let lines = lines.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    lines.collect()
}

/// Those of this name in the head that was sent last, in order.
fn sent(site: &Site, name: &str) -> Vec<String> {
    let head = site.heads().pop().expect("a request");
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.to_owned()).collect()
}

// ---------------------------------------------------------------------------------------- user agent

#[test]
fn a_client_says_what_it_is() {
    let own = || Some(HeaderValue::from_static("own/1.0"));
    let listed = || headers(&[("user-agent", "listed/1.0")]);
    let builder = Client::builder;
    let cases: [(ClientBuilder, Option<&str>); 7] = [
        (builder(), Some(USER_AGENT)),
        (builder().user_agent(own()), Some("own/1.0")),
        (
            builder().user_agent(HeaderValue::from_static("own/1.0")),
            Some("own/1.0"),
        ),
        (builder().user_agent(None), None),
        (
            builder().user_agent(None).user_agent(own()),
            Some("own/1.0"),
        ),
        (builder().default_headers(listed()), Some("listed/1.0")),
        (
            builder().user_agent(None).default_headers(listed()),
            Some("listed/1.0"),
        ),
    ];
    for (builder, expected) in cases {
        let site = Site::serving();
        let client = builder.build();
        let expected: Vec<_> = expected.into_iter().collect();
        fetch(&client, site.get("/"));
        assert_eq!(sent(&site, "user-agent"), expected);
        drop(stream(&client, site.get("/")));
        assert_eq!(sent(&site, "user-agent"), expected);
        settle(client.get(Aio::new(), site.url("/"))).unwrap();
        assert_eq!(sent(&site, "user-agent"), expected);
        fetch(&client, site.ask(Method::PUT, "/", "body"));
        assert_eq!(sent(&site, "user-agent"), expected);
        // A request that says so itself is believed.
        let mut request = site.get("/");
        let value = HeaderValue::from_static("browser");
        request.headers_mut().insert("user-agent", value);
        fetch(&client, request);
        assert_eq!(sent(&site, "user-agent"), ["browser"]);
    }
    let site = Site::serving();
    fetch(&Client::default(), site.get("/"));
    assert_eq!(sent(&site, "user-agent"), [USER_AGENT]);
}

/// It is the client that says so, not the connection.
#[test]
fn a_connection_says_nothing_of_itself() {
    let site = Site::serving();
    let uri: Uri = site.url("/").parse().unwrap();
    let client = Client::builder()
        .default_headers(headers(&[("x-default", "1")]))
        .build();
    let conn = settle(client.connect(Aio::new(), &uri)).unwrap();
    let get = Request::get(&uri).body(()).unwrap();
    settle(conn.transact(Aio::new(), get)).unwrap();
    for name in ["user-agent", "x-default"] {
        assert!(sent(&site, name).is_empty(), "{name}");
    }
}

// ----------------------------------------------------------------------------------- default headers

#[test]
fn default_headers_are_sent_unless_the_request_has_its_own() {
    let defaults = headers(&[
        ("accept", "text/plain"),
        ("x-many", "1"),
        ("x-many", "2"),
        ("x-one", "only"),
        ("x-empty", ""),
    ]);
    let site = Site::serving();
    let client = Client::builder().default_headers(defaults).build();
    for _ in 0..2 {
        for way in WAYS {
            way(client.transact(Aio::new(), site.get("/"))).unwrap();
            assert_eq!(sent(&site, "accept"), ["text/plain"]);
            assert_eq!(sent(&site, "x-many"), ["1", "2"]);
            assert_eq!(sent(&site, "x-one"), ["only"]);
            assert_eq!(sent(&site, "x-empty"), [""]);
        }
        // A request's own take the place of all of that name, and of no other.
        let mut request = site.ask(Method::POST, "/", "body");
        request.headers_mut().extend(headers(&[
            ("x-many", "own"),
            ("accept", "a"),
            ("accept", "b"),
            ("x-empty", "not"),
        ]));
        fetch(&client, request);
        assert_eq!(sent(&site, "x-many"), ["own"]);
        assert_eq!(sent(&site, "accept"), ["a", "b"]);
        assert_eq!(sent(&site, "x-empty"), ["not"]);
        assert_eq!(sent(&site, "x-one"), ["only"]);
        assert_eq!(sent(&site, "content-length"), ["4"]);
        assert_eq!(sent(&site, "user-agent"), [USER_AGENT]);
    }
    assert_eq!(site.connections(), 1);
}

/// Set again, they replace those before.
#[test]
fn default_headers_are_those_that_were_set_last() {
    let site = Site::serving();
    let builder = Client::builder().default_headers(headers(&[("x-first", "1")]));
    let client = builder
        .default_headers(headers(&[("x-second", "2")]))
        .build();
    fetch(&client, site.get("/"));
    assert!(sent(&site, "x-first").is_empty());
    assert_eq!(sent(&site, "x-second"), ["2"]);
}

/// What must not be written is refused before it is.
#[test]
fn default_headers_that_contradict_a_request_are_refused() {
    let site = Site::serving();
    let client = Client::builder()
        .default_headers(headers(&[("content-length", "7")]))
        .build();
    let call = client.post(Aio::new(), site.url("/"), "text");
    assert_eq!(
        failure(settle(call)),
        (http_aio::ErrorKind::InvalidInput, 0)
    );
    assert_eq!(site.seen().len(), 0);
    assert_eq!(
        fetch(&client, site.ask(Method::POST, "/echo", "7 bytes")).body(),
        "7 bytes"
    );
}

/// They are for the server of the URI: what is secret among them goes nowhere else, and does not come back.
#[test]
fn credentials_by_default_stay_with_their_origin() {
    let mut defaults = headers(&[
        ("authorization", "Bearer 42"),
        ("cookie", "a=b"),
        ("x-plain", "plain"),
    ]);
    let mut token = HeaderValue::from_static("token");
    token.set_sensitive(true);
    defaults.insert("x-token", token);
    let (here, there) = (redirecting(307), redirecting(307));
    let client = Client::builder()
        .max_redirects(5)
        .default_headers(defaults)
        .build();
    let back = format!("/to?{}", here.url("/0"));
    let away = format!("/to?{}", there.url(&back));
    for way in WAYS {
        let before = (here.seen().len(), there.seen().len());
        way(client.get(Aio::new(), here.url(&format!("/to?{away}")))).unwrap();
        let ours = here.heads().split_off(before.0);
        let theirs = there.heads().split_off(before.1);
        assert_eq!((ours.len(), theirs.len()), (3, 1));
        for (head, knows) in [
            (&ours[0], true),
            (&ours[1], true),
            (&theirs[0], false),
            (&ours[2], false),
        ] {
            for name in ["authorization", "cookie", "x-token"] {
                assert_eq!(header(head, name).is_some(), knows, "{name}: {head}");
            }
            assert_eq!(header(head, "x-plain"), Some("plain"));
            assert_eq!(header(head, "user-agent"), Some(USER_AGENT));
        }
        // The next request is asked anew.
        way(client.get(Aio::new(), there.url("/0"))).unwrap();
        assert_eq!(sent(&there, "authorization"), ["Bearer 42"]);
    }
}

/// What describes a body does not outlive it, be it the client's.
#[test]
fn default_headers_about_the_body_go_with_it() {
    let site = redirecting(303);
    let client = Client::builder()
        .max_redirects(1)
        .default_headers(headers(&[("content-type", "text/plain"), ("accept", "x")]))
        .build();
    settle(client.post(Aio::new(), site.url("/1"), "content")).unwrap();
    let heads = site.heads();
    assert_eq!(header(&heads[0], "content-type"), Some("text/plain"));
    assert_eq!(header(&heads[1], "content-type"), None);
    assert_eq!(header(&heads[1], "accept"), Some("x"));
}

/// A proxy's credentials are for the proxy alone, and it sees who asks.
#[test]
fn credentials_for_a_proxy_may_be_a_default() {
    let (proxy, site) = (proxy(), Site::serving());
    let defaults = headers(&[("proxy-authorization", "Basic abc"), ("x-plain", "plain")]);
    let through = Client::builder()
        .default_headers(defaults.clone())
        .proxies(Proxies::all(&proxy.address.to_string()).unwrap())
        .build();
    fetch(
        &through,
        Request::get("http://h.example/").body(()).unwrap(),
    );
    assert_eq!(sent(&proxy, "proxy-authorization"), ["Basic abc"]);
    assert_eq!(sent(&proxy, "x-plain"), ["plain"]);
    assert_eq!(sent(&proxy, "user-agent"), [USER_AGENT]);
    // Where there is none, nobody gets them.
    let direct = Client::builder().default_headers(defaults).build();
    fetch(&direct, site.get("/"));
    assert!(sent(&site, "proxy-authorization").is_empty());
}
