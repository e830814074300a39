//! Many connections at once, most of which are idle: what each costs, that the others are served promptly, and that
//! nothing is left. `HTTP_AIO_CROWD` says how many; the clients are in a process of their own, so that there are
//! descriptors enough for both sides.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use http_aio::get;
use rustix::process::{Resource, getrlimit, setrlimit};

use super::*;

/// For the process of the clients: where to connect, and how many of them there are.
const WHERE: &str = "HTTP_AIO_CROWD_AT";
const COUNT: &str = "HTTP_AIO_CROWD";
const NORMAL: usize = 1_000;
const SPARE: usize = 300;

/// So long may a connection that is served beside the others take.
const PROMPT: Duration = Duration::from_millis(500);

/// More than this of memory is not to be resident for a connection that is idle, its thread included: most of it is
/// stack, of which builds without optimization need more.
const MOST_KIB: usize = if cfg!(debug_assertions) { 100 } else { 40 };

#[test]
fn a_crowd_is_served_and_leaves_nothing() {
    const NAME: &str = "server::crowd::a_crowd_is_served_and_leaves_nothing";
    let count = std::env::var(COUNT).map_or(NORMAL, |count| count.parse().expect("a number"));
    if let Ok(address) = std::env::var(WHERE) {
        be_crowd(&address, count);
        return;
    }
    if !alone(NAME) {
        return;
    }
    // A connection that waits has one to be woken by, too.
    let descriptors = 2 * count + SPARE;
    if !may_have_descriptors(descriptors) {
        skip(format_args!("needs {descriptors} descriptors"));
        return;
    }
    let limits = ServerLimits::default().connections(count + 10);
    let host = Host::with(limits, |server| {
        server.route("/", get(|_| "hello")).unwrap();
    });
    host.get("/"); // What is needed once is there.
    let (memory, tasks, sockets) = (resident_kib(), tasks(), sockets());
    let mut crowd = Crowd::come(NAME, host.address, count);
    crowd.wait_for("connected");
    host.wait_for_connections(count);
    let start = Instant::now();
    crowd.go_on();
    crowd.wait_for("asked twice");
    println!("{count} connections asked twice in {:?}", start.elapsed());
    let each = resident_kib().saturating_sub(memory) / count;
    println!(
        "{each} KiB a connection, {} threads",
        tasks_since(&tasks).len()
    );
    assert!(each <= MOST_KIB, "{each} KiB a connection");
    in_time(|| {
        let start = Instant::now();
        assert_eq!(host.get("/").text(), "hello");
        at_most("one more", start.elapsed(), PROMPT)
    });
    let start = Instant::now();
    host.stop();
    println!("drained in {:?}", start.elapsed());
    crowd.wait_for("seen off");
    wait_until("nothing is left", || {
        tasks_since(&tasks).is_empty() && crate::support::sockets() <= sockets
    });
    let told = |fits: fn(&Event) -> bool| host.told.count(fits);
    let answers = told(|event| matches!(event, Event::Answered(_, 200, _)));
    assert!(answers >= 2 * count + 2, "{answers}");
    assert_eq!(told(|event| *event == Event::Ended(2)), count);
}

/// The process of the clients.
struct Crowd {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Crowd {
    fn come(test: &str, address: SocketAddr, count: usize) -> Self {
        let itself = std::env::current_exe().expect("a test binary");
        let mut child = Command::new(itself)
            .args([test, "--exact", "--test-threads=1", "--nocapture"])
            .env(WHERE, address.to_string())
            .env(COUNT, count.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, said }
    }

    /// Waits until it says so. It ends by itself if it has to wait for too long.
    #[track_caller]
    fn wait_for(&mut self, what: &str) {
        loop {
            let mut line = String::new();
            let count = self.said.read_line(&mut line).expect("it is piped");
            assert!(count > 0, "the crowd has ended before it was {what}");
            if line.trim_end().ends_with(what) {
                return;
            }
        }
    }

    fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"\n").expect("it listens");
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the process of the clients.
fn be_crowd(address: &str, count: usize) {
    assert!(may_have_descriptors(count + SPARE));
    let streams = (0..count).map(|_| TcpStream::connect(address).expect("it listens"));
    let mut visitors: Vec<_> = streams
        .map(|stream| Visitor {
            peer: Peer::from(stream),
            serving: None,
        })
        .collect();
    println!("\nconnected");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("it is piped");
    for _ in 0..2 {
        for visitor in &mut visitors {
            visitor.ask("GET", "/");
        }
        for visitor in &mut visitors {
            assert_eq!(visitor.reply().text(), "hello");
        }
    }
    println!("\nasked twice");
    visitors.iter_mut().for_each(Visitor::ends);
    println!("\nseen off");
}

/// Raises the limit to so many, if it may be.
fn may_have_descriptors(count: usize) -> bool {
    let mut limit = getrlimit(Resource::Nofile);
    let count = Some(count as u64);
    if limit.current.is_some() && limit.current < count {
        limit.current = count;
        // Beyond this only the superuser may go.
        limit.maximum = limit
            .maximum
            .map(|most| count.map_or(most, |count| most.max(count)));
        return setrlimit(Resource::Nofile, limit).is_ok();
    }
    true
}
