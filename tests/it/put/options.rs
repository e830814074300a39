//! What the options change.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use super::{CREATED, TOO_LARGE, answering, put};
use crate::examples::{Ended, Peer, Request, Scratch, answer, binary, unread};

const HELLO: &str = "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 6\r\n\r\nhello\n";

/// `put OPTIONS FILE URL`, with five bytes in the file.
fn put_hello(options: &[&str], url: &str) -> Ended {
    let file = Scratch::new(b"12345");
    let arguments = [file.as_ref(), OsStr::new(url)];
    put(options.iter().map(OsStr::new).chain(arguments))
}

#[track_caller]
fn expect_line(request: &Request, line: &str) {
    let mut lines = request.head.lines();
    assert!(lines.any(|is| is == line), "{line}: {}", request.head);
}

#[test]
fn a_url_needs_no_scheme() {
    let peer = answering(CREATED);
    let url = peer.url.replacen("http://", "", 1);
    put_hello(&[], &url).expect(0, 5, 5, "ok (201 Created)");
    expect_line(&peer.outcome(), "PUT /dir/file?a=b HTTP/1.1");
}

#[test]
fn the_name_of_the_file_goes_where_the_path_ends_in_a_slash() {
    let folder = Scratch::missing();
    fs::create_dir(&folder.0).expect("there is a temporary directory");
    let file = folder.0.join("a b?\u{fc}~.txt");
    fs::write(&file, b"12345").expect("it is ours");
    let name = "a%20b%3F%C3%BC~.txt";
    for (path, target) in [
        ("", format!("/{name}")),
        ("/", format!("/{name}")),
        ("/dir/?a=b/", format!("/dir/{name}?a=b/")),
        ("/dir", "/dir".to_owned()),
        ("/dir?a=b/", "/dir?a=b/".to_owned()),
    ] {
        let peer = answering(CREATED);
        let url = format!("http://{}{path}", peer.address());
        let ended = put([file.as_os_str(), OsStr::new(&url)]);
        ended.expect(0, 5, 5, "ok (201 Created)");
        expect_line(&peer.outcome(), &format!("PUT {target} HTTP/1.1"));
    }
    fs::remove_dir_all(&folder.0).expect("it is ours");

    let peer = answering(CREATED);
    let url = format!("http://{}/dir/", peer.address());
    put(["-", &url]).expect(0, 0, 0, "ok (201 Created)");
    expect_line(&peer.outcome(), "PUT /dir/ HTTP/1.1");
}

#[test]
fn headers_method_and_user_are_sent() {
    let peer = answering(CREATED);
    let options = [
        "-X",
        "POST",
        "-H",
        "X-One: 1",
        "-H",
        "User-Agent: me",
        "-u",
        "Aladdin:open sesame",
    ];
    put_hello(&options, &peer.url).expect(0, 5, 5, "ok (201 Created)");
    let request = peer.outcome();
    for line in [
        "POST /dir/file?a=b HTTP/1.1",
        "x-one: 1",
        "user-agent: me",
        "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ] {
        expect_line(&request, line);
    }
    assert_eq!(request.body, b"12345");
}

#[test]
fn silence_is_silent() {
    for (text, code, answer) in [
        (CREATED, 0, ""),
        (HELLO, 0, "hello\n"),
        (TOO_LARGE, 22, "large"),
    ] {
        let ended = put_hello(&["-s"], &answering(text).url);
        assert_eq!(ended.code, Some(code));
        assert_eq!(String::from_utf8_lossy(&ended.stdout), answer);
        assert_eq!(ended.stderr, "");
    }
    let ended = put(["-s", "there/is/none", "http://127.0.0.1:9/"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(26), ""));
    assert!(ended.stdout.is_empty());
    let ended = put(["-s", "--timeout", "60"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.is_empty());
}

#[test]
fn heads_are_shown_if_asked_for() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")?;
        answer(&stream, HELLO)
    });
    let options = ["-v", "-u", "me:secret", "-H", "X-Two: 2"];
    let ended = put_hello(&options, &peer.url);
    ended.expect_answer(0, 5, 5, "ok (200 OK)", "hello\n");
    for line in [
        "> PUT /dir/file?a=b HTTP/1.1",
        &format!("> host: {}", peer.address()),
        "> content-length: 5",
        "> authorization: (hidden)",
        "> x-two: 2",
        "> ",
        "< HTTP/1.1 103 Early Hints",
        "< link: </a>",
        "< HTTP/1.1 200 OK",
        "< x-one: 1",
        "< ",
    ] {
        assert!(
            ended.stderr.lines().any(|is| is == line),
            "{line}: {}",
            ended.stderr
        );
    }
    assert!(
        ended.stderr.starts_with("* connecting to 127.0.0.1, port "),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    let marks = ["*", ">", "<"];
    let is_marked = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
    assert!(ended.stderr.lines().all(is_marked), "{}", ended.stderr);
}

