//! Chunked bodies, read and written.

use http::HeaderMap;

use super::limits::{tight, wide};
use super::random::Random;
use crate::error::ErrorKind;
use crate::proto::Kind;
use crate::proto::chunked::{CHUNK_END, Decoder, chunk_head, last_chunk};
use crate::proto::limits::Limits;

/// Chunked bodies: wherever they are cut they decode to the same, and to what another
/// implementation makes of them; what is written decodes to what went in.
///
/// # Panics
///
/// If that is not so.
pub fn chunked(data: &[u8]) {
    let mut random = Random::of(data);
    for limits in [Limits::default(), tight()] {
        let [_, whole] = [Kind::Request, Kind::Response].map(|kind| {
            let whole = decode(kind, data, usize::MAX, &limits, || usize::MAX);
            assert_eq!(decode(kind, data, usize::MAX, &limits, || 1), whole);
            for most in [1, 7, usize::MAX] {
                let piece = || random.up_to(data.len());
                assert_eq!(decode(kind, data, most, &limits, piece), whole);
            }
            whole
        });
        what_a_request_may_have(data, &whole, &limits);
        if let Ok(End::Complete { trailers, rest }) = whole.end {
            let theirs = decode_with_httparse(data).unwrap_or((whole.payload.clone(), rest));
            assert_eq!((&whole.payload, rest), (&theirs.0, theirs.1));
            body_survives_writing(&whole.payload, trailers, &mut random);
        }
    }
    body_survives_writing(data, HeaderMap::new(), &mut random);
}

/// What a decoder makes of an input.
#[derive(Debug, PartialEq)]
struct Decoded {
    payload: Vec<u8>,
    end: Result<End, (ErrorKind, String)>,
}

#[derive(Debug, PartialEq)]
enum End {
    /// So many bytes are after the body.
    Complete {
        trailers: HeaderMap,
        rest: usize,
    },
    Open,
}

/// What is taken in a request is the same in a response.
fn what_a_request_may_have(data: &[u8], in_response: &Decoded, limits: &Limits) {
    let in_request = decode(Kind::Request, data, usize::MAX, limits, || usize::MAX);
    match in_request.end {
        Err(_) => assert!(in_response.payload.starts_with(&in_request.payload)),
        Ok(_) => assert_eq!(&in_request, in_response),
    }
}

/// Feeds `input` in pieces of these sizes.
fn decode(
    kind: Kind,
    mut input: &[u8],
    most: usize,
    limits: &Limits,
    mut piece: impl FnMut() -> usize,
) -> Decoded {
    let mut decoder = Decoder::new(kind);
    let mut payload = Vec::new();
    while !input.is_empty() && !decoder.is_complete() {
        let piece = &input[..piece().clamp(1, input.len())];
        let step = match decoder.decode(piece, most, limits) {
            Ok(step) => step,
            Err(error) => {
                let end = Err((error.kind(), error.to_string()));
                return Decoded { payload, end };
            }
        };
        assert!(step.skip + step.content > 0 && step.content <= most);
        let (content, rest) = input[step.skip..].split_at(step.content);
        payload.extend(content);
        input = rest;
    }
    let end = match decoder.is_complete() {
        true => End::Complete {
            trailers: decoder.take_trailers(),
            rest: input.len(),
        },
        false => End::Open,
    };
    Decoded {
        payload,
        end: Ok(end),
    }
}

/// Payload, and the number of bytes after the body. For what is known to be well-formed: `httparse`
/// takes more than we do. Nothing if it takes less, which is so for leading zeros.
fn decode_with_httparse(mut input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut payload = Vec::new();
    while let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(input) {
        input = &input[line..];
        if size == 0 {
            let end = match input.starts_with(CHUNK_END) {
                true => 2,
                false => input.windows(4).position(|end| end == b"\r\n\r\n")? + 4,
            };
            return Some((payload, input.len() - end));
        }
        let (data, rest) = input.split_at(usize::try_from(size).ok()?);
        payload.extend(data);
        input = &rest[CHUNK_END.len()..];
    }
    None
}

fn body_survives_writing(mut payload: &[u8], trailers: HeaderMap, random: &mut Random) {
    let expected = payload.to_vec();
    let mut written = Vec::new();
    while !payload.is_empty() {
        let (chunk, rest) = payload.split_at(random.up_to(payload.len()));
        written.extend(chunk_head(chunk.len() as u64));
        written.extend(chunk);
        written.extend(CHUNK_END);
        payload = rest;
    }
    match last_chunk(&trailers) {
        Ok(last) => written.extend(last),
        Err(error) => panic!("{trailers:?}: {error}"),
    }
    let end = Ok(End::Complete { trailers, rest: 0 });
    let payload = expected;
    let limits = wide().trailer_bytes(1 << 20);
    let expected = Decoded { payload, end };
    for kind in [Kind::Request, Kind::Response] {
        let piece = || random.up_to(written.len());
        assert_eq!(decode(kind, &written, usize::MAX, &limits, piece), expected);
    }
}
