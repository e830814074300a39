//! Servers that others wrote, on loopback: nginx, Python's `http.server`, Node. A test whose server
//! is not installed is skipped: it says so and passes, and `.ci/run` fails.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, request};
use http_aio::{Aio, Conn, ErrorKind, Interim, IntoBody, Limits, Written};

use crate::support::*;

// ---------------------------------------------------------------------------------------- servers

/// A server's process and its directory; both are gone when it is dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    address: SocketAddr,
    directory: Directory,
}

/// A directory that is removed with all that is in it.
#[derive(Debug)]
struct Directory(PathBuf);

/// Why there is no server.
#[derive(Debug)]
enum Absent {
    /// The program is not there, or cannot do what is needed: the test is skipped.
    Program(String),
    /// Somebody else was quicker to take the port.
    Port,
}

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-aio-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("root")).expect("a temporary directory");
        Self(path)
    }

    /// What is served.
    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn serve(&self, path: &str, content: &[u8]) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    fn stored(&self, path: &str) -> Vec<u8> {
        fs::read(self.root().join(path)).expect("the server has stored it")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Serves what is in `directory`, with DAV; see `nginx.conf`.
    fn nginx(prepare: impl Fn(&Directory)) -> Option<Self> {
        for _ in 0..10 {
            let directory = Directory::new();
            prepare(&directory);
            match Self::try_nginx(directory) {
                Ok(server) => return Some(server),
                Err(Absent::Port) => {}
                Err(Absent::Program(why)) => {
                    skip(why);
                    return None;
                }
            }
        }
        panic!("ten times, somebody else has taken the port");
    }

    fn try_nginx(directory: Directory) -> Result<Self, Absent> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let at = directory.0.to_str().expect("a plain name");
        let config = include_str!("real_peers/nginx.conf")
            .replace("DIRECTORY", at)
            .replace("PORT", &address.port().to_string());
        let (file, log) = (
            directory.0.join("nginx.conf"),
            directory.0.join("error.log"),
        );
        fs::write(&file, config).expect("a file");
        let mut command = Command::new("nginx");
        command.args(["-p", at, "-e"]).arg(&log).arg("-c").arg(file);
        let child = spawn(&mut command).ok_or_else(|| Absent::Program("no nginx".into()))?;
        let mut server = Self {
            child,
            address,
            directory,
        };
        let mut ended = false;
        wait_until("nginx accepts", || {
            ended = server.child.try_wait().expect("our child").is_some();
            ended || TcpStream::connect(address).is_ok()
        });
        if !ended {
            return Ok(server);
        }
        let log = fs::read_to_string(log).unwrap_or_default();
        if log.contains("Address already in use") {
            Err(Absent::Port)
        } else if log.contains("unknown directive") {
            Err(Absent::Program(format!("nginx lacks a module: {log}")))
        } else {
            panic!("nginx does not start: {log}");
        }
    }

    /// `python3 -m http.server`, as it is: HTTP/1.0.
    fn python(prepare: impl Fn(&Directory)) -> Option<Self> {
        let arguments = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"];
        Self::telling("python3", &arguments, prepare)
    }

    /// `server.py`, which speaks the version it is told to.
    fn python_script(version: &str, prepare: impl Fn(&Directory)) -> Option<Self> {
        let script = include_str!("real_peers/server.py");
        Self::telling("python3", &["-c", script, version], prepare)
    }

    /// `server.js`.
    fn node() -> Option<Self> {
        let script = include_str!("real_peers/server.js");
        Self::telling("node", &["-e", script], |_| {})
    }

    /// A program that serves its working directory, and tells its port in the first line it prints.
    fn telling(program: &str, arguments: &[&str], prepare: impl Fn(&Directory)) -> Option<Self> {
        let server = Self::try_telling(program, arguments, prepare);
        if server.is_none() {
            skip(format_args!("no {program}"));
        }
        server
    }

    fn try_telling(
        program: &str,
        arguments: &[&str],
        prepare: impl Fn(&Directory),
    ) -> Option<Self> {
        let directory = Directory::new();
        prepare(&directory);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory.root());
        let child = spawn(&mut command)?;
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory,
        };
        let (sender, receiver) = bounded(1);
        let output = server.child.stdout.take().expect("piped");
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            let _ = output.read_line(&mut line);
            let _ = sender.send(line);
            // Read on, so that the server never waits for a reader.
            let _ = std::io::copy(&mut output, &mut std::io::sink());
        });
        let line = receive(&receiver);
        // "Serving HTTP on 127.0.0.1 port 42 (http://...)", or just the number.
        let port = line.split_whitespace().find_map(|word| word.parse().ok());
        server
            .address
            .set_port(port.unwrap_or_else(|| panic!("{program} does not start: {line:?}")));
        let address = server.address;
        wait_until("the server accepts", || TcpStream::connect(address).is_ok());
        Some(server)
    }

    #[track_caller]
    fn connect(&self) -> Conn {
        settle(Conn::connect(Aio::new(), self.address)).expect("it listens")
    }

    fn ask(&self, method: &str, path: &str) -> request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
    }

    fn get(&self, path: &str) -> Request<()> {
        self.ask("GET", path).body(()).unwrap()
    }

    /// A connection of its own each time.
    #[track_caller]
    fn fetch(&self, path: &str) -> Response<Bytes> {
        exchange(&self.connect(), self.get(path))
    }

    /// For `server.js`: what it has noted.
    #[track_caller]
    fn wait_until_seen(&self, what: &str) {
        wait_until(what, || {
            let seen = self.fetch("/seen");
            String::from_utf8_lossy(seen.body())
                .lines()
                .any(|line| line == what)
        });
    }
}

