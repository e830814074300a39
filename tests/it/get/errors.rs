//! What goes wrong on this side.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::{HELLO, answering, expect_content, flood, get, get_file};
use crate::examples::{Peer, Scratch, binary, unread};

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

#[test]
fn wrong_usage_is_told() {
    let url = "http://127.0.0.1:9/";
    let file = Scratch::new(b"hello");
    let name = file.0.to_str().expect("it is one of ours");
    let cases: &[&[&str]] = &[
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
        &["-H", "Host: a", "-H", "Host: b", url],
        &["-I", "-d", "data", url],
        &["-I", "-C", "-o", name, url],
        &["-I"],
        &["-O"],
        &["-O", url],
        &["-O", "http://127.0.0.1:9/a/.."],
        &["-O", "-o", name, url],
        &["-o", name, url, url],
        &["-o", name, "-o", name, url, url],
        &["-o", name, "-o", name, url],
        &["-O", "http://127.0.0.1:9/a", "http://127.0.0.1:9/b/a"],
        &["-Z", url, url],
        &["-Z", "-o", name, "-o", "-", url, url],
        &["-Z"],
        &["-u", "me:secret"],
        &["-u", "me\n:secret", url],
        &["-k", "--cacert", name, url],
        &["--retry", "-1", url],
        &["--retry", "many", url],
        &["-f"],
        &["-v"],
        &[""],
        &["http://"],
        &["http:"],
        &["http:host"],
        &["/path"],
        &[":80"],
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
    get([OsStr::new("-o"), directory.as_os_str(), url.as_ref()]).expect_body(23, b"", &result);

    let result = "cannot write no/such/place: there is no such directory";
    get(["-o", "no/such/place", url]).expect_body(23, b"", result);

    let file = Scratch::new(b"");
    let below = file.0.join("below");
    let result = format!("cannot write {}: not a directory", below.display());
    get([OsStr::new("-o"), below.as_os_str(), url.as_ref()]).expect_body(23, b"", &result);

    let result = "/dev/null is not a regular file: it cannot be continued";
    get(["-C", "-o", "/dev/null", url]).expect_body(23, b"", result);

    let fifo = Scratch::fifo();
    let name = fifo.0.display();
    let result = format!("{name} is a pipe: send standard output to it, without -o");
    get_file(&[], &fifo, url).expect_body(23, b"", &result);
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
    get_file(&[], &file, "http://127.0.0.1:9/").expect_body(23, b"", &result);
}

#[test]
fn data_that_cannot_be_read_are_told() {
    let url = "http://127.0.0.1:9/";
    let missing = Path::new("there/is/none");
    let result = format!("cannot read {}: there is no such file", missing.display());
    get(["-d", "@there/is/none", url]).expect_body(26, b"", &result);
    let directory = std::env::temp_dir();
    let result = format!("cannot read {}: is a directory", directory.display());
    get(["-d", &format!("@{}", directory.display()), url]).expect_body(26, b"", &result);
}

#[test]
fn who_cannot_be_reached_is_told_and_costs_no_file() {
    let file = Scratch::new(b"hello");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has an address");
    drop(listener); // Nobody listens there now.
    let url = format!("http://{address}/");
    for options in [&[][..], &["-C"]] {
        get_file(options, &file, &url).expect_read(7, 0, "connection refused");
    }
    let ended = get_file(&[], &file, "http://name.invalid/");
    ended.expect_read(6, 0, "cannot resolve name.invalid");
    expect_content(&file, b"hello");
}

#[test]
fn a_reader_that_goes_away_is_told() {
    let peer = Peer::new(|stream| flood(&stream));
    let output = Command::new(binary("get"))
        .arg(&peer.url)
        .stdout(unread())
        .output()
        .expect("get starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "read 0 bytes: cannot write standard output: broken pipe\n"
    );
    assert_eq!(output.status.code(), Some(23));
}

#[test]
fn a_closed_standard_error_is_no_reason_to_panic() {
    let peer = answering(HELLO);
    let output = Command::new(binary("get"))
        .arg(&peer.url)
        .stderr(unread())
        .output()
        .expect("get starts");
    assert_eq!(output.stdout, b"hello");
    assert_eq!(output.status.code(), Some(0));
}
