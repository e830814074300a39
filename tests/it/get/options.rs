//! What the options change.

use std::fs;
use std::process::Command;

use super::{HELLO, OK, answering, expect_content, get, get_file, has_line, whole};
use crate::examples::{Scratch, Tool, binary, noise, unread};

const REFUSED: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nsorry";

#[test]
fn a_url_needs_no_scheme() {
    let peer = answering(HELLO);
    let url = peer.url.replacen("http://", "", 1);
    get([&url]).expect_body(0, b"hello", OK);
    let head = peer.outcome().head;
    assert!(head.starts_with("GET /dir/file?a=b HTTP/1.1\r\n"), "{head}");
}

#[test]
fn a_user_logs_in() {
    for (user, credentials) in [
        ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("me", "bWU6"),
        ("me:a:b", "bWU6YTpi"),
    ] {
        let peer = answering(HELLO);
        get(["-u", user, &peer.url]).expect_body(0, b"hello", OK);
        let line = format!("authorization: Basic {credentials}");
        let request = peer.outcome();
        assert!(has_line(&request, &line), "{}", request.head);
    }
    // A header says it better.
    let peer = answering(HELLO);
    let own = ["-H", "Authorization: Bearer 42", "-u", "me"];
    get(own.into_iter().chain([&*peer.url])).expect_body(0, b"hello", OK);
    let head = peer.outcome().head;
    assert!(head.contains("\r\nauthorization: Bearer 42\r\n"), "{head}");
    assert!(!head.contains("Basic"), "{head}");
}

#[test]
fn silence_is_silent() {
    for (text, code, body) in [(HELLO, 0, "hello"), (REFUSED, 22, "sorry")] {
        let ended = get(["-s", &answering(text).url]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""));
        assert_eq!(String::from_utf8_lossy(&ended.stdout), body);
    }
    let ended = get(["-s", "http://name.invalid/"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(6), ""));
    let ended = get(["-s"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    // But wrong usage is told.
    let ended = get(["-s", "--bogus"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
}

#[test]
fn heads_are_shown_if_asked_for() {
    let text = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{HELLO}");
    let there = answering(text);
    let here = answering(format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        there.url
    ));
    let ended = get(["-Lv", "-u", "me:secret", "-d", "a=b", &here.url]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &b"hello"[..]));
    for line in [
        "> POST /dir/file?a=b HTTP/1.1",
        &format!("> host: {}", here.address()),
        "> content-length: 3",
        "> authorization: (hidden)",
        &format!("* 302 Found: redirected to {}", there.url),
        "< HTTP/1.1 103 Early Hints",
        "< link: </a>",
        "< HTTP/1.1 200 OK",
        "< content-length: 5",
        "read 5 bytes: ok (200 OK)",
    ] {
        let is_there = ended.stderr.lines().any(|is| is == line);
        assert!(is_there, "{line}: {}", ended.stderr);
    }
    let begin = "* connecting to 127.0.0.1, port ";
    assert_eq!(ended.stderr.matches(begin).count(), 2, "{}", ended.stderr);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);

    // Heads are no terminal commands.
    let evil = "HTTP/1.1 200 \x1b[2J\r\nX-Evil: \x1b]0;\r\nContent-Length: 0\r\n\r\n";
    let ended = get(["-v", &answering(evil).url]);
    assert!(!ended.stderr.contains('\x1b'), "{}", ended.stderr);
}

#[test]
fn the_head_can_be_asked_for_alone() {
    let peer = answering("HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\n");
    let ended = get(["-I", &peer.url]);
    ended.expect_read(0, 0, OK);
    let head = "HTTP/1.1 200 OK\r\nx-one: 1\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&ended.stdout), head);
    assert!(peer.outcome().head.starts_with("HEAD /dir/file?a=b "));
}