#[track_caller]
fn exchange(conn: &Conn, request: Request<impl IntoBody>) -> Response<Bytes> {
    let what = format!("{} {}", request.method(), request.uri());
    match settle(conn.transact(Aio::new(), request)) {
        Ok(response) => response,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> &'a str {
    let value = response.headers().get(name).map(HeaderValue::to_str);
    value.and_then(Result::ok).unwrap_or_default()
}

fn written(response: &Response<Bytes>) -> u64 {
    let written = response.extensions().get::<Written>();
    written.expect("transact tells what went out").count()
}

/// The sum that `server.js` makes.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 1_000_003
}

/// A body of which the kernel and an eager server take only a part before an answer is there. Its
/// pages are never written to, so they cost nothing.
fn enormous() -> Bytes {
    vec![0; 512 << 20].into()
}

#[test]
fn a_program_that_is_absent_is_no_failure() {
    let absent = Server::try_telling("http-aio-no-such-program", &[], |_| {});
    assert!(absent.is_none());
}

#[test]
fn a_server_is_gone_when_it_is_dropped() {
    let Some(server) = Server::python(|_| {}) else {
        return;
    };
    let (address, directory) = (server.address, server.directory.0.clone());
    let panicked = thread::spawn(move || {
        let _server = server;
        std::panic::panic_any("a test that fails");
    });
    assert!(panicked.join().is_err());
    assert!(TcpStream::connect(address).is_err());
    assert!(!Path::new(&directory).exists());
}

// ------------------------------------------------------------------------------------------ nginx

const SIZES: [usize; 5] = [0, 1, 65_535, 65_536, 5 << 20];

#[test]
fn nginx_stores_what_is_put_and_gives_it_back() {
    let Some(server) = Server::nginx(|_| {}) else {
        return;
    };
    let conn = server.connect();
    for (n, size) in SIZES.into_iter().enumerate() {
        let path = format!("/dav/new/{n}");
        let body = pattern(n as u64, size);
        for status in [StatusCode::CREATED, StatusCode::NO_CONTENT] {
            let request = server.ask("PUT", &path).body(body.clone()).unwrap();
            let response = exchange(&conn, request);
            assert_eq!(response.status(), status);
            assert!((size as u64..size as u64 + 1000).contains(&written(&response)));
        }
        assert!(server.directory.stored(&path[1..]) == body, "{size} stored");
        let response = exchange(&conn, server.get(&path));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-length"), size.to_string());
        assert!(response.body() == &body, "{size} given back");
        assert!(conn.is_reusable());
    }
}

