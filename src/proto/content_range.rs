//! `Content-Range` of a request: which part of the whole its content is (RFC 9110 sections 14.4 and 14.5).

/// What the field says, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentRange {
    /// From `first` on, up to and with `last`, of `total` if that is known.
    Part {
        first: u64,
        last: u64,
        total: Option<u64>,
    },
    /// No part, of so many.
    Nothing { total: u64 },
}

impl ContentRange {
    /// None if it is malformed, or about another unit.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let (unit, range) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        let (part, total) = range.split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        if part == "*" {
            let total = number(total)?;
            return Some(Self::Nothing { total });
        }
        let (first, last) = part.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let is_sane = first <= last && last < total.unwrap_or(u64::MAX);
        is_sane.then_some(Self::Part { first, last, total })
    }
}

/// `parse` alone would take a sign.
fn number(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_within_the_whole() {
        let part = |first, last, total| Some(ContentRange::Part { first, last, total });
        for (value, range) in [
            ("bytes 0-0/1", part(0, 0, Some(1))),
            ("Bytes 5-9/10", part(5, 9, Some(10))),
            ("bytes 5-9/*", part(5, 9, None)),
            ("bytes */10", Some(ContentRange::Nothing { total: 10 })),
        ] {
            assert_eq!(ContentRange::parse(value.as_bytes()), range, "{value}");
        }
        for value in [
            "",
            "bytes",
            "bytes ",
            "bytes 0-0",
            "bytes 0-1/1",
            "bytes 1-0/2",
            "bytes +0-1/2",
            "bytes 0-1/+2",
            "bytes -1/2",
            "bytes 0-/2",
            "bytes */*",
            "bytes=0-1/2",
            "bytes 0-1/2 ",
            "bytes  0-1/2",
            "rows 0-1/2",
            "bytes 0-18446744073709551615/*",
            "bytes 0-1/18446744073709551616",
        ] {
            assert_eq!(ContentRange::parse(value.as_bytes()), None, "{value}");
        }
    }
}
