//! What holds for the code that reads what a peer sent, whatever it sent. The fuzz targets in
//! `tests/fuzz` call these functions with what they think up, the tests with what is kept in
//! `tests/fuzz/corpus`. Outside the semver promise.

use std::io::IoSlice;
use std::net::Shutdown;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};

use crate::aio::Aio;
use crate::conn::Conn;
use crate::error::ErrorKind;
use crate::proto::chunked::{CHUNK_END, Decoder, chunk_head, last_chunk};
use crate::proto::framing::{
    Asked, Framing, is_sound, of_request, of_response, persists, take_host_from_target,
};
use crate::proto::limits::Limits;
use crate::proto::parse::{Head, HeadSearch};
use crate::proto::{Kind, Reason, encode};
use crate::transport::memory::{self, Faults};
use crate::transport::{Transport, Wait};

/// Message heads: whole and byte by byte they parse to the same, and within the limits; what is
/// written of a parsed head parses to the same head.
///
/// # Panics
///
/// If that is not so.
pub fn head(data: &[u8]) {
    // The blank line makes the last attempt to parse certain.
    let input = [data, b"\r\n\r\n"].concat();
    for limits in [Limits::default(), tight()] {
        if let Some(request) = parse_both_ways(&input, &limits) {
            request_survives_writing(&request);
            host_is_of_the_target(request);
        }
        if let Some(response) = parse_both_ways(&input, &limits) {
            response_survives_writing(&response);
        }
    }
}

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

/// The body that follows heads with these header lines: what can be said about it without deciding
/// it all again.
///
/// # Panics
///
/// If that is not so.
pub fn framing(data: &[u8]) {
    let head = [b"GET / HTTP/1.1\r\n", data, b"\r\n\r\n"].concat();
    let Ok(Some((mut request, _))) = Request::parse(&head, &Limits::default()) else {
        return;
    };
    let hosts = request.headers().get_all(HOST).iter().count();
    assert!(hosts == 1 || of_request(&request).is_err());
    let host = HeaderValue::from_static("h");
    request.headers_mut().insert(HOST, host);
    for version in [Version::HTTP_10, Version::HTTP_11] {
        *request.version_mut() = version;
        framing_of_request(&request);
        framing_of_responses(&request);
        persistence(version, request.headers());
    }
}

/// So tight that a fuzzer gets there.
/// Whole exchanges, three at once on one connection, of a method that the first byte chooses, with a
/// peer that says the rest and ends: each ends, and the outcome does not depend on how much comes at
/// a time.
///
/// # Panics
///
/// If that is not so.
pub fn exchange(data: &[u8]) {
    let Some((choice, said)) = data.split_first() else {
        return;
    };
    let methods = [Method::GET, Method::HEAD, Method::CONNECT, Method::POST];
    let method = &methods[usize::from(*choice) % methods.len()];
    let whole = exchanges(method, said, usize::MAX);
    for call_bytes in [1, 7] {
        let cut = exchanges(method, said, call_bytes);
        assert_eq!(cut, whole, "{call_bytes} at a time");
    }
}

