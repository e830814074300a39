//! The line before a chunk: its size, and its extensions (RFC 9112 section 7.1).
//!
//! A size is hexadecimal digits and nothing else, at least one, and no more than a body can have. Every
//! byte of a line counts against `Limits::chunk_line`; what all lines together are longer than their
//! data justifies is bounded too, as the sum of many lines costs as much as one long line.

use super::extension::Place;
use super::{CHUNK_END, Failure, is_control, malformed, too_large};
use crate::error::Limit;
use crate::proto::Kind;
use crate::proto::limits::Limits;

/// No body has more bytes. A chunk that claims to is an attempt to make somebody's sum wrap around.
const MOST_DATA: u64 = i64::MAX as u64;

/// How much longer than they need be the lines of a body may be, all together.
const MOST_EXCESS: u64 = 16 * 1024;

/// Most digits of a size in a request: those of the largest number, with zeros in front of it or not.
const MOST_DIGITS: usize = 16;

/// Reads the lines before the chunks of a body, one after the other.
#[derive(Debug)]
pub(super) struct Line {
    kind: Kind,
    next: Next,
    /// What the present line has named so far.
    size: u64,
    /// Its bytes.
    bytes: usize,
    /// Those of them behind the size, without the line end.
    extensions: usize,
    /// What the lines were longer than their data justifies.
    excess: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Start,
    Size,
    /// Between the size and the extensions.
    Blank,
    /// In a request.
    Extension(Place),
    /// In a response.
    Extensions,
    Lf,
}

impl Line {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            next: Next::Start,
            size: 0,
            bytes: 0,
            extensions: 0,
            excess: 0,
        }
    }

    /// Takes the next byte. With the last one of a line comes the size of the chunk, and the next line
    /// may follow.
    pub(super) fn take(&mut self, byte: u8, limits: &Limits) -> Result<Option<u64>, Failure> {
        self.bytes += 1;
        if self.bytes > limits.chunk_line {
            return Err(Failure::Limit(Limit::ChunkLine(limits.chunk_line)));
        }
        self.next = match self.next {
            Next::Start => self.start(byte),
            Next::Size => self.in_size(byte),
            Next::Blank => self.after_size(byte),
            Next::Extension(place) => in_extension(place, byte),
            Next::Extensions => in_extensions(byte),
            Next::Lf => return self.end(byte, limits).map(Some),
        }?;
        if let Next::Blank | Next::Extension(_) | Next::Extensions = self.next {
            self.extensions += 1;
            if self.kind == Kind::Request && self.extensions > limits.chunk_extensions {
                return Err(Failure::Limit(Limit::ChunkExtensions(
                    limits.chunk_extensions,
                )));
            }
        }
        Ok(None)
    }

    /// At least one digit, and nothing before it.
    fn start(&mut self, byte: u8) -> Result<Next, Failure> {
        self.size = hex_digit(byte).ok_or(malformed("a chunk has no size"))?;
        Ok(Next::Size)
    }

    fn in_size(&mut self, byte: u8) -> Result<Next, Failure> {
        let Some(digit) = hex_digit(byte) else {
            return self.after_size(byte);
        };
        let fits = self.kind == Kind::Response || self.bytes <= MOST_DIGITS;
        self.size = (self.size.checked_mul(16))
            .map(|sixteenfold| sixteenfold | digit)
            .filter(|size| fits && *size <= MOST_DATA)
            .ok_or(too_large(
                "the size of a chunk is larger than that of any body",
            ))?;
        Ok(Next::Size)
    }

    /// Blanks belong to the extension that comes behind them. Some servers pad their sizes with them.
    fn after_size(&self, byte: u8) -> Result<Next, Failure> {
        match (byte, self.kind, self.next) {
            (b' ' | b'\t', _, _) => Ok(Next::Blank),
            (b';', Kind::Request, _) => Ok(Next::Extension(Place::BeforeName)),
            (b';', Kind::Response, _) => Ok(Next::Extensions),
            (b'\r', Kind::Request, Next::Blank) => {
                Err(malformed("a blank follows the size of a chunk"))
            }
            (b'\r', _, _) => Ok(Next::Lf),
            _ => Err(malformed("the size of a chunk is not a number")),
        }
    }

    fn end(&mut self, byte: u8, limits: &Limits) -> Result<u64, Failure> {
        if byte != b'\n' {
            return Err(malformed("the line before a chunk has a CR inside"));
        }
        self.account(limits)?;
        self.next = Next::Start;
        Ok(self.size)
    }

    /// Long lines before small chunks cost the peer little and us much. Data pays for some of it, so
    /// that chunks of one byte and honest extensions pass for ever.
    fn account(&mut self, limits: &Limits) -> Result<(), Failure> {
        let framing = std::mem::take(&mut self.bytes) + CHUNK_END.len();
        self.extensions = 0;
        let paid = self.size.saturating_mul(2).saturating_add(16);
        self.excess = (self.excess + framing as u64).saturating_sub(paid);
        // One line alone may be as long as the limit for it says.
        if self.excess > MOST_EXCESS.max(limits.chunk_line as u64) {
            return Err(too_large(
                "the lines before the chunks are much longer than their data needs",
            ));
        }
        Ok(())
    }
}

fn in_extension(place: Place, byte: u8) -> Result<Next, Failure> {
    let next = match byte {
        b'\r' => place.may_end().then_some(Next::Lf),
        byte => place.next(byte).map(Next::Extension),
    };
    next.ok_or(malformed(
        "an extension of a chunk is not a name with or without a value",
    ))
}

/// All that matters is where they end.
fn in_extensions(byte: u8) -> Result<Next, Failure> {
    match byte {
        b'\r' => Ok(Next::Lf),
        _ if is_control(byte) => Err(malformed("a chunk extension has a control byte inside")),
        _ => Ok(Next::Extensions),
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
