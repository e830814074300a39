//! The examples, run as their users run them. Every small one ends by itself and prints what it is
//! there to show; `put` and `get` are tested in files of their own, with what is here.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The small examples end in well under 2 s; this is for machines with other things to do.
const SMALL_LIMIT: Duration = Duration::from_secs(20);

/// No tool takes this long, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// What scheduling may add where nothing depends on it.
pub(crate) const ALLOWANCE: Duration = Duration::from_millis(500);

/// An example that `cargo test` has built beside this test.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let profile = test.ancestors().nth(2).expect("it is in PROFILE/deps");
    let binary = profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: run `cargo test` without `--test`, which builds the examples too",
        binary.display()
    );
    binary
}

/// An example that runs.
pub(crate) struct Tool {
    pub(crate) child: Child,
    name: String,
    start: Instant,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

/// One that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) time: Duration,
}

impl Tool {
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self::start_in(&[], name, arguments)
    }

    /// In this directory.
    pub(crate) fn start_at<A: AsRef<OsStr>>(
        directory: &Path,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(binary(name));
        Self::run(name, command.current_dir(directory).args(arguments))
    }

    /// With these variables in its environment.
    pub(crate) fn start_in<A: AsRef<OsStr>>(
        environment: &[(&str, &OsStr)],
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(binary(name));
        let environment = environment.iter().copied();
        Self::run(name, command.envs(environment).args(arguments))
    }

    fn run(name: &str, command: &mut Command) -> Self {
        let start = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = collect(child.stdout.take().expect("it is piped"));
        let stderr = collect(child.stderr.take().expect("it is piped"));
        Self {
            child,
            name: name.to_owned(),
            start,
            stdout,
            stderr,
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let Ok(stdout) = self.stdout.recv_timeout(LIMIT) else {
            let _ = self.child.kill();
            panic!("{} does not end", self.name);
        };
        let status = self.child.wait().expect("it can be waited for");
        let time = self.start.elapsed();
        let stderr = self.stderr.recv().expect("it has ended");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Ended {
            code: status.code(),
            stdout,
            stderr,
            time,
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        interrupt(&self.child);
    }
}

/// Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let status = Command::new("kill").args(["-INT", &id]).status();
    assert!(status.expect("kill starts").success());
}

/// All that comes, once its end has.
pub(crate) fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (tell, all) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = tell.send(bytes);
    });
    all
}

/// A standard output that nobody reads, and nobody ever will.
pub(crate) fn unread() -> Stdio {
    let (near, far) = UnixStream::pair().expect("a pair");
    drop(far);
    OwnedFd::from(near).into()
}

/// A file that is gone with its test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(content: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-aio-test-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, content).expect("there is a temporary directory");
        Self(path)
    }

    /// One that is not there yet.
    pub(crate) fn missing() -> Self {
        let scratch = Self::new(b"");
        fs::remove_file(&scratch.0).expect("it was just made");
        scratch
    }

    pub(crate) fn fifo() -> Self {
        let scratch = Self::missing();
        let status = Command::new("mkfifo").arg(&scratch.0).status();
        assert!(status.expect("mkfifo starts").success());
        scratch
    }

    /// Of zeros that take no room.
    pub(crate) fn sparse(len: u64) -> Self {
        let scratch = Self::new(b"");
        scratch.resize(len);
        scratch
    }

    pub(crate) fn resize(&self, len: u64) {
        let file = File::options().write(true).open(&self.0);
        file.and_then(|file| file.set_len(len))
            .expect("the file can be resized");
    }
}

impl AsRef<OsStr> for Scratch {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A server that follows a script.
pub(crate) struct Peer<R> {
    pub(crate) url: String,
    outcome: Receiver<io::Result<R>>,
}

impl<R: Send + 'static> Peer<R> {
    /// For one connection.
    pub(crate) fn new(serve: impl FnOnce(TcpStream) -> io::Result<R> + Send + 'static) -> Self {
        Self::listening(|listener| serve(listener.accept()?.0))
    }

    /// For as many as it accepts.
    pub(crate) fn listening(
        serve: impl FnOnce(TcpListener) -> io::Result<R> + Send + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0", serve).expect("there is a loopback")
    }

    pub(crate) fn at(
        address: &str,
        serve: impl FnOnce(TcpListener) -> io::Result<R> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let url = format!("http://{}/dir/file?a=b", listener.local_addr()?);
        let (tell, outcome) = mpsc::channel();
        thread::spawn(move || {
            let _ = tell.send(serve(listener)); // Not everybody asks.
        });
        Ok(Self { url, outcome })
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.split('/').nth(2).expect("it is a URL")
    }

