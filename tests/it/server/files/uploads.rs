//! Uploads: files that are made, replaced and removed, and what stands in their way.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use http_aio::{Exchange, Uploads, get};

use super::*;

pub(super) const BOTH: [Threads; 2] = [Threads::PerConnection, Threads::Watched];

/// A folder, and a server that takes uploads into it at `/docs`.
pub(super) fn writable(how: impl FnOnce(Directory) -> Directory) -> (Folder, Host) {
    writable_on(chosen_threads(), how)
}

pub(super) fn writable_on(
    threads: Threads,
    how: impl FnOnce(Directory) -> Directory,
) -> (Folder, Host) {
    let folder = Folder::new();
    let directory = how(folder.directory().uploads(Uploads::new()));
    let host = Host::on(threads, ServerLimits::default(), |server| {
        server.tree("/docs", directory).unwrap();
    });
    (folder, host)
}

impl Folder {
    /// All names that are there, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|it| name(it).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Visitor {
    /// PUTs a body, with these lines of fields, and reads the answer.
    #[track_caller]
    pub(super) fn put(&mut self, path: &str, fields: &str, body: &str) -> Reply {
        let length = format!("Content-Length: {}\r\n{fields}", body.len());
        self.with("PUT", path, &length).say(body).reply()
    }

    /// Begins to PUT a body of this length.
    #[track_caller]
    pub(super) fn begin(&mut self, path: &str, fields: &str, length: usize, body: &str) {
        let length = format!("Content-Length: {length}\r\n{fields}");
        self.with("PUT", path, &length).say(body);
    }
}

#[test]
fn files_are_made_replaced_and_removed() {
    for threads in BOTH {
        let (folder, host) = writable_on(threads, |directory| directory);
        fs::create_dir(folder.path("sub")).unwrap();
        for family in FAMILIES {
            let mut visitor = host.visit_over(family);
            let path = "/docs/sub/a%20b.txt";
            let made = visitor.put(path, "", "first");
            assert_eq!(
                (made.status, made.field("content-length")),
                (201, Some("0"))
            );
            assert_eq!(made.field("location"), Some("./a%20b.txt"));
            let reply = visitor.get(path);
            assert_eq!((reply.status, reply.text()), (200, "first"));
            // It is weak there as long as somebody might write to the file, and the same otherwise.
            let weak = format!("W/{}", made.field("etag").unwrap());
            assert_eq!(reply.field("etag"), Some(&*weak));

            let replaced = visitor.put(path, "", "");
            assert_eq!((replaced.status, replaced.field("location")), (204, None));
            assert!(replaced.field("etag").is_some());
            assert_ne!(replaced.field("etag"), made.field("etag"));
            assert_eq!(visitor.get(path).text(), "");

            let chunked = "Transfer-Encoding: chunked\r\n";
            visitor.with("PUT", path, chunked);
            let reply = visitor.say("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").reply();
            assert_eq!(reply.status, 204);
            assert_eq!(visitor.get(path).text(), "abcde");

            assert_eq!(visitor.ask("DELETE", path).reply().status, 204);
            assert_eq!(visitor.ask("DELETE", path).reply().status, 404);
            assert_eq!(visitor.get(path).status, 404);
            visitor.goes_on();
            visitor.leave();
        }
        assert_eq!(folder.names(), ["sub"]);
        assert_eq!(fs::read_dir(folder.path("sub")).unwrap().count(), 0);
        host.stop();
        let failed = |event: &Event| matches!(event, Event::HandlerFailed(..));
        assert_eq!(host.told.count(failed), 0);
    }
}

#[test]
fn methods_are_those_that_there_are() {
    let (_folder, host) = writable(|directory| directory.uploads(Uploads::new().sync()));
    let mut visitor = host.visit();
    let allowed = "DELETE, GET, HEAD, OPTIONS, PUT";
    let sorted = |reply: &Reply| {
        let mut methods: Vec<_> = reply.field("allow").unwrap().split(", ").collect();
        methods.sort_unstable();
        methods.join(", ")
    };
    let reply = visitor.ask("OPTIONS", "/docs/a").reply();
    assert_eq!((reply.status, &*sorted(&reply)), (204, allowed));
    let reply = visitor.post("/docs/a", "abc");
    assert_eq!((reply.status, &*sorted(&reply)), (405, allowed));
    assert_eq!(visitor.put("/docs/a", "", "synced").status, 201);
    assert_eq!(visitor.ask("DELETE", "/docs/a").reply().status, 204);
    visitor.goes_on();
    host.stop();
}

