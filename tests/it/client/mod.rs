//! The client: connections that are kept and used again, what is sent again and what is not,
//! redirections, proxies, and that nothing is left of any of it.

mod callbacks;
mod cancel;
mod events;
mod headers;
mod kept;
#[cfg(target_os = "linux")]
mod leftovers;
mod redirections;
mod retry;
mod timeouts;
mod verbs;
mod via_proxy;

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use http_aio::Client;

use crate::site::*;

const SOON: Duration = Duration::from_millis(40);

/// Has so many answers under way at once, and puts their connections back in the order of asking.
#[track_caller]
fn keep(client: &Client, site: &Site, count: usize) {
    let held: Vec<_> = (0..count)
        .map(|_| stream(client, site.get("/held")))
        .collect();
    for response in held {
        read_to_end(&response);
    }
}

/// Redirects "/N" to "/N-1", "/0" is the end; relative, absolute, and to where the query says.
fn redirecting(status: u16) -> Site {
    Site::listen(move |visit| {
        while let Some((head, content)) = visit.request() {
            let said = match path(&head).trim_start_matches('/') {
                "0" | "" => visit.say(answer(&format!(
                    "{} {}",
                    head.split(' ').next().unwrap(),
                    content.len()
                ))),
                "loop" => visit.say(moved(status, "loop")),
                "nowhere" => visit.say("HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nlost"),
                "secure" => visit.say(moved(status, "https://127.0.0.1:1/")),
                "files" => visit.say(moved(status, "ftp://127.0.0.1/")),
                "empty" => visit.say(format!(
                    "HTTP/1.1 {status} Moved\r\nLocation: 0\r\nContent-Length: 0\r\n\r\n"
                )),
                to if to.starts_with("to?") => visit.say(moved(status, &to[3..])),
                n => {
                    let next = n.parse::<u32>().expect("a number") - 1;
                    visit.say(moved(status, &next.to_string()))
                }
            };
            if !said {
                return;
            }
        }
    })
}

/// A proxy that says what it was asked, and passes nothing on.
pub(crate) fn proxy() -> Site {
    Site::listen(|visit| {
        while let Some((head, content)) = visit.request() {
            match path(&head).strip_suffix("/moved") {
                Some(to) => visit.say(moved(307, &format!("{to}/there"))),
                None => visit.say(answer(&format!(
                    "proxied {} {}",
                    path(&head),
                    content.len()
                ))),
            };
        }
    })
}

/// Opens a tunnel, for this path of a proxy's life: answers a CONNECT so, then passes bytes on.
pub(crate) fn tunneling(response: &'static str) -> Site {
    Site::listen(move |visit| {
        let Some(head) = visit.asked() else { return };
        visit.say(response);
        if response.split(' ').nth(1) != Some("200") {
            return visit.idle();
        }
        let near = visit.stream.get_ref().try_clone().unwrap();
        let far = TcpStream::connect(path(&head)).unwrap();
        let copy = |from: &TcpStream, to: &TcpStream| {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            }
        };
        let back = thread::spawn(copy(&far, &near));
        copy(&near, &far)();
        let _ = back.join();
    })
}
