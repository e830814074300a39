//! The example `put`, run as its users run it, against servers of every temper.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::examples::{
    Ended, LIMIT, Peer, Request, Scratch, Tool, answer, binary, gate, noise, proxy,
};

/// What `put --timeout 1` may take, measured around the process: a server that does not take what was
/// sent gets another second for that.
const TIMEOUT_1: Duration = Duration::from_millis(2100);

/// More than the kernel buffers on loopback.
const LARGE: u64 = 64 << 20;

/// The last line, in parts.
#[derive(Debug, PartialEq)]
struct Line {
    written: u64,
    /// None if the tool did not know.
    total: Option<u64>,
    result: String,
}

impl Ended {
    /// The one line on standard output.
    #[track_caller]
    fn line(&self) -> Line {
        let stdout = String::from_utf8_lossy(&self.stdout);
        parse(&stdout).unwrap_or_else(|| panic!("not one line: {stdout:?}, {:?}", self.stderr))
    }

    #[track_caller]
    fn expect(&self, code: i32, written: u64, total: impl Into<Option<u64>>, result: &str) {
        let expected = Line {
            written,
            total: total.into(),
            result: result.to_owned(),
        };
        assert_eq!(self.line(), expected, "{}", self.stderr);
        assert_eq!(self.code, Some(code));
    }
}

fn parse(stdout: &str) -> Option<Line> {
    let line = stdout.strip_suffix('\n')?;
    if line.contains('\n') {
        return None;
    }
    let (counts, result) = line.strip_prefix("wrote ")?.split_once(" bytes: ")?;
    let (written, total) = match counts.split_once(" of ") {
        Some((written, total)) => (written, Some(total.parse().ok()?)),
        None => (counts, None),
    };
    Some(Line {
        written: written.parse().ok()?,
        total,
        result: result.to_owned(),
    })
}

/// Reads everything, then says `text`.
fn answering(text: &'static str) -> Peer<Request> {
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        answer(&stream, text)?;
        Ok(request)
    })
}

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 5\r\n\r\nlarge";

fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Tool {
    Tool::start("put", arguments)
}

fn put<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    start(arguments).end()
}

fn put_file(file: &Scratch, url: &str) -> Ended {
    put([file.as_ref(), url.as_ref()])
}

// What it is for.

#[test]
fn without_arguments_it_uploads_to_a_server_of_its_own() {
    let ended = put([""; 0]);
    ended.expect(0, 256 << 20, 256 << 20, "ok (201 Created)");
    let seen = "268435456 bytes of body, all as generated; it answered 201 Created";
    assert!(ended.stderr.contains(seen), "{}", ended.stderr);
}

#[test]
fn a_file_arrives_whole() {
    let piece = 256 << 10;
    for len in [0, 1, 1000, piece, piece + 1, 3_000_000] {
        let content = noise(len);
        let file = Scratch::new(&content);
        let peer = answering(CREATED);
        let url = peer.url.clone();
        let ended = put_file(&file, &url);
        ended.expect(0, len as u64, len as u64, "ok (201 Created)");
        assert_eq!(ended.stderr, "", "no progress where nobody watches");
        let request = peer.outcome();
        assert!(request.body == content, "{len} bytes");
        let head = request.head.to_lowercase();
        assert!(head.starts_with("put /dir/file?a=b http/1.1\r\n"), "{head}");
        let host = url.split('/').nth(2).unwrap_or_default();
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(
            head.contains(&format!("\r\ncontent-length: {len}\r\n")),
            "{head}"
        );
    }
}

#[test]
fn pieces_of_any_size_and_number_make_the_same_body() {
    let content = noise(100_003);
    let file = Scratch::new(&content);
    for (buffer, depth) in [
        ("1000", "1"),
        ("7001", "3"),
        ("100003", "4096"),
        ("999999999", "1"),
    ] {
        let peer = answering(CREATED);
        let url = peer.url.clone();
        let arguments = ["--buffer", buffer, "--depth", depth, "--timeout", "50.5"].map(OsStr::new);
        let ended = put([&arguments[..], &[file.as_ref(), url.as_ref()]].concat());
        ended.expect(0, 100_003, 100_003, "ok (201 Created)");
        assert!(peer.outcome().body == content, "{buffer} {depth}");
    }
}

