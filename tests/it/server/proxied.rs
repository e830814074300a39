//! Behind a proxy: what is said of clients in PROXY headers and in fields of requests, and who is believed.

use std::os::unix::net::{UnixListener, UnixStream};

#[cfg(feature = "tls")]
use http_aio::http::Request;
use http_aio::{Endpoint, Exchange, ForwardedFields, TrustedProxy, get};

use super::*;

const V1: &str = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x02\xc6\x33\x64\x02\0\x50\x01\xbb";
const ASK: &str = "GET / HTTP/1.1\r\nHost: own.example\r\n\r\n";

/// Tells who asks, how, and for which host.
fn host() -> Host {
    Host::with(ServerLimits::default().handshake(BOUND), |server| {
        let tell = |exchange: &mut Exchange| {
            let (client, scheme) = (exchange.client_addr(), exchange.scheme());
            let host = exchange.host().unwrap_or("-").to_owned();
            assert_ne!(exchange.peer_addr(), Addr::Unknown);
            format!("{client} {scheme} {host}")
        };
        server.route("/", get(tell)).unwrap();
    })
}

const BOUND: Duration = Duration::from_millis(500);

#[track_caller]
fn listen(host: &Host, with: impl FnOnce(Endpoint) -> Endpoint) -> SocketAddr {
    let endpoint = with(Endpoint::bind("127.0.0.1:0").unwrap());
    host.server.listen(endpoint).unwrap().ip().unwrap()
}

fn proxies(text: &str) -> Vec<TrustedProxy> {
    let all = text.split(' ').map(|proxy| proxy.parse().expect("a proxy"));
    all.collect()
}

#[test]
fn a_header_names_the_client_of_a_connection() {
    let host = host();
    let address = listen(&host, Endpoint::proxy_protocol);
    let headers = [
        (V1.as_bytes(), "192.0.2.1:56324 http own.example"),
        (V2, "192.0.2.2:80 http own.example"),
    ];
    for (header, expected) in headers {
        // All at once, and then in pieces.
        let mut visitor = Visitor::to(address);
        let whole = [header, ASK.as_bytes(), ASK.as_bytes()].concat();
        visitor.say(whole);
        assert_eq!(visitor.reply().text(), expected);
        assert_eq!(visitor.reply().text(), expected);
        let mut visitor = Visitor::to(address);
        for byte in header {
            visitor.say([*byte]);
        }
        visitor.say(ASK);
        assert_eq!(visitor.reply().text(), expected);
    }
    let mut visitor = Visitor::to(address);
    visitor.say("PROXY UNKNOWN\r\n").say(ASK);
    let text = visitor.reply().text().to_owned();
    assert!(text.starts_with("127.0.0.1:"), "{text}");
    host.stop();
}

