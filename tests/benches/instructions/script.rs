//! A peer that has said everything beforehand, or says it when it is written to: one thread that writes, and then reads,
//! never blocks.

use std::io::{self, IoSlice};
use std::mem;
use std::net::Shutdown;

use http_aio::transport::{Addr, Transport, Wait};
use parking_lot::{Condvar, Mutex, MutexGuard};

/// The transport to such a peer, which takes all that is written.
#[derive(Debug)]
pub(crate) struct Script {
    text: Vec<u8>,
    when: When,
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, PartialEq)]
enum When {
    /// And then the stream ends.
    Beforehand,
    /// Once for each call that writes.
    WrittenTo,
}

/// How far the peer has been read.
#[derive(Debug, Default)]
struct Said {
    /// How often the text is still to be read.
    times: usize,
    /// How much of it has been read this time.
    read: usize,
    /// The next read that would block is to return.
    woken: bool,
    /// There is nothing more to come.
    ended: bool,
}

impl Script {
    /// The text so often. A read returns nothing of two of them.
    pub(crate) fn repeating(text: impl Into<Vec<u8>>, times: usize) -> Self {
        Self::new(text.into(), When::Beforehand, times)
    }

    /// The text as often as it is written to.
    pub(crate) fn answering(text: impl Into<Vec<u8>>) -> Self {
        Self::new(text.into(), When::WrittenTo, 0)
    }

    /// Nothing, ever.
    pub(crate) fn silent() -> Self {
        Self::answering("")
    }

    fn new(text: Vec<u8>, when: When, times: usize) -> Self {
        let ended = when == When::Beforehand;
        let said = Said {
            times,
            ended,
            ..Said::default()
        };
        Self {
            text,
            when,
            said: Mutex::new(said),
            changed: Condvar::new(),
        }
    }

    /// What can be read at once: nothing at the end of the stream.
    fn rest(&self, said: &Said) -> io::Result<&[u8]> {
        match (said.times, said.ended) {
            (1.., _) => Ok(&self.text[said.read..]),
            (0, true) => Ok(&[]),
            (0, false) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Gives at most so many bytes.
    fn take(&self, most: usize, wait: Wait, give: impl FnOnce(&[u8])) -> io::Result<usize> {
        let mut said = self.said.lock();
        while said.times == 0 && !said.ended && wait != Wait::Never {
            if mem::take(&mut said.woken) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.block(&mut said, wait)?;
        }
        let rest = self.rest(&said)?;
        let count = rest.len().min(most);
        give(&rest[..count]);
        said.read += count;
        if said.times > 0 && said.read == self.text.len() {
            said.times -= 1;
            said.read = 0;
        }
        Ok(count)
    }

    /// Until something changes. It comes to that only if a thread reads before the other writes.
    fn block(&self, said: &mut MutexGuard<'_, Said>, wait: Wait) -> io::Result<()> {
        let (Wait::For(left) | Wait::Briefly(left)) = wait else {
            self.changed.wait(said);
            return Ok(());
        };
        match self.changed.wait_for(said, left).timed_out() {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock());
        self.changed.notify_all();
    }
}

impl Transport for Script {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.take(buffer.len(), wait, |bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes)
        })
    }

    fn read_more(&self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<usize> {
        let room = buffer.capacity() - buffer.len();
        self.take(room, wait, |bytes| buffer.extend_from_slice(bytes))
    }

    fn write(&self, buffers: &[IoSlice<'_>], _: Wait) -> io::Result<usize> {
        if self.when == When::WrittenTo && !self.text.is_empty() {
            self.change(|said| said.times += 1);
        }
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }

    fn peek(&self) -> io::Result<usize> {
        self.rest(&self.said.lock()).map(<[u8]>::len)
    }

    fn wake_reader(&self) {
        self.change(|said| said.woken = true);
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        self.change(|said| said.ended = true);
        Ok(())
    }

    fn peer_addr(&self) -> Addr {
        Addr::Unknown
    }

    fn local_addr(&self) -> Addr {
        Addr::Unknown
    }
}
