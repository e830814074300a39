//! Clients that others wrote, with the server of the examples. A test whose client is not installed is skipped: it
//! says so and passes, and `.ci/run` fails.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::example::Listening;
use crate::support::*;

/// A client that has ended, and what it has printed. None if it is not installed, and the test is skipped.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    run_with(program, arguments, Stdio::null())
}

#[track_caller]
fn run_with(program: &str, arguments: &[&str], input: Stdio) -> Option<String> {
    let ran = Command::new(program).args(arguments).stdin(input).output();
    let output = match ran {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(format_args!("no {program}"));
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Some(said)
}

/// A file that is removed again.
struct Upload(PathBuf);

impl Upload {
    fn new(name: &str, length: usize) -> Self {
        let name = format!("http-aio-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, pattern(0, length)).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const CURL: [&str; 4] = ["--silent", "--show-error", "--max-time", "30"];

fn curl(arguments: &[&str]) -> Option<String> {
    run("curl", &[&CURL, arguments].concat())
}

#[test]
fn curl_asks_in_all_its_ways() {
    let echo = Listening::start("echo", &[]);
    let url = format!("{}/x", echo.url);
    let connects = ["--write-out", " %{http_code} %{num_connects}\n"];
    // The second uses the connection of the first.
    let Some(said) = curl(&[&connects[..], &[&url, &url]].concat()) else {
        return;
    };
    assert_eq!(said, "OK 200 1\nOK 200 0\n");
    let say = |arguments: &[&str]| curl(&[arguments, &[&url]].concat()).unwrap();
    assert_eq!(say(&["-d", "a=b"]), "a=b");
    let next = curl(&[
        &url, "--next", "-s", "-d", "one", &url, "--next", "-s", "-I", &url,
    ]);
    let next = next.unwrap();
    assert!(next.starts_with("OKoneHTTP/1.1 200 OK\r\n"), "{next}");
    let head = say(&["--head"]);
    assert!(head.contains("content-length: 2\r\n"), "{head}");
    let old = say(&["--http1.0", "--include"]);
    assert!(old.ends_with("\r\n\r\nOK"), "{old}");
    let expecting = ["-H", "Expect: 100-continue", "-d", "asked", "--include"];
    let expecting = say(&expecting);
    assert!(
        expecting.starts_with("HTTP/1.1 100 Continue\r\n\r\n"),
        "{expecting}"
    );
    assert!(expecting.ends_with("\r\n\r\nasked"), "{expecting}");
    echo.stop();
}

#[test]
fn curl_sends_much_in_all_its_ways() {
    const LARGE: usize = 10 << 20;
    let echo = Listening::start("echo", &[]);
    let url = format!("{}/x", echo.url);
    let (up, down) = (Upload::new("up", LARGE), Upload::new("down", 0));
    let at = format!("@{}", up.path());
    let ways: [&[&str]; 4] = [
        &["--data-binary", &at],
        &["--data-binary", &at, "-H", "Expect:"],
        &["--data-binary", &at, "-H", "Transfer-Encoding: chunked"],
        &["--upload-file", up.path(), "--http1.0"],
    ];
    for way in ways {
        let Some(_) = curl(&[way, &["--output", down.path(), &url]].concat()) else {
            return;
        };
        let same = fs::read(&down.0).unwrap() == pattern(0, LARGE);
        assert!(same, "{way:?}");
    }
    // From standard input, whose length nobody knows.
    let input = Stdio::from(fs::File::open(&up.0).unwrap());
    let arguments = ["--upload-file", "-", "--output", down.path(), &url];
    run_with("curl", &[&CURL[..], &arguments].concat(), input);
    assert!(fs::read(&down.0).unwrap() == pattern(0, LARGE));
    echo.stop();
}

#[test]
fn wrk_finds_nothing_wrong() {
    let hello = Listening::start("hello_server", &[]);
    let url = format!("{}/hello/wrk", hello.url);
    let Some(said) = run("wrk", &["-t2", "-c32", "-d1s", &url]) else {
        return;
    };
    assert!(said.contains("requests in"), "{said}");
    for wrong in ["Socket errors", "Non-2xx"] {
        assert!(!said.contains(wrong), "{said}");
    }
    println!("{said}");
    hello.stop();
}

#[test]
fn h2load_finds_nothing_wrong() {
    let hello = Listening::start("hello_server", &[]);
    // Some of them pipelined.
    for at_a_time in ["-m1", "-m8"] {
        let arguments = ["--h1", "-n5000", "-c16", at_a_time, &hello.url];
        let Some(said) = run("h2load", &arguments) else {
            return;
        };
        let all = "5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed";
        assert!(said.contains(all), "{said}");
        println!("{said}");
    }
    hello.stop();
}

#[test]
fn node_asks_in_both_its_ways() {
    let echo = Listening::start("echo", &[]);
    let script = include_str!("foreign/client.js");
    if let Some(said) = run("node", &["-e", script, &echo.url]) {
        assert_eq!(said, "fine\n");
        echo.stop();
    }
}

#[test]
fn python_asks_in_all_its_ways() {
    let echo = Listening::start("echo", &[]);
    let script = include_str!("foreign/client.py");
    if let Some(said) = run("python3", &["-c", script, &echo.url]) {
        assert_eq!(said, "fine\n");
        echo.stop();
    }
}