/// Status and body of each answer; nothing for one that did not come.
fn exchanges(method: &Method, said: &[u8], call_bytes: usize) -> Vec<Option<(StatusCode, Bytes)>> {
    let mut faults = Faults::none();
    faults.call_bytes = call_bytes;
    let (near, far) = memory::pair(said.len() + (64 << 10), faults);
    let conn = Conn::from_transport(near);
    let mut request = Request::new(Bytes::from_static(b"body"));
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::from_static("http://example.com:80");
    let exchanges: Vec<_> = (0..3)
        .map(|_| conn.transact(Aio::new(), request.clone()))
        .collect();
    // All must be asked before anything is answered.
    let head =
        encode::request(&request, encode::Form::Origin).map_or(0, |encoded| encoded.head.len());
    let mut unasked = 3 * (head + request.body().len());
    while unasked > 0 {
        let asked = far.read(&mut vec![0; unasked], Wait::Forever);
        unasked -= asked.unwrap_or(unasked);
    }
    let said = far.write(&[IoSlice::new(said)], Wait::Never);
    let ended = far.shutdown(Shutdown::Write);
    assert!(said.is_ok() || said.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
    assert!(ended.is_ok());
    let answers = exchanges.into_iter().map(|exchange| exchange.wait().ok());
    answers
        .map(|answer| answer.map(|answer| (answer.status(), answer.into_body())))
        .collect()
}

fn tight() -> Limits {
    Limits::default()
        .head_bytes(100)
        .headers(3)
        .chunk_line(12)
        .trailer_bytes(40)
}

// ----------------------------------------------------------------------------------------- heads

fn parse_both_ways<H: Head>(input: &[u8], limits: &Limits) -> Option<H> {
    let mut search = HeadSearch::default();
    let mut parse = |end: usize| match search.parse::<H>(&input[..end], limits) {
        Ok(head) => Ok(head),
        Err(error) => Err(error.kind()),
    };
    let stepped = (1..=input.len())
        .map(&mut parse)
        .find(|r| !matches!(r, Ok(None)));
    let stepped = stepped.unwrap_or(Ok(None));
    let whole = HeadSearch::default().parse::<H>(input, limits);
    match (stepped, whole) {
        (Ok(Some((_, stepped))), Ok(Some((head, whole)))) => {
            assert_eq!(stepped, whole);
            assert!(whole <= limits.head_bytes);
            Some(head)
        }
        (Ok(None), Ok(None)) => None,
        (Err(stepped), Err(whole)) => {
            // Beyond the limit it depends on the pieces what is found first.
            assert!(stepped == whole.kind() || input.len() > limits.head_bytes);
            None
        }
        // Blank lines are waited out, and only then looked at.
        (Ok(None), Err(_)) if input.iter().all(|b| b"\r\n".contains(b)) => None,
        (stepped, whole) => panic!(
            "{:?} byte by byte, {:?} whole",
            stepped.map(|head| head.map(|(_, size)| size)),
            whole.map(|head| head.map(|(_, size)| size))
        ),
    }
}

/// Written heads may have more lines than those that were read.
fn wide() -> Limits {
    Limits::default().headers(1000).head_bytes(1 << 20)
}

fn request_survives_writing(request: &Request<Bytes>) {
    let Ok(written) = encode::request(request, encode::Form::Origin) else {
        return;
    };
    let again: Request<Bytes> = parse(&written.head);
    assert_eq!(again.method(), request.method());
    assert_eq!(again.version(), request.version());
    assert_eq!(again.uri().path(), request.uri().path());
    assert_eq!(again.uri().query(), request.uri().query());
    if request.method() == Method::CONNECT {
        assert_eq!(again.uri().host(), request.uri().host());
        assert_eq!(again.uri().port_u16(), request.uri().port_u16());
    }
    headers_survive(request.headers(), again.headers());
    // The peer expects what we go on to write, if it knows the codings. Any Host is written.
    let mut hosted = again.clone();
    hosted
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("h"));
    let expected = of_request(&hosted).or_else(|error| match error.kind() {
        ErrorKind::NotSupported => Ok(Framing::Chunked),
        kind => Err(kind),
    });
    assert_eq!(expected, Ok(written.then));
    assert_eq!(persists(again.version(), again.headers()), written.persists);
    // Nothing is left to add.
    let twice = encode::request(&again, encode::Form::Origin).map(|twice| twice.head);
    assert_eq!(twice.ok(), Some(written.head));
}

fn response_survives_writing(response: &Response<Bytes>) {
    let Ok(written) = encode::response(response) else {
        return;
    };
    let again: Response<Bytes> = parse(&written.head);
    assert_eq!(again.status(), response.status());
    assert_eq!(again.version(), response.version());
    let reason = |response: &Response<Bytes>| response.extensions().get::<Reason>().cloned();
    assert_eq!(reason(&again), reason(response));
    headers_survive(response.headers(), again.headers());
    // Before anything of a tunnel there is no body.
    let expected = match of_response(&again, Asked::Other) {
        Ok(Framing::Tunnel) => Some(Framing::None),
        expected => expected.ok(),
    };
    assert_eq!(expected, Some(written.then));
    let twice = encode::response(&again).map(|twice| twice.head);
    assert_eq!(twice.ok(), Some(written.head));
}

/// The head that is all of `written`.
fn parse<H: Head>(written: &[u8]) -> H {
    match H::parse(written, &wide()) {
        Ok(Some((head, size))) if size == written.len() => head,
        Ok(_) => panic!("{} is not one head", written.escape_ascii()),
        Err(error) => panic!("{}: {error}", written.escape_ascii()),
    }
}

/// What is delivered names the host of its target, and is refused if it names none.
fn host_is_of_the_target(mut request: Request<Bytes>) {
    let taken = of_request(&request).is_ok();
    take_host_from_target(&mut request);
    let host = request.headers().get(HOST);
    match request.uri().authority() {
        Some(authority) if *request.method() != Method::CONNECT => {
            assert_eq!(
                host.map(HeaderValue::as_bytes),
                Some(authority.as_str().as_bytes())
            );
        }
        None if taken && request.uri().path() != "*" => {
            assert!(host.is_none_or(|host| !host.is_empty()));
        }
        _ => {}
    }
}

/// Whoever writes a head may add these two, and nothing else.
fn headers_survive(before: &HeaderMap, after: &HeaderMap) {
    let same = |name| before.get_all(name).iter().eq(after.get_all(name));
    assert!(before.keys().all(same));
    let mut added = after.keys().filter(|name| !before.contains_key(*name));
    assert!(added.all(|name| [HOST, CONTENT_LENGTH].contains(name)));
}

