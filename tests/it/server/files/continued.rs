//! Uploads that break off, and are continued where they did.

use http_aio::Uploads;

use super::uploads::{BOTH, writable, writable_on};
use super::*;

const PART: &str = ".http-aio-part.t-1.a";

const TAG: &str = "Upload-Tag: t-1\r\n";

impl Visitor {
    /// How much is there of what has this tag.
    #[track_caller]
    fn count(&mut self, path: &str, tag: &str) -> u64 {
        let reply = self.with("HEAD", path, tag).reply_to_head();
        assert_eq!(reply.status, 204, "{}", reply.head);
        let sent = tag.trim_end().split_once(": ").map(|(_, tag)| tag);
        assert_eq!(reply.field("upload-tag"), sent);
        assert_eq!(reply.field("cache-control"), Some("no-store"));
        reply.field("upload-offset").unwrap().parse().unwrap()
    }

    #[track_caller]
    fn share(&mut self, range: &str, body: &str) -> Reply {
        let fields = format!("{TAG}Content-Range: bytes {range}\r\n");
        self.put("/docs/a", &fields, body)
    }
}

#[track_caller]
fn wait_for_part(folder: &Folder, count: u64) {
    let part = folder.path(PART);
    wait_until("it has come", || {
        part.metadata().is_ok_and(|it| it.len() == count)
    });
}

/// Uploads `some` of ten bytes, and breaks off.
#[track_caller]
fn break_off(host: &Host, folder: &Folder, some: &str) {
    let mut visitor = host.visit();
    visitor.begin("/docs/a", TAG, 10, some);
    wait_for_part(folder, some.len() as u64);
    visitor.leave();
}

#[test]
fn an_upload_goes_on_where_it_broke_off() {
    for threads in BOTH {
        let (folder, host) = writable_on(threads, |directory| directory.hidden_files().listing());
        break_off(&host, &folder, "0123");
        for family in FAMILIES {
            let mut visitor = host.visit_over(family);
            assert_eq!(visitor.count("/docs/a", TAG), 4);
            assert_eq!(visitor.count("/docs/a", "Upload-Tag: t-2\r\n"), 0);
            assert_eq!(visitor.count("/docs/b", TAG), 0);
            // Nobody sees it.
            assert_eq!(visitor.get("/docs/a").status, 404);
            assert_eq!(visitor.get(&format!("/docs/{PART}")).status, 404);
            let listing = visitor.get("/docs/");
            assert!(
                !listing.text().contains("http-aio-part"),
                "{}",
                listing.text()
            );
            visitor.leave();
        }
        let mut visitor = host.visit();
        for (range, body) in [
            ("3-9/10", "3456789"),
            ("5-9/10", "56789"),
            ("0-9/10", DIGITS),
        ] {
            let reply = visitor.share(range, body);
            assert_eq!(
                (reply.status, reply.field("upload-offset")),
                (409, Some("4"))
            );
        }
        let reply = visitor.share("4-9/10", "456789");
        assert_eq!((reply.status, reply.field("location")), (201, Some("./a")));
        assert_eq!(folder.read("a"), DIGITS);
        assert_eq!(folder.names(), ["a"]);
        visitor.goes_on();
        host.stop();
    }
}

#[test]
fn it_may_break_off_again_and_again() {
    let (folder, host) = writable(|directory| directory);
    break_off(&host, &folder, "01");
    for (at, byte) in DIGITS.char_indices().skip(2) {
        let mut visitor = host.visit();
        assert_eq!(visitor.count("/docs/a", TAG), at as u64);
        let fields = format!("{TAG}Content-Range: bytes {at}-9/10\r\n");
        visitor.begin("/docs/a", &fields, 10 - at, &byte.to_string());
        match at {
            9 => assert_eq!(visitor.reply().status, 201),
            _ => wait_for_part(&folder, at as u64 + 1),
        }
        visitor.leave();
    }
    assert_eq!(
        (folder.names(), folder.read("a")),
        (vec!["a".to_owned()], DIGITS.to_owned())
    );
    host.stop();
}

#[test]
fn it_may_come_in_shares() {
    let (folder, host) = writable(|directory| directory);
    let mut visitor = host.visit();
    for (range, body, count) in [
        ("0-3/10", "0123", "4"),
        ("4-4/*", "4", "5"),
        ("5-9/*", "56789", "10"),
    ] {
        let reply = visitor.share(range, body);
        assert_eq!(
            (reply.status, reply.field("upload-offset")),
            (202, Some(count))
        );
        assert_eq!(visitor.get("/docs/a").status, 404);
    }
    // All of it is there, and nobody has said so.
    let reply = visitor.share("*/11", "");
    assert_eq!(
        (reply.status, reply.field("upload-offset")),
        (409, Some("10"))
    );
    assert_eq!(visitor.share("*/10", "").status, 201);
    assert_eq!(folder.read("a"), DIGITS);
    // Without a range it begins anew.
    break_off(&host, &folder, "xxxx");
    assert_eq!(visitor.put("/docs/a", TAG, "hello").status, 204);
    assert_eq!(
        (folder.read("a"), visitor.count("/docs/a", TAG)),
        ("hello".to_owned(), 0)
    );
    assert_eq!(folder.names(), ["a"]);
    visitor.goes_on();
    host.stop();
}

