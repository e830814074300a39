//! A server in the same process, for those who have none.

use std::net::{SocketAddr, TcpListener};

use http_aio::Conn;

use crate::common::background::spawn;
use crate::common::sentence::plain;
use crate::common::target::Target;

/// Serves one connection, on a thread of its own.
pub(crate) fn serve(
    thread: &str,
    path: &str,
    server: impl FnOnce(Conn) + Send + 'static,
) -> Result<Target, String> {
    let cannot = |error| format!("cannot serve on loopback: {}", plain(&error));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(cannot)?;
    let address: SocketAddr = listener.local_addr().map_err(cannot)?;
    spawn(thread, move || {
        if let Ok((stream, _)) = listener.accept() {
            server(Conn::from(stream));
        }
    })?;
    format!("http://{address}{path}").parse()
}
