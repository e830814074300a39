//! Messages as they should be, in every framing, and such as contradict themselves.

use http_aio::ErrorKind;
use http_aio::http::Request;

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// With its head.
    None,
    Length,
    Chunked,
    /// With the stream.
    Stream,
}

/// A response as it should be, and what is to be made of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Of the request.
    pub(super) method: &'static str,
    pub(super) interim: Vec<u16>,
    pub(super) status: u16,
    pub(super) head: String,
    /// The body on the wire.
    pub(super) raw: Vec<u8>,
    pub(super) framing: Framing,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(&'static str, &'static str)>,
    pub(super) reusable: bool,
}

impl Case {
    pub(super) fn new(head: &str, framing: Framing, raw: &[u8], body: &[u8]) -> Self {
        Self {
            method: "GET",
            interim: Vec::new(),
            status: 200,
            head: format!("{head}\r\n\r\n"),
            raw: raw.to_vec(),
            framing,
            body: body.to_vec(),
            trailers: Vec::new(),
            reusable: framing != Framing::Stream,
        }
    }

    /// `Content-Length` by itself.
    pub(super) fn length(head: &str, body: &str) -> Self {
        let head = format!("{head}\r\nContent-Length: {}", body.len());
        Self::new(&head, Framing::Length, body.as_bytes(), body.as_bytes())
    }

    /// A 200 with this line among its headers, and these chunks.
    pub(super) fn chunked(line: &str, raw: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\n{line}");
        Self::new(&head, Framing::Chunked, raw.as_bytes(), body.as_bytes())
    }

    pub(super) fn bare(head: &str) -> Self {
        Self::new(head, Framing::None, b"", b"")
    }

    pub(super) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn interim(mut self, statuses: &[u16]) -> Self {
        self.interim = statuses.to_vec();
        self
    }

    pub(super) fn trailers(mut self, trailers: &[(&'static str, &'static str)]) -> Self {
        self.trailers = trailers.to_vec();
        self
    }

    pub(super) fn not_reusable(mut self) -> Self {
        self.reusable = false;
        self
    }

    /// All of it.
    pub(super) fn wire(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.raw].concat()
    }

    /// Where all of the content is there, and known to be all.
    #[cfg(feature = "test-util")]
    pub(super) fn content_end(&self) -> usize {
        let all = self.wire().len();
        match self.framing {
            Framing::Chunked => {
                let lines = 0..self.raw.len();
                let starts_line = |&at: &usize| at == 0 || self.raw[..at].ends_with(b"\r\n");
                let last = lines.filter(starts_line).rfind(|&at| self.raw[at] == b'0');
                let last = last.expect("a last chunk");
                let line = self.raw[last..].iter().position(|&b| b == b'\n').unwrap();
                self.head.len() + last + line + 1
            }
            _ => all,
        }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{} {:?}",
            self.method,
            String::from_utf8_lossy(&self.wire())
        )
    }

    pub(super) fn request(&self) -> Request<()> {
        let request = Request::builder().method(self.method);
        request.uri("http://h/").body(()).unwrap()
    }
}

