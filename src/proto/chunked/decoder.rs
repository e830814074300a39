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
const DECISIVE: [&str; 16] = [
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
const LATE: [&str; 19] = [
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What a decoder made of an input.
    #[derive(Debug, PartialEq)]
    struct Decoded {
        payload: Vec<u8>,
        end: Result<End, (ErrorKind, String)>,
    }

    #[derive(Debug, PartialEq)]
    enum End {
        /// With what is after the body.
        Complete {
            trailers: HeaderMap,
            rest: usize,
        },
        More,
    }

    /// Feeds `input` in pieces up to the places `cuts`, content in pieces of `most` bytes.
    fn decode(kind: Kind, input: &[u8], cuts: &[usize], most: usize, limits: &Limits) -> Decoded {
        let mut decoder = Decoder::new(kind);
        let (mut payload, mut at) = (Vec::new(), 0);
        for cut in cuts.iter().copied().chain([input.len()]) {
            while at < cut && !decoder.is_complete() {
                let step = match decoder.decode(&input[at..cut], most, limits) {
                    Ok(step) => step,
                    Err(error) => {
                        let end = Err((error.kind(), error.to_string()));
                        check_failed(&mut decoder, &end, limits);
                        return Decoded { payload, end };
                    }
                };
                assert!(step.skip + step.content > 0, "no progress at {at}");
                assert!(step.content <= most);
                at += step.skip;
                payload.extend(&input[at..at + step.content]);
                at += step.content;
            }
        }
        let end = match decoder.is_complete() {
            false => End::More,
            true => End::Complete {
                trailers: decoder.take_trailers(),
                rest: input.len() - at,
            },
        };
        Decoded {
            payload,
            end: Ok(end),
        }
    }

    fn check_failed(
        decoder: &mut Decoder,
        end: &Result<End, (ErrorKind, String)>,
        limits: &Limits,
    ) {
        for input in ["", "5\r\nhello"] {
            let again = decoder.decode(input.as_bytes(), 9, limits).unwrap_err();
            assert_eq!(&Err((again.kind(), again.to_string())), end);
            assert!(!decoder.is_complete());
        }
    }

    /// Whole; in two pieces of every size; byte by byte; in pieces of pseudo-random sizes: all the same.
    #[track_caller]
    fn check(kind: Kind, input: &[u8], limits: &Limits) -> Decoded {
        let whole = decode(kind, input, &[], usize::MAX, limits);
        let same = |cuts: &[usize], most| {
            let decoded = decode(kind, input, cuts, most, limits);
            let input = input.escape_ascii();
            assert_eq!(decoded, whole, "{input} cut at {cuts:?}, at most {most}");
        };
        let stride = (input.len() / 300).max(1);
        for cut in (0..input.len()).step_by(stride) {
            same(&[cut], usize::MAX);
        }
        let everywhere: Vec<_> = (0..input.len()).collect();
        same(&everywhere, usize::MAX);
        same(&[], 1);
        let mut random = Random(input.len() as u64);
        for _ in 0..8 {
            let mut cuts: Vec<_> = (0..4).map(|_| random.below(input.len() + 1)).collect();
            cuts.sort_unstable();
            same(&cuts, 1 + random.below(7));
        }
        whole
    }

    /// The same numbers every time (xorshift64*).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.max(1);
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
        }
    }

    /// What a body gives: its payload if it is complete, the error's kind, or nothing if it has no end.
    fn outcome(kind: Kind, input: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, ErrorKind> {
        let decoded = check(kind, input, limits);
        match decoded.end {
            Ok(End::Complete { rest: 0, .. }) => Ok(Some(decoded.payload)),
            Ok(End::Complete { rest, .. }) => panic!("{rest} bytes left"),
            Ok(End::More) => Ok(None),
            Err((kind, _)) => Err(kind),
        }
    }

    fn trailers(kind: Kind, input: &str, limits: &Limits) -> Result<HeaderMap, ErrorKind> {
        match check(kind, input.as_bytes(), limits).end {
            Ok(End::Complete { trailers, rest: 0 }) => Ok(trailers),
            Ok(end) => panic!("{end:?}"),
            Err((kind, _)) => Err(kind),
        }
    }

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let lines = lines.iter();
        lines
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(HeaderName, HeaderValue)>>()
            .into_iter()
            .collect()
    }

    /// Rows are those of the reference's checklist; T are nng's tests of its chunk parser, F its client's.
    /// As in a response; what a request must not have is in the next table.
    #[test]
    fn bodies() {
        const PROTOCOL: Result<Option<&str>, ErrorKind> = Err(ErrorKind::Protocol);
        const TOO_LARGE: Result<Option<&str>, ErrorKind> = Err(ErrorKind::TooLarge);
        for (row, input, expected) in [
            ("F3", "0\r\n\r\n", Ok(Some(""))),
            ("", "000\r\n\r\n", Ok(Some(""))),
            (
                "T76",
                "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
                Ok(Some("hello world")),
            ),
            (
                "T79",
                "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\nA: 1\r\n\r\n",
                Ok(Some("hello")),
            ),
            (
                "T84",
                "A\r\n0123456789\r\n0\r\n\r\n",
                Ok(Some("0123456789")),
            ),
            (
                "T84",
                "00000000000000000000a\r\n0123456789\r\n0\r\n\r\n",
                Ok(Some("0123456789")),
            ),
            ("T85", "5\r\nhel", Ok(None)),
            ("17", "5\r\nhello\r\n", Ok(None)),
            ("17", "5\r\nhello\r\n0\r\n", Ok(None)),
            ("17", "5\r\nhello\r\n0\r\n\r", Ok(None)),
            ("", "", Ok(None)),
            // Data may look like framing.
            (
                "",
                "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
                Ok(Some("\r\n0\r\n\r\n")),
            ),
            // Size.
            ("12, T77", "10000000000000000\r\n", TOO_LARGE),
            ("12, T78, F4", "ffffffffffffffff\r\n", TOO_LARGE),
            ("12", "FFFFFFFFFFFFFFFE\r\n", TOO_LARGE),
            ("12", "8000000000000000\r\n", TOO_LARGE),
            ("12", "7fffffffffffffff\r\nx", Ok(None)),
            (
                "12, F5",
                "10000000000000005\r\nhello\r\n0\r\n\r\n",
                TOO_LARGE,
            ),
            ("13", "-2\r\n", PROTOCOL),
            ("13", "+5\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13", "0x5\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13", " 5\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13", "\t5\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13, T88", "\r\n5\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13", "5\r\nhello\r\n\r\n", PROTOCOL),
            ("13", ";x\r\n", PROTOCOL),
            ("13, T86", "g\r\n", PROTOCOL),
            ("13", "5g\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("13", "5_0\r\n", PROTOCOL),
            ("13", "5 5\r\n", PROTOCOL),
            ("13", "\u{665}\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            // Blanks after the size: F11 is an interoperability failure of nng's.
            ("F11", "5 \r\nhello\r\n0\t \r\n\r\n", Ok(Some("hello"))),
            (
                "F11",
                "5 ;x\r\nhello\r\n0 \t; y = z\r\n\r\n",
                Ok(Some("hello")),
            ),
            // Line ends and controls.
            ("14", "5\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5;x\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5 \nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14, T87", "5\rhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5\r\rhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5;\r\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5;a\rb\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14, T82", "5;\u{1}\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5;\0\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5;\u{7f}\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("14", "5\0\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            (
                "14",
                "5;a=\"\u{e9}\tb\"\r\nhello\r\n0\r\n\r\n",
                Ok(Some("hello")),
            ),
            // After the data.
            ("15, T81", "5\r\nhelloX\r\n0\r\n\r\n", PROTOCOL),
            ("15", "5\r\nhelloXY0\r\n\r\n", PROTOCOL),
            ("15", "5\r\nhello\n0\r\n\r\n", PROTOCOL),
            ("15", "5\r\nhello\r0\r\n\r\n", PROTOCOL),
            ("15", "5\r\nhello0\r\n\r\n", PROTOCOL),
            ("15", "4\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            ("15", "6\r\nhello\r\n0\r\n\r\n", PROTOCOL),
            // Trailers.
            ("T83", "0\r\nA: \u{1}\r\n\r\n", PROTOCOL),
            ("T89", "0\r\nA: 1\rB: 2\r\n\r\n", PROTOCOL),
            ("14", "0\r\nA: 1\n\r\n", PROTOCOL),
            ("14", "0\r\n\n", PROTOCOL),
            ("14", "0\n\r\n", PROTOCOL),
            ("14", "0\r\n\rX", PROTOCOL),
            ("14", "0\r\n\r\r\n", PROTOCOL),
            ("6", "0\r\nA : 1\r\n\r\n", PROTOCOL),
            ("6", "0\r\nA: 1\r\n b\r\n\r\n", PROTOCOL),
            ("6", "0\r\n A: 1\r\n\r\n", PROTOCOL),
            ("24", "0\r\nno colon\r\n\r\n", PROTOCOL),
            ("24", "0\r\n: 1\r\n\r\n", PROTOCOL),
            ("24", "0\r\nA\0: 1\r\n\r\n", PROTOCOL),
            ("24", "0\r\nA\u{e9}: 1\r\n\r\n", PROTOCOL),
        ] {
            let expected = expected.map(|payload| payload.map(Vec::from));
            let found = outcome(Kind::Response, input.as_bytes(), &Limits::default());
            assert_eq!(found, expected, "row {row}: {input:?}");
            let in_request = outcome(Kind::Request, input.as_bytes(), &Limits::default());
            assert!(
                in_request == expected || in_request.is_err(),
                "row {row}: {input:?}"
            );
        }
    }

    /// The line before a chunk of five bytes: what it is in a request, and in a response.
    #[test]
    fn lines_before_chunks() {
        const OK: Result<(), ErrorKind> = Ok(());
        const PROTOCOL: Result<(), ErrorKind> = Err(ErrorKind::Protocol);
        const TOO_LARGE: Result<(), ErrorKind> = Err(ErrorKind::TooLarge);
        let long = |size: usize| format!("5;{}", "e".repeat(size - 1));
        let quoted = |size: usize| format!("5;e=\"{}\"", "\\;".repeat((size - 5) / 2));
        for (line, in_request, in_response) in [
            ("5", OK, OK),
            ("0000000000000005", OK, OK),
            ("00000000000000005", TOO_LARGE, OK),
            // Blanks where no extension follows.
            ("5 ", PROTOCOL, OK),
            ("5\t", PROTOCOL, OK),
            ("5;a ", PROTOCOL, OK),
            ("5;a=b\t", PROTOCOL, OK),
            ("5;a=\"b\" ", PROTOCOL, OK),
            // Blanks where the grammar has them.
            ("5 ;a", OK, OK),
            ("5\t ; a\t=\tb ;c", OK, OK),
            ("5;a =\"b\" ; c = d", OK, OK),
            // Names.
            ("5;", PROTOCOL, OK),
            ("5; ", PROTOCOL, OK),
            ("5;;a", PROTOCOL, OK),
            ("5;a;", PROTOCOL, OK),
            ("5;a; ;b", PROTOCOL, OK),
            ("5;=b", PROTOCOL, OK),
            ("5;a b", PROTOCOL, OK),
            ("5;a,b", PROTOCOL, OK),
            ("5;\"a\"", PROTOCOL, OK),
            ("5;\u{e9}", PROTOCOL, OK),
            ("5;!#$%&'*+-.^_`|~09azAZ", OK, OK),
            // Values.
            ("5;a=", PROTOCOL, OK),
            ("5;a= ", PROTOCOL, OK),
            ("5;a=;b", PROTOCOL, OK),
            ("5;a==b", PROTOCOL, OK),
            ("5;a=b=c", PROTOCOL, OK),
            ("5;a=b c", PROTOCOL, OK),
            ("5;a=b\"", PROTOCOL, OK),
            ("5;a=\"", PROTOCOL, OK),
            ("5;a=\"b", PROTOCOL, OK),
            ("5;a=\"b\\", PROTOCOL, OK),
            ("5;a=\"b\\\"", PROTOCOL, OK),
            ("5;a=\"b\"c", PROTOCOL, OK),
            ("5;a=\"b\"=c", PROTOCOL, OK),
            ("5;a=\"\"", OK, OK),
            ("5;a=\"b;c=\\\"\\\\\t\u{e9}\";d", OK, OK),
            ("5;a=\"b\u{1}\"", PROTOCOL, PROTOCOL),
            ("5;a=\"b\\\u{1}\"", PROTOCOL, PROTOCOL),
            ("5;a=\"b\nc\"", PROTOCOL, PROTOCOL),
            // Their size, of one line.
            (&long(256), OK, OK),
            (&long(257), TOO_LARGE, OK),
            (&quoted(255), OK, OK),
            (&quoted(257), TOO_LARGE, OK),
        ] {
            let body = format!("{line}\r\nhello\r\n0\r\n\r\n");
            for (kind, expected) in [(Kind::Request, in_request), (Kind::Response, in_response)] {
                let found = outcome(kind, body.as_bytes(), &Limits::default());
                let expected = expected.map(|()| Some(b"hello".to_vec()));
                assert_eq!(found, expected, "{kind:?}: {line:?}");
            }
        }
    }

    #[test]
    fn what_is_after_the_body_is_left() {
        let decoded = check(
            Kind::Request,
            b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
            &Limits::default(),
        );
        assert_eq!(decoded.payload, b"a");
        let (trailers, rest) = (HeaderMap::new(), 16);
        assert_eq!(decoded.end, Ok(End::Complete { trailers, rest }));
    }

    #[test]
    fn a_step_has_framing_and_then_content_of_one_chunk() {
        let limits = Limits::default();
        let mut decoder = Decoder::new(Kind::Request);
        let mut step = |input: &[u8], most| {
            let step = decoder.decode(input, most, &limits).unwrap();
            (step.skip, step.content)
        };
        assert_eq!(step(b"", 9), (0, 0));
        assert_eq!(step(b"5\r\nhello\r\n1\r\n!", 0), (3, 0));
        assert_eq!(step(b"hello\r\n1\r\n!", 0), (0, 0));
        assert_eq!(step(b"hello\r\n1\r\n!", 4), (0, 4));
        assert_eq!(step(b"o\r\n1\r\n!", 4), (0, 1));
        assert_eq!(step(b"\r\n1\r\n!", 4), (5, 1));
        assert_eq!(step(b"\r\n0\r\nA: 1\r\n", 4), (11, 0));
        assert_eq!(step(b"\r\n0\r\n", 4), (2, 0));
        assert_eq!(step(b"0\r\n", 4), (0, 0));
        assert!(decoder.is_complete());
        assert_eq!(decoder.take_trailers(), map(&[("a", "1")]));
        assert!(decoder.take_trailers().is_empty());
    }

    #[test]
    fn trailers_are_kept_but_for_those_that_come_too_late() {
        let limits = Limits::default();
        let trailers = |input: &str, limits: &Limits| trailers(Kind::Response, input, limits);
        let input = "0\r\nA: 1\r\nB:\t2 \r\na: 3\r\nC:\r\n\r\n";
        let expected = map(&[("a", "1"), ("b", "2"), ("a", "3"), ("c", "")]);
        assert_eq!(trailers(input, &limits), Ok(expected));
        // The shortest lines that there are.
        let expected = map(&[("a", ""), ("b", ""), ("c", "")]);
        let input = "0\r\nA:\r\nB:\r\nC:\r\n\r\n";
        assert_eq!(trailers(input, &limits), Ok(expected));
        // Row 18.
        for name in DECISIVE.iter().chain(&LATE) {
            for name in [name.to_string(), name.to_uppercase()] {
                let input = format!("0\r\nA: 1\r\n{name}: 5\r\n\r\n");
                assert_eq!(trailers(&input, &limits), Ok(map(&[("a", "1")])), "{name}");
                let error = last_chunk(&map(&[("a", "1"), (&name, "5")])).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
            }
        }
    }

    /// Behind the content nobody expects them; whoever takes them for headers is led astray.
    #[test]
    fn a_request_whose_trailers_decide_something_is_refused() {
        let check = |name: &str| {
            let input = format!("0\r\nA: 1\r\n{name}: 5\r\n\r\n");
            trailers(Kind::Request, &input, &Limits::default())
        };
        for name in DECISIVE {
            assert_eq!(check(name), Err(ErrorKind::Protocol), "{name}");
            let name = name.to_uppercase();
            assert_eq!(check(&name), Err(ErrorKind::Protocol), "{name}");
        }
        for name in LATE {
            assert_eq!(check(name), Ok(map(&[("a", "1")])), "{name}");
        }
        assert_eq!(check("b"), Ok(map(&[("a", "1"), ("b", "5")])));
    }

    #[test]
    fn limits_hold_at_the_byte_and_at_the_line() {
        let limits = Limits::default();
        let outcome = |input: &[u8], limits: &Limits| outcome(Kind::Response, input, limits);
        let trailers = |input: &str, limits: &Limits| trailers(Kind::Response, input, limits);
        // Row 16: one line. Nine bytes with its end.
        let input = b"1;abcde\r\nx\r\n0\r\n\r\n";
        assert!(outcome(input, &limits.chunk_line(9)).is_ok());
        assert_eq!(
            outcome(input, &limits.chunk_line(8)),
            Err(ErrorKind::TooLarge)
        );
        let endless = "0".repeat(5000);
        assert_eq!(
            outcome(endless.as_bytes(), &limits),
            Err(ErrorKind::TooLarge)
        );
        // Row 18: 12 bytes in two lines, and the blank one that always is.
        let input = "0\r\nA: 1\r\nB: 2\r\n\r\n";
        assert!(trailers(input, &limits.trailer_bytes(12)).is_ok());
        assert_eq!(
            trailers(input, &limits.trailer_bytes(11)),
            Err(ErrorKind::TooLarge)
        );
        assert!(trailers("0\r\n\r\n", &limits.trailer_bytes(0)).is_ok());
        assert!(trailers(input, &limits.headers(2)).is_ok());
        assert_eq!(
            trailers(input, &limits.headers(1)),
            Err(ErrorKind::TooLarge)
        );
        // Those that are dropped count too.
        let input = "0\r\nHost: 1\r\nHost: 2\r\n\r\n";
        assert_eq!(
            trailers(input, &limits.headers(1)),
            Err(ErrorKind::TooLarge)
        );
        assert!(trailers(input, &limits.headers(usize::MAX)).is_ok());
        let endless = format!("0\r\nA: {}", "a".repeat(16 * 1024));
        assert_eq!(
            outcome(endless.as_bytes(), &limits),
            Err(ErrorKind::TooLarge)
        );
    }

    /// Row 16: no line is beyond its limit, but all together are.
    #[test]
    fn extensions_are_bounded_over_all_chunks() {
        let body = |extension: usize, data: usize, chunks: usize| {
            let line = format!("{data:x};{}", "e".repeat(extension));
            let chunk = format!("{line}\r\n{}\r\n", "d".repeat(data));
            chunk.repeat(chunks) + "0\r\n\r\n"
        };
        for (extension, data, chunks, fits) in [
            (0, 1, 2000, true),
            (10, 1, 2000, true),
            (100, 100, 100, true),
            (4000, 2000, 10, true),
            (4000, 1, 4, true),
            (4000, 1, 5, false),
            (100, 1, 200, false),
        ] {
            let body = body(extension, data, chunks);
            let (kind, limits) = (Kind::Response, Limits::default());
            let decoded = decode(kind, body.as_bytes(), &[], usize::MAX, &limits);
            let cuts: Vec<_> = (0..body.len()).collect();
            let stepped = decode(kind, body.as_bytes(), &cuts, 3, &limits);
            assert_eq!(decoded, stepped);
            let kind = decoded.end.map_err(|(kind, _)| kind).err();
            assert_eq!(
                kind,
                (!fits).then_some(ErrorKind::TooLarge),
                "{extension} {data} {chunks}"
            );
        }
        // The one line that a raised limit allows.
        let body = body(20_000, 1, 1);
        let limits = Limits::default().chunk_line(30_000);
        let limits = limits.chunk_extensions(30_000);
        for kind in [Kind::Request, Kind::Response] {
            let decoded = decode(kind, body.as_bytes(), &[], usize::MAX, &limits);
            assert!(matches!(decoded.end, Ok(End::Complete { .. })));
        }
    }

    /// Whatever is wrong, and wherever the input is cut, it is the same.
    #[test]
    fn mutations_do_not_depend_on_the_cuts() {
        let seeds: [&[u8]; 3] = [
            b"5;a=b\r\nhello\r\nB \r\n01234567890\r\n0\r\nA: 1\r\nHost: x\r\n\r\nrest",
            b"2\r\n\r\n\r\n10\r\n0123456789abcdef\r\n00;\r\n\r\n",
            b"0\r\nLonger-Name: with a value\r\nB:\r\n\r\n",
        ];
        let mut random = Random(42);
        let bytes = b"\r\n\t 05aF;:x\0\x7f\xe9";
        for _ in 0..300 {
            let mut input = seeds[random.below(seeds.len())].to_vec();
            for _ in 0..=random.below(3) {
                let (at, byte) = (random.below(input.len()), bytes[random.below(bytes.len())]);
                match random.below(3) {
                    0 => input[at] = byte,
                    1 => input.insert(at, byte),
                    _ => _ = input.remove(at),
                }
            }
            let limits = Limits::default().chunk_line(12).trailer_bytes(40);
            for kind in [Kind::Request, Kind::Response] {
                check(kind, &input, &limits);
            }
        }
    }

    #[test]
    fn what_is_written_decodes_to_what_went_in() {
        let mut random = Random(7);
        for _ in 0..100 {
            let (mut wire, mut payload) = (Vec::new(), Vec::new());
            for _ in 0..random.below(5) {
                let data: Vec<_> = (0..=random.below(40))
                    .map(|_| random.below(256) as u8)
                    .collect();
                wire.extend(chunk_head(data.len() as u64));
                wire.extend(&data);
                wire.extend(CHUNK_END);
                payload.extend(data);
            }
            let lines = [("x-a", "1"), ("x-a", "2 3"), ("etag", "")];
            let trailers = map(&lines[..random.below(4)]);
            wire.extend(last_chunk(&trailers).unwrap());
            let end = Ok(End::Complete { trailers, rest: 0 });
            let expected = Decoded { payload, end };
            for kind in [Kind::Request, Kind::Response] {
                assert_eq!(check(kind, &wire, &Limits::default()), expected);
            }
        }
    }

    #[test]
    fn the_line_before_a_chunk_is_its_size() {
        for len in [1, 9, 15, 16, 255, 256, 4096, u64::MAX >> 1, u64::MAX] {
            let head = chunk_head(len);
            assert_eq!(&head[..], format!("{len:x}\r\n").as_bytes());
            assert!(!head.spilled());
        }
        assert_eq!(last_chunk(&HeaderMap::new()).unwrap(), "0\r\n\r\n");
        let last = last_chunk(&map(&[("a", "1")])).unwrap();
        assert_eq!(last, "0\r\na: 1\r\n\r\n");
    }
}
