//! The example `get`, run as its users run it, against servers of every temper.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::examples::{
    Ended, LIMIT, Peer, Request, Scratch, Tool, answer, binary, collect, gate, interrupt, noise,
    proxy,
};

/// What `get --timeout 1` may take, measured around the process.
const TIMEOUT_1: Duration = Duration::from_millis(1100);

/// More than the kernel buffers on loopback and in a pipe.
const LARGE: usize = 64 << 20;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const OK: &str = "ok (200 OK)";

impl Ended {
    /// Nothing but the last line is on standard error.
    #[track_caller]
    fn expect_read(&self, code: i32, read: usize, result: &str) {
        assert_eq!(self.stderr, format!("read {read} bytes: {result}\n"));
        assert_eq!(self.code, Some(code));
    }

    /// All that was read is on standard output.
    #[track_caller]
    fn expect_body(&self, code: i32, body: &[u8], result: &str) {
        self.expect_read(code, body.len(), result);
        assert!(self.stdout == body, "another body");
    }
}

fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Tool {
    Tool::start("get", arguments)
}

fn get<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    start(arguments).end()
}

/// `get OPTIONS -o FILE URL`
fn get_file(options: &[&str], file: &Scratch, url: &str) -> Ended {
    let output = [OsStr::new("-o"), file.as_ref(), OsStr::new(url)];
    get(options.iter().map(OsStr::new).chain(output))
}

/// Reads the request, then says `text`, and closes.
fn answering(text: impl Into<Vec<u8>>) -> Peer<Request> {
    let text = text.into();
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        (&stream).write_all(&text)?;
        Ok(request)
    })
}

fn message(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), body].concat()
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    message(&head, body)
}

/// In chunks of `size` bytes, with all that may be around them.
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        text.extend(format!("{:X};name=\"value\"\r\n", chunk.len()).into_bytes());
        text.extend(chunk);
        text.extend(b"\r\n");
    }
    text.extend(b"0\r\nX-Trailer: yes\r\n\r\n");
    text
}

/// A part of `all`, as a server would send it.
fn part(all: &[u8], from: usize, to: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n\
         Content-Length: {}\r\n\r\n",
        to - 1,
        all.len(),
        to - from
    );
    message(&head, &all[from..to])
}

#[track_caller]
fn expect_content(file: &Scratch, content: &[u8]) {
    let now = fs::read(&file.0).expect("it is there");
    assert!(now == content, "{} bytes, {}", now.len(), content.len());
}

fn has_line(request: &Request, line: &str) -> bool {
    request.head.lines().any(|is| is.eq_ignore_ascii_case(line))
}

// What it is for.

#[test]
fn without_arguments_it_downloads_from_a_server_of_its_own() {
    let ended = get([""; 0]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
    let last = ended.stderr.lines().last();
    assert_eq!(last, Some("read 268435456 bytes: ok (200 OK)"));
    let seen = " MiB/s, 268435456 bytes as generated\n";
    assert!(ended.stderr.contains(seen), "{}", ended.stderr);
}

#[test]
fn a_body_arrives_whole() {
    let piece = 256 << 10;
    for len in [0, 1, 1000, piece, piece + 1, 3_000_000] {
        let body = noise(len);
        let peer = answering(whole(&body));
        let url = peer.url.clone();
        get([&url]).expect_body(0, &body, OK);
        let request = peer.outcome();
        let head = &request.head;
        assert!(head.starts_with("GET /dir/file?a=b HTTP/1.1\r\n"), "{head}");
        let host = url.split('/').nth(2).unwrap_or_default();
        assert!(has_line(&request, &format!("host: {host}")), "{head}");
        assert!(!head.to_lowercase().contains("content-"), "{head}");
        assert!(request.body.is_empty());
    }
}

#[test]
fn a_chunked_body_arrives_whole() {
    for (len, size) in [
        (0, 1),
        (1, 1),
        (10_000, 7),
        (1_000_000, 65_521),
        (300_000, 300_000),
    ] {
        let body = noise(len);
        let peer = answering(chunked(&body, size));
        get([&peer.url]).expect_body(0, &body, OK);
    }
}

#[test]
fn a_body_that_ends_with_the_connection_arrives_whole() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let body = noise(1_000_000);
        let peer = answering(message(head, &body));
        get([&peer.url]).expect_body(0, &body, OK);
    }
}

#[test]
fn a_file_is_replaced_by_what_arrives() {
    let file = Scratch::new(&noise(5000));
    let body = noise(1000);
    let peer = answering(whole(&body));
    let ended = get_file(&[], &file, &peer.url);
    ended.expect_read(0, 1000, OK);
    assert!(ended.stdout.is_empty());
    expect_content(&file, &body);
}

#[test]
fn a_file_is_made_where_there_is_none() {
    let file = Scratch::missing();
    let peer = answering(HELLO);
    get_file(&["--timeout", "50.5"], &file, &peer.url).expect_read(0, 5, OK);
    expect_content(&file, b"hello");
}

#[test]
fn a_dash_is_standard_output() {
    let peer = answering(HELLO);
    get(["-o", "-", &peer.url]).expect_body(0, b"hello", OK);
}

