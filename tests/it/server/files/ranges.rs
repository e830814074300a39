//! Parts of files (cases 229 to 235).

use super::*;

const PATH: &str = "/docs/digits.txt";

fn range(visitor: &mut Visitor, range: &str) -> Reply {
    let fields = format!("Range: {range}\r\n");
    visitor.with("GET", PATH, &fields).reply()
}

#[test]
fn case_229_one_range() {
    let (_folder, host) = digits();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        for (asked, text, said) in [
            ("bytes=0-4", "01234", "bytes 0-4/10"),
            ("bytes=5-", "56789", "bytes 5-9/10"),
            ("bytes=-3", "789", "bytes 7-9/10"),
            ("bytes=-99", DIGITS, "bytes 0-9/10"),
            ("bytes=8-99", "89", "bytes 8-9/10"),
            ("Bytes=9-9", "9", "bytes 9-9/10"),
        ] {
            let reply = range(&mut visitor, asked);
            assert_eq!((reply.status, reply.text()), (206, text), "{asked}");
            assert_eq!(reply.field("content-range"), Some(said));
            assert_eq!(reply.field("last-modified"), Some(OLD));
            let kind = reply.field("content-type");
            assert_eq!(kind, Some("text/plain; charset=utf-8"));
        }
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn case_230_none_of_it_is_there() {
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    for asked in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
        let reply = range(&mut visitor, asked);
        let said = reply.field("content-range");
        assert_eq!((reply.status, said), (416, Some("bytes */10")), "{asked}");
        for absent in ["etag", "last-modified", "accept-ranges"] {
            assert_eq!(reply.field(absent), None);
        }
    }
    visitor.goes_on();
    host.stop();
}

#[test]
fn cases_231_and_232_what_makes_no_sense_is_ignored() {
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    for asked in [
        "bytes=4-2",
        "bytes=a-b",
        "bytes=",
        "items=0-1",
        "bytes=+1-2",
    ] {
        let reply = range(&mut visitor, asked);
        assert_eq!((reply.status, reply.text()), (200, DIGITS), "{asked}");
        assert_eq!(reply.field("content-range"), None);
    }
    visitor.with("HEAD", PATH, "Range: bytes=0-4\r\n");
    let head = visitor.reply_to_head();
    let length = head.field("content-length");
    assert_eq!((head.status, length), (200, Some("10")));
    visitor.goes_on();
    host.stop();
}

/// The parts of a body: their fields, and what they are.
#[track_caller]
fn parts(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let kind = reply.field("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=");
    let mark = format!("--{}", boundary.expect("several parts"));
    let mut rest = &reply.body[..];
    let mut parts = Vec::new();
    let find = |text: &[u8], what: &str| {
        let mut windows = text.windows(what.len());
        windows.position(|window| window == what.as_bytes())
    };
    loop {
        rest = rest.strip_prefix(mark.as_bytes()).expect("a boundary");
        if rest == b"--\r\n" {
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").expect("a line");
        let blank = find(rest, "\r\n\r\n").expect("a blank line");
        let head = String::from_utf8(rest[..blank].to_vec()).unwrap();
        rest = &rest[blank + 4..];
        let end = find(rest, &format!("\r\n{mark}")).expect("an end");
        parts.push((head, rest[..end].to_vec()));
        rest = &rest[end + 2..];
    }
}

#[test]
fn case_233_several_ranges_are_several_parts() {
    let (folder, host) = digits();
    let content = pattern(0, 10 << 10);
    folder.write("digits.txt", &content);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = range(&mut visitor, "bytes=0-1,8-9");
        assert_eq!((reply.status, reply.field("content-range")), (206, None));
        let describe = |range: &str| {
            format!("Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/10240")
        };
        assert_eq!(
            parts(&reply),
            [
                (describe("0-1"), content[..2].to_vec()),
                (describe("8-9"), content[8..10].to_vec()),
            ]
        );
        let another = range(&mut visitor, "bytes=0-1,8-9");
        assert_ne!(another.field("content-type"), reply.field("content-type"));
        visitor.goes_on();
        // The client knows the type already, but not that of the parts together.
        let fields = format!("Range: bytes=0-1,8-9\r\nIf-Range: {OLD}\r\n");
        let reply = visitor.with("GET", PATH, &fields).reply();
        assert_eq!(reply.field("last-modified"), None);
        assert_eq!(parts(&reply).len(), 2);
        visitor.leave();
    }
    host.stop();
}

#[test]
fn parts_of_any_size_come_in_pieces() {
    let (folder, host) = digits();
    let content = pattern(0, 3 << 20);
    folder.write("digits.txt", &content);
    let mut visitor = host.visit();
    // The last part first, and one that is next to nothing between two that are large.
    let reply = range(&mut visitor, "bytes=-1000000,1500000-1500000,0-999999");
    let length = content.len();
    let got: Vec<_> = parts(&reply).into_iter().map(|(_, part)| part).collect();
    assert!(got[0] == content[length - 1_000_000..]);
    assert!(got[1] == content[1_500_000..=1_500_000]);
    assert!(got[2] == content[..1_000_000]);
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_234_ranges_that_touch_are_one() {
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    for asked in ["bytes=0-4,3-6", "bytes=3-6,0-4", "bytes=0-2,3-6"] {
        let reply = range(&mut visitor, asked);
        assert_eq!((reply.status, reply.text()), (206, "0123456"));
        assert_eq!(reply.field("content-range"), Some("bytes 0-6/10"));
    }
    host.stop();
}

#[test]
fn case_235_too_many_ranges_are_all() {
    let (folder, host) = digits();
    let content = pattern(0, 10 << 10);
    folder.write("digits.txt", &content);
    let mut visitor = host.visit();
    let many = |count: usize| {
        let ranges: Vec<_> = (0..count).map(|at| format!("{}-{0}", 3 * at)).collect();
        format!("bytes={}", ranges.join(","))
    };
    assert_eq!(parts(&range(&mut visitor, &many(16))).len(), 16);
    // As many as fit into a head.
    for asked in [
        many(17),
        many(1000),
        many(5000),
        "bytes=0-,0-,0-".to_owned(),
    ] {
        let reply = range(&mut visitor, &asked);
        assert_eq!(reply.status, 200);
        assert!(reply.body == content);
    }
    visitor.goes_on();
    host.stop();
}
