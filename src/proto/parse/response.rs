//! The head of a response, and its reason phrase (RFC 9112 section 4).

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};

use super::lines::{HeaderLines, is_line_end, malformed, put_headers, version};
use super::search::Head;
use super::source::Source;
use crate::error::Error;
use crate::proto::Reason;
use crate::proto::limits::Limits;

impl Head for Response<()> {
    fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        let mut lines = HeaderLines::new();
        let (parsed, status) = lines.parse(input, limits, |room| {
            let mut parsed = httparse::Response::new(&mut []);
            let parser = httparse::ParserConfig::default();
            let status = parser.parse_response_with_uninit_headers(&mut parsed, input, room)?;
            Ok((parsed, status))
        })?;
        let httparse::Status::Complete(size) = status else {
            return Ok(None);
        };
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(malformed)?;
        *self.status_mut() = status;
        *self.version_mut() = version(parsed.version);
        let source = Source::new(&input[..size], parsed.headers.len());
        put_headers(self.headers_mut(), parsed.headers, &source)?;
        // httparse gives only ASCII, and nothing for a phrase that is more than that.
        let reason = match parsed.reason {
            Some("") => reason(input),
            reason => reason.unwrap_or_default().as_bytes(),
        };
        if reason != status.canonical_reason().unwrap_or_default().as_bytes() {
            let reason = Reason(Bytes::copy_from_slice(reason));
            self.extensions_mut().insert(reason);
        }
        Ok(Some(size))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

/// The phrase of a status line that has been parsed (RFC 9112 section 4): what follows the second
/// space.
fn reason(input: &[u8]) -> &[u8] {
    let lines = input.split(is_line_end);
    let line = lines.into_iter().find(|line| !line.is_empty());
    let parts = line.map(|line| line.splitn(3, |b| *b == b' '));
    parts.and_then(|mut parts| parts.nth(2)).unwrap_or_default()
}
