//! The client and what others wrote, on loopback: a Node server that redirects, one that closes
//! connections at the worst moment, and tinyproxy. A test whose peer is not installed is
//! skipped: it says so and passes, and `.ci/run` fails.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use http_aio::http::{Method, Request, StatusCode, Uri};
use http_aio::{Aio, Client, ErrorKind, Proxies};

use crate::site::*;
use crate::support::*;

/// Gone when it is dropped.
struct Process {
    child: Child,
    files: Vec<PathBuf>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// None, and the test is skipped, if it is not installed.
fn start(program: &str, arguments: &[&str]) -> Option<Process> {
    let child = spawn(Command::new(program).args(arguments));
    if child.is_none() {
        skip(format_args!("no {program}"));
    }
    child.map(|child| Process {
        child,
        files: Vec::new(),
    })
}

// ------------------------------------------------------------------------------------------- Node

/// `worst.js`.
struct Node {
    _process: Process,
    redirecting: SocketAddr,
    worst: SocketAddr,
}

impl Node {
    fn start() -> Option<Self> {
        let mut process = start("node", &["-e", include_str!("real_peers/worst.js")])?;
        let (sender, receiver) = bounded(1);
        let output = process.child.stdout.take().expect("piped");
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receive(&receiver);
        let mut ports = line
            .split_whitespace()
            .filter_map(|port| port.parse::<u16>().ok());
        let mut address = || SocketAddr::from(([127, 0, 0, 1], ports.next().expect("two ports")));
        Some(Self {
            redirecting: address(),
            worst: address(),
            _process: process,
        })
    }

    fn seen(&self) -> String {
        let response = fetch(&Client::new(), get(self.redirecting, "/seen"));
        String::from_utf8(response.body().to_vec()).unwrap()
    }

    /// How often this request has come.
    fn times(&self, request: &str) -> usize {
        let seen = self.seen();
        let entry = format!("\"{request}\":");
        let rest = seen.split_once(&entry).map_or("0", |(_, rest)| rest);
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    }
}

fn get(address: SocketAddr, path: &str) -> Request<&'static str> {
    ask(address, Method::GET, path, "")
}

fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    body: &'static str,
) -> Request<&'static str> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"));
    request.body(body).unwrap()
}

#[test]
fn node_redirects() {
    let Some(node) = Node::start() else { return };
    let client = Client::builder().max_redirects(5).build();
    for way in WAYS {
        let call = client.transact(Aio::new(), get(node.redirecting, "/relative/5"));
        assert_eq!(way(call).unwrap().body(), "GET 0");
        let post = ask(node.redirecting, Method::POST, "/relative/2", "content");
        assert_eq!(
            way(client.transact(Aio::new(), post)).unwrap().body(),
            "GET 0"
        );
        let post = ask(node.redirecting, Method::POST, "/permanent", "content");
        assert_eq!(
            way(client.transact(Aio::new(), post)).unwrap().body(),
            "POST 7"
        );
        let error = way(client.transact(Aio::new(), get(node.redirecting, "/loop"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let mut request = get(node.redirecting, "/other");
        request
            .headers_mut()
            .insert("authorization", "secret".parse().unwrap());
        request
            .headers_mut()
            .insert("x-plain", "plain".parse().unwrap());
        let told = way(client.transact(Aio::new(), request)).unwrap();
        let told = String::from_utf8_lossy(told.body()).into_owned();
        assert!(told.contains("plain") && !told.contains("secret"), "{told}");
        let streamed = stream(&client, get(node.redirecting, "/relative/3"));
        assert_eq!(streamed.status(), StatusCode::OK);
    }
}

/// After no byte of the second request, after one, and so on to the last but one; in order, and with
/// a reset.
#[test]
fn node_closes_an_idle_connection_at_the_worst_moment() {
    let Some(node) = Node::start() else { return };
    let mut failures = 0;
    for end in ["", "r"] {
        for bytes in [0, 1, 2, 10, 40, 60, 70] {
            for (nth, way) in WAYS.into_iter().enumerate() {
                for pause in [Duration::ZERO, Duration::from_millis(5)] {
                    let client = Client::new();
                    let id = format!("{bytes}{end}/{nth}/{}", pause.as_millis());
                    fetch(&client, get(node.worst, &format!("/after/{id}")));
                    thread::sleep(pause);
                    let call =
                        client.transact(Aio::new(), get(node.worst, &format!("/again/{id}")));
                    let response = way(call).unwrap_or_else(|error| panic!("{id}: {error:?}"));
                    assert_eq!(response.body(), "fine");
                    assert_eq!(node.times(&format!("GET /again/{id}")), 1, "{id}");

                    let client = Client::new();
                    fetch(&client, get(node.worst, &format!("/after/{id}")));
                    thread::sleep(pause);
                    let path = format!("/once/{id}");
                    let call = client
                        .transact(Aio::new(), ask(node.worst, Method::POST, &path, "content"));
                    let times = match way(call) {
                        Ok(_) => 1,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Reset, "{id}: {error:?}");
                            assert!(error.count() > 0, "{id}: nothing was written: {error:?}");
                            failures += 1;
                            0
                        }
                    };
                    assert_eq!(node.times(&format!("POST {path}")), times, "{id}");
                }
            }
        }
    }
    assert!(failures > 0, "the moment was never bad");
}

// -------------------------------------------------------------------------------------- tinyproxy

struct Tiny {
    _process: Process,
    address: SocketAddr,
}

impl Tiny {
    fn start(more: &str) -> Option<Self> {
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = free.local_addr().expect("bound");
            drop(free);
            let name = format!(
                "http-aio-tinyproxy-{}-{}.conf",
                std::process::id(),
                address.port()
            );
            let file = std::env::temp_dir().join(name);
            let config = format!(
                "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\n{more}\n",
                address.port()
            );
            std::fs::write(&file, config).expect("a file");
            let started = start(
                "tinyproxy",
                &["-d", "-c", file.to_str().expect("a plain name")],
            );
            let Some(mut process) = started else {
                let _ = std::fs::remove_file(&file);
                return None;
            };
            process.files.push(file);
            let mut ended = false;
            wait_until("tinyproxy accepts", || {
                ended = process.child.try_wait().expect("our child").is_some();
                ended || TcpStream::connect(address).is_ok()
            });
            if !ended {
                return Some(Self {
                    _process: process,
                    address,
                });
            }
        }
        panic!("tinyproxy does not start");
    }

    fn client(&self, credentials: &str) -> Client {
        let proxies = Proxies::all(&format!("http://{credentials}{}", self.address)).unwrap();
        // It closes after each request, a little later, and does not say so beforehand: a POST on a
        // connection that was kept may meet its end.
        Client::builder()
            .proxies(proxies)
            .max_redirects(2)
            .idle_total(0)
            .build()
    }
}