#[test]
fn the_head_comes_first_if_asked_for() {
    let peer = answering("HTTP/1.1 404 Nothing here\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
    let ended = get(["-i", &peer.url]);
    ended.expect_read(1, 5, "refused (404 Nothing here)");
    let text = String::from_utf8_lossy(&ended.stdout);
    let (head, body) = text.split_once("\r\n\r\n").expect("there is a head");
    assert!(head.starts_with("HTTP/1.1 404 Nothing here\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("\r\nx-one: 1"), "{head}");
    assert!(head.contains("\r\ncontent-length: 5"), "{head}");
    assert_eq!(body, "hello");
}

#[test]
fn head_has_no_body() {
    for framing in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "X-Other: 5",
    ] {
        let peer = answering(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        let ended = get(["-i", "-X", "HEAD", &peer.url]);
        ended.expect_read(0, 0, OK);
        let head = String::from_utf8_lossy(&ended.stdout).to_lowercase();
        assert!(head.contains(&framing.to_lowercase()), "{head}");
        assert!(peer.outcome().head.starts_with("HEAD /dir/file?a=b "));
    }
}

#[test]
fn headers_are_sent_as_given() {
    let peer = answering(HELLO);
    get([
        "-H",
        "X-One: 1",
        "-H",
        "x-one:2 3 ",
        "-H",
        "User-Agent: me",
        "-H",
        "Host: else.where",
        "-H",
        "X-Empty:",
        &peer.url,
    ])
    .expect_body(0, b"hello", OK);
    let request = peer.outcome();
    for line in [
        "x-one: 1",
        "x-one: 2 3",
        "user-agent: me",
        "host: else.where",
        "x-empty: ",
    ] {
        assert!(has_line(&request, line), "{line}: {}", request.head);
    }
    let head = request.head.to_lowercase();
    for once in ["\r\nuser-agent:", "\r\nhost:"] {
        assert_eq!(head.matches(once).count(), 1, "{head}");
    }
}

#[test]
fn data_are_posted() {
    let data = noise(300_000);
    let file = Scratch::new(&data);
    let from_file = format!("@{}", file.0.display());
    let cases: [(&str, &[u8]); 4] = [("a=b", b"a=b"), ("-", b"-"), ("", b""), (&from_file, &data)];
    for (argument, body) in cases {
        let peer = answering(HELLO);
        get(["-d", argument, &peer.url]).expect_body(0, b"hello", OK);
        let request = peer.outcome();
        let head = &request.head;
        assert!(
            head.starts_with("POST /dir/file?a=b HTTP/1.1\r\n"),
            "{head}"
        );
        let length = format!("content-length: {}", body.len());
        let kind = "content-type: application/x-www-form-urlencoded";
        assert!(has_line(&request, &length), "{head}");
        assert!(has_line(&request, kind), "{head}");
        assert!(request.body == body, "{argument}");
    }
}

#[test]
fn data_come_from_standard_input_too() {
    let data = noise(1_000_000);
    let peer = answering(HELLO);
    let mut tool = start([
        "-d",
        "@-",
        "-X",
        "PUT",
        "-H",
        "Content-Type: a/b",
        &peer.url,
    ]);
    let mut stdin = tool.child.stdin.take().expect("it is piped");
    stdin.write_all(&data).expect("it reads");
    drop(stdin);
    tool.end().expect_body(0, b"hello", OK);
    let request = peer.outcome();
    assert!(request.head.starts_with("PUT "), "{}", request.head);
    assert!(has_line(&request, "content-type: a/b"), "{}", request.head);
    assert!(request.body == data);
}

#[test]
fn help_is_no_error() {
    let ended = get(["--help"]);
    assert_eq!(ended.code, Some(0));
    let help = String::from_utf8_lossy(&ended.stdout);
    for word in [
        "--timeout",
        "--repeat",
        "-C",
        "-L",
        "--cacert",
        "--proxy",
        "--proxy-env",
        "130",
        "read N bytes",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

// What servers say.

#[test]
fn the_status_is_shown_as_the_server_says_it() {
    let cases = [
        ("200 OK", 0, "ok (200 OK)"),
        ("299", 0, "ok (299)"),
        ("404 Nothing (here)", 1, "refused (404 Nothing (here))"),
        ("500 Oh\tno", 1, "refused (500 Oh?no)"),
        (
            "301 Moved Permanently",
            1,
            "refused (301 Moved Permanently)",
        ),
    ];
    for (status, code, result) in cases {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello");
        get([&answering(text).url]).expect_body(code, b"hello", result);
    }
    for status in ["204 No Content", "304 Not Modified"] {
        let text = format!("HTTP/1.1 {status}\r\n\r\n");
        let ended = get([&answering(text).url]);
        let (code, word) = if status.starts_with('2') {
            (0, "ok")
        } else {
            (1, "refused")
        };
        ended.expect_body(code, b"", &format!("{word} ({status})"));
    }
}

#[test]
fn interim_responses_are_skipped() {
    let text = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{HELLO}");
    get(["-i", &answering(text).url]).expect_read(0, 5, OK);
}

#[test]
fn another_protocol_is_not_read() {
    let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nand now for something";
    let ended = get([
        "-H",
        "Upgrade: x",
        "-H",
        "Connection: upgrade",
        &answering(text).url,
    ]);
    ended.expect_body(1, b"", "refused (101 Switching Protocols)");
}

#[test]
fn garbage_is_no_answer() {
    for garbage in [
        "\x15\x03\x01\x00\x02\x02\x28",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    ] {
        get([&answering(garbage).url]).expect_body(1, b"", "the answer is not HTTP/1");
    }
}

#[test]
fn a_server_that_closes_has_not_answered() {
    for text in ["", "HTTP/1.1 200 OK\r\n"] {
        get([&answering(text).url]).expect_body(1, b"", "closed without an answer");
    }
}

#[test]
fn a_body_that_is_cut_is_incomplete() {
    let file = Scratch::new(b"old, and longer than what comes");
    let peer = answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    get_file(&[], &file, &peer.url).expect_read(1, 5, "incomplete (5 of 10 bytes)");
    expect_content(&file, b"hello");

    let result = "incomplete (closed before the end)";
    for rest in [
        "5\r\nhello",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "8\r\nhello",
    ] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let ended = get([&answering(format!("{head}{rest}")).url]);
        ended.expect_body(1, b"hello", result);
    }
}

#[test]
fn a_chunked_body_that_is_none_is_incomplete() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\n",
        )?;
        io::copy(&mut &stream, &mut io::sink())
    });
    get([&peer.url]).expect_body(1, b"hello", "incomplete (the rest is not HTTP/1)");
}

#[test]
fn a_refusal_that_is_cut_is_incomplete() {
    let peer = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nhello");
    get([&peer.url]).expect_body(1, b"hello", "incomplete (5 of 10 bytes)");
}