#[test]
fn standard_input_is_a_file_too() {
    let content = noise(1_000_000);
    let peer = answering(CREATED);
    let mut upload = start(["-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(&content).expect("it reads");
    drop(stdin);
    upload
        .end()
        .expect(0, 1_000_000, 1_000_000, "ok (201 Created)");
    assert!(peer.outcome().body == content);
}

#[test]
fn ipv6_literals_are_understood() {
    let serve = |listener: TcpListener| {
        let (stream, _) = listener.accept()?;
        let request = Request::read(&stream)?;
        answer(&stream, CREATED)?;
        Ok(request)
    };
    let Ok(peer) = Peer::at("[::1]:0", serve) else {
        return; // This machine has no IPv6.
    };
    let file = Scratch::new(b"hello");
    put_file(&file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
    let head = peer.outcome().head.to_lowercase();
    assert!(head.contains("\r\nhost: [::1]:"), "{head}");
}

#[test]
fn help_is_no_error() {
    let ended = put(["--help"]);
    assert_eq!(ended.code, Some(0));
    let help = String::from_utf8_lossy(&ended.stdout);
    for word in [
        "--timeout",
        "--buffer",
        "--depth",
        "--chunked",
        "--expect-continue",
        "--cacert",
        "--proxy",
        "--proxy-env",
        "130",
        "wrote N of M bytes",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

// What servers say.

#[test]
fn the_status_is_shown_as_the_server_says_it() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", 0, "ok (200 OK)"),
        ("HTTP/1.1 204 No Content\r\n\r\n", 0, "ok (204 No Content)"),
        ("HTTP/1.0 299\r\n\r\n", 0, "ok (299)"),
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            1,
            "refused (404 Not Found)",
        ),
        (
            "HTTP/1.1 404 Nothing (here)\r\n\r\n",
            1,
            "refused (404 Nothing (here))",
        ),
        (
            "HTTP/1.1 301 Moved Permanently\r\n\r\n",
            1,
            "refused (301 Moved Permanently)",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            1,
            "refused (101 Switching Protocols)",
        ),
    ];
    let file = Scratch::new(b"hello");
    for (answer, code, result) in cases {
        let peer = answering(answer);
        put_file(&file, &peer.url).expect(code, 5, 5, result);
    }
}

#[test]
fn interim_responses_are_skipped() {
    let file = Scratch::new(b"hello");
    let peer = answering(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 201 Created\r\n\r\n",
    );
    put_file(&file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
}

#[test]
fn interim_responses_without_end_are_no_answer() {
    let file = Scratch::new(b"hello");
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        while answer(&stream, "HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
        Ok(())
    });
    put_file(&file, &peer.url).expect(1, 5, 5, "the answer is too large");
}

#[test]
fn garbage_is_no_answer() {
    let file = Scratch::new(b"hello");
    for garbage in [
        "\x15\x03\x01\x00\x02\x02\x28",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    ] {
        let peer = answering(garbage);
        put_file(&file, &peer.url).expect(1, 5, 5, "the answer is not HTTP/1");
    }
}

#[test]
fn a_head_without_end_is_no_answer() {
    let file = Scratch::new(b"hello");
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n")?;
        while answer(&stream, "x-more: and more\r\n").is_ok() {}
        Ok(())
    });
    put_file(&file, &peer.url).expect(1, 5, 5, "the answer is too large");
}

#[test]
fn a_server_that_closes_has_not_answered() {
    let file = Scratch::new(b"hello");
    for answer in ["", "HTTP/1.1 200 OK\r\n"] {
        let peer = answering(answer);
        put_file(&file, &peer.url).expect(1, 5, 5, "closed without an answer");
    }
}

#[test]
fn an_early_refusal_ends_the_upload() {
    let file = Scratch::sparse(LARGE);
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        answer(&stream, TOO_LARGE)?;
        let _ = told.recv();
        request.rest(&stream)
    });
    let ended = put_file(&file, &peer.url);
    let _ = go_on.send(());
    let written = peer.outcome();
    ended.expect(1, written, LARGE, "refused (413 Payload Too Large)");
}

#[test]
fn an_early_refusal_is_heard_though_the_server_resets() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        answer(&stream, TOO_LARGE) // Then it closes, with input that it has not read: a reset.
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(1));
    assert_eq!(line.total, Some(LARGE));
    assert!(line.written < LARGE, "{line:?}");
    // Which of the two comes first is up to the kernel.
    let results = [
        "refused (413 Payload Too Large)",
        "reset by peer (413 Payload Too Large)",
    ];
    assert!(results.contains(&line.result.as_str()), "{line:?}");
}

#[test]
fn an_early_success_is_one_when_the_body_is_out() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        answer(&stream, CREATED)?;
        Request::begin(&stream)?.rest(&stream)
    });
    put_file(&file, &peer.url).expect(0, LARGE, LARGE, "ok (201 Created)");
    assert_eq!(peer.outcome(), LARGE);
}

#[test]
fn an_early_success_is_none_when_the_body_is_cut() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        answer(&stream, CREATED)
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(1));
    assert!(line.written < LARGE, "{line:?}");
    assert_eq!(line.result, "reset by peer (201 Created)");
}

#[test]
fn a_server_may_talk_while_it_reads() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        answer(&stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        let (mut from, mut to) = (&stream, &stream);
        io::copy(&mut from, &mut to) // An echo: it reads no more than it can send.
    });
    put_file(&file, &peer.url).expect(0, LARGE, LARGE, "ok (200 OK)");
}

#[test]
fn a_reset_midway_is_one() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        socket2::Socket::from(stream).set_linger(Some(Duration::ZERO)) // Closing resets.
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(1));
    assert!(line.written < LARGE, "{line:?}");
    assert_eq!(line.result, "reset by peer");
}

// Chunks.

/// The content of a chunked body, and whether it was whole.
fn content(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        body = &body[end + 2..];
        if size == 0 {
            return (content, body == b"\r\n");
        }
        content.extend(&body[..size.min(body.len())]);
        body = body.get(size + 2..).unwrap_or_default();
    }
    (content, false)
}

