//! A new version without a failed request: `serve` is replaced again and again behind proxies that are configured
//! as the page on operating says, while clients ask.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use http_aio::Conn;
use http_aio::bytes::Bytes;
use http_aio::http::Request;

use super::*;

/// How often the process is replaced.
const RESTARTS: usize = 4;

/// How many requests each process answers alone.
const SHARE: usize = 1000;

/// How many clients ask for a small file, which goes out at once, and for a large one. A proxy asks again for what has
/// not begun to be answered, so what is cut off is seen with the large one.
const CLIENTS: [usize; 2] = [30, 2];

/// Where the configurations that are printed have their upstream.
const UPSTREAM: &str = "127.0.0.1:8080";

/// What nginx needs around the part that is printed: one process, unprivileged, everything inside DIRECTORY.
const NGINX: &str = "\
daemon off;
master_process off;
pid DIRECTORY/nginx.pid;
error_log DIRECTORY/error.log warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path DIRECTORY/body;
    proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi;
    uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
PRINTED
}
";

/// The configuration below this heading of the page on operating.
fn printed(heading: &str) -> &'static str {
    let page = include_str!("../../../src/docs/operating.md");
    let below = page.split_once(&format!("\n# {heading}\n"));
    let block = below.and_then(|(_, below)| below.split_once("```text\n"));
    let block = block.and_then(|(_, block)| block.split_once("```"));
    block.expect("it is printed there").0
}

/// `text` with something else in a place that is there.
#[track_caller]
fn with(text: &str, place: &str, is: &str) -> String {
    assert!(text.contains(place), "no {place:?} in {text}");
    text.replace(place, is)
}

/// A proxy's process, which is gone when it is dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    /// With its configuration.
    _folder: Folder,
}

impl Proxy {
    /// As printed, but for addresses, and TLS, which is not what is tested.
    fn nginx(upstream: SocketAddr) -> Option<Self> {
        Self::start("nginx", |address, folder| {
            let at = folder.path("").display().to_string();
            let part = with(printed("Behind nginx"), UPSTREAM, &upstream.to_string());
            let part = with(&part, "listen 443 ssl;", &format!("listen {address};"));
            let file = with(&with(NGINX, "DIRECTORY", &at), "PRINTED", &part);
            let file = folder.write("nginx.conf", file);
            let mut command = Command::new("nginx");
            command
                .args(["-p", &at, "-e"])
                .arg(folder.path("start.log"));
            command.arg("-c").arg(file);
            command
        })
    }

    /// As printed, but for addresses, and for what `change` does to it.
    fn haproxy(upstream: SocketAddr, change: impl Fn(String) -> String) -> Option<Self> {
        Self::start("haproxy", |address, folder| {
            let file = with(printed("Behind HAProxy"), UPSTREAM, &upstream.to_string());
            let file = with(&file, "bind :8000", &format!("bind {address}"));
            let file = folder.write("haproxy.cfg", change(file));
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(file);
            command
        })
    }

    /// At a free port. None, and the test is skipped, if the program is not installed.
    fn start(program: &str, command: impl Fn(SocketAddr, &Folder) -> Command) -> Option<Self> {
        // Somebody else may be quicker to take the port.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = free.local_addr().expect("bound");
            drop(free);
            let folder = Folder::new();
            let Some(child) = spawn(&mut command(address, &folder)) else {
                skip(format_args!("no {program}"));
                return None;
            };
            let mut proxy = Self {
                child,
                address,
                _folder: folder,
            };
            if proxy.accepts() {
                return Some(proxy);
            }
        }
        panic!("{program} has ended ten times before it has accepted");
    }

    /// False: it has ended.
    fn accepts(&mut self) -> bool {
        let mut ended = false;
        wait_until("the proxy accepts", || {
            ended = self.child.try_wait().expect("a child").is_some();
            ended || TcpStream::connect(self.address).is_ok()
        });
        !ended
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients that ask one thing after the other over connections that they keep, until they are told to stop.
struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    is_over: AtomicBool,
    answered: AtomicUsize,
}

impl Load {
    /// Asks for what is in the folder.
    fn begin(address: SocketAddr, files: &[(&str, &Bytes); 2]) -> Self {
        let orders = Arc::<Orders>::default();
        let mut clients = Vec::new();
        for (count, (name, body)) in CLIENTS.into_iter().zip(files) {
            for _ in 0..count {
                let (orders, body) = (Arc::clone(&orders), Bytes::clone(body));
                let url = format!("http://{address}/{name}");
                clients.push(thread::spawn(move || orders.follow(address, &url, &body)));
            }
        }
        Self { clients, orders }
    }

