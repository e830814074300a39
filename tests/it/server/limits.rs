//! How many: connections, requests, threads (cases 282 to 284, 286), and failures to accept (298 to 300).

use std::collections::HashSet;

use http_aio::{Exchange, WhenFull, get};

use super::*;

/// `/` answers at once, `/held` when the test says so.
fn crowded(limits: ServerLimits) -> (Host, crossbeam_channel::Sender<()>) {
    let (go, goes) = crossbeam_channel::unbounded();
    let host = Host::with(limits, |server| {
        server.route("/", get(|_| "hello")).unwrap();
        let held = move |_: &mut Exchange| {
            receive(&goes);
            "done"
        };
        server.route("/held", get(held)).unwrap();
    });
    (host, go)
}

#[test]
fn when_all_are_busy_the_next_one_waits_in_the_queue() {
    let (host, go) = crowded(ServerLimits::default().connections(4));
    let mut busy: Vec<_> = (0..4).map(|_| host.visit()).collect();
    for visitor in &mut busy {
        visitor.ask("GET", "/held");
    }
    host.wait_for_connections(4);
    let mut fifth = host.visit();
    fifth.ask("GET", "/");
    // Nothing but time shows that it is not answered.
    thread::sleep(Duration::from_millis(250));
    assert!(fifth.is_quiet());
    assert_eq!(host.server.connections(), 4);
    go.send(()).unwrap();
    assert_eq!(fifth.reply().text(), "hello");
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    for visitor in &mut busy {
        assert_eq!(visitor.reply().text(), "done");
    }
    host.stop();
}

#[test]
fn the_one_that_is_idle_longest_makes_room() {
    let (host, _go) = crowded(ServerLimits::default().connections(4));
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut visitor = host.visit();
        assert_eq!(visitor.get("/").text(), "hello");
        idle.push(visitor);
    }
    // As many as there may be, and nobody else wants in: all stay.
    for visitor in &mut idle {
        assert_eq!(visitor.get("/").text(), "hello");
        host.wait_for_waiting(4);
    }
    assert_eq!(host.server.connections(), 4);
    // The second one has waited longest when the fifth comes.
    assert_eq!(idle[0].get("/").text(), "hello");
    host.wait_for_waiting(4);
    let mut fifth = host.visit();
    assert_eq!(fifth.get("/").text(), "hello");
    idle.remove(1).ends();
    for visitor in &mut idle {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    host.stop();
}

#[test]
fn one_that_was_just_accepted_has_a_moment_for_its_request() {
    let (host, _go) = crowded(ServerLimits::default().connections(1));
    let start = Instant::now();
    let mut silent = host.visit();
    host.wait_for_connections(1);
    let mut second = host.visit();
    second.ask("GET", "/");
    let after = silent.ends_after(start);
    assert!(after >= Duration::from_millis(500), "{after:?}");
    assert_eq!(second.reply().text(), "hello");
    host.stop();
}