/// Reads on until there is `end`.
fn read_until(request: &mut Request, mut stream: &TcpStream, end: &[u8]) -> io::Result<()> {
    let mut part = vec![0; 64 << 10];
    while !request.body.ends_with(end) {
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.body.extend(&part[..count]),
        }
    }
    Ok(())
}

/// Reads a chunked body to its end, then says `text`.
fn answering_chunks(text: &'static str) -> Peer<Request> {
    Peer::new(move |stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"\r\n0\r\n\r\n")?;
        answer(&stream, text)?;
        Ok(request)
    })
}

/// Reads a body to the end of the stream, having begun with it.
fn cut_chunks() -> (Peer<(Vec<u8>, bool)>, Receiver<()>) {
    let (begun, has_begun) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"hello\r\n")?;
        let _ = begun.send(());
        stream.read_to_end(&mut request.body)?;
        Ok(content(&request.body))
    });
    (peer, has_begun)
}

#[test]
fn a_file_arrives_whole_in_chunks() {
    let piece = 256 << 10;
    for len in [1, 1000, piece, piece + 1, 3_000_000] {
        let sent = noise(len);
        let file = Scratch::new(&sent);
        let peer = answering_chunks(CREATED);
        let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
        ended.expect(0, len as u64, None, "ok (201 Created)");
        assert_eq!(ended.stderr, "");
        let request = peer.outcome();
        assert!(content(&request.body) == (sent, true), "{len} bytes");
        let head = request.head.to_lowercase();
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        assert!(!head.contains("content-length"), "{head}");
    }
}

#[test]
fn nothing_is_a_body_in_chunks_too() {
    let file = Scratch::new(b"");
    let peer = Peer::new(|stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, CREATED)?;
        Ok(request.body)
    });
    let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
    ended.expect(0, 0, None, "ok (201 Created)");
    assert_eq!(peer.outcome(), b"0\r\n\r\n");
}

