//! What the grammar allows, and where one step of the decoder ends.

use http::HeaderMap;

use super::{End, check, map, outcome};
use crate::error::ErrorKind;
use crate::proto::Kind;
use crate::proto::chunked::Decoder;
use crate::proto::limits::Limits;

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