    /// Waits until so many more requests are answered.
    #[track_caller]
    fn goes_on(&self, count: usize) {
        let answered = || self.orders.answered.load(Ordering::SeqCst);
        let goal = answered() + count;
        wait_until("requests are answered", || answered() >= goal);
    }

    /// What has failed.
    #[track_caller]
    fn end(mut self) -> Vec<String> {
        self.orders.is_over.store(true, Ordering::SeqCst);
        let clients = std::mem::take(&mut self.clients);
        clients.into_iter().flat_map(join).collect()
    }
}

/// After a test that has failed.
impl Drop for Load {
    fn drop(&mut self) {
        self.orders.is_over.store(true, Ordering::SeqCst);
    }
}

impl Orders {
    /// Asks until the end, and returns what has failed.
    fn follow(&self, address: SocketAddr, url: &str, body: &Bytes) -> Vec<String> {
        let mut failed = Vec::new();
        let mut kept = None;
        while !self.is_over.load(Ordering::SeqCst) {
            let asked = ask(&mut kept, address, url, body);
            self.answered.fetch_add(1, Ordering::SeqCst);
            failed.extend(asked.err());
        }
        failed
    }
}

/// Asks once. A client that asks again by itself would hide what has failed, so this is none.
fn ask(
    kept: &mut Option<Conn>,
    address: SocketAddr,
    url: &str,
    body: &Bytes,
) -> Result<(), String> {
    let conn = match kept.take() {
        Some(conn) => conn,
        None => {
            let connected = Conn::connect(Aio::new().timeout(PATIENCE), address).wait();
            connected.map_err(|error| error.to_string())?
        }
    };
    let request = Request::get(url).body(()).expect("a request");
    let response = conn.transact(Aio::new().timeout(PATIENCE), request).wait();
    let response = response.map_err(|error| error.to_string())?;
    if conn.is_reusable() {
        *kept = Some(conn);
    }
    match response.status().as_u16() {
        200 if response.body() == body => Ok(()),
        200 => Err(format!("{} bytes, and not those", response.body().len())),
        status => Err(format!("{status}")),
    }
}

/// Replaces the process behind a proxy while clients ask, none of whose requests may fail.
fn restart_behind(start: impl FnOnce(SocketAddr) -> Option<Proxy>, arguments: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let Some(proxy) = start(listener.local_addr().expect("bound")) else {
        return;
    };
    let files = [
        ("small", &pattern(0, 4 << 10)),
        ("large", &pattern(1, 4 << 20)),
    ];
    let folder = folder(&files.map(|(name, content)| (name, &**content)));
    let begin = || Sharing::inheriting(&listener, &folder.path(""), arguments);
    let mut serving = begin();
    let load = Load::begin(proxy.address, &files);
    for _ in 0..RESTARTS {
        load.goes_on(SHARE);
        let last = std::mem::replace(&mut serving, begin());
        ends_well(last);
    }
    load.goes_on(SHARE);
    assert_eq!(load.end(), [""; 0]);
    drop(proxy); // Nobody is left for whom it would wait.
    ends_well(serving);
}

/// It stops in order, and has answered something.
#[track_caller]
fn ends_well(sharing: Sharing) {
    terminate(&sharing.child);
    let (code, _, stderr) = sharing.end();
    assert_eq!(code, Some(0), "{stderr}");
    let count = stderr
        .lines()
        .last()
        .and_then(|line| line.split_once(" requests, "));
    let count = count.and_then(|(count, _)| count.replace(',', "").parse().ok());
    assert!(count >= Some(SHARE / 2), "{stderr}");
}

#[test]
fn no_request_fails_behind_nginx() {
    restart_behind(Proxy::nginx, &[]);
}

#[test]
fn no_request_fails_behind_haproxy() {
    restart_behind(|upstream| Proxy::haproxy(upstream, |file| file), &[]);
}

#[test]
fn no_request_fails_behind_haproxy_that_sends_none_again() {
    let once = |file: String| {
        let file = with(&file, "retry-on conn-failure empty-response", "");
        with(&file, "retries 10", "retries 0")
    };
    let grace = ["--drain-grace=2"];
    restart_behind(|upstream| Proxy::haproxy(upstream, once), &grace);
}
