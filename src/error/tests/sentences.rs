//! What errors say.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::transport::Addr;

#[test]
fn one_sentence_says_it_all() {
    let of = |error: Error, action| error.during(action).with_peer(peer).to_string();
    let timed_out = || Error::new(ErrorKind::TimedOut);
    let full = || Error::from(io::Error::other("the disk is full"));
    for (found, expected) in [
        (
            of(reset().with_count(4096), Action::Write),
            "writing to example.com:80: the peer reset the connection after 4096 bytes were written",
        ),
        (
            of(timed_out().with_count(1), Action::Read),
            "reading from example.com:80: the deadline passed after 1 byte had arrived",
        ),
        (
            of(timed_out().with_request_count(1), Action::ReadResponse),
            "reading a response from example.com:80: the deadline passed \
             after 1 byte of the request was written",
        ),
        (
            of(Error::end_of_stream().incomplete(), Action::ReadBody),
            "reading a body from example.com:80: the peer ended its stream in the middle of a message",
        ),
        (
            of(
                Error::new(ErrorKind::Refused).with_count(7),
                Action::Connect,
            ),
            "connecting to example.com:80: nobody listens there",
        ),
        // What comes behind a clause of its own, or the words of a cause, is set off.
        (
            of(
                timed_out().with_detail("it is late").with_count(2),
                Action::Write,
            ),
            "writing to example.com:80: it is late, after 2 bytes were written",
        ),
        (
            of(full().with_count(2), Action::Write),
            "writing to example.com:80: the operating system reported an error: the disk is full, \
             after 2 bytes were written",
        ),
        // The count is no part of what was wrong.
        (
            of(
                Error::from(Limit::BodyBytes(1000)).with_count(43),
                Action::ReadResponse,
            ),
            "reading a response from example.com:80: the body is larger than the limit `body_bytes` \
             of 1000 bytes",
        ),
        // As far as it is known.
        (reset().to_string(), "the peer reset the connection"),
        (
            reset().with_count(3).to_string(),
            "the peer reset the connection after 3 bytes",
        ),
        (
            reset().during(Action::Write).to_string(),
            "writing: the peer reset the connection",
        ),
        (
            reset().with_peer(peer).to_string(),
            "example.com:80: the peer reset the connection",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn limits_have_names_and_values() {
    use ErrorKind::{NoMemory, TimedOut, TooLarge};
    let time = Duration::from_millis(2_500);
    for (limit, kind, name, sentence) in [
        (
            Limit::HeadBytes(1),
            TooLarge,
            "head_bytes",
            "the head is larger than the limit `head_bytes` of 1 byte",
        ),
        (
            Limit::HeaderLines(2),
            TooLarge,
            "headers",
            "the head has more header lines than the limit `headers` of 2",
        ),
        (
            Limit::InterimResponses(3),
            TooLarge,
            "interim",
            "there are more interim responses than the limit `interim` of 3",
        ),
        (
            Limit::BodyBytes(4),
            TooLarge,
            "body_bytes",
            "the body is larger than the limit `body_bytes` of 4 bytes",
        ),
        (
            Limit::Collected(4),
            TooLarge,
            "collect",
            "the body is larger than the limit `collect` of 4 bytes",
        ),
        (
            Limit::ChunkLine(5),
            TooLarge,
            "chunk_line",
            "the line before a chunk is longer than the limit `chunk_line` of 5 bytes",
        ),
        (
            Limit::ChunkExtensions(6),
            TooLarge,
            "chunk_extensions",
            "the extensions of a chunk are longer than the limit `chunk_extensions` of 6 bytes",
        ),
        (
            Limit::TrailerBytes(7),
            TooLarge,
            "trailer_bytes",
            "the trailers are larger than the limit `trailer_bytes` of 7 bytes",
        ),
        (
            Limit::TrailerLines(8),
            TooLarge,
            "headers",
            "there are more trailers than the limit `headers` of 8",
        ),
        (
            Limit::Queued(9),
            NoMemory,
            "queued",
            "the queue of operations has reached the limit `queued` of 9",
        ),
        (
            Limit::Redirects(10),
            TooLarge,
            "max_redirects",
            "there are more redirections than the limit `max_redirects` of 10",
        ),
        (
            Limit::ConnectTimeout(time),
            TimedOut,
            "connect_timeout",
            "it took longer than the limit `connect_timeout` of 2.5s",
        ),
        (
            Limit::IdleTimeout(time),
            TimedOut,
            "idle_timeout",
            "nothing has moved for longer than the limit `idle_timeout` of 2.5s",
        ),
        (
            Limit::HeadTimeout(time),
            TimedOut,
            "head_timeout",
            "the head of the response took longer than the limit `head_timeout` of 2.5s",
        ),
    ] {
        let error = Error::from(limit);
        assert_eq!((error.kind(), error.limit()), (kind, Some(name)));
        assert_eq!(error.to_string(), sentence);
    }
}

/// Whoever knows best says it first.
#[test]
fn what_is_known_stays() {
    let other = || Some(Arc::new(Peer::of(Addr::Unknown)));
    let error = reset().during(Action::Handshake).with_peer(peer);
    let error = error.during(Action::Call).with_peer(other);
    assert_eq!(
        error.to_string(),
        "making the TLS handshake with example.com:80: the peer reset the connection"
    );
    assert_eq!(error.peer(), peer().as_deref());
    let proxy = || Some(Arc::new(Peer::named("p", Some(1)).into_proxy()));
    let error = reset().during(Action::ReadResponse).with_peer(proxy);
    assert_eq!(
        error.step_of(Action::Tunnel).to_string(),
        "opening a tunnel through the proxy p:1: the peer reset the connection"
    );
    assert!(reset().with_peer(other).peer().is_none(), "it is unknown");
}

/// What an operation that was interrupted has failed with is the cause, and not what is said.
#[test]
fn an_interruption_goes_before_what_it_has_caused() {
    let error = Error::end_of_stream().with_detail("a detail").with_count(5);
    let error = error.because(ErrorKind::Canceled).during(Action::Write);
    assert!(error.is_canceled() && !error.is_end_of_stream());
    assert_eq!(
        error.to_string(),
        "writing: the operation was canceled after 5 bytes were written"
    );
    let same = Error::from(Limit::HeadTimeout(Duration::from_secs(1)));
    assert!(same.because(ErrorKind::TimedOut).limit().is_some());
}

#[test]
fn a_debugger_shows_all_of_it() {
    let error = Error::end_of_stream()
        .incomplete()
        .with_detail("why")
        .with_count(3);
    let error = error.with_source(io::Error::from(io::ErrorKind::NotFound));
    let error = error.during(Action::Connect).with_peer(peer);
    assert_eq!(
        format!("{error:?}"),
        "Error { kind: Reset, action: Connect, \
         peer: Peer { host: Some(\"example.com\"), port: Some(80), addr: Unknown, role: Other }, \
         count: 3, detail: \"why\", end: InOrder, incomplete: true, source: Kind(NotFound) }"
    );
}

#[test]
fn only_what_can_be_shown_is_quoted() {
    let about = |what: &[u8]| {
        let error = Error::new(ErrorKind::Protocol);
        error.with_detail_about("this is none", what).to_string()
    };
    assert_eq!(about(b"a b"), "this is none: `a b`");
    for what in [
        &b""[..],
        b"a\nb",
        b"\x1b[2J",
        b"\xff",
        b"`",
        b"u:p@h",
        &[b'a'; 65],
    ] {
        assert_eq!(about(what), "this is none");
    }
}
