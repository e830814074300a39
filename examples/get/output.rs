//! Where the answer goes: a file, standard output, or a check.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::common::sentence::plain;
use crate::demo::Check;

pub(crate) struct Output {
    name: PathBuf,
    writer: Writer,
}

enum Writer {
    /// One that is named, and ours to cut and to continue.
    File(File),
    /// Goes on where others have left off.
    Stream(File),
    Check(Check),
}

/// `PIPE_BUF`: of a write of so much, a pipe takes all or nothing. That keeps the number of bytes
/// right when the reader stops reading in the middle.
const WHOLE: usize = 4096;

impl Output {
    pub(crate) fn stdout() -> Result<Self, String> {
        let name = PathBuf::from("standard output");
        // Unbuffered: what is counted has been delivered.
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.map_err(|error| cannot_write(&name, &error))?;
        Ok(Self {
            name,
            writer: Writer::Stream(stdout.into()),
        })
    }

    /// What is in the file stays until there is something else: see [`start_at`](Self::start_at).
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let kind = fs::metadata(path).map(|metadata| metadata.file_type());
        if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
            return Err(format!("{} is a directory", path.display()));
        }
        // To open it would wait for somebody to read.
        if kind.as_ref().is_ok_and(FileTypeExt::is_fifo) {
            return Err(format!(
                "{} is a pipe: send standard output to it, without -o",
                path.display()
            ));
        }
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Ok(Self {
            name: path.to_owned(),
            writer: if is_file {
                Writer::File(file)
            } else {
                Writer::Stream(file)
            },
        })
    }

    pub(crate) fn check(check: Check) -> Self {
        Self {
            name: PathBuf::from("the check"),
            writer: Writer::Check(check),
        }
    }

    /// Whether a progress bar would be drawn over it.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.writer, Writer::Stream(stream) if stream.is_terminal())
    }

    /// The size from which it is continued.
    pub(crate) fn resumable_at(&self) -> Result<u64, String> {
        let Writer::File(file) = &self.writer else {
            return Err(format!(
                "{} is not a regular file: it cannot be continued",
                self.name.display()
            ));
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| cannot_write(&self.name, &error))?;
        Ok(metadata.len())
    }

    /// Ends a file there, and goes on from there.
    pub(crate) fn start_at(&mut self, at: u64) -> Result<(), String> {
        let Writer::File(file) = &mut self.writer else {
            return Ok(());
        };
        file.set_len(at)
            .and_then(|()| file.seek(SeekFrom::Start(at)))
            .map(drop)
            .map_err(|error| cannot_write(&self.name, &error))
    }

    /// Writes some of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let result = match &mut self.writer {
            Writer::File(file) => file.write(bytes),
            Writer::Stream(stream) => stream.write(&bytes[..bytes.len().min(WHOLE)]),
            Writer::Check(check) => return check.accept(bytes),
        };
        match result {
            Ok(0) => Err(cannot_write(&self.name, &ErrorKind::WriteZero.into())),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            result => result.map_err(|error| cannot_write(&self.name, &error)),
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::NotFound => "there is no such directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => plain(error),
    };
    format!("cannot write {}: {reason}", path.display())
}
