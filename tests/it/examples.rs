//! Every small example runs, ends by itself, and prints what it is there to show.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The examples end in well under 2 s; this is for machines with other things to do.
const LIMIT: Duration = Duration::from_secs(20);

/// An example that `cargo test` has built beside this test.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let profile = test.ancestors().nth(2).expect("it is in PROFILE/deps");
    let binary = profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: run `cargo test` without `--test`, which builds the examples too",
        binary.display()
    );
    binary
}

/// What an example prints.
fn run(name: &str) -> String {
    let child = Command::new(binary(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let output = ended
        .recv_timeout(LIMIT)
        .unwrap_or_else(|_| panic!("{name} does not end"))
        .expect("its output can be read");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}: {stderr}",
        output.status
    );
    assert_eq!(stderr, "", "{name}");
    String::from_utf8(output.stdout).expect("it prints text")
}

/// The number before `unit` in the line of `text` that has one.
#[track_caller]
fn number_before(text: &str, unit: &str) -> u64 {
    let before = text.split(unit).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no number before {unit:?} in {text}"))
}

#[test]
fn wait() {
    let text = run("wait");
    assert!(
        text.contains("meanwhile: the bytes of the body add up to 234881024\n"),
        "{text}"
    );
    assert!(text.contains("done: 33554477 bytes written\n"), "{text}");
    assert!(
        text.contains("the peer received 33554477 bytes\n"),
        "{text}"
    );
}

#[test]
fn callback() {
    let text = run("callback");
    assert!(
        text.contains("1000 pieces, 16384000 bytes written\n"),
        "{text}"
    );
    assert!(
        text.contains("the peer received 16384000 bytes\n"),
        "{text}"
    );
}

#[test]
fn deadline() {
    let text = run("deadline");
    assert!(text.contains("ms: the deadline passed (after "), "{text}");
    assert!(text.contains("is it a timeout? true\n"), "{text}");
    assert!(
        text.contains("the peer had answered 413 Payload Too Large\n"),
        "{text}"
    );
    assert!(number_before(&text, " ms: ") >= 300, "{text}");
    let written = number_before(&text, ", received");
    assert!(written > 0, "{text}");
    assert!(
        text.contains(&format!("received {written} bytes")),
        "{text}"
    );
}

#[test]
fn cancel() {
    let text = run("cancel");
    assert!(
        text.contains("queued: the operation was canceled, 0 bytes written\n"),
        "{text}"
    );
    assert!(
        text.contains("the first is undisturbed: done? false\n"),
        "{text}"
    );
    assert!(
        text.contains("in flight: the operation was canceled (after "),
        "{text}"
    );
    let written = number_before(&text, ", received");
    assert!(written > 0, "{text}");
    assert!(
        text.contains(&format!("received {written} bytes")),
        "{text}"
    );
}
