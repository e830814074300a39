//! The server: handlers that block, found by host, path and method.

pub(crate) mod routing;