#[test]
fn a_reset_midway_is_one() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        let _ = told.recv();
        socket2::Socket::from(stream).set_linger(Some(Duration::ZERO)) // Closing resets.
    });
    let mut tool = Unread::start(&[&peer.url]);
    assert_eq!(tool.read_some(), b"hello");
    let _ = go_on.send(());
    tool.end().expect_read(1, 5, "reset by peer");
}

#[test]
fn a_refused_upload_is_heard_though_the_body_is_not_read() {
    let data = Scratch::sparse(LARGE as u64);
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 5\r\n\r\nlarge",
        )?;
        let _ = told.recv();
        request.rest(&stream)
    });
    let ended = get(["-d", &format!("@{}", data.0.display()), &peer.url]);
    let _ = go_on.send(());
    ended.expect_body(1, b"large", "refused (413 Payload Too Large)");
    assert!(peer.outcome() < LARGE as u64);
}

// What is continued.

#[test]
fn a_download_is_continued_where_it_ended() {
    let all = noise(5000);
    let file = Scratch::new(&all[..1000]);
    let peer = answering(part(&all, 1000, 5000));
    let ended = get_file(&["-C"], &file, &peer.url);
    ended.expect_read(0, 4000, "ok (206 Partial Content)");
    expect_content(&file, &all);
    let request = peer.outcome();
    assert!(has_line(&request, "range: bytes=1000-"), "{}", request.head);
}

#[test]
fn it_is_continued_until_it_is_whole() {
    let all = noise(5000);
    let file = Scratch::missing();
    // Cut on the way, then in three parts, of which the server chooses one.
    let first = answering(&whole(&all)[..2000]);
    let ended = get_file(&["-C"], &file, &first.url);
    let had = fs::read(&file.0).expect("it was made").len();
    ended.expect_read(1, had, &format!("incomplete ({had} of 5000 bytes)"));
    let head = first.outcome().head.to_lowercase();
    assert!(!head.contains("\r\nrange:"), "{head}");

    let second = answering(part(&all, had, 3000));
    let ended = get_file(&["-C"], &file, &second.url);
    ended.expect_read(1, 3000 - had, "incomplete (3000 of 5000 bytes)");

    let mut text = part(&all, 3000, 5000);
    text.truncate(text.len() - 1000);
    let ended = get_file(&["-C"], &file, &answering(text).url);
    ended.expect_read(1, 1000, "incomplete (1000 of 2000 bytes)");

    let ended = get_file(&["-C"], &file, &answering(part(&all, 4000, 5000)).url);
    ended.expect_read(0, 1000, "ok (206 Partial Content)");
    expect_content(&file, &all);
}

#[test]
fn a_server_that_sends_all_of_it_starts_over() {
    let file = Scratch::new(&noise(5000));
    get_file(&["-C"], &file, &answering(HELLO).url).expect_read(0, 5, OK);
    expect_content(&file, b"hello");
}

#[test]
fn what_is_complete_stays() {
    let content = noise(5000);
    let file = Scratch::new(&content);
    let peer = answering(
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */5000\r\n\
         Content-Length: 5\r\n\r\nsorry",
    );
    let ended = get_file(&["-C"], &file, &peer.url);
    ended.expect_read(0, 0, "ok (416 Range Not Satisfiable)");
    expect_content(&file, &content);
}

#[test]
fn nothing_wrong_gets_into_a_file_that_is_continued() {
    let all = noise(5000);
    let refused = |status: &str, headers: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 5\r\n\r\nsorry").into_bytes()
    };
    let partial = |headers: &str| refused("206 Partial Content", headers);
    let unsaid = "the server does not say which part it sends (206 Partial Content)";
    let cases = [
        (
            refused(
                "416 Range Not Satisfiable",
                "Content-Range: bytes */900\r\n",
            ),
            "refused (416 Range Not Satisfiable)",
        ),
        (
            refused("416 Range Not Satisfiable", ""),
            "refused (416 Range Not Satisfiable)",
        ),
        (refused("404 Not Found", ""), "refused (404 Not Found)"),
        (
            refused("302 Found", "Location: /\r\n"),
            "refused (302 Found)",
        ),
        (
            part(&all, 999, 5000),
            "the server continues at byte 999 instead of 1000 (206 Partial Content)",
        ),
        (
            part(&all, 0, 5000),
            "the server continues at byte 0 instead of 1000 (206 Partial Content)",
        ),
        (partial(""), unsaid),
        (partial("Content-Range: bytes 1000-\r\n"), unsaid),
        (partial("Content-Range: bytes +1000-1004/5000\r\n"), unsaid),
        (partial("Content-Range: bytes 1000-999/5000\r\n"), unsaid),
        (partial("Content-Range: bytes 1000-1004/1002\r\n"), unsaid),
        (partial("Content-Range: bytes */5000\r\n"), unsaid),
        (partial("Content-Range: lines 1000-1004/5000\r\n"), unsaid),
        (
            partial("Content-Range: bytes 1000-18446744073709551615/*\r\n"),
            unsaid,
        ),
        (
            partial("Content-Range: bytes 1000-1003/5000\r\n"),
            "the server sends more than it says",
        ),
        (b"".to_vec(), "closed without an answer"),
    ];
    let file = Scratch::new(&all[..1000]);
    for (text, result) in cases {
        get_file(&["-C"], &file, &answering(text).url).expect_read(1, 0, result);
        expect_content(&file, &all[..1000]);
    }
}

