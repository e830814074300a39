//! The example `serve`, run as its users run it.

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
use crate::terminal::visible;

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

    fn connect(&self) -> TcpStream {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        TcpStream::connect(address).expect("it listens")
    }

    /// Asks for a file and reads nothing of it but the head.
    fn stall(&self, path: &str) -> TcpStream {
        let mut stream = self.connect();
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
fn the_access_log_has_what_was_no_request_and_nothing_that_breaks_its_lines() {
    let folder = folder(&[("a.txt", b"one")]);
    let sharing = Sharing::start(&folder.path(""), ["--log", "--quiet"]);
    for asked in ["GET /a\"b\\c HTTP/1.1\r\nHost: h", "GET /a\x1b[31m", "oh"] {
        let mut stream = sharing.connect();
        write!(stream, "{asked}\r\nConnection: close\r\n\r\n").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    }
    let (code, stdout, _) = sharing.stop();
    assert_eq!(code, Some(0));
    let entries = stdout.lines().map(|line| {
        let (who, entry) = line.split_once("] ").expect("a date");
        assert!(who.starts_with("127.0.0.1 - - ["), "{line}");
        entry
    });
    let [asked, control, nothing] = entries.collect::<Vec<_>>()[..] else {
        panic!("{stdout}");
    };
    assert!(
        asked.starts_with(r#""GET /a\"b\\c HTTP/1.1" 404 "#),
        "{asked}"
    );
    assert_eq!((control, nothing), ("\"-\" 400 -", "\"-\" 400 -"));
}

#[test]
fn a_client_of_either_family_has_its_address_in_the_log() {
    if TcpListener::bind("[::1]:0").is_err() {
        return skip("there is no IPv6");
    }
    let folder = folder(&[("a.txt", b"one")]);
    let mut sharing = Sharing::start(&folder.path(""), ["--log", "--bind", "[::]:0"]);
    let (_, port) = sharing.url.rsplit_once(':').expect("a port");
    let port = port.to_owned();
    for address in ["127.0.0.1", "[::1]"] {
        sharing.url = format!("http://{address}:{port}");
        assert_eq!(sharing.get("a.txt").status(), 200);
    }
    let (_, stdout, _) = sharing.stop();
    let hosts: Vec<_> = stdout.lines().map(|line| line.split(' ').next()).collect();
    assert_eq!(hosts, [Some("127.0.0.1"), Some("::1")]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_is_not_whole_is_told_of() {
    let folder = folder(&[("a.txt", b"one")]);
    let sharing = Sharing::start(&folder.path(""), ["--log=/dev/full"]);
    for _ in 0..2 {
        assert_eq!(sharing.get("a.txt").status(), 200);
    }
    let (code, _, stderr) = sharing.stop();
    assert_eq!(code, Some(23));
    let cannot = "the access log cannot be written: no space left on device\n";
    assert_eq!(stderr.matches(cannot).count(), 1, "{stderr}");
    assert!(
        stderr.contains("error: the access log has gaps"),
        "{stderr}"
    );
}

#[test]
fn of_contrary_options_the_last_one_counts() {
    let folder = folder(&[("a.txt", b"one")]);
    for (options, status) in [
        (&["--listing"][..], 200),
        (&["--listing", "--no-listing"], 404),
        (&["--no-listing", "--listing"], 200),
    ] {
        let sharing = Sharing::start(&folder.path(""), options);
        assert_eq!(sharing.get("").status(), status, "{options:?}");
        sharing.stop();
    }
}

/// With a bound on the size of files, which stands for a disk that is full.
#[test]
fn an_upload_that_does_not_fit_is_refused() {
    let folder = folder(&[
        ("a.txt", b"one"),
        ("old", b"old"),
        ("large", &[7; 200 << 10]),
    ]);
    let script = "trap '' XFSZ && ulimit -f 100 && exec \"$0\" --upload";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(binary("serve"));
    let sharing = Sharing::run(command.current_dir(folder.path("")));
    for (name, code) in [("new", 22), ("old", 22), ("small", 0)] {
        let source = folder.path(if code == 0 { "a.txt" } else { "large" });
        let target = format!("{}{name}", sharing.url);
        let put = Tool::start("put", [source.as_os_str(), OsStr::new(&target)]).end();
        assert_eq!(put.code, Some(code), "{}", put.stderr);
        let said = String::from_utf8_lossy(&put.stdout);
        assert_eq!(said.contains("507"), code != 0, "{said}");
    }
    assert_eq!(sharing.get("old").body(), "old");
    assert_eq!(sharing.get("new").status(), 404);
    let (code, _, stderr) = sharing.stop();
    assert_eq!(code, Some(0));
    assert_eq!(
        stderr.matches("the upload cannot be stored").count(),
        2,
        "{stderr}"
    );
    let left = fs::read_dir(folder.path("")).expect("a folder").count();
    assert_eq!(left, 4, "nothing is left of what did not fit");
}

/// Asks for `a.txt`, waits until that is shown, and types Ctrl-C; prints what was to be seen.
const AT_TERMINAL: &str = r#"
import os, pty, re, select, sys, urllib.request
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, asked, typed = b'', False, False
while select.select([terminal], [], [], 60)[0]:
    try:
        some = os.read(terminal, 65536)
    except OSError:
        break
    if not some:
        break
    seen += some
    url = re.search(rb' at (http:\S+)\r\n', seen)
    if url and not asked:
        asked = True
        urllib.request.urlopen(url.group(1).decode() + 'a.txt').read()
    if b', 1 request, ' in seen and not typed:
        typed = True
        os.write(terminal, b'\x03')
else:
    os.kill(child, 9)
print(seen.decode())
print('exit', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn on_a_terminal_a_line_shows_how_it_goes() {
    let folder = folder(&[("a.txt", b"one")]);
    let mut command = Command::new("python3");
    command
        .args(["-c", AT_TERMINAL])
        .arg(binary("serve"))
        .arg("--log")
        .current_dir(folder.path(""))
        .env("TERM", "xterm")
        .env_remove("http_proxy");
    let Some(child) = spawn(&mut command) else {
        return skip("there is no python3");
    };
    let output = child.wait_with_output().expect("it ends");
    let all = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = all.lines().map(visible).collect();
    let [first, log, last, exit] = lines[..]
        .iter()
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()[..]
    else {
        panic!("{all:?}");
    };
    assert!(
        first.starts_with("sharing . at http://127.0.0.1:"),
        "{all:?}"
    );
    assert!(log.starts_with("127.0.0.1 - - ["), "{all:?}");
    assert!(log.contains("] \"GET /a.txt HTTP/1.1\" 200 "), "{all:?}");
    assert!(last.starts_with("1 request, "), "{all:?}");
    assert_eq!(exit, "exit 0");
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
    assert!(stderr.contains("finishing what was begun on 1 connection;"));
    drop(reader);
}

#[test]
fn it_listens_on_what_it_inherits() {
    let folder = folder(&[("a.txt", b"one")]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let script = "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\"";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(binary("serve"));
    let listener = OwnedFd::from(listener);
    let command = command.current_dir(folder.path("")).stdin(listener);
    let sharing = Sharing::run(command);
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

/// A certificate for this machine, and its key.
#[cfg(feature = "tls")]
fn certified() -> (String, String) {
    use base64::Engine;
    let names = ["localhost", "127.0.0.1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let pem = |kind: &str, content: &[u8]| {
        let text = base64::prelude::BASE64_STANDARD.encode(content);
        format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
    };
    let key = made.signing_key.serialize_der();
    (
        pem("CERTIFICATE", made.cert.der()),
        pem("PRIVATE KEY", &key),
    )
}

#[test]
#[cfg(feature = "tls")]
fn it_speaks_tls_with_a_certificate_of_ones_own() {
    let ((chain, key), (_, another)) = (certified(), certified());
    let folder = folder(&[
        ("chain.pem", chain.as_bytes()),
        ("key.pem", key.as_bytes()),
        ("another.pem", another.as_bytes()),
        ("empty.pem", b""),
    ]);
    let sharing = Sharing::start(&folder.path(""), ["--tls", "chain.pem", "key.pem"]);
    assert!(sharing.url.starts_with("https://127.0.0.1:"));
    let trusted = folder.path("chain.pem");
    let url = format!("{}chain.pem", sharing.url);
    let arguments = [
        OsStr::new("--cacert"),
        trusted.as_os_str(),
        OsStr::new(&url),
    ];
    let get = Tool::start("get", arguments).end();
    assert_eq!(get.code, Some(0), "{}", get.stderr);
    assert_eq!(get.stdout, chain.as_bytes());
    sharing.stop();
    for (chain, key, says) in [
        ("chain.pem", "another.pem", "chain.pem: "),
        ("chain.pem", "chain.pem", "chain.pem: it has no key"),
        ("chain.pem", "empty.pem", "empty.pem: it has no key"),
        ("empty.pem", "key.pem", "empty.pem: it has no certificate"),
    ] {
        let arguments = ["--tls", chain, key];
        let ended = Tool::start_at(&folder.path(""), "serve", arguments).end();
        assert_eq!(ended.code, Some(26), "{}", ended.stderr);
        let says = format!("error: cannot use {says}");
        assert!(ended.stderr.starts_with(&says), "{}", ended.stderr);
    }
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
    fails(&["--tls", "chain.pem"], 2, "--tls");
    fails(&["--tls", "a", "b", "--self-signed"], 2, "not both");
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
