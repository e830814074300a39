use std::io;

use super::*;

#[test]
fn passes_through_io_error_whole() {
    let error = Error::new(ErrorKind::Canceled)
        .with_count(42)
        .with_detail("why");
    let back = Error::from(io::Error::from(error));
    assert_eq!((back.kind(), back.count()), (ErrorKind::Canceled, 42));
    assert_eq!(
        back.to_string(),
        "the operation was canceled: why (after 42 bytes)"
    );
}

#[test]
fn the_end_of_a_stream_is_not_a_reset() {
    assert!(Error::end_of_stream().is_end_of_stream());
    assert!(!Error::from(io::Error::from(io::ErrorKind::ConnectionReset)).is_end_of_stream());
    assert_eq!(
        io::Error::from(Error::end_of_stream()).kind(),
        io::ErrorKind::UnexpectedEof
    );
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