#[test]
fn nginx_understands_chunks() {
    let Some(server) = Server::nginx(|_| {}) else {
        return;
    };
    let conn = server.connect();
    for round in 0..3 {
        let path = format!("/dav/chunked-{round}");
        let request = server
            .ask("PUT", &path)
            .header("Transfer-Encoding", "chunked")
            .body(())
            .unwrap();
        let answered = conn.read_response(Aio::new());
        let head = conn.write_request(Aio::new(), request);
        let mut offset = 0;
        let mut pieces = Vec::new();
        for size in [1, 0, 9, 16, 255, 65_536, 1 << 20, (3 << 20) + round] {
            pieces.push((size, write_pattern(&conn, Aio::new(), offset, size)));
            offset += size as u64;
        }
        let finished = conn.finish(Aio::new());
        settle(head).unwrap();
        for (size, piece) in pieces {
            assert_eq!(settle(piece).unwrap().count(), size as u64);
        }
        settle(finished).unwrap();
        assert_eq!(settle(answered).unwrap().status(), StatusCode::CREATED);
        let stored = server.directory.stored(&path[1..]);
        assert_eq!(stored.len() as u64, offset);
        assert_pattern(0, &stored);
        // nginx sends none with a 201, and says so.
        assert!(settle(conn.read(Aio::new(), 100)).unwrap().is_empty());
        assert!(conn.is_reusable());
    }
}

#[test]
fn nginx_asks_for_a_body_that_waits_for_it() {
    let Some(server) = Server::nginx(|_| {}) else {
        return;
    };
    let body = pattern(0, 3 << 20);
    let ask = |path| {
        server
            .ask("PUT", path)
            .header("Expect", "100-continue")
            .header("Content-Length", body.len())
    };
    // All in one. The wait is longer than the test's patience: it is nginx who asks.
    let conn = server
        .connect()
        .limits(Limits::default().continue_wait(PATIENCE * 2));
    let response = exchange(&conn, ask("/dav/a").body(body.clone()).unwrap());
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(interim(&response), [100]);
    assert!(server.directory.stored("dav/a") == body);
    // Step by step, on the same connection.
    let head = ask("/dav/b").body(()).unwrap();
    settle(conn.write_request(Aio::new(), head)).unwrap();
    let granted = settle(conn.read_any_response(Aio::new())).unwrap();
    assert_eq!(granted.status(), StatusCode::CONTINUE);
    settle(conn.write_all(Aio::new().iov([body.clone()]))).unwrap();
    let response = settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert!(server.directory.stored("dav/b") == body);
    // Too large: refused instead, and nothing of it goes out.
    let response = exchange(&conn, ask("/small/c").body(body.clone()).unwrap());
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(interim(&response).is_empty());
    assert!(written(&response) < 1000, "{}", written(&response));
    assert!(!conn.is_reusable());
}

/// HEAD, a range, one that is none, and what is not modified: each is followed by another exchange.
#[test]
fn nginx_answers_without_a_body_and_the_connection_goes_on() {
    let content = pattern(0, 3 << 20);
    let Some(server) = Server::nginx(|directory| directory.serve("file", &content)) else {
        return;
    };
    let conn = server.connect();
    let with = |name: &str, value: &str| {
        let request = server.ask("GET", "/file").header(name, value);
        request.body(()).unwrap()
    };
    let whole = exchange(&conn, server.get("/file"));
    assert!(whole.body() == &content);
    let (tag, modified) = (header(&whole, "etag"), header(&whole, "last-modified"));
    assert!(!tag.is_empty() && !modified.is_empty());
    for _ in 0..3 {
        let head = server.ask("HEAD", "/file").body(()).unwrap();
        let response = exchange(&conn, head);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            header(&response, "content-length"),
            content.len().to_string()
        );
        assert!(response.body().is_empty());

        let response = exchange(&conn, with("Range", "bytes=1000-70999"));
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.body().len(), 70_000);
        assert_pattern(1000, response.body());

        let response = exchange(&conn, with("Range", "bytes=99999999-"));
        assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);

        for request in [
            with("If-None-Match", tag),
            with("If-Modified-Since", modified),
        ] {
            let response = exchange(&conn, request);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
            assert!(response.body().is_empty());
        }

        let response = exchange(&conn, server.get("/nowhere"));
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        header(&exchange(&conn, server.get("/file")), "x-requests"),
        "20"
    );
}

