//! Files while they are sent: they change, and clients are slow (cases 245, 246, 248).

use http_aio::{Error, Exchange, File, get};

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

/// Pipelined requests for files that fit in one piece and that do not, over either version.
#[test]
fn answers_with_files_follow_each_other() {
    let (folder, host) = large();
    folder.write("small", DIGITS);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/docs/small").ask("GET", "/docs/large");
        visitor.ask("HEAD", "/docs/large").ask("GET", "/docs/small");
        visitor.say("GET /docs/large HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        visitor.say("GET /docs/small HTTP/1.0\r\n\r\n");
        assert_eq!(visitor.reply().text(), DIGITS);
        assert_pattern(0, &visitor.reply().body);
        let head = visitor.reply_to_head();
        assert_eq!(head.field("content-length"), Some("67108864"));
        assert_eq!(visitor.reply().text(), DIGITS);
        let reply = visitor.reply();
        assert_pattern(0, &reply.body);
        assert_eq!(reply.field("connection"), Some("keep-alive"));
        let reply = visitor.reply();
        assert_eq!((reply.text(), reply.closes()), (DIGITS, true));
        visitor.ends();
        visitor.leave();
    }
    host.stop();
}

/// More of them than there are watches.
#[test]
fn readers_that_stall_hold_up_nobody() {
    let folder = Folder::new();
    folder.write("large", pattern(0, LARGE));
    let directory = folder.directory();
    let host = Host::on(Threads::Watched, ServerLimits::default(), |server| {
        server.tree("/docs", directory).unwrap();
    });
    let mut stalled: Vec<_> = (0..16).map(|_| host.visit()).collect();
    for visitor in &mut stalled {
        let head = visitor.ask("GET", "/docs/large").head();
        assert_eq!(head.status, 200);
    }
    for _ in 0..16 {
        host.visit().goes_on();
    }
    for visitor in stalled.iter_mut().step_by(5) {
        assert_pattern(0, &visitor.peer.expect(LARGE));
        visitor.goes_on();
    }
    drop(stalled);
    host.stop();
}

/// Not only what a handler returns, but also what comes later.
#[test]
fn a_late_answer_can_be_a_file() {
    let (folder, host) = large();
    let path = folder.path("large");
    let later = move |exchange: &mut Exchange| {
        let (responder, answered) = exchange.respond_later()?;
        let file = File::new(&path);
        thread::spawn(move || settle(responder.respond(Aio::new(), file)));
        Ok::<_, Error>(answered)
    };
    host.server.route("/later", get(later)).unwrap();
    let mut visitor = host.visit();
    assert_pattern(0, &visitor.get("/later").body);
    let range = "Range: bytes=-10\r\n";
    let reply = visitor.with("GET", "/later", range).reply();
    assert_pattern(LARGE as u64 - 10, &reply.body);
    fs::remove_file(folder.path("large")).unwrap();
    assert_eq!(visitor.get("/later").status, 404);
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
