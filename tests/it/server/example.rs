//! The examples of the server, run as their users run them.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;

use http_aio::http::{Request, Response};
use http_aio::{Aio, Client, Conn};

use crate::examples::{binary, collect, interrupt};
use crate::support::*;

/// All that listen.
const EXAMPLES: [&str; 6] = [
    "hello_server",
    "echo",
    "reverse_proxy",
    "long_poll",
    "upgrade",
    "access_log",
];

/// An example that listens, and where.
pub(super) struct Listening {
    child: Child,
    pub(super) url: String,
    stdout: BufReader<ChildStdout>,
    stderr: Receiver<Vec<u8>>,
}

impl Listening {
    #[track_caller]
    pub(super) fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary(name))
            .args(["--bind", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = collect(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let address = line.trim_end().strip_prefix("listening on ");
        let url = format!("http://{}", address.expect("an address"));
        Self {
            child,
            url,
            stdout,
            stderr,
        }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    #[track_caller]
    fn get(&self, path: &str) -> Response<bytes::Bytes> {
        let url = format!("{}{path}", self.url);
        settle(Client::new().get(Aio::new(), url)).expect("an answer")
    }

    /// It ends in order, and has said nothing about it.
    #[track_caller]
    pub(super) fn stop(mut self) {
        interrupt(&self.child);
        wait_until("it ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
        assert!(self.child.wait().expect("it has ended").success());
        let stderr = self.stderr.recv_timeout(PATIENCE).expect("it has ended");
        assert_eq!(String::from_utf8_lossy(&stderr), "");
    }
}

#[test]
fn hello_server_greets_until_it_is_interrupted() {
    let server = Listening::start("hello_server", &["--max-connections", "4"]);
    assert_eq!(server.get("/").body(), "Hello, world!");
    assert_eq!(server.get("/hello/Ada%20L").body(), "Hello, Ada L!");
    assert_eq!(server.get("/sleep/soon").status(), 400);
    assert_eq!(server.get("/elsewhere").status(), 404);

    // What has arrived is answered.
    let conn = settle(Conn::connect(Aio::new(), server.address().to_owned())).expect("it listens");
    let request = Request::get("http://h/sleep/200").body(()).unwrap();
    settle(conn.write_request(Aio::new(), request)).expect("it is small");
    interrupt(&server.child);
    settle(conn.read_response(Aio::new())).expect("an answer");
    let text = settle(conn.read_body(Aio::new())).expect("a text");
    assert_eq!(text, "That took its time.");
    server.stop();
}

#[test]
fn echo_says_back_what_it_is_told() {
    let server = Listening::start("echo", &[]);
    assert_eq!(server.get("/any/thing").body(), "OK");
    let told = Client::new().post(Aio::new(), format!("{}/x", server.url), "told");
    assert_eq!(settle(told).unwrap().body(), "told");
    let request = Request::get(format!("{}/echo", server.url)).header("Told", "this");
    let request = request.body(()).unwrap();
    let lines = settle(Client::new().transact(Aio::new(), request)).unwrap();
    let lines = String::from_utf8_lossy(lines.body());
    assert!(lines.lines().any(|line| line == "told: this"), "{lines}");
    server.stop();
}

#[test]
fn reverse_proxy_passes_on_to_a_server_of_its_own_or_to_another() {
    let own = Listening::start("reverse_proxy", &[]);
    assert_eq!(own.get("/").body(), "Hello from behind the proxy!");
    own.stop();

    let echo = Listening::start("echo", &[]);
    let proxy = Listening::start("reverse_proxy", &["--to", echo.address()]);
    let told = Client::new().post(Aio::new(), format!("{}/x", proxy.url), "told");
    assert_eq!(settle(told).unwrap().body(), "told");
    let lines = proxy.get("/echo");
    let lines = String::from_utf8_lossy(lines.body());
    for line in ["via: 1.1 http-aio", "x-forwarded-for: 127.0.0.1"] {
        assert!(lines.lines().any(|there| there == line), "{lines}");
    }
    proxy.stop();
    echo.stop();
}

#[test]
fn reverse_proxy_says_502_for_a_server_that_is_not_there() {
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nowhere.local_addr().expect("bound").to_string();
    drop(nowhere);
    let mut proxy = Listening::start("reverse_proxy", &["--to", &address]);
    assert_eq!(proxy.get("/").status(), 502);
    proxy.child.kill().expect("it runs");
    proxy.child.wait().expect("it ends");
    let stderr = proxy.stderr.recv_timeout(PATIENCE).expect("it has ended");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(stderr.starts_with("GET /: "), "{stderr}");
}

#[test]
fn long_poll_answers_when_there_is_news_and_stops_at_once() {
    let server = Listening::start("long_poll", &[]);
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", server.url);
    let waiting: Vec<_> = (0..3)
        .map(|_| client.get(Aio::new(), url("/wait")))
        .collect();
    let mut told = 0;
    while told < waiting.len() {
        let telling = client.post(Aio::new(), url("/tell"), "the news");
        let text = settle(telling).unwrap();
        let text = String::from_utf8_lossy(text.body()).into_owned();
        told += text
            .trim_start_matches("told ")
            .trim_end()
            .parse::<usize>()
            .unwrap();
    }
    for waiting in waiting {
        assert_eq!(settle(waiting).unwrap().body(), "the news");
    }
    // Those who wait when it stops are told so.
    let mut late = Peer::from(TcpStream::connect(server.address()).unwrap());
    late.say("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    let quick = client.get(Aio::new(), url("/"));
    settle(quick).expect("it is answered");
    server.stop();
    let last = late.drain().bytes;
    assert!(
        last.is_empty() || last.starts_with(b"HTTP/1.1 503 "),
        "{last:?}"
    );
}

#[test]
fn upgrade_speaks_with_itself() {
    let server = Listening::start("upgrade", &[]);
    let talk = Command::new(binary("upgrade"))
        .args(["--to", server.address()])
        .output();
    let talk = talk.expect("it starts");
    assert!(
        talk.status.success(),
        "{}",
        String::from_utf8_lossy(&talk.stderr)
    );
    let said = String::from_utf8_lossy(&talk.stdout).into_owned();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "101 Switching Protocols",
            "what",
            "comes",
            "after",
            "is",
            "no",
            "HTTP"
        ]
    );
    let refused = server.get("/echo"); // Without the offer there is no upgrade.
    assert_eq!(refused.status(), 426);
    assert_eq!(refused.headers()["upgrade"], "echo");
    server.stop();
}

#[test]
fn access_log_has_a_line_for_each_request() {
    let mut server = Listening::start("access_log", &[]);
    assert_eq!(server.get("/hello/you?x").body(), "Hello, you!\n");
    assert_eq!(server.get("/fail").status(), 500);
    assert_eq!(server.get("/nothing\\\"").status(), 404);
    interrupt(&server.child);
    wait_until("it ends", || {
        server.child.try_wait().expect("a child").is_some()
    });
    assert!(server.child.wait().expect("it has ended").success());
    let mut log = String::new();
    server.stdout.read_to_string(&mut log).expect("text");
    let mut lines = log.lines();
    assert!(
        lines
            .next()
            .expect("what to try")
            .starts_with("try: curl 127.0.0.1:")
    );
    for (line, status) in [
        ("GET /hello/you?x", 200),
        ("GET /fail", 500),
        (r#"GET /nothing\\\""#, 404),
    ] {
        let entry = lines.next().expect("a line");
        let (start, rest) = entry.split_once(" - - [").expect("common log format");
        let (date, rest) = rest.split_once("] ").expect("common log format");
        assert_eq!(start, "127.0.0.1");
        assert_eq!((date.len(), &date[20..]), (26, " +0000"), "{date}");
        let rest = rest.strip_prefix(&format!("\"{line} HTTP/1.1\" {status} "));
        let bytes: u64 = rest.expect("common log format").parse().expect("a number");
        assert!(bytes > 100, "{entry}");
    }
    assert_eq!(lines.next(), None);
    let stderr = server.stderr.recv_timeout(PATIENCE).expect("it has ended");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        stderr.starts_with("/fail: on purpose\n3 requests, "),
        "{stderr}"
    );
}

#[test]
fn an_example_that_cannot_listen_says_where_and_why() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    for example in EXAMPLES {
        let output = Command::new(binary(example))
            .args(["--bind", &address])
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{example}");
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("error: cannot listen on {address}: Address already in use");
        assert!(said.starts_with(&expected), "{example}: {said}");
    }
}
