//! Exchanges whose end a closure or a future learns of.

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::{Aio, Conn, ErrorKind};

use super::{Local, get};
use crate::support::*;

#[test]
fn an_exchange_is_called_back_on_a_thread_of_the_connection() {
    let server = Local::listen();
    let conn = server.connect();
    let (told, _) = tell(conn.transact(Aio::new(), server.get("/one")));
    let told_one = receive(&told);
    assert_eq!(told_one.result.unwrap().body(), "one");
    assert!(is_ours(&told_one.thread), "{}", told_one.thread);
    assert!(
        told.recv_timeout(PATIENCE).is_err(),
        "called twice, or never dropped"
    );
    // It fails.
    let (told, canceler) = tell(conn.transact(Aio::new(), server.get("/slow")));
    canceler.cancel();
    assert_eq!(failure(receive(&told).result).0, ErrorKind::Canceled);
    // After the fact.
    let conn = server.connect();
    let done = conn.transact(Aio::new(), server.get("/two"));
    wait_until("it is done", || done.is_done());
    let (told, _) = tell(done);
    assert_eq!(receive(&told).result.unwrap().body(), "two");
}

#[test]
fn an_exchange_is_submitted_again_from_its_closure() {
    fn next(
        conn: Conn,
        aio: Aio<Response<Bytes>>,
        left: usize,
        told: crossbeam_channel::Sender<String>,
    ) {
        let again = conn.clone();
        let request = get(&format!("/{left}"));
        conn.transact(aio, request).on_complete(move |result, aio| {
            let body = result.map(|response| String::from_utf8_lossy(response.body()).into_owned());
            let _ = told.send(body.unwrap_or_else(|error| format!("{error:?}")));
            if left > 0 {
                next(again, aio, left - 1, told);
            }
        });
    }
    let server = Local::listen();
    let (told, heard) = unbounded();
    next(server.connect(), Aio::new().timeout(PATIENCE), 200, told);
    for left in (0..=200).rev() {
        assert_eq!(receive(&heard), format!("/{left}"));
    }
    assert!(
        heard.recv_timeout(PATIENCE).is_err(),
        "and the closure is gone"
    );
}

#[test]
fn an_exchange_can_be_awaited() {
    let server = Local::listen();
    let conn = server.connect();
    let bodies = block_on(async {
        let one = conn.transact(Aio::new(), server.get("/one"));
        let two = conn.transact(Aio::new(), server.get("/two"));
        let head = conn.transact_streaming(Aio::new(), server.get("/chunked"));
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        head.await.unwrap();
        let body = conn.read_all(Aio::new(), 11).await.unwrap();
        [one.into_body(), two.into_body(), body]
    });
    assert_eq!(bodies, ["one", "two", "hello world"]);
}

#[test]
fn waiting_for_an_exchange_in_a_closure_of_its_connection_would_deadlock() {
    let server = Local::listen();
    let conn = server.connect();
    let other = server.connect();
    let (mine, others) = (conn.clone(), other.clone());
    let (told, heard) = unbounded();
    let (first, second) = (server.get("/one"), server.get("/two"));
    conn.transact(Aio::new(), server.get("/hello"))
        .on_complete(move |result, aio| {
            assert_eq!(result.unwrap().body(), "hello world");
            let here = mine.transact(aio, first).wait();
            let there = others.transact(Aio::new(), second).wait();
            let _ = told.send((here, there));
        });
    let (here, there) = receive(&heard);
    assert_eq!(failure(here).0, ErrorKind::WouldDeadlock);
    assert_eq!(there.unwrap().body(), "two");
    // The closure has not got it; whatever became of it, the connection does not hang.
    match settle(conn.transact(Aio::new(), server.get("/two"))) {
        Ok(response) => assert_eq!(response.body(), "two"),
        Err(error) => assert!(error.is_closed(), "{error:?}"),
    }
    assert_eq!(
        settle(other.transact(Aio::new(), server.get("/one")))
            .unwrap()
            .body(),
        "one"
    );
}
