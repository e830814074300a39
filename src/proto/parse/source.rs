//! The bytes of a head, from which its values are taken.

use bytes::Bytes;

/// From so many lines on, one copy of the head for all of its values costs less than one for each.
const MANY_LINES: usize = 3;

/// A head of which parts are handed out. They may share a copy of all of it, and of nothing else.
pub(in crate::proto) struct Source<'a> {
    head: &'a [u8],
    copy: Option<Bytes>,
}

impl<'a> Source<'a> {
    pub(in crate::proto) fn new(head: &'a [u8], lines: usize) -> Self {
        let copy = (lines >= MANY_LINES).then(|| Bytes::copy_from_slice(head));
        Self { head, copy }
    }

    /// A part of the head.
    pub(super) fn take(&self, part: &[u8]) -> Bytes {
        let shared = self.copy.as_ref().and_then(|copy| {
            // What is empty may lie elsewhere.
            let start = part
                .as_ptr()
                .addr()
                .checked_sub(self.head.as_ptr().addr())?;
            let end = start.checked_add(part.len())?;
            (end <= copy.len()).then(|| copy.slice(start..end))
        });
        shared.unwrap_or_else(|| Bytes::copy_from_slice(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_they_were() {
        let head = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n".to_vec();
        for lines in [0, MANY_LINES] {
            let source = Source::new(&head, lines);
            assert_eq!(source.take(&head[..3]), "GET");
            assert_eq!(source.take(&head[22..23]), "h");
            assert_eq!(source.take(&head[head.len()..]), "");
            assert_eq!(source.take(b""), "");
            assert_eq!(source.take(b"from elsewhere"), "from elsewhere");
        }
    }

    #[test]
    fn many_lines_share_memory() {
        let head = vec![b'a'; 40];
        let many = Source::new(&head, MANY_LINES);
        let (one, other) = (many.take(&head[..20]), many.take(&head[20..]));
        assert_eq!(one.as_ptr().wrapping_add(20), other.as_ptr());
        assert!(Source::new(&head, 1).take(&head[..20]).is_unique());
    }
}
