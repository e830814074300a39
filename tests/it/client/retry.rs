//! What is sent again, and what is not.

use std::io::Read;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderName, Method, Request, Uri};
use http_aio::{Aio, Client, ErrorKind};

use super::{SOON, keep};
use crate::site::*;
use crate::support::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    None,
    Some,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Nothing,
    PartOfHead,
    PartOfBody,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    method: &'static str,
    reused: bool,
    out: Out,
    came: Came,
    resets: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for method in ["GET", "PUT", "DELETE", "POST", "PATCH"] {
            for out in [Out::None, Out::Some, Out::All] {
                for came in [Came::Nothing, Came::PartOfHead, Came::PartOfBody] {
                    for (reused, resets) in
                        [(true, true), (true, false), (false, true), (false, false)]
                    {
                        let case = Self {
                            method,
                            reused,
                            out,
                            came,
                            resets,
                        };
                        // A new connection of which nothing is known is refused, see below; a large
                        // upload is ended by a reset whichever way the server closes.
                        let large = out == Out::Some;
                        if (out != Out::None || reused)
                            && (!large || resets && matches!(method, "PUT" | "POST"))
                        {
                            all.push(case);
                        }
                    }
                }
            }
        }
        all
    }

    fn is_sent_again(self) -> bool {
        let idempotent = matches!(self.method, "GET" | "PUT" | "DELETE");
        self.reused && (self.out == Out::None || idempotent && self.came == Came::Nothing)
    }

    fn request(self, site: &Site) -> Request<Bytes> {
        let body = match self.out {
            Out::None | Out::All => pattern(0, 1000),
            Out::Some => vec![b'x'; 16 << 20].into(),
        };
        site.ask(self.method.parse().unwrap(), "/case", body)
    }

    /// The first connection goes wrong, with its first request or the second.
    fn play(self, visit: &mut Visit) {
        if visit.nth > 0 {
            return visit.serve();
        }
        if self.reused {
            visit.request();
            visit.say(answer("first"));
            if self.out == Out::None && self.resets {
                visit.wait_until_heard();
            }
        }
        match self.out {
            Out::None => {}
            Out::Some => {
                visit.asked();
                let mut some = vec![0; 10_000];
                let _ = visit.stream.read_exact(&mut some);
            }
            Out::All => drop(visit.request()),
        }
        match self.came {
            Came::Nothing => true,
            Came::PartOfHead => visit.say("HTTP/1.1 200 OK\r\nContent-"),
            Came::PartOfBody => visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"),
        };
        if self.resets {
            if self.came != Came::Nothing && self.out != Out::None {
                visit.wait_until_heard();
            }
            visit.reset();
        }
    }

    #[track_caller]
    fn check(self, way: Way) {
        let site = Site::listen(move |visit| self.play(visit));
        let client = Client::new();
        if self.reused {
            fetch(&client, site.get("/first"));
            if self.out == Out::None {
                wait_until_ended(&site, 0);
            }
        }
        let result = way(client.transact(Aio::new(), self.request(&site)));
        let again = self.is_sent_again();
        let seen = site
            .heads()
            .iter()
            .filter(|head| path(head) == "/case")
            .count();
        let times = if again && self.out != Out::None { 2 } else { 1 };
        assert_eq!(seen, times, "{self:?}: seen so often, and then {result:?}");
        assert_eq!(site.connections(), if again { 2 } else { 1 }, "{self:?}");
        if again {
            let response = result.unwrap_or_else(|error| panic!("{self:?}: {error:?}"));
            assert_eq!(response.body(), "/case", "{self:?}");
            return;
        }
        let Err(error) = result else {
            panic!("{self:?}: {result:?}");
        };
        assert_eq!(error.kind(), ErrorKind::Reset, "{self:?}: {error:?}");
        assert_eq!(
            error.is_incomplete_message(),
            self.came != Came::Nothing,
            "{self:?}: {error:?}"
        );
        let head = site.heads().pop().unwrap();
        let total = (head.len() + length(&head)) as u64;
        match self.out {
            Out::Some => assert!((1..total).contains(&error.count()), "{self:?}: {error:?}"),
            _ => assert_eq!(error.count(), total, "{self:?}: {error:?}"),
        }
        if self.out == Out::All {
            assert_eq!(
                error.is_end_of_stream(),
                !self.resets,
                "{self:?}: {error:?}"
            );
        }
    }
}

