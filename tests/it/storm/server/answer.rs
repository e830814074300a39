//! Answers, as they came over the wire.

use super::asked::Asked;

/// An answer, as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) id: Option<u64>,
    pub(super) closes: bool,
    pub(super) has_continued: bool,
    pub(super) content: Vec<u8>,
    /// Without what is interim.
    pub(super) bytes: u64,
}

pub(super) enum Taken {
    /// And how long it is, with what is interim before it.
    Whole(Answer, usize),
    /// So many bytes of it, without what is interim.
    Part(u64),
}

impl Answer {
    pub(super) fn take(bytes: &[u8], one: &Asked, has_ended: bool) -> Taken {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        let final_one = bytes.strip_prefix(CONTINUE);
        let has_continued = final_one.is_some();
        let final_one = final_one.unwrap_or(bytes);
        let interim = bytes.len() - final_one.len();
        let part = Taken::Part(final_one.len() as u64);
        let mut lines = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut lines);
        let size = match head.parse(final_one) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) => return part,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(final_one)),
        };
        let status = head.code.unwrap_or_default();
        let field = |name: &str| {
            let line = head
                .headers
                .iter()
                .find(|line| line.name.eq_ignore_ascii_case(name));
            line.map(|line| String::from_utf8_lossy(line.value).into_owned())
        };
        let length = field("content-length").map(|length| length.parse::<usize>().unwrap());
        let id = field("x-id").and_then(|id| id.parse().ok());
        // What is said to half a head knows nothing of its method.
        let is_head = one.is_head && id.is_some();
        let closes = field("connection").as_deref() == Some("close");
        let content = &final_one[size..];
        let (content, framed) = match length {
            _ if is_head || matches!(status, 204 | 304) => (Vec::new(), 0),
            _ if status == 101 => (Vec::new(), content.len()),
            Some(length) if content.len() >= length => (content[..length].to_vec(), length),
            Some(_) => return part,
            None if field("transfer-encoding").is_some() => match unchunked(content) {
                Some(unchunked) => unchunked,
                None => return part,
            },
            None if has_ended => (content.to_vec(), content.len()),
            None => return part,
        };
        if status == 101 && !one.answer().starts_with(&final_one[size..]) {
            panic!("{one:?}: other bytes came back");
        }
        let answer = Self {
            status,
            id,
            closes: closes || status == 101,
            has_continued,
            content,
            bytes: (size + framed) as u64,
        };
        Taken::Whole(answer, interim + size + framed)
    }
}

/// The content of a chunked body, and how long that was.
fn unchunked(mut bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let whole = bytes.len();
    let mut content = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(bytes) else {
            return None;
        };
        let end = line + size as usize;
        let chunk = bytes.get(line..end)?;
        bytes = bytes.get(end..)?.strip_prefix(b"\r\n")?;
        content.extend_from_slice(chunk);
        if size == 0 {
            return Some((content, whole - bytes.len()));
        }
    }
}
