//! What the decoder makes of bodies, however they are cut, and that it reads what is written.

mod bounds;
mod grammar;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{CHUNK_END, Decoder, chunk_head, last_chunk};
use crate::error::ErrorKind;
use crate::proto::Kind;
use crate::proto::limits::Limits;

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

fn check_failed(decoder: &mut Decoder, end: &Result<End, (ErrorKind, String)>, limits: &Limits) {
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
