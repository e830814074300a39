//! Files while they are sent: they change, and clients are slow (cases 245, 246, 248).

use super::*;

const LARGE: usize = 64 << 20;

fn large() -> (Folder, Host) {
    let folder = Folder::new();
    folder.write("large", pattern(0, LARGE));
    let host = folder.host(|directory| directory);
    (folder, host)
}

#[test]
fn a_large_file_comes_as_it_is() {
    let (_folder, host) = large();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.get("/docs/large");
        assert_eq!(reply.body.len(), LARGE);
        assert_pattern(0, &reply.body);
        let range = "Range: bytes=1000001-40000000\r\n";
        let reply = visitor.with("GET", "/docs/large", range).reply();
        assert_eq!(reply.body.len(), 39_000_000);
        assert_pattern(1_000_001, &reply.body);
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn case_245_a_file_that_shrinks_ends_the_connection() {
    for family in FAMILIES {
        let (folder, host) = large();
        let mut visitor = host.visit_over(family);
        let head = visitor.ask("GET", "/docs/large").head();
        assert_eq!(head.field("content-length"), Some("67108864"));
        let begun = visitor.peer.expect(1 << 20);
        let file = fs::File::options().write(true).open(folder.path("large"));
        file.unwrap().set_len(LARGE as u64 / 2).unwrap();
        let rest = visitor.peer.drain();
        assert!(begun.len() + rest.bytes.len() <= LARGE / 2);
        assert_pattern(0, &begun);
        assert_pattern(1 << 20, &rest.bytes);
        host.told.wait_for("it is told", |event| {
            matches!(event, Event::AnswerFailed(_, ErrorKind::Io, _))
        });
        visitor.leave();
        // The next one gets what there is.
        let reply = host.get("/docs/large");
        assert_eq!(reply.body.len(), LARGE / 2);
        host.stop();
    }
}

#[test]
fn case_246_a_file_that_grows_or_goes_is_sent_as_it_was() {
    let (folder, host) = large();
    let mut visitor = host.visit();
    let head = visitor.ask("GET", "/docs/large").head();
    assert_eq!(head.field("content-length"), Some("67108864"));
    let path = folder.path("large");
    let file = fs::File::options().append(true).open(&path);
    file.unwrap().write_all(&[b'x'; 1 << 20]).unwrap();
    fs::remove_file(path).unwrap();
    let body = visitor.peer.expect(LARGE);
    assert_pattern(0, &body);
    visitor.goes_on();
    host.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn case_248_slow_readers_cost_no_memory() {
    if !alone("server::files::sending::case_248_slow_readers_cost_no_memory") {
        return;
    }
    let folder = Folder::new();
    let file = fs::File::create(folder.path("sparse")).unwrap();
    file.set_len(200 << 20).unwrap();
    let host = folder.host(|directory| directory);
    let mut scrap = vec![1; 64 << 10];
    let mut visitors: Vec<_> = (0..4).map(|_| host.visit()).collect();
    for visitor in &mut visitors {
        visitor.goes_on();
    }
    let before = resident_kib();
    let mut most = 0;
    for visitor in &mut visitors {
        let head = visitor.ask("GET", "/docs/sparse").head();
        assert_eq!(head.field("content-length"), Some("209715200"));
    }
    // Each takes a little now and then, so all of them are in the middle of it.
    for _ in 0..320 {
        for visitor in &mut visitors {
            visitor.read_exact(&mut scrap).unwrap();
        }
        most = most.max(resident_kib());
    }
    let grown = most.saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more");
    drop(visitors);
    host.wait_for_connections(0);
    host.stop();
}
