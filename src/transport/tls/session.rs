//! The session turns plaintext into ciphertext and back. It does no I/O, and all of it is under one lock.

use std::io::{self, IoSlice, Read, Write};

use rustls::Connection;

use super::failure::{failure, used_up};
use super::inbox::Inbox;
use super::outbox::Outbox;
use crate::bufs::{Slices, gather};
use crate::error::Error;
use crate::tls::Negotiated;

/// The most plaintext that is encrypted for one call of the transport below.
const BATCH_BYTES: usize = 64 << 10;

pub(super) struct Session {
    tls: Connection,
    /// The most plaintext of one record.
    record: usize,
    /// What ended it, which each later call is told again.
    broken: Option<rustls::Error>,
    pub(super) output: Output,
    /// Ciphertext that has arrived. `None` while whoever reads has it.
    pub(super) inbox: Option<Inbox>,
}

/// Where the ciphertext on its way out is.
pub(super) enum Output {
    Idle(Outbox),
    /// Whoever writes has it.
    Busy,
    /// Whoever brings the last of it out, in the background, has it.
    Ending,
    Ended,
}

/// What is left to encrypt of a write.
pub(super) struct Plaintext<'a, 'b>(pub(super) &'b mut [IoSlice<'a>]);

impl Session {
    pub(super) fn new(tls: Connection, record: usize, inbox: Inbox) -> Self {
        Self {
            tls,
            record,
            broken: None,
            output: Output::Idle(Outbox::default()),
            inbox: Some(inbox),
        }
    }

    pub(super) fn is_mid_record(&self) -> bool {
        matches!(&self.output, Output::Idle(outbox) if outbox.holds())
    }

    pub(super) fn negotiated(&self) -> Negotiated {
        Negotiated::of(&self.tls)
    }

    /// Makes records of what is left, as many as go out in one call.
    ///
    /// # Errors
    ///
    /// The session is broken, or must not go on.
    pub(super) fn encrypt(
        &mut self,
        plaintext: &mut Plaintext<'_, '_>,
        outbox: &mut Outbox,
    ) -> io::Result<()> {
        self.expect_whole()?;
        let mut room = BATCH_BYTES;
        while room > 0 && !plaintext.is_empty() {
            let mut slices = Slices::new();
            let most = self.record.min(room);
            gather(plaintext.0.iter().map(|b| &b[..]), &mut slices, most);
            let before = outbox.unsent().len();
            let count = self.tls.writer().write_vectored(&slices)?;
            drop(slices);
            self.load(outbox)?;
            // rustls takes what it then refuses to encrypt.
            if count == 0 || outbox.unsent().len() - before <= count {
                return Err(used_up());
            }
            outbox.end_record(count);
            plaintext.advance(count);
            room -= count;
        }
        Ok(())
    }

    /// Takes the ciphertext that has come up, in its order.
    fn load(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(outbox)?;
        }
        Ok(())
    }

    /// Makes the end of our stream, with what has to go before it. Of a broken session it makes the alert
    /// that tells the peer why.
    pub(super) fn last_words(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        if self.broken.is_none() {
            self.tls.send_close_notify();
        }
        self.load(outbox)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Decrypts into `buffer` what has arrived, as far as it goes: 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: more must arrive. Others: the session is broken.
    pub(super) fn decrypt(&mut self, inbox: &mut Inbox, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut buffer[filled..]) {
                Ok(0) => return Ok(filled), // The stream has ended, or there is no more room.
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.feed(inbox) {
                        continue;
                    }
                    // What came before a failure is good.
                    if filled > 0 {
                        return Ok(filled);
                    }
                    self.expect_whole()?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// As `decrypt`, into the spare capacity of `buffer`. Memory is touched only when there is
    /// plaintext: most calls bring a part of a record, and no more.
    pub(super) fn decrypt_more(
        &mut self,
        inbox: &mut Inbox,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let (before, capacity) = (buffer.len(), buffer.capacity());
        let mut result = match self.available(inbox) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            _ => Ok(0),
        };
        // What came before a failure is good.
        while result.is_ok() && buffer.len() < capacity {
            let start = buffer.len();
            let room = self.record.min(capacity - start);
            buffer.resize(start + room, 0);
            result = self.decrypt(inbox, &mut buffer[start..]);
            let count = *result.as_ref().unwrap_or(&0);
            buffer.truncate(start + count);
            if count < room {
                break;
            }
        }
        match buffer.len() - before {
            0 => result,
            count => Ok(count),
        }
    }

    /// Plaintext that can be read at once, as `decrypt`.
    pub(super) fn available(&mut self, inbox: &mut Inbox) -> io::Result<usize> {
        loop {
            let state = self.tls.process_new_packets();
            match state {
                Ok(state) if state.plaintext_bytes_to_read() > 0 => {
                    return Ok(state.plaintext_bytes_to_read());
                }
                Ok(state) if state.peer_has_closed() => return Ok(0),
                _ => {}
            }
            if !self.feed(inbox) {
                self.expect_whole()?;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Hands rustls some of what has arrived. False if nothing is left that it could take.
    fn feed(&mut self, inbox: &mut Inbox) -> bool {
        if self.broken.is_some() || inbox.unread().is_empty() {
            return false;
        }
        let mut unread = inbox.unread();
        let there = unread.len();
        let result = self.tls.read_tls(&mut unread);
        let taken = there - unread.len();
        inbox.take(taken);
        let processed = self.tls.process_new_packets();
        // rustls takes nothing behind the end of the peer's stream.
        if taken == 0 || result.is_err() {
            inbox.clear();
        }
        if let Err(error) = processed {
            inbox.clear();
            self.broken = Some(error);
        } else if let Err(error) = result {
            self.broken = Some(rustls::Error::General(error.to_string()));
        }
        true
    }

    /// Has rustls let go of the room that records took which have been read. It does so when it is
    /// asked to read more, and here there is no more.
    pub(super) fn slim(&mut self) {
        let _ = self.tls.read_tls(&mut Nothing);
    }

    fn expect_whole(&self) -> io::Result<()> {
        match &self.broken {
            Some(error) => Err(Error::into(failure(error.clone(), &[]))),
            None => Ok(()),
        }
    }
}

/// A reader that has nothing to read yet, which is not the end.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Plaintext<'_, '_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn advance(&mut self, count: usize) {
        IoSlice::advance_slices(&mut self.0, count);
    }
}