#[test]
fn standard_input_goes_out_as_it_comes() {
    let (read, has_read) = gate();
    let peer = Peer::new(move |stream| {
        let mut request = Request::begin(&stream)?;
        for end in [&b"hello\r\n"[..], b"world\r\n"] {
            read_until(&mut request, &stream, end)?;
            let _ = read.send(());
        }
        read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, CREATED)?;
        Ok(content(&request.body))
    });
    let mut upload = start(["--chunked", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    for part in ["hello", "world"] {
        stdin.write_all(part.as_bytes()).expect("it reads");
        // Though more may come.
        has_read.recv_timeout(LIMIT).expect("it arrives");
    }
    drop(stdin);
    upload.end().expect(0, 10, None, "ok (201 Created)");
    assert_eq!(peer.outcome(), (b"helloworld".to_vec(), true));
}

#[test]
fn a_fifo_can_be_sent_in_chunks() {
    let fifo = Scratch::fifo();
    let sent = noise(300_000);
    let peer = answering_chunks(CREATED);
    let upload = start(["--chunked".as_ref(), fifo.as_ref(), peer.url.as_ref()]);
    fs::write(&fifo.0, &sent).expect("it reads");
    upload.end().expect(0, 300_000, None, "ok (201 Created)");
    assert!(content(&peer.outcome().body) == (sent, true));
}

#[test]
fn what_cannot_be_sent_in_chunks_is_told() {
    let url = "http://127.0.0.1:9/";
    let result = "cannot read there/is/none: there is no such file";
    put(["--chunked", "there/is/none", url]).expect(1, 0, None, result);
    let directory = std::env::temp_dir();
    let result = format!("{} is a directory", directory.display());
    put(["--chunked".as_ref(), directory.as_os_str(), url.as_ref()]).expect(1, 0, None, &result);
}

#[test]
fn chunks_that_are_cut_do_not_look_whole() {
    let (peer, has_begun) = cut_chunks();
    let mut upload = start(["--chunked", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"hello").expect("it reads");
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    upload.end().expect(130, 5, None, "canceled");
    assert_eq!(peer.outcome(), (b"hello".to_vec(), false));
    drop(stdin);

    let (peer, has_begun) = cut_chunks();
    let mut upload = start(["--chunked", "--timeout", "0.5", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"hello").expect("it reads");
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.end().expect(1, 5, None, "timed out");
    assert_eq!(peer.outcome(), (b"hello".to_vec(), false));
    drop(stdin);
}

#[test]
fn an_early_refusal_ends_an_upload_in_chunks() {
    let file = Scratch::sparse(LARGE);
    let (go_on, told) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut request = Request::begin(&stream)?;
        answer(&stream, TOO_LARGE)?;
        let _ = told.recv();
        stream.read_to_end(&mut request.body)?;
        Ok(content(&request.body))
    });
    let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
    let _ = go_on.send(());
    let (content, is_whole) = peer.outcome();
    ended.expect(
        1,
        content.len() as u64,
        None,
        "refused (413 Payload Too Large)",
    );
    assert!(!is_whole);
}

// Permission.

/// Whether nothing comes for a while.
fn is_silent(mut stream: &TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let result = stream.read(&mut [0]);
    stream.set_read_timeout(None)?;
    Ok(result.is_err())
}

fn put_asking(options: &[&str], file: &Scratch, url: &str) -> Ended {
    let arguments = [OsStr::new("--expect-continue"), file.as_ref(), url.as_ref()];
    put(options.iter().map(OsStr::new).chain(arguments))
}

#[test]
fn the_body_follows_the_permission() {
    let file = Scratch::new(b"hello");
    for permission in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let peer = Peer::new(move |mut stream| {
            let request = Request::begin(&stream)?;
            let waits = request.body.is_empty() && is_silent(&stream)?;
            answer(&stream, permission)?;
            let mut body = [0; 5];
            stream.read_exact(&mut body)?;
            answer(&stream, CREATED)?;
            Ok((request.head.to_lowercase(), waits, body))
        });
        put_asking(&[], &file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
        let (head, waits, body) = peer.outcome();
        assert!(head.contains("\r\nexpect: 100-continue\r\n"), "{head}");
        assert!(waits, "it did not wait");
        assert_eq!(&body, b"hello");
    }
}

#[test]
fn an_answer_instead_of_the_permission_is_a_refusal() {
    let file = Scratch::new(b"hello");
    for (answer, code) in [
        (
            "HTTP/1.1 417 Expectation Failed\r\n\r\n",
            "417 Expectation Failed",
        ),
        (
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n",
            "403 Forbidden",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "200 OK"),
    ] {
        for options in [&[][..], &["--chunked"]] {
            let peer = Peer::new(move |stream| {
                let request = Request::begin(&stream)?;
                crate::examples::answer(&stream, answer)?;
                request.rest(&stream)
            });
            let total = if options.is_empty() { Some(5) } else { None };
            let ended = put_asking(options, &file, &peer.url);
            ended.expect(1, 0, total, &format!("refused ({code})"));
            assert_eq!(peer.outcome(), 0);
        }
    }
}

#[test]
fn no_answer_instead_of_the_permission_is_none() {
    let file = Scratch::new(b"hello");
    for (text, result) in [
        ("", "closed without an answer"),
        ("HTTP/1.1 200 OK\r\n", "closed without an answer"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "the answer is not HTTP/1"),
    ] {
        let peer = Peer::new(move |stream| {
            let request = Request::begin(&stream)?;
            answer(&stream, text)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            request.rest(&stream)
        });
        put_asking(&[], &file, &peer.url).expect(1, 0, 5, result);
        assert_eq!(peer.outcome(), 0);
    }
}

#[test]
fn silence_is_a_permission_after_a_second() {
    let file = Scratch::new(b"hello");
    // A late word is none at all.
    for answer in [
        CREATED,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
    ] {
        let peer = answering(answer);
        let ended = put_asking(&[], &file, &peer.url);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        assert_eq!(peer.outcome().body, b"hello");
    }
}

#[test]
fn what_is_nothing_needs_no_permission() {
    let file = Scratch::new(b"");
    let peer = answering(CREATED);
    put_asking(&[], &file, &peer.url).expect(0, 0, 0, "ok (201 Created)");
    let head = peer.outcome().head.to_lowercase();
    assert!(!head.contains("expect"), "{head}");
}

#[test]
fn the_wait_for_the_permission_ends_with_everything_else() {
    let file = Scratch::new(b"hello");
    let silent = || {
        let (begun, has_begun) = gate();
        let peer = Peer::new(move |stream| {
            let request = Request::begin(&stream)?;
            let _ = begun.send(());
            request.rest(&stream)
        });
        (peer, has_begun)
    };
    let (peer, _) = silent();
    let ended = put_asking(&["--timeout", "0.2"], &file, &peer.url);
    ended.expect(1, 0, 5, "timed out");
    assert!(ended.time < Duration::from_secs(1), "{:?}", ended.time);
    assert_eq!(peer.outcome(), 0);

    let (peer, has_begun) = silent();
    let arguments = [
        OsStr::new("--expect-continue"),
        file.as_ref(),
        peer.url.as_ref(),
    ];
    let upload = start(arguments);
    has_begun.recv_timeout(LIMIT).expect("the head arrives");
    upload.interrupt();
    upload.end().expect(130, 0, 5, "canceled");
    assert_eq!(peer.outcome(), 0);
}

// Deadlines.

/// `put --timeout 1` against a server that is told when it has ended. The result must be right each
/// time; in time, on machines with other things to do, it need only be once of three times.
#[track_caller]
fn check_timeout(serve: fn(TcpStream, Receiver<()>) -> io::Result<u64>) {
    let file = Scratch::sparse(LARGE);
    let mut times = Vec::new();
    for _ in 0..3 {
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| serve(stream, told));
        let ended = put([
            "--timeout".as_ref(),
            "1".as_ref(),
            file.as_ref(),
            peer.url.as_ref(),
        ]);
        let _ = go_on.send(());
        let written = peer.outcome();
        ended.expect(1, written, LARGE, "timed out");
        assert!(written > 0);
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        times.push(ended.time);
        if ended.time <= TIMEOUT_1 {
            return;
        }
    }
    panic!("too late, three times: {times:?}");
}

#[test]
fn a_server_that_never_reads_costs_the_timeout_and_a_second() {
    check_timeout(|stream, told| {
        let _ = told.recv();
        Request::begin(&stream)?.rest(&stream)
    });
}