#[test]
fn what_is_malformed_is_refused() {
    let (folder, host) = writable(|directory| directory);
    let mut visitor = host.visit();
    for fields in [
        "Content-Range: bytes 0-2/3\r\n",
        "Upload-Tag: t\r\nContent-Range: bytes 0-3/4\r\n",
        "Upload-Tag: t\r\nContent-Range: bytes 0-2/2\r\n",
        "Upload-Tag: t\r\nContent-Range: 0-2/3\r\n",
        "Upload-Tag: t\r\nContent-Range: bytes=0-2/3\r\n",
        "Upload-Tag: t\r\nContent-Range: bytes */3\r\n",
        "Upload-Tag: t\r\nContent-Range: bytes 0-2/3\r\nContent-Range: bytes 0-2/3\r\n",
        "Upload-Tag:\r\n",
        "Upload-Tag: a.b\r\n",
        "Upload-Tag: ../a\r\n",
        "Upload-Tag: a\r\nUpload-Tag: a\r\n",
        &format!("Upload-Tag: {}\r\n", "x".repeat(65)),
    ] {
        assert_eq!(
            visitor.put("/docs/a", fields, "abc").status,
            400,
            "{fields}"
        );
    }
    let reply = visitor.with("HEAD", "/docs/a", "Upload-Tag: a b\r\n");
    assert_eq!(reply.reply_to_head().status, 400);
    // Chunked, and not as long as it says.
    let fields = "Upload-Tag: t\r\nContent-Range: bytes 0-2/10\r\nTransfer-Encoding: chunked\r\n";
    for body in ["2\r\nab\r\n0\r\n\r\n", "4\r\nabcd\r\n0\r\n\r\n"] {
        let mut visitor = host.visit();
        let reply = visitor.with("PUT", "/docs/a", fields).say(body).reply();
        assert_eq!(reply.status, 400);
        fs::remove_file(folder.path(".http-aio-part.t.a")).unwrap_or_default();
    }
    assert_eq!(folder.names(), [""; 0]);
    host.stop();
}

#[test]
fn one_writes_at_a_time() {
    for threads in BOTH {
        one_writes_on(threads);
    }
}

fn one_writes_on(threads: Threads) {
    let (folder, host) = writable_on(threads, |directory| directory);
    let mut first = host.visit();
    first.begin("/docs/a", TAG, 10, "0123");
    wait_for_part(&folder, 4);
    let mut second = host.visit();
    for method in ["HEAD", "PUT"] {
        let fields = format!("{TAG}Content-Length: 0\r\n");
        let reply = second.with(method, "/docs/a", &fields).head();
        assert_eq!((reply.status, reply.field("retry-after")), (423, Some("1")));
        second = host.visit();
    }
    // Another upload of that name goes on beside it.
    assert_eq!(second.put("/docs/a", "", "beside").status, 201);
    assert_eq!(first.say("456789").reply().status, 204);
    assert_eq!(
        (folder.names(), folder.read("a")),
        (vec!["a".to_owned()], DIGITS.to_owned())
    );
    // Who comes just when it ends, waits for it.
    first.begin("/docs/a", TAG, 10, "0123");
    wait_for_part(&folder, 4);
    second.with("HEAD", "/docs/a", TAG);
    first.leave();
    let reply = second.reply_to_head();
    assert_eq!(
        (reply.status, reply.field("upload-offset")),
        (204, Some("4"))
    );
    host.stop();
}

#[test]
fn what_nobody_continues_is_removed() {
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    let (folder, host) = writable(|directory| directory.uploads(Uploads::new().keep_parts(hour)));
    for (name, age) in [
        (".http-aio-part.old.a", 2 * hour),
        (".http-aio-part.0123", 2 * hour),
        (".http-aio-part.young.a", hour / 2),
        (".http-aio-part.locked.a", 2 * hour),
        (".other", 2 * hour),
    ] {
        folder.write(name, DIGITS);
        folder.touch(name, now - age);
    }
    fs::create_dir(folder.path(".http-aio-part.folder")).unwrap();
    let locked = fs::File::open(folder.path(".http-aio-part.locked.a")).unwrap();
    rustix::fs::flock(&locked, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut visitor = host.visit();
    assert_eq!(visitor.put("/docs/b", "", "b").status, 201);
    let left = [
        ".http-aio-part.folder",
        ".http-aio-part.locked.a",
        ".http-aio-part.young.a",
        ".other",
        "b",
    ];
    assert_eq!(folder.names(), left);
    // Not again so soon.
    folder.touch(".http-aio-part.young.a", now - 2 * hour);
    assert_eq!(visitor.put("/docs/b", "", "b").status, 204);
    assert_eq!(folder.names(), left);
    host.stop();
}

#[test]
fn what_cannot_be_kept_is_not() {
    let unkept = Uploads::new().keep_parts(Duration::ZERO);
    let long = "x".repeat(255);
    for (uploads, name) in [(unkept, "a"), (Uploads::new(), &*long)] {
        let (folder, host) = writable(|directory| directory.uploads(uploads));
        let path = format!("/docs/{name}");
        let mut visitor = host.visit();
        visitor.begin(&path, TAG, 10, "0123");
        wait_until("it has begun", || folder.names().len() == 1);
        visitor.leave();
        wait_until("it is gone", || folder.names().is_empty());
        let mut visitor = host.visit();
        assert_eq!(visitor.count(&path, TAG), 0);
        let fields = format!("{TAG}Content-Range: bytes 4-9/10\r\n");
        let reply = visitor.put(&path, &fields, "456789");
        assert_eq!(
            (reply.status, reply.field("upload-offset")),
            (409, Some("0"))
        );
        let fields = format!("{TAG}Content-Range: bytes 0-9/10\r\n");
        assert_eq!(visitor.put(&path, &fields, DIGITS).status, 201);
        assert_eq!(folder.read(name), DIGITS);
        host.stop();
    }
}
