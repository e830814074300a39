//! The decoder of chunked bodies, and what is written of them.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use super::extension::Place;
use crate::error::{Error, ErrorKind};
use crate::proto::Kind;
use crate::proto::encode::put_headers;
use crate::proto::limits::Limits;
use crate::proto::parse::headers;

/// What follows the data of a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// The end of a body without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// No body has more bytes. A chunk that claims to is an attempt to make somebody's sum wrap around.
const MOST_DATA: u64 = i64::MAX as u64;

/// How much longer than they need be the lines of a body may be, all together.
const MOST_EXCESS: u64 = 16 * 1024;

/// Most digits of a size in a request: those of the largest number, with zeros in front of it or not.
const MOST_DIGITS: usize = 16;

/// Finds the content of a chunked body.
#[derive(Debug)]
pub(crate) struct Decoder {
    kind: Kind,
    state: State,
    /// Bytes of the present chunk line.
    line: usize,
    /// Those of them behind the size, without the line end.
    extensions: usize,
    /// What the chunk lines were longer than their data justifies.
    excess: u64,
    trailer_lines: Vec<u8>,
    trailers: HeaderMap,
}

/// What lies at the front of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of framing.
    pub(crate) skip: usize,
    /// Bytes of content after them.
    pub(crate) content: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// More of the line before a chunk; the number is the size that it has named so far.
    Line(Line, u64),
    /// So much data of a chunk.
    Data(u64),
    /// The CR after it, and then the LF.
    DataEnd,
    DataEndLf,
    /// The first byte of a trailer line, or the CR that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    BodyEndLf,
    Complete,
    Failed(Failure),
}

/// A place in the line before a chunk.
#[derive(Clone, Copy, Debug)]
enum Line {
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

/// An error that can be said again.
#[derive(Clone, Copy, Debug)]
struct Failure(ErrorKind, &'static str);

impl Decoder {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::default(),
            line: 0,
            extensions: 0,
            excess: 0,
            trailer_lines: Vec::new(),
            trailers: HeaderMap::new(),
        }
    }