#[test]
fn a_server_that_drips_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        let mut request = Request::begin(&stream)?;
        let mut part = vec![0; 64 << 10];
        // The pace is the test: 64 KiB each 100 ms, until the upload has ended.
        while told.recv_timeout(Duration::from_millis(100)).is_err() {
            let count = (&stream).read(&mut part)?;
            request.body.extend_from_slice(&part[..count]);
        }
        request.rest(&stream)
    });
}

#[test]
fn the_timeout_counts_for_the_answer_too() {
    let file = Scratch::new(b"hello");
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(())
    });
    let ended = put([
        "--timeout".as_ref(),
        "0.2".as_ref(),
        file.as_ref(),
        peer.url.as_ref(),
    ]);
    let _ = go_on.send(());
    ended.expect(1, 5, 5, "timed out");
    assert!(ended.time >= Duration::from_millis(200), "{:?}", ended.time);
}

#[test]
fn a_timeout_of_zero_sends_nothing() {
    let file = Scratch::new(b"hello");
    let arguments = ["--timeout", "0"].map(OsStr::new);
    let url = "http://127.0.0.1:9/".as_ref();
    put([&arguments[..], &[file.as_ref(), url]].concat()).expect(1, 0, 5, "timed out");
}

// What goes wrong before a byte is out.

