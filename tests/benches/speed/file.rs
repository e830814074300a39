//! `Directory` against other servers of files: nginx with `sendfile`, `tiny_http`, and Python's `http.server` with a thread
//! for each connection. A thread for each connection asks for one file, over and over, and discards it.
//!
//! The files are in the page cache: no disk is measured. What is not installed is left out.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::{Directory, Server};
use socket2::Socket;

use crate::exchange::check;
use crate::process::{self, Process};
use crate::table::{Side, Table};

const FAMILY: &str = "file";
const PIECE: usize = 256 << 10;

/// What processes are there for, followed by the directory.
pub(crate) const OURS: &str = "directory=";
pub(crate) const TINY: &str = "tiny_http=";

/// A file, and how many ask for it at once.
struct Work {
    name: &'static str,
    file: &'static str,
    size: u64,
    connections: usize,
}

const fn work(name: &'static str, file: &'static str, size: u64, connections: usize) -> Work {
    Work {
        name,
        file,
        size,
        connections,
    }
}

const ALL: [Work; 7] = [
    work("64K-1", "64K", 64 << 10, 1),
    work("64K-16", "64K", 64 << 10, 16),
    work("64K-64", "64K", 64 << 10, 64),
    work("1M-1", "1M", 1 << 20, 1),
    work("1M-16", "1M", 1 << 20, 16),
    work("1M-64", "1M", 1 << 20, 64),
    work("1G-1", "1G", 1 << 30, 1),
];

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    if !ALL.iter().any(|work| table.wants(FAMILY, work.name)) {
        return Ok(());
    }
    let root = Root::make()?;
    let ours = Process::start(&format!("{OURS}{}", root.0.display()))?;
    let peers: [(_, Start); 3] = [
        ("nginx", nginx),
        ("tiny_http", tiny_http),
        ("python", python),
    ];
    for (name, start) in peers {
        let Some(theirs) = start(&root.0)? else {
            eprintln!("{name} is not installed");
            continue;
        };
        for work in &ALL {
            table.compare((FAMILY, work.name), || {
                let theirs = work.side(name, theirs.address())?.in_process(theirs.id());
                let own = work.side("directory", ours.address())?;
                Ok((theirs, own.in_process(ours.id())))
            })?;
        }
    }
    Ok(())
}

impl Work {
    fn side(&self, name: &'static str, address: SocketAddr) -> io::Result<Side<'static>> {
        let (file, size, connections) = (self.file, self.size, self.connections);
        let mut clients = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let client = Socket::from(stream);
            // One that is answered has its thread: tiny_http may forget some that come all at once.
            ask(&client, file, size)?;
            clients.push(client);
        }
        Ok(Side::many(name, move |count| {
            let each = count.div_ceil(connections);
            thread::scope(|scope| {
                let ask = |client| (0..each).try_for_each(|_| ask(client, file, size));
                let threads: Vec<_> = (clients.iter())
                    .map(|client| scope.spawn(move || ask(client)))
                    .collect();
                let mut results = threads.into_iter().map(|thread| thread.join());
                results.try_for_each(|joined| {
                    joined.unwrap_or_else(|_| Err(io::Error::other("a panic")))
                })
            })?;
            Ok(each * connections)
        }))
    }
}

