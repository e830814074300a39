//! Where the body comes from: a file, standard input, or a generator.
//!
//! It is read on a thread of its own, because a read of a file cannot be cancelled, and an upload
//! can. At most one piece is ready there: the others are in flight.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, bounded};
use http_aio::bytes::Bytes;

use crate::common::background::{spawn, wait_for};
use crate::common::pattern::Pattern;
use crate::common::sentence::cannot_read;

pub(crate) struct Source {
    /// None if only its end will tell.
    pub(crate) len: Option<u64>,
    content: Content,
}

enum Content {
    File(File, PathBuf),
    Memory(Bytes),
    Generated(Pattern),
    Stream(Box<dyn Read + Send>, PathBuf),
}

/// What comes next of it, or why nothing more does. An empty one is the end.
pub(crate) type Piece = Result<Bytes, String>;

impl Source {
    /// A file whose length is known.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        // First, because opening a fifo would wait for somebody to write.
        let kind = fs::metadata(path)
            .map_err(|error| cannot_read(path, &error))?
            .file_type();
        let name = path.display();
        if kind.is_dir() {
            return Err(format!("{name} is a directory"));
        }
        if !kind.is_file() {
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
            return Err(format!(
                "{name} does not say its length: pipe it into `put - URL`"
            ));
        }
        Ok(Self {
            len: Some(len),
            content: Content::File(file, path.to_owned()),
        })
    }

    /// Standard input, read to its end. The bell ends the waiting for it.
    pub(crate) fn stdin(bell: &Receiver<Infallible>) -> Result<Self, String> {
        let input = wait_for("put:source", bell, || {
            let mut input = Vec::new();
            io::stdin()
                .read_to_end(&mut input)
                .map_err(|error| cannot_read(Path::new("standard input"), &error))?;
            Ok(input)
        })?;
        Ok(Self {
            len: Some(input.len() as u64),
            content: Content::Memory(input.into()),
        })
    }

    /// Whatever can be read, `-` being standard input, up to its end. The bell ends the waiting for
    /// a fifo that nobody writes to.
    pub(crate) fn stream(path: &Path, bell: &Receiver<Infallible>) -> Result<Self, String> {
        let path = path.to_owned();
        let content = wait_for("put:source", bell, || {
            if path == Path::new("-") {
                return Ok(Content::Stream(
                    Box::new(io::stdin()),
                    "standard input".into(),
                ));
            }
            if path.is_dir() {
                return Err(format!("{} is a directory", path.display()));
            }
            match File::open(&path) {
                Ok(file) => Ok(Content::Stream(Box::new(file), path)),
                Err(error) => Err(cannot_read(&path, &error)),
            }
        })?;
        Ok(Self { len: None, content })
    }

    pub(crate) fn generated(len: u64) -> Self {
        Self {
            len: Some(len),
            content: Content::Generated(Pattern::new(0)),
        }
    }

    /// Its pieces of up to `size` bytes, in their order.
    pub(crate) fn pieces(mut self, size: usize) -> Result<Receiver<Piece>, String> {
        let (give, pieces) = bounded(0);
        spawn("put:source", move || {
            let mut at = 0;
            loop {
                let piece = self.piece(at, size);
                at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
                let last = piece.as_ref().map_or(true, Bytes::is_empty);
                if give.send(piece).is_err() || last {
                    return; // Sooner than all of it: the upload has ended.
                }
            }
        })?;
        Ok(pieces)
    }

    fn piece(&mut self, at: u64, most: usize) -> Piece {
        let left = self.len.map_or(u64::MAX, |len| len - at);
        let size = usize::try_from(left).map_or(most, |left| left.min(most));
        match &mut self.content {
            Content::File(file, path) => {
                let mut piece = memory(size)?;
                file.take(size as u64)
                    .read_to_end(&mut piece)
                    .map_err(|error| cannot_read(path, &error))?;
                if piece.len() < size {
                    return Err(format!("{} shrank during the upload", path.display()));
                }
                Ok(piece.into())
            }
            Content::Memory(bytes) => Ok(bytes.split_to(size)),
            Content::Generated(pattern) => Ok(pattern.piece(at, size)),
            // What is there goes out: whoever writes into a pipe slowly is heard at once.
            Content::Stream(stream, path) => {
                let mut piece = memory(size)?;
                piece.resize(size, 0);
                let count = read_some(stream, &mut piece);
                piece.truncate(count.map_err(|error| cannot_read(path, &error))?);
                piece.shrink_to_fit(); // Many small pieces may be in flight.
                Ok(piece.into())
            }
        }
    }
}

fn memory(size: usize) -> Result<Vec<u8>, String> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(size)
        .map_err(|_| format!("there is no memory for {size} bytes"))?;
    Ok(memory)
}

fn read_some(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