#[test]
fn wrong_usage_is_told_on_standard_error_only() {
    let file = Scratch::new(b"hello");
    let name = file.0.to_str().expect("it is one of ours");
    let url = "http://127.0.0.1:9/";
    let cases: &[&[&str]] = &[
        &[name],
        &[name, url, url],
        &[name, url, "--bogus"],
        &["--timeout", "-1", name, url],
        &["--timeout", "nan", name, url],
        &["--timeout", "inf", name, url],
        &["--timeout", "1e300", name, url],
        &["--timeout", "soon", name, url],
        &["--timeout", "", name, url],
        &["--timeout"],
        &["--buffer", "0", name, url],
        &["--buffer", "64k", name, url],
        &["--buffer", "-1", name, url],
        &["--depth", "0", name, url],
        &["--depth", "1000000", name, url],
        &["--depth", "two", name, url],
        &["--cacert", name],
        &["--proxy-env"],
        &["--proxy", "socks5://localhost", name, url],
        &["--proxy", "http://localhost:port", name, url],
        &["--proxy", "localhost", "--proxy-env", name, url],
        &["-L", name, url],
        &[name, ""],
        &[name, "localhost"],
        &[name, "localhost:80/path"],
        &[name, "/path"],
        &[name, "http:"],
        &[name, "http://"],
        &[name, "http:///path"],
        &[name, "http://:80/"],
        &[name, "http://host:99999/"],
        &[name, "http://host:port/"],
        &[name, "http://[::1/"],
        &[name, "http://[::zz]/"],
        &[name, "http://user:password@host/"],
        &[name, "http://host/with space"],
        &[name, "http://host/\u{fc}"],
        &[name, "ftp://host/"],
    ];
    for case in cases {
        let ended = put(*case);
        assert_eq!(ended.code, Some(2), "{case:?}");
        assert!(ended.stdout.is_empty(), "{case:?}");
        assert!(
            ended.stderr.starts_with("error: "),
            "{case:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let url = "http://127.0.0.1:9/";
    let missing = Path::new("there/is/none");
    let result = format!("cannot read {}: there is no such file", missing.display());
    put([missing.as_os_str(), url.as_ref()]).expect(1, 0, 0, &result);

    let directory = std::env::temp_dir();
    let result = format!("{} is a directory", directory.display());
    put([directory.as_os_str(), url.as_ref()]).expect(1, 0, 0, &result);
}

#[test]
#[cfg(unix)]
fn what_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let file = Scratch::new(b"hello");
    fs::set_permissions(&file.0, fs::Permissions::from_mode(0o000)).expect("it is ours");
    if File::open(&file.0).is_ok() {
        return; // We are root, who may read everything.
    }
    let result = format!("cannot read {}: permission denied", file.0.display());
    put_file(&file, "http://127.0.0.1:9/").expect(1, 0, 0, &result);
}

#[test]
#[cfg(unix)]
fn what_has_no_length_is_told() {
    let url = "http://127.0.0.1:9/";
    let fifo = Scratch::fifo();
    for path in [&*fifo.0, Path::new("/dev/zero")] {
        let name = path.display();
        let result = format!("{name} is not a regular file: pipe it into `put - URL`");
        put([path.as_os_str(), url.as_ref()]).expect(1, 0, 0, &result);
    }
}

#[test]
#[cfg(unix)]
fn a_name_cannot_make_it_two_lines() {
    let ended = put(["no\nsuch\u{1b}file", "http://127.0.0.1:9/"]);
    ended.expect(1, 0, 0, "cannot read no?such?file: there is no such file");
}

#[test]
fn a_refused_connection_is_told() {
    let file = Scratch::new(b"hello");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has an address");
    drop(listener); // Nobody listens there now.
    put_file(&file, &format!("http://{address}/")).expect(1, 0, 5, "connection refused");
}

#[test]
fn a_host_that_does_not_resolve_is_told() {
    let file = Scratch::new(b"hello");
    put_file(&file, "http://name.invalid/").expect(1, 0, 5, "cannot resolve name.invalid");
}

// Proxies.

fn put_via(proxy: &str, file: &Scratch, url: &str) -> Ended {
    let via = [OsStr::new("--proxy"), OsStr::new(proxy)];
    put(via.into_iter().chain([file.as_ref(), OsStr::new(url)]))
}

#[test]
fn a_proxy_makes_a_tunnel() {
    let content = noise(300_000);
    let file = Scratch::new(&content);
    let (peer, proxy) = (answering(CREATED), proxy(""));
    let ended = put_via(proxy.address(), &file, &peer.url);
    ended.expect(0, 300_000, 300_000, "ok (201 Created)");
    let line = format!("CONNECT {} HTTP/1.1\r\n", peer.address());
    let request = peer.outcome();
    assert!(request.head.starts_with("PUT /dir/file?a=b "));
    assert!(request.body == content);
    let head = proxy.outcome().head;
    assert!(head.starts_with(&line), "{head}");
}

#[test]
fn the_environment_names_proxies_only_if_asked() {
    let file = Scratch::new(b"hello");
    let (peer, proxy) = (answering(CREATED), proxy(""));
    for (address, asked, peer) in [
        ("name.invalid", None, answering(CREATED)),
        (proxy.address(), Some("--proxy-env"), peer),
    ] {
        let variables = [
            ("http_proxy", OsStr::new(address)),
            ("no_proxy", OsStr::new("")),
        ];
        let url = OsStr::new(&peer.url);
        let arguments = asked.map(OsStr::new).into_iter();
        let arguments = arguments.chain([file.as_ref(), url]);
        let ended = Tool::start_in(&variables, "put", arguments).end();
        ended.expect(0, 5, 5, "ok (201 Created)");
    }
    assert!(proxy.outcome().head.starts_with("CONNECT "));
}

#[test]
fn a_proxy_that_refuses_is_told() {
    let file = Scratch::new(b"hello");
    let proxy = answering("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
    let ended = put_via(proxy.address(), &file, "http://name.invalid/");
    let result = "the proxy answered 407 Proxy Authentication Required";
    ended.expect(1, 0, 5, result);
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has one").to_string();
    drop(listener); // Nobody listens there now.
    let ended = put_via(&address, &file, "http://name.invalid/");
    ended.expect(1, 0, 5, "connection refused by the proxy");
    let ended = put_via("name.invalid", &file, "http://127.0.0.1:9/");
    ended.expect(1, 0, 5, "cannot resolve the proxy");
}

// TLS.

#[test]
#[cfg(not(feature = "tls"))]
fn without_tls_there_is_no_https() {
    let file = Scratch::new(b"hello");
    let result = "this build has no TLS: build it with the feature `tls`";
    put_file(&file, "https://localhost/").expect(1, 0, 0, result);
}

#[cfg(feature = "tls")]
mod secure {
    use http_aio::bytes::Bytes;
    use http_aio::http::{Response, StatusCode};

    use super::*;
    use crate::examples::secure::{self, Authority};

    fn created() -> Response<Bytes> {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::CREATED;
        response
    }

    /// `put --cacert FILE OPTIONS FILE URL`
    fn put_trusting(authority: &Authority, options: &[&str], file: &Scratch, url: &str) -> Ended {
        let certificate = authority.file();
        let trust = [OsStr::new("--cacert"), certificate.as_ref()];
        let options = options.iter().map(OsStr::new);
        put(trust
            .into_iter()
            .chain(options)
            .chain([file.as_ref(), OsStr::new(url)]))
    }

    #[test]
    fn https_is_understood() {
        let ours = Authority::new("ours");
        let content = noise(3_000_000);
        let file = Scratch::new(&content);
        for (options, total) in [
            (&[][..], Some(3_000_000)),
            (&["--chunked"], None),
            (&["--expect-continue"], Some(3_000_000)),
        ] {
            let peer = secure::answering(ours.server(), 1, created);
            let ended = put_trusting(&ours, options, &file, &peer.url);
            ended.expect(0, 3_000_000, total, "ok (201 Created)");
            let request = peer.outcome().expect("a request");
            assert_eq!(request.uri(), "/dir/file?a=b");
            assert!(*request.body() == content);
        }
    }

    #[test]
    fn https_goes_through_a_proxy() {
        let ours = Authority::new("ours");
        let file = Scratch::new(b"hello");
        let peer = secure::answering(ours.server(), 1, created);
        let proxy = proxy("");
        let via = proxy.address().to_owned();
        let ended = put_trusting(&ours, &["--proxy", &via], &file, &peer.url);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert_eq!(peer.outcome().expect("a request").body(), "hello");
        assert!(proxy.outcome().head.starts_with("CONNECT "));
    }

    #[test]
    fn who_cannot_be_trusted_gets_nothing() {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let file = Scratch::new(b"hello");
        for (config, why) in [
            (
                theirs.server(),
                "its certificate is signed by nobody we trust",
            ),
            (
                ours.sign("else.where", 4000),
                "its certificate is for another name than 127.0.0.1",
            ),
            (ours.sign("127.0.0.1", 2001), "its certificate has expired"),
        ] {
            let peer = secure::answering(config, 1, created);
            let ended = put_trusting(&ours, &[], &file, &peer.url);
            ended.expect(1, 0, 5, &format!("not trusted: {why}"));
            assert!(peer.outcome().is_err());
        }
        // Without --cacert, the system says whom to trust: here, somebody else.
        let system = theirs.file();
        let peer = secure::answering(ours.server(), 1, created);
        let arguments = [file.as_ref(), OsStr::new(&peer.url)];
        let variables = [("SSL_CERT_FILE", system.as_ref())];
        let ended = Tool::start_in(&variables, "put", arguments).end();
        let result = "not trusted: its certificate is signed by nobody we trust";
        ended.expect(1, 0, 5, result);
    }

    #[test]
    fn what_is_not_tls_is_told() {
        let ours = Authority::new("ours");
        let file = Scratch::new(b"hello");
        let peer = Peer::new(|mut stream| {
            let _ = stream.read(&mut [0; 4096])?;
            answer(&stream, "HTTP/1.1 400 Bad Request\r\n\r\n")
        });
        let url = peer.url.replacen("http:", "https:", 1);
        let result = "TLS failed: the peer speaks plain HTTP here, and no TLS";
        put_trusting(&ours, &[], &file, &url).expect(1, 0, 5, result);
    }

    #[test]
    fn certificates_that_cannot_be_read_are_told() {
        let (file, empty) = (Scratch::new(b"hello"), Scratch::new(b""));
        let url = OsStr::new("https://127.0.0.1:9/");
        let result = format!(
            "there is no usable PEM certificate in {}",
            empty.0.display()
        );
        put([OsStr::new("--cacert"), empty.as_ref(), file.as_ref(), url]).expect(1, 0, 0, &result);
        let result = "cannot read there/is/none: there is no such file";
        put(["--cacert", "there/is/none", "-", "https://127.0.0.1:9/"]).expect(1, 0, 0, result);
    }

    #[test]
    fn ctrl_c_ends_an_upload_and_the_count_is_right() {
        let ours = Authority::new("ours");
        let file = Scratch::sparse(LARGE);
        let (begun, has_begun) = gate();
        let (go_on, told) = gate();
        let peer = secure::serving(ours.server(), move |conn| {
            conn.read_request(http_aio::Aio::new()).wait()?;
            let _ = begun.send(());
            let _ = told.recv();
            let (mut seen, mut aio) = (0, http_aio::Aio::new());
            loop {
                let result;
                (result, aio) = conn.read(aio, 1 << 20).reclaim();
                match result {
                    Ok(bytes) => seen += bytes.len() as u64,
                    Err(_) => return Ok(seen), // It was cut.
                }
            }
        });
        let trust = ours.file();
        let url = OsStr::new(&peer.url);
        let upload = start([OsStr::new("--cacert"), trust.as_ref(), file.as_ref(), url]);
        has_begun.recv_timeout(LIMIT).expect("the upload begins");
        upload.interrupt();
        let ended = upload.end();
        let _ = go_on.send(());
        let written = ended.line().written;
        ended.expect(130, written, LARGE, "canceled");
        let seen = peer.outcome().expect("it was served");
        // Up to one record more than was counted: see `http_aio::tls`.
        assert!(
            (written..=written + (16 << 10)).contains(&seen),
            "{written}, {seen}"
        );
    }
}

// What goes wrong on this side.

#[test]
fn a_file_that_shrinks_cuts_the_upload() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        let _ = begun.send(());
        let _ = told.recv();
        request.rest(&stream)
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    file.resize(LARGE / 2);
    let _ = go_on.send(());
    let ended = upload.end();
    let written = peer.outcome();
    assert!(written <= LARGE / 2, "{written}");
    let result = format!("{} shrank during the upload", file.0.display());
    ended.expect(1, written, LARGE, &result);
}

#[test]
fn a_file_that_grows_is_sent_as_it_was() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        let _ = begun.send(());
        let _ = told.recv();
        let rest = LARGE - request.body.len() as u64;
        io::copy(&mut (&stream).take(rest), &mut io::sink())?;
        answer(&stream, CREATED)?;
        io::copy(&mut &stream, &mut io::sink()) // What is too much.
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    file.resize(LARGE + 1);
    let _ = go_on.send(());
    let ended = upload.end();
    ended.expect(0, LARGE, LARGE, "ok (201 Created)");
    assert!(ended.stderr.contains("the file grew"), "{}", ended.stderr);
    assert_eq!(peer.outcome(), 0);
}