/// Every way to frame a response that a client must understand: F1 to F15, and rows 1 to 19 and 43
/// to 45 of the checklist.
pub(super) fn legal() -> Vec<Case> {
    use Framing::{None, Stream};
    const OK: &str = "HTTP/1.1 200 OK";
    const TE: &str = "Transfer-Encoding: chunked";
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    vec![
        // By length.
        Case::length(OK, "hello"),
        Case::length(OK, ""),
        Case::length("HTTP/1.1 404 Not Found", "nothing here").status(404),
        Case::length("HTTP/1.1 301 Moved\r\nLocation: /x", "moved").status(301), // F15
        Case::length("HTTP/1.1 200", "F10"),
        Case::length("HTTP/1.1 200 OK\r\nX: gr\u{fc}n", "F14"),
        Case::length("HTTP/1.1 200 OK\r\nConnection: Close", "last").not_reusable(),
        Case::length("HTTP/1.1 200 OK\r\nConnection: x, close", "last").not_reusable(),
        Case::length("HTTP/1.0 200 OK", "once").not_reusable(),
        Case::length("HTTP/1.0 200 OK\r\nConnection: Keep-Alive", "again"),
        // F1: by the end of the stream.
        Case::new(OK, Stream, b"to the end", b"to the end"),
        Case::new(OK, Stream, b"", b""),
        Case::new("HTTP/1.0 200 OK\r\nA: b", Stream, b"\r\n\r\n0", b"\r\n\r\n0"),
        Case::new(OK, Stream, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        // Chunks; F2: in any case.
        Case::chunked(TE, hello, "hello"),
        Case::chunked("transfer-encoding: Chunked", hello, "hello"),
        Case::chunked("TRANSFER-ENCODING:\t CHUNKED \t", hello, "hello"),
        Case::chunked(TE, "0\r\n\r\n", ""), // F3
        Case::chunked(TE, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        Case::chunked(TE, "A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        Case::chunked(TE, "0000000a\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n0\r\n"),
        Case::chunked(TE, "5;a=b;c=\"d;\te\";f\r\nhello\r\n0;g\r\n\r\n", "hello"),
        Case::chunked(TE, "5 ; a = b\r\nhello\r\n0\r\n\r\n", "hello"),
        Case::chunked(TE, "1\r\na\r\n0\r\nX-A: 1\r\nx-b:  two words \r\nX-A: 3\r\n\r\n", "a")
            .trailers(&[("x-a", "1"), ("x-a", "3"), ("x-b", "two words")]),
        // 18: what must not come in a trailer is not told.
        Case::chunked(
            TE,
            "1\r\na\r\n0\r\nContent-Length: 5\r\nX: y\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n",
            "a",
        )
        .trailers(&[("x", "y")]),
        Case::chunked("Transfer-Encoding: chunked\r\nConnection: close", hello, "hello")
            .not_reusable(),
        // F6, F7, 11: none, whatever the head declares.
        Case::bare("HTTP/1.1 200 OK\r\nContent-Length: 5").method("HEAD"),
        Case::bare("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").method("HEAD"),
        Case::bare("HTTP/1.1 200 OK").method("HEAD"),
        Case::bare("HTTP/1.1 204 No Content").status(204),
        Case::bare("HTTP/1.1 304 Not Modified").status(304),
        Case::bare("HTTP/1.1 304 Not Modified\r\nContent-Length: 5").status(304),
        Case::bare("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked").status(304),
        // F8, 43, 45: interim ones before it.
        Case::length(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK",
            "hello",
        )
        .interim(&[100, 103]),
        Case::chunked(TE, hello, "hello").after("HTTP/1.1 102 Processing\r\n\r\n", &[102]),
        Case::new(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9",
            None,
            b"",
            b"",
        )
        .method("HEAD")
        .interim(&[100]),
    ]
}

impl Case {
    pub(super) fn after(mut self, before: &str, interim: &[u16]) -> Self {
        self.head.insert_str(0, before);
        self.interim(interim)
    }
}

pub(super) const NEXT: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nnext";

pub(super) fn next() -> Case {
    Case::length("HTTP/1.1 202 Accepted", "next").status(202)
}

/// A 200 with these lines, and these bytes after it. The peer stays: a refusal must not wait for it.
pub(super) fn illegal() -> Vec<(String, String, &'static [ErrorKind])> {
    const PROTOCOL: &[ErrorKind] = &[ErrorKind::Protocol];
    const TOO_LARGE: &[ErrorKind] = &[ErrorKind::TooLarge];
    const EITHER: &[ErrorKind] = &[ErrorKind::Protocol, ErrorKind::TooLarge];
    let mut cases = Vec::new();
    // 1, 2, F9: lengths.
    for value in [
        "+5", "-1", "0x5", "5x", "10abc", "5, 6", "", "5 5", ",5", "5;", "\u{665}",
    ] {
        cases.push((format!("Content-Length: {value}"), "hello".into(), PROTOCOL));
    }
    let two = "Content-Length: 5\r\nContent-Length: 6";
    cases.push((two.into(), "hello".into(), PROTOCOL));
    let two = "Content-Length: 6\r\nContent-Length: 5";
    cases.push((two.into(), "hello".into(), PROTOCOL));
    for value in ["18446744073709551616", "99999999999999999999"] {
        cases.push((format!("Content-Length: {value}"), "hello".into(), EITHER));
    }
    // 6: what is no header line.
    for line in [
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Content-Length : 5",
        "Transfer\tEncoding: chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \x0bchunked",
    ] {
        cases.push((line.into(), "5\r\nhello\r\n0\r\n\r\n".into(), PROTOCOL));
    }
    let chunked = "Transfer-Encoding: chunked";
    // 12, F4, F5, and 77, 78 of nng's: sizes that are none.
    for size in [
        "10000000000000000",
        "10000000000000005",
        "ffffffffffffffff0",
        "FFFFFFFFFFFFFFFFFFFFFFFF",
    ] {
        cases.push((chunked.into(), format!("{size}\r\nhello\r\n"), EITHER));
    }
    // 13 to 15, and 81 to 89 of nng's.
    for raw in [
        "-2\r\nhi\r\n",
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "\t5\r\nhello\r\n",
        "5,\r\nhello\r\n",
        "5 5\r\nhello\r\n",
        "g\r\nhello\r\n",
        "5g\r\nhello\r\n",
        ";a\r\n\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\rhello\r\n",
        "5;a\nhello\r\n",
        "5;a\rb\r\nhello\r\n",
        "5;a\0\r\nhello\r\n",
        "5;\x01\r\nhello\r\n",
        "5;\x7f\r\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rx",
        "5\r\nhello!\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n-0\r\n\r\n",
        "5\r\nhello\r\n0\n",
        "5\r\nhello\r\n0\r\rx",
        "5\r\nhello\r\n0\r\nA\x01: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\x01\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\rc\r\n\r\n",
        "5\r\nhello\r\n0\r\n\rx",
    ] {
        cases.push((chunked.into(), raw.into(), PROTOCOL));
    }
    // 16, 18, 20: what does not end.
    let endless = "x".repeat(5000);
    cases.push((chunked.into(), format!("5;{endless}"), TOO_LARGE));
    cases.push((chunked.into(), "0".repeat(5000), EITHER));
    let line = format!("A: {endless}\r\n");
    cases.push((
        chunked.into(),
        format!("1\r\na\r\n0\r\n{}", line.repeat(4)),
        TOO_LARGE,
    ));
    let lines = "A:\r\n".repeat(10_000);
    cases.push((chunked.into(), format!("1\r\na\r\n0\r\n{lines}"), TOO_LARGE));
    cases
}