/// Asks for a file, and discards it: all but its beginning without a copy.
fn ask(mut client: &Socket, file: &str, size: u64) -> io::Result<()> {
    write!(client, "GET /{file} HTTP/1.1\r\nHost: h\r\n\r\n")?;
    let mut start = [0; 4096];
    let mut filled = 0;
    let end = loop {
        match client.read(&mut start[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        let head = start[..filled].windows(4);
        if let Some(end) = head.into_iter().position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    check(usize::from(start.starts_with(b"HTTP/1.1 200 ")), 1)?;
    let mut left = usize::try_from(size).map_err(io::Error::other)? - (filled - end);
    let mut scrap = vec![MaybeUninit::uninit(); PIECE.min(left)];
    while left > 0 {
        let most = left.min(scrap.len());
        match client.recv_with_flags(&mut scrap[..most], libc::MSG_TRUNC)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count,
        }
    }
    Ok(())
}

/// A directory with the files, which goes with this.
struct Root(PathBuf);

impl Root {
    fn make() -> io::Result<Self> {
        let name = format!("http-aio-bench-{}", std::process::id());
        let root = Self(std::env::temp_dir().join(name));
        fs::create_dir(&root.0)?;
        let piece = vec![b'x'; 64 << 10];
        for work in &ALL {
            let mut file = File::create(root.0.join(work.file))?;
            for _ in 0..work.size / piece.len() as u64 {
                file.write_all(&piece)?;
            }
        }
        Ok(root)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a server of what is in a directory. None: it is not installed.
type Start = fn(&Path) -> io::Result<Option<Peer>>;

/// A server that files are asked from.
enum Peer {
    OfThisProgram(Process),
    Foreign(Child, SocketAddr),
}

impl Peer {
    fn id(&self) -> u32 {
        match self {
            Self::OfThisProgram(process) => process.id(),
            Self::Foreign(child, _) => child.id(),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::OfThisProgram(process) => process.address(),
            Self::Foreign(_, address) => *address,
        }
    }

    /// Starts a program that is to listen at `address`, and waits until it does.
    fn start(command: &mut Command, address: SocketAddr) -> io::Result<Option<Self>> {
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match spawned {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            spawned => spawned?,
        };
        let peer = Self::Foreign(child, address);
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("a server does not listen"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(peer))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Self::Foreign(child, _) = self {
            // nginx ends its workers if it is asked.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn nginx(root: &Path) -> io::Result<Option<Peer>> {
    let (address, root) = (free_address()?, root.display());
    let config = format!(
        "daemon off; worker_processes auto; error_log /dev/null; pid {root}/nginx.pid;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; sendfile on; keepalive_requests 1000000000;
            client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
            fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi;
            scgi_temp_path {root}/scgi;
            server {{ listen {address}; root {root}; }}
        }}"
    );
    let file = format!("{root}/nginx.conf");
    fs::write(&file, config)?;
    Peer::start(Command::new("nginx").args(["-c", &file]), address)
}

fn python(root: &Path) -> io::Result<Option<Peer>> {
    const PROGRAM: &str = "import sys, http.server as s
class Handler(s.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_): pass
s.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()";
    let address = free_address()?;
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM, &address.port().to_string()]);
    Peer::start(command.current_dir(root), address)
}

fn tiny_http(root: &Path) -> io::Result<Option<Peer>> {
    let process = Process::start(&format!("{TINY}{}", root.display()))?;
    Ok(Some(Peer::OfThisProgram(process)))
}

/// Is the server of the crate.
pub(crate) fn be_ours(root: &str) -> io::Result<()> {
    let server = Server::new();
    server.tree("/", Directory::open(root)?)?;
    let address = server.bind("127.0.0.1:0")?.ip();
    process::stay(address.ok_or(io::ErrorKind::Unsupported)?, "")
}

/// Is a server with `tiny_http`, as its examples have it, but for chunks, which would cost it more.
pub(crate) fn be_tiny_http(root: &str) -> io::Result<()> {
    let server = tiny_http::Server::http("127.0.0.1:0").map_err(io::Error::other)?;
    let address = server.server_addr().to_ip();
    let (server, root) = (std::sync::Arc::new(server), PathBuf::from(root));
    for _ in 0..64 {
        let (server, root) = (std::sync::Arc::clone(&server), root.clone());
        thread::spawn(move || {
            while let Ok(request) = server.recv() {
                let file = File::open(root.join(request.url().trim_start_matches('/')))?;
                let response = tiny_http::Response::from_file(file);
                request.respond(response.with_chunked_threshold(usize::MAX))?;
            }
            Ok::<_, io::Error>(())
        });
    }
    process::stay(address.ok_or(io::ErrorKind::Unsupported)?, "")
}
