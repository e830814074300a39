//! Requests that a server answers on the thread that it is given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use http_aio::{Conn, Directory, File, Server, get};

use crate::Piece;
use crate::heads::BROWSER;
use crate::script::Script;

pub(crate) const PIECES: &[Piece] = &[
    Piece {
        name: "serve",
        run: |times| serve("GET /hello/you HTTP/1.1\r\nHost: h\r\n\r\n", times),
    },
    Piece {
        name: "serve-browser",
        run: |times| serve(BROWSER, times),
    },
    Piece {
        name: "serve-file",
        run: |times| serve("GET /file HTTP/1.1\r\nHost: h\r\n\r\n", times),
    },
    Piece {
        name: "serve-directory",
        run: |times| serve("GET /files/kilobyte.txt HTTP/1.1\r\nHost: h\r\n\r\n", times),
    },
    Piece {
        name: "serve-ranges",
        run: |times| {
            serve(
                "GET /file HTTP/1.1\r\nHost: h\r\nRange: bytes=0-99,500-599\r\n\r\n",
                times,
            )
        },
    },
];

fn serve(request: &'static str, times: usize) -> io::Result<()> {
    let file = kilobyte()?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let server = Server::new();
    server.route("/articles/2024/overlapped", get(|_| "Hello, world!"))?;
    server.route("/hello/{name}", get(|_| "Hello, world!"))?;
    server.route("/file", File::new(&file))?;
    server.tree("/files", Directory::open(folder)?)?;
    server.serve(Conn::from_transport(Script::repeating(request, times)));
    match server.stats().successes {
        successes if successes == times as u64 => Ok(()),
        _ => Err(io::Error::other(format!("{:?}", server.stats()))),
    }
}

/// A file of 1 KiB in a folder of its own.
fn kilobyte() -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions/files");
    fs::create_dir_all(&folder)?;
    let path = folder.join("kilobyte.txt");
    if !path.exists() {
        fs::write(&path, [b'x'; 1024])?;
    }
    Ok(path)
}
