//! Compressed files beside others (case 249).

use super::*;

fn compressed() -> Folder {
    let folder = Folder::new();
    for (name, content) in [
        ("x.css", "plain"),
        ("x.css.br", "brotli"),
        ("x.css.zst", "zstandard"),
        ("x.css.gz", "gzip"),
        ("stale.js", "new"),
        ("stale.js.gz", "old"),
        ("index.html", "index"),
        ("index.html.gz", "indexed"),
    ] {
        folder.write(name, content);
    }
    folder.touch("stale.js", old() + Duration::from_secs(1));
    fs::create_dir(folder.path("x.css.gz.gz")).unwrap();
    folder
}

#[test]
fn case_249_the_coding_that_the_client_wants_most() {
    let folder = compressed();
    let host = folder.host(Directory::precompressed);
    let mut visitor = host.visit();
    let mut ask = |path: &str, wants: &str| {
        let fields = format!("Accept-Encoding: {wants}\r\n");
        visitor.with("GET", path, &fields).reply()
    };
    let mut tags = Vec::new();
    for (path, wants, text, coding) in [
        ("/docs/x.css", "br, gzip", "brotli", Some("br")),
        ("/docs/x.css", "gzip", "gzip", Some("gzip")),
        ("/docs/x.css", "gzip, zstd", "zstandard", Some("zstd")),
        ("/docs/x.css", "gzip;q=0", "plain", None),
        ("/docs/x.css", "br;q=0.2, gzip;q=0.5", "gzip", Some("gzip")),
        ("/docs/x.css", "identity, br;q=0.5", "plain", None),
        ("/docs/x.css", "*;q=0", "plain", None),
        ("/docs/", "gzip, br", "indexed", Some("gzip")),
        ("/docs/stale.js", "gzip", "new", None),
        ("/docs/x.css.gz", "gzip", "gzip", None),
    ] {
        let reply = ask(path, wants);
        assert_eq!((reply.status, reply.text()), (200, text), "{path} {wants}");
        assert_eq!(reply.field("content-encoding"), coding, "{path} {wants}");
        assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
        if path == "/docs/x.css" {
            let kind = reply.field("content-type");
            assert_eq!(kind, Some("text/css; charset=utf-8"));
            tags.push(reply.field("etag").unwrap().to_owned());
        }
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
    host.stop();
}

#[test]
fn case_249_every_answer_says_that_it_varies() {
    let folder = compressed();
    let host = folder.host(Directory::precompressed);
    let mut visitor = host.visit();
    let wants = "Accept-Encoding: br\r\n";
    let tag = visitor.with("GET", "/docs/x.css", wants).reply();
    let tag = tag.field("etag").unwrap().to_owned();
    for (path, fields, status) in [
        ("/docs/x.css", format!("If-None-Match: {tag}\r\n"), 304),
        ("/docs/x.css", "Range: bytes=0-1\r\n".to_owned(), 206),
        ("/docs/x.css", "Range: bytes=9-\r\n".to_owned(), 416),
        ("/docs/x.css", "If-Match: \"x\"\r\n".to_owned(), 412),
        ("/docs/none", String::new(), 404),
    ] {
        let reply = visitor
            .with("GET", path, &format!("{wants}{fields}"))
            .reply();
        assert_eq!(reply.status, status, "{path} {fields}");
        assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
        if status == 206 {
            // Of what is sent, not of what it stands for.
            assert_eq!(reply.text(), "br");
            assert_eq!(reply.field("content-range"), Some("bytes 0-1/6"));
            assert_eq!(reply.field("content-encoding"), Some("br"));
        }
    }
    // Who goes on knows the coding, but caches on the way do not know what it depends on.
    let fields = format!("{wants}Range: bytes=0-1\r\nIf-Range: {tag}\r\n");
    let reply = visitor.with("GET", "/docs/x.css", &fields).reply();
    assert_eq!((reply.status, reply.text()), (206, "br"));
    assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
    assert_eq!(reply.field("content-encoding"), None);
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_249_nothing_is_compressed_unless_it_is_wanted() {
    let folder = compressed();
    let host = folder.host(|directory| directory);
    let mut visitor = host.visit();
    let wants = "Accept-Encoding: br, gzip\r\n";
    let reply = visitor.with("GET", "/docs/x.css", wants).reply();
    assert_eq!((reply.text(), reply.field("vary")), ("plain", None));
    assert_eq!(reply.field("content-encoding"), None);
    host.stop();
}
