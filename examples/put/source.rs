//! Where the body comes from: a file, standard input, or a generator.
//!
//! It is read on a thread of its own, because a read of a file cannot be canceled, and an upload
//! can. At most one piece is ready there: the others are in flight.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use http_aio::bytes::Bytes;

use crate::common::background::{spawn, wait_for};
use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::pattern::Pattern;
use crate::common::task::Task;

const STDIN: &str = "standard input";

pub(crate) struct Source {
    /// None if only its end will tell.
    pub(crate) len: Option<u64>,
    content: Content,
}

enum Content {
    File(Arc<File>, PathBuf),
    Memory(Bytes),
    Generated,
    /// What comes next, whoever asks.
    Stream(Receiver<Piece>),
}

/// What comes next of it, or why nothing more does. An empty one is the end.
pub(crate) type Piece = Result<Bytes, Failure>;

impl Source {
    /// A file whose length is known.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: &io::Error| Failure::cannot_read(path, error);
        let name = path.display();
        // First, because opening a fifo would wait for somebody to write.
        let kind = fs::metadata(path)
            .map_err(|error| cannot(&error))?
            .file_type();
        if kind.is_dir() {
            return Err(is_directory(path));
        }
        let unfit = |why: &str| {
            Failure::new(
                Exit::Read,
                format!("{name} {why}: pipe it into `put - URL`"),
            )
        };
        if !kind.is_file() {
            return Err(unfit("is not a regular file"));
        }
        let file = File::open(path).map_err(|error| cannot(&error))?;
        let len = file.metadata().map_err(|error| cannot(&error))?.len();
        // Files of /proc and the like have no length, but content.
        if len == 0 && matches!(file.read_at(&mut [0], 0), Ok(1)) {
            return Err(unfit("does not say its length"));
        }
        Ok(Self {
            len: Some(len),
            content: Content::File(Arc::new(file), path.to_owned()),
        })
    }

    /// Standard input, read to its end, or until Ctrl-C.
    pub(crate) fn stdin(task: &Task) -> Result<Self, Failure> {
        let input = wait_for("put:source", task, || {
            let mut input = Vec::new();
            let read = io::stdin().read_to_end(&mut input);
            read.map_err(|error| Failure::cannot_read(Path::new(STDIN), &error))?;
            Ok(input)
        })?;
        Ok(Self {
            len: Some(input.len() as u64),
            content: Content::Memory(input.into()),
        })
    }

    /// Whatever can be read, `-` being standard input, up to its end, in pieces of this size. Ctrl-C ends
    /// the waiting for a fifo that nobody writes to.
    pub(crate) fn stream(path: &Path, size: usize, task: &Task) -> Result<Self, Failure> {
        let path = path.to_owned();
        let (mut stream, name) = wait_for("put:source", task, || {
            if path == Path::new("-") {
                let stdin: Box<dyn Read + Send> = Box::new(io::stdin());
                return Ok((stdin, STDIN.into()));
            }
            if path.is_dir() {
                return Err(is_directory(&path));
            }
            match File::open(&path) {
                Ok(file) => Ok((Box::new(file), path)),
                Err(error) => Err(Failure::cannot_read(&path, &error)),
            }
        })?;
        let pieces = produce(0, move |_| read_some(&mut stream, &name, size))?;
        Ok(Self {
            len: None,
            content: Content::Stream(pieces),
        })
    }

    pub(crate) fn generated(len: u64) -> Self {
        Self {
            len: Some(len),
            content: Content::Generated,
        }
    }

    /// What tells this content of a file from any other: the kernel sets the time of a change, and nobody else. None: it
    /// is no file.
    pub(crate) fn tag(&self) -> Result<Option<String>, Failure> {
        let Content::File(file, path) = &self.content else {
            return Ok(None);
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| Failure::cannot_read(path, &error))?;
        let (len, ino) = (metadata.len(), metadata.ino());
        let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
        Ok(Some(format!("{len:x}-{ino:x}-{seconds:x}-{nanos:x}")))
    }

    /// Whether its pieces can be had again.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self.content, Content::Stream(_))
    }

    /// Its pieces of up to `size` bytes, in their order, from there on; or, of a stream, the rest.
    pub(crate) fn pieces(&self, from: u64, size: usize) -> Result<Receiver<Piece>, Failure> {
        let len = self.len.unwrap_or(u64::MAX);
        let size = move |at: u64| usize::try_from(len - at).map_or(size, |left| left.min(size));
        match &self.content {
            Content::File(file, path) => {
                let (file, path) = (Arc::clone(file), path.clone());
                produce(from, move |at| read_at(&file, &path, at, size(at)))
            }
            Content::Memory(bytes) => {
                let mut bytes = bytes.clone();
                produce(0, move |at| Ok(bytes.split_to(size(at))))
            }
            Content::Generated => {
                let mut pattern = Pattern::new(0);
                produce(from, move |at| Ok(pattern.piece(at, size(at))))
            }
            Content::Stream(pieces) => Ok(pieces.clone()),
        }
    }
}

/// Makes pieces, each from where it begins, until the end, or until nobody wants more.
fn produce(
    from: u64,
    mut piece: impl FnMut(u64) -> Piece + Send + 'static,
) -> Result<Receiver<Piece>, Failure> {
    let (give, pieces) = bounded(0);
    spawn("put:source", move || {
        let mut at = from;
        loop {
            let piece = piece(at);
            at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            let last = piece.as_ref().map_or(true, Bytes::is_empty);
            if give.send(piece).is_err() || last {
                return; // Sooner than all of it: the upload has ended.
            }
        }
    })?;
    Ok(pieces)
}

/// All of a piece of a file.
fn read_at(file: &File, path: &Path, at: u64, size: usize) -> Piece {
    let mut piece = memory(size)?;
    match file.read_exact_at(&mut piece, at) {
        Ok(()) => Ok(piece.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let why = format!("{} shrank during the upload", path.display());
            Err(Failure::new(Exit::Read, why))
        }
        Err(error) => Err(Failure::cannot_read(path, &error)),
    }
}

/// What is there: whoever writes into a pipe slowly is heard at once.
fn read_some(from: &mut impl Read, path: &Path, most: usize) -> Piece {
    let mut piece = memory(most)?;
    let count = loop {
        match from.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    piece.truncate(count.map_err(|error| Failure::cannot_read(path, &error))?);
    piece.shrink_to_fit(); // Many small pieces may be in flight.
    Ok(piece.into())
}

fn memory(size: usize) -> Result<Vec<u8>, Failure> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(size)
        .map_err(|_| Failure::new(Exit::Memory, format!("there is no memory for {size} bytes")))?;
    memory.resize(size, 0);
    Ok(memory)
}

fn is_directory(path: &Path) -> Failure {
    Failure::new(Exit::Read, format!("{} is a directory", path.display()))
}