#[test]
fn the_body_of_a_refusal_is_left_out_if_asked_for() {
    let result = "refused (404 Not Found)";
    get(["-f", &answering(REFUSED).url]).expect_body(22, b"", result);
    get(["-fi", &answering(REFUSED).url]).expect_body(22, b"", result);
    get(["-f", &answering(HELLO).url]).expect_body(0, b"hello", OK);
    // A file is left as it was, also if it was not there.
    let file = Scratch::new(b"old");
    get_file(&["-f"], &file, &answering(REFUSED).url).expect_read(22, 0, result);
    expect_content(&file, b"old");
    let file = Scratch::missing();
    get_file(&["-f"], &file, &answering(REFUSED).url).expect_read(22, 0, result);
    assert!(!file.0.exists());
}

#[test]
fn a_download_that_does_not_begin_leaves_no_file() {
    let file = Scratch::missing();
    let ended = get_file(&[], &file, "http://name.invalid/");
    ended.expect_read(6, 0, "cannot resolve name.invalid");
    assert!(!file.0.exists());
    // One that was there stays, however empty it is.
    let file = Scratch::new(b"");
    get_file(&[], &file, "http://name.invalid/");
    assert!(file.0.exists());
}

#[test]
fn a_file_can_be_named_like_the_url() {
    let folder = Scratch::missing();
    fs::create_dir(&folder.0).expect("there is a temporary directory");
    let body = noise(3000);
    for (path, name) in [("/dir/file?a=b", "file"), ("/a%2Fb%20c", "a%2Fb%20c")] {
        let peer = answering(whole(&body));
        let url = format!("http://{}{path}", peer.address());
        let ended = Tool::start_at(&folder.0, "get", ["-O", &url]).end();
        ended.expect_read(0, 3000, OK);
        assert!(fs::read(folder.0.join(name)).expect("it was made") == body);
    }
    fs::remove_dir_all(&folder.0).expect("it is ours");
}

#[test]
fn wrong_usage_is_one_sentence_that_says_what_to_do() {
    let url = "http://127.0.0.1:9/";
    for (arguments, sentence) in [
        (&["-i"][..], "give URL too"),
        (&["-C", url], "give --output <FILE> or --remote-name too"),
        (
            &["-I", "-d", "x", url],
            "give --head or --data <DATA>, not both",
        ),
        (
            &["-O", url],
            "http://127.0.0.1:9/ does not end in a name: give -o FILE",
        ),
        (
            &["-o", "x", url, url],
            "give one -o for each URL, or -O for all of them",
        ),
        (
            &["-Z", url, url],
            "with -Z each URL needs a file: give -O, or one -o for each",
        ),
        (
            &["-H", "authorization secret", url],
            "invalid value for '--header <NAME: VALUE>': give NAME: VALUE",
        ),
        (
            &["-C", "-o", "x", "-H", "Range: bytes=0-", url],
            "leave out the Range header: -C asks for a range itself",
        ),
    ] {
        let ended = get(arguments);
        assert_eq!(ended.code, Some(2));
        assert_eq!(
            ended.stderr,
            format!("error: {sentence} (see 'get --help')\n")
        );
    }
}

#[test]
fn there_is_a_short_help_and_a_long_one() {
    let help = |argument: &str| {
        let ended = get([argument]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let (short, long) = (help("-h"), help("--help"));
    assert!(short.lines().count() < 45, "{short}");
    for option in [
        "--output",
        "--remote-name",
        "--continue",
        "--timeout",
        "--data",
        "--head",
        "--repeat",
        "--parallel",
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
        "read N bytes: RESULT",
        "Exit status",
        "   130  Ctrl-C",
        "    60  ",
    ] {
        assert!(long.contains(more) && !short.contains(more), "{more}");
    }
}

#[test]
fn nobody_needs_to_read_the_help_to_its_end() {
    let output = Command::new(binary("get"))
        .arg("--help")
        .stdout(unread())
        .output()
        .expect("get starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