#[test]
fn nginx_answers_a_thousand_times_on_one_connection() {
    let Some(server) = Server::nginx(|directory| {
        directory.serve("static", b"static");
        directory.serve("ssi/page", b"<!--# echo var=\"request_method\" -->");
    }) else {
        return;
    };
    let conn = server.connect();
    for n in 1..=1000 {
        let (path, body) = match n % 3 {
            0 => ("/ssi/page", "GET"),
            _ => ("/static", "static"),
        };
        let response = exchange(&conn, server.get(path));
        assert_eq!(response.body(), body, "{n}");
        assert_eq!(header(&response, "x-requests"), n.to_string());
    }
}

#[test]
fn nginx_answers_what_is_pipelined() {
    let Some(server) = Server::nginx(|directory| {
        for n in 0..50 {
            directory.serve(&format!("{n}"), format!("file {n}").as_bytes());
        }
    }) else {
        return;
    };
    let conn = server.connect();
    let answers: Vec<_> = (0..50)
        .map(|n| conn.transact(Aio::new(), server.get(&format!("/{n}"))))
        .collect();
    for (n, answer) in answers.into_iter().enumerate() {
        let response = settle(answer).unwrap();
        assert_eq!(response.body(), &format!("file {n}"));
        assert_eq!(header(&response, "x-requests"), (n + 1).to_string());
    }
}

/// What SSI and autoindex make has no length; to a client of HTTP/1.0 it ends with the connection.
#[test]
fn nginx_sends_what_has_no_length_in_chunks_or_to_the_end() {
    let filling = "0123456789abcdef".repeat(128 << 10);
    let page = format!("<!--# echo var=\"request_method\" -->{filling}");
    let Some(server) = Server::nginx(|directory| {
        directory.serve("ssi/page", page.as_bytes());
        directory.serve("list/one.txt", b"");
    }) else {
        return;
    };
    let expected = format!("GET{filling}");
    let conn = server.connect();
    let response = exchange(&conn, server.get("/ssi/page"));
    assert_eq!(header(&response, "transfer-encoding"), "chunked");
    assert!(response.body() == &expected);

    let response = exchange(&conn, server.get("/list/"));
    assert_eq!(header(&response, "transfer-encoding"), "chunked");
    assert!(String::from_utf8_lossy(response.body()).contains("one.txt"));

    // Piece by piece.
    let streaming = conn.transact_streaming(Aio::new(), server.get("/ssi/page"));
    assert_eq!(settle(streaming).unwrap().status(), StatusCode::OK);
    let start = settle(conn.read_all(Aio::new(), 1000)).unwrap();
    let mut rest = Vec::new();
    conn.body()
        .timeout(PATIENCE)
        .read_to_end(&mut rest)
        .unwrap();
    assert!([&start[..], &rest[..]].concat() == expected.as_bytes());
    assert!(settle(conn.read_trailers(Aio::new())).unwrap().is_empty());
    assert!(conn.is_reusable());

    let old = server
        .ask("GET", "/ssi/page")
        .version(Version::HTTP_10)
        .body(());
    let response = exchange(&conn, old.unwrap());
    assert_eq!(header(&response, "transfer-encoding"), "");
    assert_eq!(header(&response, "content-length"), "");
    assert!(response.body() == &expected);
    assert!(!conn.is_reusable());
}

#[test]
fn nginx_refuses_a_large_body_while_it_goes_out() {
    let Some(server) = Server::nginx(|_| {}) else {
        return;
    };
    let body = enormous();
    // Declared at once.
    let conn = server.connect();
    let request = server.ask("PUT", "/small/x").body(body.clone()).unwrap();
    let response = exchange(&conn, request);
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(String::from_utf8_lossy(response.body()).contains("413"));
    let sent = written(&response);
    assert!(sent > 0 && sent < body.len() as u64, "{sent}");
    assert!(!conn.is_reusable());
    // In chunks: seen when the limit is passed. nginx reads on for a while; the write is canceled.
    let conn = server.connect();
    let request = server
        .ask("PUT", "/small/y")
        .header("Transfer-Encoding", "chunked")
        .body(())
        .unwrap();
    settle(conn.write_request(Aio::new(), request)).unwrap();
    let writing = conn.write_all(Aio::new().iov([body.clone()]));
    let response = settle(conn.read_response(Aio::new())).unwrap();
    writing.cancel();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let (kind, sent) = failure(settle(writing));
    assert_eq!(kind, ErrorKind::Canceled);
    assert!(sent > 64 << 10 && sent < body.len() as u64, "{sent}");
    let length: usize = header(&response, "content-length").parse().unwrap();
    assert_eq!(
        settle(conn.read_all(Aio::new(), length)).unwrap().len(),
        length
    );
}

