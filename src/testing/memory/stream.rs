//! One end of a stream in memory, as a transport.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

use parking_lot::Mutex;

use super::faults::Faults;
use super::pipe::Pipe;
use crate::transport::{Addr, Transport, Wait};

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
        self.incoming.peek()
    }

    fn wake_reader(&self) {
        self.incoming.wake_reader();
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.outgoing.end_writes();
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.incoming.end_reads();
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
