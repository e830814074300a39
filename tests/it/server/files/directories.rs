//! Folders: indexes, slashes, names, listings, methods (cases 253, 257 to 262).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use http_aio::http::StatusCode;
use http_aio::http::header::{CACHE_CONTROL, HeaderValue};
use http_aio::{Exchange, get};

use super::*;

#[track_caller]
fn follows(visitor: &mut Visitor, path: &str, location: &str) {
    let reply = visitor.get(path);
    assert_eq!(reply.field("location"), Some(location), "{path}");
    assert_eq!(reply.status, 307);
}

#[test]
fn case_253_a_folder_is_its_index_behind_a_slash() {
    let folder = Folder::new();
    folder.write("index.html", "top");
    folder.write("old/index.htm", "old");
    folder.write("both/index.htm", "second");
    folder.write("both/index.html", "first");
    folder.write("none/a", "a");
    folder.write("odd/index.html/a", "a");
    folder.write("odd/index.htm", "a file");
    folder.write("a b&c:d/index.html", "named");
    let host = folder.host(|directory| directory);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        for (path, text) in [
            ("/docs/", "top"),
            ("/docs/old/", "old"),
            ("/docs/both/", "first"),
            ("/docs/odd/", "a file"),
            ("/docs/a%20b&c:d/", "named"),
            ("/docs/none/./../", "top"),
        ] {
            let reply = visitor.get(path);
            assert_eq!((reply.status, reply.text()), (200, text), "{path}");
            let kind = reply.field("content-type");
            assert_eq!(kind, Some("text/html; charset=utf-8"));
        }
        assert_eq!(visitor.get("/docs/none/").status, 404);
        for (path, location) in [
            ("/docs", "./docs/"),
            ("/docs?a=b&c", "./docs/?a=b&c"),
            ("/docs/none", "./none/"),
            ("/docs//old?a='|b", "./old/?a='%7Cb"),
            ("/docs/a%20b&c:d", "./a%20b&c:d/"),
            ("//docs", "./docs/"),
        ] {
            follows(&mut visitor, path, location);
        }
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn case_253_without_redirects_it_is_as_with_nng() {
    let folder = Folder::new();
    folder.write("index.html", "top");
    folder.write("sub/index.html", "sub");
    fs::create_dir(folder.path("none")).unwrap();
    let host = folder.host(Directory::without_redirect);
    for (path, text) in [
        ("/docs", "top"),
        ("/docs/", "top"),
        ("/docs/sub", "sub"),
        ("/docs/sub/", "sub"),
    ] {
        let reply = host.get(path);
        assert_eq!((reply.status, reply.text()), (200, text), "{path}");
    }
    assert_eq!(host.get("/docs/none").status, 404);
    host.stop();
    // Where its links are relative, it must be at its place.
    let host = folder.host(|directory| directory.without_redirect().listing());
    follows(&mut host.visit(), "/docs/none", "./none/");
    assert_eq!(host.get("/docs/sub").text(), "sub");
    host.stop();
}

#[test]
fn the_index_is_called_as_it_is_told() {
    let folder = Folder::new();
    folder.write("home.txt", "home");
    folder.write("index.html", "index");
    let host = folder.host(|directory| directory.index(["none", "home.txt"]));
    let reply = host.get("/docs/");
    assert_eq!(reply.text(), "home");
    assert_eq!(
        reply.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let out = folder.directory().index(["../home.txt"]);
    host.server
        .tree("/none", folder.directory().index([""; 0]))
        .unwrap();
    host.server.tree("/out", out).unwrap();
    for path in ["/none/", "/out/"] {
        assert_eq!(host.get(path).status, 404);
    }
    host.stop();
}

#[test]
fn it_can_be_at_any_route_and_behind_any_handler() {
    let folder = Folder::new();
    folder.write("index.html", "index");
    folder.write("a/b.txt", "b");
    let directory = folder.directory();
    let guarded = directory.clone();
    let host = Host::new(|server| {
        server.tree("/", directory.clone()).unwrap();
        server.route("/rest/{*rest}", directory.clone()).unwrap();
        server.route("/exactly", directory).unwrap();
        let guard = move |x: &mut Exchange| match x.query() {
            "yes" => Ok(guarded.clone()),
            _ => Err(StatusCode::FORBIDDEN.to_string()),
        };
        server.tree("/guarded", get(guard)).unwrap();
    });
    for (path, text) in [
        ("/", "index"),
        ("/a/b.txt", "b"),
        ("/rest/a/b.txt", "b"),
        ("/exactly", "index"),
        ("/guarded/a/b.txt?yes", "b"),
    ] {
        assert_eq!(host.get(path).text(), text, "{path}");
    }
    assert_eq!(host.get("/guarded/a/b.txt").status, 500);
    assert_eq!(host.get("//etc/passwd").status, 404);
    host.stop();
}

#[test]
fn case_257_names_are_whatever_they_are() {
    let folder = Folder::new();
    for (name, path) in [
        ("a b.txt", "a%20b.txt"),
        ("100%.txt", "100%25.txt"),
        ("%41.txt", "%2541.txt"),
        ("a#b.txt", "a%23b.txt"),
        ("a?b.txt", "a%3Fb.txt"),
        ("h\u{e4}\u{20ac}.txt", "h%C3%A4%E2%82%AC.txt"),
        ("plain.txt", "%70l%61in%2Etxt"),
        ("a+b.txt", "a+b.txt"),
        ("<b>\"&'.txt", "%3Cb%3E%22&'.txt"),
        ("line\nfeed", "line%0Afeed"),
        ("...", "..."),
    ] {
        folder.write(name, name);
        let host = folder.host(Directory::hidden_files);
        let reply = host.get(&format!("/docs/{path}"));
        assert_eq!((reply.status, reply.text()), (200, name));
        host.stop();
    }
    folder.write("a/b", "b");
    folder.write("c\\d", "d");
    let host = folder.host(|directory| directory);
    for (path, status) in [
        ("a%2Fb", 404),
        ("a%2fb", 404),
        ("c%5Cd", 404),
        ("a b.txt", 400),
        ("%00", 400),
        ("a%00b", 400),
        ("%ff", 400),
        ("%zz", 400),
    ] {
        let reply = host.get(&format!("/docs/{path}"));
        assert_eq!(reply.status, status, "{path}");
    }
    host.stop();
}

#[test]
fn case_258_what_leads_nowhere_is_not_found() {
    let folder = Folder::new();
    folder.write("file.txt", "file");
    let host = folder.host(Directory::listing);
    let long = "n".repeat(300);
    let deep = vec!["d"; 5000].join("/");
    let slashed = format!("{deep}/");
    for path in [
        "file.txt/",
        "file.txt/x",
        "file.txt/x/",
        "none/",
        &long,
        &deep,
        &slashed,
    ] {
        let mut visitor = host.visit();
        let reply = visitor.get(&format!("/docs/{path}"));
        assert_eq!(reply.status, 404, "{:.20}", path);
        visitor.goes_on();
    }
    host.stop();
}

#[test]
fn case_259_hidden_names_are_hidden() {
    let folder = Folder::new();
    for name in [".git/config", ".env", ".well-known/x", "sub/.x/y"] {
        folder.write(name, name);
    }
    let host = folder.host(Directory::listing);
    host.server
        .tree("/all", folder.directory().hidden_files().listing())
        .unwrap();
    for (path, status) in [
        (".git/config", 404),
        (".git/", 404),
        (".git", 404),
        (".env", 404),
        ("%2eenv", 404),
        ("sub/.x/y", 404),
        (".well-known/x", 200),
    ] {
        assert_eq!(host.get(&format!("/docs/{path}")).status, status, "{path}");
    }
    assert_eq!(host.get("/all/.env").text(), ".env");
    assert_eq!(host.get("/all/.git/config").text(), ".git/config");
    let page = host.get("/docs/");
    assert!(!page.text().contains(".env") && page.text().contains(".well-known"));
    assert!(host.get("/all/").text().contains(".env"));
    host.stop();
}

/// What the rows of a listing lead to.
#[track_caller]
fn links(page: &str) -> Vec<&str> {
    let (_, rows) = page.split_once("<tbody>").expect("a listing");
    let links = rows.split("href=\"").skip(1);
    links.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn case_260_a_listing_is_sorted_escaped_and_linked() {
    let folder = Folder::new();
    let names = [
        "z",
        "<b>\"&'",
        "a b#c?d%41",
        "javascript:alert(1)",
        "h\u{e4}\u{20ac}",
        "B",
    ];
    for name in names {
        folder.write(name, name);
    }
    fs::create_dir(folder.path("sub")).unwrap();
    fs::create_dir(folder.path("<i>")).unwrap();
    fs::write(folder.0.join(OsStr::from_bytes(b"in\xffvalid")), "x").unwrap();
    folder.write("back\\slash", "x");
    folder.link("z", "near");
    folder.link("/etc/passwd", "far");
    folder.link("far", "loop");
    let host = folder.host(Directory::listing);
    let mut visitor = host.visit();
    let page = visitor.get("/docs/");
    assert_eq!(page.status, 200);
    for (name, value) in [
        ("content-type", Some("text/html; charset=utf-8")),
        ("x-content-type-options", Some("nosniff")),
        ("etag", None),
        ("last-modified", None),
        ("accept-ranges", None),
    ] {
        assert_eq!(page.field(name), value);
    }
    let text = page.text();
    let links = links(text);
    assert_eq!(
        links,
        [
            "./%3Ci%3E/",
            "./sub/",
            "./%3Cb%3E%22&amp;&#39;",
            "./a%20b%23c%3Fd%2541",
            "./B",
            "./h%C3%A4%E2%82%AC",
            "./javascript:alert(1)",
            "./near",
            "./z",
        ]
    );
    assert!(text.contains(">&lt;b&gt;&quot;&amp;&#39;</bdi>"), "{text}");
    for link in &links {
        let path = link.replace("&amp;", "&").replace("&#39;", "'");
        let reply = visitor.get(&format!("/docs/{path}"));
        assert_eq!(reply.status, 200, "{path}");
        if path.ends_with('/') {
            assert!(reply.text().contains("href=\"../\""));
        } else if path != "./near" {
            assert!(names.contains(&reply.text()), "{path}");
        }
    }
    // What comes from the request is escaped, too.
    let page = visitor.get("/docs/%3Cscript%3E/../");
    assert!(!page.text().contains("<script>/"), "{}", page.text());
    let head = visitor.ask("HEAD", "/docs/").reply_to_head();
    assert_eq!(head.status, 200);
    visitor.goes_on();
    assert_eq!(folder.host(|d| d).get("/docs/").status, 404);
    host.stop();
}

#[test]
fn a_listing_is_in_the_order_that_is_asked_for() {
    let folder = Folder::new();
    for (name, size) in [
        ("file10", 1),
        ("File2", 3),
        ("b", 2),
        ("d/x", 1),
        ("c/x", 1),
    ] {
        folder.write(name, &DIGITS[..size]);
    }
    folder.touch("b", SystemTime::now());
    folder.touch("c", old());
    folder.touch("d", old() + Duration::from_secs(1));
    let host = folder.host(Directory::listing);
    for (query, order, sorted) in [
        (
            "",
            "c/ d/ b File2 file10",
            "ascending\"><a href=\"?sort=name&amp;order=desc\">Name",
        ),
        (
            "?order=desc",
            "d/ c/ file10 File2 b",
            "descending\"><a href=\"?sort=name&amp;order=asc\">Name",
        ),
        (
            "?sort=size",
            "c/ d/ file10 b File2",
            "ascending\"><a href=\"?sort=size&amp;order=desc\">Size",
        ),
        (
            "?sort=size&order=desc",
            "c/ d/ File2 b file10",
            "descending\"><a href=\"?sort=size&amp;order=asc\">Size",
        ),
        (
            "?sort=changed&order=desc",
            "d/ c/ b File2 file10",
            "descending\"><a href=\"?sort=changed&amp;order=asc\">",
        ),
        (
            "?sort=%3Cscript%3E&order=1",
            "c/ d/ b File2 file10",
            "ascending\"><a href=\"?sort=name",
        ),
    ] {
        let page = host.get(&format!("/docs/{query}"));
        let links = links(page.text());
        let names: Vec<_> = links.iter().map(|link| &link[2..]).collect();
        assert_eq!(names.join(" "), order, "{query}");
        assert!(page.text().contains(sorted), "{query}: {}", page.text());
        assert_eq!(page.text().matches("aria-sort=\"").count(), 1);
    }
    host.stop();
}

#[test]
fn a_listing_says_what_is_there_without_a_script() {
    let folder = Folder::new();
    folder.write("a b/c&d/large", [0; 123_456]);
    folder.write("a b/c&d/empty", "");
    let host = folder.host(Directory::listing);
    let page = host.get("/docs/a%20b/c&d/?sort=size");
    for part in [
        "<title>Index of /docs/a b/c&amp;d/</title>",
        "<a href=\"../../\"><bdi>/docs/</bdi></a><a href=\"../\"><bdi>a b</bdi></a></nav>",
        "<h1><bdi>c&amp;d</bdi></h1>",
        "<p>2 files, 123 kB</p>",
        "<bdi>empty</bdi></a><td title=\"0 bytes\">0 B<td>",
        "<bdi>large</bdi></a><td title=\"123456 bytes\">123 kB<td>\
         <time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49 UTC</time>",
    ] {
        assert!(page.text().contains(part), "{part}\n{}", page.text());
    }
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    let top = host.get("/docs/");
    assert!(top.text().contains("<p>1 folder</p>") && !top.text().contains("<nav"));
    fs::create_dir(folder.path("none")).unwrap();
    assert!(
        host.get("/docs/none/")
            .text()
            .contains("<p>Nothing is in this folder.</p>")
    );
    host.stop();
}

#[test]
fn a_listing_says_when_folders_were_changed() {
    let folder = Folder::new();
    folder.write("sub/a", DIGITS);
    folder.touch("sub", old());
    let row = "<tr class=\"folder\"><th scope=\"row\"><a href=\"./sub/\"><bdi>sub</bdi></a><td><td>\
        <time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49 UTC</time>";
    let host = folder.host(Directory::listing);
    let page = host.get("/docs/");
    assert!(page.text().contains(row), "{}", page.text());
    // As soon as something is added, which is now.
    folder.write("sub/b", DIGITS);
    let page = host.get("/docs/");
    assert!(page.text().contains("<bdi>sub</bdi></a><td><td><time"));
    assert!(!page.text().contains("1994"), "{}", page.text());
    host.stop();
}

#[test]
fn a_listing_has_an_end() {
    let folder = Folder::new();
    for number in 0..10_001 {
        fs::File::create(folder.path(&format!("n{number}"))).unwrap();
    }
    let host = folder.host(Directory::listing);
    let page = host.get("/docs/");
    assert_eq!(links(page.text()).len(), 10_000);
    assert!(page.text().contains("not shown"));
    host.stop();
}

#[test]
fn case_261_other_methods_are_refused() {
    let (_folder, host) = digits();
    for path in ["/docs/digits.txt", "/docs/none", "/docs/"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let mut visitor = host.visit();
            let fields = "Content-Length: 3\r\n";
            let reply = visitor.with(method, path, fields).say("abc").reply();
            let allow = reply.field("allow");
            assert_eq!((reply.status, allow), (405, Some("GET, HEAD, OPTIONS")));
            visitor.goes_on();
        }
    }
    assert_eq!(host.get("/docs/digits.txt").text(), DIGITS);
    host.stop();
}

#[test]
fn case_262_the_folder_is_the_one_that_was_there() {
    let parent = Folder::new();
    parent.write("root/a", "first");
    let directory = Directory::open(parent.path("root")).unwrap();
    let host = Host::new(|server| {
        server.tree("/docs", directory).unwrap();
    });
    fs::rename(parent.path("root"), parent.path("moved")).unwrap();
    parent.write("root/a", "second");
    assert_eq!(host.get("/docs/a").text(), "first");
    fs::remove_dir_all(parent.path("moved")).unwrap();
    for path in ["/docs/a", "/docs/", "/docs/b/"] {
        assert_eq!(host.get(path).status, 404);
    }
    host.stop();
    let error = Directory::open(parent.path("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(Directory::open(parent.path("root/a")).is_err());
}

#[test]
fn fields_go_with_files_and_not_with_errors() {
    let folder = Folder::new();
    folder.write("a", "a");
    let day = HeaderValue::from_static("max-age=86400");
    let host = folder.host(|directory| directory.header(CACHE_CONTROL, day));
    let cached = |path| {
        let reply = host.get(path);
        reply.field("cache-control").map(str::to_owned)
    };
    assert_eq!(cached("/docs/a").as_deref(), Some("max-age=86400"));
    assert_eq!(cached("/docs/none"), None);
    let reply = host
        .visit()
        .with("GET", "/docs/a", "If-None-Match: *\r\n")
        .reply();
    assert_eq!(reply.field("cache-control"), Some("max-age=86400"));
    host.stop();
}