#[test]
fn large_ones_are_whole_over_every_way() {
    const SIZE: usize = 3 << 20;
    for threads in BOTH {
        let (folder, host) = writable_on(threads, |directory| directory);
        for family in FAMILIES {
            let mut visitor = host.visit_over(family);
            visitor.with("PUT", "/docs/large", &format!("Content-Length: {SIZE}\r\n"));
            visitor.say(pattern(0, SIZE));
            assert!(matches!(visitor.reply().status, 201 | 204));
            assert_pattern(0, &fs::read(folder.path("large")).unwrap());
            visitor.leave();
        }
        assert_eq!(folder.names(), ["large"]);
        host.stop();
    }
}

#[test]
fn nothing_is_changed_elsewhere_or_in_place_of_what_is_no_file() {
    let beside = Folder::new();
    beside.write("secret", SECRET);
    for hidden in [false, true] {
        let (folder, host) = writable(|directory| match hidden {
            true => directory.hidden_files(),
            false => directory.symbolic_links(http_aio::SymbolicLinks::Followed),
        });
        folder.write("file", DIGITS);
        folder.write("sub/file", DIGITS);
        folder.write(".hidden/file", DIGITS);
        folder.write(".http-aio-part.x", DIGITS);
        folder.link("file", "near");
        folder.link("sub", "folder");
        folder.link("none", "dangling");
        folder.link(&beside.0, "out");
        folder.link(beside.path("secret"), "secret");
        let fifo = Command::new("mkfifo").arg(folder.path("fifo")).status();
        assert!(fifo.unwrap().success());
        let before = folder.names();
        let mut visitor = host.visit();
        let hidden_one = if hidden { 409 } else { 403 };
        for (path, put, delete) in [
            ("", 409, 409),
            ("/", 409, 409),
            ("/sub", 409, 409),
            ("/sub/", 409, 409),
            ("/new/", 409, 409),
            ("/none/file", 409, 409),
            ("/file/below", 409, 409),
            ("/near", 409, 409),
            ("/dangling", 409, 409),
            ("/secret", 409, 409),
            ("/folder/file", 409, 409),
            ("/folder/new", 409, 409),
            ("/out/secret", 409, 409),
            ("/out/new", 409, 409),
            ("/fifo", 409, 409),
            ("/..%2fsecret", 403, 403),
            ("/sub%5cnew", 403, 403),
            ("/.hidden", hidden_one, hidden_one),
            ("/.http-aio-part.x", 403, 403),
            ("/sub/.http-aio-part.y", 403, 403),
        ] {
            let path = format!("/docs{path}");
            let reply = visitor.put(&path, "", "new");
            assert_eq!(reply.status, put, "PUT {path}");
            let reply = visitor.ask("DELETE", &path).reply();
            assert_eq!(reply.status, delete, "DELETE {path}");
        }
        let long = format!("/docs/{}", "x".repeat(300));
        assert_eq!(visitor.put(&long, "", "new").status, 400);
        assert_eq!(visitor.get("/docs/.http-aio-part.x").status, 404);
        assert_eq!(folder.names(), before);
        assert_eq!(folder.read("file"), DIGITS);
        assert_eq!(folder.read("sub/file"), DIGITS);
        assert_eq!(beside.names(), ["secret"]);
        assert_eq!(beside.read("secret"), SECRET);
        visitor.goes_on();
        host.stop();
    }
}

