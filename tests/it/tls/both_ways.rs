//! Data in both directions, of any size.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_aio::http::{Request, Response};
use http_aio::rustls::version::{TLS12, TLS13};
use http_aio::{Aio, Conn};

use super::{
    LOCALHOST, VERSIONS, client_config, expect_pattern, localhost, secured, send, server_config,
};
use crate::support::*;

#[test]
fn both_directions_at_full_speed() {
    for (version, total) in [(&TLS13, 64 << 20), (&TLS12, 16 << 20)] {
        let (client, server) = secured(version);
        let up = send(&client, total);
        let down = send(&server, total);
        let reader = thread::spawn(move || {
            expect_pattern(&client, total);
            client
        });
        expect_pattern(&server, total);
        join(reader);
        for written in up.into_iter().chain(down) {
            settle(written).expect("it was read");
        }
    }
}

#[test]
fn messages_of_every_size() {
    for version in VERSIONS {
        let (client, server) = secured(version);
        for size in [0, 1, 100, 16_383, 16_384, 16_385, 70_000, 1_000_000] {
            let asked = server.read_request(Aio::new());
            let request = Request::post("https://localhost/").body(pattern(0, size));
            let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
            settle(asked).expect("a request");
            let body = settle(server.read_all(Aio::new(), size)).expect("its body");
            assert_pattern(0, &body);
            settle(server.write_response(Aio::new(), Response::new(body))).expect("it is read");
            assert_pattern(0, settle(answer).expect("an answer").body());
        }
    }
}

#[test]
fn over_a_unix_socket() {
    let (near, far) = unix_pair();
    let server = Conn::tls_server(Aio::new(), far, server_config(&TLS13));
    let client = Conn::tls_client(Aio::new(), near, localhost(), client_config());
    let (client, server) = (settle(client), settle(server));
    let (client, server) = (client.expect("a handshake"), server.expect("a handshake"));
    let up = send(&client, 1 << 20);
    expect_pattern(&server, 1 << 20);
    up.into_iter().for_each(|written| drop(settle(written)));
}

#[test]
fn a_vector_of_small_buffers_is_one_after_the_other() {
    let (client, server) = secured(&TLS13);
    let buffers: Vec<_> = (0..3000).map(|i| pattern(i * 7, 7)).collect();
    let written = settle(client.write_all(Aio::new().iov(buffers))).expect("there is room");
    assert_eq!(written.count(), 21_000);
    expect_pattern(&server, 21_000);
}

#[test]
fn many_small_writes_arrive_in_order() {
    let (client, server) = secured(&TLS13);
    let writes: Vec<_> = (0..2000)
        .map(|i| write_pattern(&client, Aio::new(), i * 10, 10))
        .collect();
    expect_pattern(&server, 20_000);
    for write in writes {
        assert_eq!(settle(write).expect("it was read").count(), 10);
    }
}

/// A server sends tickets after the handshake. They are nothing that was not asked for.
#[test]
fn session_tickets_do_not_disturb_an_exchange() {
    let (near, far) = tcp_pair();
    let mut config = LOCALHOST.config(&[&TLS13]);
    config.send_tls13_tickets = 4;
    let server = Conn::tls_server(Aio::new(), far, Arc::new(config));
    let client = settle(Conn::tls_client(
        Aio::new(),
        near,
        localhost(),
        client_config(),
    ))
    .expect("a handshake");
    let server = settle(server).expect("a handshake");
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(5)); // They are there by then.
        let request = Request::get("https://localhost/").body(());
        let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
        settle(server.read_request(Aio::new())).expect("a request");
        settle(server.write_response(Aio::new(), Response::new("x"))).expect("it is read");
        assert_eq!(settle(answer).expect("an answer").body(), "x");
        assert!(client.is_reusable());
    }
    drop(server);
    wait_until("the end is seen", || {
        let request = Request::get("https://localhost/").body(());
        let answer = client.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
        settle(answer).is_err_and(|error| error.is_end_of_stream())
    });
}