#[test]
fn a_header_comes_over_a_unix_socket_too() {
    let host = host();
    let folder = std::env::temp_dir().join(format!("http-aio-proxied-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let endpoint = Endpoint::from(UnixListener::bind(&path).unwrap()).proxy_protocol();
    host.server.listen(endpoint).unwrap();
    let mut visitor = Visitor {
        peer: Peer::from(UnixStream::connect(&path).unwrap()),
        serving: None,
    };
    visitor.say(V1).say(ASK);
    assert_eq!(visitor.reply().text(), "192.0.2.1:56324 http own.example");
    host.stop();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_connection_without_its_header_ends() {
    let host = host();
    let address = listen(&host, Endpoint::proxy_protocol);
    for nonsense in [ASK, "PROXY TCP4 nonsense\r\n", "\r\n\r\n\0\r\nQUIP\n"] {
        let mut visitor = Visitor::to(address);
        visitor.say(nonsense);
        visitor.ends();
    }
    let failed = Event::HandshakeFailed(ErrorKind::Protocol);
    wait_until("all are told of", || {
        host.told.count(|event| *event == failed) == 3
    });
    // One that waits for the rest does not wait for ever.
    for half in ["", "PROXY TCP4 192.0.2.1"] {
        let start = Instant::now();
        let mut visitor = Visitor::to(address);
        visitor.say(half);
        assert!(visitor.ends_after(start) >= BOUND);
    }
    // Where none is expected, it is no request.
    let mut visitor = host.visit();
    assert_eq!(visitor.say(V1).reply().status, 400);
    host.stop();
}

#[cfg(feature = "tls")]
#[test]
fn a_header_comes_before_the_handshake() {
    use crate::tls::{client_config, localhost, server_config_with_tickets};
    let host = host();
    let address = listen(&host, |endpoint| {
        endpoint.tls(server_config_with_tickets()).proxy_protocol()
    });
    let stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut &stream, V2).unwrap();
    let aio = Aio::new().timeout(PATIENCE);
    let conn = settle(Conn::tls_client(aio, stream, localhost(), client_config())).unwrap();
    let request = Request::get("https://own.example/");
    let asked = conn.transact(Aio::new().timeout(PATIENCE), request.body(()).unwrap());
    assert_eq!(
        settle(asked).unwrap().body(),
        "192.0.2.2:80 https own.example"
    );
    drop(conn);
    host.stop();
}

/// Asks once, with more fields.
#[track_caller]
fn ask_with(address: SocketAddr, fields: &str) -> String {
    let mut visitor = Visitor::to(address);
    visitor.say(format!(
        "GET / HTTP/1.1\r\nHost: own.example\r\n{fields}\r\n"
    ));
    visitor.reply().text().to_owned()
}

const FIELDS: &str = "Forwarded: for=192.0.2.66, for=192.0.2.1;proto=https;host=one.example\r\n\
    X-Forwarded-For: 192.0.2.66, 192.0.2.2\r\n\
    X-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: two.example\r\n";

#[test]
fn fields_are_believed_from_named_proxies_alone() {
    let host = host();
    let standard = ForwardedFields::Forwarded;
    let usual = ForwardedFields::XForwarded;
    let near = |fields| {
        listen(&host, |it| {
            it.trust_forwarded(fields, proxies("::1 127.0.0.0/8"))
        })
    };
    assert_eq!(
        ask_with(near(standard), FIELDS),
        "192.0.2.1:0 https one.example"
    );
    assert_eq!(
        ask_with(near(usual), FIELDS),
        "192.0.2.2:0 https two.example"
    );
    let text = ask_with(near(usual), "");
    assert!(
        text.starts_with("127.0.0.1:") && text.ends_with(" http own.example"),
        "{text}"
    );
    // Others are not believed, and by default nobody is.
    let far = listen(&host, |it| {
        it.trust_forwarded(usual, proxies("10.0.0.0/8 unix"))
    });
    for address in [far, host.address] {
        let text = ask_with(address, FIELDS);
        assert!(text.starts_with("127.0.0.1:"), "{text}");
        assert!(text.ends_with(" http own.example"), "{text}");
    }
    host.stop();
}

#[test]
fn a_proxy_behind_another_is_believed_if_both_are() {
    let host = host();
    // The one in front says it in a PROXY header, the one behind it in fields.
    let trusting = |who: &'static str| {
        listen(&host, |endpoint| {
            let endpoint = endpoint.proxy_protocol();
            endpoint.trust_forwarded(ForwardedFields::XForwarded, proxies(who))
        })
    };
    for (who, expected) in [
        ("192.0.2.0/24", "203.0.113.9:0 https two.example"),
        ("127.0.0.1", "192.0.2.1:56324 http own.example"),
    ] {
        let mut visitor = Visitor::to(trusting(who));
        let fields = FIELDS.replace("192.0.2.66", "203.0.113.9");
        visitor.say(V1);
        visitor.say(format!(
            "GET / HTTP/1.1\r\nHost: own.example\r\n{fields}\r\n"
        ));
        assert_eq!(visitor.reply().text(), expected);
    }
    host.stop();
}
