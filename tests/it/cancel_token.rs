//! One token for many operations: canceled before they are submitted, while they are under way, and after
//! their handles are gone.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::{Aio, CancelToken, Client, Conn, ErrorKind, Written};

use crate::support::*;

fn canceled() -> CancelToken {
    let token = CancelToken::new();
    token.cancel();
    token
}

#[test]
fn nothing_is_done_with_a_token_that_is_canceled_already() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let token = canceled();
        assert!(token.is_canceled());
        let write = conn.write_all(Aio::new().cancel_token(&token).iov(["never written"]));
        assert_eq!(failure(settle(write)), (ErrorKind::Canceled, 0));
        let read = conn.read(Aio::new().cancel_token(&token), 10);
        assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
        let request = Request::get("http://h/").body(()).expect("a request");
        let exchange = conn.transact(Aio::new().cancel_token(&token), request);
        assert_eq!(failure(settle(exchange)), (ErrorKind::Canceled, 0));
        let shutdown = conn.shutdown(Aio::new().cancel_token(&token));
        assert_eq!(failure(settle(shutdown)), (ErrorKind::Canceled, 0));
        // The connection is untouched.
        let write = conn.write_all(Aio::new().iov(["written"]));
        settle(write).expect("there is room");
        assert_eq!(peer.expect(7), b"written");
    }
}

#[test]
fn nobody_is_connected_to_with_a_token_that_is_canceled_already() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it can be");
    let address = listener.local_addr().expect("an address");
    let token = canceled();

    let connect = Conn::connect(Aio::new().cancel_token(&token), address);
    assert_eq!(failure(settle(connect)), (ErrorKind::Canceled, 0));
    let client = Client::new();
    let url = format!("http://{address}/").parse().expect("a URI");
    let connect = client.connect(Aio::new().cancel_token(&token), &url);
    assert_eq!(failure(settle(connect)), (ErrorKind::Canceled, 0));
    let request = Request::get(url).body(()).expect("a request");
    let call = client.transact(Aio::new().cancel_token(&token), request);
    assert_eq!(failure(settle(call)), (ErrorKind::Canceled, 0));
    assert!(listener.accept().is_err(), "somebody has connected");
}

#[test]
fn ends_all_that_is_under_way() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (conn, peer) = pair(Family::Tcp);
    let (other, other_peer) = pair(Family::Unix);
    let token = CancelToken::new();
    let theirs = || token.clone();

    let stuck = jam(&conn, Aio::new().cancel_token(&theirs()));
    let queued = conn.write_all(Aio::new().cancel_token(&theirs()).iov(["behind"]));
    let read = other.read(Aio::new().cancel_token(&theirs()), 10);
    let (told, _) = tell(other.read(Aio::new().cancel_token(&theirs()), 10));
    let request = Request::get(format!("http://{address}/"))
        .body(())
        .expect("a request");
    let call = Client::new().transact(Aio::new().cancel_token(&theirs()), request);
    let accepted = listener.accept().expect("the client connects");

    let start = Instant::now();
    let canceling = theirs();
    join(thread::spawn(move || canceling.cancel()));
    let moved = stuck.count();
    assert!(failure(settle(stuck)).1 >= moved);
    assert_eq!(failure(settle(queued)).1, 0);
    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
    let told = receive(&told);
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(call)).0, ErrorKind::Canceled);
    assert!(start.elapsed() < PATIENCE / 3);
    drop((peer, other_peer, accepted));
}

#[test]
fn ends_an_operation_whose_handle_is_gone() {
    let (conn, mut peer) = pair(Family::Tcp);
    let token = CancelToken::new();
    drop(jam(&conn, Aio::new().cancel_token(&token)));
    token.cancel();
    let next = conn.write_all(Aio::new().iov(["behind"]));
    assert_eq!(failure(settle(next)), (ErrorKind::Closed, 0));
    assert!(peer.drain().count() < MORE_THAN_FITS as u64);
}

#[test]
fn is_given_to_an_operation_that_is_under_way() {
    let (conn, _peer) = pair(Family::Tcp);
    let token = CancelToken::new();
    let read = conn.read(Aio::new(), 10).cancel_token(&token);
    token.cancel();
    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
    // And when it is canceled already.
    let read = conn.read(Aio::new(), 10).cancel_token(&token);
    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
    // In place of another, which has no effect then.
    let (first, second) = (CancelToken::new(), CancelToken::new());
    let aio = Aio::new().cancel_token(&first);
    let read = conn.read(aio, 10).cancel_token(&second);
    first.cancel();
    assert!(!completes(&read, Duration::from_millis(20)));
    second.cancel();
    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
}

/// The token stays with the aio, from one operation to the next, and leaves those that are over alone.
#[test]
fn stays_with_an_aio_that_is_used_again() {
    let (conn, mut peer) = pair(Family::Unix);
    let token = CancelToken::new();
    let mut aio = Aio::<Written>::new().cancel_token(&token);
    for _ in 0..1000 {
        let (result, back) = conn.write_all(aio.iov(["x"])).reclaim();
        result.expect("the peer reads");
        peer.expect(1);
        aio = back;
    }
    token.cancel();
    let (result, _) = conn.write_all(aio.iov(["x"])).reclaim();
    assert_eq!(failure(result), (ErrorKind::Canceled, 0));

    let token = CancelToken::new();
    let (tell, told) = gate_of();
    let again = conn.clone();
    conn.read(Aio::new().cancel_token(&token), 10)
        .on_complete(move |result, aio| {
            let second = again.read(aio, 10);
            let _ = tell.send((result, second));
        });
    peer.say("first");
    let (first, second) = receive(&told);
    assert_eq!(first.expect("the peer has said it"), "first");
    token.cancel();
    assert_eq!(failure(settle(second)), (ErrorKind::Canceled, 0));
}

#[test]
fn an_aio_for_another_operation_has_the_same_options() {
    let (conn, _peer) = pair(Family::Tcp);
    let token = CancelToken::new();
    let options = Aio::options()
        .timeout(Duration::from_millis(10))
        .cancel_token(&token);
    let read: Aio<Bytes> = options.another();
    assert_eq!(
        failure(settle(conn.read(read, 10))),
        (ErrorKind::TimedOut, 0)
    );
    // One in flight has them to give, too.
    let read = conn.read(options.another().timeout(PATIENCE), 10);
    let other: Aio<Bytes> = read.another();
    let other = conn.read(other, 10);
    token.cancel();
    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(other)), (ErrorKind::Canceled, 0));
}

/// Submissions race with the cancel: each is refused or ended, none is left.
#[test]
fn races_with_submissions() {
    for family in FAMILIES {
        for _ in 0..300 {
            let (conn, _peer) = pair(family);
            let token = CancelToken::new();
            let barrier = std::sync::Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    token.cancel();
                });
                barrier.wait();
                let reads = [(); 3].map(|()| conn.read(Aio::new().cancel_token(&token), 1));
                for read in reads {
                    assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
                }
            });
        }
    }
}
