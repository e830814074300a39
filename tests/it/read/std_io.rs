//! Reads through `std::io`.

use std::io::{BufRead, BufReader, Read};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::{Conn, Error, ErrorKind};
use socket2::SockRef;

use crate::support::*;

#[test]
fn std_io_reads_to_the_end() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let sender = thread::spawn(move || {
            peer.say("first line\nsecond ");
            peer.say("line\n");
            peer.say(pattern(0, 1 << 20));
            peer.shutdown(Shutdown::Write);
            peer
        });
        let mut reader = BufReader::new(conn.io());
        let mut line = String::new();
        for expected in ["first line\n", "second line\n"] {
            line.clear();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, expected);
        }
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest).unwrap(), 1 << 20);
        assert_pattern(0, &rest);
        // The end stays.
        assert_eq!(conn.io().read(&mut [0; 9]).unwrap(), 0);
        join(sender);
    }
}

#[test]
fn std_io_tells_a_reset_from_an_end() {
    let (near, far) = tcp_pair();
    let conn = Conn::from(near);
    SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    let error = conn.io().read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(Error::from(error).kind(), ErrorKind::Reset);

    let (conn, _peer) = pair(Family::Tcp);
    conn.close();
    let error = conn.io().read(&mut [0; 9]).unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Closed);
}
