//! Errors from others, and to others.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use super::*;

#[test]
fn passes_through_io_error_whole() {
    let error = Error::from(Limit::BodyBytes(9)).with_count(42);
    let error = error.during(Action::Read).with_peer(peer).incomplete();
    let error = error.with_source(io::Error::other("below"));
    let shown = (error.to_string(), format!("{error:?}"));
    let back = Error::from(io::Error::from(error));
    assert_eq!((back.to_string(), format!("{back:?}")), shown);
    assert_eq!((back.kind(), back.count()), (ErrorKind::TooLarge, 42));
    assert_eq!(
        (back.limit(), back.peer()),
        (Some("body_bytes"), peer().as_deref())
    );
    assert!(back.is_incomplete_message());
    assert_eq!(back.source().unwrap().to_string(), "below");
}

#[test]
fn the_end_of_a_stream_is_not_a_reset() {
    let end = Error::from(io::Error::from(io::ErrorKind::UnexpectedEof));
    assert!(end.is_end_of_stream() && !end.is_reset());
    assert!(reset().is_reset() && !reset().is_end_of_stream());
    let other = Error::new(ErrorKind::Closed);
    assert!(!other.is_reset() && !other.is_end_of_stream());
    let code = |error| io::Error::from(error).kind();
    assert_eq!(code(Error::end_of_stream()), io::ErrorKind::UnexpectedEof);
    assert_eq!(code(reset()), io::ErrorKind::ConnectionReset);
}

/// Wherever one is lacking: for a socket, a waker or a copy.
#[test]
fn without_a_descriptor_there_is_no_memory() {
    for code in [libc::EMFILE, libc::ENFILE] {
        let error = Error::from(io::Error::from_raw_os_error(code));
        assert_eq!(error.kind(), ErrorKind::NoMemory);
        assert_eq!(error.detail().as_deref(), Some("no descriptor is left"));
        assert!(error.source().is_some());
    }
}

/// The same error for every read that meets it.
#[test]
fn a_shared_error_says_the_same_each_time() {
    let raw = Arc::new(io::Error::from_raw_os_error(libc::ENOSPC));
    let ours = Error::new(ErrorKind::Tls).with_words(|f| f.write_str("damaged"));
    let ours = Arc::new(io::Error::from(ours));
    for _ in 0..2 {
        let (first, second) = (Error::shared(&raw), Error::shared(&ours));
        assert_eq!(
            first.to_string(),
            format!("the operating system reported an error: {raw}")
        );
        assert_eq!(
            (second.kind(), &*second.to_string()),
            (ErrorKind::Tls, "damaged")
        );
        assert!(first.source().is_some() && second.source().is_some());
    }
    let end = Arc::new(io::Error::from(Error::end_of_stream()));
    assert!(Error::shared(&end).is_end_of_stream());
}

#[test]
fn what_http_refuses_says_which_part() {
    use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
    let of = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.source().is_some());
        error.to_string()
    };
    for (found, expected) in [
        (
            of("a b".parse::<Uri>().unwrap_err().into()),
            "the URI is not valid: invalid uri character",
        ),
        (
            of(Method::from_bytes(b"a b").unwrap_err().into()),
            "the method is not valid: invalid HTTP method",
        ),
        (
            of(StatusCode::from_u16(7).unwrap_err().into()),
            "the status is not valid: invalid status code",
        ),
        (
            of(HeaderName::from_bytes(b"a b").unwrap_err().into()),
            "the name of a header is not valid: invalid HTTP header name",
        ),
        (
            of(HeaderValue::from_bytes(b"\n").unwrap_err().into()),
            "the value of a header is not valid: failed to parse header value",
        ),
        (
            of(Request::get("a b").body(()).unwrap_err().into()),
            "the URI is not valid: invalid uri character",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn no_kind_turns_into_a_reason_to_try_again() {
    let kinds = [
        ErrorKind::Abandoned,
        ErrorKind::Canceled,
        ErrorKind::Closed,
        ErrorKind::Io,
        ErrorKind::TimedOut,
    ];
    for kind in kinds {
        assert_ne!(
            io::Error::from(Error::new(kind)).kind(),
            io::ErrorKind::Interrupted
        );
    }
}
