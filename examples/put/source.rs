//! Where the body comes from: a file, standard input, or a generator.
//!
//! It is read on a thread of its own, because a read of a file cannot be cancelled, and an upload
//! can. At most one piece is ready there: the others are in flight.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, bounded, select};
use http_aio::bytes::Bytes;

use crate::cancel::Control;

/// A body whose length is known.
pub(crate) struct Source {
    pub(crate) len: u64,
    content: Content,
}

enum Content {
    File(File, PathBuf),
    Memory(Bytes),
    Generated(Bytes),
}

/// What comes next of it, or why nothing more does.
pub(crate) type Piece = Result<Bytes, String>;

/// Length after which generated data repeats: a prime, so that no buffer size hides a slip.
pub(crate) const PERIOD: u64 = 8191;

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        // First, because opening a fifo would wait for somebody to write.
        let kind = fs::metadata(path)
            .map_err(|error| cannot_read(path, &error))?
            .file_type();
        if kind.is_dir() {
            return Err(format!("{} is a directory", path.display()));
        }
        if !kind.is_file() {
            let name = path.display();
            return Err(format!(
                "{name} is not a regular file: pipe it into `put - URL`"
            ));
        }
        let mut file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let len = file
            .metadata()
            .map_err(|error| cannot_read(path, &error))?
            .len();
        // Files of /proc and the like have no length, but content.
        if len == 0 && matches!(file.read(&mut [0]), Ok(1)) {
            let name = path.display();
            return Err(format!(
                "{name} does not say its length: pipe it into `put - URL`"
            ));
        }
        let content = Content::File(file, path.to_owned());
        Ok(Self { len, content })
    }

    /// Reads standard input to its end. An interruption ends the waiting for it.
    pub(crate) fn stdin(control: &Control) -> Result<Self, String> {
        let (tell, read) = bounded(1);
        spawn(move || {
            let mut input = Vec::new();
            let result = io::stdin().lock().read_to_end(&mut input);
            let _ = tell.send(result.map(|_| input)); // Nobody waits after an interruption.
        })?;
        let result = select! {
            recv(read) -> result => result.map_err(|_| ErrorKind::Other.into()),
            recv(control.exchange.bell()) -> _ => Err(ErrorKind::Interrupted.into()),
        };
        let input = result
            .and_then(|result| result)
            .map_err(|error| cannot_read(Path::new("standard input"), &error))?;
        Ok(Self {
            len: input.len() as u64,
            content: Content::Memory(input.into()),
        })
    }

    pub(crate) fn generated(len: u64) -> Self {
        Self {
            len,
            content: Content::Generated(pattern(0)),
        }
    }

    /// Its pieces of `size` bytes, the last one smaller, in their order.
    pub(crate) fn pieces(mut self, size: usize) -> Result<Receiver<Piece>, String> {
        let (give, pieces) = bounded(0);
        spawn(move || {
            let mut at = 0;
            while at < self.len {
                let size = usize::try_from(self.len - at).map_or(size, |left| left.min(size));
                let piece = self.piece(at, size);
                at += size as u64;
                let last = piece.is_err();
                if give.send(piece).is_err() || last {
                    return; // The upload has ended.
                }
            }
        })?;
        Ok(pieces)
    }

    fn piece(&mut self, at: u64, size: usize) -> Piece {
        match &mut self.content {
            Content::File(file, path) => {
                let mut piece = Vec::new();
                piece
                    .try_reserve_exact(size)
                    .map_err(|_| format!("there is no memory for {size} bytes"))?;
                file.take(size as u64)
                    .read_to_end(&mut piece)
                    .map_err(|error| cannot_read(path, &error))?;
                if piece.len() < size {
                    return Err(format!("{} shrank during the upload", path.display()));
                }
                Ok(piece.into())
            }
            Content::Memory(bytes) => Ok(bytes.split_to(size)),
            Content::Generated(pattern) => {
                let from = (at % PERIOD) as usize;
                if pattern.len() < from + size {
                    *pattern = self::pattern(from + size);
                }
                Ok(pattern.slice(from..from + size))
            }
        }
    }
}

/// Generated data, `len` bytes from its beginning.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len as u64)
        .map(|at| (at % PERIOD).wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect()
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => plain(error),
    };
    format!("cannot read {}: {reason}", path.display())
}

/// The sentence of an error, without its number.
pub(crate) fn plain(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((sentence, _)) => sentence.to_lowercase(),
        None => text,
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    thread::Builder::new()
        .name("put:source".into())
        .spawn(run)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {}", plain(&error)))
}
