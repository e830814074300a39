//! What a receiver makes of the bytes that it got.

use std::collections::BTreeMap;

/// A message as far as it has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes of the head.
    pub(crate) head: usize,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: BTreeMap<String, String>,
    pub(crate) whole: Whole,
}

/// Whether it is all there, as the receiver sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    #[default]
    No,
    /// It ends with the stream, and may have been cut.
    Unknown,
}

impl Received {
    /// Bytes that count.
    pub(crate) fn count(&self) -> u64 {
        (self.head + self.content.len()) as u64
    }
}

/// Whether the receiver expects content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "test-util"),
    allow(dead_code, reason = "only the random tests ask for heads")
)]
pub(crate) enum Asked {
    Whole,
    Head,
}

/// Takes the first message off the front.
#[track_caller]
pub(crate) fn take_message(wire: &mut &[u8], asked: Asked) -> Received {
    let Some(end) = wire.windows(4).position(|four| four == b"\r\n\r\n") else {
        let head = wire.len();
        *wire = &[];
        return Received {
            head,
            ..Received::default()
        };
    };
    let head = std::str::from_utf8(&wire[..end]).expect("a head");
    let mut received = Received {
        head: end + 4,
        ..Received::default()
    };
    *wire = &wire[end + 4..];
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    };
    let has_body = !head.starts_with("HTTP/1.1 204") && asked == Asked::Whole;
    match (field("content-length"), field("transfer-encoding")) {
        _ if !has_body => received.whole = Whole::Yes,
        (Some(_), Some(_)) => panic!("two framings: {head}"),
        (Some(length), None) => {
            let length: usize = length.parse().expect("a length");
            let there = length.min(wire.len());
            received.content = take(wire, there).to_vec();
            received.whole = if there == length {
                Whole::Yes
            } else {
                Whole::No
            };
        }
        (None, Some("chunked")) => take_chunks(wire, &mut received),
        (None, Some(coding)) => panic!("{coding}"),
        (None, None) if head.starts_with("HTTP/") => {
            received.content = take(wire, wire.len()).to_vec();
            received.whole = Whole::Unknown;
        }
        (None, None) => received.whole = Whole::Yes,
    }
    received
}

fn take<'a>(wire: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = wire.split_at(count.min(wire.len()));
    *wire = rest;
    taken
}

/// The line at the front, if it is whole.
fn take_line<'a>(wire: &mut &'a [u8]) -> Option<&'a str> {
    let end = wire.windows(2).position(|end| end == b"\r\n")?;
    let line = std::str::from_utf8(take(wire, end)).expect("a line");
    take(wire, 2);
    Some(line)
}

#[track_caller]
fn take_chunks(wire: &mut &[u8], received: &mut Received) {
    while let Some(size) = take_line(wire) {
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return take_trailers(wire, received);
        }
        received.content.extend_from_slice(take(wire, size));
        let end = take(wire, 2);
        assert!(b"\r\n".starts_with(end), "{end:?}");
    }
    *wire = &[];
}

#[track_caller]
fn take_trailers(wire: &mut &[u8], received: &mut Received) {
    while let Some(line) = take_line(wire) {
        let Some((name, value)) = line.split_once(": ") else {
            assert_eq!(line, "");
            received.whole = Whole::Yes;
            return;
        };
        received.trailers.insert(name.to_owned(), value.to_owned());
    }
    *wire = &[];
}
