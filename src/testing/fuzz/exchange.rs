//! Whole exchanges on one connection.

use std::io::{ErrorKind, IoSlice};
use std::net::Shutdown;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};

use crate::aio::Aio;
use crate::conn::Conn;
use crate::proto::encode;
use crate::testing::memory::{Faults, pair};
use crate::transport::{Transport, Wait};

/// Whole exchanges, three at once on one connection, of a method that the first byte chooses, with a
/// peer that says the rest and ends: each ends, and the outcome does not depend on how much comes at
/// a time.
///
/// # Panics
///
/// If that is not so.
pub fn exchange(data: &[u8]) {
    let Some((choice, said)) = data.split_first() else {
        return;
    };
    let methods = [Method::GET, Method::HEAD, Method::CONNECT, Method::POST];
    let method = &methods[usize::from(*choice) % methods.len()];
    let whole = exchanges(method, said, usize::MAX);
    for call_bytes in [1, 7] {
        let cut = exchanges(method, said, call_bytes);
        assert_eq!(cut, whole, "{call_bytes} at a time");
    }
}

/// Status and body of each answer; nothing for one that did not come.
fn exchanges(method: &Method, said: &[u8], call_bytes: usize) -> Vec<Option<(StatusCode, Bytes)>> {
    let mut faults = Faults::none();
    faults.call_bytes = call_bytes;
    let (near, far) = pair(said.len() + (64 << 10), faults);
    let conn = Conn::from_transport(near);
    let mut request = Request::new(Bytes::from_static(b"body"));
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::from_static("http://example.com:80");
    let exchanges: Vec<_> = (0..3)
        .map(|_| conn.transact(Aio::new(), request.clone()))
        .collect();
    // All must be asked before anything is answered.
    let head =
        encode::request(&request, encode::Form::Origin).map_or(0, |encoded| encoded.head.len());
    let mut unasked = 3 * (head + request.body().len());
    while unasked > 0 {
        let asked = far.read(&mut vec![0; unasked], Wait::Forever);
        unasked -= asked.unwrap_or(unasked);
    }
    let said = far.write(&[IoSlice::new(said)], Wait::Never);
    let ended = far.shutdown(Shutdown::Write);
    assert!(said.is_ok() || said.is_err_and(|e| e.kind() == ErrorKind::WouldBlock));
    assert!(ended.is_ok());
    let answers = exchanges.into_iter().map(|exchange| exchange.wait().ok());
    answers
        .map(|answer| answer.map(|answer| (answer.status(), answer.into_body())))
        .collect()
}
