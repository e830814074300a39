//! Connecting.

use std::time::Duration;

use http_aio::http::Uri;
use http_aio::{Addr, Aio, Client, Conn};

use super::{error, nobody, said};
use crate::site::*;
use crate::support::*;

#[test]
fn a_refused_connect_names_the_address_or_the_name() {
    let there = nobody();
    let said_of = |aio| said::<Conn>(aio);
    assert_eq!(
        said_of(Conn::connect(Aio::new(), there)),
        format!("connecting to {there}: nobody listens there")
    );
    let name = ("localhost", there.port());
    let refused = error(Conn::connect(Aio::new(), name));
    assert!(refused.is_refused() && refused.limit().is_none());
    assert_eq!(
        refused.to_string(),
        format!("connecting to localhost:{}: nobody listens there", name.1)
    );
    let whom = refused.peer().unwrap();
    assert_eq!((whom.host(), whom.port()), (Some(name.0), Some(name.1)));
    assert!(matches!(whom.addr(), Addr::Ip(tried) if tried.port() == name.1));
}

#[test]
fn a_name_that_is_none_is_named() {
    let unknown = said(Conn::connect(Aio::new(), "name.invalid:80"));
    let expected = "connecting to name.invalid:80: the host name cannot be resolved: ";
    assert!(unknown.starts_with(expected), "{unknown}");
    assert_eq!(
        said(Conn::connect(Aio::new(), "localhost:http")),
        "connecting to localhost:http: the address cannot be used: invalid port value"
    );
}

#[test]
fn a_connect_that_takes_too_long_names_what_has_ended_it() {
    let Some(hole) = BlackHole::open() else {
        return;
    };
    let there = hole.address;
    let soon = || Aio::new().timeout(Duration::from_millis(30));
    assert_eq!(
        said(Conn::connect(soon(), there)),
        format!("connecting to {there}: the deadline passed")
    );
    let uri: Uri = format!("http://{there}").parse().unwrap();
    let client = Client::builder().connect_timeout(Duration::from_millis(30));
    let late = error(client.build().connect(Aio::new(), &uri));
    assert!(late.is_timeout());
    assert_eq!(late.limit(), Some("connect_timeout"));
    assert_eq!(
        late.to_string(),
        format!("connecting to {there}: it took longer than the limit `connect_timeout` of 30ms")
    );
    let canceled = Conn::connect(Aio::new(), there);
    canceled.cancel();
    assert_eq!(
        said(canceled),
        format!("connecting to {there}: the operation was canceled")
    );
}

/// A connection keeps the name that it was made by.
#[test]
fn a_connection_is_known_by_its_name() {
    let stuck = Stuck::listen();
    let name = ("localhost", stuck.address.port());
    let conn = settle(Conn::connect(Aio::new(), name)).unwrap();
    drop(stuck.accepted());
    let ended = error(conn.read(Aio::new(), 1));
    assert_eq!(
        ended.to_string(),
        format!(
            "reading from localhost:{}: the peer ended its stream",
            name.1
        )
    );
    let addr = ended.peer().unwrap().addr();
    assert_eq!(*addr, conn.peer_addr());
}