#[test]
fn nginx_closes_when_it_is_asked_to() {
    let Some(server) = Server::nginx(|directory| directory.serve("file", b"content")) else {
        return;
    };
    let conn = server.connect();
    let last = server.ask("GET", "/file").header("Connection", "close");
    let response = exchange(&conn, last.body(()).unwrap());
    assert_eq!(response.body(), "content");
    assert!(!conn.is_reusable());
    let error = settle(conn.transact(Aio::new(), server.get("/file"))).unwrap_err();
    assert!(error.is_closed(), "{error:?}");
}

// ----------------------------------------------------------------------------------------- Python

#[test]
fn python_speaks_http_1_0() {
    let content = pattern(0, 1 << 20);
    let Some(server) = Server::python(|directory| directory.serve("file", &content)) else {
        return;
    };
    let conn = server.connect();
    let response = exchange(&conn, server.get("/file"));
    assert_eq!(response.version(), Version::HTTP_10);
    assert!(response.body() == &content);
    assert!(!conn.is_reusable());

    let conn = server.connect();
    let head = server.ask("HEAD", "/file").body(()).unwrap();
    let response = exchange(&conn, head);
    assert_eq!(
        header(&response, "content-length"),
        content.len().to_string()
    );
    assert!(response.body().is_empty());
    assert!(!conn.is_reusable());

    assert_eq!(server.fetch("/nowhere").status(), StatusCode::NOT_FOUND);
    let put = server.ask("PUT", "/file").body("hello").unwrap();
    let response = exchange(&server.connect(), put);
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
    assert!(!response.body().is_empty());
}

#[test]
fn python_speaks_http_1_1() {
    let content = pattern(0, 1 << 20);
    let prepare = |directory: &Directory| directory.serve("file", &content);
    let Some(server) = Server::python_script("HTTP/1.1", prepare) else {
        return;
    };
    let conn = server.connect();
    for _ in 0..10 {
        let response = exchange(&conn, server.get("/file"));
        assert_eq!(response.version(), Version::HTTP_11);
        assert!(response.body() == &content);
        let head = server.ask("HEAD", "/file").body(()).unwrap();
        let response = exchange(&conn, head);
        assert_eq!(
            header(&response, "content-length"),
            content.len().to_string()
        );
        assert!(response.body().is_empty());
        let post = server.ask("POST", "/").body(content.clone()).unwrap();
        assert!(exchange(&conn, post).body() == &content);
        assert!(conn.is_reusable());
    }
    // Its errors close.
    let response = exchange(&conn, server.get("/nowhere"));
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&response, "connection"), "close");
    assert!(!conn.is_reusable());
    let put = server.ask("PUT", "/file").body("hello").unwrap();
    let response = exchange(&server.connect(), put);
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
}

#[test]
fn python_ends_a_body_with_the_connection() {
    let expected: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let Some(server) = Server::python_script(version, |_| {}) else {
            return;
        };
        let conn = server.connect();
        let response = exchange(&conn, server.get("/stream"));
        assert_eq!(header(&response, "content-length"), "");
        assert_eq!(response.body(), &expected);
        assert!(!conn.is_reusable());

        let conn = server.connect();
        let streaming = conn.transact_streaming(Aio::new(), server.get("/stream"));
        settle(streaming).unwrap();
        let mut body = String::new();
        conn.body()
            .timeout(PATIENCE)
            .read_to_string(&mut body)
            .unwrap();
        assert_eq!(body, expected);
    }
}

// ------------------------------------------------------------------------------------------- Node

#[test]
fn node_sends_trailers() {
    let Some(server) = Server::node() else {
        return;
    };
    let conn = server.connect();
    for _ in 0..3 {
        settle(conn.transact_streaming(Aio::new(), server.get("/chunked"))).unwrap();
        assert_eq!(
            settle(conn.read_all(Aio::new(), 11)).unwrap(),
            "hello world"
        );
        let trailers = settle(conn.read_trailers(Aio::new())).unwrap();
        assert_eq!(trailers["x-sum"], "1116");
        assert_eq!(trailers["x-count"], "11");
        // Nobody asks for them.
        assert_eq!(
            exchange(&conn, server.get("/chunked")).body(),
            "hello world"
        );
        assert!(conn.is_reusable());
    }
}