#[test]
fn the_head_of_the_answer_comes_first_if_asked_for() {
    let head = "HTTP/1.1 200 OK\r\nx-one: 1\r\ncontent-length: 6\r\n\r\n";
    let ended = put_hello(&["-i"], &answering(HELLO).url);
    ended.expect_answer(0, 5, 5, "ok (200 OK)", &format!("{head}hello\n"));
    let head = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
    let ended = put_hello(&["-i"], &answering(CREATED).url);
    ended.expect_answer(0, 5, 5, "ok (201 Created)", head);
}

#[test]
fn the_answer_may_go_to_a_file() {
    let file = Scratch::missing();
    let name = file.0.to_str().expect("it is one of ours");
    put_hello(&["-o", name], &answering(HELLO).url).expect(0, 5, 5, "ok (200 OK)");
    assert_eq!(fs::read(&file.0).expect("it was made"), b"hello\n");
    // It is that of this upload, though there is nothing in it.
    put_hello(&["-o", name], &answering(CREATED).url).expect(0, 5, 5, "ok (201 Created)");
    assert_eq!(fs::read(&file.0).expect("it was made"), b"");
    let ended = put_hello(&["-o", "no/such/place"], &answering(HELLO).url);
    let result = "cannot write no/such/place: there is no such directory (200 OK)";
    ended.expect(23, 5, 5, result);
}

#[test]
fn the_body_of_a_refusal_is_left_out_if_asked_for() {
    let result = "refused (413 Payload Too Large)";
    let ended = put_hello(&[], &answering(TOO_LARGE).url);
    ended.expect_answer(22, 5, 5, result, "large\n");
    put_hello(&["-f"], &answering(TOO_LARGE).url).expect(22, 5, 5, result);
    let ended = put_hello(&["-f"], &answering(HELLO).url);
    ended.expect_answer(0, 5, 5, "ok (200 OK)", "hello\n");
}

#[test]
fn wrong_usage_is_one_sentence_that_says_what_to_do() {
    let url = "http://127.0.0.1:9/";
    for (arguments, sentence) in [
        (&["file"][..], "give URL too"),
        (&["-v"], "give FILE and URL too"),
        (&["http://127.0.0.1:9/", "file"], "FILE comes before URL"),
        (
            &["-k", "--cacert", "x", "file", url],
            "give --insecure or --cacert <FILE>, not both",
        ),
        (
            &["--depth", "many", "file", url],
            "invalid value 'many' for '--depth <N>': give a whole number from 1 to 4096",
        ),
        (
            &["--timeout", "soon", "file", url],
            "invalid value 'soon' for '--timeout <SECONDS>': give a number of seconds, 0 or more, such as 2.5",
        ),
        (
            &["file", "http://me:secret@host/"],
            "invalid value for '[URL]': give user and password with -u USER:PASSWORD",
        ),
        (
            &["--timout", "5", "file", url],
            "unexpected argument '--timout' found; a similar argument exists: '--timeout'",
        ),
    ] {
        let ended = put(arguments);
        assert_eq!(ended.code, Some(2));
        assert_eq!(
            ended.stderr,
            format!("error: {sentence} (see 'put --help')\n")
        );
    }
}

#[test]
fn there_is_a_short_help_and_a_long_one() {
    let help = |argument: &str| {
        let ended = put([argument]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let (short, long) = (help("-h"), help("--help"));
    assert!(short.lines().count() < 45, "{short}");
    for option in [
        "--timeout",
        "--buffer",
        "--depth",
        "--chunked",
        "--continue",
        "--expect-continue",
        "--output",
        "--header",
        "--user",
        "--method",
        "--include",
        "--fail",
        "--location",
        "--retry",
        "--cacert",
        "--insecure",
        "--proxy",
        "--proxy-env",
        "--silent",
        "--verbose",
    ] {
        assert!(short.contains(option) && long.contains(option), "{option}");
    }
    for more in [
        "wrote N of M bytes",
        "Exit status",
        "   130  Ctrl-C",
        "    60  ",
    ] {
        assert!(long.contains(more) && !short.contains(more), "{more}");
    }
}

#[test]
fn nobody_needs_to_read_the_help_to_its_end() {
    let output = Command::new(binary("put"))
        .arg("--help")
        .stdout(unread())
        .output()
        .expect("put starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