    /// Looks at `input`: at its front lie `skip` bytes of framing and then `content` bytes of one
    /// chunk's data, at most `most`. Both count as consumed; the next call gets what is after them.
    ///
    /// Both are 0 if `input` is empty, if `most` is 0 and data comes next, or if the body is complete.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`, and the same again from every call after it.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        most: usize,
        limits: &Limits,
    ) -> Result<Step, Error> {
        for (skip, &byte) in input.iter().enumerate() {
            match self.state {
                State::Data(left) => {
                    let content = self.content(left, most.min(input.len() - skip));
                    return Ok(Step { skip, content });
                }
                State::Complete => return Ok(Step { skip, content: 0 }),
                State::Failed(failure) => return Err(failure.into()),
                _ => self.state = self.framing(byte, limits).unwrap_or_else(State::Failed),
            }
        }
        match self.state {
            State::Failed(failure) => Err(failure.into()),
            _ => Ok(Step {
                skip: input.len(),
                content: 0,
            }),
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// What came after the last chunk, without what is not allowed there. Empty before the body is
    /// complete, and the second time.
    pub(crate) fn take_trailers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.trailers)
    }

    fn content(&mut self, left: u64, available: usize) -> usize {
        let content = usize::try_from(left).map_or(available, |left| left.min(available));
        self.state = match left - content as u64 {
            0 => State::DataEnd,
            left => State::Data(left),
        };
        content
    }

    fn framing(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        match self.state {
            State::Line(at, size) => self.line(at, size, byte, limits),
            State::DataEnd => data_end(byte),
            State::DataEndLf => data_end_lf(byte),
            State::TrailerStart => self.trailer_start(byte, limits),
            State::Trailer => self.trailer(byte, limits),
            State::TrailerLf => self.trailer_lf(byte, limits),
            State::BodyEndLf => self.body_end_lf(byte, limits),
            State::Data(_) | State::Complete | State::Failed(_) => Ok(self.state),
        }
    }

    fn line(&mut self, at: Line, size: u64, byte: u8, limits: &Limits) -> Result<State, Failure> {
        self.line += 1;
        if self.line > limits.chunk_line {
            return Err(too_large("the line before a chunk"));
        }
        let next = match at {
            Line::Start => start(byte),
            Line::Size => self.in_size(size, byte),
            Line::Blank => self.after_size(at, size, byte),
            Line::Extension(place) => in_extension(place, size, byte),
            Line::Extensions => in_extensions(size, byte),
            Line::Lf => self.line_lf(size, byte, limits),
        }?;
        if let State::Line(Line::Blank | Line::Extension(_) | Line::Extensions, _) = next {
            self.extensions += 1;
            if self.kind == Kind::Request && self.extensions > limits.chunk_extensions {
                return Err(too_large("the extensions of a chunk"));
            }
        }
        Ok(next)
    }

    fn in_size(&self, size: u64, byte: u8) -> Result<State, Failure> {
        let Some(digit) = hex_digit(byte) else {
            return self.after_size(Line::Size, size, byte);
        };
        let fits = self.kind == Kind::Response || self.line <= MOST_DIGITS;
        size.checked_mul(16)
            .map(|sixteenfold| sixteenfold | digit)
            .filter(|size| fits && *size <= MOST_DATA)
            .map(|size| State::Line(Line::Size, size))
            .ok_or(too_large("the size of a chunk"))
    }

    /// Blanks belong to the extension that comes behind them. Some servers pad their sizes with them.
    fn after_size(&self, at: Line, size: u64, byte: u8) -> Result<State, Failure> {
        match (byte, self.kind, at) {
            (b' ' | b'\t', _, _) => Ok(State::Line(Line::Blank, size)),
            (b';', Kind::Request, _) => Ok(State::Line(Line::Extension(Place::BeforeName), size)),
            (b';', Kind::Response, _) => Ok(State::Line(Line::Extensions, size)),
            (b'\r', Kind::Request, Line::Blank) => {
                Err(malformed("a blank follows the size of a chunk"))
            }
            (b'\r', _, _) => Ok(State::Line(Line::Lf, size)),
            _ => Err(malformed("the size of a chunk is not a number")),
        }
    }

    fn line_lf(&mut self, size: u64, byte: u8, limits: &Limits) -> Result<State, Failure> {
        if byte != b'\n' {
            return Err(malformed("the line before a chunk has a CR inside"));
        }
        self.account(size, limits)?;
        Ok(match size {
            0 => State::TrailerStart,
            size => State::Data(size),
        })
    }

    /// Long lines before small chunks cost the peer little and us much. Data pays for some of it, so
    /// that chunks of one byte and honest extensions pass for ever.
    fn account(&mut self, size: u64, limits: &Limits) -> Result<(), Failure> {
        let framing = std::mem::take(&mut self.line) + CHUNK_END.len();
        self.extensions = 0;
        let paid = size.saturating_mul(2).saturating_add(16);
        self.excess = (self.excess + framing as u64).saturating_sub(paid);
        // One line alone may be as long as the limit for it says.
        if self.excess > MOST_EXCESS.max(limits.chunk_line as u64) {
            return Err(too_large("all the lines before chunks"));
        }
        Ok(())
    }

    fn trailer_start(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        match byte {
            b'\r' => Ok(State::BodyEndLf),
            _ => self.trailer(byte, limits),
        }
    }

    fn trailer(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        self.collect(byte, limits)?;
        match byte {
            b'\r' => Ok(State::TrailerLf),
            _ if is_control(byte) => Err(malformed("a trailer has a control byte inside")),
            _ => Ok(State::Trailer),
        }
    }

    fn trailer_lf(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        self.collect(byte, limits)?;
        match byte {
            b'\n' => Ok(State::TrailerStart),
            _ => Err(malformed("a trailer has a CR inside")),
        }
    }

    fn collect(&mut self, byte: u8, limits: &Limits) -> Result<(), Failure> {
        if self.trailer_lines.len() >= limits.trailer_bytes {
            return Err(too_large("the trailers"));
        }
        self.trailer_lines.push(byte);
        Ok(())
    }

    fn body_end_lf(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        if byte != b'\n' {
            return Err(malformed("the body ends in a CR alone"));
        }
        let mut lines = std::mem::take(&mut self.trailer_lines);
        lines.extend(b"\r\n");
        self.trailers = parse_trailers(&lines, self.kind, limits)?;
        Ok(State::Complete)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Line(Line::Start, 0)
    }
}

/// At least one digit, and nothing before it.
fn start(byte: u8) -> Result<State, Failure> {
    match hex_digit(byte) {
        Some(digit) => Ok(State::Line(Line::Size, digit)),
        None => Err(malformed("a chunk has no size")),
    }
}

fn in_extension(place: Place, size: u64, byte: u8) -> Result<State, Failure> {
    let next = match byte {
        b'\r' => place.may_end().then_some(Line::Lf),
        byte => place.next(byte).map(Line::Extension),
    };
    let next = next.ok_or(malformed("an extension of a chunk is none"))?;
    Ok(State::Line(next, size))
}