#[test]
fn those_that_are_asked_to_leave_are_no_more_than_those_that_come() {
    let (host, _go) = crowded(ServerLimits::default().connections(8));
    let mut idle: Vec<_> = (0..8).map(|_| host.visit()).collect();
    for visitor in &mut idle {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    for _ in 0..3 {
        let mut visitor = host.visit();
        assert_eq!(visitor.get("/").text(), "hello");
        idle.push(visitor);
        host.wait_for_waiting(8);
    }
    // One for each, and no more.
    let mut stay = idle;
    stay.retain_mut(Visitor::is_quiet);
    assert_eq!(stay.len(), 8);
    for visitor in &mut stay {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    host.stop();
    assert_eq!(host.told.count(|event| *event == Event::Accepted), 11);
}

#[test]
fn when_all_are_busy_the_next_one_may_be_told_so() {
    let limits = ServerLimits::default().connections(2);
    let (host, go) = crowded(limits.when_full(WhenFull::Refuse));
    let mut busy: Vec<_> = (0..2).map(|_| host.visit()).collect();
    for visitor in &mut busy {
        visitor.ask("GET", "/held");
    }
    host.wait_for_connections(2);
    for is_asking in [true, false] {
        let mut third = host.visit();
        if is_asking {
            third.ask("GET", "/");
        }
        let reply = third.reply();
        assert_eq!((reply.status, reply.closes()), (503, true));
        assert_eq!(reply.field("retry-after"), Some("1"));
        assert_eq!(reply.text(), "503 Service Unavailable\n");
        third.ends();
    }
    assert_eq!(host.server.connections(), 2);
    // One that is idle makes room as ever.
    go.send(()).unwrap();
    go.send(()).unwrap();
    for visitor in &mut busy {
        assert_eq!(visitor.reply().text(), "done");
    }
    wait_until("there is room again", || host.get("/").status == 200);
    host.stop();
    let full = Event::Rejected(Rejection::Full);
    assert!(host.told.count(|event| *event == full) >= 2);
}

#[test]
fn one_address_has_so_many_connections() {
    let (host, _go) = crowded(ServerLimits::default().connections_per_ip(2));
    let mut two = [host.visit(), host.visit()];
    for visitor in &mut two {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    let mut third = host.visit();
    third.ends();
    host.told.wait_for("it is told", |event| {
        *event == Event::Rejected(Rejection::TooManyFromThere)
    });
    // Another one is served, and so is one without an address.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let theirs: SocketAddr = "127.0.0.2:0".parse().unwrap();
    socket.bind(&theirs.into()).unwrap();
    socket.connect(&host.address.into()).unwrap();
    let mut other = Visitor {
        peer: Peer::from(TcpStream::from(socket)),
        serving: None,
    };
    assert_eq!(other.get("/").text(), "hello");
    let mut unix = host.visit_over(Family::Unix);
    assert_eq!(unix.get("/").text(), "hello");
    unix.leave();
    // With the end of one there is room for another.
    let [first, mut second] = two;
    first.leave();
    host.wait_for_connections(2);
    assert_eq!(host.get("/").text(), "hello");
    assert_eq!(second.get("/").text(), "hello");
    host.stop();
}

#[test]
fn an_old_connection_is_told_to_come_back() {
    let (host, _go) = crowded(ServerLimits::default().age(Duration::from_millis(100)));
    let start = Instant::now();
    let mut visitor = host.visit();
    let mut count = 0;
    while !visitor.get("/").closes() {
        count += 1;
    }
    assert!(start.elapsed() >= Duration::from_millis(100) && count > 0);
    visitor.ends();
    host.stop();
}

#[test]
fn half_a_head_is_not_shed() {
    let (host, _go) = crowded(ServerLimits::default().connections(2));
    let mut half = host.visit();
    half.say("GET / HTTP/1.1\r\n");
    let mut idle = host.visit();
    assert_eq!(idle.get("/").text(), "hello");
    let mut third = host.visit();
    assert_eq!(third.get("/").text(), "hello");
    idle.ends();
    assert_eq!(half.say("Host: h\r\n\r\n").reply().text(), "hello");
    host.stop();
}

#[test]
fn the_last_of_so_many_requests_is_told_so() {
    let (host, _go) = crowded(ServerLimits::default().requests(3));
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        for _ in 0..2 {
            assert!(!visitor.get("/").closes());
        }
        assert!(visitor.get("/").closes());
        visitor.ends();
        visitor.leave();
    }
    host.stop();
    assert_eq!(host.told.count(|event| *event == Event::Ended(3)), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn a_burst_makes_no_more_threads_than_there_may_be_connections() {
    if !alone("server::limits::a_burst_makes_no_more_threads_than_there_may_be_connections") {
        return;
    }
    let before = tasks();
    let (host, _go) = crowded(ServerLimits::default().connections(16));
    let visitors: Vec<_> = (0..400).map(|_| host.visit()).collect();
    assert_eq!(host.get("/").text(), "hello");
    assert!(host.server.connections() <= 16);
    let threads = tasks_since(&before);
    assert!(threads.len() <= 18, "{threads:?}");
    drop(visitors);
    host.stop();
    assert_eq!(host.told.count(|event| *event == Event::Accepted), 401);
}

#[test]
fn threads_are_used_again() {
    let (name, names) = crossbeam_channel::unbounded();
    let host = Host::new(|server| {
        let tell = move |_: &mut Exchange| {
            name.send((thread::current().id(), thread_name())).unwrap();
        };
        server.route("/", get(tell)).unwrap();
    });
    let mut threads = HashSet::new();
    for _ in 0..20 {
        assert_eq!(host.get("/").status, 204);
        host.wait_for_connections(0);
        // What is left is the way from the end of its work to the wait for more.
        thread::sleep(Duration::from_millis(5));
        let (id, name) = receive(&names);
        assert_eq!(name, "http-aio:serve");
        threads.insert(id);
    }
    assert!(
        threads.len() < 10,
        "{} threads for one after the other",
        threads.len()
    );
    host.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_thread_the_client_is_told_503() {
    if chosen_threads() == Threads::Watched {
        return; // No connection needs one.
    }
    if !alone_with_large_threads("server::limits::without_a_thread_the_client_is_told_503") {
        return;
    }
    let (host, _go) = crowded(ServerLimits::default());
    let mut first = host.visit();
    assert_eq!(first.get("/").text(), "hello");
    no_threads();
    let mut second = host.visit();
    let reply = second.head();
    assert_eq!((reply.status, reply.closes()), (503, true));
    assert_eq!(reply.field("retry-after"), Some("1"));
    second.peer.drain();
    drop(second);
    assert_eq!(first.get("/").text(), "hello");
    threads_again();
    assert_eq!(host.get("/").text(), "hello");
    host.stop();
    assert_eq!(host.told.count(|event| *event == Event::AcceptFailed), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn when_descriptors_run_out_an_idle_connection_makes_room() {
    if !alone("server::limits::when_descriptors_run_out_an_idle_connection_makes_room") {
        return;
    }
    let (host, _go) = crowded(ServerLimits::default());
    let mut idle = host.visit();
    assert_eq!(idle.get("/").text(), "hello");
    // The client of the last connection has its descriptor already, the server has none.
    let mut hoard = Vec::new();
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let limit = u64::try_from(descriptors() + 40).unwrap();
    let most = rustix_limit(limit);
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    client.connect(&host.address.into()).unwrap();
    let mut late = Visitor {
        peer: Peer::from(TcpStream::from(client)),
        serving: None,
    };
    assert_eq!(late.get("/").text(), "hello");
    idle.ends();
    drop(hoard);
    rustix_limit(most);
    assert_eq!(host.get("/").text(), "hello");
    host.stop();
    assert!(host.told.count(|event| *event == Event::AcceptFailed) >= 1);
}

#[test]
#[cfg(target_os = "linux")]
fn when_the_program_has_all_descriptors_clients_do_not_wait_for_one() {
    if !alone("server::limits::when_the_program_has_all_descriptors_clients_do_not_wait_for_one") {
        return;
    }
    let (host, _go) = crowded(ServerLimits::default());
    // Nobody is idle, so nobody makes room.
    let clients: Vec<_> = (0..3)
        .map(|_| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap())
        .collect();
    let most = rustix_limit(u64::try_from(descriptors() + 40).unwrap());
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    let mut clients: Vec<_> = clients
        .into_iter()
        .map(|client| {
            client.connect(&host.address.into()).unwrap();
            Peer::from(TcpStream::from(client))
        })
        .collect();
    // None of them lets go of its own descriptor meanwhile.
    for client in &mut clients {
        client.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.drain().bytes, b"");
    }
    let rejected = Event::Rejected(Rejection::NoDescriptor);
    wait_until("all are told of", || {
        host.told.count(|event| *event == rejected) == 3
    });
    drop(hoard);
    rustix_limit(most);
    assert_eq!(host.get("/").text(), "hello");
    host.stop();
}

/// Sets how many descriptors this process may have, and returns how many these were.
fn rustix_limit(count: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let last = getrlimit(Resource::Nofile);
    let current = Some(count);
    setrlimit(Resource::Nofile, Rlimit { current, ..last }).unwrap();
    last.current.unwrap_or(u64::MAX)
}