    /// What `serve` has returned.
    #[track_caller]
    pub(crate) fn outcome(self) -> R {
        let outcome = self.outcome.recv_timeout(LIMIT);
        outcome.expect("the peer ends").expect("without an error")
    }
}

pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The head, and what has come with it.
    pub(crate) fn begin(mut stream: &TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        loop {
            let mut part = [0; 4096];
            let count = stream.read(&mut part)?;
            bytes.extend_from_slice(&part[..count]);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let body = bytes.split_off(end + 4);
                let head = String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Self { head, body });
            }
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// All of it.
    pub(crate) fn read(mut stream: &TcpStream) -> io::Result<Self> {
        let mut request = Self::begin(stream)?;
        let head = request.head.to_lowercase();
        let len = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let len: usize = len.map_or(0, |len| len.parse().expect("a length"));
        let had = request.body.len();
        request.body.resize(len, 0);
        stream.read_exact(&mut request.body[had..])?;
        Ok(request)
    }

    /// The number of bytes of body that come before the end of the stream.
    pub(crate) fn rest(self, mut stream: &TcpStream) -> io::Result<u64> {
        Ok(self.body.len() as u64 + io::copy(&mut stream, &mut io::sink())?)
    }
}

pub(crate) fn answer(mut stream: &TcpStream, answer: &str) -> io::Result<()> {
    stream.write_all(answer.as_bytes())
}

/// A proxy for one connection, and what it was asked for: a tunnel, or what it answers itself.
pub(crate) fn proxy(text: &'static str) -> Peer<Request> {
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        let tunnel = request.head.strip_prefix("CONNECT ");
        let Some(server) = tunnel.and_then(|line| line.split(' ').next()) else {
            answer(&stream, text)?;
            return Ok(request);
        };
        let server = TcpStream::connect(server)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        let (mut from, mut to) = (stream.try_clone()?, server.try_clone()?);
        let there = thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut &stream);
        let _ = stream.shutdown(Shutdown::Write); // It may be gone.
        let _ = there.join();
        Ok(request)
    })
}

/// Servers that speak TLS, for `https:` with the host 127.0.0.1.
#[cfg(feature = "tls")]
pub(crate) mod secure {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use http_aio::bytes::Bytes;
    use http_aio::http::{Request, Response};
    use http_aio::rustls::ServerConfig;
    use http_aio::rustls::crypto::ring;
    use http_aio::rustls::pki_types::PrivatePkcs8KeyDer;
    use http_aio::{Aio, Conn, Error};
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
    };

    use super::{LIMIT, Peer, Scratch};

    /// Who signs the servers' certificates.
    pub(crate) struct Authority {
        issuer: Issuer<'static, KeyPair>,
        pem: String,
    }

    impl Authority {
        pub(crate) fn new(name: &str) -> Self {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key).expect("a certificate");
            let text = STANDARD.encode(certificate.der());
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            Self {
                issuer: Issuer::new(params, key),
                pem,
            }
        }

        /// For `--cacert`.
        pub(crate) fn file(&self) -> Scratch {
            Scratch::new(self.pem.as_bytes())
        }

        /// For a server of that name, until that year.
        pub(crate) fn sign(&self, name: &str, until: i32) -> Arc<ServerConfig> {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
            let certificate = params.signed_by(&key, &self.issuer).expect("signed");
            let key = PrivatePkcs8KeyDer::from(key.serialize_der());
            let provider = Arc::new(ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("there are some")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key.into());
            Arc::new(config.expect("it belongs to the key"))
        }

        pub(crate) fn server(&self) -> Arc<ServerConfig> {
            self.sign("127.0.0.1", 4000)
        }
    }

    /// For one connection; what became of it may be that there was none.
    pub(crate) fn serving<R: Send + 'static>(
        config: Arc<ServerConfig>,
        serve: impl FnOnce(Conn) -> Result<R, Error> + Send + 'static,
    ) -> Peer<Result<R, Error>> {
        let mut peer = Peer::new(move |stream| {
            let conn = Conn::tls_server(Aio::new().timeout(LIMIT), stream, config);
            Ok(conn.wait().and_then(serve))
        });
        peer.url = peer.url.replacen("http:", "https:", 1);
        peer
    }

    /// Answers so many requests, and returns the last of them.
    pub(crate) fn answering(
        config: Arc<ServerConfig>,
        times: usize,
        answer: fn() -> Response<Bytes>,
    ) -> Peer<Result<Request<Bytes>, Error>> {
        serving(config, move |conn| {
            let mut last = Request::default();
            for _ in 0..times {
                let head = conn.read_request(Aio::new()).wait()?;
                let body = conn.read_body(Aio::new()).wait()?;
                last = head.map(|()| body);
                conn.write_response(Aio::new(), answer()).wait()?;
            }
            Ok(last)
        })
    }
}

