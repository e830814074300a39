//! Ranges of bytes (RFC 9110 section 14).

use http::{HeaderMap, HeaderValue, header};

/// More ranges than this, or more overlaps among them, are no honest request (section 17.15): they are ignored.
const MOST_RANGES: usize = 16;
const MOST_OVERLAPS: usize = 2;

/// Bytes of a representation: one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl ByteRange {
    pub(crate) fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// The `Content-Range` of a part of `size` bytes (section 14.4).
    pub(crate) fn content_range(self, size: u64) -> HeaderValue {
        let Self { first, last } = self;
        let text = format!("bytes {first}-{last}/{size}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("bytes */*"))
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether both together are one range.
    fn joins(self, other: Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// Everything: there is no `Range`, or it says nothing that is understood.
    None,
    Unsatisfiable,
    Some(Vec<ByteRange>),
}

/// The parts of a representation of `size` bytes that a request asks for.
pub(super) fn select_ranges(headers: &HeaderMap, size: u64) -> Ranges {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Ranges::None;
    };
    let Some(specs) = parse(value.as_bytes()) else {
        return Ranges::None;
    };
    let ranges: Vec<_> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    match ranges.len() {
        0 => Ranges::Unsatisfiable,
        _ if overlaps(&ranges) > MOST_OVERLAPS => Ranges::None,
        _ => Ranges::Some(joined(ranges)),
    }
}

#[derive(Clone, Copy, Debug)]
enum Spec {
    From(u64),
    Between(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|&byte| byte == b'-')?;
        Some(match (&text[..dash], &text[dash + 1..]) {
            (b"", count) => Self::Last(number(count)?),
            (first, b"") => Self::From(number(first)?),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))?
            }
        })
    }

    /// What there is of it.
    fn within(self, size: u64) -> Option<ByteRange> {
        let end = size.checked_sub(1)?;
        let (first, last) = match self {
            Self::From(first) => (first, end),
            Self::Between(first, last) => (first, last.min(end)),
            Self::Last(0) => return None,
            Self::Last(count) => (size.saturating_sub(count), end),
        };
        (first <= end).then_some(ByteRange { first, last })
    }
}

/// None if it is not understood, or too much.
fn parse(value: &[u8]) -> Option<Vec<Spec>> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    let elements = set.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    for element in elements.filter(|element| !element.is_empty()) {
        if specs.len() == MOST_RANGES {
            return None;
        }
        specs.push(Spec::parse(element)?);
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits alone. A number that is too large is as good as the largest: nothing is there.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u64, digit: &u8| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    Some(digits.iter().fold(0, add))
}

fn overlaps(ranges: &[ByteRange]) -> usize {
    let pairs = |(at, range): (usize, &ByteRange)| {
        let others = ranges[at + 1..].iter();
        others.filter(|other| range.overlaps(**other)).count()
    };
    ranges.iter().enumerate().map(pairs).sum()
}

/// Those that touch become one, in the place of the first of them (section 15.3.7.2).
fn joined(ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    let mut joined: Vec<ByteRange> = Vec::with_capacity(ranges.len());
    for mut range in ranges {
        let mut place = None;
        joined = std::mem::take(&mut joined)
            .into_iter()
            .enumerate()
            .filter(|&(at, other)| {
                if !range.joins(other) {
                    return true;
                }
                range.first = range.first.min(other.first);
                range.last = range.last.max(other.last);
                place.get_or_insert(at);
                false
            })
            .map(|(_, other)| other)
            .collect();
        joined.insert(place.unwrap_or(joined.len()), range);
    }
    joined
}
