//! Ciphertext that is on its way out, and the plaintext that each record of it counts for.

use std::collections::VecDeque;
use std::io;

/// How much room it keeps for the next write. More is let go, so that idle connections cost little.
const KEPT: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    ciphertext: Vec<u8>,
    /// How many bytes of it are out.
    sent: usize,
    records: VecDeque<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    /// The place in the ciphertext where the record ends.
    end: usize,
    plaintext: usize,
}

impl Outbox {
    pub(super) fn unsent(&self) -> &[u8] {
        &self.ciphertext[self.sent..]
    }

    /// Whether bytes are encrypted that are not counted.
    pub(super) fn holds(&self) -> bool {
        !self.records.is_empty()
    }

    /// Notes that what was appended since the last record is one more record, made of so much plaintext. A
    /// key update before it belongs to it.
    pub(super) fn end_record(&mut self, plaintext: usize) {
        let end = self.ciphertext.len();
        self.records.push_back(Record { end, plaintext });
    }

    /// Notes how much more is out. Returns the plaintext of the records that are now wholly out.
    pub(super) fn advance(&mut self, count: usize) -> usize {
        self.sent = (self.sent + count).min(self.ciphertext.len());
        let mut counted = 0;
        while let Some(record) = self
            .records
            .front()
            .filter(|record| record.end <= self.sent)
        {
            counted += record.plaintext;
            self.records.pop_front();
        }
        if self.unsent().is_empty() {
            self.ciphertext.clear();
            self.sent = 0;
        }
        counted
    }

    pub(super) fn slim(&mut self) {
        if self.ciphertext.is_empty() && self.ciphertext.capacity() > KEPT {
            *self = Self::default();
        }
    }
}

/// Appends, and never fails.
impl io::Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ciphertext.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_record_counts_when_all_of_it_is_out() {
        for step in 1..40 {
            let mut outbox = Outbox::default();
            for plaintext in [1, 5, 10] {
                outbox.write_all(&vec![0; plaintext + 3]).expect("memory");
                outbox.end_record(plaintext);
            }
            let (mut sent, mut counted) = (0, 0);
            while outbox.holds() {
                sent += step;
                counted += outbox.advance(step);
                let expected = match sent {
                    25.. => 16,
                    12.. => 6,
                    4.. => 1,
                    _ => 0,
                };
                assert_eq!(counted, expected, "after {sent}, by {step}");
            }
            assert!(outbox.unsent().is_empty());
        }
    }
}
