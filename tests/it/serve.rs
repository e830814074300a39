//! The example `serve`, run as its users run it.

mod restarts;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;

use http_aio::http::Response;
use http_aio::{Aio, Client};

use crate::examples::{Ended, Tool, binary, collect, interrupt};
use crate::server::files::Folder;
use crate::support::*;

/// More than the kernel buffers on loopback.
const LARGE: usize = 32 << 20;

struct Sharing {
    child: Child,
    url: String,
    stdout: BufReader<ChildStdout>,
    stderr: Receiver<Vec<u8>>,
}

impl Sharing {
    #[track_caller]
    fn start<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(binary("serve"));
        Self::run(command.current_dir(folder).args(arguments))
    }

    /// On a socket that the process inherits, as systemd passes it.
    #[track_caller]
    fn inheriting(listener: &TcpListener, folder: &Path, arguments: &[&str]) -> Self {
        let script = "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
        let listener = listener.try_clone().expect("a descriptor");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(binary("serve"));
        command.args(arguments);
        let listener = OwnedFd::from(listener);
        Self::run(command.current_dir(folder).stdin(listener))
    }

    #[track_caller]
    fn run(command: &mut Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = collect(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let (what, url) = line.trim_end().split_once(" at ").expect("an address");
        assert!(what.starts_with("sharing "), "{line}");
        Self {
            child,
            url: url.to_owned(),
            stdout,
            stderr,
        }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Response<bytes::Bytes> {
        let url = format!("{}{path}", self.url);
        settle(Client::new().get(Aio::new(), url)).expect("an answer")
    }

    /// Asks for a file and reads nothing of it but the head.
    fn stall(&self, path: &str) -> TcpStream {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it is small");
        let mut start = [0; 15];
        stream.read_exact(&mut start).expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        stream
    }

    /// What it has said after the first line.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String, String) {
        wait_until("it ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
        let status = self.child.wait().expect("it has ended");
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("text");
        let stderr = self.stderr.recv_timeout(PATIENCE).expect("it has ended");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        (status.code(), stdout, stderr)
    }

    #[track_caller]
    fn stop(self) -> (Option<i32>, String, String) {
        interrupt(&self.child);
        self.end()
    }
}

/// After a test that has failed.
impl Drop for Sharing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder(files: &[(&str, &[u8])]) -> Folder {
    let folder = Folder::new();
    for (name, content) in files {
        folder.write(name, content);
    }
    folder
}

fn terminate(child: &Child) {
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status();
    assert!(status.expect("kill starts").success());
}

#[test]
fn it_shares_the_current_folder_until_it_is_interrupted() {
    let folder = folder(&[("a.txt", b"one"), (".secret", b"two")]);
    let sharing = Sharing::start(&folder.path(""), [] as [&str; 0]);
    assert!(sharing.url.starts_with("http://127.0.0.1:"));
    assert_eq!(sharing.get("a.txt").body(), "one");
    for hidden in [".secret", "etc/passwd", "a.txt/"] {
        assert_eq!(sharing.get(hidden).status(), 404, "{hidden}");
    }
    let listing = sharing.get("");
    let listing = String::from_utf8_lossy(listing.body());
    assert!(listing.contains("a.txt") && !listing.contains("secret"));
    let (code, stdout, stderr) = sharing.stop();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert!(stderr.starts_with("5 requests, "), "{stderr}");
}

#[test]
fn it_writes_an_access_log() {
    let folder = folder(&[("a.txt", b"one")]);
    let sharing = Sharing::start(&folder.path(""), ["--log", "--quiet", "--no-listing"]);
    assert_eq!(sharing.get("a.txt").status(), 200);
    assert_eq!(sharing.get("").status(), 404);
    let (code, stdout, stderr) = sharing.stop();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert!(lines[0].starts_with("127.0.0.1 - - ["));
    assert!(lines[0].contains("] \"GET /a.txt HTTP/1.1\" 200 "));
    assert!(lines[1].contains("] \"GET / HTTP/1.1\" 404 "));

    let log = format!("--log={}", folder.path("log").display());
    for _ in 0..2 {
        let sharing = Sharing::start(&folder.path(""), [&log]);
        assert_eq!(sharing.get("a.txt").status(), 200);
        sharing.stop();
    }
    let log = fs::read_to_string(folder.path("log")).expect("a log");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn it_takes_uploads_if_it_is_told_to() {
    let folder = folder(&[("a.txt", b"one")]);
    let sharing = Sharing::start(&folder.path(""), ["--upload"]);
    let source = folder.path("a.txt");
    let target = format!("{}b.txt", sharing.url);
    let put = Tool::start("put", [source.as_os_str(), OsStr::new(&target)]).end();
    assert_eq!(put.code, Some(0), "{}", put.stderr);
    assert_eq!(sharing.get("b.txt").body(), "one");
    sharing.stop();

    let sharing = Sharing::start(&folder.path(""), [] as [&str; 0]);
    let target = format!("{}c.txt", sharing.url);
    let put = Tool::start("put", [source.as_os_str(), OsStr::new(&target)]).end();
    assert_eq!(put.code, Some(22), "{}", put.stderr);
    assert!(!folder.path("c.txt").exists());
    sharing.stop();
}

#[test]
fn what_was_begun_is_finished_unless_it_is_told_twice() {
    let folder = folder(&[("large", &vec![7; LARGE])]);
    let sharing = Sharing::start(&folder.path(""), [] as [&str; 0]);
    let mut reader = sharing.stall("large");
    terminate(&sharing.child);
    // It takes nobody new.
    let address = sharing.url.trim_start_matches("http://");
    let address = address.trim_end_matches('/').to_owned();
    wait_until("it does not listen", || {
        TcpStream::connect(&address).is_err()
    });
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).expect("the rest");
    assert!(rest.ends_with(&[7; 1024]) && rest.len() > LARGE);
    assert_eq!(sharing.end().0, Some(0));

    let sharing = Sharing::start(&folder.path(""), [] as [&str; 0]);
    let reader = sharing.stall("large");
    terminate(&sharing.child);
    let address = sharing.url.trim_start_matches("http://");
    let address = address.trim_end_matches('/').to_owned();
    wait_until("it does not listen", || {
        TcpStream::connect(&address).is_err()
    });
    let (code, _, stderr) = sharing.stop();
    assert_eq!(code, Some(130));
    // The second signal waits until the first has been answered.
    assert!(stderr.contains("waiting for 1 connections to end"));
    drop(reader);
}

#[test]
fn it_listens_on_what_it_inherits() {
    let folder = folder(&[("a.txt", b"one")]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let sharing = Sharing::inheriting(&listener, &folder.path(""), &[]);
    assert_eq!(sharing.url, format!("http://{address}/"));
    assert_eq!(sharing.get("a.txt").body(), "one");
    assert_eq!(sharing.stop().0, Some(0));
}

#[test]
#[cfg(feature = "tls")]
fn it_speaks_tls() {
    let folder = folder(&[("a.txt", b"one")]);
    let sharing = Sharing::start(&folder.path(""), ["--self-signed"]);
    assert!(sharing.url.starts_with("https://127.0.0.1:"));
    let url = format!("{}a.txt", sharing.url);
    let trusting = Tool::start("get", ["-k", &url]).end();
    assert_eq!((trusting.code, &*trusting.stdout), (Some(0), &b"one"[..]));
    assert_eq!(Tool::start("get", [&url]).end().code, Some(60));
    sharing.stop();
}

#[test]
fn it_says_what_is_wrong() {
    let folder = folder(&[("a.txt", b"one")]);
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let ended: Ended = Tool::start_at(&folder.path(""), "serve", arguments).end();
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    let listener = TcpListener::bind(&taken);
    fails(&["nowhere"], 26, "cannot share nowhere");
    fails(&["a.txt"], 26, "cannot share a.txt");
    fails(&["--bind", "here"], 2, "here");
    fails(&["--max-connections", "0"], 2, "0");
    fails(&["--log=nowhere/log"], 23, "cannot write nowhere/log");
    if listener.is_ok() {
        fails(&["--bind", &taken], 7, &taken);
    }
    let tls = ["--tls", "chain.pem", "key.pem"];
    match cfg!(feature = "tls") {
        true => fails(&tls, 26, "cannot use chain.pem"),
        false => fails(&tls, 1, "no TLS"),
    }
}
