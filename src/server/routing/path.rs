//! The one form of a path in which it is matched.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};
use crate::proto::percent::decode;

/// What stands for a `/` that was escaped and so belongs to its segment. No path has it otherwise, because
/// an escaped NUL is refused; and it is one character in place of another, so no literal text before or
/// behind a parameter can match a part of it.
const INNER_SLASH: char = '\0';

/// The path of a request: decoded, without dot segments and empty segments, with its trailing slash.
///
/// Segments are decoded one by one, so an escaped `/` does not separate. Proxies in front of a server may
/// understand a path in another way: what a request is allowed to do is best decided by the route that it
/// takes, not by the text of its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CanonicalPath<'a>(Cow<'a, str>);

impl<'a> CanonicalPath<'a> {
    /// From the path of a target, without its query. A plain path is used as it is.
    ///
    /// # Errors
    ///
    /// `Protocol`, to which a server answers 400: there is no slash at the beginning, a percent sign
    /// that begins no escape, a NUL, text that is not UTF-8, or a `..` that leads beyond the root.
    pub(crate) fn parse(raw: &'a str) -> Result<Self, Error> {
        let Some(segments) = raw.strip_prefix('/') else {
            return Err(refused("the path does not begin with a slash"));
        };
        if is_plain(raw) {
            return Ok(Self(Cow::Borrowed(raw)));
        }
        let mut path = String::with_capacity(raw.len());
        let mut ends_with_slash = false;
        for raw in segments.split('/') {
            let segment = decode_segment(raw).map_err(refused)?;
            ends_with_slash = matches!(&*segment, "" | "." | "..");
            match &*segment {
                "" | "." => {}
                ".." => {
                    let parent = path.rfind('/');
                    path.truncate(parent.ok_or_else(|| refused("the path leads beyond the root"))?);
                }
                segment => {
                    path.push('/');
                    path.push_str(segment);
                }
            }
        }
        if ends_with_slash {
            path.push('/');
        }
        Ok(Self(Cow::Owned(path)))
    }

    /// The segments, decoded. What is escaped as `%2F` is a slash in its segment.
    #[cfg(test)]
    pub(crate) fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        segments(&self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the path is canonical as it is. Names that begin with a dot are rare enough to be looked at.
fn is_plain(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let is_pair = |pair: &[u8]| matches!(pair, [b'/', b'/' | b'.']);
    !bytes.iter().any(|byte| matches!(byte, b'%' | 0)) && !bytes.windows(2).any(is_pair)
}

/// One segment in its canonical form.
pub(super) fn decode_segment(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    if raw.contains('\0') {
        return Err("the path has a NUL");
    }
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let decoded = decode(raw).ok_or("a percent sign in the path begins no escape")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "the path is not UTF-8")?;
    if decoded.contains('\0') {
        return Err("the path has a NUL");
    }
    Ok(Cow::Owned(match decoded.contains('/') {
        true => decoded.replace('/', INNER_SLASH.encode_utf8(&mut [0; 4])),
        false => decoded,
    }))
}

/// The segments of a canonical path or of a part of one.
pub(super) fn segments(canonical: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let segments = canonical.split('/').filter(|segment| !segment.is_empty());
    segments.map(plain_text)
}

/// What a canonical text says to those who do not match it.
pub(super) fn plain_text(canonical: &str) -> Cow<'_, str> {
    match canonical.contains(INNER_SLASH) {
        true => Cow::Owned(canonical.replace(INNER_SLASH, "/")),
        false => Cow::Borrowed(canonical),
    }
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}
