//! What a proxy is told, and that nobody else is; and what goes wrong with tunnels.

use http_aio::http::{Request, Uri};
use http_aio::{Aio, Client, ClientBuilder, ErrorKind, Proxies};

use crate::client::proxy;
use crate::site::*;
use crate::support::*;

const OF_THE_SETTINGS: &str = "Basic dXNlcjpwYXNz";
const OWN: &str = "Bearer own";

/// Through `proxy`, with credentials.
fn through(proxy: &Site) -> ClientBuilder {
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    Client::builder().proxies(proxies)
}

/// Its own word to the proxy, once for each of these.
fn with_word<B>(mut request: Request<B>, words: &[&'static str]) -> Request<B> {
    for word in words {
        let headers = request.headers_mut();
        headers.append("proxy-authorization", word.parse().unwrap());
    }
    request
}

/// All that the head says to a proxy.
fn words(head: &str) -> Vec<&str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let words = fields.filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    words.map(|(_, value)| value).collect()
}

#[test]
fn a_proxy_is_given_one_word_and_the_requests_own_is_preferred() {
    let proxy = proxy();
    let plain = Proxies::all(&proxy.address.to_string()).unwrap();
    let plain = Client::builder().proxies(plain).build();
    let client = through(&proxy).build();
    let site = Site::serving();
    for (client, own, told) in [
        (&client, &[][..], &[OF_THE_SETTINGS][..]),
        (&client, &[OWN], &[OWN]),
        (&client, &[OWN, "Basic other"], &[OWN]),
        (&plain, &[], &[]),
        (&plain, &[OWN], &[OWN]),
    ] {
        for path in ["/a", "/b"] {
            fetch(client, with_word(site.get(path), own));
            assert_eq!(words(&proxy.heads().pop().unwrap()), told);
        }
    }
    assert_eq!(site.connections(), 0);
}

#[test]
fn a_server_is_told_nothing_of_it() {
    let (site, proxy) = (Site::serving(), proxy());
    let excepted = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let excepted = Client::builder().proxies(excepted.except("127.0.0.1"));
    for client in [Client::new(), excepted.build()] {
        for way in WAYS {
            let mut request = with_word(site.get("/"), &[OWN]);
            let headers = request.headers_mut();
            headers.insert("authorization", "Basic for-it".parse().unwrap());
            way(client.transact(Aio::new(), request)).unwrap();
            let head = site.heads().pop().unwrap();
            assert_eq!(words(&head), [] as [&str; 0], "{head}");
            assert_eq!(header(&head, "authorization"), Some("Basic for-it"));
        }
    }
    assert_eq!(proxy.connections(), 0);
    // Nor is it shown.
    assert!(!format!("{:?}", Client::new()).contains("own"));
}

#[test]
fn a_proxy_that_speaks_out_of_turn_is_no_tunnel() {
    let uri = Uri::from_static("http://somewhere.invalid:81");
    let proxy = Site::listen(|visit| {
        visit.asked();
        visit.say("HTTP/1.1 200 OK\r\n\r\nand more");
        visit.idle();
    });
    let error = settle(through(&proxy).build().connect(Aio::new(), &uri)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    proxy.wait_until_open(0);
}

/// The proxy leaves no descriptor, and then opens the tunnel.
#[test]
#[cfg(target_os = "linux")]
fn a_tunnel_without_a_descriptor_says_so() {
    const TEST: &str = "proxies::a_tunnel_without_a_descriptor_says_so";
    const MARK: &str = "HTTP_AIO_FEW_DESCRIPTORS";
    if std::env::var_os(MARK).is_none() {
        let itself = std::env::current_exe().unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
            .arg(itself)
            .args([TEST, "--exact", "--test-threads=1", "--nocapture"])
            .env(MARK, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("1 passed"), "{said}\n{errors}");
        return;
    }
    let all = std::sync::Mutex::new(Vec::new());
    let proxy = Site::listen(move |visit| {
        visit.asked();
        let mut all = all.lock().unwrap();
        while let Ok(one) = std::fs::File::open("/dev/null") {
            all.push(one);
        }
        visit.say("HTTP/1.1 200 OK\r\n\r\n");
        visit.idle();
        all.clear();
    });
    let uri = Uri::from_static("http://somewhere.invalid:81");
    let client = through(&proxy).build();
    // Something else may close one at the last moment.
    let mut attempts = (0..20).map(|_| settle(client.connect(Aio::new(), &uri)));
    let error = attempts.find_map(Result::err).expect("no descriptor");
    assert_eq!(error.kind(), ErrorKind::NoMemory, "{error:?}");
    assert_eq!(error.detail().as_deref(), Some("no descriptor is left"));
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert!(source.raw_os_error().is_some());
}

#[cfg(feature = "tls")]
mod tunnels {
    use super::*;
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use http_aio::Conn;
    use http_aio::http::{HeaderMap, Response};

    use crate::client::tunneling;
    use crate::tls::{VERSIONS, client_config, server_config};

    /// A server over TLS that remembers what it was told. Its URL, and that.
    fn secure_site() -> (String, Arc<Mutex<Vec<HeaderMap>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let theirs = Arc::clone(&seen);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let theirs = Arc::clone(&theirs);
                std::thread::spawn(move || {
                    let config = server_config(VERSIONS[1]);
                    let conn = Conn::tls_server(Aio::new(), stream, config).wait()?;
                    while let Ok(request) = conn.read_request(Aio::new()).wait() {
                        theirs.lock().unwrap().push(request.headers().clone());
                        let answer = Response::new("secret");
                        conn.write_response(Aio::new(), answer).wait()?;
                    }
                    Ok::<_, http_aio::Error>(())
                });
            }
        });
        (format!("https://localhost:{port}/"), seen)
    }

    #[test]
    fn the_word_to_the_proxy_opens_the_tunnel_and_does_not_go_through() {
        let (url, seen) = secure_site();
        let proxy = tunneling("HTTP/1.1 200 OK\r\n\r\n");
        let client = through(&proxy).tls(client_config()).build();
        let get = |words| with_word(Request::get(&url).body(()).unwrap(), words);
        // The second of a kind takes the tunnel of the first, and nobody else's.
        for (own, told, tunnels) in [
            (&[][..], OF_THE_SETTINGS, 1),
            (&[], OF_THE_SETTINGS, 1),
            (&[OWN], OWN, 2),
            (&[OWN], OWN, 2),
            (&["Basic other"], "Basic other", 3),
            (&[], OF_THE_SETTINGS, 3),
        ] {
            assert_eq!(fetch(&client, get(own)).body(), "secret");
            let heads = proxy.heads();
            assert_eq!(heads.len(), tunnels);
            assert!(heads.iter().any(|head| words(head) == [told]), "{heads:?}");
            assert!(heads.iter().all(|head| words(head).len() == 1));
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 6);
        assert!(
            seen.iter()
                .all(|headers| !headers.contains_key("proxy-authorization"))
        );
        let shown = format!("{client:?}");
        assert!(
            !shown.contains("Bearer") && !shown.contains("other"),
            "{shown}"
        );
    }

    #[test]
    fn a_proxy_that_speaks_out_of_turn_is_no_tunnel_to_a_secure_server() {
        let proxy = Site::listen(|visit| {
            visit.asked();
            visit.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore");
            visit.idle();
        });
        let client = through(&proxy).tls(client_config()).build();
        let request = Request::get("https://localhost:1/").body(());
        let error = settle(client.transact(Aio::new(), request.unwrap())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        proxy.wait_until_open(0);
    }
}
