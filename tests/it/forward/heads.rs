//! The head that is sent on: nothing of it concerns the hop before, and it is framed as what follows it.

use std::net::Shutdown;

use http_aio::ErrorKind;
use http_aio::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_aio::http::{HeaderValue, StatusCode};

use super::{GET, HEAD, Relay, prompt, request_becomes, response_becomes, response_passed};
use crate::support::*;

/// A response like this is not sent on, and the next hop sees nothing of it.
#[track_caller]
fn response_is_refused(asked: &str, said: &str) -> ErrorKind {
    let (result, passed) = response_passed(asked, said);
    let (kind, count) = failure(result);
    assert_eq!((count, &*passed), (0, ""), "{said:?}");
    kind
}

#[test]
fn what_concerns_one_hop_stays_on_it() {
    request_becomes(
        "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: close, x-one\r\nX-One: 1\r\nKeep-Alive: 5\r\n\
         TE: trailers, gzip\r\nUpgrade: h2c\r\nProxy-Connection: close\r\n\
         Proxy-Authorization: Basic eA==\r\nAccept: */*\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nhost: h\r\naccept: */*\r\nte: trailers\r\nconnection: te\r\n\r\n",
    );
    response_becomes(
        GET,
        "HTTP/1.1 200 Fine\r\nConnection: x-one\r\nX-One: 1\r\nContent-Length: 2\r\n\
         Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: a=b\r\nServer: s\r\n\r\nok",
        "HTTP/1.1 200 Fine\r\ncontent-length: 2\r\nserver: s\r\n\r\nok",
    );
}

/// A client must not make the relay forget what the relay itself has added (`Via` and its like), or what
/// decides where a message goes and ends.
#[test]
fn a_connection_option_takes_nothing_away_that_is_for_all() {
    request_becomes(
        "GET / HTTP/1.1\r\nHost: h\r\n\
         Connection: host, content-length, via, forwarded, x-forwarded-for, X-Forwarded-Proto, x-real-ip\r\n\
         Content-Length: 1\r\nVia: v\r\nForwarded: for=f\r\nX-Forwarded-For: a\r\n\
         X-Forwarded-Proto: p\r\nX-Real-IP: r\r\n\r\n.",
        "GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\nvia: v\r\nforwarded: for=f\r\n\
         x-forwarded-for: a\r\nx-forwarded-proto: p\r\nx-real-ip: r\r\n\r\n.",
    );
}

#[test]
fn a_length_is_written_once_and_as_anybody_would() {
    let odd = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 002\r\nContent-Length: 2\r\n\r\nok";
    let plain = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok";
    request_becomes(odd, plain);
    request_becomes(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 00\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n",
    );
    response_becomes(
        GET,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 00\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    for status in [200, 304] {
        let asked = if status == 200 { HEAD } else { GET };
        response_becomes(
            asked,
            &format!("HTTP/1.1 {status} OK\r\nContent-Length: 07\r\nContent-Length: 7\r\n\r\n"),
            &format!("HTTP/1.1 {status} OK\r\ncontent-length: 7\r\n\r\n"),
        );
    }
}

/// Whatever the head says that was given back, the body follows as it was read.
#[test]
fn what_was_read_decides_and_not_what_the_head_says_now() {
    let mut relay = Relay::new();
    relay.client.say(GET);
    let mut request = settle(relay.front.read_request(prompt())).unwrap();
    let headers = request.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    settle(relay.front.forward_request(prompt(), request, &relay.back)).unwrap();
    relay
        .server
        .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    let mut response = settle(relay.back.read_response(prompt())).unwrap();
    let headers = response.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("99"));
    let passing = relay
        .back
        .forward_response(prompt(), response, &relay.front);
    relay.server.say("0\r\n\r\n");
    settle(passing).unwrap();
    let (there, back) = relay.ends();
    assert_eq!(
        there,
        "GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(
        back,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    );
}

/// The content of a body that is coded besides being chunked would be another without the coding.
#[test]
fn a_coding_that_is_not_passed_on_is_refused() {
    for coding in ["gzip, chunked", "gzip"] {
        let kind = response_is_refused(
            GET,
            &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"),
        );
        assert_eq!(kind, ErrorKind::NotSupported, "{coding}");
    }
    // Where there is no body, there is nothing that is coded.
    response_becomes(
        GET,
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    );
}

