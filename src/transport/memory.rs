//! A stream in memory, for tests: two ends, small buffers, and faults at any call.
//!
//! It stands in for the kernel, so it is the one place besides the completion slot with a condvar.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::{Addr, Transport, Wait};

/// How one end misbehaves. By default it does not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Faults {
    /// How many bytes one call moves at most.
    pub call_bytes: usize,
    /// The write that fails, counted from 1 over those that may block and those that may not.
    pub fail_write: Option<(usize, Fault)>,
    /// The read that fails, counted from 1.
    pub fail_read: Option<(usize, Fault)>,
}

/// What a call does instead of its work.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Fails with an error of this kind.
    Error(io::ErrorKind),
    /// Panics, as a transport must not.
    Panic,
}

impl Faults {
    /// There are no faults.
    pub fn none() -> Self {
        Self {
            call_bytes: usize::MAX,
            fail_write: None,
            fail_read: None,
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

/// One end of a stream in memory.
#[derive(Debug)]
pub struct MemoryStream {
    outgoing: Arc<Pipe>,
    incoming: Arc<Pipe>,
    faults: Faults,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    reads: usize,
    writes: usize,
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    state: Mutex<PipeState>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct PipeState {
    bytes: Vec<u8>,
    no_more_writes: bool,
    no_more_reads: bool,
    woken: bool,
}

/// Two connected ends; each direction holds at most `capacity` bytes. The first has the faults.
pub fn pair(capacity: usize, faults: Faults) -> (MemoryStream, MemoryStream) {
    let (there, back) = (Pipe::new(capacity), Pipe::new(capacity));
    let first = MemoryStream::new(Arc::clone(&there), Arc::clone(&back), faults);
    let second = MemoryStream::new(back, there, Faults::none());
    (first, second)
}

impl MemoryStream {
    fn new(outgoing: Arc<Pipe>, incoming: Arc<Pipe>, faults: Faults) -> Self {
        Self {
            outgoing,
            incoming,
            faults,
            calls: Mutex::default(),
        }
    }

    /// Reads all there is until the other end stops writing.
    pub fn drain(&self) -> Vec<u8> {
        let mut drained = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.incoming.read(&mut buffer, Wait::Forever) {
            drained.extend_from_slice(&buffer[..count]);
        }
        drained
    }
}

impl Fault {
    fn happen(self) -> io::Error {
        match self {
            Self::Error(kind) => kind.into(),
            Self::Panic => std::panic::panic_any("a fault in the transport"),
        }
    }
}

impl Transport for MemoryStream {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let call = {
            let mut calls = self.calls.lock();
            calls.reads += 1;
            calls.reads
        };
        if let Some((_, fault)) = self.faults.fail_read.filter(|(n, _)| *n == call) {
            return Err(fault.happen());
        }
        let most = buffer.len().min(self.faults.call_bytes);
        self.incoming.read(&mut buffer[..most], wait)
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        let call = {
            let mut calls = self.calls.lock();
            calls.writes += 1;
            calls.writes
        };
        if let Some((_, fault)) = self.faults.fail_write.filter(|(n, _)| *n == call) {
            return Err(fault.happen());
        }
        self.outgoing.write(buffers, self.faults.call_bytes, wait)
    }

    fn peek(&self) -> io::Result<usize> {
        let state = self.incoming.state.lock();
        match state.bytes.len() {
            0 if state.no_more_writes || state.no_more_reads => Ok(0),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn wake_reader(&self) {
        self.incoming.change(|state| state.woken = true);
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.outgoing.change(|state| state.no_more_writes = true);
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.incoming.change(|state| state.no_more_reads = true);
        }
        Ok(())
    }

    fn peer_addr(&self) -> Addr {
        Addr::Unknown
    }

    fn local_addr(&self) -> Addr {
        Addr::Unknown
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Pipe {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        })
    }

    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let mut state = self.state.lock();
        let until = deadline(wait);
        while state.bytes.is_empty() && !state.no_more_writes && !state.no_more_reads {
            if std::mem::take(&mut state.woken) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.block(&mut state, wait, until)?;
        }
        let count = buffer.len().min(state.bytes.len());
        buffer[..count].copy_from_slice(&state.bytes[..count]);
        state.bytes.drain(..count);
        drop(state);
        self.changed.notify_all();
        Ok(count)
    }

    /// Writes as `sendmsg` does on a blocking socket: it goes on until everything is accepted, and returns
    /// what it has written when its time is up or the direction is shut down.
    fn write(&self, buffers: &[IoSlice<'_>], most: usize, wait: Wait) -> io::Result<usize> {
        let offered: Vec<u8> = buffers
            .iter()
            .flat_map(|buffer| buffer.iter().copied())
            .take(most)
            .collect();
        let mut state = self.state.lock();
        let until = deadline(wait);
        let mut accepted = 0;
        while accepted < offered.len() {
            if state.no_more_writes || state.no_more_reads {
                return if accepted > 0 {
                    Ok(accepted)
                } else {
                    Err(io::ErrorKind::BrokenPipe.into())
                };
            }
            let room = self.capacity.saturating_sub(state.bytes.len());
            let count = room.min(offered.len() - accepted);
            if count > 0 {
                state
                    .bytes
                    .extend_from_slice(&offered[accepted..accepted + count]);
                accepted += count;
                self.changed.notify_all();
                continue;
            }
            if let Err(error) = self.block(&mut state, wait, until) {
                return if accepted > 0 {
                    Ok(accepted)
                } else {
                    Err(error)
                };
            }
        }
        Ok(accepted)
    }

    fn block(
        &self,
        state: &mut parking_lot::MutexGuard<'_, PipeState>,
        wait: Wait,
        until: Option<Instant>,
    ) -> io::Result<()> {
        match (wait, until) {
            (Wait::Never, _) => return Err(io::ErrorKind::WouldBlock.into()),
            (_, None) => self.changed.wait(state),
            (_, Some(at)) => {
                if self.changed.wait_until(state, at).timed_out() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }
        Ok(())
    }
}

fn deadline(wait: Wait) -> Option<Instant> {
    match wait {
        Wait::For(left) => Instant::now().checked_add(left),
        Wait::Never | Wait::Forever => None,
    }
}