#[test]
fn a_part_that_is_shorter_than_it_says_is_incomplete() {
    let file = Scratch::new(b"01234");
    let peer = answering(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/*\r\n\
         Content-Length: 3\r\n\r\n567",
    );
    get_file(&["-C"], &file, &peer.url).expect_read(1, 3, "incomplete (8 of 10 bytes)");
    expect_content(&file, b"01234567");
}

// Several exchanges.

/// For each connection, what the server answers, and how often until it closes.
fn server(answers: &[(&'static str, usize)]) -> Peer<Vec<Request>> {
    let answers = answers.to_owned();
    Peer::listening(move |listener| {
        let mut requests = Vec::new();
        for (text, times) in answers {
            let (stream, _) = listener.accept()?;
            for _ in 0..times {
                requests.push(Request::read(&stream)?);
                answer(&stream, text)?;
            }
        }
        Ok(requests)
    })
}

#[test]
fn it_is_repeated_over_one_connection() {
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for text in [HELLO, CHUNKED] {
        let peer = server(&[(text, 20)]);
        let ended = get(["--repeat", "20", "-d", "data", &peer.url]);
        ended.expect_body(0, "hello".repeat(20).as_bytes(), OK);
        let requests = peer.outcome();
        let (last, others) = requests.split_last().expect("there are 20");
        assert!(has_line(last, "connection: close"), "{}", last.head);
        for request in others {
            assert!(!has_line(request, "connection: close"), "{}", request.head);
            assert_eq!(request.body, b"data");
        }
    }
}

#[test]
fn it_connects_again_when_the_server_says_that_it_closes() {
    // In words, by the version, by the way the body ends. Data are not sent on the off-chance.
    let peer = server(&[
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
            1,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 1),
        ("HTTP/1.1 200 OK\r\n\r\nhello", 1),
        (HELLO, 1),
    ]);
    let ended = get(["--repeat", "4", "-d", "data", &peer.url]);
    ended.expect_body(0, "hello".repeat(4).as_bytes(), OK);
    assert_eq!(peer.outcome().len(), 4);
}

#[test]
fn it_connects_again_when_the_server_closes_without_a_word() {
    let peer = server(&[(HELLO, 2), (HELLO, 1)]);
    let ended = get(["--repeat", "3", &peer.url]);
    ended.expect_body(0, "hello".repeat(3).as_bytes(), OK);
    assert_eq!(peer.outcome().len(), 3);
}

#[test]
fn a_file_takes_the_bodies_of_all_exchanges() {
    let file = Scratch::new(b"old, and longer than what comes, all of it");
    let peer = server(&[(HELLO, 3)]);
    get_file(&["--repeat", "3"], &file, &peer.url).expect_read(0, 15, OK);
    expect_content(&file, b"hellohellohello");
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    let (go_on, told) = gate();
    let peer = Peer::listening(move |listener| {
        let (stream, _) = listener.accept()?;
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        drop(stream); // Without an answer.
        let _ = told.recv();
        listener.set_nonblocking(true)?;
        Ok(listener.accept().is_ok())
    });
    let ended = get(["--repeat", "3", "-d", "data", &peer.url]);
    ended.expect_body(1, b"hello", "closed without an answer");
    let _ = go_on.send(());
    assert!(!peer.outcome(), "it connected again");
}

#[test]
fn the_first_refusal_is_the_last_exchange() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
        )?;
        let mut rest = Vec::new();
        (&stream).read_to_end(&mut rest)?;
        Ok(rest)
    });
    let ended = get(["--repeat", "5", &peer.url]);
    ended.expect_body(1, b"hellobusy", "refused (503 Busy)");
    assert!(peer.outcome().is_empty(), "it asked again");
}

// Redirections.

/// Without a body, which would cost the connection.
const ELSEWHERE: &str =
    "HTTP/1.1 302 Found\r\nLocation: ../else/where\r\nContent-Length: 0\r\n\r\n";

#[test]
fn redirections_are_followed_if_asked_for() {
    // To another server, and there along one connection.
    let there = Peer::new(|stream| {
        let mut lines = Vec::new();
        for text in [ELSEWHERE, HELLO] {
            let request = Request::read(&stream)?;
            lines.extend(request.head.lines().next().map(str::to_owned));
            answer(&stream, text)?;
        }
        Ok(lines)
    });
    let far = there.url.clone();
    let here = |far: &str| {
        answering(format!(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: {far}\r\nContent-Length: 3\r\n\r\nbye"
        ))
    };
    get([&here(&far).url]).expect_body(1, b"bye", "refused (301 Moved Permanently)");
    get(["-L", &here(&far).url]).expect_body(0, b"hello", OK);
    let lines = ["GET /dir/file?a=b HTTP/1.1", "GET /else/where HTTP/1.1"];
    assert_eq!(there.outcome(), lines);
}

#[test]
fn each_exchange_follows_its_redirections() {
    let peer = Peer::new(|stream| {
        for text in [ELSEWHERE, HELLO, ELSEWHERE, HELLO] {
            Request::read(&stream)?;
            answer(&stream, text)?;
        }
        Ok(())
    });
    let ended = get(["-L", "--repeat", "2", &peer.url]);
    ended.expect_body(0, b"hellohello", OK);
    peer.outcome();
}

#[test]
fn a_download_is_continued_elsewhere_too() {
    let all = noise(5000);
    let file = Scratch::new(&all[..1000]);
    let rest = part(&all, 1000, 5000);
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(&stream, ELSEWHERE)?;
        let request = Request::read(&stream)?;
        (&stream).write_all(&rest)?;
        Ok(request)
    });
    let ended = get_file(&["-L", "-C"], &file, &peer.url);
    ended.expect_read(0, 4000, "ok (206 Partial Content)");
    expect_content(&file, &all);
    let request = peer.outcome();
    assert!(has_line(&request, "range: bytes=1000-"), "{}", request.head);
}

#[test]
fn redirections_without_end_are_told() {
    let file = Scratch::new(b"hello");
    let peer = server(&[(ELSEWHERE, 11)]);
    let ended = get_file(&["-L"], &file, &peer.url);
    ended.expect_read(1, 0, "too many redirections");
    assert_eq!(peer.outcome().len(), 11);
    expect_content(&file, b"hello");
}

#[test]
fn redirections_to_nowhere_are_told() {
    let cases = [
        (
            "ftp://host/",
            "the answer cannot be used: Location is neither http nor https",
        ),
        ("", "refused (302 Found)"),
        (
            "http://name.invalid/",
            "cannot resolve 127.0.0.1 or where it leads",
        ),
    ];
    for (location, result) in cases {
        let text =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        get(["-L", &answering(text).url]).expect_body(1, b"", result);
    }
}

// Proxies.

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    listener.local_addr().expect("it has one").to_string()
}

#[test]
fn a_proxy_passes_requests_on() {
    let proxy = proxy(HELLO);
    let uri = format!("http://user:secret@{}", proxy.address());
    let ended = get(["--proxy", &uri, "http://name.invalid/path"]);
    ended.expect_body(0, b"hello", OK);
    let request = proxy.outcome();
    let head = &request.head;
    let line = "GET http://name.invalid/path HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    let credentials = "proxy-authorization: Basic dXNlcjpzZWNyZXQ=";
    assert!(has_line(&request, credentials), "{head}");
}

#[test]
fn the_environment_names_proxies_only_if_asked() {
    let proxy = proxy(HELLO);
    let (address, nobody) = (proxy.address().to_owned(), nobody());
    let get_in = |http_proxy: &str, no_proxy: &str, arguments: &[&str]| {
        let variables = [
            ("http_proxy", OsStr::new(http_proxy)),
            ("no_proxy", OsStr::new(no_proxy)),
        ];
        Tool::start_in(&variables, "get", arguments).end()
    };
    get_in(&nobody, "", &[&answering(HELLO).url]).expect_body(0, b"hello", OK);
    let direct = answering(HELLO);
    get_in(&nobody, "127.0.0.0/8", &["--proxy-env", &direct.url]).expect_body(0, b"hello", OK);
    let ended = get_in(&address, "", &["--proxy-env", "http://name.invalid/"]);
    ended.expect_body(0, b"hello", OK);
    assert!(
        proxy
            .outcome()
            .head
            .starts_with("GET http://name.invalid/ ")
    );

    let ended = get_in("host:port", "", &["--proxy-env", &direct.url]);
    ended.expect_body(1, b"", "http_proxy: this is not a port");
    let ended = get_in("name.invalid", "", &["--proxy-env", "http://127.0.0.1:9/"]);
    ended.expect_body(1, b"", "cannot resolve 127.0.0.1 or its proxy");
}

#[test]
fn a_proxy_that_is_none_is_told() {
    let url = "http://127.0.0.1:9/";
    let ended = get(["--proxy", &nobody(), url]);
    ended.expect_body(1, b"", "connection refused by the proxy");
    let ended = get(["--proxy", "name.invalid", url]);
    ended.expect_body(1, b"", "cannot resolve the proxy");
    let ended = get(["--proxy", "http://user:secret@host:port", url]);
    assert_eq!(ended.code, Some(2));
    let error = "error: invalid value for '--proxy <URL>': this is not a port\n";
    assert!(ended.stderr.starts_with(error), "{}", ended.stderr);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
}

// TLS.

#[test]
#[cfg(not(feature = "tls"))]
fn without_tls_there_is_no_https() {
    let result = "this build has no TLS: build it with the feature `tls`";
    let file = Scratch::new(b"hello");
    get_file(&[], &file, "https://localhost/").expect_read(1, 0, result);
    let redirected = "HTTP/1.1 302 Found\r\nLocation: https://localhost/\r\n\r\n";
    get_file(&["-L"], &file, &answering(redirected).url).expect_read(1, 0, result);
    get(["--cacert", "any", "http://127.0.0.1:9/"]).expect_body(1, b"", result);
    expect_content(&file, b"hello");
}

#[cfg(feature = "tls")]
mod secure {
    use http_aio::bytes::Bytes;
    use http_aio::http::Response;
    use http_aio::rustls::{ServerConnection, StreamOwned};

    use super::*;
    use crate::examples::secure::{Authority, answering};

    fn hello() -> Response<Bytes> {
        Response::new("hello".into())
    }

    /// `get --cacert FILE OPTIONS URL`
    fn get_trusting(authority: &Authority, options: &[&str], url: &str) -> Ended {
        let file = authority.file();
        let trust = [OsStr::new("--cacert"), file.as_ref()];
        let options = options.iter().map(OsStr::new);
        get(trust.into_iter().chain(options).chain([OsStr::new(url)]))
    }

    #[test]
    fn https_is_understood() {
        let ours = Authority::new("ours");
        let peer = answering(ours.server(), 3, hello);
        let ended = get_trusting(&ours, &["--repeat", "3", "-d", "data"], &peer.url);
        ended.expect_body(0, b"hellohellohello", OK);
        let request = peer.outcome().expect("three requests");
        assert_eq!(request.uri(), "/dir/file?a=b");
        assert_eq!(request.body(), "data");
    }

    #[test]
    fn a_large_body_arrives_whole() {
        let ours = Authority::new("ours");
        let peer = answering(ours.server(), 1, || Response::new(noise(3_000_000).into()));
        get_trusting(&ours, &[], &peer.url).expect_body(0, &noise(3_000_000), OK);
    }

    #[test]
    fn a_redirection_may_lead_to_https() {
        let ours = Authority::new("ours");
        let there = answering(ours.server(), 1, hello);
        let text = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\n\r\n", there.url);
        let here = super::answering(text);
        get_trusting(&ours, &["-L"], &here.url).expect_body(0, b"hello", OK);
    }

    #[test]
    fn the_system_is_asked_whom_to_trust() {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let unknown = "not trusted: its certificate is signed by nobody we trust";
        for (file, code, body, result) in [
            (ours.file(), 0, &b"hello"[..], OK),
            (theirs.file(), 1, b"", unknown),
        ] {
            let peer = answering(ours.server(), 1, hello);
            let variables = [("SSL_CERT_FILE", file.as_ref())];
            let ended = Tool::start_in(&variables, "get", [&peer.url]).end();
            ended.expect_body(code, body, result);
        }
        // Another file stands instead of what the system says.
        let peer = answering(ours.server(), 1, hello);
        get_trusting(&theirs, &[], &peer.url).expect_body(1, b"", unknown);
    }

    #[test]
    fn who_cannot_be_trusted_is_told_and_costs_no_file() {
        let ours = Authority::new("ours");
        let (trust, file) = (ours.file(), Scratch::new(b"hello"));
        for (name, until, why) in [
            (
                "else.where",
                4000,
                "its certificate is for another name than 127.0.0.1",
            ),
            ("127.0.0.1", 2001, "its certificate has expired"),
        ] {
            let peer = answering(ours.sign(name, until), 1, hello);
            let trust = trust.0.to_str().expect("it is one of ours");
            let ended = get_file(&["--cacert", trust], &file, &peer.url);
            ended.expect_read(1, 0, &format!("not trusted: {why}"));
        }
        expect_content(&file, b"hello");
    }

    #[test]
    fn what_is_not_tls_is_told() {
        for (text, why) in [
            (
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                "TLS failed: the peer speaks plain HTTP here, and no TLS",
            ),
            (
                "SSH-2.0-OpenSSH_9.9\r\n",
                "TLS failed: the peer speaks something else than TLS",
            ),
            ("", "closed without an answer"),
        ] {
            let peer = Peer::new(move |mut stream| {
                let _ = stream.read(&mut [0; 4096])?;
                answer(&stream, text)
            });
            let ours = Authority::new("ours");
            let url = peer.url.replacen("http:", "https:", 1);
            get_trusting(&ours, &[], &url).expect_body(1, b"", why);
        }
    }

    #[test]
    fn a_body_that_ends_without_the_end_of_tls_is_incomplete() {
        let ours = Authority::new("ours");
        let config = ours.server();
        let peer = Peer::new(move |stream| {
            let session = ServerConnection::new(config).expect("a session");
            let mut stream = StreamOwned::new(session, stream);
            let _ = stream.read(&mut [0; 4096])?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello")?;
            stream.flush() // Then it closes the socket.
        });
        let url = peer.url.replacen("http:", "https:", 1);
        let ended = get_trusting(&ours, &[], &url);
        ended.expect_body(1, b"hello", "incomplete (closed before the end)");
    }

    #[test]
    fn a_proxy_makes_a_tunnel() {
        let ours = Authority::new("ours");
        let peer = answering(ours.server(), 2, hello);
        let proxy = proxy("");
        let (via, server) = (proxy.address().to_owned(), peer.address().to_owned());
        let ended = get_trusting(&ours, &["--proxy", &via, "--repeat", "2"], &peer.url);
        ended.expect_body(0, b"hellohello", OK);
        let head = proxy.outcome().head;
        let line = format!("CONNECT {server} HTTP/1.1\r\n");
        assert!(head.starts_with(&line), "{head}");
    }

    #[test]
    fn a_proxy_that_refuses_is_told() {
        for (text, result) in [
            (
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
                "the proxy answered 403 Forbidden",
            ),
            ("SSH-2.0-OpenSSH_9.9\r\n", "the answer is not HTTP/1"),
            ("", "closed without an answer"),
        ] {
            let proxy = super::answering(text);
            let ended = get(["--proxy", proxy.address(), "https://name.invalid/"]);
            ended.expect_body(1, b"", result);
        }
    }

    #[test]
    fn certificates_that_cannot_be_used_are_told() {
        let unusable = |file: &Scratch| {
            let name = file.0.display();
            format!("there is no usable PEM certificate in {name}")
        };
        let section = |text: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        let (empty, other) = (Scratch::new(b""), Scratch::new(&noise(1000)));
        let none = Scratch::new(section("aGVsbG8=").as_bytes());
        let damaged = Scratch::new(section("hello!").as_bytes());
        let missing = Scratch::missing();
        let of = |file: &Scratch, why: &str| format!("cannot read {}: {why}", file.0.display());
        for (file, result) in [
            (&empty, unusable(&empty)),
            (&other, unusable(&other)),
            (&none, unusable(&none)),
            (&damaged, of(&damaged, "its PEM is damaged")),
            (&missing, of(&missing, "there is no such file")),
        ] {
            let url = OsStr::new("https://127.0.0.1:9/");
            let ended = get([OsStr::new("--cacert"), file.as_ref(), url]);
            ended.expect_body(1, b"", &result);
        }
    }

    #[test]
    fn a_handshake_ends_with_everything_else() {
        let silent = || {
            let (begun, has_begun) = gate();
            let peer = Peer::new(move |mut stream| {
                let _ = stream.read(&mut [0; 4096])?;
                let _ = begun.send(());
                io::copy(&mut stream, &mut io::sink())
            });
            let url = peer.url.replacen("http:", "https:", 1);
            (url, has_begun)
        };
        let (url, _has_begun) = silent();
        get(["--timeout", "0.2", &url]).expect_body(1, b"", "timed out");
        let (url, has_begun) = silent();
        let tool = start([&url]);
        has_begun.recv_timeout(LIMIT).expect("the handshake begins");
        tool.interrupt();
        tool.end().expect_body(130, b"", "canceled");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn ctrl_c_ends_the_reading_of_certificates() {
        let fifo = Scratch::fifo();
        let url = OsStr::new("https://127.0.0.1:9/");
        let tool = start([OsStr::new("--cacert"), fifo.as_ref(), url]);
        crate::examples::wait_for_thread(&tool.child, "cacert"); // Nobody writes.
        tool.interrupt();
        tool.end().expect_body(130, b"", "canceled");
    }
}

// Deadlines.

/// `get --timeout 1` against a server that is told when it has ended. The result must be right each
/// time; in time, on machines with other things to do, it need only be once of three times.
#[track_caller]
fn check_timeout(serve: fn(TcpStream, Receiver<()>) -> io::Result<usize>) {
    let mut times = Vec::new();
    for _ in 0..3 {
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| serve(stream, told));
        let ended = get(["--timeout", "1", &peer.url]);
        let _ = go_on.send(());
        let most = peer.outcome();
        ended.expect_read(1, ended.stdout.len(), "timed out");
        assert!(ended.stdout.len() <= most && (most == 0 || !ended.stdout.is_empty()));
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        times.push(ended.time);
        if ended.time <= TIMEOUT_1 {
            return;
        }
    }
    panic!("too late, three times: {times:?}");
}

#[test]
fn a_silent_server_costs_the_timeout_and_no_more() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(0)
    });
}

#[test]
fn a_dripping_head_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\nX-Long: ")?;
        // The pace is the test.
        while told.recv_timeout(Duration::from_millis(50)).is_err() {
            let _ = answer(&stream, "drip");
        }
        Ok(0)
    });
}

#[test]
fn a_dripping_body_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        let mut sent = 0;
        // The pace is the test.
        while told.recv_timeout(Duration::from_millis(50)).is_err() {
            let _ = answer(&stream, "drip");
            sent += 4;
        }
        Ok(sent)
    });
}

#[test]
fn the_timeout_is_over_all_exchanges() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(())
    });
    let ended = get(["--timeout", "0.3", "--repeat", "2", &peer.url]);
    let _ = go_on.send(());
    ended.expect_body(1, b"hello", "timed out");
    assert!(ended.time >= Duration::from_millis(300), "{:?}", ended.time);
}

#[test]
fn a_timeout_of_zero_asks_for_nothing() {
    get(["--timeout", "0", "http://127.0.0.1:9/"]).expect_body(1, b"", "timed out");
}

/// A `get` whose standard output is read by the test, or not.
struct Unread {
    child: Child,
    stdout: std::process::ChildStdout,
    stderr: Receiver<Vec<u8>>,
}

impl Unread {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary("get"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("get starts");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = collect(child.stderr.take().expect("it is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// What comes first.
    fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let count = self.stdout.read(&mut bytes).expect("it writes");
        bytes.truncate(count);
        bytes
    }

    /// Waits for its end, and only then reads the rest.
    #[track_caller]
    fn end(mut self) -> Ended {
        let Ok(stderr) = self.stderr.recv_timeout(LIMIT) else {
            let _ = self.child.kill();
            panic!("get does not end");
        };
        let status = self.child.wait().expect("it can be waited for");
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).expect("it has ended");
        Ended {
            code: status.code(),
            stdout: rest,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            time: Duration::ZERO,
        }
    }
}

/// Sends without end, and says so once it has begun to.
fn flood(stream: &TcpStream) -> io::Result<()> {
    Request::read(stream)?;
    answer(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
    while (&*stream).write_all(&[b'x'; 64 << 10]).is_ok() {}
    Ok(())
}

#[test]
fn a_reader_that_does_not_read_costs_the_timeout_and_no_more() {
    let peer = Peer::new(|stream| flood(&stream));
    let ended = Unread::start(&["--timeout", "0.5", &peer.url]).end();
    // What is in the pipe has been delivered, to the byte.
    ended.expect_read(1, ended.stdout.len(), "timed out");
    assert!(!ended.stdout.is_empty());
}

// What goes wrong on this side.

#[test]
fn wrong_usage_is_told() {
    let url = "http://127.0.0.1:9/";
    let file = Scratch::new(b"hello");
    let name = file.0.to_str().expect("it is one of ours");
    let cases: &[&[&str]] = &[
        &[url, url],
        &[url, "--bogus"],
        &["-o", name],
        &["-i"],
        &["-d", "data"],
        &["--repeat", "2"],
        &["-C", url],
        &["-C", "-o", name, "-i", url],
        &["-C", "-o", name, "-d", "data", url],
        &["-C", "-o", name, "-X", "HEAD", url],
        &["-C", "-o", name, "--repeat", "2", url],
        &["-C", "-o", name, "-H", "range: bytes=0-", url],
        &["--timeout", "-1", url],
        &["--timeout", "soon", url],
        &["--timeout"],
        &["--repeat", "0", url],
        &["--repeat", "-1", url],
        &["--repeat", "many", url],
        &["-H", "", url],
        &["-H", "no colon", url],
        &["-H", ": value", url],
        &["-H", "na me: value", url],
        &["-H", "name : value", url],
        &["-H", "name: va\nlue", url],
        &["-H", "name: va\rlue", url],
        &["-H", "content-length: 5", url],
        &["-H", "Transfer-Encoding: chunked", url],
        &["-X", "", url],
        &["-X", "GE T", url],
        &["-X", "CONNECT", url],
        &[""],
        &["localhost"],
        &["http://"],
        &["http://host:99999/"],
        &["http://user@host/"],
        &["-L"],
        &["--cacert", name],
        &["--proxy", "localhost:3128"],
        &["--proxy-env"],
        &["--proxy", "", url],
        &["--proxy", "http://", url],
        &["--proxy", "http://localhost:port", url],
        &["--proxy", "http://localhost/path", url],
        &["--proxy", "https://localhost", url],
        &["--proxy", "socks5://localhost", url],
        &["--proxy", "localhost:3128", "--proxy-env", url],
        &["http://host/with space"],
        &["ftp://host/"],
    ];
    for case in cases {
        let ended = get(*case);
        assert_eq!(ended.code, Some(2), "{case:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{case:?}");
        let error = &ended.stderr;
        assert!(error.starts_with("error: "), "{case:?}: {error}");
    }
    expect_content(&file, b"hello");
}

#[test]
fn what_cannot_be_written_is_told() {
    let url = "http://127.0.0.1:9/";
    let directory = std::env::temp_dir();
    let result = format!("{} is a directory", directory.display());
    get([OsStr::new("-o"), directory.as_os_str(), url.as_ref()]).expect_body(1, b"", &result);

    let result = "cannot write no/such/place: there is no such directory";
    get(["-o", "no/such/place", url]).expect_body(1, b"", result);

    let file = Scratch::new(b"");
    let below = file.0.join("below");
    let result = format!("cannot write {}: not a directory", below.display());
    get([OsStr::new("-o"), below.as_os_str(), url.as_ref()]).expect_body(1, b"", &result);

    let result = "/dev/null is not a regular file: it cannot be continued";
    get(["-C", "-o", "/dev/null", url]).expect_body(1, b"", result);

    let fifo = Scratch::fifo();
    let name = fifo.0.display();
    let result = format!("{name} is a pipe: send standard output to it, without -o");
    get_file(&[], &fifo, url).expect_body(1, b"", &result);
}

#[test]
fn what_may_not_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let file = Scratch::new(b"hello");
    fs::set_permissions(&file.0, fs::Permissions::from_mode(0o400)).expect("it is ours");
    if fs::File::options().write(true).open(&file.0).is_ok() {
        return; // We are root, who may write everything.
    }
    let result = format!("cannot write {}: permission denied", file.0.display());
    get_file(&[], &file, "http://127.0.0.1:9/").expect_body(1, b"", &result);
}

#[test]
fn data_that_cannot_be_read_are_told() {
    let url = "http://127.0.0.1:9/";
    let missing = Path::new("there/is/none");
    let result = format!("cannot read {}: there is no such file", missing.display());
    get(["-d", "@there/is/none", url]).expect_body(1, b"", &result);
    let directory = std::env::temp_dir();
    let result = format!("cannot read {}: is a directory", directory.display());
    get(["-d", &format!("@{}", directory.display()), url]).expect_body(1, b"", &result);
}

#[test]
fn two_hosts_are_none() {
    let ended = get(["-H", "Host: a", "-H", "Host: b", "http://127.0.0.1:9/"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("read 0 bytes: "));
}

#[test]
fn who_cannot_be_reached_is_told_and_costs_no_file() {
    let file = Scratch::new(b"hello");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has an address");
    drop(listener); // Nobody listens there now.
    let url = format!("http://{address}/");
    for options in [&[][..], &["-C"]] {
        get_file(options, &file, &url).expect_read(1, 0, "connection refused");
    }
    let ended = get_file(&[], &file, "http://name.invalid/");
    ended.expect_read(1, 0, "cannot resolve name.invalid");
    expect_content(&file, b"hello");
}

#[test]
fn a_reader_that_goes_away_is_told() {
    let peer = Peer::new(|stream| flood(&stream));
    let mut child = Command::new(binary("get"))
        .arg(&peer.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("get starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "read 0 bytes: cannot write standard output: broken pipe\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_closed_standard_error_is_no_reason_to_panic() {
    let peer = answering(HELLO);
    let mut child = Command::new(binary("get"))
        .arg(&peer.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("get starts");
    drop(child.stderr.take());
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(output.stdout, b"hello");
    assert_eq!(output.status.code(), Some(0));
}

// Ctrl-C.

#[test]
fn ctrl_c_ends_the_wait_for_the_answer() {
    let (read, has_read) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = read.send(());
        let _ = told.recv();
        Ok(())
    });
    let tool = start([&peer.url]);
    has_read.recv_timeout(LIMIT).expect("the request arrives");
    tool.interrupt();
    tool.end().expect_body(130, b"", "canceled");
    let _ = go_on.send(());
}

#[test]
fn ctrl_c_ends_a_body() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        let _ = told.recv();
        Ok(())
    });
    let mut tool = Unread::start(&[&peer.url]);
    assert_eq!(tool.read_some(), b"hello");
    interrupt(&tool.child);
    tool.end().expect_read(130, 5, "canceled");
    let _ = go_on.send(());
}

#[test]
fn ctrl_c_ends_the_wait_for_a_reader_that_does_not_read() {
    let peer = Peer::new(|stream| flood(&stream));
    let mut tool = Unread::start(&[&peer.url]);
    let begun = tool.read_some().len();
    interrupt(&tool.child);
    let ended = tool.end();
    ended.expect_read(130, begun + ended.stdout.len(), "canceled");
}

#[test]
fn ctrl_c_ends_the_reading_of_standard_input() {
    let mut tool = start(["-d", "@-", "http://127.0.0.1:9/"]);
    let mut stdin = tool.child.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is written, it is being read.
    stdin.write_all(&[0; 1 << 20]).expect("it reads");
    tool.interrupt();
    tool.end().expect_body(130, b"", "canceled");
    drop(stdin);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use crate::examples::{ALLOWANCE, Full, peak_memory};

    #[test]
    fn ctrl_c_ends_a_connect() {
        let full = Full::new().expect("it can listen");
        let tool = start([format!("http://127.0.0.1:{}/", full.port())]);
        full.wait_for_connect();
        tool.interrupt();
        tool.end().expect_body(130, b"", "canceled");
    }

    #[test]
    fn the_timeout_counts_for_the_connect_too() {
        let full = Full::new().expect("it can listen");
        let url = format!("http://127.0.0.1:{}/", full.port());
        let ended = get(["--timeout", "0.2", &url]);
        ended.expect_body(1, b"", "timed out");
        let most = Duration::from_millis(200) + ALLOWANCE;
        assert!(ended.time <= most, "{:?}", ended.time);
    }

    #[test]
    fn a_full_disk_is_told() {
        let peer = answering(HELLO);
        let ended = get(["-o", "/dev/full", &peer.url]);
        let result = "cannot write /dev/full: no space left on device";
        ended.expect_body(1, b"", result);
    }

    #[test]
    fn memory_does_not_grow_with_the_body() {
        const LEN: u64 = 512 << 20;
        const MOST_KIB: u64 = 32 << 10;
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| {
            Request::read(&stream)?;
            answer(
                &stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 536870912\r\n\r\n",
            )?;
            let mut zeros = io::repeat(0).take(LEN - 1);
            io::copy(&mut zeros, &mut &stream)?;
            let _ = told.recv();
            (&stream).write_all(&[0])
        });
        let mut tool = Unread::start(&[&peer.url]);
        let mut most = tool.stdout.by_ref().take(LEN - 1);
        let count = io::copy(&mut most, &mut io::sink()).expect("it writes");
        assert_eq!(count, LEN - 1);
        let peak = peak_memory(&tool.child);
        let _ = go_on.send(());
        tool.end().expect_read(0, LEN as usize, OK);
        assert!(peak < MOST_KIB, "{peak} KiB");
    }
}