#[test]
fn conditions_are_looked_at_before_the_body_is_asked_for() {
    let (folder, host) = writable(|directory| directory);
    folder.write("old", DIGITS);
    let tag = "\"2ebc98a1-0-a\"";
    let mut visitor = host.visit();
    for (path, fields, status) in [
        ("/docs/old", "If-None-Match: *".to_owned(), 412),
        ("/docs/old", format!("If-None-Match: {tag}"), 412),
        ("/docs/old", "If-Match: \"other\"".to_owned(), 412),
        ("/docs/old", format!("If-Match: W/{tag}"), 412),
        ("/docs/old", format!("If-Unmodified-Since: {BEFORE}"), 412),
        ("/docs/new", "If-Match: *".to_owned(), 412),
        ("/docs/none/new", "X: y".to_owned(), 409),
        ("/docs/.new", "X: y".to_owned(), 403),
    ] {
        // It is not sent, and the connection goes on.
        let fields = format!("{fields}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n");
        let reply = visitor.with("PUT", path, &fields).reply();
        assert_eq!(reply.status, status, "{path} {fields}");
        if reply.closes() {
            visitor = host.visit();
        }
    }
    assert_eq!(folder.read("old"), DIGITS);
    for (path, fields, status) in [
        ("/docs/new", "If-None-Match: *\r\n".to_owned(), 201),
        ("/docs/new", "If-None-Match: *\r\n".to_owned(), 412),
        ("/docs/new", "If-None-Match: \"other\"\r\n".to_owned(), 204),
        ("/docs/old", format!("If-Match: {tag}\r\n"), 204),
        ("/docs/old", format!("If-Match: {tag}\r\n"), 412),
        ("/docs/old", "If-Match: *\r\n".to_owned(), 204),
        (
            "/docs/old",
            format!("If-Unmodified-Since: {AFTER}\r\n"),
            412,
        ),
    ] {
        let reply = visitor.put(path, &fields, "new");
        assert_eq!(reply.status, status, "{path} {fields}");
    }
    // With the tag of the answer, at once.
    let reply = visitor.put("/docs/old", "", "newer");
    let fields = format!("If-Match: {}\r\n", reply.field("etag").unwrap());
    assert_eq!(visitor.put("/docs/old", &fields, "newest").status, 204);
    let mut delete = |path: &str, fields: &str| visitor.with("DELETE", path, fields).reply().status;
    assert_eq!(delete("/docs/old", &fields), 412);
    assert_eq!(delete("/docs/none", "If-Match: *\r\n"), 404);
    assert_eq!(delete("/docs/old", "If-Match: *\r\n"), 204);
    visitor.goes_on();
    host.stop();
}

#[test]
fn conditions_are_looked_at_again_at_the_end() {
    let (folder, host) = writable(|directory| directory);
    folder.write("old", DIGITS);
    for (name, fields) in [
        ("new", "If-None-Match: *\r\n"),
        ("old", "If-Match: \"2ebc98a1-0-a\"\r\n"),
    ] {
        let path = format!("/docs/{name}");
        let (mut slow, mut quick) = (host.visit(), host.visit());
        slow.begin(&path, fields, 4, "sl");
        wait_until("it has begun", || {
            folder.names().iter().any(|name| name.starts_with(".http"))
        });
        assert!(matches!(
            quick.put(&path, fields, "quick").status,
            201 | 204
        ));
        assert_eq!(slow.say("ow").reply().status, 412);
        assert_eq!(folder.read(name), "quick");
        slow.goes_on();
    }
    // What comes in the way meanwhile is not replaced.
    let mut visitor = host.visit();
    visitor.begin("/docs/folder", "", 4, "sl");
    wait_until("it has begun", || {
        folder.names().iter().any(|name| name.starts_with(".http"))
    });
    fs::create_dir(folder.path("folder")).unwrap();
    assert_eq!(visitor.say("ow").reply().status, 409);
    assert_eq!(folder.names(), ["folder", "new", "old"]);
    host.stop();
}

#[test]
fn of_those_who_change_the_same_state_one_does() {
    for threads in BOTH {
        one_does(threads);
    }
}

