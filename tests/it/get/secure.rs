//! Downloads over TLS.

use std::ffi::OsStr;
use std::io::{self, Read, Write};

use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::rustls::{ServerConnection, StreamOwned};

use super::{OK, expect_content, get, get_file, start};
use crate::examples::secure::{Authority, answering};
use crate::examples::{Ended, LIMIT, Peer, Scratch, Tool, answer, gate, noise, proxy};

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
        (theirs.file(), 60, b"", unknown),
    ] {
        let peer = answering(ours.server(), 1, hello);
        let variables = [("SSL_CERT_FILE", file.as_ref())];
        let ended = Tool::start_in(&variables, "get", [&peer.url]).end();
        ended.expect_body(code, body, result);
    }
    // Another file stands instead of what the system says.
    let peer = answering(ours.server(), 1, hello);
    get_trusting(&theirs, &[], &peer.url).expect_body(60, b"", unknown);
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
        ended.expect_read(60, 0, &format!("not trusted: {why}"));
    }
    expect_content(&file, b"hello");
}

#[test]
fn nobody_is_checked_if_the_user_wants_that() {
    let ours = Authority::new("ours");
    for config in [
        ours.server(),
        ours.sign("else.where", 4000),
        ours.sign("127.0.0.1", 2001),
    ] {
        let peer = answering(config, 1, hello);
        get(["-k", &peer.url]).expect_body(0, b"hello", OK);
    }
}

#[test]
fn what_is_not_tls_is_told() {
    for (text, code, why) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            35,
            "TLS failed: the peer speaks plain HTTP here, and no TLS",
        ),
        (
            "SSH-2.0-OpenSSH_9.9\r\n",
            35,
            "TLS failed: the peer speaks something else than TLS",
        ),
        ("", 35, "closed without an answer"),
    ] {
        let peer = Peer::new(move |mut stream| {
            let _ = stream.read(&mut [0; 4096])?;
            answer(&stream, text)
        });
        let ours = Authority::new("ours");
        let url = peer.url.replacen("http:", "https:", 1);
        get_trusting(&ours, &[], &url).expect_body(code, b"", why);
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
    ended.expect_body(56, b"hello", "incomplete (closed before the end)");
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
    for (text, code, result) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            5,
            "the proxy answered 403 Forbidden",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n", 5, "the answer is not HTTP/1"),
        ("", 5, "closed without an answer"),
    ] {
        let proxy = super::answering(text);
        let ended = get(["--proxy", proxy.address(), "https://name.invalid/"]);
        ended.expect_body(code, b"", result);
    }
}

#[test]
fn certificates_that_cannot_be_used_are_told() {
    let unusable = |file: &Scratch| {
        let name = file.0.display();
        format!("there is no usable PEM certificate in {name}")
    };
    let section =
        |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
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
        ended.expect_body(26, b"", &result);
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
    get(["--timeout", "0.2", &url]).expect_body(28, b"", "timed out");
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
