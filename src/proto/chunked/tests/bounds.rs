//! Which trailers are taken, and how much of everything.

use super::{End, decode, map, outcome, trailers};
use crate::error::ErrorKind;
use crate::proto::Kind;
use crate::proto::chunked::last_chunk;
use crate::proto::chunked::trailers::{DECISIVE, LATE};
use crate::proto::limits::Limits;

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