fn one_does(threads: Threads) {
    const CLIENTS: usize = 6;
    let (folder, host) = writable_on(threads, |directory| directory);
    let mut visitors: Vec<_> = (0..CLIENTS).map(|_| host.visit()).collect();
    for round in 0..30 {
        let fields = match round {
            0 => "If-None-Match: *\r\n".to_owned(),
            _ => {
                let reply = visitors[0].put("/docs/a", "", "before");
                format!("If-Match: {}\r\n", reply.field("etag").unwrap())
            }
        };
        for visitor in &mut visitors {
            visitor.begin("/docs/a", &fields, 4, "two");
        }
        for visitor in &mut visitors {
            visitor.say("!");
        }
        let replies: Vec<_> = visitors.iter_mut().map(Visitor::reply).collect();
        let count = |statuses: &[u16]| {
            let has = |reply: &&Reply| statuses.contains(&reply.status);
            replies.iter().filter(has).count()
        };
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        let counts = (count(&[201, 204]), count(&[412]));
        assert_eq!(counts, (1, CLIENTS - 1), "{statuses:?} in round {round}");
        assert_eq!(folder.names(), ["a"]);
    }
    host.stop();
}

#[test]
fn what_is_too_large_is_refused() {
    let (folder, host) = writable(|directory| directory.uploads(Uploads::new().largest(10)));
    let mut visitor = host.visit();
    let expect = "Expect: 100-continue\r\nContent-Length: 11\r\n";
    assert_eq!(visitor.with("PUT", "/docs/a", expect).reply().status, 413);
    let mut visitor = host.visit();
    assert_eq!(visitor.put("/docs/a", "", "01234567890").status, 413);
    let chunked = "Upload-Tag: t\r\nTransfer-Encoding: chunked\r\n";
    let body = "8\r\n01234567\r\n3\r\n890\r\n0\r\n\r\n";
    let reply = visitor.with("PUT", "/docs/a", chunked).say(body).reply();
    assert_eq!(reply.status, 413);
    let share = "Upload-Tag: t\r\nContent-Range: bytes 0-1/11\r\n";
    assert_eq!(visitor.put("/docs/a", share, "01").status, 413);
    assert_eq!(folder.names(), [""; 0]);
    assert_eq!(visitor.put("/docs/a", "", DIGITS).status, 201);
    visitor.goes_on();
    host.stop();
}

#[test]
fn what_breaks_off_leaves_nothing_and_changes_nothing() {
    for threads in BOTH {
        let (folder, host) = writable_on(threads, |directory| directory);
        folder.write("a", DIGITS);
        for family in FAMILIES {
            let mut visitor = host.visit_over(family);
            visitor.begin("/docs/a", "", 100, "some of it");
            wait_until("it has begun", || folder.names().len() == 2);
            assert_eq!(host.get("/docs/a").text(), DIGITS);
            visitor.leave();
            wait_until("it is gone", || folder.names() == ["a"]);
        }
        let mut visitor = host.visit();
        visitor.with("PUT", "/docs/a", "Transfer-Encoding: chunked\r\n");
        assert_eq!(visitor.say("2\r\nab\r\nnonsense").reply().status, 400);
        assert_eq!(
            (folder.names(), folder.read("a")),
            (vec!["a".to_owned()], DIGITS.to_owned())
        );
        host.stop();
    }
}

#[test]
fn the_permissions_of_a_file_stay() {
    let (folder, host) = writable(|directory| directory);
    let path = folder.write("private", DIGITS);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4600)).unwrap();
    let mut visitor = host.visit();
    visitor.begin("/docs/private", "", 3, "n");
    let mode_of = |name: &str| {
        fs::metadata(folder.path(name))
            .unwrap()
            .permissions()
            .mode()
    };
    let part = |name: &String| name.starts_with(".http-aio-part.");
    wait_until("nobody else can read the part", || {
        let part = folder.names().into_iter().find(part);
        part.is_some_and(|part| mode_of(&part) & 0o7777 == 0o600)
    });
    assert_eq!(visitor.say("ew").reply().status, 204);
    assert_eq!(
        (mode_of("private") & 0o7777, folder.read("private")),
        (0o600, "new".to_owned())
    );
    host.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn what_may_not_be_changed_is_forbidden() {
    // Not even root makes files there.
    let directory = Directory::open("/sys").unwrap().uploads(Uploads::new());
    let host = Host::new(|server| {
        server.tree("/sys", directory).unwrap();
    });
    let mut visitor = host.visit();
    assert_eq!(visitor.put("/sys/http-aio-test", "", "a").status, 403);
    visitor.goes_on();
    host.stop();
}