#[test]
fn node_sees_our_trailers() {
    let Some(server) = Server::node() else {
        return;
    };
    let conn = server.connect();
    for size in [0, 1, 300_000] {
        let request = server
            .ask("POST", "/trailers")
            .header("Transfer-Encoding", "chunked")
            .header("Trailer", "X-Sum")
            .body(())
            .unwrap();
        let answered = conn.read_response(Aio::new());
        settle(conn.write_request(Aio::new(), request)).unwrap();
        for part in 0..3 {
            settle(write_pattern(&conn, Aio::new(), part, size)).unwrap();
        }
        let mut trailers = HeaderMap::new();
        trailers.append("x-sum", HeaderValue::from_static("12"));
        trailers.append("x-other", HeaderValue::from_static("a b"));
        settle(conn.finish_with_trailers(Aio::new(), trailers)).unwrap();
        assert_eq!(settle(answered).unwrap().status(), StatusCode::OK);
        let mut told = String::new();
        conn.body()
            .timeout(PATIENCE)
            .read_to_string(&mut told)
            .unwrap();
        let expected = format!(r#"chunked {} {{"x-sum":"12","x-other":"a b"}}"#, size * 3);
        assert_eq!(told, expected);
    }
}

#[test]
fn node_grants_and_refuses_a_body_that_waits() {
    let Some(server) = Server::node() else {
        return;
    };
    let body = pattern(0, 2 << 20);
    let expected = format!("{} {}", body.len(), sum(&body));
    let ask = |path| {
        let request = server.ask("POST", path).header("Expect", "100-continue");
        request.body(body.clone()).unwrap()
    };
    let patient = Limits::default().continue_wait(PATIENCE * 2);
    let conn = server.connect().limits(patient);
    for _ in 0..2 {
        let response = exchange(&conn, ask("/granted"));
        assert_eq!(response.body(), &expected);
        assert_eq!(interim(&response), [100]);
        assert!(written(&response) > body.len() as u64);
    }
    for (path, status) in [("/refused-417", 417), ("/refused-413", 413)] {
        let conn = server.connect().limits(patient);
        let response = exchange(&conn, ask(path));
        assert_eq!(response.status(), status);
        assert_eq!(response.body(), "no");
        assert!(written(&response) < 1000, "{}", written(&response));
        assert!(!conn.is_reusable());
    }
    // Says nothing before the body comes, which it does after the wait.
    let wait = Duration::from_millis(200);
    let conn = server
        .connect()
        .limits(Limits::default().continue_wait(wait));
    let start = Instant::now();
    let response = exchange(&conn, ask("/silent"));
    assert!(start.elapsed() >= wait);
    assert_eq!(response.body(), &expected);
    assert!(interim(&response).is_empty());
    // So Node does not trust the connection any more.
    assert_eq!(header(&response, "connection"), "close");
    assert!(!conn.is_reusable());
}

/// The same upload, without asking first.
#[test]
fn node_takes_an_upload() {
    let Some(server) = Server::node() else {
        return;
    };
    let conn = server.connect();
    let body = pattern(0, 10 << 20);
    for _ in 0..2 {
        let request = server.ask("POST", "/length").body(body.clone()).unwrap();
        let response = exchange(&conn, request);
        assert_eq!(response.body(), &format!("{} {}", body.len(), sum(&body)));
    }
}

#[test]
fn node_refuses_an_upload_half_way() {
    let Some(server) = Server::node() else {
        return;
    };
    let body = enormous();
    let conn = server.connect();
    let request = server.ask("POST", "/early").body(body.clone()).unwrap();
    let response = exchange(&conn, request);
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.body(), "too large");
    let sent = written(&response);
    assert!(sent > 1 << 20 && sent < body.len() as u64, "{sent}");
    assert!(!conn.is_reusable());
    drop(conn);
    server.wait_until_seen("early closed");
    // Here it does not wait for us: its reset can overtake its answer.
    for _ in 0..5 {
        let conn = server.connect();
        let request = server.ask("POST", "/abrupt").body(body.clone()).unwrap();
        match settle(conn.transact(Aio::new(), request)) {
            Ok(response) => {
                assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
                assert!(written(&response) < body.len() as u64);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Reset, "{error:?}");
                let sent = error.count();
                assert!(sent > 1 << 20 && sent < body.len() as u64, "{sent}");
            }
        }
        assert!(!conn.is_reusable());
    }
}

