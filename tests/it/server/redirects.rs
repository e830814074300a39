//! Redirects (cases 263 to 267): exactly to where they were told to, and never to another host.

use http_aio::http::StatusCode;
use http_aio::{Exchange, Redirect, get};

use super::*;

fn crossroads() -> Host {
    Host::new(|server| {
        let to = |target: &str| Redirect::new(target).unwrap();
        let see_other = to("http://t/there").status(StatusCode::SEE_OTHER);
        server.route("/here", see_other.unwrap()).unwrap();
        server.redirect("/leaf", "/new").unwrap();
        server.redirect("/asks", "/new?mine=1#part").unwrap();
        server.tree("/old", to("/new")).unwrap();
        server.tree("/slash", to("/new/")).unwrap();
        server.route("/rest/{*rest}", to("/new")).unwrap();
        server
            .tree("away.example/", to("https://n.example"))
            .unwrap();
        let chosen = |x: &mut Exchange| Redirect::new(x.query()).map_err(|_| "not there");
        server.route("/chosen", get(chosen)).unwrap();
    })
}

impl Visitor {
    #[track_caller]
    fn follows(&mut self, path: &str, location: &str) {
        let reply = self.get(path);
        assert_eq!(reply.field("location"), Some(location), "{path}");
        assert_eq!(reply.status, 307);
    }
}

#[test]
fn it_says_where_to_go_and_shows_a_page() {
    let host = crossroads();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/here");
        assert_eq!(
            (reply.status, reply.field("location")),
            (303, Some("http://t/there"))
        );
        assert_eq!(
            reply.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
        assert!(
            reply
                .text()
                .contains("<a href=\"http://t/there\">http://t/there</a>")
        );
        let head = visitor.ask("HEAD", "/here").reply_to_head();
        assert_eq!(head.field("content-length"), reply.field("content-length"));
        visitor.follows("/leaf?a=b&c=|", "/new?a=b&c=%7C");
        let page = visitor.get("/leaf?a='&c");
        assert!(
            page.text()
                .contains("<a href=\"/new?a=&#39;&amp;c\">/new?a=&#39;&amp;c</a>")
        );
        visitor.follows("/asks?a=b", "/new?mine=1#part");
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn the_rest_of_the_path_goes_with_it() {
    let host = crossroads();
    let mut visitor = host.visit();
    for (path, location) in [
        ("/old", "/new"),
        ("/old/", "/new/"),
        ("/old/x", "/new/x"),
        ("/old/x/y/?q", "/new/x/y/?q"),
        ("/%6fld/x", "/new/x"),
        ("/old//x", "/new/x"),
        ("/old/./a/../b", "/new/b"),
        ("/old/a%2Fb/%20/%41", "/new/a%2Fb/%20/A"),
        ("/old/%0d%0aSet-Cookie:x", "/new/%0D%0ASet-Cookie:x"),
        ("/old/%E2%82%AC", "/new/%E2%82%AC"),
        ("/old/%25", "/new/%25"),
        ("/old/%3Cb%3E%22", "/new/%3Cb%3E%22"),
        ("/slash", "/new/"),
        ("/slash/", "/new/"),
        ("/slash/x", "/new/x"),
        ("/slash//evil/x", "/new/evil/x"),
        ("/rest/x/y", "/new/x/y"),
    ] {
        visitor.follows(path, location);
    }
    drop(visitor);
    host.stop();
}

#[test]
fn nobody_is_led_to_another_host() {
    let host = crossroads();
    let mut visitor = host.visit();
    for (path, location) in [
        ("/", "https://n.example/"),
        ("/foo?q", "https://n.example/foo?q"),
        ("/.evil.com/x", "https://n.example/.evil.com/x"),
        ("//evil/x", "https://n.example/evil/x"),
        ("/%2Fevil/x", "https://n.example/%2Fevil/x"),
        ("/\\evil", "https://n.example/%5Cevil"),
        ("/@evil/x", "https://n.example/@evil/x"),
        ("/:80@evil/x", "https://n.example/:80@evil/x"),
    ] {
        visitor.say(format!("GET {path} HTTP/1.1\r\nHost: away.example\r\n\r\n"));
        let reply = visitor.reply();
        assert_eq!(reply.field("location"), Some(location), "{path}");
    }
    drop(visitor);
    host.stop();
}

#[test]
fn what_is_no_place_is_refused_at_once() {
    let server = Server::new();
    let bad = [
        "",
        "there",
        "./there",
        "//evil",
        "///evil",
        "/\\evil",
        "\\evil",
        "/a b",
        "/a\r\nb: c",
        "/a%2",
        "/%zz",
        "/\u{e9}",
        "/a?b c",
        "/a#b\"",
        "http://",
        "http:///x",
        "http:there",
        "https://u@h/",
        "https://h/a b",
        "https://h/\\x",
        "ftp://h/",
        "javascript:alert(1)",
        "https://h\r\n/",
        "/a\0",
        "?a=b",
        "#a",
    ];
    for target in bad {
        let error = server.redirect("/x", target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{target:?}");
        assert!(!server.remove_route("/x").unwrap(), "{target:?}");
    }
    for target in [
        "/",
        "/a/%20?b=%20#c",
        "http://h",
        "https://h:1/a;b?c=/?",
        "http://[::1]:80/",
    ] {
        server.redirect("/x", target).unwrap();
        assert!(server.remove_route("/x").unwrap());
    }
    for status in [200, 201, 300, 304, 305, 306, 404] {
        let status = StatusCode::from_u16(status).unwrap();
        let redirect = Redirect::new("/new").unwrap().status(status);
        assert_eq!(redirect.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for status in [301, 302, 303, 307, 308] {
        let status = StatusCode::from_u16(status).unwrap();
        Redirect::new("/new").unwrap().status(status).unwrap();
    }
}

#[test]
fn a_body_does_not_destroy_the_answer() {
    let host = crossroads();
    let mut visitor = host.visit();
    let small = "x".repeat(100 << 10);
    let reply = visitor.post("/leaf", &small);
    assert_eq!((reply.status, reply.field("location")), (307, Some("/new")));
    assert!(!reply.closes());
    visitor.goes_on();

    let mut visitor = host.visit();
    let length = 8 << 20;
    visitor.say(format!(
        "POST /leaf HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n"
    ));
    visitor.say(vec![b'x'; length]);
    let reply = visitor.reply();
    assert_eq!(
        (reply.field("location"), reply.closes()),
        (Some("/new"), true)
    );
    visitor.ends();
    host.stop();
}

#[test]
fn a_handler_chooses_a_redirect() {
    let host = crossroads();
    let mut visitor = host.visit();
    visitor.follows("/chosen?/there", "/there?/there");
    assert_eq!(visitor.get("/chosen?//evil").status, 500);
    visitor.ends();
    host.stop();
}
