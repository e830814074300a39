//! Paths that nobody has thought of: whatever they are, what is answered with 200 is from inside.

use super::confinement::{beside_secrets, confined};
use super::*;

/// What is there, inside and outside.
const NAMES: [&str; 19] = [
    "file",
    "near",
    "sub",
    "sub/file",
    "sub/up",
    "folder/file",
    "far",
    "outer",
    "around",
    "loop",
    "absolute",
    "absolute-secret",
    "seg",
    "seg/file",
    ".hidden/file",
    "secret",
    "in-secret/file",
    "out/file",
    "index.html",
];

/// What leads up, in somebody's opinion.
const STEPS: [&str; 14] = [
    "../",
    "..%2f",
    "..%5c",
    "..\\",
    "%2e%2e/",
    ".%2E/",
    "%2e%2e%2f",
    "%252e%252e/",
    "..;/",
    ".../",
    "%ef%bc%8e%ef%bc%8e/",
    "./",
    "/",
    "sub/../",
];

/// What spoils a path, or changes nothing.
const SPICE: [&str; 12] = [
    "/",
    "//",
    "/.",
    "%00",
    "%ff",
    "%c0%ae",
    "%",
    "?",
    "%0a",
    "%2f",
    ".gz",
    "/etc/passwd",
];

const WAYS: [&str; 3] = ["/docs/", "/open/", "/refused/"];

fn path(dice: &mut Dice, folder: &Folder) -> String {
    let mut one_of = |pieces: &[&'static str]| pieces[dice.roll(pieces.len() as u64) as usize];
    let mut path = one_of(&WAYS).to_owned();
    let shape = one_of(&[
        "n", "n", "sn", "ssn", "nsn", "nssn", "nx", "snx", "xn", "f", "sf",
    ]);
    for part in shape.chars() {
        let piece = match part {
            'n' => one_of(&NAMES),
            's' => one_of(&STEPS),
            'x' => one_of(&SPICE),
            _ => folder.0.to_str().unwrap(),
        };
        if part == 's' && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(piece);
        if part == 'f' {
            path.push_str("/secret");
        }
    }
    path
}

/// Somebody who can write inside makes links to wherever he likes, and takes them away.
fn meddle(folder: &Folder, dice: &mut Dice) {
    let mut one_of = |names: &[&'static str]| names[dice.roll(names.len() as u64) as usize];
    let name = folder.path(one_of(&["in/seg", "in/.hidden", "in/file.gz"]));
    let target = one_of(&["../out", "../secret", "..", "/etc", "sub", "file", "seg"]);
    // Whether there is one already, or none, does not matter.
    let _ = match dice.roll(3) {
        0 => fs::remove_file(name),
        1 => symlink(target, name),
        _ => fs::rename(name, folder.path("in/seg")),
    };
}

/// `HTTP_AIO_STORM_SECONDS` says for how long, and `HTTP_AIO_SEED` repeats it.
#[test]
fn paths_that_nobody_has_thought_of() {
    let seconds = std::env::var("HTTP_AIO_STORM_SECONDS");
    let seconds = seconds.map_or(2, |seconds| seconds.parse().expect("a number"));
    let mut dice = Dice(seed() | 1);
    let folder = beside_secrets();
    let host = confined(&folder);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut statuses = std::collections::BTreeMap::new();
    let mut runner = Runner::new(&host);
    while Instant::now() < until {
        if dice.roll(4) == 0 {
            meddle(&folder, &mut dice);
        }
        let path = path(&mut dice, &folder);
        let fields = ["", "Accept-Encoding: gzip\r\n", "Range: bytes=0-3\r\n"];
        let fields = fields[dice.roll(3) as usize];
        let reply = runner.get(&path, fields);
        let text = String::from_utf8_lossy(&reply.body);
        let is_from_outside = text.contains(SECRET) || text.contains("root:");
        assert!(!is_from_outside, "{path}: {text}");
        let is_known = match reply.status {
            200 => &*text == "inside" || text.contains("<title>Index of"),
            206 => &*text == "insi",
            307 => reply
                .field("location")
                .is_some_and(|place| place.starts_with("./")),
            status => matches!(status, 400 | 404 | 416 | 503),
        };
        assert!(is_known, "{path}: {}{text}", reply.head);
        if reply.closes() {
            runner = Runner::new(&host);
        }
        *statuses.entry(reply.status).or_insert(0) += 1;
    }
    println!("{statuses:?}");
    assert!(statuses.contains_key(&200), "{statuses:?}");
    drop(runner);
    host.stop();
}
