//! What a server adds to the head of a response.

use crate::proto::mentioned::Mentioned;

/// Lines for the head of a response, besides its own: written as they are, because putting them among its fields
/// first would cost more than writing all of the head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Additions {
    /// Unless the head has one.
    pub(crate) date: Option<Date>,
    pub(crate) persistence: Option<Persistence>,
    /// Whether the content is said to be plain text, of which the head says nothing.
    pub(crate) is_text: bool,
    /// Whether the length is said of a body that is empty, also where the end of the connection would be its end.
    pub(crate) always_length: bool,
}

/// An IMF-fixdate (RFC 9110 section 5.6.7).
pub(crate) type Date = [u8; 29];

/// What `Connection` says about other messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    Close,
    /// For a client of HTTP/1.0, which expects the close unless it is told otherwise.
    KeepAlive,
}

impl Additions {
    pub(super) fn announce_close(&self) -> bool {
        self.persistence == Some(Persistence::Close)
    }

    pub(super) fn put(&self, head: &mut Vec<u8>, mentioned: Mentioned) {
        if self.is_text {
            head.extend_from_slice(b"content-type: text/plain; charset=utf-8\r\n");
        }
        if let Some(date) = self.date.filter(|_| !mentioned.date) {
            let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
            line[6..][..date.len()].copy_from_slice(&date);
            head.extend_from_slice(&line);
        }
        match self.persistence {
            Some(Persistence::Close) => head.extend_from_slice(b"connection: close\r\n"),
            Some(Persistence::KeepAlive) => head.extend_from_slice(b"connection: keep-alive\r\n"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;
    use crate::proto::encode::response;
    use crate::proto::framing::Framing;

    const DATE: Date = *b"Thu, 26 Nov 2026 10:00:00 GMT";

    fn head(response_: &Response<Bytes>, additions: &Additions) -> (String, bool, Framing) {
        let encoded = response(response_, additions).unwrap();
        let text = String::from_utf8(encoded.head.to_vec()).unwrap();
        (text, encoded.announced.persists, encoded.announced.then)
    }

    #[test]
    fn lines_are_added_behind_those_of_the_head() {
        let given = Response::builder().header("a", "b");
        let given = given.body(Bytes::from_static(b"hello")).unwrap();
        let additions = Additions {
            date: Some(DATE),
            persistence: Some(Persistence::Close),
            is_text: true,
            always_length: true,
        };
        let (text, persists, then) = head(&given, &additions);
        let expected = "HTTP/1.1 200 OK\r\na: b\r\ncontent-type: text/plain; charset=utf-8\r\ndate: Thu, 26 Nov 2026 10:00:00 GMT\r\n\
                        connection: close\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(text, expected);
        assert!(!persists);
        assert_eq!(then, Framing::None);
    }

    #[test]
    fn a_date_of_its_own_stays() {
        let given = Response::builder().header("date", "then");
        let given = given.body(Bytes::new()).unwrap();
        let additions = Additions {
            date: Some(DATE),
            ..Additions::default()
        };
        let (text, ..) = head(&given, &additions);
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\ndate: then\r\ncontent-length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_last_answer_without_a_body_ends_with_the_connection_unless_its_length_is_said() {
        let given = Response::new(Bytes::new());
        let mut additions = Additions {
            persistence: Some(Persistence::Close),
            ..Additions::default()
        };
        let (text, _, then) = head(&given, &additions);
        assert_eq!(text, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        assert_eq!(then, Framing::UntilEnd);
        additions.always_length = true;
        let (text, _, then) = head(&given, &additions);
        let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!((text.as_str(), then), (expected, Framing::None));
    }
}