#[test]
fn a_closed_standard_output_is_no_reason_to_panic() {
    let file = Scratch::new(b"hello");
    let peer = answering(CREATED);
    let mut child = Command::new(binary("put"))
        .args([file.as_ref(), OsStr::new(&peer.url)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("put starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

// Ctrl-C.

#[test]
#[cfg(unix)]
fn ctrl_c_ends_an_upload() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        let _ = begun.send(());
        let _ = told.recv();
        request.rest(&stream)
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    let ended = upload.end();
    let _ = go_on.send(());
    ended.expect(130, peer.outcome(), LARGE, "canceled");
}

/// The process has ended, and the server still has what was counted, though it said something.
#[test]
#[cfg(unix)]
fn ctrl_c_destroys_nothing_that_was_counted() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut part = vec![0; 256 << 10];
        let mut seen = Request::begin(&stream)?.body.len() as u64;
        seen += stream.read(&mut part)? as u64;
        let _ = begun.send(());
        let _ = told.recv();
        loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n")?;
            match stream.read(&mut part)? {
                0 => return Ok(seen),
                count => seen += count as u64,
            }
            thread::sleep(Duration::from_millis(1)); // The pace is the test.
        }
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    thread::sleep(Duration::from_millis(50)); // It has ended by then, if nothing keeps it.
    let _ = go_on.send(());
    let ended = upload.end();
    let written = ended.line().written;
    assert!(written > 0);
    ended.expect(130, written, LARGE, "canceled");
    assert_eq!(peer.outcome(), written);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_wait_for_the_answer() {
    let file = Scratch::new(b"hello");
    let (read, has_read) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = read.send(());
        let _ = told.recv();
        Ok(())
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_read.recv_timeout(LIMIT).expect("the body arrives");
    upload.interrupt();
    upload.end().expect(130, 5, 5, "canceled");
    let _ = go_on.send(());
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_reading_of_standard_input() {
    let mut upload = start(["-", "http://127.0.0.1:9/"]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is written, it is being read.
    stdin.write_all(&[0; 1 << 20]).expect("it reads");
    upload.interrupt();
    upload.end().expect(130, 0, 0, "canceled");
    drop(stdin);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use crate::examples::{ALLOWANCE, Full, peak_memory, wait_for_thread};

    #[test]
    fn ctrl_c_ends_a_connect() {
        let file = Scratch::new(b"hello");
        let full = Full::new().expect("it can listen");
        let url = format!("http://127.0.0.1:{}/", full.port());
        let upload = start([file.as_ref(), url.as_ref()]);
        full.wait_for_connect();
        upload.interrupt();
        upload.end().expect(130, 0, 5, "canceled");
    }

    #[test]
    fn the_timeout_counts_for_the_connect_too() {
        let file = Scratch::new(b"hello");
        let full = Full::new().expect("it can listen");
        let url = format!("http://127.0.0.1:{}/", full.port());
        let ended = put([
            "--timeout".as_ref(),
            "0.2".as_ref(),
            file.as_ref(),
            url.as_ref(),
        ]);
        ended.expect(1, 0, 5, "timed out");
        assert!(
            ended.time <= Duration::from_millis(200) + ALLOWANCE,
            "{:?}",
            ended.time
        );
    }

    #[test]
    fn ctrl_c_ends_the_opening_of_a_fifo() {
        let fifo = Scratch::fifo();
        let url = OsStr::new("http://127.0.0.1:9/");
        let upload = start(["--chunked".as_ref(), fifo.as_ref(), url]);
        wait_for_thread(&upload.child, "put:source"); // Nobody writes.
        upload.interrupt();
        upload.end().expect(130, 0, None, "canceled");
    }

    #[test]
    fn a_read_that_fails_cuts_the_upload() {
        let path = Path::new("/proc/self/mem"); // Nothing is mapped at its beginning.
        let peer = Peer::new(|mut stream| {
            let mut request = Request::begin(&stream)?;
            stream.read_to_end(&mut request.body)?;
            Ok(request.body)
        });
        let ended = put(["--chunked".as_ref(), path.as_os_str(), peer.url.as_ref()]);
        let result = "cannot read /proc/self/mem: input/output error";
        ended.expect(1, 0, None, result);
        assert_eq!(peer.outcome(), b"", "it looks whole");
    }

    #[test]
    fn files_without_a_length_can_be_sent_in_chunks() {
        let path = Path::new("/proc/version");
        let peer = answering_chunks(CREATED);
        let ended = put(["--chunked".as_ref(), path.as_os_str(), peer.url.as_ref()]);
        let (content, is_whole) = content(&peer.outcome().body);
        ended.expect(0, content.len() as u64, None, "ok (201 Created)");
        assert!(is_whole && content == fs::read(path).expect("it is there"));
    }

    #[test]
    fn memory_does_not_grow_with_the_file() {
        const LEN: u64 = 1 << 30;
        const MOST_KIB: u64 = 32 << 10;
        let file = Scratch::sparse(LEN);
        let (read, has_read) = gate();
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| {
            let request = Request::begin(&stream)?;
            let mut rest = (&stream).take(LEN - request.body.len() as u64);
            let mut part = vec![0; 1 << 20];
            while rest.read(&mut part)? > 0 {}
            let _ = read.send(());
            let _ = told.recv();
            answer(&stream, CREATED)
        });
        let upload = start([file.as_ref(), peer.url.as_ref()]);
        has_read.recv_timeout(LIMIT).expect("the body arrives");
        let peak = peak_memory(&upload.child);
        let _ = go_on.send(());
        upload.end().expect(0, LEN, LEN, "ok (201 Created)");
        assert!(peak < MOST_KIB, "{peak} KiB");
    }
}