// ---------------------------------------------------------------------------------------- bodies

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

/// Numbers that follow from the input, so that what was found is found again.
struct Random(u64);

impl Random {
    fn of(data: &[u8]) -> Self {
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1)
    }

    /// From 1 to `most`, and small ones as often as large ones.
    fn up_to(&mut self, most: usize) -> usize {
        let most = [most, 3][self.next() % 2].min(most).max(1);
        self.next() % most + 1
    }

    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize
    }
}

// --------------------------------------------------------------------------------------- framing

type Found = Result<Framing, ErrorKind>;

fn framing_of_request(request: &Request<Bytes>) {
    let found = of_request(request).map_err(|error| error.kind());
    is_declared(found, request.version(), request.headers());
    assert!(!matches!(found, Ok(Framing::UntilEnd | Framing::Tunnel)));
}

fn framing_of_responses(request: &Request<Bytes>) {
    for status in [100, 101, 103, 200, 204, 205, 304, 404] {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        *response.version_mut() = request.version();
        *response.headers_mut() = request.headers().clone();
        for method in [Method::HEAD, Method::CONNECT, Method::GET] {
            let found = of_response(&response, Asked::from(&method)).map_err(|e| e.kind());
            is_declared(found, request.version(), request.headers());
            if matches!(status, 100 | 103 | 204) && method == Method::GET {
                let declares = [CONTENT_LENGTH, TRANSFER_ENCODING]
                    .iter()
                    .any(|name| response.headers().contains_key(name));
                assert_eq!(is_sound(&response, Asked::Other), !declares);
            }
            match (status, &method) {
                (101, _) => assert_eq!(found, Ok(Framing::Tunnel)),
                (200..=299, &Method::CONNECT) => assert_eq!(found, Ok(Framing::Tunnel)),
                (100..=199 | 204 | 304, _) | (_, &Method::HEAD) => {
                    assert_eq!(found, Ok(Framing::None));
                }
                _ => is_as_in_request(found, of_request(request).map_err(|e| e.kind())),
            }
        }
    }
}

/// A request has no body where a response has one without a length, or it is wrong.
fn is_as_in_request(in_response: Found, in_request: Found) {
    match (in_response, in_request) {
        (Ok(Framing::UntilEnd), Ok(Framing::None) | Err(_))
        | (Ok(Framing::Chunked), Err(ErrorKind::NotSupported)) => {}
        _ => assert_eq!(in_response, in_request),
    }
}

/// What is found is in the headers, and nothing in the headers contradicts it.
fn is_declared(found: Found, version: Version, headers: &HeaderMap) {
    let values = |name: HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let has_length = headers.contains_key(CONTENT_LENGTH);
    let has_coding = headers.contains_key(TRANSFER_ENCODING);
    match found {
        Ok(Framing::Length(length)) => {
            assert!(length > 0 && has_length && !has_coding);
            let written = length.to_string();
            let is_it = |value: &[u8]| {
                let zeros = value.iter().take_while(|&&b| b == b'0').count();
                &value[zeros..] == written.as_bytes()
            };
            assert!(values(CONTENT_LENGTH).all(is_it));
        }
        Ok(Framing::Chunked) => {
            assert!(version == Version::HTTP_11 && !has_length);
            let all: Vec<_> = values(TRANSFER_ENCODING).collect();
            let all = all.join(&b","[..]).to_ascii_lowercase();
            let codings: Vec<_> = all.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
            assert_eq!(codings.last(), Some(&&b"chunked"[..]));
            let chunked = codings.iter().filter(|&&coding| coding == b"chunked");
            assert_eq!(chunked.count(), 1);
        }
        Ok(Framing::UntilEnd) => assert!(!has_length),
        Ok(Framing::None | Framing::Tunnel) => {}
        Err(kind) => {
            assert!(has_length || has_coding);
            assert!(kind == ErrorKind::Protocol || kind == ErrorKind::NotSupported && has_coding);
        }
    }
}

fn persistence(version: Version, headers: &HeaderMap) {
    let lines: Vec<_> = headers.get_all(CONNECTION).into_iter().collect();
    let somewhere = |word: &[u8]| {
        let mut lines = lines
            .iter()
            .map(|line| line.as_bytes().to_ascii_lowercase());
        lines.any(|line| line.windows(word.len()).any(|part| part == word))
    };
    let alone = |word: &str| lines.iter().any(|line| *line == word);
    let persists = persists(version, headers);
    if persists {
        assert!(!alone("close"));
        assert!(version == Version::HTTP_11 || somewhere(b"keep-alive"));
    } else {
        assert!(somewhere(b"close") || version == Version::HTTP_10 && !alone("keep-alive"));
    }
}