/// All that matters is where they end.
fn in_extensions(size: u64, byte: u8) -> Result<State, Failure> {
    match byte {
        b'\r' => Ok(State::Line(Line::Lf, size)),
        _ if is_control(byte) => Err(malformed("a chunk extension has a control byte inside")),
        _ => Ok(State::Line(Line::Extensions, size)),
    }
}

fn data_end(byte: u8) -> Result<State, Failure> {
    match byte {
        b'\r' => Ok(State::DataEndLf),
        _ => Err(malformed("the data of a chunk is longer than its size")),
    }
}

fn data_end_lf(byte: u8) -> Result<State, Failure> {
    match byte {
        b'\n' => Ok(State::default()),
        _ => Err(malformed("the data of a chunk is longer than its size")),
    }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// The tab is a blank. LF is no line end by itself: where one peer ends a line and another does not,
/// they see different bodies.
fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}

/// Trailer lines and the blank line after them.
fn parse_trailers(lines: &[u8], kind: Kind, limits: &Limits) -> Result<HeaderMap, Failure> {
    // None is shorter than four bytes.
    let mut room = vec![httparse::EMPTY_HEADER; limits.headers.min(lines.len() / 4)];
    let parsed = match httparse::parse_headers(lines, &mut room) {
        Ok(httparse::Status::Complete((_, parsed))) => parsed,
        Err(httparse::Error::TooManyHeaders) => {
            return Err(too_large("the number of trailers"));
        }
        Ok(httparse::Status::Partial) | Err(_) => return Err(malformed(TRAILERS)),
    };
    if kind == Kind::Request && parsed.iter().any(|line| is_one_of(&DECISIVE, line.name)) {
        return Err(malformed(
            "a field among the trailers had to be in the head",
        ));
    }
    let allowed: Vec<_> = parsed
        .iter()
        .filter(|line| is_allowed(line.name))
        .copied()
        .collect();
    headers(&allowed).map_err(|error| Failure(error.kind(), TRAILERS))
}

const TRAILERS: &str = "the trailers cannot be read";

/// Whether a field may come after the content: not one that had to be known before it (RFC 9110
/// section 6.5.1). The name is in any case.
fn is_allowed(name: &str) -> bool {
    !(is_one_of(&DECISIVE, name) || is_one_of(&LATE, name))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// What decides where a message ends, where it goes, or who sends it. A server that puts trailers to
/// the headers takes them for that; so in a request they are refused.
pub(super) const DECISIVE: [&str; 16] = [
    // Framing and the connection.
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Routing.
    "host",
    "max-forwards",
    // Authentication.
    "authorization",
    "cookie",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "www-authenticate",
];

/// What comes too late behind the content.
pub(super) const LATE: [&str; 19] = [
    // What modifies the request.
    "cache-control",
    "expect",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
    // Control of the response.
    "age",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
    // How to understand the content.
    "content-encoding",
    "content-range",
    "content-type",
];

/// The line before a chunk of `len` bytes. A chunk of none would end the body.
pub(crate) fn chunk_head(len: u64) -> SmallVec<[u8; 18]> {
    let digits = (u64::BITS - len.leading_zeros()).div_ceil(4).max(1);
    let digit = |place: u32| b"0123456789abcdef"[((len >> (4 * place)) & 0xf) as usize];
    (0..digits).rev().map(digit).chain(*b"\r\n").collect()
}

/// The end of a body, with its trailers.
///
/// # Errors
///
/// `InvalidInput`, with a detail: a trailer must not be written, or not in this place.
pub(crate) fn last_chunk(trailers: &HeaderMap) -> Result<Bytes, Error> {
    if trailers.is_empty() {
        return Ok(Bytes::from_static(LAST_CHUNK));
    }
    if !trailers.keys().map(HeaderName::as_str).all(is_allowed) {
        return Err(Error::new(ErrorKind::InvalidInput)
            .with_detail("a field of this name is not allowed in trailers"));
    }
    let mut last = BytesMut::with_capacity(256);
    last.put_slice(b"0\r\n");
    put_headers(&mut last, trailers)?;
    last.put_slice(b"\r\n");
    Ok(last.freeze())
}

const fn malformed(detail: &'static str) -> Failure {
    Failure(ErrorKind::Protocol, detail)
}

const fn too_large(what: &'static str) -> Failure {
    Failure(ErrorKind::TooLarge, what)
}

impl From<Failure> for Error {
    fn from(Failure(kind, detail): Failure) -> Self {
        Self::new(kind).with_detail(detail)
    }
}