/// (Bytes written) x (idempotent) x (new or reused) x (nothing or a part came) x (FIN or RST).
#[test]
fn the_retry_table() {
    let mut failed = Vec::new();
    for (nth, case) in Case::all().into_iter().enumerate() {
        let ways = if case.out == Out::Some { 1 } else { 2 };
        let ways = WAYS.iter().cycle().skip(nth).take(ways);
        for way in ways {
            if let Err(panic) = std::panic::catch_unwind(|| case.check(*way)) {
                failed.extend(panic.downcast::<String>());
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        failed
            .iter()
            .map(|f| f.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_was_sent_again_is_not_sent_a_third_time() {
    // Two idle connections die under a request each; so does a new one.
    let site = Site::listen(|visit| {
        if visit.nth < 2 {
            visit.request();
            visit.say(answer("first"));
        }
        visit.request();
    });
    let client = Client::new();
    keep(&client, &site, 2);
    let error = settle(client.transact(Aio::new(), site.get("/case"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reset);
    assert!(error.count() > 0);
    let on: Vec<_> = site.seen()[2..]
        .iter()
        .map(|seen| seen.connection)
        .collect();
    assert_eq!(on, [1, 2]);
}

#[test]
fn a_refused_connection_is_not_tried_again() {
    let (_kept, address) = refusing();
    let request = Request::get(format!("http://{address}/")).body(()).unwrap();
    let client = Client::new();
    assert_eq!(
        failure(settle(client.transact(Aio::new(), request))),
        (ErrorKind::Refused, 0)
    );
    let uri: Uri = format!("http://{address}").parse().unwrap();
    assert_eq!(
        failure(settle(client.connect(Aio::new(), &uri))),
        (ErrorKind::Refused, 0)
    );
}

#[test]
fn nothing_is_sent_again_after_a_cancel_or_a_deadline() {
    let site = Site::serving();
    let client = Client::builder().head_timeout(6 * SOON).build();
    fetch(&client, site.get("/"));
    let (kind, count) = failure(settle(client.transact(Aio::new(), site.get("/never"))));
    assert_eq!(kind, ErrorKind::TimedOut);
    assert!(count > 0);
    fetch(&client, site.get("/"));
    let aio = client.transact(Aio::new(), site.get("/never"));
    aio.cancel();
    assert_eq!(failure(settle(aio)).0, ErrorKind::Canceled);
    fetch(&client, site.get("/"));
    let aio = client.transact(Aio::new().timeout(SOON), site.get("/never"));
    assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
    assert_eq!(site.seen().len(), 6);
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_happens() {
    let site = Site::serving();
    let client = Client::new();
    let declared = |name: &str, value: &str, body: &'static str| {
        let mut request = site.ask(Method::POST, "/", body);
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let bare = |uri: &str| Request::get(uri).body(Bytes::new()).unwrap();
    let cases = [
        (bare("/path"), ErrorKind::InvalidInput),
        (bare("127.0.0.1:80"), ErrorKind::InvalidInput),
        (bare("ftp://127.0.0.1/"), ErrorKind::InvalidInput),
        (declared("content-length", "5", ""), ErrorKind::InvalidInput),
        (
            declared("transfer-encoding", "chunked", ""),
            ErrorKind::InvalidInput,
        ),
    ];
    for (request, kind) in cases {
        for way in WAYS {
            let result = way(client.transact(Aio::new(), request.clone()));
            assert_eq!(failure(result), (kind, 0), "{request:?}");
        }
    }
    let late = client.transact(Aio::new().timeout(Duration::ZERO), site.get("/"));
    assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
    assert_eq!(site.connections(), 0);
    // What is found out only when the head is made: the connection is as good as before.
    fetch(&client, site.get("/"));
    for request in [
        declared("content-length", "7", "text"),
        declared("transfer-encoding", "chunked", "text"),
    ] {
        assert_eq!(
            failure(settle(client.transact(Aio::new(), request))),
            (ErrorKind::InvalidInput, 0)
        );
    }
    assert_eq!(site.seen().len(), 1);
}
