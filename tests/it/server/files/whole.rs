//! Whole files: what is said of them, and what is said where there is none (cases 225 to 228, 243, 244, 247, 250, 251).

use std::process::Command;

use http_aio::http::header::{CACHE_CONTROL, HeaderValue};
use http_aio::{Exchange, File, get};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

#[test]
fn case_225_a_file_is_whole_and_described() {
    let (_folder, host) = digits();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/docs/digits.txt");
        assert_eq!((reply.status, reply.text()), (200, DIGITS));
        for (name, value) in [
            ("content-length", "10"),
            ("last-modified", OLD),
            ("etag", "\"2ebc98a1-0-a\""),
            ("accept-ranges", "bytes"),
            ("content-type", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(reply.field(name), Some(value));
        }
        assert_eq!((reply.field("vary"), reply.closes()), (None, false));
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn case_226_head_is_the_same_head() {
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    let head = visitor.ask("HEAD", "/docs/digits.txt").reply_to_head();
    let reply = visitor.get("/docs/digits.txt");
    for name in ["content-length", "etag", "last-modified", "content-type"] {
        assert_eq!(head.field(name), reply.field(name));
    }
    assert_eq!(reply.text(), DIGITS);
    // One that is sent in pieces.
    let folder = Folder::new();
    folder.write("large", vec![b'x'; 1 << 20]);
    let large = File::new(folder.path("large"));
    host.server.route("/large", large).unwrap();
    let head = visitor.ask("HEAD", "/large").reply_to_head();
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("1048576"))
    );
    assert_eq!(visitor.get("/large").body.len(), 1 << 20);
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_227_an_empty_file_is_empty() {
    let folder = Folder::new();
    folder.write("empty", "");
    let host = folder.host(|directory| directory);
    let mut visitor = host.visit();
    let reply = visitor.get("/docs/empty");
    assert_eq!(
        (reply.status, reply.field("content-length")),
        (200, Some("0"))
    );
    let ranged = visitor.with("GET", "/docs/empty", "Range: bytes=0-\r\n");
    let reply = ranged.reply();
    assert_eq!(
        (reply.status, reply.field("content-range")),
        (416, Some("bytes */0"))
    );
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_228_files_are_longer_than_32_bits() {
    let folder = Folder::new();
    let file = fs::File::create(folder.path("sparse")).unwrap();
    file.set_len(5 << 30).unwrap();
    let host = folder.host(|directory| directory);
    let mut visitor = host.visit();
    let range = "Range: bytes=5368709115-\r\n";
    let reply = visitor.with("GET", "/docs/sparse", range).reply();
    assert_eq!((reply.status, &*reply.body), (206, &[0; 5][..]));
    let range = reply.field("content-range");
    assert_eq!(range, Some("bytes 5368709115-5368709119/5368709120"));
    let head = visitor.ask("HEAD", "/docs/sparse").reply_to_head();
    assert_eq!(head.field("content-length"), Some("5368709120"));
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_243_times_that_are_no_dates_are_left_out() {
    let hour = Duration::from_secs(3600);
    // A file system that has such times, if there is one.
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => Folder::below(memory),
        false => Folder::new(),
    };
    folder.write("1960", DIGITS);
    folder.touch("1960", SystemTime::UNIX_EPOCH - 10 * 365 * 24 * hour);
    folder.write("10000", DIGITS);
    folder.touch("10000", old() + 24 * hour * 366 * 8006);
    folder.write("future", DIGITS);
    folder.touch("future", SystemTime::now() + hour);
    let host = folder.host(Directory::listing);
    let mut visitor = host.visit();
    for name in ["1960", "10000"] {
        let reply = visitor.get(&format!("/docs/{name}"));
        assert_eq!((reply.status, reply.text()), (200, DIGITS));
        let has_time = folder.path(name).metadata().unwrap().modified().unwrap();
        if name == "1960" || has_time > old() + 24 * hour * 366 * 8000 {
            assert_eq!(reply.field("last-modified"), None);
        }
        assert!(reply.field("etag").is_some());
    }
    let reply = visitor.get("/docs/future");
    let date = |name| httpdate::parse_http_date(reply.field(name).unwrap()).unwrap();
    assert!(date("last-modified") <= date("date"));
    assert!(reply.field("etag").unwrap().starts_with("W/"));
    assert_eq!(visitor.get("/docs/").status, 200);
    host.stop();
}

#[test]
fn case_244_a_tag_is_weak_while_the_file_is_fresh() {
    let (folder, host) = digits();
    let mut visitor = host.visit();
    let path = "/docs/fresh";
    let mut tag = |age: u64| {
        folder.write("fresh", DIGITS);
        folder.touch("fresh", SystemTime::now() - Duration::from_millis(age));
        visitor.get(path).field("etag").unwrap().to_owned()
    };
    let weak = tag(0);
    assert!(weak.starts_with("W/\""), "{weak}");
    let strong = tag(3000);
    assert!(strong.starts_with('"'), "{strong}");
    // The same state has the same tag at any age, but for the prefix.
    let (weak, aged) = {
        let time = SystemTime::now() - Duration::from_millis(1500);
        folder.touch("fresh", time);
        let weak = visitor.get(path).field("etag").unwrap().to_owned();
        let mut last = weak.clone();
        wait_until("the tag is strong", || {
            last = visitor.get(path).field("etag").unwrap().to_owned();
            !last.starts_with("W/")
        });
        (weak, last)
    };
    assert_eq!(weak, format!("W/{aged}"));
    let fields = format!("If-None-Match: {weak}\r\n");
    assert_eq!(visitor.with("GET", path, &fields).reply().status, 304);
    // Rewritten within a second of the first time, with equal size.
    let time = folder.path("fresh").metadata().unwrap().modified().unwrap();
    folder.touch("fresh", time + Duration::from_millis(10));
    assert_eq!(visitor.with("GET", path, &fields).reply().status, 200);
    host.stop();
}

#[test]
fn case_247_what_is_no_file_is_not_found_at_once() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    folder.link("/dev/zero", "device");
    let host = folder.host(|directory| directory.symbolic_links(http_aio::SymbolicLinks::Followed));
    let names = ["fifo", "socket", "folder", "device", "none"];
    for name in names {
        let file = File::new(folder.path(name));
        host.server.route(&format!("/{name}"), file).unwrap();
    }
    let start = Instant::now();
    let mut visitor = host.visit();
    for name in names {
        assert_eq!(visitor.get(&format!("/{name}")).status, 404, "{name}");
        if name != "folder" {
            assert_eq!(visitor.get(&format!("/docs/{name}")).status, 404, "{name}");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    visitor.goes_on();
    drop(visitor);
    host.stop();
    let failed = |event: &Event| matches!(event, Event::HandlerFailed(..));
    assert_eq!(host.told.count(failed), 0);
}

/// Runs once more as somebody who is not root, where this is.
#[test]
fn case_247_what_may_not_be_read_is_forbidden() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.write("locked", DIGITS);
    folder.write("shut/index.html", "index");
    folder.write("dark/a", DIGITS);
    let permit = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    permit(&path, 0).unwrap();
    permit(&folder.path("shut"), 0o311).unwrap(); // It can be searched, but not read.
    permit(&folder.path("dark"), 0).unwrap();
    if fs::read(&path).is_ok() {
        let itself = std::env::current_exe().unwrap();
        let test = "server::files::whole::case_247_what_may_not_be_read_is_forbidden";
        let run = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(itself)
            .args([test, "--exact"])
            .output();
        let Ok(output) = run else {
            return skip("without setpriv nobody else can be asked");
        };
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() && said.is_empty() {
            return skip("nobody else may run this test");
        }
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let host = folder.host(Directory::listing);
    host.server.route("/locked", File::new(&path)).unwrap();
    for (path, status) in [
        ("/locked", 403),
        ("/docs/locked", 403),
        ("/docs/shut/", 200),
        ("/docs/shut", 307),
        ("/docs/dark/a", 403),
        ("/docs/dark/", 403),
        ("/docs/", 200),
    ] {
        assert_eq!(host.get(path).status, status, "{path}");
    }
    host.stop();
    permit(&folder.path("dark"), 0o755).unwrap();
}

#[test]
fn case_250_names_say_types_unless_somebody_else_does() {
    let folder = Folder::new();
    let names = [
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("a.Bar", "x/bar"),
        ("README", "x/none"),
    ];
    for (name, _) in names {
        folder.write(name, DIGITS);
    }
    let host = folder.host(|directory| {
        let directory = directory.content_type(".BAR", "x/bar").unwrap();
        directory.content_type("", "x/none").unwrap()
    });
    let mut visitor = host.visit();
    for (name, kind) in names {
        let reply = visitor.get(&format!("/docs/{name}"));
        assert_eq!(reply.field("content-type"), Some(kind), "{name}");
    }
    let file = File::new(folder.path("a.json"));
    host.server.route("/a", file.clone()).unwrap();
    let own = file.content_type("x/own").unwrap();
    host.server.route("/own", own).unwrap();
    assert_eq!(
        visitor.get("/a").field("content-type"),
        Some("application/json")
    );
    assert_eq!(visitor.get("/own").field("content-type"), Some("x/own"));
    assert!(File::new("a").content_type("a\r\nb: c").is_err());
    host.stop();
}

#[test]
fn case_251_without_descriptors_it_is_to_be_asked_again() {
    if !alone("server::files::whole::case_251_without_descriptors_it_is_to_be_asked_again") {
        return;
    }
    let (_folder, host) = digits();
    let mut visitor = host.visit();
    visitor.goes_on();
    let most = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..most
    };
    setrlimit(Resource::Nofile, none).unwrap();
    let reply = visitor.get("/docs/digits.txt");
    setrlimit(Resource::Nofile, most).unwrap();
    assert_eq!(
        (reply.status, reply.field("retry-after"), reply.closes()),
        (503, Some("1"), false)
    );
    host.told.wait_for(
        "it is told",
        |event| matches!(event, Event::HandlerFailed(_, text) if text.contains("open files")),
    );
    assert_eq!(visitor.get("/docs/digits.txt").text(), DIGITS);
    host.stop();
}

#[test]
fn a_handler_answers_with_a_file_of_its_choice() {
    let folder = Folder::new();
    let path = folder.write("digits.txt", DIGITS);
    let open = fs::File::open(&path).unwrap();
    let host = Host::new(|server| {
        let day = HeaderValue::from_static("max-age=86400");
        let named = File::new(&path).header(CACHE_CONTROL, day);
        let named = named.download_as("d\u{ef}gits.txt");
        server.route("/named", named).unwrap();
        let chosen = move |x: &mut Exchange| (x.query() == "yes").then(|| File::new(&path));
        server.route("/chosen", get(chosen)).unwrap();
        server.route("/open", File::from(open)).unwrap();
    });
    let mut visitor = host.visit();
    let reply = visitor.get("/named");
    let (cached, named) = (
        reply.field("cache-control"),
        reply.field("content-disposition"),
    );
    assert_eq!(cached, Some("max-age=86400"));
    assert_eq!(
        named,
        Some("attachment; filename=\"d_gits.txt\"; filename*=UTF-8''d%C3%AFgits.txt")
    );
    assert_eq!(visitor.get("/chosen?yes").text(), DIGITS);
    assert_eq!(visitor.get("/chosen").status, 404);
    for _ in 0..2 {
        let reply = visitor.get("/open");
        assert_eq!(reply.text(), DIGITS);
        assert_eq!(
            reply.field("content-type"),
            Some("application/octet-stream")
        );
    }
    // It is another's now, and then nobody's.
    folder.write("digits.txt", "9876");
    assert_eq!(visitor.get("/named").text(), "9876");
    fs::remove_file(folder.path("digits.txt")).unwrap();
    let reply = visitor.get("/named");
    assert_eq!((reply.status, reply.field("cache-control")), (404, None));
    host.stop();
}
