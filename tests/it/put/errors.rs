//! What goes wrong on this side, before a byte is out and later.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::{CREATED, LARGE, answering, put, put_file, start};
use crate::examples::{LIMIT, Peer, Request, Scratch, answer, binary, gate, unread};

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
        &["-X", "CONNECT", name, url],
        &["-H", "Proxy-Authorization: Basic bWU6", name, url],
        &["-H", "Content-Length: 5", name, url],
        &["-u", "me:secret"],
        &["-k", "--cacert", name, name, url],
        &["--retry", "many", name, url],
        &["-o", name],
        &["-L"],
        &[name, ""],
        &["http://127.0.0.1:9/", name],
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
    put([missing.as_os_str(), url.as_ref()]).expect(26, 0, 0, &result);

    let directory = std::env::temp_dir();
    let result = format!("{} is a directory", directory.display());
    put([directory.as_os_str(), url.as_ref()]).expect(26, 0, 0, &result);
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
    put_file(&file, "http://127.0.0.1:9/").expect(26, 0, 0, &result);
}

#[test]
#[cfg(unix)]
fn what_has_no_length_is_told() {
    let url = "http://127.0.0.1:9/";
    let fifo = Scratch::fifo();
    for path in [&*fifo.0, Path::new("/dev/zero")] {
        let name = path.display();
        let result = format!("{name} is not a regular file: pipe it into `put - URL`");
        put([path.as_os_str(), url.as_ref()]).expect(26, 0, 0, &result);
    }
}

#[test]
#[cfg(unix)]
fn a_name_cannot_make_it_two_lines() {
    let ended = put(["no\nsuch\u{1b}file", "http://127.0.0.1:9/"]);
    ended.expect(26, 0, 0, "cannot read no?such?file: there is no such file");
}

#[test]
fn a_refused_connection_is_told() {
    let file = Scratch::new(b"hello");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has an address");
    drop(listener); // Nobody listens there now.
    put_file(&file, &format!("http://{address}/")).expect(7, 0, 5, "connection refused");
}

#[test]
fn a_host_that_does_not_resolve_is_told() {
    let file = Scratch::new(b"hello");
    put_file(&file, "http://name.invalid/").expect(6, 0, 5, "cannot resolve name.invalid");
}

#[test]
#[cfg(not(feature = "tls"))]
fn without_tls_there_is_no_https() {
    let file = Scratch::new(b"hello");
    let result = "this build has no TLS: build it with the feature `tls`";
    put_file(&file, "https://localhost/").expect(1, 0, 0, result);
}

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
    ended.expect(26, written, LARGE, &result);
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
    let output = Command::new(binary("put"))
        .args([file.as_ref(), OsStr::new(&peer.url)])
        .stdout(unread())
        .output()
        .expect("put starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