#[test]
fn many_at_once_are_each_whole() {
    const CLIENTS: u8 = 6;
    const SIZE: usize = 200_000;
    for threads in BOTH {
        let (folder, host) = writable_on(threads, |directory| directory);
        fs::write(folder.path("a"), vec![b'a'; SIZE]).unwrap();
        thread::scope(|scope| {
            for letter in b'a'..b'a' + CLIENTS {
                let host = &host;
                scope.spawn(move || {
                    let body = String::from_utf8(vec![letter; SIZE]).unwrap();
                    let mut visitor = host.visit();
                    for _ in 0..20 {
                        assert_eq!(visitor.put("/docs/a", "", &body).status, 204);
                        let seen = visitor.get("/docs/a").body;
                        assert_eq!(seen.len(), SIZE);
                        assert!(seen.iter().all(|byte| *byte == seen[0]));
                    }
                });
            }
        });
        assert_eq!(folder.names(), ["a"]);
        host.stop();
    }
}

#[test]
fn a_handler_looks_who_asks_before() {
    let folder = Folder::new();
    let directory = folder.directory().uploads(Uploads::new());
    let (guarded, careless) = (directory.clone(), directory);
    let handler = move |exchange: &mut Exchange| {
        let is_allowed = exchange.headers().contains_key("authorization");
        is_allowed.then(|| guarded.answer(exchange))
    };
    let host = Host::new(|server| {
        let route = get(handler.clone()).put(handler);
        server.tree("/guarded", route).unwrap();
        let route = http_aio::any(move |_| careless.clone());
        server.tree("/careless", route).unwrap();
    });
    let mut visitor = host.visit();
    assert_eq!(visitor.put("/guarded/a", "", "a").status, 404);
    let allowed = "Authorization: me\r\n";
    assert_eq!(visitor.put("/guarded/a", allowed, "a").status, 201);
    let reply = visitor.with("GET", "/guarded/a", allowed).reply();
    assert_eq!((reply.status, reply.text()), (200, "a"));
    // One that returns it does not take uploads, and must not seem to.
    assert_eq!(visitor.get("/careless/a").text(), "a");
    assert_eq!(visitor.put("/careless/a", "", "b").status, 500);
    assert_eq!(folder.read("a"), "a");
    host.stop();
}

#[test]
fn no_swap_of_a_folder_leads_out() {
    let beside = Folder::new();
    beside.write("file", SECRET);
    let (folder, host) = writable(|directory| directory);
    folder.write("seg/file", DIGITS);
    let (seg, moved) = (folder.path("seg"), folder.path("moved"));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::rename(&seg, &moved).unwrap();
                symlink(&beside.0, &seg).unwrap();
                fs::remove_file(&seg).unwrap();
                fs::rename(&moved, &seg).unwrap();
            }
        });
        let mut visitor = host.visit();
        let mut counts = [0; 2];
        let start = Instant::now();
        // A busy machine may let one side run for long before the other.
        while counts.iter().any(|count| *count < 100) && start.elapsed() < PATIENCE {
            let put = visitor.put("/docs/seg/file", "", "new").status;
            let delete = visitor.ask("DELETE", "/docs/seg/file").reply().status;
            assert!(matches!(put, 201 | 204 | 409), "{put}");
            assert!(matches!(delete, 204 | 404 | 409), "{delete}");
            counts[usize::from(put == 409)] += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        swapping.join().unwrap();
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    });
    assert_eq!(beside.names(), ["file"]);
    assert_eq!(beside.read("file"), SECRET);
    host.stop();
}

#[test]
fn the_page_of_a_folder_takes_files_where_the_folder_does() {
    let (folder, host) = writable(Directory::listing);
    let plain = folder.directory().listing();
    host.server.tree("/plain", plain).unwrap();
    let mut visitor = host.visit();
    for (path, takes) in [("/docs/", true), ("/plain/", false)] {
        let page = visitor.get(path);
        assert_eq!(page.text().contains("Upload files"), takes, "{path}");
        let policy = page.field("content-security-policy").unwrap();
        assert_eq!(policy.contains("connect-src 'self'"), takes, "{policy}");
    }
    assert_eq!(visitor.put("/plain/a", "", "a").status, 405);
    host.stop();
}
