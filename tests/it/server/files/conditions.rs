//! Conditions (cases 236 to 242).

use super::*;

const PATH: &str = "/docs/digits.txt";
const TAG: &str = "\"2ebc98a1-0-a\"";

struct Asker(Visitor);

impl Asker {
    #[track_caller]
    fn ask(&mut self, fields: &[(&str, &str)]) -> Reply {
        let lines: Vec<_> = fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        self.0.with("GET", PATH, &lines.concat()).reply()
    }

    #[track_caller]
    fn check(&mut self, fields: &[(&str, &str)], status: u16) {
        assert_eq!(self.ask(fields).status, status, "{fields:?}");
    }
}

fn asker() -> (Folder, Host, Asker) {
    let (folder, host) = digits();
    let visitor = host.visit();
    (folder, host, Asker(visitor))
}

#[test]
fn cases_236_and_237_a_range_if_it_is_of_the_same_state() {
    let (folder, host, mut asker) = asker();
    let when = |condition| [("Range", "bytes=0-4"), ("If-Range", condition)];
    let weak = format!("W/{TAG}");
    for (condition, status) in [
        (TAG, 206),
        ("\"x\"", 200),
        (&weak, 200),
        (OLD, 206),
        (BEFORE, 200),
        (AFTER, 200),
        ("garbage", 200),
    ] {
        asker.check(&when(condition), status);
    }
    // A tag that is weak says too little.
    folder.touch("digits.txt", SystemTime::now() + Duration::from_secs(60));
    let reply = asker.ask(&[]);
    let (tag, date) = (reply.field("etag"), reply.field("last-modified"));
    asker.check(&when(tag.unwrap()), 200);
    asker.check(&when(date.unwrap()), 200);
    host.stop();
}

#[test]
fn a_client_that_goes_on_is_not_told_again_what_it_has() {
    let (_folder, host, mut asker) = asker();
    for condition in [TAG, OLD] {
        let reply = asker.ask(&[("Range", "bytes=5-"), ("If-Range", condition)]);
        assert_eq!((reply.status, reply.text()), (206, "56789"));
        for (name, value) in [
            ("content-range", Some("bytes 5-9/10")),
            ("content-length", Some("5")),
            ("etag", Some(TAG)),
            ("accept-ranges", Some("bytes")),
            ("content-type", None),
            ("last-modified", None),
        ] {
            assert_eq!(reply.field(name), value, "{name}");
        }
        assert!(reply.field("date").is_some());
    }
    // Without the condition it may have nothing.
    let reply = asker.ask(&[("Range", "bytes=5-")]);
    assert_eq!(reply.field("last-modified"), Some(OLD));
    host.stop();
}

#[test]
fn case_238_if_none_match() {
    let (_folder, host, mut asker) = asker();
    let weak = format!("W/{TAG}");
    let list = format!("\"a\", {TAG}");
    let comma = format!("\"a,b\",{TAG}");
    for value in ["*", TAG, &weak, &list, &comma] {
        let reply = asker.ask(&[("If-None-Match", value)]);
        assert_eq!(reply.status, 304, "{value}");
        assert_eq!(reply.field("etag"), Some(TAG));
        assert!(reply.field("date").is_some());
        for absent in ["content-length", "content-type", "transfer-encoding"] {
            assert_eq!(reply.field(absent), None);
        }
    }
    for value in ["\"x\"", "", "garbage", "2ebc98a1-0-a"] {
        asker.check(&[("If-None-Match", value)], 200);
    }
    asker.0.goes_on();
    host.stop();
}

#[test]
fn case_239_if_modified_since() {
    let (_folder, host, mut asker) = asker();
    for (date, status) in [
        (OLD, 304),
        (AFTER, 304),
        (BEFORE, 200),
        ("garbage", 200),
        ("Mon, 06 Nov 1994 08:49:38 GMT", 200),
    ] {
        asker.check(&[("If-Modified-Since", date)], status);
    }
    let both = [("If-Modified-Since", AFTER), ("If-None-Match", "\"x\"")];
    asker.check(&both, 200);
    host.stop();
}

#[test]
fn case_240_if_match_and_if_unmodified_since() {
    let (_folder, host, mut asker) = asker();
    let weak = format!("W/{TAG}");
    for (name, value, status) in [
        ("If-Match", "\"x\"", 412),
        ("If-Match", &weak, 412),
        ("If-Match", TAG, 200),
        ("If-Match", "*", 200),
        ("If-Unmodified-Since", BEFORE, 412),
        ("If-Unmodified-Since", OLD, 200),
        ("If-Unmodified-Since", "garbage", 200),
    ] {
        let reply = asker.ask(&[(name, value)]);
        assert_eq!(reply.status, status, "{name}: {value}");
        if status == 412 {
            assert_eq!(reply.field("etag"), None);
        }
    }
    host.stop();
}

#[test]
fn case_241_conditions_on_nothing_mean_nothing() {
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    for fields in [
        "If-None-Match: *\r\n",
        "If-Match: \"x\"\r\n",
        "Range: bytes=99-\r\n",
    ] {
        let reply = visitor.with("GET", "/docs/none", fields).reply();
        assert_eq!(reply.status, 404, "{fields}");
    }
    host.stop();
}

#[test]
fn case_242_conditions_go_before_ranges() {
    let (_folder, host, mut asker) = asker();
    let range = ("Range", "bytes=0-4");
    asker.check(&[range, ("If-None-Match", TAG)], 304);
    asker.check(&[range, ("If-None-Match", "\"x\"")], 206);
    asker.check(&[("If-None-Match", TAG), ("Range", "bytes=99-")], 304);
    let all = [range, ("If-None-Match", TAG), ("If-Match", "\"x\"")];
    asker.check(&all, 412);
    host.stop();
}
