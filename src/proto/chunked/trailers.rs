//! The trailers: the lines after the last chunk, and which fields may be among them (RFC 9110
//! section 6.5.1).
//!
//! The lines are collected, within `Limits::trailer_bytes`, and parsed as a whole at the end of the body.

use http::HeaderMap;

use super::{Failure, is_control, malformed, too_large};
use crate::error::{ErrorKind, Limit};
use crate::proto::Kind;
use crate::proto::limits::Limits;
use crate::proto::parse::{Source, put_headers};

const UNREADABLE: &str = "the trailers cannot be read";

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

/// Collects the trailers, up to the end of the body.
#[derive(Debug)]
pub(super) struct Trailers {
    kind: Kind,
    next: Next,
    lines: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The first byte of a line, or the CR that ends the body.
    Start,
    Line,
    LineLf,
    BodyEndLf,
}

impl Trailers {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            next: Next::Start,
            lines: Vec::new(),
        }
    }

    /// Takes the next byte. With the last one come the trailers, without what is not allowed there.
    pub(super) fn take(&mut self, byte: u8, limits: &Limits) -> Result<Option<HeaderMap>, Failure> {
        self.next = match self.next {
            Next::Start if byte == b'\r' => Next::BodyEndLf,
            Next::Start | Next::Line => self.in_line(byte, limits)?,
            Next::LineLf => self.line_lf(byte, limits)?,
            Next::BodyEndLf => return self.end(byte, limits).map(Some),
        };
        Ok(None)
    }

    fn in_line(&mut self, byte: u8, limits: &Limits) -> Result<Next, Failure> {
        self.collect(byte, limits)?;
        match byte {
            b'\r' => Ok(Next::LineLf),
            _ if is_control(byte) => Err(malformed("a trailer has a control byte inside")),
            _ => Ok(Next::Line),
        }
    }

    fn line_lf(&mut self, byte: u8, limits: &Limits) -> Result<Next, Failure> {
        self.collect(byte, limits)?;
        match byte {
            b'\n' => Ok(Next::Start),
            _ => Err(malformed("a trailer has a CR inside")),
        }
    }

    fn collect(&mut self, byte: u8, limits: &Limits) -> Result<(), Failure> {
        if self.lines.len() >= limits.trailer_bytes {
            return Err(Failure::Limit(Limit::TrailerBytes(limits.trailer_bytes)));
        }
        self.lines.push(byte);
        Ok(())
    }

    fn end(&mut self, byte: u8, limits: &Limits) -> Result<HeaderMap, Failure> {
        if byte != b'\n' {
            return Err(malformed("the body ends in a CR alone"));
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(b"\r\n");
        parse(&lines, self.kind, limits)
    }
}

/// Trailer lines and the blank line after them.
fn parse(lines: &[u8], kind: Kind, limits: &Limits) -> Result<HeaderMap, Failure> {
    // None is shorter than four bytes.
    let mut room = vec![httparse::EMPTY_HEADER; limits.headers.min(lines.len() / 4)];
    let parsed = match httparse::parse_headers(lines, &mut room) {
        Ok(httparse::Status::Complete((_, parsed))) => parsed,
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Failure::Limit(Limit::TrailerLines(limits.headers)));
        }
        Ok(httparse::Status::Partial) | Err(_) => return Err(malformed(UNREADABLE)),
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
    let mut trailers = HeaderMap::new();
    match put_headers(&mut trailers, &allowed, &Source::new(lines, allowed.len())) {
        Ok(()) => Ok(trailers),
        Err(error) if error.kind() == ErrorKind::TooLarge => {
            Err(too_large("there are more trailers than can be held"))
        }
        Err(_) => Err(malformed(UNREADABLE)),
    }
}

/// Whether a field may come after the content: not one that had to be known before it (RFC 9110
/// section 6.5.1). The name is in any case.
pub(super) fn is_allowed(name: &str) -> bool {
    !(is_one_of(&DECISIVE, name) || is_one_of(&LATE, name))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}