/// A peer that waits to be told.
pub(crate) fn gate() -> (Sender<()>, Receiver<()>) {
    mpsc::channel()
}

pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// A listener that lets nobody in: its queue is full.
#[cfg(target_os = "linux")]
pub(crate) struct Full {
    listener: TcpListener,
    _first: TcpStream,
}

#[cfg(target_os = "linux")]
impl Full {
    pub(crate) fn new() -> io::Result<Self> {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into())?;
        socket.listen(0)?;
        let listener = TcpListener::from(socket);
        let first = TcpStream::connect(listener.local_addr()?)?;
        Ok(Self {
            listener,
            _first: first,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Waits until somebody knocks.
    pub(crate) fn wait_for_connect(&self) {
        // SYN_SENT, to our port.
        let entry = format!(":{:04X} 02 ", self.port());
        let start = Instant::now();
        loop {
            let connections = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
            if connections.contains(&entry) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "nobody connects");
            thread::sleep(Duration::from_millis(1)); // The kernel does not tell us.
        }
    }
}

/// Waits until a process has a thread of that name.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn wait_for_thread(child: &Child, name: &str) {
    let start = Instant::now();
    loop {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id()));
        let names = tasks
            .expect("it is still there")
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        if names.into_iter().any(|is| is.trim_end() == name) {
            return;
        }
        assert!(start.elapsed() < LIMIT, "there is no such thread");
        thread::sleep(Duration::from_millis(1)); // The kernel does not tell us.
    }
}

/// The most memory that a process that still runs has had, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("it is still there");
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))
        .and_then(|peak| peak.trim().parse().ok())
        .expect("the kernel says so")
}

/// What an example prints.
fn run(name: &str) -> String {
    let child = Command::new(binary(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let output = ended
        .recv_timeout(SMALL_LIMIT)
        .unwrap_or_else(|_| panic!("{name} does not end"))
        .expect("its output can be read");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}: {stderr}",
        output.status
    );
    assert_eq!(stderr, "", "{name}");
    String::from_utf8(output.stdout).expect("it prints text")
}

/// The number before `unit` in the line of `text` that has one.
#[track_caller]
fn number_before(text: &str, unit: &str) -> u64 {
    let before = text.split(unit).next().unwrap_or_default();
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no number before {unit:?} in {text}"))
}

#[test]
fn wait() {
    let text = run("wait");
    assert!(
        text.contains("meanwhile: the bytes of the body add up to 234881024\n"),
        "{text}"
    );
    assert!(text.contains("done: 33554477 bytes written\n"), "{text}");
    assert!(
        text.contains("the peer received 33554477 bytes\n"),
        "{text}"
    );
}

#[test]
fn callback() {
    let text = run("callback");
    assert!(
        text.contains("1000 pieces, 16384000 bytes written\n"),
        "{text}"
    );
    assert!(
        text.contains("the peer received 16384000 bytes\n"),
        "{text}"
    );
}

#[test]
fn deadline() {
    let text = run("deadline");
    assert!(
        text.contains("ms: writing a request to 127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains(": the deadline passed after "), "{text}");
    assert!(text.contains("is it a timeout? true\n"), "{text}");
    assert!(
        text.contains("the peer had answered 413 Payload Too Large\n"),
        "{text}"
    );
    assert!(number_before(&text, " ms: ") >= 300, "{text}");
    let written = number_before(&text, ", received");
    assert!(written > 0, "{text}");
    assert!(
        text.contains(&format!("received {written} bytes")),
        "{text}"
    );
}

#[test]
fn cancel() {
    let text = run("cancel");
    assert!(
        text.contains("queued: writing to 127.0.0.1:")
            && text.contains(": the operation was canceled, 0 bytes written\n"),
        "{text}"
    );
    assert!(
        text.contains("the first is undisturbed: done? false\n"),
        "{text}"
    );
    assert!(
        text.contains("in flight: writing to 127.0.0.1:")
            && text.contains(": the operation was canceled after "),
        "{text}"
    );
    let written = number_before(&text, ", received");
    assert!(written > 0, "{text}");
    assert!(
        text.contains(&format!("received {written} bytes")),
        "{text}"
    );
}
