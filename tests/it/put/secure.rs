//! Uploads over TLS.

use std::ffi::OsStr;
use std::io::Read;

use http_aio::bytes::Bytes;
use http_aio::http::{Response, StatusCode};

use super::{LARGE, put, start};
use crate::examples::secure::{self, Authority};
use crate::examples::{Ended, LIMIT, Peer, Scratch, Tool, answer, gate, noise, proxy};

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
        ended.expect(60, 0, 5, &format!("not trusted: {why}"));
        assert!(peer.outcome().is_err());
    }
    // Without --cacert, the system says whom to trust: here, somebody else.
    let system = theirs.file();
    let peer = secure::answering(ours.server(), 1, created);
    let arguments = [file.as_ref(), OsStr::new(&peer.url)];
    let variables = [("SSL_CERT_FILE", system.as_ref())];
    let ended = Tool::start_in(&variables, "put", arguments).end();
    let result = "not trusted: its certificate is signed by nobody we trust";
    ended.expect(60, 0, 5, result);
}

#[test]
fn nobody_is_checked_if_the_user_wants_that() {
    let ours = Authority::new("ours");
    let file = Scratch::new(b"hello");
    for config in [ours.server(), ours.sign("else.where", 4000)] {
        let peer = secure::answering(config, 1, created);
        let ended = put(["-k".as_ref(), file.as_ref(), OsStr::new(&peer.url)]);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert_eq!(peer.outcome().expect("a request").body(), "hello");
    }
}

#[test]
fn a_redirection_may_lead_to_https() {
    let ours = Authority::new("ours");
    let file = Scratch::new(b"hello");
    let there = secure::answering(ours.server(), 1, created);
    let text = format!("HTTP/1.1 307 There\r\nLocation: {}\r\n\r\n", there.url);
    let here = Peer::new(move |stream| {
        crate::examples::Request::read(&stream)?;
        answer(&stream, &text)
    });
    let ended = put_trusting(&ours, &["-L"], &file, &here.url);
    ended.expect(0, 5, 5, "ok (201 Created)");
    assert_eq!(there.outcome().expect("a request").body(), "hello");
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
    put_trusting(&ours, &[], &file, &url).expect(35, 0, 5, result);
}

#[test]
fn certificates_that_cannot_be_read_are_told() {
    let (file, empty) = (Scratch::new(b"hello"), Scratch::new(b""));
    let url = OsStr::new("https://127.0.0.1:9/");
    let result = format!(
        "there is no usable PEM certificate in {}",
        empty.0.display()
    );
    put([OsStr::new("--cacert"), empty.as_ref(), file.as_ref(), url]).expect(26, 0, 0, &result);
    let result = "cannot read there/is/none: there is no such file";
    put(["--cacert", "there/is/none", "-", "https://127.0.0.1:9/"]).expect(26, 0, 0, result);
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
