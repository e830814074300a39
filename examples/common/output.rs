//! Where a body goes: a file, standard output, or a function.

use std::fmt;
use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::failure::Failure;

pub(crate) struct Output {
    name: PathBuf,
    writer: Writer,
    /// Where a line that is printed next begins.
    column: Column,
    /// The file is new, and nothing has begun to go into it.
    is_unused: bool,
}

enum Writer {
    /// One that is named, and ours to cut and to continue.
    File(File),
    /// Goes on where others have left off.
    Stream(File),
    Function(Box<Take>),
}

/// Takes some of the bytes, and says how many.
type Take = dyn FnMut(&[u8]) -> Result<usize, Failure> + Send;

/// Whether something that was written ends in the middle of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    AtStart,
    InMiddle,
}

/// `PIPE_BUF`: of a write of so much, a pipe takes all or nothing. That keeps the number of bytes
/// right when the reader stops reading in the middle.
const WHOLE: usize = 4096;

impl Output {
    /// The file of `-o`, or standard output if there is none, or if it is `-`.
    pub(crate) fn to(path: Option<&Path>) -> Result<Self, Failure> {
        match path {
            Some(path) if path != Path::new("-") => Self::open(path),
            _ => Self::stdout(),
        }
    }

    fn stdout() -> Result<Self, Failure> {
        let name = PathBuf::from("standard output");
        // Unbuffered: what is counted has been delivered.
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.map_err(|error| Failure::cannot_write(&name, &error))?;
        Ok(Self::new(name, Writer::Stream(stdout.into())))
    }

    /// What is in the file stays until there is something else: see [`start_at`](Self::start_at).
    fn open(path: &Path) -> Result<Self, Failure> {
        let unfit = |what: &str| {
            let why = format!("{} is {what}", path.display());
            Err(Failure::new(Exit::Write, why))
        };
        let kind = fs::metadata(path).map(|metadata| metadata.file_type());
        if kind.as_ref().is_ok_and(FileType::is_dir) {
            return unfit("a directory");
        }
        // To open it would wait for somebody to read.
        if kind.as_ref().is_ok_and(FileTypeExt::is_fifo) {
            return unfit("a pipe: send standard output to it, without -o");
        }
        let made = File::options().write(true).create_new(true).open(path);
        let is_unused = made.is_ok();
        let file = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                File::options().write(true).open(path)
            }
            made => made,
        };
        let file = file.map_err(|error| Failure::cannot_write(path, &error))?;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let writer = if is_file {
            Writer::File(file)
        } else {
            Writer::Stream(file)
        };
        let mut output = Self::new(path.to_owned(), writer);
        output.is_unused = is_unused;
        Ok(output)
    }

    pub(crate) fn function(
        take: impl FnMut(&[u8]) -> Result<usize, Failure> + Send + 'static,
    ) -> Self {
        Self::new(PathBuf::new(), Writer::Function(Box::new(take)))
    }

    fn new(name: PathBuf, writer: Writer) -> Self {
        Self {
            name,
            writer,
            column: Column::AtStart,
            is_unused: false,
        }
    }

    /// The name of a file, for a progress bar.
    pub(crate) fn label(&self) -> String {
        let name = self.name.file_name().filter(|_| self.is_file());
        let name = name.map_or(String::new(), |name| format!("{} ", name.to_string_lossy()));
        name.replace(char::is_control, "?")
    }

    /// Whether a progress bar would be drawn over it.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.writer, Writer::Stream(stream) if stream.is_terminal())
    }

    /// Whether it can be cut and continued.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.writer, Writer::File(_))
    }

    /// Where a line that is printed next begins.
    pub(crate) fn column(&self) -> Column {
        self.column
    }

    /// The size from which it is continued.
    pub(crate) fn resumable_at(&self) -> Result<u64, Failure> {
        let name = self.name.display();
        let Writer::File(file) = &self.writer else {
            let why = format!("{name} is not a regular file: it cannot be continued");
            return Err(Failure::new(Exit::Write, why));
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| Failure::cannot_write(&self.name, &error))?;
        Ok(metadata.len())
    }

    /// Ends a file there, and goes on from there.
    pub(crate) fn start_at(&mut self, at: u64) -> Result<(), Failure> {
        self.is_unused = false;
        let Writer::File(file) = &mut self.writer else {
            return Ok(());
        };
        file.set_len(at)
            .and_then(|()| file.seek(SeekFrom::Start(at)))
            .map(drop)
            .map_err(|error| Failure::cannot_write(&self.name, &error))
    }

    /// Writes some of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let result = match &mut self.writer {
            Writer::File(file) => file.write(bytes),
            Writer::Stream(stream) => stream.write(&bytes[..bytes.len().min(WHOLE)]),
            Writer::Function(take) => return take(bytes),
        };
        let count = match result {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            result => result,
        };
        let count = count.map_err(|error| Failure::cannot_write(&self.name, &error))?;
        self.column = match bytes[..count].last() {
            Some(b'\n') | None => Column::AtStart,
            Some(_) => Column::InMiddle,
        };
        Ok(count)
    }
}

/// A file that nothing went into was not there before, and need not be there afterwards.
impl Drop for Output {
    fn drop(&mut self) {
        if self.is_unused {
            let _ = fs::remove_file(&self.name);
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
