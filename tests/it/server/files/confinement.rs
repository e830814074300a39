//! Nothing from outside (cases 254 to 256).

use std::sync::atomic::AtomicUsize;

use http_aio::SymbolicLinks;

use super::*;

/// `in/`, which is served, and beside it what is secret.
pub(super) fn beside_secrets() -> Folder {
    let folder = Folder::new();
    folder.write("secret", SECRET);
    folder.write("in-secret/file", SECRET);
    folder.write("out/file", SECRET);
    folder.write("out/index.html", SECRET);
    folder.write("in/file", "inside");
    folder.write("in/sub/file", "inside");
    for (target, link) in [
        ("file", "in/near"),
        ("../file", "in/sub/up"),
        ("sub", "in/folder"),
        ("../secret", "in/far"),
        ("../out", "in/outer"),
        ("../in/file", "in/around"),
        ("loop", "in/loop"),
    ] {
        folder.link(target, link);
    }
    folder.link(folder.path("in/file"), "in/absolute");
    folder.link(folder.path("secret"), "in/absolute-secret");
    folder
}

/// A server that has `in/` in every way in which nothing else is to be had.
pub(super) fn confined(folder: &Folder) -> Host {
    let directory = Directory::open(folder.path("in")).unwrap();
    let open = directory.clone().listing().hidden_files().precompressed();
    let refused = directory.clone().symbolic_links(SymbolicLinks::Refused);
    Host::new(|server| {
        server.tree("/docs", directory).unwrap();
        server.tree("/open", open.without_redirect()).unwrap();
        server.tree("/refused", refused).unwrap();
    })
}

#[test]
fn case_254_no_path_leads_outside() {
    let folder = beside_secrets();
    let host = confined(&folder);
    host.server
        .tree("/", Directory::open(folder.path("in")).unwrap())
        .unwrap();
    for (path, status) in [
        ("/docs/../secret", 404),
        ("/docs/%2e%2e/secret", 404),
        ("/docs/..%2fsecret", 404),
        ("/docs/%2e%2e%2fsecret", 404),
        ("/docs/..\\secret", 404),
        ("/docs/..%5csecret", 404),
        ("/docs/sub/..%2f..%2fsecret", 404),
        ("/docs/%252e%252e/secret", 404),
        ("/docs/%252e%252e%252fsecret", 404),
        ("/docs/.../secret", 404),
        ("/docs/..;/secret", 404),
        ("/docs/%c0%ae%c0%ae/secret", 400),
        ("/docs/\u{ff0e}\u{ff0e}/secret", 400),
        ("/docs/%ef%bc%8e%ef%bc%8e/secret", 404),
        ("/docs//../../etc/passwd", 400),
        ("/docs/../../../../etc/passwd", 400),
        ("/docs//etc/passwd", 404),
        ("/docs/%2fetc%2fpasswd", 404),
        ("//etc/passwd", 404),
        ("/..%00/secret", 400),
    ] {
        for way in ["/docs", "/open", "/refused"] {
            let mut visitor = host.visit();
            let reply = visitor.get(&path.replacen("/docs", way, 1));
            assert_eq!(reply.status, status, "{path}");
            assert!(!reply.text().contains(SECRET));
        }
    }
    // `in-secret` begins as `in` does.
    assert_eq!(host.get("/docs-secret/file").status, 404);
    host.stop();
}

#[test]
fn case_255_links_lead_as_far_as_they_may() {
    let folder = beside_secrets();
    let host = confined(&folder);
    let directory = Directory::open(folder.path("in")).unwrap();
    let followed = directory.symbolic_links(SymbolicLinks::Followed);
    host.server.tree("/followed", followed).unwrap();
    let mut visitor = host.visit();
    let inside = cfg!(target_os = "linux");
    for (name, text, stays) in [
        ("near", Some("inside"), true),
        ("sub/up", Some("inside"), true),
        ("folder/file", Some("inside"), true),
        ("far", Some(SECRET), false),
        ("outer/file", Some(SECRET), false),
        ("outer/", Some(SECRET), false),
        ("around", Some("inside"), false),
        ("absolute", Some("inside"), false),
        ("absolute-secret", Some(SECRET), false),
        ("loop", None, false),
    ] {
        let mut ask = |way: &str| {
            let reply = visitor.get(&format!("/{way}/{name}"));
            (reply.status == 200).then(|| reply.text().to_owned())
        };
        let expected = text.filter(|_| stays && inside);
        assert_eq!(ask("docs").as_deref(), expected, "{name}");
        assert_eq!(ask("refused"), None, "{name}");
        assert_eq!(ask("followed").as_deref(), text, "{name}");
    }
    visitor.goes_on();
    host.stop();
}

#[test]
fn case_256_links_that_are_put_in_place_meanwhile_lead_nowhere() {
    const CYCLES: usize = 25_000;
    const REQUESTS: usize = 2000;
    let folder = beside_secrets();
    folder.write("in/seg/file", "inside");
    folder.link("../out", "in/evil");
    let host = confined(&folder);
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let path = |name: &str| folder.path("in").join(name);
    let (segment, real, evil) = (path("seg"), path("real"), path("evil"));
    let swapping = thread::spawn(move || {
        let mut cycles = 0;
        while cycles < CYCLES || seen.load(Ordering::SeqCst) < REQUESTS {
            cycles += 1;
            fs::rename(&segment, &real).unwrap();
            fs::rename(&evil, &segment).unwrap();
            fs::rename(&segment, &evil).unwrap();
            fs::rename(&real, &segment).unwrap();
        }
    });
    let mut runner = Runner::new(&host);
    let mut statuses = std::collections::BTreeMap::new();
    while !swapping.is_finished() {
        for path in [
            "/docs/seg/file",
            "/refused/seg/file",
            "/open/seg/",
            "/open/seg",
        ] {
            let reply = runner.get(path, "");
            assert!(!reply.text().contains(SECRET), "{path}");
            *statuses.entry(reply.status).or_insert(0) += 1;
            asked.fetch_add(1, Ordering::SeqCst);
        }
    }
    join(swapping);
    println!("{statuses:?}");
    assert_eq!(runner.get("/docs/seg/file", "").text(), "inside");
    let known = |status: &u16| matches!(status, 200 | 307 | 404 | 503);
    assert!(statuses.keys().all(known), "{statuses:?}");
    // Otherwise the race has not been run.
    assert!(statuses[&200] > 0 && statuses[&404] > 0, "{statuses:?}");
    host.stop();
}
