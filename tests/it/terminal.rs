//! The tools `put` and `get` on a terminal, where progress bars and last lines meet.

use std::io::{Read, Write};
use std::process::Command;

use crate::examples::{Peer, Request, Scratch, answer, binary, noise};
use crate::support::{skip, spawn};

/// Runs a tool on a terminal of its own. The exit status is printed at the end.
const ON_TERMINAL: &str = "
import os, pty, sys
status = pty.spawn(sys.argv[1:])
print('exit', os.waitstatus_to_exitcode(status))
";

/// What a terminal has got, and what is to be seen there in the end: its lines.
struct Shown {
    all: String,
    lines: Vec<String>,
}

/// None where there is no Python.
fn show(tool: &str, arguments: &[&str]) -> Option<Shown> {
    let mut command = Command::new("python3");
    command
        .args(["-c", ON_TERMINAL])
        .arg(binary(tool))
        .args(arguments)
        .env("TERM", "xterm")
        .env("COLUMNS", "80");
    let Some(mut child) = spawn(&mut command) else {
        skip("there is no python3");
        return None;
    };
    let mut all = String::new();
    let stdout = child.stdout.as_mut().expect("it is piped");
    stdout.read_to_string(&mut all).expect("it is text");
    assert!(child.wait().expect("it can be waited for").success());
    let lines = all.split("\r\n").map(visible);
    let lines = lines.filter(|line| !line.is_empty()).collect();
    Some(Shown { all, lines })
}

/// What is left of a line that was begun anew, and cleared, more than once.
pub(crate) fn visible(line: &str) -> String {
    let anew = line.rsplit('\r').next().unwrap_or(line);
    let cleared = anew.rsplit("\x1b[2K").next().unwrap_or(anew);
    cleared.trim().to_owned()
}

/// Answers slowly enough for a bar to be seen.
fn slow(text: String, body: Vec<u8>) -> Peer<()> {
    Peer::new(move |stream| {
        Request::read(&stream)?;
        std::thread::sleep(std::time::Duration::from_millis(300)); // The pace is the test.
        answer(&stream, &text)?;
        (&stream).write_all(&body)
    })
}

#[test]
fn a_body_on_a_terminal_ends_its_line() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let peer = slow(text.to_owned(), b"hello".to_vec());
    let Some(shown) = show("get", &[&peer.url]) else {
        return;
    };
    let expected = ["hello", "read 5 bytes: ok (200 OK)", "exit 0"];
    assert_eq!(shown.lines, expected, "{:?}", shown.all);
    // One that ends it itself gets no line more.
    let peer = slow(text.to_owned(), b"hell\n".to_vec());
    let shown = show("get", &[&peer.url]).expect("it is there");
    assert!(
        shown.all.contains("hell\r\nread 5 bytes"),
        "{:?}",
        shown.all
    );
}

#[test]
fn a_bar_is_gone_before_the_last_line() {
    let file = Scratch::missing();
    let name = file.0.to_str().expect("it is one of ours");
    let body = noise(3_000_000);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n".to_owned();
    let peer = slow(text, body);
    let Some(shown) = show("get", &["-o", name, &peer.url]) else {
        return;
    };
    assert!(
        shown.all.contains("waiting for the answer"),
        "{:?}",
        shown.all
    );
    let expected = ["read 3000000 bytes: ok (200 OK)", "exit 0"];
    assert_eq!(shown.lines, expected, "{:?}", shown.all);

    let peer = slow("HTTP/1.1 201 Created\r\n\r\n".to_owned(), Vec::new());
    let shown = show("put", &[name, &peer.url]).expect("it is there");
    assert!(
        shown.all.contains("waiting for the answer"),
        "{:?}",
        shown.all
    );
    let expected = ["wrote 3000000 of 3000000 bytes: ok (201 Created)", "exit 0"];
    assert_eq!(shown.lines, expected, "{:?}", shown.all);
}

#[test]
fn a_bar_is_gone_before_an_answer_and_its_line() {
    let file = Scratch::new(b"12345");
    let name = file.0.to_str().expect("it is one of ours");
    let text = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n".to_owned();
    let peer = slow(text, b"sorry".to_vec());
    let Some(shown) = show("put", &[name, &peer.url]) else {
        return;
    };
    assert!(
        shown.all.contains("waiting for the answer"),
        "{:?}",
        shown.all
    );
    let last = "wrote 5 of 5 bytes: refused (403 Forbidden)";
    assert_eq!(shown.lines, ["sorry", last, "exit 22"], "{:?}", shown.all);
}

#[test]
fn silence_is_silent_on_a_terminal_too() {
    let file = Scratch::new(b"12345");
    let name = file.0.to_str().expect("it is one of ours");
    let peer = slow("HTTP/1.1 201 Created\r\n\r\n".to_owned(), Vec::new());
    let Some(shown) = show("put", &["-s", name, &peer.url]) else {
        return;
    };
    assert_eq!(shown.all, "exit 0\n");
}

#[test]
fn heads_and_bars_do_not_mix() {
    let file = Scratch::missing();
    let name = file.0.to_str().expect("it is one of ours");
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_owned();
    let peer = slow(text, b"hello".to_vec());
    let Some(shown) = show("get", &["-v", "-o", name, &peer.url]) else {
        return;
    };
    let lines: Vec<_> = shown.lines.iter().map(String::as_str).collect();
    for line in [
        "> GET /dir/file?a=b HTTP/1.1",
        "< HTTP/1.1 200 OK",
        "< content-length: 5",
    ] {
        assert!(lines.contains(&line), "{line}: {:?}", shown.all);
    }
    assert!(
        lines.ends_with(&["read 5 bytes: ok (200 OK)", "exit 0"]),
        "{:?}",
        shown.all
    );
}