#[test]
fn node_hints_before_it_answers() {
    let Some(server) = Server::node() else {
        return;
    };
    let conn = server.connect();
    for (path, statuses) in [("/hints", &[103][..]), ("/two-hints", &[103, 102])] {
        let response = exchange(&conn, server.get(path));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body(), "hinted");
        assert_eq!(interim(&response), statuses);
        let hints = response.extensions().get::<Interim>().unwrap();
        assert!(header(&hints.responses()[0], "link").contains("rel=preload"));
        // One by one.
        settle(conn.write_request(Aio::new(), server.get(path))).unwrap();
        for status in statuses {
            let hint = settle(conn.read_any_response(Aio::new())).unwrap();
            assert_eq!(hint.status(), *status);
        }
        let last = settle(conn.read_any_response(Aio::new())).unwrap();
        assert_eq!(last.status(), StatusCode::OK);
        assert_eq!(settle(conn.read_all(Aio::new(), 6)).unwrap(), "hinted");
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
    }
}

#[test]
fn node_is_too_slow() {
    let Some(server) = Server::node() else {
        return;
    };
    for (path, closed) in [("/never", "never closed"), ("/drip", "drip closed")] {
        let conn = server.connect();
        let timeout = Duration::from_millis(300);
        let start = Instant::now();
        let result = settle(conn.transact(Aio::new().timeout(timeout), server.get(path)));
        let took = start.elapsed();
        let (kind, sent) = failure(result);
        assert_eq!(kind, ErrorKind::TimedOut, "{path}");
        assert!(sent > 0 && took >= timeout, "{sent} {took:?}");
        // While we still have it.
        server.wait_until_seen(closed);
        assert!(!conn.is_reusable());
        let error = settle(conn.transact(Aio::new(), server.get("/seen"))).unwrap_err();
        assert!(error.is_closed(), "{error:?}");
    }
}

/// After a 101, and after a 2xx to CONNECT, the connection is a stream of bytes. What comes together
/// with the head belongs to it.
#[test]
fn node_switches_to_another_protocol() {
    let Some(server) = Server::node() else {
        return;
    };
    let upgrade = server
        .ask("GET", "/")
        .header("Upgrade", "echo")
        .header("Connection", "Upgrade")
        .body(());
    let connect = Request::builder()
        .method("CONNECT")
        .uri("example.com:443")
        .body(());
    for (request, status) in [(upgrade, 101), (connect, 200)] {
        let conn = server.connect();
        settle(conn.write_request(Aio::new(), request.unwrap())).unwrap();
        let response = settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "ready");
        for round in 0..5 {
            let size = 1 << (round * 4);
            let back = conn.read_all(Aio::new(), size);
            let sent = settle(write_pattern(&conn, Aio::new(), round, size)).unwrap();
            assert_eq!(sent.count(), size as u64);
            assert_pattern(round, &settle(back).unwrap());
        }
        assert!(!conn.is_reusable());
        // And it is a stream that can be had, with nothing between.
        settle(conn.write_all(Aio::new().iov(["last words"]))).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "last ");
        let parts = settle_into_parts(conn);
        let mut rest = parts.unread.to_vec();
        let mut stream = parts.stream.into_tcp().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        while rest.len() < 5 {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            rest.push(byte[0]);
        }
        assert_eq!(rest, b"words");
    }
}

/// Its threads may still be on their way from the last operation.
#[track_caller]
fn settle_into_parts(conn: Conn) -> http_aio::Parts {
    let mut conn = Some(conn);
    let mut parts = None;
    wait_until("the connection comes apart", || {
        match conn.take().expect("given back").into_parts() {
            Ok(done) => parts = Some(done),
            Err(back) => conn = Some(back),
        }
        parts.is_some()
    });
    parts.expect("as waited for")
}