/// Closes when it is asked to: tinyproxy waits for that.
fn origin() -> Site {
    let goes_on = |head: String| header(&head, "connection") != Some("close");
    Site::listen(move |visit| while visit.serve_one().is_some_and(goes_on) {})
}

#[test]
fn tinyproxy_forwards() {
    let Some(tiny) = Tiny::start("BasicAuth user pass_word") else {
        return;
    };
    let site = origin();
    let client = tiny.client("user:pass%5Fword@");
    for way in WAYS {
        let response = way(client.transact(Aio::new(), site.get("/text?a=b"))).unwrap();
        assert_eq!(response.body(), "/text?a=b");
        let post = site.ask(Method::POST, "/echo", "content");
        assert_eq!(
            way(client.transact(Aio::new(), post)).unwrap().body(),
            "content"
        );
        assert_eq!(
            read_to_end(&stream(&client, site.get("/chunked"))),
            b"hello"
        );
        let large = site.ask(Method::PUT, "/large", pattern(0, 1 << 20));
        assert_eq!(
            way(client.transact(Aio::new(), large)).unwrap().body(),
            "/large"
        );
    }
    for head in site.heads() {
        assert!(header(&head, "via").is_some(), "{head}");
        assert_eq!(header(&head, "proxy-authorization"), None);
    }
    // Whom it does not know it does not serve.
    let before = site.seen().len();
    for wrong in ["", "user:word@"] {
        let response = fetch(&tiny.client(wrong), site.get("/"));
        assert!(response.status().is_client_error(), "{response:?}");
    }
    assert_eq!(site.seen().len(), before);
}

#[test]
fn tinyproxy_follows_redirections_to_others() {
    let Some(tiny) = Tiny::start("") else { return };
    let site = origin();
    let there = site.url("/there");
    let redirecting = Site::listen(move |visit| {
        visit.request();
        visit.say(moved(302, &there));
    });
    let client = tiny.client("");
    for way in WAYS {
        let response = way(client.transact(Aio::new(), redirecting.get("/"))).unwrap();
        assert_eq!(response.body(), "/there");
    }
    // An origin that is not there is the proxy's to report.
    let (_kept, nowhere) = refusing();
    let response = fetch(&client, get(nowhere, "/"));
    assert!(response.status().is_server_error(), "{response:?}");
}

#[test]
fn tinyproxy_opens_a_tunnel() {
    let Some(tiny) = Tiny::start("BasicAuth user pass_word") else {
        return;
    };
    let site = Site::serving();
    let uri: Uri = site.url("/").parse().unwrap();
    let client = tiny.client("user:pass%5Fword@");
    let conn = settle(client.connect(Aio::new(), &uri)).unwrap();
    for _ in 0..2 {
        let response = settle(conn.transact(Aio::new(), site.get("/through"))).unwrap();
        assert_eq!(response.body(), "/through");
    }
    assert!(
        site.heads()
            .iter()
            .all(|head| header(head, "via").is_none())
    );
    let refused = settle(tiny.client("").connect(Aio::new(), &uri));
    assert_eq!(failure(refused).0, ErrorKind::Refused);
}