#[test]
fn a_response_to_head_says_what_the_body_would_be() {
    response_becomes(
        HEAD,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    );
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    response_becomes(HEAD, "HTTP/1.1 200 OK\r\n\r\n", chunked);
    response_becomes(
        HEAD,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunked,
    );
    // What contradicts itself is not repeated.
    for odd in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: five",
        "Content-Length: 5\r\nContent-Length: 6",
    ] {
        let said = format!("HTTP/1.1 200 OK\r\n{odd}\r\n\r\n");
        response_becomes(HEAD, &said, chunked);
    }
}

#[test]
fn a_response_without_body_declares_none() {
    for odd in [
        "",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        response_becomes(
            GET,
            &format!("HTTP/1.1 204 No Content\r\n{odd}\r\n"),
            "HTTP/1.1 204 No Content\r\n\r\n",
        );
    }
    response_becomes(
        GET,
        "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\n\r\n",
    );
    response_becomes(
        GET,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: five\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    );
}

#[test]
fn interim_responses_are_passed_on_without_a_body() {
    let mut relay = Relay::new();
    settle(relay.request(GET)).unwrap();
    let said = "HTTP/1.1 103 Early Hints\r\nLink: l\r\nConnection: x-one\r\nX-One: 1\r\n\
                Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(settle(relay.response(said)).unwrap().count(), 37);
    settle(relay.response("HTTP/1.1 204 No Content\r\n\r\n")).unwrap();
    let (_, back) = relay.ends();
    assert_eq!(
        back,
        "HTTP/1.1 103 Early Hints\r\nlink: l\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    );
}

/// A client of HTTP/1.0 does not wait for 100 (Continue), and must not be thought to (RFC 9110 section
/// 10.1.1).
#[test]
fn an_expectation_is_passed_on_but_for_that_of_http_1_0() {
    request_becomes(
        "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "PUT / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nok",
    );
    request_becomes(
        "PUT / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok",
    );
}

#[test]
fn targets_are_in_origin_form() {
    request_becomes(
        "GET http://other:81/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /p?q HTTP/1.1\r\nhost: other:81\r\n\r\n",
    );
    request_becomes(
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n",
    );
    request_becomes("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nhost: \r\n\r\n");
}

#[test]
fn a_switch_of_protocols_is_passed_on_with_its_upgrade() {
    let mut relay = Relay::new();
    relay
        .client
        .say("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    let request = settle(relay.front.read_request(prompt())).unwrap();
    settle(relay.back.write_request(prompt(), request)).unwrap();
    let said = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\
                Content-Length: 3\r\n\r\nraw";
    settle(relay.response(said)).unwrap();
    let streaming = relay.back.forward_stream(prompt(), &relay.front);
    relay.server.shutdown(Shutdown::Write);
    assert_eq!(settle(streaming).unwrap().count(), 3);
    let (_, back) = relay.ends();
    assert_eq!(
        back,
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw"
    );
}

/// The status decides whether there is a body, to whoever reads the response; so it cannot be changed
/// without the body.
#[test]
fn a_status_without_body_is_not_given_to_a_response_that_has_one() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let mut relay = Relay::new();
        settle(relay.request(GET)).unwrap();
        relay
            .server
            .say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let mut response = settle(relay.back.read_response(prompt())).unwrap();
        *response.status_mut() = status;
        let passing = relay
            .back
            .forward_response(prompt(), response, &relay.front);
        assert_eq!(failure(settle(passing)), (ErrorKind::InvalidInput, 0));
        assert_eq!(settle(relay.back.read_body(prompt())).unwrap(), "ok");
        assert_eq!(relay.ends().1, "");
    }
}

/// `Connection` is about trailers, too (RFC 9110 section 7.6.1).
#[test]
fn trailers_that_concern_one_hop_stay_on_it() {
    let chunks = "2\r\nok\r\n0\r\n";
    request_becomes(
        &format!(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: t-one\r\nTransfer-Encoding: chunked\r\n\r\n\
             {chunks}T-One: 1\r\nT-Two: 2\r\n\r\n"
        ),
        &format!(
            "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
             {chunks}t-two: 2\r\n\r\n"
        ),
    );
    response_becomes(
        GET,
        &format!(
            "HTTP/1.1 200 OK\r\nConnection: t-one\r\nTransfer-Encoding: chunked\r\n\r\n\
             {chunks}T-One: 1\r\nT-Two: 2\r\nContent-Length: 3\r\n\r\n"
        ),
        &format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}t-two: 2\r\n\r\n"),
    );
}
