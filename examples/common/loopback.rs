//! A server in the same process, for those who have none.

use std::net::TcpListener;

use http_aio::Conn;

use super::background::spawn;
use super::exit::Exit;
use super::failure::{Failure, plain};
use super::target::Target;

/// Serves one connection, on a thread of its own.
pub(crate) fn serve(
    thread: &str,
    path: &str,
    server: impl FnOnce(Conn) + Send + 'static,
) -> Result<Target, Failure> {
    let cannot =
        |why: String| Failure::new(Exit::Other, format!("cannot serve on loopback: {why}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| cannot(plain(&error)))?;
    let address = listener
        .local_addr()
        .map_err(|error| cannot(plain(&error)))?;
    spawn(thread, move || {
        if let Ok((stream, _)) = listener.accept() {
            server(Conn::from(stream));
        }
    })?;
    Target::parse(&format!("http://{address}{path}")).map_err(cannot)
}
