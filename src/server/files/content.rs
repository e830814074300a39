//! What is sent of a file: read while it is sent, from the places where it lies.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::reading::read_at;

/// Parts of a file, with what is written around them.
#[derive(Debug)]
pub(in crate::server) struct FileContent {
    file: Arc<File>,
    segments: VecDeque<Segment>,
    left: u64,
}

#[derive(Debug)]
pub(super) enum Segment {
    Text(Bytes),
    Part { at: u64, left: u64 },
}

impl FileContent {
    pub(super) fn new(file: Arc<File>, segments: impl IntoIterator<Item = Segment>) -> Self {
        let segments: VecDeque<_> = segments.into_iter().collect();
        let left = segments.iter().map(Segment::length).sum();
        Self {
            file,
            segments,
            left,
        }
    }

    /// Bytes that are left to be read.
    pub(in crate::server) fn left(&self) -> u64 {
        self.left
    }

    /// Fills `buffer`, unless less than that is left; returns the bytes that were read.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof`: the file has become shorter.
    pub(in crate::server) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(segment) = self.segments.front_mut() {
            if segment.length() == 0 {
                self.segments.pop_front();
                continue;
            }
            let room = &mut buffer[filled..];
            if room.is_empty() {
                break;
            }
            let count = segment.read(&self.file, room)?;
            filled += count;
            self.left -= count as u64;
        }
        Ok(filled)
    }
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Part { left, .. } => *left,
        }
    }

    /// Takes from the front; there is something, and room for it.
    fn read(&mut self, file: &File, room: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.length()).unwrap_or(usize::MAX);
        let count = most.min(room.len());
        let room = &mut room[..count];
        match self {
            Self::Text(text) => {
                text.copy_to_slice(room);
                Ok(count)
            }
            Self::Part { at, left } => {
                let count = read_at(file, room, *at)?;
                if count == 0 {
                    let text = "the file has become shorter while it was sent";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
                *at += count as u64;
                *left -= count as u64;
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"0123456789";

    fn file() -> Arc<File> {
        let name = format!("http-aio-content-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file.write_all(TEXT).unwrap();
        file.into()
    }

    fn content(file: &Arc<File>) -> FileContent {
        let text = |text: &'static str| Segment::Text(text.into());
        let part = |at, left| Segment::Part { at, left };
        let all = [
            text("<"),
            part(2, 3),
            text(""),
            part(0, 0),
            part(8, 2),
            text(">"),
        ];
        FileContent::new(Arc::clone(file), all)
    }

    #[test]
    fn segments_are_read_in_pieces_of_any_size() {
        let file = file();
        for size in 1..=8 {
            let mut content = content(&file);
            assert_eq!(content.left(), 7);
            let mut all = Vec::new();
            let mut buffer = vec![0; size];
            while content.left() > 0 {
                let count = content.fill(&mut buffer).unwrap();
                assert_eq!(count, size.min(7 - all.len()));
                all.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(all, b"<23489>");
            assert_eq!(content.fill(&mut buffer).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_not_there_any_more_is_an_error() {
        let file = file();
        let mut content = content(&file);
        file.set_len(9).unwrap();
        let error = content.fill(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
