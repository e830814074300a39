//! Files and folders as answers (cases 225 to 262).

mod browsed;
mod conditions;
mod confinement;
mod continued;
mod directories;
mod fuzz;
mod ranges;
mod sending;
mod uploads;
mod variants;
mod whole;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http_aio::Directory;

use super::*;

const DIGITS: &str = "0123456789";

/// When files are from, unless they are from another time.
const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn old() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

/// A folder of a test's own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(parent: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("http-aio-files-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An old file, and the folders that it is in.
    #[track_caller]
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self.touch(name, old());
        path
    }

    #[track_caller]
    fn touch(&self, name: &str, time: SystemTime) {
        let file = fs::File::open(self.path(name)).unwrap();
        file.set_modified(time).unwrap();
    }

    #[track_caller]
    fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    fn directory(&self) -> Directory {
        Directory::open(&self.0).unwrap()
    }

    /// A server that has all of it at `/docs`.
    fn host(&self, how: impl FnOnce(Directory) -> Directory) -> Host {
        let directory = how(self.directory());
        Host::new(|server| {
            server.tree("/docs", directory).unwrap();
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A folder with `digits.txt`, and a server that has it.
fn digits() -> (Folder, Host) {
    let folder = Folder::new();
    folder.write("digits.txt", DIGITS);
    let host = folder.host(|directory| directory);
    (folder, host)
}

/// A client that asks quickly, one thing after the other.
struct Runner {
    stream: BufReader<TcpStream>,
}

impl Runner {
    fn new(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address).expect("it listens");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    #[track_caller]
    fn get(&mut self, path: &str, fields: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.stream.read_line(&mut head).expect("a line");
            assert_ne!(count, 0, "no answer to {path}");
        }
        let status = head[9..12].parse().expect("a status");
        let body = Vec::new();
        let mut reply = Reply { status, head, body };
        let length = reply.field("content-length").expect("a length");
        reply.body = vec![0; length.parse().expect("a number")];
        self.stream.read_exact(&mut reply.body).expect("the body");
        reply
    }
}

/// What nobody outside may see.
const SECRET: &str = "the secret of this test";
